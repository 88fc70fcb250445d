package softkey

import (
	"crypto/sha256"
	"errors"
	"slices"

	"bestow.dev/ctap"
)

const maxUserIDBytes = 64

// creation is a request for a credential and what becomes of it.
type creation struct {
	hash       []byte
	rpID       string
	rpName     string
	user       userEntity
	offers     []*params
	exclude    [][]byte
	extensions creationExtensions
	options    options
	auth       authParam
	enterprise bool

	alg int64
	uv  bool // the response bit
}

type userEntity struct {
	id                []byte
	name, displayName string
}

func (c *creation) request() Request {
	return Request{Command: ctap.CommandMakeCredential, RPID: c.rpID, UserName: c.user.name}
}

func readCreation(body []byte) (*creation, error) {
	p, err := readParams(body)
	if err != nil {
		return nil, err
	}
	c := &creation{hash: readHash(p, num(0x01))}
	c.readRP(p)
	c.user = readUser(p, num(0x03))
	c.offers, _ = p.each(num(0x04))
	c.exclude = readDescriptors(p, num(0x05))
	c.extensions = readCreationExtensions(p, num(0x06))
	c.options = readOptions(p, num(0x07))
	c.auth = readAuthParam(p, num(0x08), num(0x09))
	_, c.enterprise = p.uint(num(0x0A))
	p.need(num(0x01), num(0x02), num(0x03), num(0x04))
	return c, p.err
}

func (c *creation) readRP(p *params) {
	rp, given := p.inner(num(0x02))
	c.rpID, _ = rp.text(name("id"))
	c.rpName, _ = rp.text(name("name"))
	if given {
		rp.need(name("id"))
		if rp.err == nil && c.rpID == "" {
			rp.fail(ctap.StatusInvalidParameter)
		}
	}
	p.take(rp)
}

func readUser(p *params, key []byte) userEntity {
	user, given := p.inner(key)
	var u userEntity
	u.id, _ = user.bytes(name("id"))
	u.name, _ = user.text(name("name"))
	u.displayName, _ = user.text(name("displayName"))
	if given {
		user.need(name("id"))
		if user.err == nil && (len(u.id) == 0 || len(u.id) > maxUserIDBytes) {
			user.fail(ctap.StatusInvalidParameter)
		}
	}
	p.take(user)
	return u
}

// makeCredential answers command 01. The steps are those of CTAP 2.1 §6.1.2; where
// they speak of built-in user verification there is nothing to do.
func (x *exchange) makeCredential(body []byte) ([]byte, error) {
	c, err := readCreation(body)
	if err != nil {
		return nil, err
	}
	// Step 1: an empty pinUvAuthParam only asks for a touch.
	if err := x.selectMe(c.auth, c.request()); err != nil {
		return nil, err
	}
	// Step 2: the protocol is there and one of ours.
	if err := c.auth.check(); err != nil {
		return nil, err
	}
	// Step 3: the first algorithm we have, after a look at all of them.
	if c.alg, err = x.chooseAlgorithm(c.offers); err != nil {
		return nil, err
	}
	// Steps 4 to 8.
	if err := x.checkCreationOptions(c); err != nil {
		return nil, err
	}
	// Step 9: no enterprise attestation.
	if c.enterprise {
		return nil, ctap.StatusInvalidParameter
	}
	// Steps 10 and 11: the token, unless the key is not protected by anything.
	if x.protected() && c.auth.given {
		if !x.authorised(c.auth, c.hash, permMakeCredential, c.rpID) {
			return nil, ctap.StatusPINAuthInvalid
		}
		c.uv = true
	}
	// Step 12: none of the excluded credentials is ours.
	if err := x.checkExcluded(c); err != nil {
		return nil, err
	}
	// Steps 13 and 14: a touch, which uses the token up.
	if err := x.touch(c.request(), ctap.StatusOperationDenied); err != nil {
		return nil, err
	}
	x.spendTokens()
	// Step 15: extensions.
	if err := c.extensions.check(); err != nil {
		return nil, err
	}
	return x.create(c)
}

// chooseAlgorithm is step 3: every entry has to be well formed, whatever is chosen.
func (x *exchange) chooseAlgorithm(offers []*params) (int64, error) {
	var chosen []int64
	for _, offer := range offers {
		alg, _ := offer.int(name("alg"))
		kind, _ := offer.text(name("type"))
		offer.need(name("alg"), name("type"))
		if offer.err != nil {
			return 0, offer.err
		}
		if kind == "public-key" && slices.Contains(x.config.Algorithms, alg) {
			chosen = append(chosen, alg)
		}
	}
	if len(chosen) == 0 {
		return 0, ctap.StatusUnsupportedAlgorithm
	}
	return chosen[0], nil
}

// checkCreationOptions is steps 5 to 8. The PIN is a way out wherever verification is
// missing, so the answer is PUAT_REQUIRED and never OPERATION_DENIED.
func (x *exchange) checkCreationOptions(c *creation) error {
	// Step 5: the options make sense.
	if c.options.wantsBuiltInUV(c.auth) || !c.options.up {
		return ctap.StatusInvalidOption
	}
	switch {
	// Step 6: always verified, or not at all.
	case x.config.AlwaysUV && (!x.protected() || !c.auth.given):
		return ctap.StatusPUATRequired
	// Step 7: discoverable credentials need verification where there is any.
	case x.makeCredUVNotRequired() && x.protected() && !c.auth.given && c.options.rk:
		return ctap.StatusPUATRequired
	// Step 8: and so do all others, if the key is strict.
	case !x.makeCredUVNotRequired() && x.protected() && !c.auth.given:
		return ctap.StatusPUATRequired
	}
	return nil
}

// checkExcluded is step 12. Only a touch may tell that a credential is here; what the
// person decides makes no difference. One that is not to be used without verification
// is not talked about without it either.
func (x *exchange) checkExcluded(c *creation) error {
	for _, id := range c.exclude {
		found := x.state.find(id, c.rpID)
		if found == nil || found.Protection == protectRequired && !c.uv {
			continue
		}
		err := x.touch(c.request(), ctap.StatusOperationDenied)
		if errors.Is(err, ctap.StatusKeepAliveCancel) {
			return err
		}
		return ctap.StatusCredentialExcluded
	}
	return nil
}

// create is steps 16 to 19: the key pair, its place, the attestation.
func (x *exchange) create(c *creation) ([]byte, error) {
	if c.alg == RS256 {
		x.keepAlive(ctap.KeepAliveProcessing)
	}
	pair, err := newKeyPair(c.alg)
	if err != nil {
		return nil, ctap.StatusOther
	}
	made, err := newCredential(pair, c.extensions.level())
	if err != nil {
		return nil, ctap.StatusOther
	}
	made.RPID, made.RPName = c.rpID, c.rpName
	made.UserID, made.UserName, made.DisplayName = c.user.id, c.user.name, c.user.displayName

	if err := x.place(c, made); err != nil {
		return nil, err
	}
	data := &AuthData{
		RPIDHash:     sha256.Sum256([]byte(c.rpID)),
		Flags:        FlagUserPresent | FlagAttestedData,
		SignCount:    x.state.counter(made),
		AAGUID:       x.attester.aaguid(),
		CredentialID: made.ID,
		PublicKey:    pair.cose(),
		Extensions:   c.extensions.output(),
	}
	if c.uv {
		data.Flags |= FlagUserVerified
	}
	return x.attest(data, pair, c.hash)
}

// place finds a place for the credential: in the store (step 17) or in its own id
// (step 18).
func (x *exchange) place(c *creation, made *credential) error {
	if !c.options.rk {
		return x.state.wrap(made, c.rpID)
	}
	made.ID = random(storedIDBytes)
	next := x.state.copy()
	if !next.store(made, x.config.Capacity) {
		return ctap.StatusKeyStoreFull
	}
	return x.commit(next)
}

// attest is step 19, and writes the answer.
func (x *exchange) attest(data *AuthData, pair keyPair, hash []byte) ([]byte, error) {
	if data.Extensions != nil {
		data.Flags |= FlagExtensionData
	}
	if x.forge.AuthData != nil {
		x.forge.AuthData(data)
	}
	encoded := data.encode()
	statement, err := x.attester.attest(subjectOfAttestation{
		issuer:         &x.state.Attestation,
		pair:           pair,
		data:           data,
		authData:       encoded,
		clientDataHash: hash,
		now:            x.config.Now(),
		forge:          &x.forge,
	})
	if err != nil {
		return nil, ctap.StatusOther
	}
	if x.forge.Statement != nil {
		x.forge.Statement(&statement)
	}
	return cborMap(
		at(0x01, cborText(statement.Format)),
		at(0x02, cborBytes(encoded)),
		at(0x03, statement.encode()),
	), nil
}

package softkey

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"bestow.dev/ctap"
)

// Subcommands of credentialManagement (CTAP 2.1 §6.8).
const (
	subGetCredsMetadata     = 0x01
	subEnumerateRPsBegin    = 0x02
	subEnumerateRPsNext     = 0x03
	subEnumerateCredsBegin  = 0x04
	subEnumerateCredsNext   = 0x05
	subDeleteCredential     = 0x06
	subUpdateUserInfo       = 0x07
	managementParamID       = 0x02
	managementParamRPIDHash = 0x01
	managementParamUser     = 0x03
)

// enumeration is what is still to be told after one of the Begin subcommands: one of
// the two.
type enumeration struct {
	rps         []credential // one for each relying party
	credentials []credential
}

// managementRequest are the parameters of credentialManagement.
type managementRequest struct {
	sub      uint64
	inner    *params
	rawInner []byte
	auth     authParam
}

func readManagement(body []byte) (*managementRequest, error) {
	p, err := readParams(body)
	if err != nil {
		return nil, err
	}
	r := &managementRequest{}
	r.sub, _ = p.uint(num(0x01))
	r.inner, _ = p.inner(num(0x02))
	if it, ok := p.find(num(0x02)); ok {
		r.rawInner = it.raw
	}
	r.auth = readAuthParam(p, num(0x04), num(0x03))
	p.need(num(0x01))
	return r, p.err
}

// credentialManagement answers command 0A.
func (x *exchange) credentialManagement(body []byte) ([]byte, error) {
	r, err := readManagement(body)
	if err != nil {
		return nil, err
	}
	going := x.power.managing
	x.power.managing = nil
	switch r.sub {
	case subEnumerateRPsNext:
		if going == nil || len(going.rps) == 0 {
			return nil, ctap.StatusNotAllowed
		}
		return x.tellRP(going.rps, 0), nil
	case subEnumerateCredsNext:
		if going == nil || len(going.credentials) == 0 {
			return nil, ctap.StatusNotAllowed
		}
		return x.tellCredential(going.credentials, 0)
	case subGetCredsMetadata, subEnumerateRPsBegin, subEnumerateCredsBegin, subDeleteCredential, subUpdateUserInfo:
		return x.manage(r)
	}
	return nil, ctap.StatusInvalidSubcommand
}

// manage runs the subcommands that need a token.
func (x *exchange) manage(r *managementRequest) ([]byte, error) {
	if !r.auth.given {
		return nil, ctap.StatusPUATRequired
	}
	if err := r.auth.check(); err != nil {
		return nil, err
	}
	t := x.power.tokens[r.auth.proto]
	message := append([]byte{byte(r.sub)}, r.rawInner...)
	if !t.verify(r.auth.proto, message, r.auth.param) || t.permissions&permManagement == 0 {
		return nil, ctap.StatusPINAuthInvalid
	}
	switch r.sub {
	case subGetCredsMetadata:
		if t.rpID != "" {
			return nil, ctap.StatusPINAuthInvalid
		}
		return cborMap(
			at(0x01, cborInt(int64(len(x.state.Credentials)))),
			at(0x02, cborInt(int64(x.room()))),
		), nil
	case subEnumerateRPsBegin:
		if t.rpID != "" {
			return nil, ctap.StatusPINAuthInvalid
		}
		return x.enumerateRPs()
	case subEnumerateCredsBegin:
		return x.enumerateCredentials(r, t)
	case subDeleteCredential:
		return nil, x.deleteCredential(r, t)
	}
	return nil, x.updateUser(r, t)
}

func (x *exchange) enumerateRPs() ([]byte, error) {
	var rps []credential
	for _, c := range x.state.Credentials {
		if !slices.ContainsFunc(rps, func(other credential) bool { return other.RPID == c.RPID }) {
			rps = append(rps, c)
		}
	}
	if len(rps) == 0 {
		return nil, ctap.StatusNoCredentials
	}
	return x.tellRP(rps, len(rps)), nil
}

// tellRP tells of the first relying party and remembers the rest. total is told if
// it is not 0.
func (x *exchange) tellRP(rps []credential, total int) []byte {
	x.power.managing = &enumeration{rps: rps[1:]}
	c := rps[0]
	hash := sha256.Sum256([]byte(c.RPID))
	return cborMap(
		at(0x03, cborMap(named("id", cborText(c.RPID)), when(c.RPName != "", named("name", cborText(c.RPName))))),
		at(0x04, cborBytes(hash[:])),
		when(total > 0, at(0x05, cborInt(int64(total)))),
	)
}

func (x *exchange) enumerateCredentials(r *managementRequest, t *token) ([]byte, error) {
	wanted, _ := r.inner.bytes(num(managementParamRPIDHash))
	r.inner.need(num(managementParamRPIDHash))
	if r.inner.err != nil {
		return nil, r.inner.err
	}
	if bound := sha256.Sum256([]byte(t.rpID)); t.rpID != "" && !bytes.Equal(bound[:], wanted) {
		return nil, ctap.StatusPINAuthInvalid
	}
	var found []credential
	for _, c := range x.state.Credentials {
		if hash := sha256.Sum256([]byte(c.RPID)); bytes.Equal(hash[:], wanted) {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return nil, ctap.StatusNoCredentials
	}
	return x.tellCredential(found, len(found))
}

// tellCredential tells of the first credential and remembers the rest.
func (x *exchange) tellCredential(found []credential, total int) ([]byte, error) {
	c := found[0]
	pair, err := c.keyPair()
	if err != nil {
		return nil, ctap.StatusOther
	}
	x.power.managing = &enumeration{credentials: found[1:]}
	return cborMap(
		at(0x06, cborMap(
			named("id", cborBytes(c.UserID)),
			when(c.UserName != "", named("name", cborText(c.UserName))),
			when(c.DisplayName != "", named("displayName", cborText(c.DisplayName))),
		)),
		at(0x07, cborMap(named("id", cborBytes(c.ID)), named("type", cborText("public-key")))),
		at(0x08, pair.cose()),
		when(total > 0, at(0x09, cborInt(int64(total)))),
		at(0x0A, cborInt(int64(c.Protection))),
	), nil
}

// target is the position of the discoverable credential that a request names.
func (x *exchange) target(r *managementRequest, t *token) (int, error) {
	descriptor, _ := r.inner.inner(num(managementParamID))
	id, _ := descriptor.bytes(name("id"))
	r.inner.need(num(managementParamID))
	r.inner.take(descriptor)
	if r.inner.err != nil {
		return 0, r.inner.err
	}
	i := slices.IndexFunc(x.state.Credentials, func(c credential) bool { return bytes.Equal(c.ID, id) })
	switch {
	case i < 0:
		return 0, ctap.StatusNoCredentials
	case t.rpID != "" && t.rpID != x.state.Credentials[i].RPID:
		return 0, ctap.StatusPINAuthInvalid
	}
	return i, nil
}

func (x *exchange) deleteCredential(r *managementRequest, t *token) error {
	i, err := x.target(r, t)
	if err != nil {
		return err
	}
	next := x.state.copy()
	next.Credentials = slices.Delete(next.Credentials, i, i+1)
	return x.commit(next)
}

func (x *exchange) updateUser(r *managementRequest, t *token) error {
	user := readUser(r.inner, num(managementParamUser))
	r.inner.need(num(managementParamUser))
	i, err := x.target(r, t)
	if err != nil {
		return err
	}
	next := x.state.copy()
	c := &next.Credentials[i]
	if !bytes.Equal(c.UserID, user.id) {
		return ctap.StatusInvalidParameter
	}
	c.UserName, c.DisplayName = user.name, user.displayName
	return x.commit(next)
}

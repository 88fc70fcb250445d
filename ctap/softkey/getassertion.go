package softkey

import (
	"crypto/sha256"
	"slices"
	"time"

	"bestow.dev/ctap"
)

// assertionRequest is a request for assertions and what becomes of it.
type assertionRequest struct {
	rpID    string
	hash    []byte
	allow   [][]byte
	listed  bool // there is an allow list, be it of foreign types only
	hmac    hmacInput
	options options
	auth    authParam

	uv, up bool // the response bits
	total  int  // of the credentials found
}

// remembered is where getNextAssertion goes on (CTAP 2.1 §6.3).
type remembered struct {
	request *assertionRequest
	rest    []*credential
	last    time.Time
}

func (a *assertionRequest) request() Request {
	return Request{Command: ctap.CommandGetAssertion, RPID: a.rpID}
}

func readAssertion(body []byte) (*assertionRequest, error) {
	p, err := readParams(body)
	if err != nil {
		return nil, err
	}
	a := &assertionRequest{}
	a.rpID, _ = p.text(num(0x01))
	a.hash = readHash(p, num(0x02))
	if list, given := p.each(num(0x03)); given {
		a.listed = len(list) > 0 // an empty list counts as none
		a.allow = readDescriptors(p, num(0x03))
	}
	a.hmac = readHMACInput(p, num(0x04))
	a.options = readOptions(p, num(0x05))
	a.auth = readAuthParam(p, num(0x06), num(0x07))
	p.need(num(0x01), num(0x02))
	return a, p.err
}

// getAssertion answers command 02. The steps are those of CTAP 2.1 §6.2.2; where they
// speak of built-in user verification or a display there is nothing to do.
func (x *exchange) getAssertion(body []byte) ([]byte, error) {
	a, err := readAssertion(body)
	if err != nil {
		return nil, err
	}
	// Step 1: an empty pinUvAuthParam only asks for a touch.
	if err := x.selectMe(a.auth, a.request()); err != nil {
		return nil, err
	}
	// Step 2: the protocol is there and one of ours.
	if err := a.auth.check(); err != nil {
		return nil, err
	}
	// Steps 3 to 5.
	if err := x.checkAssertionOptions(a); err != nil {
		return nil, err
	}
	// Step 6: the token, unless the key is not protected by anything.
	if x.protected() && a.auth.given {
		if !x.authorised(a.auth, a.hash, permGetAssertion, a.rpID) {
			return nil, ctap.StatusPINAuthInvalid
		}
		a.uv = true
	}
	// Step 7: the credentials that may be used.
	found := x.locate(a)
	if len(found) == 0 {
		return nil, ctap.StatusNoCredentials
	}
	// Steps 8 and 9: a touch, unless the platform only wants to know what is here.
	if a.options.up {
		if err := x.touch(a.request(), ctap.StatusOperationDenied); err != nil {
			return nil, err
		}
		a.up = true
		x.spendTokens()
	}
	// Step 10: extensions.
	if err := a.hmac.open(x, a.up); err != nil {
		return nil, err
	}
	// Steps 11 and 12: with a list any will do, otherwise the newest, and the others
	// after it.
	if a.listed {
		found = found[:1]
	}
	a.total = len(found)
	answer, err := x.assert(a, found[0], a.total)
	if err != nil {
		return nil, err
	}
	if a.total > 1 {
		x.power.next = &remembered{request: a, rest: found[1:], last: x.config.Now()}
	}
	return answer, nil
}

// checkAssertionOptions is steps 4 and 5.
func (x *exchange) checkAssertionOptions(a *assertionRequest) error {
	switch {
	case a.options.wantsBuiltInUV(a.auth):
		return ctap.StatusInvalidOption
	case a.options.rkGiven:
		return ctap.StatusUnsupportedOption
	case x.config.AlwaysUV && a.options.up && (!x.protected() || !a.auth.given):
		return ctap.StatusPUATRequired
	}
	return nil
}

// locate is step 7.
func (x *exchange) locate(a *assertionRequest) []*credential {
	var found []*credential
	if a.listed {
		for _, id := range a.allow {
			if c := x.state.find(id, a.rpID); c != nil {
				found = append(found, c)
			}
		}
	} else {
		found = x.state.discoverable(a.rpID)
	}
	return slices.DeleteFunc(found, func(c *credential) bool {
		return !a.uv && (c.Protection == protectRequired || c.Protection == protectOptionalWithList && !a.listed)
	})
}

// assert is step 13 for one credential: it counts, durably, signs and writes the
// answer. number is written if there are several.
func (x *exchange) assert(a *assertionRequest, c *credential, number int) ([]byte, error) {
	pair, err := c.keyPair()
	if err != nil {
		return nil, ctap.StatusOther
	}
	next := x.state.copy()
	count := next.count(c)
	if err := x.commit(next); err != nil {
		return nil, err
	}
	data := &AuthData{
		RPIDHash:   sha256.Sum256([]byte(a.rpID)),
		SignCount:  count,
		Extensions: a.hmac.output(x.state.hmacSecret(c.ID, a.uv)),
	}
	if a.up {
		data.Flags |= FlagUserPresent
	}
	if a.uv {
		data.Flags |= FlagUserVerified
	}
	if data.Extensions != nil {
		data.Flags |= FlagExtensionData
	}
	if x.forge.AuthData != nil {
		x.forge.AuthData(data)
	}
	encoded := data.encode()
	sig, err := x.forge.sign(pair, slices.Concat(encoded, a.hash))
	if err != nil {
		return nil, ctap.StatusOther
	}
	return cborMap(
		at(0x01, cborMap(named("id", cborBytes(c.ID)), named("type", cborText("public-key")))),
		at(0x02, cborBytes(encoded)),
		at(0x03, cborBytes(sig)),
		when(c.discoverable, at(0x04, a.user(c))),
		when(number > 1, at(0x05, cborInt(int64(number)))),
	), nil
}

// user is the account of a discoverable credential. Its names are shown only after
// verification, and where there is something to choose.
func (a *assertionRequest) user(c *credential) []byte {
	shown := a.uv && a.total > 1
	return cborMap(
		named("id", cborBytes(c.UserID)),
		when(shown && c.UserName != "", named("name", cborText(c.UserName))),
		when(shown && c.DisplayName != "", named("displayName", cborText(c.DisplayName))),
	)
}

// getNextAssertion answers command 08 (§6.3).
func (x *exchange) getNextAssertion() ([]byte, error) {
	next := x.power.next
	if next == nil || len(next.rest) == 0 || x.config.Now().Sub(next.last) > nextAssertionWait {
		x.power.next = nil
		return nil, ctap.StatusNotAllowed
	}
	answer, err := x.assert(next.request, next.rest[0], 1)
	if err != nil {
		return nil, err
	}
	next.rest, next.last = next.rest[1:], x.config.Now()
	return answer, nil
}

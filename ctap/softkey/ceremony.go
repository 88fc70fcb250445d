package softkey

import "bestow.dev/ctap"

// What makeCredential and getAssertion have in common.

// authParam are the two members that authenticate a request with a token.
type authParam struct {
	param      []byte
	given      bool
	proto      protocol
	protoGiven bool
}

func readAuthParam(p *params, paramKey, protocolKey []byte) authParam {
	var a authParam
	a.param, a.given = p.bytes(paramKey)
	proto, given := p.uint(protocolKey)
	a.proto, a.protoGiven = protocol(min(proto, 1<<16)), given
	return a
}

// selectMe is step 1 of both commands: an empty param asks for a touch and nothing
// else. It returns nil if the param is not empty.
func (x *exchange) selectMe(a authParam, r Request) error {
	if !a.given || len(a.param) > 0 {
		return nil
	}
	if err := x.touch(r, ctap.StatusOperationDenied); err != nil {
		return err
	}
	if x.protected() {
		return ctap.StatusPINInvalid
	}
	return ctap.StatusPINNotSet
}

// check is step 2 of both commands.
func (a authParam) check() error {
	switch {
	case !a.given:
		return nil
	case !a.protoGiven:
		return ctap.StatusMissingParameter
	case !a.proto.supported():
		return ctap.StatusInvalidParameter
	}
	return nil
}

// options are those of either command, and whether they were given.
type options struct {
	rk, up, uv                bool
	rkGiven, upGiven, uvGiven bool
}

func readOptions(p *params, key []byte) options {
	inner, _ := p.inner(key)
	var o options
	o.rk, o.rkGiven = inner.bool(name("rk"))
	o.up, o.upGiven = inner.bool(name("up"))
	o.uv, o.uvGiven = inner.bool(name("uv"))
	p.take(inner)
	if !o.upGiven {
		o.up = true
	}
	return o
}

// wantsBuiltInUV reports whether the option uv counts: with a param it does not. The
// key has no built-in verification, so wanting it is a mistake.
func (o options) wantsBuiltInUV(a authParam) bool { return o.uv && !a.given }

// authorised checks the param against the token and its state. It reports false for
// PIN_AUTH_INVALID.
func (x *exchange) authorised(a authParam, message []byte, need permission, rpID string) bool {
	t := x.power.tokens[a.proto]
	return t.verify(a.proto, message, a.param) && t.allows(need, rpID)
}

// spendTokens is what a touch does to tokens: each serves one ceremony.
func (x *exchange) spendTokens() {
	for _, proto := range protocols {
		x.power.tokens[proto].spend()
	}
}

// readDescriptors reads a list of credential descriptors and returns the ids of those
// of the one type there is.
func readDescriptors(p *params, key []byte) [][]byte {
	list, _ := p.each(key)
	if len(list) > maxListEntries {
		p.fail(ctap.StatusLimitExceeded)
		return nil
	}
	var ids [][]byte
	for _, d := range list {
		id, _ := d.bytes(name("id"))
		kind, _ := d.text(name("type"))
		d.need(name("id"), name("type"))
		p.take(d)
		if kind == "public-key" {
			ids = append(ids, id)
		}
	}
	return ids
}

// hashBytes is the length of a client data hash.
const hashBytes = 32

func readHash(p *params, key []byte) []byte {
	hash, given := p.bytes(key)
	if given && len(hash) != hashBytes {
		p.fail(ctap.StatusInvalidParameter)
	}
	return hash
}

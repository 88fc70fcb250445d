package softkey

import (
	"crypto/hmac"
	"crypto/sha256"

	"bestow.dev/ctap"
)

// credProtect is a credential's protection level (CTAP 2.1 §12.1).
type credProtect uint8

const (
	protectOptional         credProtect = 1
	protectOptionalWithList credProtect = 2
	protectRequired         credProtect = 3
)

func (c credProtect) valid() bool { return c >= protectOptional && c <= protectRequired }

// creationExtensions are the inputs at creation that the key processes.
type creationExtensions struct {
	protection      uint64
	protectionGiven bool
	hmacSecret      bool
}

func readCreationExtensions(p *params, key []byte) creationExtensions {
	inner, _ := p.inner(key)
	var e creationExtensions
	e.protection, e.protectionGiven = inner.uint(name("credProtect"))
	e.hmacSecret, _ = inner.bool(name("hmac-secret"))
	p.take(inner)
	return e
}

// check refuses levels that do not exist.
func (e creationExtensions) check() error {
	if e.protectionGiven && (e.protection == 0 || e.protection > uint64(protectRequired)) {
		return ctap.StatusInvalidParameter
	}
	return nil
}

// level is the level asked for, and 1 if none is.
func (e creationExtensions) level() credProtect {
	if !e.protectionGiven {
		return protectOptional
	}
	return credProtect(e.protection)
}

// output is what goes into authenticator data: an answer to each input that was
// there, or nil.
func (e creationExtensions) output() []byte {
	if !e.protectionGiven && !e.hmacSecret {
		return nil
	}
	return cborMap(
		when(e.protectionGiven, named("credProtect", cborInt(int64(e.level())))),
		when(e.hmacSecret, named("hmac-secret", cborBool(true))),
	)
}

// hmacInput is the input of hmac-secret to getAssertion (CTAP 2.1 §12.5).
type hmacInput struct {
	given     bool
	proto     protocol
	agreement *params
	saltEnc   []byte
	saltAuth  []byte

	shared sharedKeys
	salts  []byte
}

func readHMACInput(p *params, key []byte) hmacInput {
	extensions, _ := p.inner(key)
	inner, given := extensions.inner(name("hmac-secret"))
	h := hmacInput{given: given, proto: protocolOne}
	if given {
		h.agreement, _ = inner.inner(num(1))
		h.saltEnc, _ = inner.bytes(num(2))
		h.saltAuth, _ = inner.bytes(num(3))
		if proto, ok := inner.uint(num(4)); ok {
			h.proto = protocol(min(proto, 1<<16))
		}
		inner.need(num(1), num(2), num(3))
	}
	extensions.take(inner)
	p.take(extensions)
	return h
}

// open decrypts the salts.
func (h *hmacInput) open(x *exchange, up bool) error {
	switch {
	case !h.given:
		return nil
	case !up:
		return ctap.StatusUnsupportedOption
	case !h.proto.supported():
		return ctap.StatusInvalidParameter
	}
	var ok bool
	if h.shared, ok = h.proto.decapsulate(x.power.agreement[h.proto], h.agreement); !ok {
		return ctap.StatusInvalidParameter
	}
	if !h.shared.verify(h.saltEnc, h.saltAuth) {
		return ctap.StatusPINAuthInvalid
	}
	if h.salts, ok = h.shared.decrypt(h.saltEnc); !ok || len(h.salts) != 32 && len(h.salts) != 64 {
		return ctap.StatusInvalidParameter
	}
	return nil
}

// output is the map of extension outputs for an assertion, or nil.
func (h *hmacInput) output(credRandom []byte) []byte {
	if !h.given {
		return nil
	}
	var out []byte
	for salts := h.salts; len(salts) > 0; salts = salts[32:] {
		mac := hmac.New(sha256.New, credRandom)
		mac.Write(salts[:32])
		out = mac.Sum(out)
	}
	return cborMap(named("hmac-secret", cborBytes(h.shared.encrypt(out))))
}

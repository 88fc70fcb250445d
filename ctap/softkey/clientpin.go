package softkey

import (
	"bytes"
	"crypto/sha256"
	"unicode/utf8"

	"bestow.dev/ctap"
)

// Subcommands of clientPIN (CTAP 2.1 §6.5.5).
const (
	subGetPINRetries   = 0x01
	subGetKeyAgreement = 0x02
	subSetPIN          = 0x03
	subChangePIN       = 0x04
	subGetPINToken     = 0x05
	subGetTokenByUV    = 0x06
	subGetTokenByPIN   = 0x09
)

const (
	pinHashBytes   = 16
	paddedPINBytes = 64
)

// pinRequest are the parameters of clientPIN.
type pinRequest struct {
	params       *params
	proto        protocol
	sub          uint64
	agreement    *params
	authParam    []byte
	newPINEnc    []byte
	hashEnc      []byte
	permissions  permission
	rpID         string
	permGiven    bool
	rpIDGiven    bool
	agreementSet bool
}

func readPINRequest(body []byte) (*pinRequest, error) {
	p, err := readParams(body)
	if err != nil {
		return nil, err
	}
	r := &pinRequest{params: p}
	proto, _ := p.uint(num(0x01))
	r.proto = protocol(min(proto, 1<<16))
	r.sub, _ = p.uint(num(0x02))
	r.agreement, r.agreementSet = p.inner(num(0x03))
	r.authParam, _ = p.bytes(num(0x04))
	r.newPINEnc, _ = p.bytes(num(0x05))
	r.hashEnc, _ = p.bytes(num(0x06))
	permissions, given := p.uint(num(0x09))
	r.permissions, r.permGiven = permission(permissions), given
	r.rpID, r.rpIDGiven = p.text(num(0x0A))
	p.need(num(0x02))
	return r, p.err
}

// require checks that the members a subcommand needs are there, and then that the
// protocol is one the key has.
func (r *pinRequest) require(keys ...int64) error {
	for _, key := range keys {
		r.params.need(num(key))
	}
	if r.params.err == nil && !r.proto.supported() {
		return ctap.StatusInvalidParameter
	}
	return r.params.err
}

// clientPIN answers command 06.
func (x *exchange) clientPIN(body []byte) ([]byte, error) {
	r, err := readPINRequest(body)
	if err != nil {
		return nil, err
	}
	switch r.sub {
	case subGetPINRetries:
		blocked := x.power.mismatches >= maxMismatches
		return cborMap(
			at(0x03, cborInt(int64(x.state.PINRetries))),
			when(blocked, at(0x04, cborBool(true))),
		), nil
	case subGetKeyAgreement:
		if err := r.require(0x01); err != nil {
			return nil, err
		}
		return cborMap(at(0x01, coseKeyAgreement(x.power.agreement[r.proto].PublicKey()))), nil
	case subSetPIN:
		return nil, x.setPIN(r)
	case subChangePIN:
		return nil, x.changePIN(r)
	case subGetPINToken:
		return x.getPINToken(r)
	case subGetTokenByUV:
		return nil, x.getTokenByUV(r)
	case subGetTokenByPIN:
		return x.getTokenByPIN(r)
	}
	return nil, ctap.StatusInvalidSubcommand
}

// setPIN gives the key its first PIN (§6.5.5.5).
func (x *exchange) setPIN(r *pinRequest) error {
	if err := r.require(0x01, 0x03, 0x04, 0x05); err != nil {
		return err
	}
	if x.state.PIN != nil {
		return ctap.StatusPINAuthInvalid
	}
	shared, ok := r.proto.decapsulate(x.power.agreement[r.proto], r.agreement)
	if !ok {
		return ctap.StatusInvalidParameter
	}
	if !shared.verify(r.newPINEnc, r.authParam) {
		return ctap.StatusPINAuthInvalid
	}
	chosen, err := x.newPIN(shared, r.newPINEnc)
	if err != nil {
		return err
	}
	next := x.state.copy()
	next.PIN, next.PINRetries = chosen, maxPINRetries
	return x.commit(next)
}

// newPIN decrypts a new PIN and holds it against the policy.
func (x *exchange) newPIN(shared sharedKeys, sealed []byte) (*pin, error) {
	padded, ok := shared.decrypt(sealed)
	if !ok {
		return nil, ctap.StatusPINAuthInvalid
	}
	defer clear(padded)
	if len(padded) != paddedPINBytes {
		return nil, ctap.StatusInvalidParameter
	}
	text := bytes.TrimRight(padded, "\x00")
	codePoints := utf8.RuneCount(text)
	if len(text) > maxPINBytes || !utf8.Valid(text) || codePoints < x.config.MinPINLength {
		return nil, ctap.StatusPINPolicyViolation
	}
	sum := sha256.Sum256(text)
	return &pin{Hash: sum[:pinHashBytes], CodePoints: codePoints}, nil
}

// changePIN replaces the PIN (§6.5.5.6).
func (x *exchange) changePIN(r *pinRequest) error {
	if err := r.require(0x01, 0x03, 0x04, 0x05, 0x06); err != nil {
		return err
	}
	shared, err := x.agree(r)
	if err != nil {
		return err
	}
	if !shared.verify(append(bytes.Clone(r.newPINEnc), r.hashEnc...), r.authParam) {
		return ctap.StatusPINAuthInvalid
	}
	if err := x.comparePIN(shared, r.hashEnc); err != nil {
		return err
	}
	chosen, err := x.newPIN(shared, r.newPINEnc)
	if err != nil {
		return err
	}
	if x.state.ForcePINChange && sameBytes(chosen.Hash, x.state.PIN.Hash) {
		return ctap.StatusPINPolicyViolation
	}
	next := x.state.copy()
	next.PIN, next.ForcePINChange = chosen, false
	if err := x.commit(next); err != nil {
		return err
	}
	x.power.resetTokens()
	return nil
}

// agree checks that there is a PIN to be compared at all, and derives the shared keys.
func (x *exchange) agree(r *pinRequest) (sharedKeys, error) {
	switch {
	case x.state.PIN == nil:
		return sharedKeys{}, ctap.StatusPINNotSet
	case x.state.PINRetries == 0:
		return sharedKeys{}, ctap.StatusPINBlocked
	case x.power.mismatches >= maxMismatches:
		return sharedKeys{}, ctap.StatusPINAuthBlocked
	}
	shared, ok := r.proto.decapsulate(x.power.agreement[r.proto], r.agreement)
	if !ok {
		return sharedKeys{}, ctap.StatusInvalidParameter
	}
	return shared, nil
}

// comparePIN spends an attempt, durably, and only then looks whether the PIN is
// right; whoever pulls the plug in between has not won one (§6.5.5.6 step 5).
func (x *exchange) comparePIN(shared sharedKeys, hashEnc []byte) error {
	next := x.state.copy()
	next.PINRetries--
	if err := x.commit(next); err != nil {
		return err
	}
	hash, ok := shared.decrypt(hashEnc)
	if !ok || !sameBytes(hash, x.state.PIN.Hash) {
		return x.wrongPIN(shared.protocol)
	}
	next = x.state.copy()
	next.PINRetries = maxPINRetries
	if err := x.commit(next); err != nil {
		return err
	}
	x.power.mismatches = 0
	return nil
}

func (x *exchange) wrongPIN(proto protocol) error {
	x.power.regenerate(proto)
	x.power.mismatches++
	switch {
	case x.state.PINRetries == 0:
		return ctap.StatusPINBlocked
	case x.power.mismatches >= maxMismatches:
		return ctap.StatusPINAuthBlocked
	}
	return ctap.StatusPINInvalid
}

// getPINToken is the way of CTAP 2.0 to a token (§6.5.5.7.1).
func (x *exchange) getPINToken(r *pinRequest) ([]byte, error) {
	if err := r.require(0x01, 0x03, 0x06); err != nil {
		return nil, err
	}
	if r.permGiven || r.rpIDGiven {
		return nil, ctap.StatusInvalidParameter
	}
	shared, err := x.agree(r)
	if err != nil {
		return nil, err
	}
	if err := x.comparePIN(shared, r.hashEnc); err != nil {
		return nil, err
	}
	if x.state.ForcePINChange {
		return nil, ctap.StatusPINInvalid
	}
	return x.issue(shared, permMakeCredential|permGetAssertion, ""), nil
}

// getTokenByPIN issues a token with permissions (§6.5.5.7.2).
func (x *exchange) getTokenByPIN(r *pinRequest) ([]byte, error) {
	if err := r.require(0x01, 0x03, 0x06, 0x09); err != nil {
		return nil, err
	}
	if err := r.checkPermissions(); err != nil {
		return nil, err
	}
	shared, err := x.agree(r)
	if err != nil {
		return nil, err
	}
	if err := x.comparePIN(shared, r.hashEnc); err != nil {
		return nil, err
	}
	if x.state.ForcePINChange {
		return nil, ctap.StatusPINInvalid
	}
	const given = permMakeCredential | permGetAssertion | permManagement
	return x.issue(shared, r.permissions&given, r.rpID), nil
}

// checkPermissions refuses permissions for what the key does not have. Bits without
// a meaning are ignored.
func (r *pinRequest) checkPermissions() error {
	switch {
	case r.permissions == 0:
		return ctap.StatusInvalidParameter
	case r.permissions&(permBioEnrollment|permLargeBlob|permConfiguration) != 0:
		return ctap.StatusUnauthorizedPermission
	case r.permissions&(permMakeCredential|permGetAssertion) != 0 && r.rpID == "":
		return ctap.StatusMissingParameter
	}
	return nil
}

// getTokenByUV refuses: the key cannot verify its user by itself (§6.5.5.7.3).
func (x *exchange) getTokenByUV(r *pinRequest) error {
	if err := r.require(0x01, 0x03, 0x09); err != nil {
		return err
	}
	if err := r.checkPermissions(); err != nil {
		return err
	}
	return ctap.StatusNotAllowed
}

// issue makes a token, which ends all others, and returns it encrypted.
func (x *exchange) issue(shared sharedKeys, permissions permission, rpID string) []byte {
	x.power.resetTokens()
	t := x.power.tokens[shared.protocol]
	t.begin(x.config.Now(), permissions, rpID)
	return cborMap(at(0x02, cborBytes(shared.encrypt(t.value))))
}

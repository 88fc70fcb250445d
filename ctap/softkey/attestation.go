package softkey

import (
	"fmt"
	"slices"
	"time"
)

// Attestation is how a key attests the credentials it makes.
type Attestation string

// The attestations. The empty one is [AttestPacked].
const (
	AttestPacked Attestation = "packed"   // packed, with the batch certificate
	AttestSelf   Attestation = "self"     // packed, signed with the credential's own key
	AttestU2F    Attestation = "fido-u2f" // as U2F keys do; ES256 only, and no AAGUID
	AttestTPM    Attestation = "tpm"      // as TPMs do, with an attestation key on P-256; no EdDSA
	AttestTPMRSA Attestation = "tpm-rsa"  // tpm, with an RSA attestation key
	AttestNone   Attestation = "none"

	AttestAndroidKey Attestation = "android-key"       // as an Android keystore does, in a trusted environment; ES256 and RS256 only
	AttestApple      Attestation = "apple"             // as Apple's anonymisation CA does; ES256 only
	AttestSafetyNet  Attestation = "android-safetynet" // as Google's service did, in the key's own name
	AttestCompound   Attestation = "compound"          // packed and android-key together
)

// attester makes attestation statements of one kind. Each format has a file of its
// own with one of these.
type attester interface {
	// algorithms are the credential algorithms the format can attest; nil: all.
	algorithms() []int64
	// aaguid is what authenticator data says under this attestation.
	aaguid() [16]byte
	// attest makes the statement for one new credential.
	attest(s subjectOfAttestation) (Statement, error)
	// forgeries are the ways to spoil a statement that only this format has.
	forgeries() []Forgery
}

// attesters are the formats there are.
var attesters = map[Attestation]attester{
	AttestPacked: packed{},
	AttestSelf:   packedSelf{},
	AttestU2F:    fidoU2F{},
	AttestTPM:    tpm{ES256},
	AttestTPMRSA: tpm{RS256},
	AttestNone:   none{},

	AttestAndroidKey: androidKey{},
	AttestApple:      apple{},
	AttestSafetyNet:  safetyNet{},
	AttestCompound:   compound{packed{}, androidKey{}},
}

func attesterFor(a Attestation) (attester, error) {
	if a == "" {
		a = AttestPacked
	}
	at, ok := attesters[a]
	if !ok {
		return nil, fmt.Errorf("softkey: unknown attestation %q", a)
	}
	return at, nil
}

// subjectOfAttestation is the credential to be attested, and who attests.
type subjectOfAttestation struct {
	issuer         *issuer
	pair           keyPair // the new credential's
	data           *AuthData
	authData       []byte // data as it is sent
	clientDataHash []byte
	now            time.Time
	forge          *Forge
}

// message is what most formats sign.
func (s *subjectOfAttestation) message() []byte {
	return slices.Concat(s.authData, s.clientDataHash)
}

// Statement is an attestation statement before it is written. Its members are of the
// types int64, string, bool, []byte, [][]byte, map[string]any and []any. One of format
// compound has Parts in place of Members.
type Statement struct {
	Format  string
	Members map[string]any
	Parts   []Statement
}

// encode returns the statement without its format.
func (s Statement) encode() []byte {
	if s.Parts == nil {
		return cborAny(s.Members)
	}
	parts := make([][]byte, len(s.Parts))
	for i, part := range s.Parts {
		parts[i] = cborMap(named("fmt", cborText(part.Format)), named("attStmt", part.encode()))
	}
	return cborArray(parts...)
}

// none is the attestation that says nothing (WebAuthn §8.7).
type none struct{}

func (none) algorithms() []int64 { return nil }
func (none) aaguid() [16]byte    { return AAGUID }

func (none) forgeries() []Forgery {
	return append(signatureForgeries(false),
		statementForgery("statement that is not empty", func(m map[string]any) { m["alg"] = ES256 }))
}

func (none) attest(subjectOfAttestation) (Statement, error) {
	return Statement{Format: "none", Members: map[string]any{}}, nil
}

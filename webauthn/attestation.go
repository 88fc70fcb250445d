package webauthn

import (
	"crypto/sha256"
	"crypto/x509"

	"bestow.dev/cose"
	"bestow.dev/internal/strictcbor"
)

// AttestationType says what kind of key signed an attestation (§6.5.4).
type AttestationType string

// The attestation types.
const (
	AttestationNone   AttestationType = "none"   // nothing was attested
	AttestationSelf   AttestationType = "self"   // the credential key itself
	AttestationBasic  AttestationType = "basic"  // a key shared by a batch of authenticators, or one that cannot be told from it
	AttestationAttCA  AttestationType = "attca"  // a key certified by an attestation CA
	AttestationAnonCA AttestationType = "anonca" // a key certified for this credential by an anonymising CA
)

// Attestation is an attestation statement whose signature and form were verified.
// It says nothing yet about trust in who signed it: that is [JudgeTrust].
type Attestation struct {
	// Format is the statement format's identifier, such as "packed".
	Format string
	// Type is what the statement conveys.
	Type AttestationType
	// Certificates is the x5c of the statement as received, the attestation
	// certificate first; nil with types none and self.
	Certificates []*x509.Certificate
	// AAGUID is the model that the authenticator data names.
	AAGUID AAGUID
	// ProvesModel says that the attestation's signature covers the AAGUID.
	ProvesModel bool
}

// attestedInput is what a format's procedure is given beside the statement (§6.5.2).
type attestedInput struct {
	authData       *AuthenticatorData
	rawAuthData    []byte
	clientDataHash [sha256.Size]byte
	key            *cose.Key // of authData, parsed
}

// signedBytes returns what most formats sign: authenticator data and the hash of
// the client data.
func (in *attestedInput) signedBytes() []byte {
	signed := make([]byte, 0, len(in.rawAuthData)+sha256.Size)
	signed = append(signed, in.rawAuthData...)
	return append(signed, in.clientDataHash[:]...)
}

// statement is what a format's procedure found. The caller adds what all formats
// have in common.
type statement struct {
	kind         AttestationType
	certificates []*x509.Certificate
	provesModel  bool
}

// formatVerifier runs the verification procedure of one statement format.
type formatVerifier func(attStmt strictcbor.Item, in *attestedInput) (*statement, error)

// formatVerifierFor returns the procedure of a statement format. The list is closed:
// what may be verified does not change at run time.
func formatVerifierFor(format string) formatVerifier {
	switch format {
	case "none":
		return verifyNone
	case "packed":
		return verifyPacked
	case "fido-u2f":
		return verifyFIDOU2F
	}
	return nil
}

// registeredFormats are the identifiers that Level 3 defines and that
// formatVerifierFor does not know.
var registeredFormats = []string{"tpm", "android-key", "android-safetynet", "apple", "compound"}

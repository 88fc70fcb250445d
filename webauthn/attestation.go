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
	// certificate first; nil with types none and self. With format compound it is
	// that of the part which Type is taken from.
	Certificates []*x509.Certificate
	// AAGUID is the model that the authenticator data names.
	AAGUID AAGUID
	// ProvesModel says that who attested answers for the AAGUID; with format
	// compound, that one of the parts does. It is false where no signature covers it,
	// as with fido-u2f, and where any app on the device may have named it, as with
	// android-key and android-safetynet.
	ProvesModel bool
	// Algorithm is that of the signature by an attestation certificate, where the
	// statement is of format packed; 0 elsewhere.
	Algorithm cose.Algorithm
	// Parts are the statements of format compound, in their order, none of which is
	// compound itself; nil with every other format.
	Parts []*Attestation

	reserved policyReserve // nil if there is none
}

// policyReserve is what a format's procedure leaves for the policy to decide, beside
// the trust in certificates: the same statement may be good at one time and under one
// policy, and not under another.
type policyReserve interface {
	// judge returns what was let pass, or the refusal.
	judge(policy TrustPolicy) ([]Warning, error)
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
	algorithm    cose.Algorithm
	certificates []*x509.Certificate
	provesModel  bool
	parts        []*Attestation
	reserved     policyReserve
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
	case "tpm":
		return verifyTPM
	case "android-key":
		return verifyAndroidKey
	case "android-safetynet":
		return verifySafetyNet
	case "apple":
		return verifyApple
	case "compound":
		return verifyCompound
	}
	return nil
}

// verifyStatement runs the procedure of a statement's format.
func verifyStatement(format string, attStmt strictcbor.Item, in *attestedInput) (*Attestation, error) {
	// Step 21: the format is compared byte for byte.
	verify := formatVerifierFor(format)
	if verify == nil {
		return nil, refuse(ReasonAttestationFormatUnknown, "7.1/21", "attestation statement format %q is not known", format)
	}

	// Step 22: its procedure accepts the statement.
	found, err := verify(attStmt, in)
	if err != nil {
		return nil, err
	}
	return &Attestation{
		Format:       format,
		Type:         found.kind,
		Certificates: found.certificates,
		AAGUID:       in.authData.Attested.AAGUID,
		ProvesModel:  found.provesModel,
		Algorithm:    found.algorithm,
		Parts:        found.parts,
		reserved:     found.reserved,
	}, nil
}

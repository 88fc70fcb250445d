package webauthn

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"time"
)

// AttestationTrust says what a policy asks of an attestation (7.1/24).
type AttestationTrust uint8

const (
	// TrustRequire accepts only an attestation whose path reaches one of the
	// policy's anchors, and none or self attestation where the policy says so.
	TrustRequire AttestationTrust = iota
	// TrustIgnore verifies the statement and asks nothing of who signed it. The
	// path is still sought, so that a registration can say whether it was trusted.
	TrustIgnore
)

// TrustPolicy says which attestations are acceptable. The zero value accepts none.
type TrustPolicy struct {
	// Attestation is whether a trusted attestation is needed.
	Attestation AttestationTrust

	// AcceptNone and AcceptSelf let attestation types none and self pass where
	// Attestation is TrustRequire. Such a registration is not Trusted.
	AcceptNone bool
	AcceptSelf bool

	// Anchors are the only certificates trusted, for every format: roots,
	// intermediates or attestation certificates themselves. The system's roots are
	// never used.
	Anchors []*x509.Certificate

	// AnchorsFor returns what is trusted for one attestation beside Anchors: the
	// anchors of its model, or of its format (7.1/23). It is asked about each part of a
	// compound attestation, answers alike each time, and may be called from several
	// goroutines at once. The AAGUID it is shown is a claim until a path to an anchor of
	// that very model is found. Nil: there are no others.
	AnchorsFor func(a *Attestation) []*x509.Certificate

	// Time is when certificates have to be valid. Zero: validity periods are not
	// judged, and a warning says so.
	Time time.Time

	// RevocationLists are asked about every certificate of a path but the anchor. A
	// certificate that was revoked at RevocationTime, or whenever if that is zero and
	// Time too, is refused.
	RevocationLists []*x509.RevocationList

	// RevocationTime is when the lists are asked. Zero: Time. It is later than Time
	// where an old registration is judged by what is known now.
	RevocationTime time.Time

	// RequireRevocationLists refuses a path with a certificate for which no list is in
	// force at RevocationTime. Without it such a certificate passes.
	RequireRevocationLists bool

	// StrictChain takes the certificates of a statement only as the conformance tests
	// have them: each is issued by the one after it, and an anchor that others lead to is
	// left out. Without it their order does not matter.
	StrictChain bool

	// AllowSHA1Chain accepts SHA-1 signatures on the certificates of a path.
	AllowSHA1Chain bool

	// TPMVendors are the TPM manufacturers whose attestation of format tpm is
	// accepted: identifiers of the TCG's vendor registry, with or without "id:", such
	// as "494E5443". Empty accepts none. It holds with TrustIgnore as well.
	TPMVendors []string

	// AllowSHA1TPMStatements accepts attestation of format tpm that a TPM signed with
	// SHA-1 (algorithm RS1), as old ones do. It is about the attestation alone: a
	// credential key is never of that algorithm.
	AllowSHA1TPMStatements bool

	// RequireAndroidKeyTrustedEnvironment accepts attestation of format android-key
	// only where the device's trusted environment or secure element made the key, for
	// signing, and says so itself. Without it the Android system's word will do, and
	// silence on origin and purpose passes with a warning.
	RequireAndroidKeyTrustedEnvironment bool

	// AllowDeprecatedAndroidSafetyNet accepts attestation of format
	// android-safetynet, of which Google has shut down the service. It is to be
	// judged at the time of the registration: a minute later it is stale.
	AllowDeprecatedAndroidSafetyNet bool

	// AllowedAAGUIDs are the authenticator models that may register; empty means
	// all. A model counts only where a trusted attestation vouches for it: with
	// none, self or untrusted attestation, and with formats that do not answer for
	// the AAGUID (see [Attestation]), anybody could claim it.
	AllowedAAGUIDs []AAGUID

	// AllowUntrustedAAGUIDClaims lets an AAGUID that nobody vouches for satisfy
	// AllowedAAGUIDs. The list then guards against mistakes, not against attackers.
	AllowUntrustedAAGUIDClaims bool
}

// Trust is what a policy made of an attestation.
type Trust struct {
	// Trusted says that the path reaches an anchor of the policy.
	Trusted bool
	// Path is the certificates from the attestation certificate to the anchor, both
	// included; nil if not Trusted. With format compound it is the path of the
	// trusted part with the strongest type.
	Path []*x509.Certificate
	// Parts is what the policy made of each of the attestation's parts, in their
	// order; nil if it has none.
	Parts []*Trust
	// Warnings are what was let pass, in the parts as well.
	Warnings []Warning
}

// warn adds a warning that is not there yet.
func (t *Trust) warn(warnings ...Warning) {
	for _, w := range warnings {
		if !slices.Contains(t.Warnings, w) {
			t.Warnings = append(t.Warnings, w)
		}
	}
}

// stepTrust is the step that judges what was attested against policy.
const stepTrust = "7.1/24"

// JudgeTrust decides whether policy accepts the attestation (7.1/23 and 7.1/24).
// Of a compound attestation, one part has to be trusted.
//
// A refusal has the reason attestation_untrusted, attestation_certificate or
// attestation_certificate_expired, or one that belongs to the format: what depends on
// policy or time is decided here, and not in [VerifyRegistration].
func JudgeTrust(a *Attestation, policy TrustPolicy) (*Trust, error) {
	trust, err := judgeAttestation(a, policy)
	if err != nil {
		return nil, err
	}
	if err := judgeModel(a, trust, policy); err != nil {
		return nil, err
	}
	return trust, nil
}

// judgeAttestation decides on everything but the model.
func judgeAttestation(a *Attestation, policy TrustPolicy) (*Trust, error) {
	if a.Parts != nil {
		return judgeParts(a, policy)
	}
	var let []Warning
	if a.reserved != nil {
		var err error
		if let, err = a.reserved.judge(policy); err != nil {
			return nil, err
		}
	}
	trust, err := judgeAnchors(a, policy)
	if err != nil {
		return nil, err
	}
	trust.warn(let...)
	return trust, nil
}

// judgeAnchors decides on who signed.
func judgeAnchors(a *Attestation, policy TrustPolicy) (*Trust, error) {
	required := policy.Attestation != TrustIgnore
	switch a.Type {
	case AttestationNone:
		if required && !policy.AcceptNone {
			return nil, refuse(ReasonAttestationUntrusted, stepTrust, "the policy does not accept a registration without attestation")
		}
		return &Trust{}, nil
	case AttestationSelf:
		if required && !policy.AcceptSelf {
			return nil, refuse(ReasonAttestationUntrusted, stepTrust, "the policy does not accept self attestation")
		}
		return &Trust{}, nil
	}

	if policy.AnchorsFor != nil {
		policy.Anchors = slices.Concat(policy.Anchors, policy.AnchorsFor(a))
	}
	path, err := findPath(a.Certificates, policy)
	if err != nil {
		if required {
			return nil, err
		}
		return &Trust{Warnings: []Warning{WarningTrustNotRequired}}, nil
	}
	trust := &Trust{Trusted: true, Path: path}
	if policy.Time.IsZero() {
		trust.warn(WarningTimeAbsent)
	}
	if slices.ContainsFunc(path[:len(path)-1], signedWithSHA1) {
		trust.warn(WarningSHA1Chain)
	}
	return trust, nil
}

// judgeModel decides on the AAGUID.
func judgeModel(a *Attestation, trust *Trust, policy TrustPolicy) error {
	if len(policy.AllowedAAGUIDs) == 0 {
		return nil
	}
	if !slices.Contains(policy.AllowedAAGUIDs, a.AAGUID) {
		return refuse(ReasonAttestationUntrusted, stepTrust, "authenticator model %s is not allowed", a.AAGUID)
	}
	if policy.AllowUntrustedAAGUIDClaims {
		return nil
	}
	if !vouchesForModel(a, trust) {
		return refuse(ReasonAttestationUntrusted, stepTrust, "model %s is allowed, but no trusted attestation vouches for it", a.AAGUID)
	}
	return nil
}

// vouchesForModel reports whether somebody trusted answers for the AAGUID. With
// several parts, the one that is trusted has to be the one that answers.
func vouchesForModel(a *Attestation, trust *Trust) bool {
	for i, part := range a.Parts {
		if vouchesForModel(part, trust.Parts[i]) {
			return true
		}
	}
	return a.Parts == nil && trust.Trusted && a.ProvesModel
}

// fingerprints returns the SHA-256 of each certificate.
func fingerprints(chain []*x509.Certificate) [][32]byte {
	prints := make([][32]byte, len(chain))
	for i, c := range chain {
		prints[i] = sha256.Sum256(c.Raw)
	}
	return prints
}

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

	// Time is when certificates have to be valid. Zero: validity periods are not
	// judged, and a warning says so.
	Time time.Time

	// AllowSHA1Chain accepts SHA-1 signatures on the certificates of a path.
	AllowSHA1Chain bool

	// AllowedAAGUIDs are the authenticator models that may register; empty means
	// all. A model counts only where a trusted attestation vouches for it: with
	// none, self or untrusted attestation, and with fido-u2f, whose signature does
	// not cover the AAGUID, anybody could claim it.
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
	// included; nil if not Trusted.
	Path []*x509.Certificate
	// Warnings are what was let pass.
	Warnings []Warning
}

// stepTrust is the step that judges what was attested against policy.
const stepTrust = "7.1/24"

// JudgeTrust decides whether policy accepts the attestation (7.1/23 and 7.1/24).
//
// A refusal has the reason attestation_untrusted, attestation_certificate or
// attestation_certificate_expired.
func JudgeTrust(a *Attestation, policy TrustPolicy) (*Trust, error) {
	trust, err := judgeAnchors(a, policy)
	if err != nil {
		return nil, err
	}
	if err := judgeModel(a, trust.Trusted, policy); err != nil {
		return nil, err
	}
	return trust, nil
}

// judgeAnchors decides on everything but the model.
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

	path, err := findPath(a.Certificates, policy)
	if err != nil {
		if required {
			return nil, err
		}
		return &Trust{Warnings: []Warning{WarningTrustNotRequired}}, nil
	}
	trust := &Trust{Trusted: true, Path: path}
	if policy.Time.IsZero() {
		trust.Warnings = append(trust.Warnings, WarningTimeAbsent)
	}
	if slices.ContainsFunc(path[:len(path)-1], signedWithSHA1) {
		trust.Warnings = append(trust.Warnings, WarningSHA1Chain)
	}
	return trust, nil
}

// judgeModel decides on the AAGUID.
func judgeModel(a *Attestation, trusted bool, policy TrustPolicy) error {
	if len(policy.AllowedAAGUIDs) == 0 {
		return nil
	}
	if !slices.Contains(policy.AllowedAAGUIDs, a.AAGUID) {
		return refuse(ReasonAttestationUntrusted, stepTrust, "authenticator model %s is not allowed", a.AAGUID)
	}
	if policy.AllowUntrustedAAGUIDClaims {
		return nil
	}
	if !trusted || !a.ProvesModel {
		return refuse(ReasonAttestationUntrusted, stepTrust, "model %s is allowed, but no trusted attestation vouches for it", a.AAGUID)
	}
	return nil
}

// fingerprints returns the SHA-256 of each certificate.
func fingerprints(chain []*x509.Certificate) [][32]byte {
	prints := make([][32]byte, len(chain))
	for i, c := range chain {
		prints[i] = sha256.Sum256(c.Raw)
	}
	return prints
}

package tenant

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// CredentialProtection is how a new credential is to be guarded by its authenticator,
// in the words of CTAP 2.1 §12.1.
type CredentialProtection string

// The levels of protection.
const (
	ProtectOptional           CredentialProtection = "userVerificationOptional"
	ProtectOptionalWithIDList CredentialProtection = "userVerificationOptionalWithCredentialIDList"
	ProtectRequired           CredentialProtection = "userVerificationRequired"
)

// CeremonySettings is what a relying party gives clients and authenticators to go by
// beyond the core of WebAuthn.
type CeremonySettings struct {
	// RelatedOrigins are web origins outside the domain of ID that may run ceremonies
	// for it (§5.11), the most important first. Clients learn of them at
	// https://ID/.well-known/webauthn. Empty means none.
	RelatedOrigins []string

	// Hints are the kinds of authenticator that users are likely to take, the likeliest
	// first (§5.8.7): security-key, client-device, hybrid. A caller may give its own.
	Hints []string

	// AttestationFormats are the attestation statement formats preferred, the most
	// wanted first (§5.4). An authenticator need not heed them.
	AttestationFormats []string

	// AllowConditionalCreate lets callers ask for a credential that the client makes
	// without asking the user (§5.1.3), hence without user presence and verification.
	AllowConditionalCreate bool

	// CredentialProtection is asked for with every new credential; empty for nothing.
	// With EnforceCredentialProtection, a credential with less is refused.
	CredentialProtection        CredentialProtection
	EnforceCredentialProtection bool

	// RegistrationExtensions are extensions to ask for with every new credential; see
	// [RegistrationExtensions]. Nil means credProps alone; empty means none.
	RegistrationExtensions []string

	// AppID is the AppID under which users registered U2F security keys before; empty
	// for none. It excludes those keys from registrations, and accepts them in
	// sign-ins (§10.1.1, §10.1.2).
	AppID string
}

// RegistrationExtensions are the extensions that can be asked for by name with every new
// credential. largeBlob is asked for as preferred, prf without inputs.
func RegistrationExtensions() []string {
	return []string{"credProps", "minPinLength", "prf", "largeBlob", "hmacCreateSecret", "uvm"}
}

// Bounds on the settings, and what they may name.
const (
	maxRelatedOrigins = 100
	maxAppIDBytes     = 512

	// maxRelatedLabels is how many different registrable labels clients are sure to
	// look at (§5.11.1).
	maxRelatedLabels = 5
)

var (
	hints              = []string{"security-key", "client-device", "hybrid"}
	attestationFormats = []string{"packed", "tpm", "android-key", "apple", "fido-u2f", "compound", "none"}
)

func (s *CeremonySettings) fillIn() {
	s.RelatedOrigins = slices.Clone(s.RelatedOrigins)
	s.Hints = slices.Clone(s.Hints)
	s.AttestationFormats = slices.Clone(s.AttestationFormats)
	s.RegistrationExtensions = slices.Clone(s.RegistrationExtensions)
	if s.RegistrationExtensions == nil {
		s.RegistrationExtensions = []string{"credProps"}
	}
}

func (rp *RelyingParty) checkCeremonySettings() error {
	if err := rp.checkRelatedOrigins(); err != nil {
		return err
	}
	levels := []CredentialProtection{"", ProtectOptional, ProtectOptionalWithIDList, ProtectRequired}
	switch {
	case !distinctOf(rp.Hints, hints):
		return invalidRP("hints", "They are security-key, client-device and hybrid, each at most once.")
	case !distinctOf(rp.AttestationFormats, attestationFormats):
		return invalidRP("attestationFormats", "They are packed, tpm, android-key, apple, fido-u2f, compound and none, each at most once.")
	case !slices.Contains(levels, rp.CredentialProtection):
		return invalidRP("credentialProtection", "It is userVerificationOptional, userVerificationOptionalWithCredentialIDList or userVerificationRequired.")
	case rp.EnforceCredentialProtection && rp.CredentialProtection == "":
		return invalidRP("enforceCredentialProtection", "Without a level in credentialProtection there is nothing to enforce.")
	case !distinctOf(rp.RegistrationExtensions, RegistrationExtensions()):
		return invalidRP("registrationExtensions", "They are credProps, minPinLength, prf, largeBlob, hmacCreateSecret and uvm, each at most once.")
	}
	return rp.checkAppID()
}

// distinctOf reports whether some are all of known, and none of them twice.
func distinctOf(some, known []string) bool {
	for i, s := range some {
		if !slices.Contains(known, s) || slices.Contains(some[:i], s) {
			return false
		}
	}
	return true
}

// checkRelatedOrigins refuses what clients would pass over in silence (§5.11.1): an
// origin without a registrable domain, and those beyond the labels they look at.
func (rp *RelyingParty) checkRelatedOrigins() error {
	if len(rp.RelatedOrigins) > maxRelatedOrigins {
		return invalidRP("relatedOrigins", "There are too many related origins.")
	}
	var labels []string
	for _, o := range rp.RelatedOrigins {
		host, ok := originHost(o)
		if !ok || !strings.HasPrefix(o, "https:") {
			return invalidRP("relatedOrigins", "A related origin is https://host or https://host:port, in lower case and without the port 443.")
		}
		if host == rp.ID || strings.HasSuffix(host, "."+rp.ID) {
			return invalidRP("relatedOrigins", "An origin whose host is the id or ends in it after a dot belongs in origins.")
		}
		domain := registrableDomain(host)
		if domain == "" {
			return invalidRP("relatedOrigins", "The host of a related origin has to be under a public suffix such as com or co.uk.")
		}
		label, _, _ := strings.Cut(domain, ".")
		if !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	if len(labels) > maxRelatedLabels {
		return invalidRP("relatedOrigins", "The related origins have more than five different names before their public suffix; browsers look at five.")
	}
	return nil
}

// checkAppID refuses an AppID that no client would let a page of ours use: the rule of
// FIDO AppID and Facet Specification §3.1.2 for web origins, without a list of facets.
func (rp *RelyingParty) checkAppID() error {
	if rp.AppID == "" {
		return nil
	}
	u, err := url.Parse(rp.AppID)
	switch {
	case err != nil || len(rp.AppID) > maxAppIDBytes || !printable(rp.AppID),
		u.Scheme != "https" || u.User != nil || u.Fragment != "" || !validDomain(u.Hostname()):
		return invalidRP("appId", "An AppID is an https URL without user and fragment.")
	case u.Hostname() != rp.ID && (registrableDomain(rp.ID) == "" || registrableDomain(u.Hostname()) != registrableDomain(rp.ID)):
		return invalidRP("appId", "The AppID's host has to be in the registrable domain of the id, such as example.com.")
	case len(rp.RelatedOrigins) > 0:
		return invalidRP("appId", "It does not go with related origins: browsers refuse pages there that name it.")
	}
	return nil
}

// registrableDomain returns the part of a host that can be registered, such as
// example.co.uk; empty if there is none, as for localhost and for a public suffix.
func registrableDomain(host string) string {
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return ""
	}
	return domain
}

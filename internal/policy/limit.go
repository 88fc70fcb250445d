package policy

import (
	"slices"

	"bestow.dev/webauthn"
)

// aspect is what a rule is about. Rules limit one another where they are about the
// same.
type aspect string

// Aspects of which a ceremony has one value.
const (
	ofModel            aspect = "model"
	ofFormat           aspect = "attestation format"
	ofType             aspect = "attestation type"
	ofAlgorithm        aspect = "algorithm"
	ofUserVerification aspect = "user verification"
	ofDiscoverable     aspect = "discoverable credential"
	ofEligible         aspect = "passkey that can be synced"
	ofBackedUp         aspect = "backup state"
	ofAttachment       aspect = "attachment"
	ofKeyRestricted    aspect = "isKeyRestricted"
	ofFreshUV          aspect = "isFreshUserVerificationRequired"
)

// Aspects of which a ceremony may have several values. Beside them, each property of
// the metadata is one, by its name.
const (
	ofKeyIdentifier aspect = "key identifier"
	ofTransport     aspect = "transport"
)

// The values of aspects that are so or not so.
const (
	yes = "yes"
	no  = "no"
)

// limit is what a rule leaves of an aspect. Nil members limit nothing.
type limit struct {
	of    aspect
	only  []string // the one value is among these; not nil: empty leaves none
	some  []string // of several values, one is among these
	all   []string // of several values, these are there
	never []string // none of these is there

	// why says how a rule about something else comes to limit this aspect.
	why string
}

// only returns the limit to a single value or a few.
func only(of aspect, values ...string) limit { return limit{of: of, only: values} }

// trustProof are the limits of a rule that takes a trusted attestation.
func trustProof() []limit {
	return []limit{{
		of: ofType, only: typesWithCertificates, why: "it takes a trusted attestation, so one with certificates",
	}, {
		of: ofFormat, only: formatsWith(typesWithCertificates), why: "it takes a trusted attestation, so one with certificates",
	}}
}

var typesWithCertificates = []string{
	string(webauthn.AttestationBasic), string(webauthn.AttestationAttCA), string(webauthn.AttestationAnonCA),
}

// typesOf has the attestation types that package webauthn finds in each format.
var typesOf = map[string][]string{
	"none":              {string(webauthn.AttestationNone)},
	"packed":            {string(webauthn.AttestationSelf), string(webauthn.AttestationBasic)},
	"tpm":               {string(webauthn.AttestationAttCA)},
	"android-key":       {string(webauthn.AttestationBasic)},
	"android-safetynet": {string(webauthn.AttestationBasic)},
	"apple":             {string(webauthn.AttestationAnonCA)},
	"fido-u2f":          {string(webauthn.AttestationBasic)},
	"compound":          attestationTypes,
}

// formatsWith returns the formats that can convey one of the types.
func formatsWith(types []string) []string {
	formats := []string{}
	for _, f := range attestationFormats {
		if overlap(typesOf[f], types) {
			formats = append(formats, f)
		}
	}
	return formats
}

// typesIn returns the types that one of the formats can convey.
func typesIn(formats []string) []string {
	types := []string{}
	for _, t := range attestationTypes {
		if slices.ContainsFunc(formats, func(f string) bool { return slices.Contains(typesOf[f], t) }) {
			types = append(types, t)
		}
	}
	return types
}

// modelProof are the limits of a rule that takes an attestation which answers for the
// AAGUID.
func modelProof() []limit {
	return append(trustProof(), limit{
		of: ofFormat, only: []string{"apple", "compound", "packed", "tpm"}, why: "it takes an attestation that answers for the model",
	})
}

// overlap reports whether the lists have an item in common.
func overlap(a, b []string) bool {
	if len(a) > 0 && slices.Contains(b, a[0]) {
		return true // lists that are alike are the usual case
	}
	if len(a) > 2*maxListed && len(b) > 2*maxListed {
		listed := set(b)
		return slices.ContainsFunc(a, func(s string) bool { return listed[s] })
	}
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// without returns the items that are not in out; never nil.
func without(items, out []string) []string {
	isOut := func(item string) bool { return slices.Contains(out, item) }
	if len(out) > 2*maxListed {
		listed := set(out)
		isOut = func(item string) bool { return listed[item] }
	}
	rest := []string{}
	for _, item := range items {
		if !isOut(item) {
			rest = append(rest, item)
		}
	}
	return rest
}

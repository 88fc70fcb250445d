package webauthn

import (
	"slices"

	"bestow.dev/internal/strictcbor"
)

// maxParts is how many statements a compound one may hold, against work without end.
const maxParts = 8

// strength orders the attestation types by what they say about the one authenticator
// at hand: self attestation proves only that it has a key; a batch key may leak from
// any other of the batch; a key that a CA certified for one authenticator, or a
// certificate for one credential, falls with that alone.
var strength = []AttestationType{AttestationNone, AttestationSelf, AttestationBasic, AttestationAttCA, AttestationAnonCA}

// stronger reports whether a says more than b.
func stronger(a, b AttestationType) bool {
	return slices.Index(strength, a) > slices.Index(strength, b)
}

// verifyCompound is the procedure of format compound (§8.9), an array of statements
// about the same credential.
func verifyCompound(attStmt strictcbor.Item, in *attestedInput) (*statement, error) {
	const step = "8.9/1"
	if attStmt.Kind() != strictcbor.Array {
		return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement of format compound is no array")
	}
	if n := attStmt.Len(); n < 2 || n > maxParts {
		return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement has %d parts; 2 to %d are allowed", n, maxParts)
	}

	// Step 1: each part is good by the procedure of its own format. The standard
	// leaves open how many have to be; we ask for all of them.
	var parts []*Attestation
	for element := range attStmt.Elements() {
		format, inner, err := parsePart(element)
		if err != nil {
			return nil, err
		}
		part, err := verifyStatement(format, inner, in)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}

	// Step 2: the strongest part speaks for the whole.
	found := &statement{kind: parts[0].Type, certificates: parts[0].Certificates, parts: parts}
	for _, part := range parts {
		if stronger(part.Type, found.kind) {
			found.kind, found.certificates = part.Type, part.Certificates
		}
		found.provesModel = found.provesModel || part.ProvesModel
	}
	return found, nil
}

// parsePart reads one element: a format that is not compound, and its statement.
func parsePart(element strictcbor.Item) (format string, attStmt strictcbor.Item, err error) {
	const step = "8.9/1"
	// As no key is there twice, two known keys are both.
	if element.Kind() != strictcbor.Map || element.Len() != 2 {
		return "", strictcbor.Item{}, refuse(ReasonAttestationStatementMalformed, step, "a part is not a map of fmt and attStmt")
	}
	for key, value := range element.Entries() {
		name, _ := key.Text()
		var ok bool
		switch name {
		case "fmt":
			format, ok = value.Text()
		case "attStmt":
			attStmt, ok = value, value.Kind() == strictcbor.Map
		default:
			ok = false
		}
		if !ok {
			return "", strictcbor.Item{}, refuse(ReasonAttestationStatementMalformed, step, "member %q of a part is unknown or of the wrong type", name)
		}
	}
	if format == "compound" {
		return "", strictcbor.Item{}, refuse(ReasonAttestationStatementMalformed, step, "a part is compound itself")
	}
	return format, attStmt, nil
}

// judgeParts decides on a compound attestation: every part has to stand before the
// policy but for its certificates, and those of one have to be trusted.
func judgeParts(a *Attestation, policy TrustPolicy) (*Trust, error) {
	whole := &Trust{Parts: make([]*Trust, len(a.Parts))}
	var best AttestationType
	for i, part := range a.Parts {
		// What is refused for the lack of an anchor in one part may be made good by
		// another, so trust is sought here and asked for below.
		lenient := policy
		lenient.Attestation = TrustIgnore
		trust, err := judgeAttestation(part, lenient)
		if err != nil {
			return nil, err
		}
		whole.Parts[i] = trust
		if trust.Trusted && (!whole.Trusted || stronger(part.Type, best)) {
			whole.Trusted, whole.Path, best = true, trust.Path, part.Type
		}
	}
	if !whole.Trusted {
		return judgeUntrustedParts(a, whole, policy)
	}
	for _, trust := range whole.Parts {
		for _, w := range trust.Warnings {
			if w == WarningTrustNotRequired {
				w = WarningPartUntrusted
			}
			whole.warn(w)
		}
	}
	return whole, nil
}

// judgeUntrustedParts decides on a compound attestation none of whose parts is
// trusted, by the strongest of them.
func judgeUntrustedParts(a *Attestation, whole *Trust, policy TrustPolicy) (*Trust, error) {
	if _, err := judgeAnchors(a, policy); err != nil {
		return nil, err
	}
	for _, trust := range whole.Parts {
		whole.warn(trust.Warnings...)
	}
	return whole, nil
}

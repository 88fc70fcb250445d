package policy

import "bestow.dev/metadata"

// picks returns the parts of a selection; none for nil.
func (s *Selection) picks() (allow, deny []string) {
	if s == nil {
		return nil, nil
	}
	return s.Allow, s.Deny
}

// typesAllow: the attestation conveys one of the types.
func typesAllow(r *Rules) *clause {
	if r.Attestation == nil {
		return nil
	}
	allow, _ := r.Attestation.Types.picks()
	if allow == nil {
		return nil
	}
	return typeRule(either(allow, "types"), allow)
}

// typesDeny: it conveys none of them.
func typesDeny(r *Rules) *clause {
	if r.Attestation == nil {
		return nil
	}
	_, deny := r.Attestation.Types.picks()
	if deny == nil {
		return nil
	}
	return typeRule("not "+either(deny, "types"), without(attestationTypes, deny))
}

func typeRule(wanted string, left []string) *clause {
	listed := set(left)
	return &clause{
		wanted: wanted,
		judge: func(e *Evidence) finding {
			return judgeIf(listed[string(e.AttestationType)], shown(string(e.AttestationType)))
		},
		limits: []limit{only(ofType, left...), {of: ofFormat, only: formatsWith(left), why: "other formats do not convey these types"}},
	}
}

// formatsAllow: the statement is of one of the formats.
func formatsAllow(r *Rules) *clause {
	if r.Attestation == nil {
		return nil
	}
	allow, _ := r.Attestation.Formats.picks()
	if allow == nil {
		return nil
	}
	return formatRule(either(allow, "formats"), allow)
}

// formatsDeny: it is of none of them.
func formatsDeny(r *Rules) *clause {
	if r.Attestation == nil {
		return nil
	}
	_, deny := r.Attestation.Formats.picks()
	if deny == nil {
		return nil
	}
	return formatRule("not "+either(deny, "formats"), without(attestationFormats, deny))
}

func formatRule(wanted string, left []string) *clause {
	listed := set(left)
	limits := []limit{only(ofFormat, left...), {of: ofType, only: typesIn(left), why: "these formats do not convey other types"}}
	if len(left) == 1 && left[0] == "fido-u2f" {
		limits = append(limits, byU2F()...)
	}
	return &clause{
		wanted: wanted,
		judge:  func(e *Evidence) finding { return judgeIf(listed[e.Format], shown(e.Format)) },
		limits: limits,
	}
}

// byU2F are the limits of a U2F key: it has no user verification, keeps no credential
// and has no means to copy one, and signs with P-256 alone. (Its signature covers no
// flags, so none of these could be proven.)
func byU2F() []limit {
	const why = "a U2F key has none"
	return []limit{
		{of: ofUserVerification, only: []string{no}, why: why},
		{of: ofDiscoverable, only: []string{no}, why: why},
		{of: ofEligible, only: []string{no}, why: why},
		{of: ofBackedUp, only: []string{no}, why: why},
		{of: ofAlgorithm, only: []string{"ES256"}, why: "a U2F key has no other"},
	}
}

// attestationTrusted: the attestation leads to a trust anchor.
func attestationTrusted(r *Rules) *clause {
	if r.Attestation == nil || r.Attestation.Trusted == nil {
		return nil
	}
	return &clause{
		wanted: "an attestation that leads to a trust anchor",
		judge: func(e *Evidence) finding {
			if why := e.untrusted(); why != "" {
				return refused("untrusted", why)
			}
			return passed("trusted")
		},
		limits: trustProof(),
	}
}

// attestationAsMetadata: the metadata statement lists the type of attestation and the
// credential's algorithm.
func attestationAsMetadata(r *Rules) *clause {
	if r.Attestation == nil || r.Attestation.AsMetadata == nil {
		return nil
	}
	return entryRule("attestation type and algorithm as in the metadata", func(e *Evidence) finding {
		found := shown(string(e.AttestationType)) + " with " + e.Algorithm.String()
		return onStatement(func(s *metadata.Statement) finding {
			switch {
			case !s.HasAttestation(e.AttestationType):
				return refused(found, "the model does not attest like that")
			case !s.HasAlgorithm(e.Algorithm):
				return refused(found, "the model does not make such keys")
			}
			return passed(found)
		})(e)
	})
}

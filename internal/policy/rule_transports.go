package policy

import "bestow.dev/webauthn"

// transportsAnyOf: the authenticator can be reached in one of the ways.
func transportsAnyOf(r *Rules) *clause {
	if r.Transports == nil || r.Transports.AnyOf == nil {
		return nil
	}
	wanted := r.Transports.AnyOf
	return transportRule(either(wanted, "transports"), func(has []string) bool { return overlap(has, wanted) },
		append(byTransport(wanted), limit{of: ofTransport, some: wanted}))
}

// transportsAllOf: it can be reached in all of them.
func transportsAllOf(r *Rules) *clause {
	if r.Transports == nil || r.Transports.AllOf == nil {
		return nil
	}
	wanted := r.Transports.AllOf
	return transportRule(every(wanted, "transports"), func(has []string) bool { return len(without(wanted, has)) == 0 },
		[]limit{{of: ofTransport, all: wanted}})
}

// transportsNoneOf: it can be reached in none of them.
func transportsNoneOf(r *Rules) *clause {
	if r.Transports == nil || r.Transports.NoneOf == nil {
		return nil
	}
	denied := r.Transports.NoneOf
	return transportRule("not "+either(denied, "transports"), func(has []string) bool { return !overlap(has, denied) },
		[]limit{{of: ofTransport, never: denied}})
}

// transportRule returns a rule on the client's word.
func transportRule(wanted string, holds func(has []string) bool, limits []limit) *clause {
	return &clause{
		wanted: wanted,
		judge: func(e *Evidence) finding {
			if len(e.Transports) == 0 {
				return notJudged(unsaid)
			}
			return judgeIf(holds(e.Transports), shownList(e.Transports))
		},
		limits: limits,
	}
}

// byTransport are the limits of a rule that takes one of the ways: what comes by cable
// or radio alone is not part of the platform.
func byTransport(ways []string) []limit {
	if overlap(ways, []string{"internal", "hybrid"}) {
		return nil
	}
	return []limit{{of: ofAttachment, only: []string{string(webauthn.AttachmentCrossPlatform)}, why: "nothing in the platform is reached like that"}}
}

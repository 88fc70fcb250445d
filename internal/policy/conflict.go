package policy

import (
	"slices"

	"bestow.dev/webauthn"
)

// Severity says what a [Conflict] leads to.
type Severity string

// The severities.
const (
	// SeverityConflict: nothing can pass as long as both are in force.
	SeverityConflict Severity = "conflict"
	// SeverityWarning: it would be so if a policy that monitors were enforced, or it is
	// so for one alternative, or next to nothing can pass.
	SeverityWarning Severity = "warning"
)

// Ref names a rule: of a policy, or, with an empty Policy, what the relying party
// itself asks for.
type Ref struct {
	Policy string `json:"policy"`
	Rule   string `json:"rule"`
}

// String names the rule for people.
func (r Ref) String() string {
	if r.Policy == "" {
		return "the relying party's " + r.Rule
	}
	return r.Policy + " " + r.Rule
}

// Conflict is rules that leave nothing that could pass.
type Conflict struct {
	Severity Severity `json:"severity"`
	// Rules are those that do not go together; a single one can do so by itself.
	Rules []Ref  `json:"rules"`
	Words string `json:"words"` // why, for people
}

// String returns the text for the log.
func (c Conflict) String() string { return string(c.Severity) + ": " + c.Words }

// maxCombinations is how many combinations of several policies' alternatives are
// looked at. Beyond them, a conflict may go unnoticed until keys are refused.
const maxCombinations = 256

// Conflicts returns which rules of the set, and of what the relying party asks for
// itself, leave nothing that could pass. A caller that follows [Set.Demands] hands in
// what came of them. Rules meet where they are judged at the same ceremony; a policy
// that is off meets none. Nothing found does not promise that there is a key on the
// market which passes.
func (s *Set) Conflicts(b Base) []Conflict {
	var all []Conflict
	for _, at := range []Ceremony{Registration, SignIn} {
		for _, c := range s.conflictsAt(at, b) {
			if !slices.ContainsFunc(all, c.sameRules) {
				all = append(all, c)
			}
		}
	}
	return all
}

func (c Conflict) sameRules(other Conflict) bool { return slices.Equal(c.Rules, other.Rules) }

// placed is a limit, and the rule it comes from.
type placed struct {
	limit
	ref      Ref
	enforced bool
}

// conflictsAt finds the conflicts at one ceremony.
func (s *Set) conflictsAt(at Ceremony, b Base) []Conflict {
	fixed := b.limits()
	judged := false
	for i := range s.policies {
		if p := &s.policies[i]; p.judgesAt(at) {
			fixed = p.place(fixed, p.rules)
			judged = true
		}
	}
	if !judged {
		return nil
	}
	found := clash(fixed, 0)
	var open []choice // policies with alternatives that can pass
	combinations := 1
	for i := range s.policies {
		p := &s.policies[i]
		if !p.judgesAt(at) || len(p.alternatives) == 0 {
			continue
		}
		c := p.choose(fixed)
		found = append(found, c.dead...)
		if len(c.live) > 0 && p.mode == ModeEnforce {
			open = append(open, c)
			combinations *= min(len(c.live), maxCombinations)
			combinations = min(combinations, maxCombinations+1)
		}
	}
	if len(open) > 1 && combinations <= maxCombinations && !anyPasses(fixed, open) {
		c := Conflict{Severity: SeverityConflict, Words: "no alternative of one goes together with one of the others: "}
		for _, o := range open {
			c.Rules = append(c.Rules, o.ref)
		}
		c.Words += every(names(c.Rules), "rules")
		found = append(found, c)
	}
	return found
}

// limits are what the options limit by themselves.
func (b Base) limits() []placed {
	place := func(rule string, l limit) placed { return placed{l, Ref{Rule: rule}, true} }
	var all []placed
	if len(b.Algorithms) > 0 {
		var names []string
		for _, alg := range b.Algorithms {
			names = append(names, alg.Canonical().String())
		}
		all = append(all, place("algorithms", only(ofAlgorithm, names...)))
	}
	if b.Attestation == "" || b.Attestation == webauthn.ConveyanceNone {
		// Clients replace what the authenticator attested, unless it is self attestation
		// without a model (WebAuthn Level 3 §5.4.7).
		const why = "no attestation is asked for"
		all = append(all,
			place("attestation", limit{of: ofType, only: []string{"none", "self"}, why: why}),
			place("attestation", limit{of: ofFormat, only: []string{"none", "packed"}, why: why}))
	}
	if b.ResidentKey == webauthn.ResidentKeyRequired {
		all = append(all, place("residentKey", only(ofDiscoverable, yes)))
	}
	if b.UserVerification == webauthn.UserVerificationRequired {
		all = append(all, place("userVerification", only(ofUserVerification, yes)))
	}
	if b.Attachment != "" {
		all = append(all, place("attachment", only(ofAttachment, string(b.Attachment))))
	}
	return all
}

// place appends the limits of clauses of p.
func (p *compiled) place(to []placed, clauses []clause) []placed {
	for _, c := range clauses {
		for _, l := range c.limits {
			to = append(to, placed{l, Ref{p.name, c.path}, p.mode == ModeEnforce})
		}
	}
	return to
}

// choice is a policy's alternatives: the limits of those that can pass, and what is to
// be said of those that cannot.
type choice struct {
	ref  Ref
	live [][]placed
	dead []Conflict
}

// choose tells the alternatives that can pass beside the fixed limits from those that
// cannot.
func (p *compiled) choose(fixed []placed) choice {
	c := choice{ref: Ref{p.name, "alternatives"}}
	for _, clauses := range p.alternatives {
		own := p.place(nil, clauses)
		dead := clash(append(slices.Clip(fixed), own...), len(fixed))
		if !slices.ContainsFunc(dead, func(c Conflict) bool { return c.Severity == SeverityConflict || p.mode != ModeEnforce }) {
			c.live = append(c.live, own)
		}
		c.dead = append(c.dead, dead...)
	}
	if len(c.live) > 0 {
		for i := range c.dead {
			c.dead[i].Severity = SeverityWarning // there is another way
		}
	}
	return c
}

// anyPasses reports whether some choice of alternatives goes together.
func anyPasses(limits []placed, open []choice) bool {
	if len(open) == 0 {
		return true
	}
	for _, alternative := range open[0].live {
		together := append(slices.Clip(limits), alternative...)
		stuck := slices.ContainsFunc(clash(together, len(limits)), func(c Conflict) bool { return c.Severity == SeverityConflict })
		if !stuck && anyPasses(together, open[1:]) {
			return true
		}
	}
	return false
}

func names(refs []Ref) []string {
	all := make([]string, len(refs))
	for i, r := range refs {
		all[i] = r.String()
	}
	return all
}

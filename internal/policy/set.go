package policy

import (
	"slices"
	"strconv"
)

// maxDocuments is how many documents a set has at most.
const maxDocuments = 16

// Set is documents that all have to agree, ready to decide. The zero value, without
// documents, allows everything.
type Set struct{ policies []compiled }

// compiled is a document, ready to judge.
type compiled struct {
	name, version string
	mode          Mode
	at            []Ceremony
	rules         []clause
	alternatives  [][]clause
}

// Compile puts documents together. Every document is checked as [Parse] does, and no
// two of them have the same name. Errors: [ErrDocument], [ErrSet].
func Compile(documents ...*Document) (*Set, error) {
	if len(documents) > maxDocuments {
		return nil, ErrSet.Saying("At most %d policies can be put together.", maxDocuments)
	}
	s := &Set{policies: make([]compiled, 0, len(documents))}
	for _, d := range documents {
		if d == nil {
			return nil, ErrSet.Saying("A policy is missing.")
		}
		c, err := d.checked()
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(s.policies, func(p compiled) bool { return p.name == c.Name }) {
			return nil, ErrSet.Saying("Two policies have the name %s.", c.Name)
		}
		s.policies = append(s.policies, compile(c))
	}
	return s, nil
}

// compile compiles a document that is in canonical form.
func compile(d *Document) compiled {
	p := compiled{name: d.Name, version: d.digest().String(), mode: d.Mode, at: d.At}
	if d.Rules != nil {
		p.rules = d.Rules.clauses("rules")
	}
	for i := range d.Alternatives {
		p.alternatives = append(p.alternatives, d.Alternatives[i].clauses(element("alternatives", i)))
	}
	return p
}

// judgesAt reports whether the policy is judged at a ceremony.
func (p *compiled) judgesAt(c Ceremony) bool { return p.mode != ModeOff && slices.Contains(p.at, c) }

// Decide judges evidence by every policy, and each of their rules.
func (s *Set) Decide(e Evidence) Decision {
	d := Decision{Allowed: true, Ceremony: e.at(), Time: e.Time, Policies: make([]PolicyDecision, 0, len(s.policies))}
	if e.Model != nil {
		d.Metadata = &MetadataSource{Source: e.Model.Source, Number: e.Model.Number}
	}
	for i := range s.policies {
		p := s.policies[i].judge(&e)
		d.Policies = append(d.Policies, p)
		if p.Outcome == Refused && d.Allowed {
			d.Allowed, d.RefusedBy = false, p.refusal()
		}
	}
	return d
}

// judge judges evidence by one policy.
func (p *compiled) judge(e *Evidence) PolicyDecision {
	d := PolicyDecision{Policy: p.name, Version: p.version, Mode: p.mode, Outcome: NotJudged}
	switch {
	case p.mode == ModeOff:
		d.Why = "it is off"
		return d
	case !p.judgesAt(e.at()):
		d.Why = "it is not for this ceremony"
		return d
	}
	var holds bool
	d.Rules = make([]RuleDecision, 0, p.size())
	d.Rules, holds = judgeAll(d.Rules, p.rules, e)
	if len(p.alternatives) > 0 && !p.judgeAlternatives(&d, e) {
		holds = false
	}
	switch {
	case holds:
		d.Outcome = Passed
	case p.mode == ModeMonitor:
		d.Outcome = WouldRefuse
	default:
		d.Outcome = Refused
	}
	return d
}

// size returns how many rules are tried.
func (p *compiled) size() int {
	n := len(p.rules)
	for _, a := range p.alternatives {
		n += len(a) + 1
	}
	return n
}

// judgeAll appends what becomes of each clause, and reports whether none refuses.
func judgeAll(to []RuleDecision, clauses []clause, e *Evidence) (all []RuleDecision, hold bool) {
	hold = true
	for i := range clauses {
		f := clauses[i].judge(e)
		hold = hold && f.outcome != Refused
		to = append(to, RuleDecision{Rule: clauses[i].path, Outcome: f.outcome, Wanted: clauses[i].wanted, Found: f.found, Why: f.why})
	}
	return to, hold
}

// judgeAlternatives adds a decision on the alternatives as one rule, and then what
// their own rules say, and reports whether one of them holds.
func (p *compiled) judgeAlternatives(d *PolicyDecision, e *Evidence) bool {
	verdict := len(d.Rules)
	d.Rules = append(d.Rules, RuleDecision{
		Rule: "alternatives", Outcome: Refused,
		Wanted: "one of " + strconv.Itoa(len(p.alternatives)) + " alternatives", Found: "none of them",
	})
	holds := false
	for i, a := range p.alternatives {
		var hold bool
		if d.Rules, hold = judgeAll(d.Rules, a, e); hold && !holds {
			holds = true
			d.Rules[verdict].Outcome, d.Rules[verdict].Found = Passed, element("alternatives", i)
		}
	}
	return holds
}

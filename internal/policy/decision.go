package policy

import (
	"strings"
	"text/tabwriter"
	"time"
)

// Outcome is what a policy, or one of its rules, makes of evidence.
type Outcome string

// The outcomes.
const (
	Passed      Outcome = "passed"
	Refused     Outcome = "refused"
	WouldRefuse Outcome = "would-refuse" // of a policy that monitors
	NotJudged   Outcome = "not-judged"
)

// Decision is what a set makes of evidence. Its JSON form only ever gains members.
type Decision struct {
	Allowed bool `json:"allowed"`
	// RefusedBy is the first enforced rule that refused; nil if Allowed.
	RefusedBy *RefusedBy `json:"refusedBy,omitempty"`
	Ceremony  Ceremony   `json:"ceremony"`
	// Time is the evidence's.
	Time time.Time `json:"time"`
	// Metadata says which list the evidence is from; nil if none has the model.
	Metadata *MetadataSource `json:"metadata,omitempty"`
	// Policies are those of the set, in its order.
	Policies []PolicyDecision `json:"policies"`
}

// RefusedBy names a rule and says why it refused.
type RefusedBy struct {
	Policy string `json:"policy"`
	Rule   string `json:"rule"` // path in the document, such as "rules.models.allow"
	Words  string `json:"words"`
}

// String returns the text for the log.
func (r *RefusedBy) String() string { return r.Policy + ": " + r.Rule + ": " + r.Words }

// MetadataSource names a list of metadata.
type MetadataSource struct {
	Source string `json:"source,omitempty"`
	Number uint64 `json:"number,omitempty"`
}

// PolicyDecision is what one policy makes of evidence.
type PolicyDecision struct {
	Policy  string  `json:"policy"`
	Version string  `json:"version"` // the document's digest
	Mode    Mode    `json:"mode"`
	Outcome Outcome `json:"outcome"`
	Why     string  `json:"why,omitempty"` // it was not judged
	// Rules are all those tried, in the document's order; nil if not judged.
	Rules []RuleDecision `json:"rules,omitempty"`
}

// RuleDecision is what one rule makes of evidence. Texts are a few words for people,
// without key material; what came from outside is quoted in them where it is not plain.
type RuleDecision struct {
	Rule    string  `json:"rule"`
	Outcome Outcome `json:"outcome"`
	Wanted  string  `json:"wanted"`
	Found   string  `json:"found,omitempty"`
	// Why says why the rule refused although what was found looks right, or why it
	// was not judged.
	Why string `json:"why,omitempty"`
}

// words says what was wanted and found.
func (r *RuleDecision) words() string {
	text := "wanted " + r.Wanted
	if r.Found != "" {
		text += "; found " + r.Found
	}
	if r.Why != "" {
		text += "; " + r.Why
	}
	return text
}

// refusal returns the first rule that refused. Where the alternatives did, that is
// they themselves, as each rule in them might have been spared by another.
func (p *PolicyDecision) refusal() *RefusedBy {
	for i := range p.Rules {
		if r := &p.Rules[i]; r.Outcome == Refused {
			return &RefusedBy{Policy: p.Policy, Rule: r.Rule, Words: r.words()}
		}
	}
	return nil
}

// WouldRefuse returns the rules that were broken of policies that only monitor, in their
// order; nil for none. Of alternatives it is that none of them held.
func (d *Decision) WouldRefuse() []RefusedBy {
	var broken []RefusedBy
	for i := range d.Policies {
		p := &d.Policies[i]
		if p.Outcome != WouldRefuse {
			continue
		}
		for j := range p.Rules {
			r := &p.Rules[j]
			if r.Outcome == Refused && !strings.HasPrefix(r.Rule, "alternatives[") {
				broken = append(broken, RefusedBy{Policy: p.Policy, Rule: r.Rule, Words: r.words()})
			}
		}
	}
	return broken
}

// String returns the decision as a table for a terminal.
func (d Decision) String() string {
	var b strings.Builder
	b.WriteString("allowed")
	if d.RefusedBy != nil {
		b.Reset()
		b.WriteString("refused by " + d.RefusedBy.String())
	}
	b.WriteByte('\n')
	if len(d.Policies) == 0 {
		return b.String()
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(cells ...string) {
		// A strings.Builder takes everything.
		_, _ = w.Write([]byte(strings.Join(cells, "\t") + "\n"))
	}
	line("POLICY", "RULE", "OUTCOME", "WANTED", "FOUND")
	for _, p := range d.Policies {
		line(p.Policy+" ("+string(p.Mode)+")", "", string(p.Outcome), "", p.Why)
		for _, r := range p.Rules {
			found := r.Found
			if r.Why != "" {
				found = strings.TrimPrefix(found+": "+r.Why, ": ")
			}
			line("", r.Rule, string(r.Outcome), r.Wanted, found)
		}
	}
	_ = w.Flush()
	return b.String()
}

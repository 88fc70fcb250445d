package onespan

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"bestow.dev/internal/policy"
	"bestow.dev/webauthn"
)

// defaultPolicy is what a relying party has that is made without one, as on the
// platform: everything is accepted but what is known not to be certified.
const defaultPolicy = "default"

func theDefaultPolicy() *policyDocument {
	return &policyDocument{Name: defaultPolicy, FIDO: policyFIDO{FIDO2: &policyFIDO2{
		Accepted: []criterion{{}}, Disallowed: []criterion{{AuthCertLevel: []string{"NOT_FIDO_CERTIFIED"}}},
	}}}
}

// sourceFormat names the documents of this door where one is kept with the policy that
// was made from it.
const sourceFormat = "onespan"

type policySource struct {
	Format   string          `json:"format"`
	Document *policyDocument `json:"document"`
}

// sourceOf returns the document that a policy was made from; nil for one that was not
// written through this door.
func sourceOf(d *policy.Document) *policyDocument {
	var s policySource
	if d == nil || len(d.Source) == 0 || json.Unmarshal(d.Source, &s) != nil || s.Format != sourceFormat || s.Document == nil || s.Document.FIDO.FIDO2 == nil {
		return nil
	}
	return s.Document
}

// allowsSelfAttestation reports whether the policies that were written here all allow
// it, and there is one.
func allowsSelfAttestation(documents []*policy.Document) bool {
	allowed := false
	for _, d := range documents {
		switch s := sourceOf(d); {
		case s == nil:
		case !s.FIDO.FIDO2.AllowSelfAttestation:
			return false
		default:
			allowed = true
		}
	}
	return allowed
}

// translate returns the policy that judges as the document says. A document is a
// condition on authenticators: one of what is accepted matches, and nothing of what is
// disallowed. A policy has alternatives of rules that all hold, so that each accepted
// criterion becomes one, or more where a disallowed criterion has several members, of
// which it is enough to miss one.
//
// Errors: onespan.input, with everything that is wrong.
func (d *policyDocument) translate() (*policy.Document, error) {
	in := input{}
	if d.FIDO.FIDO2 == nil {
		in.refuse("fido.fido2", "is required")
		return nil, in.err()
	}
	f := d.FIDO.FIDO2
	f.Disallowed = append([]criterion{}, f.Disallowed...) // never null
	if d.FIDO.U2F != nil {
		d.FIDO.U2F.Disallowed = append([]criterion{}, d.FIDO.U2F.Disallowed...)
	}
	format := ""
	if d.FIDO.U2F != nil {
		format = "not fido-u2f"
	}
	t := translation{in: &in}
	t.section("fido.fido2", f.Accepted, f.Disallowed, base{format: format, denySelf: !f.AllowSelfAttestation})
	if u := d.FIDO.U2F; u != nil {
		t.section("fido.u2f", u.Accepted, u.Disallowed, base{format: "fido-u2f"})
	}
	if len(t.alternatives) > maxAlternatives {
		in.refuse("fido", "has more combinations of accepted and disallowed than can be judged ("+strconv.Itoa(maxAlternatives)+")")
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	source, err := json.Marshal(policySource{sourceFormat, d})
	if err != nil {
		return nil, err
	}
	return t.document(d.Name, source), nil
}

// maxAlternatives is how many a policy has at most.
const maxAlternatives = 16

// translation collects alternatives.
type translation struct {
	in           *input
	alternatives []policy.Rules
}

// base is what all authenticators of a section have in common.
type base struct {
	format   string // fido-u2f, not fido-u2f, or empty for all
	denySelf bool
}

func (b base) rules() rules {
	var r rules
	switch b.format {
	case "fido-u2f":
		r.formats = &policy.Selection{Allow: []string{"fido-u2f"}}
	case "not fido-u2f":
		r.formats = &policy.Selection{Deny: []string{"fido-u2f"}}
	}
	if b.denySelf {
		r.types = &policy.Selection{Deny: []string{string(webauthn.AttestationSelf)}}
	}
	return r
}

// section adds the alternatives of a section that stands at a path.
func (t *translation) section(at string, accepted, disallowed []criterion, b base) {
	if accepted == nil {
		t.in.refuse(at+".accepted", "is required; [{}] accepts everything, [] nothing")
		return
	}
	misses := [][]rules{{b.rules()}} // of each disallowed criterion so far, one member is missed
	for i := range disallowed {
		misses = append(misses, t.missing(at+".disallowed["+strconv.Itoa(i)+"]", &disallowed[i]))
	}
	for i := range accepted {
		matching, ok := t.matching(at+".accepted["+strconv.Itoa(i)+"]", &accepted[i])
		if !ok {
			continue
		}
		if accepted[i].empty() && b.format != "fido-u2f" && !slices.ContainsFunc(disallowed, func(c criterion) bool { return c.empty() }) {
			// What says nothing of its model is matched, and by no other criterion.
			t.add(rules{types: &policy.Selection{Allow: []string{string(webauthn.AttestationNone)}}})
		}
		t.product(matching, misses)
	}
}

// product adds an alternative for each way to match and to miss all there is to miss.
func (t *translation) product(matching rules, misses [][]rules) {
	if len(t.alternatives) > maxAlternatives { // enough to refuse it
		return
	}
	if len(misses) == 0 {
		t.add(matching)
		return
	}
	for _, miss := range misses[0] {
		t.product(matching.and(miss), misses[1:])
	}
}

func (t *translation) add(r rules) { t.alternatives = append(t.alternatives, r.group()) }

// document returns the policy with the alternatives.
func (t *translation) document(name string, source json.RawMessage) *policy.Document {
	d := &policy.Document{Name: name, Source: source}
	switch len(t.alternatives) {
	case 0: // nothing is accepted
		r := rules{types: &policy.Selection{Allow: []string{string(webauthn.AttestationNone)}}}.group()
		r.Attestation.Trusted = new(true)
		d.Rules = &r
	case 1:
		d.Rules = &t.alternatives[0]
	default:
		d.Alternatives = t.alternatives
	}
	return d
}

func (c *criterion) empty() bool {
	return len(c.AAGUID)+len(c.CertificateKeys)+len(c.AuthCertLevel)+len(c.UserVerificationMethods)+len(c.KeyProtection) == 0
}

// matching returns the rules that hold where a criterion matches.
func (t *translation) matching(at string, c *criterion) (rules, bool) {
	var r rules
	before := len(t.in.wrong)
	t.lists(at, c)
	if len(c.AAGUID) > 0 {
		r.models = &policy.Selection{Allow: t.aaguids(at, c.AAGUID)}
	}
	if len(c.CertificateKeys) > 0 {
		r.keys = &policy.Selection{Allow: c.CertificateKeys}
	}
	if len(c.AuthCertLevel) > 0 {
		r.level = t.least(at+".authCertLevel", c.AuthCertLevel)
	}
	if len(c.UserVerificationMethods) > 0 {
		r.verification = &policy.Words{AnyOf: words(c.UserVerificationMethods)}
	}
	if len(c.KeyProtection) > 0 {
		r.protection = &policy.Words{AnyOf: words(c.KeyProtection)}
	}
	return r, len(t.in.wrong) == before
}

// missing returns the ways in which a criterion does not match, each as rules. The
// empty one is never missed.
func (t *translation) missing(at string, c *criterion) []rules {
	var ways []rules
	t.lists(at, c)
	if len(c.AAGUID) > 0 {
		ways = append(ways, rules{models: &policy.Selection{Deny: t.aaguids(at, c.AAGUID)}})
	}
	if len(c.CertificateKeys) > 0 {
		ways = append(ways, rules{keys: &policy.Selection{Deny: c.CertificateKeys}})
	}
	if len(c.AuthCertLevel) > 0 {
		for i, status := range c.AuthCertLevel {
			if !slices.Contains(deniable, status) {
				t.in.refuse(at+".authCertLevel["+strconv.Itoa(i)+"]", "must be one of "+strings.Join(deniable, ", ")+" where it is disallowed")
			}
		}
		ways = append(ways, rules{statuses: c.AuthCertLevel})
	}
	if len(c.UserVerificationMethods) > 0 {
		ways = append(ways, rules{verification: &policy.Words{NoneOf: words(c.UserVerificationMethods)}})
	}
	if len(c.KeyProtection) > 0 {
		ways = append(ways, rules{protection: &policy.Words{NoneOf: words(c.KeyProtection)}})
	}
	return ways
}

// lists refuses lists that are there and empty: nothing has one of no values, and a
// document that says so means something else.
func (t *translation) lists(at string, c *criterion) {
	for _, l := range []struct {
		name string
		list []string
	}{
		{"aaguid", c.AAGUID},
		{"attestationCertificateKeyIdentifier", c.CertificateKeys},
		{"authCertLevel", c.AuthCertLevel},
		{"userVerification", c.UserVerificationMethods},
		{"keyProtection", c.KeyProtection},
	} {
		if l.list != nil && len(l.list) == 0 {
			t.in.refuse(at+"."+l.name, "is empty")
		}
	}
}

func (t *translation) aaguids(at string, texts []string) []string {
	for i, text := range texts {
		if _, err := webauthn.ParseAAGUID(text); err != nil {
			t.in.refuse(at+".aaguid["+strconv.Itoa(i)+"]", "must have the form 8-4-4-4-12 of hexadecimal digits")
		}
	}
	return texts
}

// deniable are the statuses of the metadata that can be disallowed.
var deniable = []string{
	"NOT_FIDO_CERTIFIED", "SELF_ASSERTION_SUBMITTED", "USER_VERIFICATION_BYPASS", "ATTESTATION_KEY_COMPROMISE",
	"USER_KEY_REMOTE_COMPROMISE", "USER_KEY_PHYSICAL_COMPROMISE", "UPDATE_AVAILABLE", "REVOKED", "RETIRED",
}

// compromises are what a policy about metadata denies in any case.
var compromises = []string{
	"USER_VERIFICATION_BYPASS", "ATTESTATION_KEY_COMPROMISE", "USER_KEY_REMOTE_COMPROMISE", "USER_KEY_PHYSICAL_COMPROMISE", "REVOKED",
}

// levels of certification, the lowest first.
var levels = []string{"L1", "L1plus", "L2", "L2plus", "L3", "L3plus"}

// least returns the lowest of the levels of certification that are accepted: a higher
// one is accepted too.
func (t *translation) least(at string, accepted []string) string {
	lowest := len(levels)
	for i, status := range accepted {
		level := 0 // FIDO_CERTIFIED is from before there were levels
		if status != "FIDO_CERTIFIED" {
			level = slices.Index(levels, strings.TrimPrefix(status, "FIDO_CERTIFIED_"))
		}
		if level < 0 {
			t.in.refuse(at+"["+strconv.Itoa(i)+"]", "must be FIDO_CERTIFIED, or FIDO_CERTIFIED_ and a level from L1 to L3plus, where it is accepted")
			continue
		}
		lowest = min(lowest, level)
	}
	if lowest == len(levels) {
		return ""
	}
	return levels[lowest]
}

// words returns words of the FIDO registry as policies have them.
func words(all []string) []string {
	lower := make([]string, len(all))
	for i, w := range all {
		lower[i] = strings.ToLower(w)
	}
	return lower
}

package onespan

import (
	"slices"

	"bestow.dev/internal/policy"
)

// rules are those of one alternative, before they are written down.
type rules struct {
	models, keys, types, formats *policy.Selection
	verification, protection     *policy.Words
	level                        string   // least level of certification
	statuses                     []string // denied beside the compromises
}

// and returns rules that hold where both do. Nothing is accepted twice by what comes
// together here: of two, one at most says what is allowed.
func (r rules) and(o rules) rules {
	r.models, r.keys = both(r.models, o.models), both(r.keys, o.keys)
	r.types, r.formats = both(r.types, o.types), both(r.formats, o.formats)
	r.verification, r.protection = bothWords(r.verification, o.verification), bothWords(r.protection, o.protection)
	r.level += o.level
	r.statuses = union(r.statuses, o.statuses)
	return r
}

func both(a, b *policy.Selection) *policy.Selection {
	if a == nil || b == nil {
		return orOther(a, b)
	}
	return &policy.Selection{Allow: union(a.Allow, b.Allow), Deny: union(a.Deny, b.Deny)}
}

func bothWords(a, b *policy.Words) *policy.Words {
	if a == nil || b == nil {
		return orOther(a, b)
	}
	return &policy.Words{AnyOf: union(a.AnyOf, b.AnyOf), NoneOf: union(a.NoneOf, b.NoneOf)}
}

func orOther[T any](a, b *T) *T {
	if a == nil {
		return b
	}
	return a
}

// union returns what is in either list; nil if that is nothing.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// group returns the rules as a policy has them. What asks for nothing asks that the
// model is not known to be revoked or compromised, which always holds.
func (r rules) group() policy.Rules {
	g := policy.Rules{Models: r.models, KeyIdentifiers: r.keys}
	if r.types != nil || r.formats != nil {
		g.Attestation = &policy.Attestation{Types: r.types, Formats: r.formats}
	}
	metadata := r.metadata()
	if metadata == nil && g == (policy.Rules{}) {
		metadata = &policy.Metadata{Required: new(false)}
	}
	g.Metadata = metadata
	return g
}

// metadata returns the rules about the metadata; nil if there is none. A model that the
// metadata does not know is refused where something has to be known of it, and only there.
func (r rules) metadata() *policy.Metadata {
	if r.verification == nil && r.protection == nil && r.level == "" && r.statuses == nil {
		return nil
	}
	known := r.level != "" || asksFor(r.verification) || asksFor(r.protection)
	m := &policy.Metadata{Required: new(known), MinimumLevel: r.level}
	if r.statuses != nil {
		m.Statuses = &policy.Statuses{Deny: union(compromises, r.statuses)}
	}
	if r.verification != nil || r.protection != nil {
		m.Properties = &policy.Properties{UserVerificationMethods: r.verification, KeyProtection: r.protection}
	}
	return m
}

// asksFor reports whether one of some words has to be there.
func asksFor(w *policy.Words) bool { return w != nil && len(w.AnyOf) > 0 }

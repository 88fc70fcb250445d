package policy

import (
	"slices"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// Base is what the relying party itself asks for, before any policy.
type Base struct {
	// Algorithms are those offered, the most wanted first.
	Algorithms []cose.Algorithm
	// Attestation, ResidentKey, UserVerification and Attachment are those of the
	// options; empty means what it means there.
	Attestation      webauthn.Conveyance
	ResidentKey      webauthn.ResidentKey
	UserVerification webauthn.UserVerification
	Attachment       webauthn.Attachment
}

// Demands returns what options have to ask for at a ceremony, so that a good key can
// pass: b, and where a policy that enforces leaves only one thing to ask for, that.
//
// Algorithms are those of b that the policies leave, in b's order: none, if they leave
// none. Attestation is at least direct where a rule, or a rule of an alternative,
// takes one. A policy that forbids discoverable credentials has them discouraged.
// Where policies leave nothing to ask for, b stays; [Set.Conflicts] tells.
func (s *Set) Demands(at Ceremony, b Base) Demands {
	d := Demands(b)
	d.Algorithms = nil
	for _, alg := range b.Algorithms {
		if s.leaves(at, ofAlgorithm, alg.Canonical().String()) {
			d.Algorithms = append(d.Algorithms, alg)
		}
	}
	if s.asksFor(at, ofUserVerification, yes, no) {
		d.UserVerification = webauthn.UserVerificationRequired
	}
	switch {
	case s.asksFor(at, ofDiscoverable, yes, no):
		d.ResidentKey = webauthn.ResidentKeyRequired
	case s.asksFor(at, ofDiscoverable, no, yes) && b.ResidentKey != webauthn.ResidentKeyRequired:
		d.ResidentKey = webauthn.ResidentKeyDiscouraged
	}
	platform, crossPlatform := string(webauthn.AttachmentPlatform), string(webauthn.AttachmentCrossPlatform)
	switch {
	case b.Attachment != "":
	case s.asksFor(at, ofAttachment, platform, crossPlatform):
		d.Attachment = webauthn.AttachmentPlatform
	case s.asksFor(at, ofAttachment, crossPlatform, platform):
		d.Attachment = webauthn.AttachmentCrossPlatform
	}
	if d.Attestation != webauthn.ConveyanceEnterprise && s.takesAttestation(at) {
		d.Attestation = webauthn.ConveyanceDirect
	}
	return d
}

// Demands are what options have to ask for.
type Demands Base

// leaves reports whether every policy leaves the value: its rules do, and one of its
// alternatives, if it has any.
func (s *Set) leaves(at Ceremony, of aspect, value string) bool {
	for i := range s.policies {
		p := &s.policies[i]
		if p.mode != ModeEnforce || !p.judgesAt(at) {
			continue
		}
		if !leavesValue(p.rules, of, value) {
			return false
		}
		if len(p.alternatives) > 0 && !slices.ContainsFunc(p.alternatives, func(a []clause) bool { return leavesValue(a, of, value) }) {
			return false
		}
	}
	return true
}

// asksFor reports whether the policies leave the one value, and not the other.
func (s *Set) asksFor(at Ceremony, of aspect, value, other string) bool {
	return s.leaves(at, of, value) && !s.leaves(at, of, other)
}

func leavesValue(clauses []clause, of aspect, value string) bool {
	for _, c := range clauses {
		for _, l := range c.limits {
			if l.of == of && (l.only != nil && !slices.Contains(l.only, value) || slices.Contains(l.never, value)) {
				return false
			}
		}
	}
	return true
}

// TakesNone reports whether an answer without attestation can meet every policy that
// enforces, and escapes none by saying nothing of its model: in each, its rules and, if
// it has any, one of its alternatives are content with that.
func (s *Set) TakesNone(at Ceremony) bool {
	content := func(clauses []clause) bool { return !takes(clauses) }
	for i := range s.policies {
		p := &s.policies[i]
		if p.mode != ModeEnforce || !p.judgesAt(at) {
			continue
		}
		if takes(p.rules) || len(p.alternatives) > 0 && !slices.ContainsFunc(p.alternatives, content) {
			return false
		}
	}
	return true
}

// takes reports whether clauses are not content with type none, or have nothing to
// judge there.
func takes(clauses []clause) bool {
	return !leavesValue(clauses, ofType, string(webauthn.AttestationNone)) ||
		slices.ContainsFunc(clauses, func(c clause) bool { return c.readsClaims })
}

// takesAttestation reports whether a rule, in whatever alternative, is not content
// with type none, or has nothing to judge there.
func (s *Set) takesAttestation(at Ceremony) bool {
	for i := range s.policies {
		p := &s.policies[i]
		if p.mode != ModeEnforce || !p.judgesAt(at) {
			continue
		}
		if takes(p.rules) || slices.ContainsFunc(p.alternatives, takes) {
			return true
		}
	}
	return false
}

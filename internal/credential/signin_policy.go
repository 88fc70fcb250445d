package credential

import (
	"context"

	"bestow.dev/internal/policy"
	"bestow.dev/webauthn"
)

// judgeSignIn decides whether the policies that hold at sign-ins accept a good
// assertion. What they go by is the registration, as it was judged then, with the flags
// of the sign-in and what is known of the model now. Without such policies there is
// nothing to decide, and nothing is read.
//
// Errors: [*PolicyRefusal]; credential.unproven for a credential that was registered
// elsewhere; credential.unknown for one that was deleted meanwhile.
func (s *Service) judgeSignIn(ctx context.Context, p *policySet, c *Credential, made *webauthn.Authentication, attachment webauthn.Attachment) (*policy.Decision, error) {
	if !p.atSignIn {
		return nil, nil
	}
	e, err := s.store.Evidence(ctx, c.Tenant, c.ID)
	if err != nil {
		return nil, err
	}
	if len(e.AttestationObject) == 0 { // adopted: there is nothing to go by
		if p.insists {
			return nil, ErrAdoptUnproven
		}
		return nil, nil
	}
	then := p
	if len(e.Basis) > 0 {
		if then, err = s.policyThen(ctx, c.Tenant, ofAttestation(e.Basis)); err != nil {
			return nil, err
		}
	}
	registered, err := then.attestedBy(c, e)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	models := p.modelsOf(registered.Attestation())
	decision := p.decide(models, func(i int) policy.Evidence {
		return evidenceOf(registered, attachment, models, i, now).AtSignIn(made, attachment, now)
	})
	if !decision.Allowed {
		return nil, &PolicyRefusal{decision}
	}
	return &decision, nil
}

// ofAttestation returns the parts of a basis that say what an attestation was worth. The
// others said whether that was enough. Revocation lists, which can be long, are among
// those: of the anchors that were kept, none was reached by what they named.
func ofAttestation(basis []BasisRef) (refs []BasisRef) {
	for _, ref := range basis {
		switch ref.Kind {
		case BasisPolicy, BasisModel, BasisRevocationList:
		default:
			refs = append(refs, ref)
		}
	}
	return refs
}

// attestedBy verifies kept evidence once more, and asks nothing of what was attested:
// that was done at the registration.
func (p *policySet) attestedBy(c *Credential, e *Evidence) (*webauthn.Registration, error) {
	options, resp, err := kept(c, e)
	if err == nil {
		trust := p.trust
		trust.Time, trust.Attestation, trust.AllowedAAGUIDs = e.Judged, webauthn.TrustIgnore, nil
		trust.RequireRevocationLists = false
		expected := options.Expectation(p.rp, trust)
		if e.Terms.Conditional { // it was allowed then
			expected.UserPresence = webauthn.UserPresenceOptional // 7.1/15
		}
		var reg *webauthn.Registration
		if reg, err = webauthn.JudgeRegistration(expected, resp); err == nil {
			return reg, nil
		}
	}
	// It was accepted then: the record was changed, which is nothing that the one who
	// signs in did.
	return nil, ourFault(err, "registration of credential %s as it was kept", c.ID)
}

// wouldRefuse returns the names of the policies that only monitor, and would refuse.
func wouldRefuse(d *policy.Decision) (names []string) {
	if d == nil {
		return nil
	}
	for _, p := range d.Policies {
		if p.Outcome == policy.WouldRefuse {
			names = append(names, p.Policy)
		}
	}
	return names
}

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
// Errors: [*PolicyRefusal]; credential.unknown for one that was deleted meanwhile.
func (s *Service) judgeSignIn(ctx context.Context, p *policySet, c *Credential, made *webauthn.Authentication, attachment webauthn.Attachment) (*policy.Decision, error) {
	if !p.atSignIn {
		return nil, nil
	}
	e, err := s.store.Evidence(ctx, c.Tenant, c.ID)
	if err != nil {
		return nil, err
	}
	then := p
	if len(e.Basis) > 0 {
		if then, err = s.policyThen(ctx, c.Tenant, e); err != nil {
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

// attestedBy verifies kept evidence once more, and asks nothing of what was attested:
// that was done at the registration.
func (p *policySet) attestedBy(c *Credential, e *Evidence) (*webauthn.Registration, error) {
	options, resp, err := kept(c, e)
	if err == nil {
		trust := p.trust
		trust.Time, trust.Attestation, trust.AllowedAAGUIDs = e.Judged, webauthn.TrustIgnore, nil
		var reg *webauthn.Registration
		if reg, err = webauthn.JudgeRegistration(options.Expectation(p.rp, trust), resp); err == nil {
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

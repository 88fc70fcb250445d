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
// Errors: [*PolicyRefusal].
func (s *Service) judgeSignIn(ctx context.Context, p *policySet, c *Credential, made *webauthn.Authentication, attachment webauthn.Attachment) (*policy.Decision, error) {
	if !p.atSignIn {
		return nil, nil
	}
	e, err := s.store.Evidence(ctx, c.Tenant, c.ID)
	if err != nil {
		return nil, err
	}
	then, err := s.policyThen(ctx, p, c.Tenant, e)
	if err != nil {
		return nil, err
	}
	registered, err := then.again(c, e, e.Judged)
	if err != nil {
		return nil, err // it was accepted then: the record was changed
	}
	now := s.clock()
	models := p.modelsOf(registered.Attestation())
	evidence := evidenceOf(registered.Registration, attachment, models, 0, now).AtSignIn(made, attachment, now)
	decision := p.documents.Decide(evidence)
	if !decision.Allowed {
		return nil, &PolicyRefusal{decision}
	}
	return &decision, nil
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

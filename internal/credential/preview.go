package credential

import (
	"context"
	"errors"

	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
)

// Preview is what a policy would mean for the credentials there are.
type Preview struct {
	RelyingParty string
	Credentials  int // looked at
	Affected     int // of these, that would be refused
}

// Affected is a credential that a policy would refuse, if it were registered now.
type Affected struct {
	Credential Credential
	// RefusedBy is the rule that would; Words say why in case it is not the policy but
	// something else that refuses by now.
	RefusedBy *policy.RefusedBy
	// Before says that it would be refused already without the policy.
	Before bool
}

// previewPage is how many credentials are read at once.
const previewPage = 200

// PreviewPolicy judges the registrations of all credentials of a relying party by
// document as if it held there beside the policies that do, or in place of the one of its
// name, and hands those that would be refused to affected, in the order they were made.
// It changes nothing, and an error of affected ends it. A document is judged as if it
// enforced, and one for sign-ins alone as if it were for registrations: of sign-ins to
// come nothing is known.
//
// It needs fido.read for the relying party. Errors: rp.unknown, policy.invalid;
// policy.set for one too many.
func (s *Service) PreviewPolicy(ctx context.Context, by tenant.Authority, rp string, document []byte, affected func(Affected) error) (*Preview, error) {
	if by.Session != "" {
		return nil, ErrSessionPurpose
	}
	if err := by.Require(tenant.ScopeRead, rp); err != nil {
		return nil, err
	}
	parsed, err := tenant.ParsePolicy(document)
	if err != nil {
		return nil, err
	}
	before, err := s.policy(ctx, by.Tenant, rp)
	if err != nil {
		return nil, err
	}
	after, err := s.policies.with(before, parsed)
	if err != nil {
		return nil, err
	}
	result := &Preview{RelyingParty: rp}
	q := CredentialQuery{RelyingParty: rp, Limit: previewPage}
	for {
		page, err := s.Credentials(ctx, by, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Credentials {
			hit, err := s.previewOne(ctx, before, after, &page.Credentials[i])
			if errors.Is(err, ErrCredentialUnknown) {
				continue // deleted since the page was read
			}
			if err != nil {
				return nil, err
			}
			result.Credentials++
			if hit == nil {
				continue
			}
			result.Affected++
			if err := affected(*hit); err != nil {
				return nil, err
			}
		}
		if page.Next == "" {
			return result, nil
		}
		q.After = page.Next
	}
}

// with returns the policy of the same relying party with a document added, or put in
// the place of the one of its name.
func (p *policies) with(now *policySet, document *policy.Document) (*policySet, error) {
	enforced := *document
	enforced.Mode, enforced.At = policy.ModeEnforce, []policy.Ceremony{policy.Registration}
	documents := []*policy.Document{&enforced}
	for _, d := range now.source.Documents() {
		if d.Name != enforced.Name {
			documents = append(documents, d)
		}
	}
	made, err := compile(now.source, documents, p.vendors)
	if err != nil {
		return nil, err
	}
	made.models = p.models
	p.profile.apply(made)
	return made, nil
}

// previewOne returns what becomes of one credential; nil if nothing does. Errors:
// credential.unknown.
func (s *Service) previewOne(ctx context.Context, before, after *policySet, c *Credential) (*Affected, error) {
	e, err := s.store.Evidence(ctx, c.Tenant, c.ID)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	r := &Reverification{Credential: *c}
	if err := r.judge(after, e, now); err != nil || r.Accepted {
		return nil, err
	}
	hit := &Affected{Credential: *c, RefusedBy: r.Decision.RefusedBy}
	if hit.RefusedBy == nil {
		hit.RefusedBy = &policy.RefusedBy{Rule: r.Refusal, Words: r.Words}
	}
	was := &Reverification{Credential: *c}
	if err := was.judge(before, e, now); err != nil {
		return nil, err
	}
	hit.Before = !was.Accepted
	return hit, nil
}

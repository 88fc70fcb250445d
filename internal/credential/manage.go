package credential

import (
	"bytes"
	"context"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// Ref says which credential is meant: by our id, or by relying party and the id its
// authenticator chose. With an ID, RelyingParty may be set too: one that is of another
// is unknown then.
type Ref struct {
	ID ID

	RelyingParty string
	CredentialID []byte

	// Owner, if set, is who the credential has to belong to; anybody else's is unknown.
	Owner UserRef
}

// Get returns a credential. It needs fido.read for its relying party. A browser
// session that has signed in may get its user's own. Errors: credential.unknown, also
// for one at a relying party that the grant does not cover.
func (s *Service) Get(ctx context.Context, by tenant.Authority, ref Ref) (*Credential, error) {
	return s.find(ctx, by, tenant.ScopeRead, ref)
}

// Evidence returns what was kept of a credential's registration for auditors. It
// needs fido.read for its relying party. Errors: credential.unknown.
func (s *Service) Evidence(ctx context.Context, by tenant.Authority, ref Ref) (*Evidence, error) {
	if by.Session != "" {
		return nil, ErrSessionPurpose
	}
	c, err := s.find(ctx, by, tenant.ScopeRead, ref)
	if err != nil {
		return nil, err
	}
	e, err := s.store.Evidence(ctx, by.Tenant, c.ID)
	if err != nil {
		return nil, err
	}
	e.readDevice()
	return e, nil
}

// check returns nil if the reference can be looked up.
func (r Ref) check() error {
	if !validText(string(r.ID), maxNameChars) || !validText(r.RelyingParty, maxNameChars) {
		return ErrCredentialUnknown
	}
	return nil
}

// find returns a credential that by holds scope for.
func (s *Service) find(ctx context.Context, by tenant.Authority, scope tenant.Scope, ref Ref) (*Credential, error) {
	if err := ref.check(); err != nil {
		return nil, err
	}
	if by.Session != "" {
		return s.findOwn(ctx, by, scope, ref)
	}
	if err := requireSomewhere(by, scope); err != nil {
		return nil, err
	}
	c, err := s.store.Credential(ctx, by.Tenant, ref)
	if err != nil {
		return nil, err
	}
	if err := by.Require(scope, c.RelyingParty); err != nil {
		return nil, hide(err, ErrCredentialUnknown)
	}
	if ref.RelyingParty != "" && ref.RelyingParty != c.RelyingParty {
		return nil, ErrCredentialUnknown
	}
	if err := s.ownedBy(ctx, c, ref.Owner); err != nil {
		return nil, err
	}
	return c, nil
}

// manageable returns a credential that by may change: of nobody who may do more.
func (s *Service) manageable(ctx context.Context, by tenant.Authority, ref Ref) (*Credential, error) {
	c, err := s.find(ctx, by, tenant.ScopeManage, ref)
	if err != nil || by.Covers(tenant.Administrator) && !by.SparesOperators {
		return c, err
	}
	u, err := s.store.User(ctx, c.Tenant, ByID(c.User))
	if err != nil {
		return nil, err
	}
	if err := refuseAbove(by, u); err != nil {
		return nil, err
	}
	return c, nil
}

// findOwn returns a credential of the session's own user, for reading.
func (s *Service) findOwn(ctx context.Context, by tenant.Authority, scope tenant.Scope, ref Ref) (*Credential, error) {
	session, err := s.signedIn(ctx, by)
	if err != nil {
		return nil, err
	}
	if scope != tenant.ScopeRead {
		return nil, ErrSessionPurpose
	}
	c, err := s.store.Credential(ctx, by.Tenant, ref)
	if err != nil {
		return nil, err
	}
	if c.User != session.User || c.RelyingParty != session.RelyingParty {
		return nil, ErrCredentialUnknown
	}
	return c, nil
}

func (s *Service) signedIn(ctx context.Context, by tenant.Authority) (*Session, error) {
	session, err := s.liveSession(ctx, by)
	if err != nil {
		return nil, err
	}
	if session.Purpose != SignedIn {
		return nil, ErrSessionPurpose
	}
	return session, nil
}

func (s *Service) ownedBy(ctx context.Context, c *Credential, owner UserRef) error {
	switch {
	case owner.IsZero():
		return nil
	case owner.ID != "":
		if owner.ID != c.User {
			return ErrCredentialUnknown
		}
		return nil
	case owner.Name != "":
		if NameKey(owner.Name) != NameKey(c.UserName) {
			return ErrCredentialUnknown
		}
		return nil
	}
	u, err := s.store.User(ctx, c.Tenant, ByID(c.User))
	if err != nil {
		return err
	}
	if !bytes.Equal(u.Handle, owner.Handle) {
		return ErrCredentialUnknown
	}
	return nil
}

// CredentialQuery selects credentials of a tenant. The service sets Tenant, and the
// user's id where another reference was given.
type CredentialQuery struct {
	Tenant       string
	RelyingParty string  // empty: at all
	User         UserRef // zero: of all
	State        State   // empty: both
	After        string  // a page's Next; empty begins
	Limit        int     // 1 to 1000; zero means 100
}

// CredentialPage is credentials in the order they were made. Next is the cursor of
// the page after it, empty on the last.
type CredentialPage struct {
	Credentials []Credential
	Next        string
}

// Credentials returns a page of credentials. It needs fido.read for the relying
// party, or without one for the whole tenant. A browser session that has signed in
// gets its user's own, whatever it asks for. Errors: user.unknown; query.cursor,
// query.limit.
func (s *Service) Credentials(ctx context.Context, by tenant.Authority, q CredentialQuery) (*CredentialPage, error) {
	if by.Session != "" {
		session, err := s.signedIn(ctx, by)
		if err != nil {
			return nil, err
		}
		q.RelyingParty, q.User = session.RelyingParty, ByID(session.User)
	} else if err := by.Require(tenant.ScopeRead, q.RelyingParty); err != nil {
		return nil, err
	}
	if !validText(q.RelyingParty, maxNameChars) {
		return nil, tenant.ErrRelyingPartyUnknown
	}
	if !q.User.IsZero() && q.User.ID == "" {
		u, err := s.user(ctx, by.Tenant, q.User)
		if err != nil {
			return nil, err
		}
		q.User = ByID(u.ID)
	}
	last, err := after(q.After)
	if err != nil {
		return nil, err
	}
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return nil, err
	}
	q.Tenant, q.After, q.Limit = by.Tenant, last, limit+1 // one more tells whether there is a next page
	list, err := s.store.Credentials(ctx, q)
	if err != nil {
		return nil, err
	}
	page := &CredentialPage{Credentials: list}
	if len(list) > limit {
		page.Credentials = list[:limit]
		page.Next = cursor(string(list[limit-1].ID))
	}
	return page, nil
}

// CredentialUpdate says what of a credential to change. A nil member leaves things as
// they are.
type CredentialUpdate struct {
	Name    *string
	State   *State
	Reason  string // why it is suspended; it stays in the audit trail, so it names nobody
	Version int64  // the version the caller has seen; zero: whatever it is
}

// Update renames, suspends or resumes a credential, or several of these at once. It
// needs fido.manage for its relying party. Errors: credential.unknown,
// credential.version, credential.name, credential.state, operator.above.
func (s *Service) Update(ctx context.Context, by tenant.Authority, ref Ref, in CredentialUpdate) (*Credential, error) {
	switch {
	case in.Name != nil && !validText(*in.Name, maxCredentialNameChars):
		return nil, ErrCredentialName.At("name")
	case in.State != nil && *in.State != Active && *in.State != Suspended:
		return nil, ErrCredentialState.At("state")
	case !validText(in.Reason, maxReasonChars):
		return nil, ErrCredentialState.At("reason")
	}
	c, err := s.manageable(ctx, by, ref)
	if err != nil {
		return nil, err
	}
	change := CredentialChange{
		Tenant: by.Tenant, ID: c.ID, Name: in.Name, State: in.State, Reason: in.Reason, Version: in.Version, At: s.clock(),
	}
	if in.State != nil && *in.State == Active {
		change.Reason = ""
	}
	var events []audit.Event
	if in.Name != nil {
		events = append(events, credentialEvent(by, change.At, "credential.renamed", c))
	}
	if in.State != nil {
		e := credentialEvent(by, change.At, "credential.resumed", c)
		if *in.State == Suspended {
			e.Action = "credential.suspended"
		}
		if in.Reason != "" {
			e.Detail = map[string]string{"reason": in.Reason}
		}
		events = append(events, e)
	}
	if len(events) == 0 {
		return c, nil
	}
	return s.store.ChangeCredential(ctx, change, events)
}

// Rename gives a credential another name. It is [Service.Update] for one thing.
func (s *Service) Rename(ctx context.Context, by tenant.Authority, ref Ref, name string) (*Credential, error) {
	return s.Update(ctx, by, ref, CredentialUpdate{Name: &name})
}

// Suspend keeps a credential from being used. It is [Service.Update] for one thing.
func (s *Service) Suspend(ctx context.Context, by tenant.Authority, ref Ref, reason string) (*Credential, error) {
	return s.Update(ctx, by, ref, CredentialUpdate{State: new(Suspended), Reason: reason})
}

// Resume lets a suspended credential be used again. It is [Service.Update] for one
// thing.
func (s *Service) Resume(ctx context.Context, by tenant.Authority, ref Ref) (*Credential, error) {
	return s.Update(ctx, by, ref, CredentialUpdate{State: new(Active)})
}

// Delete deletes a credential and its evidence for good. Its user keeps their handle,
// also when this was their last one. It needs fido.manage for its relying party.
// Errors: credential.unknown, operator.above.
func (s *Service) Delete(ctx context.Context, by tenant.Authority, ref Ref) error {
	c, err := s.manageable(ctx, by, ref)
	if err != nil {
		return err
	}
	return s.store.DeleteCredential(ctx, by.Tenant, c.ID, credentialEvent(by, s.clock(), "credential.deleted", c))
}

package credential

import (
	"bytes"
	"context"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// Ref says which credential is meant: by our id, or by relying party and the id its
// authenticator chose. With an ID, RelyingParty may be set too: one that is of another
// is unknown then.
type Ref struct {
	ID ID

	ExternalID string // where ID is empty, the id that another system gave it

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
	if !validText(r.ExternalID, maxNameChars) || !validText(string(r.ID), maxNameChars) || !validText(r.RelyingParty, maxNameChars) {
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
	if by.Subject == "" {
		if err := requireSomewhere(by, scope); err != nil {
			return nil, err
		}
	}
	c, err := s.store.Credential(ctx, by.Tenant, ref)
	if err != nil {
		return nil, err
	}
	err = by.RequireOrSelf(scope, c.RelyingParty)
	if err == nil {
		err = refuseOther(by, c.User)
	}
	if err != nil {
		return nil, hide(err, ErrCredentialUnknown)
	}
	if ref.RelyingParty != "" && ref.RelyingParty != c.RelyingParty {
		return nil, ErrCredentialUnknown
	}
	c.lapse(s.clock())
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

// CredentialUpdate says what of a credential to change. A nil member leaves things as
// they are.
type CredentialUpdate struct {
	Name   *string
	State  *State
	Reason string // why it is suspended; it stays in the audit trail, so it names nobody

	// Standing goes with State, which may be left out where the standing says it. A State
	// alone makes it plain. Until is when a suspension ends by itself; zero: never.
	Standing *Standing
	Until    time.Time

	SignCount *uint32 // what its counter has reached elsewhere; it only grows

	Version int64 // the version the caller has seen; zero: whatever it is
}

// complete fills in the state of a standing, and checks that all goes together.
func (in *CredentialUpdate) complete(now time.Time) error {
	if in.Standing != nil {
		state, ok := in.Standing.state()
		switch {
		case !ok || state == "" && in.State == nil:
			return ErrCredentialState.At("standing")
		case in.State == nil:
			in.State = &state
		case state != "" && *in.State != state:
			return ErrCredentialState.At("standing")
		}
	}
	suspends := in.State != nil && *in.State == Suspended
	switch {
	case in.Name != nil && !validText(*in.Name, maxCredentialNameChars):
		return ErrCredentialName.At("name")
	case in.State != nil && *in.State != Active && *in.State != Suspended:
		return ErrCredentialState.At("state")
	case !validText(in.Reason, maxReasonChars):
		return ErrCredentialState.At("reason")
	case !in.Until.IsZero() && (!suspends || !now.Before(in.Until)),
		in.Standing != nil && *in.Standing == TemporarilyLocked && in.Until.IsZero():
		return ErrCredentialState.At("until").Saying("A suspension ends later than now, and a temporary lock at some time.")
	}
	return nil
}

// Update renames, suspends or resumes a credential, or several of these at once. It
// needs fido.manage for its relying party; who is at work may do so with their own, but
// not resume one. Errors: credential.unknown, credential.version, credential.archived,
// credential.name, credential.state, credential.sign_count, credential.resume,
// operator.above.
func (s *Service) Update(ctx context.Context, by tenant.Authority, ref Ref, in CredentialUpdate) (*Credential, error) {
	now := s.clock()
	if err := in.complete(now); err != nil {
		return nil, err
	}
	c, err := s.manageable(ctx, by, ref)
	if err != nil {
		return nil, err
	}
	switch {
	case by.Subject != "" && in.State != nil && c.State != Active:
		return nil, ErrCredentialResume // nor exchange what holds it for what ends by itself
	case in.SignCount != nil && *in.SignCount < c.SignCount:
		return nil, ErrCredentialCount.At("signCount")
	}
	change := CredentialChange{
		Tenant: by.Tenant, ID: c.ID, Name: in.Name, State: in.State, Reason: in.Reason, Until: in.Until,
		SignCount: in.SignCount, Version: in.Version, At: now,
	}
	if by.Subject != "" && change.Version == 0 {
		change.Version = c.Version // what was looked at above is what is changed
	}
	if in.Standing != nil {
		change.Standing = *in.Standing
	}
	if in.State != nil && *in.State == Active {
		change.Reason = ""
	}
	events := updateEvents(by, now, c, &in)
	if len(events) == 0 {
		return c, nil
	}
	return s.store.ChangeCredential(ctx, change, events)
}

// updateEvents are the events of an update of c.
func updateEvents(by tenant.Authority, now time.Time, c *Credential, in *CredentialUpdate) []audit.Event {
	var events []audit.Event
	if in.Name != nil {
		events = append(events, credentialEvent(by, now, "credential.renamed", c))
	}
	if in.SignCount != nil {
		events = append(events, credentialEvent(by, now, "credential.counted", c))
	}
	if in.State == nil {
		return events
	}
	e := credentialEvent(by, now, "credential.resumed", c)
	if *in.State == Suspended {
		e.Action = "credential.suspended"
	}
	e.Detail = map[string]string{}
	if in.Reason != "" {
		e.Detail["reason"] = in.Reason
	}
	if in.Standing != nil && *in.Standing != Plain {
		e.Detail["standing"] = string(*in.Standing)
	}
	if len(e.Detail) == 0 {
		e.Detail = nil
	}
	return append(events, e)
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

package credential

import (
	"context"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// OpenedSession is a session with the value of its cookie.
type OpenedSession struct {
	Session Session
	Cookie  string // base64url of 256 bits; given to the browser, kept nowhere
}

// newSession completes session and makes its cookie. It lives for sessionLife where
// nothing else was said.
func (s *Service) newSession(session Session, now time.Time) (*OpenedSession, error) {
	cookie, err := newSecret(s.rand)
	if err != nil {
		return nil, err
	}
	session.ID, session.Created = sessionID(cookie), now
	if session.Expires.IsZero() {
		session.Expires = now.Add(sessionLife)
	}
	return &OpenedSession{Session: session, Cookie: cookie}, nil
}

// signedInSession makes the session of a person who has just signed in, to take the
// place of before.
func (s *Service) signedInSession(by tenant.Authority, before *Session, pending *Pending, now time.Time) (*OpenedSession, error) {
	c, u := pending.Credential, pending.User
	session := Session{
		Tenant: before.Tenant, RelyingParty: before.RelyingParty, User: u.ID, UserName: u.Name, DisplayName: u.DisplayName,
		Role: u.Role, Address: by.Address, Credential: c.ID,
	}
	session.signedInAs(before, now)
	return s.newSession(session, now)
}

// authority returns door as the authority of the session: it acts as its user, with
// no scopes.
func (s *Session) authority(door tenant.Authority) tenant.Authority {
	return tenant.Authority{
		Tenant:  s.Tenant,
		Actor:   audit.Actor{Kind: audit.User, ID: string(s.User)},
		Via:     door.Via,
		Ref:     door.Ref,
		Address: door.Address,
		Session: s.ID,
	}
}

// live returns nil if the session may be used at now.
func (s *Session) live(now time.Time) error {
	if !s.Ended.IsZero() || !now.Before(s.Expires) || !s.Idle.IsZero() && !now.Before(s.Idle) {
		return ErrSessionUnknown
	}
	return nil
}

// StartVisit opens a browser session for somebody who has yet to say who they are.
// All it may do is sign in to the relying party. address is the caller's. Errors:
// tenant's rp.unknown; address.limited.
func (s *Service) StartVisit(ctx context.Context, tenantName, rp, address string) (*OpenedSession, error) {
	return s.startVisit(ctx, Session{Tenant: tenantName, RelyingParty: rp, Purpose: Visit, Address: address}, "enrol")
}

func (s *Service) startVisit(ctx context.Context, visit Session, via string) (*OpenedSession, error) {
	now := s.clock()
	if err := s.visits.allow(visit.Address, now); err != nil {
		return nil, err
	}
	if _, err := s.rps.RelyingParty(ctx, visit.Tenant, visit.RelyingParty); err != nil {
		return nil, err
	}
	s.visits.count(visit.Address, now)
	opened, err := s.newSession(visit, now)
	if err != nil {
		return nil, err
	}
	e := opened.Session.authority(tenant.Authority{Via: via}).Event(now, "session.opened")
	e.RelyingParty = visit.RelyingParty
	if err := s.store.OpenSession(ctx, &opened.Session, e); err != nil {
		return nil, err
	}
	return opened, nil
}

// Session returns the session that a cookie opens, and the authority to act with:
// that of its user, with the front, reference and address of door. Errors:
// session.unknown, also for one that has ended.
func (s *Service) Session(ctx context.Context, cookie string, door tenant.Authority) (*Session, tenant.Authority, error) {
	session, err := s.sessionByCookie(ctx, cookie)
	if err != nil {
		return nil, tenant.Authority{}, err
	}
	if err := session.live(s.clock()); err != nil {
		return nil, tenant.Authority{}, err
	}
	return session, session.authority(door), nil
}

func (s *Service) sessionByCookie(ctx context.Context, cookie string) (*Session, error) {
	if !isSecret(cookie) {
		return nil, ErrSessionUnknown
	}
	return s.store.Session(ctx, sessionID(cookie))
}

// liveSession returns the session that by acts in.
func (s *Service) liveSession(ctx context.Context, by tenant.Authority) (*Session, error) {
	session, err := s.store.Session(ctx, by.Session)
	if err != nil {
		return nil, err
	}
	if session.Tenant != by.Tenant || by.Actor != session.authority(by).Actor {
		return nil, ErrSessionUnknown
	}
	if err := session.live(s.clock()); err != nil {
		return nil, err
	}
	return session, nil
}

// EndSession signs a browser out. Errors: session.unknown.
func (s *Service) EndSession(ctx context.Context, by tenant.Authority) error {
	session, err := s.liveSession(ctx, by)
	if err != nil {
		return err
	}
	now := s.clock()
	e := by.Event(now, "session.ended")
	e.RelyingParty, e.User = session.RelyingParty, string(session.User)
	return s.store.EndSession(ctx, session.Tenant, session.ID, now, e)
}

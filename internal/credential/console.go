package credential

import (
	"context"
	"time"

	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// How long a session of the console lasts: at most consoleLife, and consoleIdle after
// it was used last, to consoleUse precisely, since each note of use is a write.
const (
	consoleLife = 8 * time.Hour
	consoleIdle = 15 * time.Minute
	consoleUse  = time.Minute
)

// StartConsoleVisit is [Service.StartVisit] for the console: all the session may do is
// sign in there, with user verification whatever the relying party says. What it signs
// in to is a session of purpose [Console].
func (s *Service) StartConsoleVisit(ctx context.Context, tenantName, rp, address string) (*OpenedSession, error) {
	return s.startVisit(ctx, Session{Tenant: tenantName, RelyingParty: rp, Purpose: ConsoleVisit, Address: address}, "console")
}

// Operator returns the session that a cookie of the console opens, and the authority
// of its user by the role they have at this moment, with the front, reference and
// address of door.
//
// Errors: session.unknown, also for a session that has ended or is no [Console];
// operator.none for a user without role, with the session, so that they can be told
// who they are.
func (s *Service) Operator(ctx context.Context, cookie string, door tenant.Authority) (*Session, tenant.Authority, error) {
	session, err := s.sessionByCookie(ctx, cookie)
	if err != nil {
		return nil, tenant.Authority{}, err
	}
	if err := session.live(s.clock()); err != nil {
		return nil, tenant.Authority{}, err
	}
	if session.Purpose != Console {
		return nil, tenant.Authority{}, ErrSessionUnknown
	}
	if !session.Role.Valid() {
		return session, tenant.Authority{}, ErrNoRole
	}
	return session, tenant.OperatorAuthority(session.Tenant, string(session.User), session.Role, door), nil
}

// SessionUsed puts off the end that a session of the console comes to when it is not
// used. It writes once a minute at most. Errors: session.unknown for one that has
// ended.
func (s *Service) SessionUsed(ctx context.Context, session *Session) error {
	until := s.clock().Add(consoleIdle)
	if session.Purpose != Console || until.Sub(session.Idle) < consoleUse {
		return nil
	}
	if err := s.store.SessionUsed(ctx, session.ID, s.clock(), until); err != nil {
		return err
	}
	session.Idle = until
	return nil
}

// signedInAs completes the session that takes the place of the one that signed in.
func (s *Session) signedInAs(before *Session, now time.Time) {
	s.Purpose, s.Expires = SignedIn, now.Add(sessionLife)
	switch before.Purpose {
	case ConsoleVisit:
		s.Purpose, s.Expires, s.Idle = Console, now.Add(consoleLife), now.Add(consoleIdle)
	case TaskVisit:
		s.Purpose, s.Expires = Tasks, now.Add(tasksLife)
	}
}

// needsOrigin reports whether a session signs in to what a page of the same relying party
// elsewhere must not sign in to in its visitors' place.
func (s *Session) needsOrigin() bool { return s.Purpose == ConsoleVisit || s.Purpose == TaskVisit }

// refuseOrigin returns the refusal of an assertion that was made on another site than
// origin, or in a frame; empty allows what the relying party does.
func refuseOrigin(origin string, r *webauthn.AuthenticationResponse) error {
	switch {
	case origin == "":
		return nil
	case r.ClientData.Origin != origin:
		return &webauthn.VerificationError{Reason: webauthn.ReasonOrigin, Step: "7.2/12", Detail: "not the site that is signed in to"}
	case r.ClientData.CrossOrigin:
		return &webauthn.VerificationError{Reason: webauthn.ReasonCrossOrigin, Step: "7.2/13", Detail: "the site that is signed in to is in no frame"}
	}
	return nil
}

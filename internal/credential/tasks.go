package credential

import (
	"context"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// tasksLife is how long a person stays signed in to their tasks.
const tasksLife = time.Hour

// StartTaskVisit is [Service.StartVisit] for the tasks of processes: all the session may do
// is sign in to them, with user verification whatever the relying party says, since a task
// can be what gives its person their next credential. What it signs in to is a session of
// purpose [Tasks].
func (s *Service) StartTaskVisit(ctx context.Context, tenantName, rp, address string) (*OpenedSession, error) {
	return s.startVisit(ctx, Session{Tenant: tenantName, RelyingParty: rp, Purpose: TaskVisit, Address: address}, "task")
}

// Person returns the session that a cookie of the task pages opens, and the authority of
// its user, with the front, reference and address of door: it says who they are, and holds
// no scope and no session, so that nothing here is allowed by it.
//
// Errors: session.unknown, also for a session that has ended or is no [Tasks].
func (s *Service) Person(ctx context.Context, cookie string, door tenant.Authority) (*Session, tenant.Authority, error) {
	session, by, err := s.Session(ctx, cookie, door)
	if err != nil {
		return nil, tenant.Authority{}, err
	}
	if session.Purpose != Tasks {
		return nil, tenant.Authority{}, ErrSessionUnknown
	}
	return session, tenant.Authority{
		Tenant: session.Tenant, Actor: audit.Actor{Kind: audit.User, ID: string(session.User)},
		Via: by.Via, Ref: by.Ref, Address: by.Address,
	}, nil
}

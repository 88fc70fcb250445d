package process

import (
	"context"
	"errors"
	"strings"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// requireAny lets whoever may run or deploy processes look at definitions.
func requireAny(by tenant.Authority) error {
	err := by.Require(tenant.ScopeProcessRun, "")
	if err != nil && by.Require(tenant.ScopeProcessDeploy, "") == nil {
		return nil
	}
	return err
}

// MayDo reports whether a task is by's to do: what a list shows as theirs. Who has taken
// it is another question.
func (s *Service) MayDo(ctx context.Context, by tenant.Authority, t *Task) (bool, error) {
	return s.may(ctx, by, t)
}

// mayStart judges whether by may start v for a subject. A process that is self-service
// may be started by the very person it is for, who needs no scope for it; any other may
// be started by nobody for themselves: who can do that needs no second person to take
// over an account.
func (s *Service) mayStart(ctx context.Context, by tenant.Authority, v *Version, subject string) error {
	if v.SelfService && subject != "" && by.Tenant == v.Tenant && by.Actor == (audit.Actor{Kind: audit.User, ID: subject}) {
		return nil
	}
	if err := by.Require(tenant.ScopeProcessRun, ""); err != nil {
		return err
	}
	if v.SelfService || subject == "" {
		return nil
	}
	return s.refuseOwn(ctx, by, subject)
}

// refuseOwn returns process.self if by is, or is called as, the user. A client, an
// operator or the local user of the command line is taken for the user of the same name.
// The client's word about its operator is not believed, but it is enough to refuse.
func (s *Service) refuseOwn(ctx context.Context, by tenant.Authority, user string) error {
	if user == "" {
		return nil
	}
	actor := strings.TrimPrefix(strings.TrimPrefix(by.Actor.ID, tenant.LocalPrefix), tenant.UserPrefix)
	for _, called := range []string{actor, strings.TrimSpace(by.Claimed)} {
		if called == "" {
			continue
		}
		if called == user {
			return ErrOwn
		}
		p, ok, err := s.people.PersonByName(ctx, by.Tenant, called)
		if err != nil {
			return err
		}
		if ok && p.ID == user {
			return ErrOwn
		}
	}
	return nil
}

// may reports whether a task is by's to do, or was.
//
// The session of a link is for one task, whatever else its user has to do, and for what
// follows from it: tasks that the same run, or one above or below it, gives the same
// person once the link's own task is over. So a repeated step needs no second link, and
// who has come by a link learns of nothing but what it was for.
func (s *Service) may(ctx context.Context, by tenant.Authority, t *Task) (bool, error) {
	assigned := t.Assignee != "" && by.Actor == audit.Actor{Kind: audit.User, ID: t.Assignee}
	switch {
	case by.Tenant != t.Tenant:
		return false, nil
	case by.Session != "":
		if !assigned || by.Ref == t.ID {
			return assigned, nil
		}
		return s.follows(ctx, by, t)
	case t.Assignee != "" || t.Role == "":
		return assigned, nil
	}
	return (by.Actor.Kind == audit.Operator || by.Actor.Kind == audit.Client) && s.hasRole(by, t.Role), nil
}

// follows reports whether a task came after the one that by's session was opened for.
func (s *Service) follows(ctx context.Context, by tenant.Authority, t *Task) (bool, error) {
	first, err := s.store.Task(ctx, by.Tenant, by.Ref)
	if errors.Is(err, ErrTaskUnknown) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return first.Root == t.Root && first.State != TaskOpen && !t.Created.Before(first.Ended), nil
}

// mustDo returns authority.denied for a task that is not by's to do.
func (s *Service) mustDo(ctx context.Context, by tenant.Authority, t *Task) error {
	mine, err := s.may(ctx, by, t)
	if err == nil && !mine {
		err = tenant.ErrDenied
	}
	return err
}

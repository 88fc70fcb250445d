package process

import (
	"context"
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
func (s *Service) MayDo(_ context.Context, by tenant.Authority, t *Task) (bool, error) {
	return s.mayDo(by, t), nil
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

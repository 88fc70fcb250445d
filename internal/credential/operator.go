package credential

import (
	"context"
	"time"

	"bestow.dev/internal/tenant"
)

// Operator is a user who holds a role in their tenant.
type Operator struct {
	User        User // with the role
	Granted     time.Time
	GrantedBy   string // who granted the role: an actor, such as "operator:local:root"
	Credentials int    // active ones, at all relying parties
}

// GrantRole says who is to have which role.
type GrantRole struct {
	User UserRef
	Role tenant.Role

	// LastToo takes the role of administrator away though nobody else has it. Only the
	// local operator may.
	LastToo bool
}

// GrantRole gives a user a role, in place of the one they have; the same one again
// changes nothing. Invitations of theirs that are open are cancelled, and sessions to
// enrol ended that have registered nothing: who asked for them may have had fewer
// rights than the user has now. What credentials the user has already stays theirs.
//
// It needs admin on the whole tenant. Errors: operator.role; user.unknown, user.locked;
// operator.last.
func (s *Service) GrantRole(ctx context.Context, by tenant.Authority, in GrantRole) (*User, error) {
	if err := mayChangeRoles(by, in.LastToo); err != nil {
		return nil, err
	}
	if !in.Role.Valid() {
		return nil, ErrRole.At("role")
	}
	u, err := s.user(ctx, by.Tenant, in.User)
	if err != nil {
		return nil, err
	}
	if u.Role == in.Role {
		return u, nil
	}
	now := s.clock()
	e := userEvent(by, now, "operator.granted", u.ID)
	e.Detail = map[string]string{"role": string(in.Role)}
	if u.Role != "" {
		e.Detail["before"] = string(u.Role)
	}
	change := RoleChange{Tenant: by.Tenant, User: u.ID, Role: in.Role, By: by.Actor.String(), LastToo: in.LastToo, At: now}
	if err := s.store.GrantRole(ctx, change, e); err != nil {
		return nil, err
	}
	u.Role = in.Role
	return u, nil
}

// RevokeRole says whose role to take.
type RevokeRole struct {
	User    UserRef
	LastToo bool // as in [GrantRole]
}

// RevokeRole takes a user's role and ends their sessions in the console. They stay a
// user with the credentials they have. It needs admin on the whole tenant. Errors:
// user.unknown; operator.unknown for a user without role; operator.last.
func (s *Service) RevokeRole(ctx context.Context, by tenant.Authority, in RevokeRole) (*User, error) {
	if err := mayChangeRoles(by, in.LastToo); err != nil {
		return nil, err
	}
	u, err := s.user(ctx, by.Tenant, in.User)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	e := userEvent(by, now, "operator.revoked", u.ID)
	e.Detail = map[string]string{"role": string(u.Role)}
	change := RoleChange{Tenant: by.Tenant, User: u.ID, LastToo: in.LastToo, At: now}
	if err := s.store.RevokeRole(ctx, change, e); err != nil {
		return nil, err
	}
	u.Role = ""
	return u, nil
}

func mayChangeRoles(by tenant.Authority, lastToo bool) error {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return err
	}
	if lastToo && !by.IsLocal() {
		return tenant.ErrDenied
	}
	return nil
}

// Operators returns the operators of the tenant, by name. It needs admin on the whole
// tenant.
func (s *Service) Operators(ctx context.Context, by tenant.Authority) ([]Operator, error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, err
	}
	return s.store.Operators(ctx, by.Tenant)
}

// refuseAbove returns operator.above if u holds a role that may do what by may not.
// Whoever can give such a user a credential, or invite them, can act as them; whoever
// can lock them decides who watches over the tenant. A browser session acts for its
// own user alone. It returns user.operator if u is an operator and by spares those.
func refuseAbove(by tenant.Authority, u *User) error {
	if by.SparesOperators && u.Role != "" {
		return ErrUserOperator
	}
	if by.Session != "" || u.Role == "" || by.Covers(u.Role) {
		return nil
	}
	return ErrOperatorAbove
}

// Counts are the numbers of what a tenant has.
type Counts struct {
	Users       int
	Locked      int // of Users
	Credentials int
	Suspended   int // of Credentials
}

// Counts counts users and credentials. It needs fido.read on the whole tenant.
func (s *Service) Counts(ctx context.Context, by tenant.Authority) (Counts, error) {
	if err := by.Require(tenant.ScopeRead, ""); err != nil {
		return Counts{}, err
	}
	return s.store.Counts(ctx, by.Tenant)
}

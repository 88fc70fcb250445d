package credential

import (
	"context"
	"encoding/hex"
	"errors"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// madeNamePrefix begins the login name of a user who was made without one.
const madeNamePrefix = "user-"

// unnamedHandleBytes is the length of the handle of a user whom a registration makes. It
// may become a login name, which has to stay readable.
const unnamedHandleBytes = 32

// accountOrNew returns the account to register at, and whether its user is yet to be
// made.
func (s *Service) accountOrNew(ctx context.Context, by tenant.Authority, in BeginRegistration) (a *Account, isNew bool, err error) {
	if in.NewUser == nil || by.Session != "" {
		a, err = s.subjectAccount(ctx, by, in.RelyingParty, in.User)
		return a, false, err
	}
	if !in.User.IsZero() {
		a, err = s.subjectAccount(ctx, by, in.RelyingParty, in.User)
		if !errors.Is(err, ErrUserUnknown) {
			return a, false, err
		}
	}
	if by.Subject != "" {
		return nil, false, ErrSubject // who is at work is somebody already
	}
	if err := by.Require(tenant.ScopeUsersWrite, in.RelyingParty); err != nil {
		return nil, false, err
	}
	described := *in.NewUser
	if described.Handle == nil {
		if described.Handle = in.User.Handle; described.Handle == nil {
			if described.Handle, err = s.random(unnamedHandleBytes); err != nil {
				return nil, false, err
			}
		}
	}
	if described.Name == "" {
		// In hexadecimal: names know no case.
		described.Name = madeNamePrefix + hex.EncodeToString(described.Handle)
	}
	u, err := s.newUser(by, described, s.clock())
	if err != nil {
		return nil, false, err
	}
	return &Account{User: *u}, true, nil
}

// openFirstCeremony stores a ceremony together with its user. Who is new has no other
// open, so that only the tenant's limit counts.
func (s *Service) openFirstCeremony(ctx context.Context, by tenant.Authority, u *User, c *Ceremony) error {
	if err := s.tenants.enter(ctx, c.Tenant, c.Created); err != nil {
		return err
	}
	made := userEvent(by, c.Created, "user.created", u.ID)
	return s.store.OpenFirstCeremony(ctx, u, c, []audit.Event{made, begunEvent(by, c, "registration.begun")})
}

package credential

import (
	"bytes"
	"context"
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// NewUser is a user to be made.
type NewUser struct {
	Name        string // login name
	DisplayName string // empty: the login name
	Handle      []byte // WebAuthn user handle, 1 to 64 bytes; nil makes one of 64 random bytes
}

// CreateUser makes a user of the caller's tenant. It needs users.write on the whole
// tenant. Errors: user.name, user.display_name, user.handle, user.exists.
func (s *Service) CreateUser(ctx context.Context, by tenant.Authority, in NewUser) (*User, error) {
	if err := by.Require(tenant.ScopeUsersWrite, ""); err != nil {
		return nil, err
	}
	now := s.clock()
	u, err := s.newUser(by, in, now)
	if err != nil {
		return nil, err
	}
	if err := s.store.CreateUser(ctx, u, userEvent(by, now, "user.created", u.ID)); err != nil {
		return nil, err
	}
	return u, nil
}

func (s *Service) newUser(by tenant.Authority, in NewUser, now time.Time) (*User, error) {
	u := &User{
		ID: UserID(newID()), Tenant: by.Tenant, Name: in.Name, DisplayName: in.DisplayName,
		Handle: bytes.Clone(in.Handle), Created: now, Updated: now,
	}
	if u.DisplayName == "" {
		u.DisplayName = u.Name
	}
	switch {
	case !validUserName(u.Name):
		return nil, ErrUserName.At("name")
	case !validText(u.DisplayName, maxNameChars):
		return nil, ErrUserDisplayName.At("displayName")
	case in.Handle != nil && (len(in.Handle) == 0 || len(in.Handle) > maxHandleBytes):
		return nil, ErrUserHandle.At("handle")
	}
	if u.Handle == nil {
		handle, err := s.random(newHandleBytes)
		if err != nil {
			return nil, err
		}
		u.Handle = handle
	}
	return u, nil
}

// Imported is what became of one row of an import.
type Imported struct {
	User *User // as stored; nil if Err is set
	Err  error // nil, or one of the faults of CreateUser
}

// importBatch is how many users one transaction stores.
const importBatch = 200

// ImportUsers makes many users and says for each row, in order, what became of it. A
// row that cannot be stored holds up none of the others; users that exist are left
// as they are. It needs users.write on the whole tenant.
//
// An error means that the rows after the results returned were not looked at.
func (s *Service) ImportUsers(ctx context.Context, by tenant.Authority, in []NewUser) ([]Imported, error) {
	if err := by.Require(tenant.ScopeUsersWrite, ""); err != nil {
		return nil, err
	}
	results := make([]Imported, 0, len(in))
	for len(in) > 0 {
		n := min(importBatch, len(in))
		batch, err := s.importBatch(ctx, by, in[:n])
		if err != nil {
			return results, err
		}
		results = append(results, batch...)
		in = in[n:]
	}
	return results, nil
}

func (s *Service) importBatch(ctx context.Context, by tenant.Authority, in []NewUser) ([]Imported, error) {
	now := s.clock()
	results := make([]Imported, len(in))
	rows := make([]ImportRow, 0, len(in))
	at := make([]int, 0, len(in)) // at[i] is the result of rows[i]
	for i, n := range in {
		u, err := s.newUser(by, n, now)
		if err != nil {
			results[i].Err = err
			continue
		}
		rows = append(rows, ImportRow{u, userEvent(by, now, "user.created", u.ID)})
		at = append(at, i)
	}
	stored, err := s.store.ImportUsers(ctx, rows)
	if err != nil {
		return nil, err
	}
	for i, ok := range stored {
		if ok {
			results[at[i]].User = rows[i].User
		} else {
			results[at[i]].Err = ErrUserExists
		}
	}
	return results, nil
}

// UserUpdate says what of a user to change. A nil member leaves things as they are.
type UserUpdate struct {
	Name        *string
	DisplayName *string
}

// UpdateUser changes a user's names. The handle stays, so their credentials do. It
// needs users.write on the whole tenant. Errors: user.unknown, user.name,
// user.display_name, user.exists, operator.above.
func (s *Service) UpdateUser(ctx context.Context, by tenant.Authority, who UserRef, in UserUpdate) (*User, error) {
	if in.Name != nil && !validUserName(*in.Name) {
		return nil, ErrUserName.At("name")
	}
	if in.DisplayName != nil && !validText(*in.DisplayName, maxNameChars) {
		return nil, ErrUserDisplayName.At("displayName")
	}
	return s.changeUser(ctx, by, who, UserChange{Name: in.Name, DisplayName: in.DisplayName}, "user.updated")
}

// LockUser keeps a user from registering and signing in, and ends their browser
// sessions. To lock a user who is locked is no fault. It needs users.write on the
// whole tenant. Errors: user.unknown; operator.above; operator.last for the last
// administrator, whom only the local operator may lock.
func (s *Service) LockUser(ctx context.Context, by tenant.Authority, who UserRef) (*User, error) {
	return s.changeUser(ctx, by, who, UserChange{Locked: new(true)}, "user.locked")
}

// UnlockUser undoes LockUser. It needs users.write on the whole tenant. Errors:
// user.unknown, operator.above.
func (s *Service) UnlockUser(ctx context.Context, by tenant.Authority, who UserRef) (*User, error) {
	return s.changeUser(ctx, by, who, UserChange{Locked: new(false)}, "user.unlocked")
}

func (s *Service) changeUser(ctx context.Context, by tenant.Authority, who UserRef, change UserChange, action string) (*User, error) {
	if err := by.Require(tenant.ScopeUsersWrite, ""); err != nil {
		return nil, err
	}
	u, err := s.user(ctx, by.Tenant, who)
	if err != nil {
		return nil, err
	}
	if err := refuseAbove(by, u); err != nil {
		return nil, err
	}
	change.Tenant, change.ID, change.At, change.LastToo = by.Tenant, u.ID, s.clock(), by.IsLocal()
	return s.store.ChangeUser(ctx, change, userEvent(by, change.At, action, u.ID))
}

// User returns a user. It needs fido.read or users.write, for any relying party.
// Errors: user.unknown.
func (s *Service) User(ctx context.Context, by tenant.Authority, who UserRef) (*User, error) {
	if err := requireUserRead(by); err != nil {
		return nil, err
	}
	return s.user(ctx, by.Tenant, who)
}

func (s *Service) user(ctx context.Context, tenantName string, who UserRef) (*User, error) {
	if err := who.check(); err != nil {
		return nil, err
	}
	return s.store.User(ctx, tenantName, who)
}

// UserQuery selects users of a tenant. The service sets Tenant.
type UserQuery struct {
	Tenant string
	Search string // part of a login or display name, without regard to case; empty for all
	Locked *bool  // nil: both
	After  string // a page's Next; empty begins
	Limit  int    // 1 to 1000; zero means 100
}

// UserPage is users in the order of their names. Next is the cursor of the page
// after it, empty on the last.
type UserPage struct {
	Users []User
	Next  string
}

// Users returns a page of users. It needs fido.read or users.write on the whole
// tenant. Errors: query.cursor, query.limit.
func (s *Service) Users(ctx context.Context, by tenant.Authority, q UserQuery) (*UserPage, error) {
	if err := by.Require(tenant.ScopeRead, ""); err != nil {
		if by.Require(tenant.ScopeUsersWrite, "") != nil {
			return nil, err
		}
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
	if q.Search = NameKey(strings.TrimSpace(q.Search)); !validText(q.Search, maxNameChars) {
		return &UserPage{}, nil // nobody is called that
	}
	users, err := s.store.Users(ctx, q)
	if err != nil {
		return nil, err
	}
	page := &UserPage{Users: users}
	if len(users) > limit {
		page.Users = users[:limit]
		page.Next = cursor(NameKey(page.Users[limit-1].Name))
	}
	return page, nil
}

// userEvent begins the event of a change to a user.
func userEvent(by tenant.Authority, now time.Time, action string, id UserID) audit.Event {
	if by.Actor.Kind != audit.User || by.Actor.ID != string(id) {
		by = by.For(string(id))
	}
	e := by.Event(now, action)
	e.User = string(id)
	return e
}

package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/tenant"
)

// user is a person who may have credentials.
type user struct {
	ID          string     `json:"id" doc:"Ours; never reused"`
	Name        string     `json:"name" doc:"Login name"`
	DisplayName string     `json:"displayName"`
	Handle      string     `json:"handle" doc:"WebAuthn user handle, base64url"`
	Locked      bool       `json:"locked" doc:"May neither register nor sign in"`
	LockedSince *time.Time `json:"lockedSince,omitempty"`
	Created     time.Time  `json:"created"`
	Updated     time.Time  `json:"updated"`
}

func fromUser(u *credential.User) user {
	return user{
		ID: string(u.ID), Name: u.Name, DisplayName: u.DisplayName,
		Handle: strictjson.EncodeBase64URL(u.Handle),
		Locked: u.IsLocked(), LockedSince: unlessZero(u.Locked),
		Created: u.Created, Updated: u.Updated,
	}
}

// unlessZero returns t for a member that is left out when it is zero.
func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// UserPath is the path parameter of calls about one user.
type UserPath struct {
	ID string `path:"id" doc:"The user's id"`
}

func (in UserPath) ref() credential.UserRef { return credential.ByID(credential.UserID(in.ID)) }

type newUser struct {
	Body struct {
		Name        string `json:"name" doc:"Login name, unique without regard to case" minLength:"1" maxLength:"255"`
		DisplayName string `json:"displayName,omitempty" doc:"The login name if left out" maxLength:"255"`
		Handle      string `json:"handle,omitempty" doc:"WebAuthn user handle, 1 to 64 bytes in base64url; random if left out" maxLength:"86"`
	}
}

type userQuery struct {
	Paging
	Name   string `query:"name" doc:"Exact login name: a page of one, or of none"`
	Search string `query:"search" doc:"Part of a login or display name"`
	Locked string `query:"locked" enum:"true,false" doc:"Only those who are locked, or are not"`
}

type userChange struct {
	UserPath
	Body struct {
		Name        *string `json:"name,omitempty" maxLength:"255"`
		DisplayName *string `json:"displayName,omitempty" maxLength:"255"`
		Locked      *bool   `json:"locked,omitempty" doc:"Locking ends the user's browser sessions. It is changed on its own."`
	}
}

func (f *front) users() {
	handle(f, huma.Operation{
		OperationID: "list-users", Method: http.MethodGet, Path: "/users", Tags: inUsers,
		Summary: "Users by login name", Security: scopes(tenant.ScopeRead, tenant.ScopeUsersWrite),
	}, f.listUsers)
	handle(f, huma.Operation{
		OperationID: "create-user", Method: http.MethodPost, Path: "/users", Tags: inUsers, DefaultStatus: http.StatusCreated,
		Summary: "Make a user", Security: scopes(tenant.ScopeUsersWrite),
	}, f.createUser)
	handle(f, huma.Operation{
		OperationID: "get-user", Method: http.MethodGet, Path: "/users/{id}", Tags: inUsers,
		Summary: "One user", Security: scopes(tenant.ScopeRead, tenant.ScopeUsersWrite),
	}, f.getUser)
	handle(f, huma.Operation{
		OperationID: "change-user", Method: http.MethodPatch, Path: "/users/{id}", Tags: inUsers,
		Summary: "Rename, lock or unlock a user", Security: scopes(tenant.ScopeUsersWrite),
	}, f.changeUser)
	handle(f, huma.Operation{
		OperationID: "erase-user", Method: http.MethodDelete, Path: "/users/{id}", Tags: inUsers,
		Summary:     "Erase a user",
		Description: "Deletes the user with their credentials, evidence, ceremonies, invitations and sessions. The audit trail keeps ids that lead nowhere.",
		Security:    scopes(tenant.ScopeUsersWrite),
	}, f.eraseUser)
	handle(f, huma.Operation{
		OperationID: "export-user", Method: http.MethodGet, Path: "/users/{id}/export", Tags: inUsers,
		Summary:     "All that is kept about a user",
		Description: "Needs both scopes. That it was asked for goes into the audit trail.",
		Security:    allScopes(tenant.ScopeUsersWrite, tenant.ScopeRead),
	}, f.exportUser)
}

func (f *front) listUsers(ctx context.Context, by tenant.Authority, in *userQuery) (*answer[page[user]], error) {
	if in.Name != "" {
		return f.userByName(ctx, by, in.Name)
	}
	q := credential.UserQuery{Search: in.Search, After: in.Cursor, Limit: in.Limit}
	if in.Locked != "" {
		q.Locked = new(in.Locked == "true")
	}
	found, err := f.Credentials.Users(ctx, by, q)
	if err != nil {
		return nil, err
	}
	return &answer[page[user]]{pageOf(found.Users, found.Next, fromUser)}, nil
}

// userByName answers a question for one name as a list, as it was asked.
func (f *front) userByName(ctx context.Context, by tenant.Authority, name string) (*answer[page[user]], error) {
	u, err := f.Credentials.User(ctx, by, credential.ByName(name))
	if errors.Is(err, credential.ErrUserUnknown) {
		return &answer[page[user]]{page[user]{Items: []user{}}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &answer[page[user]]{page[user]{Items: []user{fromUser(u)}}}, nil
}

func (f *front) createUser(ctx context.Context, by tenant.Authority, in *newUser) (*created[user], error) {
	n := credential.NewUser{Name: in.Body.Name, DisplayName: in.Body.DisplayName}
	if in.Body.Handle != "" {
		handle, err := strictjson.DecodeBase64URL(in.Body.Handle)
		if err != nil {
			return nil, credential.ErrUserHandle.At("handle").Because(err)
		}
		n.Handle = handle
	}
	u, err := f.Credentials.CreateUser(ctx, by, n)
	if err != nil {
		return nil, err
	}
	return &created[user]{Prefix + "/users/" + string(u.ID), fromUser(u)}, nil
}

func (f *front) getUser(ctx context.Context, by tenant.Authority, in *UserPath) (*answer[user], error) {
	u, err := f.Credentials.User(ctx, by, in.ref())
	if err != nil {
		return nil, err
	}
	return &answer[user]{fromUser(u)}, nil
}

func (f *front) changeUser(ctx context.Context, by tenant.Authority, in *userChange) (*answer[user], error) {
	u, err := f.applyUserChange(ctx, by, in)
	if err != nil {
		return nil, err
	}
	return &answer[user]{fromUser(u)}, nil
}

func (f *front) applyUserChange(ctx context.Context, by tenant.Authority, in *userChange) (*credential.User, error) {
	b := in.Body
	switch {
	case b.Locked == nil:
		return f.Credentials.UpdateUser(ctx, by, in.ref(), credential.UserUpdate{Name: b.Name, DisplayName: b.DisplayName})
	case b.Name != nil || b.DisplayName != nil:
		// Two calls would be two transactions, and half a change when the second fails.
		return nil, errRequest.At("locked").Saying("locked: it is changed on its own.")
	case *b.Locked:
		return f.Credentials.LockUser(ctx, by, in.ref())
	}
	return f.Credentials.UnlockUser(ctx, by, in.ref())
}

func (f *front) eraseUser(ctx context.Context, by tenant.Authority, in *UserPath) (*nothing, error) {
	return &nothing{}, f.Credentials.EraseUser(ctx, by, in.ref())
}

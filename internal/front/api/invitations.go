package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

// Invitation lets whoever holds its secret register a credential for the user.
type Invitation struct {
	ID           string    `json:"id"`
	User         string    `json:"user" doc:"The user's id"`
	RelyingParty string    `json:"relyingParty"`
	Additional   bool      `json:"additional" doc:"The user has a credential already"`
	Created      time.Time `json:"created"`
	Expires      time.Time `json:"expires"`
}

func fromInvitation(i *credential.Invitation) Invitation {
	return Invitation{
		ID: i.ID, User: string(i.User), RelyingParty: i.RelyingParty,
		Additional: i.Additional, Created: i.Created, Expires: i.Expires,
	}
}

// freshInvitation is an invitation with what opens it.
type freshInvitation struct {
	Invitation
	Secret string `json:"secret" doc:"Good once; it cannot be had again"`
	Link   string `json:"link,omitempty" doc:"The enrolment page with the secret, for the user alone"`
}

type newInvitation struct {
	UserPath
	Body struct {
		RelyingParty string `json:"relyingParty"`
		LifeSeconds  int    `json:"lifeSeconds,omitempty" minimum:"60" maximum:"2592000" doc:"24 hours if left out"`
		Additional   bool   `json:"additional,omitempty" doc:"Must be said for a user who has a credential there"`
	}
}

func (f *front) invitations() {
	handle(f, huma.Operation{
		OperationID: "invite-user", Method: http.MethodPost, Path: "/users/{id}/invitations", Tags: inUsers,
		DefaultStatus: http.StatusCreated,
		Summary:       "Invite a user to register a credential in their browser",
		Description:   "An earlier invitation that is still open is cancelled. Needs both scopes.",
		Security:      allScopes(tenant.ScopeUsersWrite, tenant.ScopeProvision),
	}, f.invite)
}

func (f *front) invite(ctx context.Context, by tenant.Authority, in *newInvitation) (*answer[freshInvitation], error) {
	invited, err := f.Credentials.Invite(ctx, by, credential.Invite{
		RelyingParty: in.Body.RelyingParty, User: in.ref(),
		Life: seconds(in.Body.LifeSeconds), Additional: in.Body.Additional,
	})
	if err != nil {
		return nil, err
	}
	fresh := freshInvitation{Invitation: fromInvitation(&invited.Invitation), Secret: invited.Secret}
	if f.InvitationURL != "" {
		fresh.Link = f.InvitationURL + invited.Secret
	}
	return &answer[freshInvitation]{fresh}, nil
}

// seconds is a time span of the wire.
func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

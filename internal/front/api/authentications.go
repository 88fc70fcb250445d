package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

type newAuthentication struct {
	Body struct {
		RelyingParty string   `json:"relyingParty"`
		User         *userRef `json:"user,omitempty" doc:"Who claims to sign in; left out for a discoverable credential, whose answer says who it is"`
		RequestID    string   `json:"requestId,omitempty" maxLength:"255" doc:"The caller's own id: a second authentication with it is refused with ceremony.request_exists, and the first can be found by it"`
		HideUnknown  bool     `json:"hideUnknown,omitempty" doc:"Answer for a name that is nobody's as if it were somebody's: for callers who show the options to whoever gave the name"`

		UserVerification string   `json:"userVerification,omitempty" enum:"required,preferred,discouraged"`
		TimeoutSeconds   int      `json:"timeoutSeconds,omitempty" minimum:"1" maximum:"86400"`
		LifeSeconds      int      `json:"lifeSeconds,omitempty" minimum:"1" maximum:"86400" doc:"Of the challenge"`
		Hints            []string `json:"hints,omitempty" nullable:"false" maxItems:"8"`

		Extensions map[string]json.RawMessage `json:"extensions,omitempty" doc:"Client extension inputs by identifier"`
	}
}

func (in *newAuthentication) begin() (credential.BeginAuthentication, error) {
	b := &in.Body
	who, err := b.User.ref("user")
	if err != nil {
		return credential.BeginAuthentication{}, err
	}
	return credential.BeginAuthentication{
		RelyingParty: b.RelyingParty, User: who, RequestID: b.RequestID, Extensions: b.Extensions, HideUnknown: b.HideUnknown,
		Narrow: credential.Narrowing{
			UserVerification: webauthn.UserVerification(b.UserVerification),
			Timeout:          seconds(b.TimeoutSeconds), Life: seconds(b.LifeSeconds), Hints: b.Hints,
		},
	}, nil
}

type assertion struct {
	CeremonyPath
	Body struct {
		Response object `json:"response" doc:"What the browser's get() returned, by its toJSON()"`
	}
}

// signIn answers an assertion that was accepted.
type signIn struct {
	User         user            `json:"user"`
	Credential   BoundCredential `json:"credential" doc:"With the counter, backup state and last use that it has now"`
	UserVerified bool            `json:"userVerified"`
	Warnings     []string        `json:"warnings" nullable:"false" doc:"What was let pass"`
	Signals      *signals        `json:"signals,omitempty" doc:"What to tell the user's browser about their passkeys"`
}

func fromSignIn(s *credential.SignIn) signIn {
	return signIn{
		User: fromUser(&s.User), Credential: fromCredential(&s.Credential),
		UserVerified: s.UserVerified, Warnings: append([]string{}, s.Warnings...),
		Signals: fromSignals(s.Signals),
	}
}

func (f *front) authentications() {
	handle(f, huma.Operation{
		OperationID: "begin-authentication", Method: http.MethodPost, Path: "/authentications", Tags: inCeremonies,
		DefaultStatus: http.StatusCreated,
		Summary:       "Request options for a user, or for whoever it will be",
		Security:      scopes(tenant.ScopeAuthenticate),
	}, f.beginAuthentication)
	handle(f, huma.Operation{
		OperationID: "finish-authentication", Method: http.MethodPost, Path: "/authentications/{id}/finish", Tags: inCeremonies,
		Summary:     "Verify the assertion and say who signed in",
		Description: "Only the client that began the authentication may finish it. An answer that cannot be read (400) spends nothing; one that is refused (422) spends the challenge.",
		Security:    scopes(tenant.ScopeAuthenticate),
	}, f.finishAuthentication)
	handle(f, huma.Operation{
		OperationID: "get-authentication", Method: http.MethodGet, Path: "/authentications/{id}", Tags: inCeremonies,
		Summary: "How an authentication of the caller stands", Security: scopes(tenant.ScopeAuthenticate),
	}, f.showCeremony(credential.Authentication))
	handle(f, huma.Operation{
		OperationID: "find-authentication", Method: http.MethodGet, Path: "/authentications", Tags: inCeremonies,
		Summary: "The caller's authentication with its own request id", Security: scopes(tenant.ScopeAuthenticate),
	}, f.findCeremony(credential.Authentication))
}

func (f *front) beginAuthentication(ctx context.Context, by tenant.Authority, in *newAuthentication) (*created[begun], error) {
	begin, err := in.begin()
	if err != nil {
		return nil, err
	}
	b, err := f.Credentials.BeginAuthentication(ctx, by, begin)
	if err != nil {
		return nil, err
	}
	return &created[begun]{
		Prefix + "/authentications/" + string(b.Ceremony),
		begun{ID: string(b.Ceremony), Expires: b.Expires, PublicKey: b.JSON},
	}, nil
}

func (f *front) finishAuthentication(ctx context.Context, by tenant.Authority, in *assertion) (*answer[signIn], error) {
	resp, err := webauthn.ParseAuthenticationResponse(in.Body.Response)
	if err != nil {
		return nil, credential.Unreadable(err)
	}
	began, err := f.ceremonyOf(ctx, by, credential.Authentication, credential.CeremonyRef{ID: credential.CeremonyID(in.ID)})
	if err != nil {
		return nil, err
	}
	s, err := f.Credentials.FinishAuthentication(ctx, by, credential.FinishAuthentication{
		RelyingParty: began.RelyingParty, Ceremony: began.ID, Response: resp, Signals: true,
	})
	if err != nil {
		return nil, err
	}
	return &answer[signIn]{fromSignIn(s)}, nil
}

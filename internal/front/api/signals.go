package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// signals are the arguments of the signal methods of PublicKeyCredential, as they go to
// the user's browser.
type signals struct {
	AllAcceptedCredentials acceptedCredentials `json:"allAcceptedCredentials" doc:"For signalAllAcceptedCredentials, once the user has signed in in that browser"`
	CurrentUserDetails     userDetails         `json:"currentUserDetails" doc:"For signalCurrentUserDetails, likewise"`
	UnknownCredential      *unknownCredential  `json:"unknownCredential,omitempty" doc:"For signalUnknownCredential: there if the credential asked about is nobody's"`
}

type acceptedCredentials struct {
	RPID                     string   `json:"rpId"`
	UserID                   string   `json:"userId" doc:"The user handle, base64url"`
	AllAcceptedCredentialIDs []string `json:"allAcceptedCredentialIds" nullable:"false" doc:"All there are, suspended ones too. A browser may delete what is not here"`
}

type userDetails struct {
	RPID        string `json:"rpId"`
	UserID      string `json:"userId" doc:"The user handle, base64url"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

type unknownCredential struct {
	RPID         string `json:"rpId"`
	CredentialID string `json:"credentialId" doc:"base64url"`
}

// fromSignals translates s; nil stays nil.
func fromSignals(s *credential.Signals) *signals {
	if s == nil {
		return nil
	}
	a, d := &s.AllAcceptedCredentials, &s.CurrentUserDetails
	out := &signals{
		AllAcceptedCredentials: acceptedCredentials{
			RPID: a.RPID, UserID: strictjson.EncodeBase64URL(a.UserID),
			AllAcceptedCredentialIDs: each(a.AllAcceptedCredentialIDs, func(id *webauthn.Bytes) string { return strictjson.EncodeBase64URL(*id) }),
		},
		CurrentUserDetails: userDetails{
			RPID: d.RPID, UserID: strictjson.EncodeBase64URL(d.UserID), Name: d.Name, DisplayName: d.DisplayName,
		},
	}
	if u := s.UnknownCredential; u != nil {
		out.UnknownCredential = &unknownCredential{u.RPID, strictjson.EncodeBase64URL(u.CredentialID)}
	}
	return out
}

type signalQuery struct {
	UserPath
	RelyingParty string `query:"relyingParty" required:"true"`
	CredentialID string `query:"credentialId" maxLength:"1364" doc:"One that a browser showed, base64url: unknownCredential is in the answer if it is nobody's at the relying party"`
}

func (f *front) signals() {
	handle(f, huma.Operation{
		OperationID: "get-signals", Method: http.MethodGet, Path: "/users/{id}/signals", Tags: inUsers,
		Summary:     "What to tell a user's browser about their passkeys",
		Description: "The arguments of PublicKeyCredential's signal methods (WebAuthn Level 3, section 5.1.10), after a credential was deleted or a user renamed. A finished authentication has them in its answer.",
		Security:    scopes(tenant.ScopeRead),
	}, f.getSignals)
}

func (f *front) getSignals(ctx context.Context, by tenant.Authority, in *signalQuery) (*answer[signals], error) {
	q := credential.SignalQuery{RelyingParty: in.RelyingParty, User: in.ref()}
	if in.CredentialID != "" {
		id, err := strictjson.DecodeBase64URL(in.CredentialID)
		if err != nil {
			return nil, errRequest.At("credentialId").Saying("credentialId: it is not base64url.")
		}
		q.CredentialID = id
	}
	s, err := f.Credentials.Signals(ctx, by, q)
	if err != nil {
		return nil, err
	}
	return &answer[signals]{*fromSignals(s)}, nil
}

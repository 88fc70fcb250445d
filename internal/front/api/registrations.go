package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/cose"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// newRegistration begins a registration. What narrows the policy may ask for more
// than it, never for less.
type newRegistration struct {
	Body struct {
		RelyingParty string  `json:"relyingParty"`
		User         userRef `json:"user"`
		DisplayName  string  `json:"displayName,omitempty" maxLength:"255" doc:"Shown by the authenticator instead of the user's"`
		RequestID    string  `json:"requestId,omitempty" maxLength:"255" doc:"The caller's own id: a second registration with it is refused with ceremony.request_exists, and the first can be found by it"`

		UserVerification        string            `json:"userVerification,omitempty" enum:"required,preferred,discouraged"`
		ResidentKey             string            `json:"residentKey,omitempty" enum:"required,preferred,discouraged"`
		AuthenticatorAttachment string            `json:"authenticatorAttachment,omitempty" enum:"platform,cross-platform"`
		Attestation             string            `json:"attestation,omitempty" enum:"none,indirect,direct,enterprise"`
		Algorithms              []int32           `json:"algorithms,omitempty" nullable:"false" maxItems:"16" doc:"Some of the policy's COSE algorithms, in the order to offer them"`
		AAGUIDs                 []webauthn.AAGUID `json:"aaguids,omitempty" nullable:"false" maxItems:"64" doc:"The only models to accept"`
		RequireTrusted          bool              `json:"requireTrusted,omitempty" doc:"Accept only an attestation that leads to a trust anchor"`
		TimeoutSeconds          int               `json:"timeoutSeconds,omitempty" minimum:"1" maximum:"86400"`
		LifeSeconds             int               `json:"lifeSeconds,omitempty" minimum:"1" maximum:"86400" doc:"Of the challenge"`
		Hints                   []string          `json:"hints,omitempty" nullable:"false" maxItems:"8"`
		AllowRepeat             bool              `json:"allowRepeat,omitempty" doc:"Let an authenticator that holds a credential of the user make another"`

		Extensions map[string]json.RawMessage `json:"extensions,omitempty" doc:"Client extension inputs by identifier, above those of the relying party's settings"`
		Mediation  string                     `json:"mediation,omitempty" enum:"conditional" doc:"For navigator.credentials.create with the same: the client makes the credential without asking the user. The relying party's settings have to allow it (registration.conditional)"`
	}
}

func (in *newRegistration) begin() (credential.BeginRegistration, error) {
	b := &in.Body
	who, err := b.User.ref("user")
	if err != nil {
		return credential.BeginRegistration{}, err
	}
	begin := credential.BeginRegistration{
		RelyingParty: b.RelyingParty, User: who, DisplayName: b.DisplayName, RequestID: b.RequestID,
		Extensions: b.Extensions, AllowRepeat: b.AllowRepeat, Conditional: b.Mediation != "",
		Narrow: credential.Narrowing{
			UserVerification: webauthn.UserVerification(b.UserVerification),
			ResidentKey:      webauthn.ResidentKey(b.ResidentKey),
			Attachment:       webauthn.Attachment(b.AuthenticatorAttachment),
			Attestation:      webauthn.Conveyance(b.Attestation),
			AAGUIDs:          b.AAGUIDs, RequireTrusted: b.RequireTrusted,
			Timeout: seconds(b.TimeoutSeconds), Life: seconds(b.LifeSeconds), Hints: b.Hints,
		},
	}
	for _, alg := range b.Algorithms {
		begin.Narrow.Algorithms = append(begin.Narrow.Algorithms, cose.Algorithm(alg))
	}
	return begin, nil
}

type registrationAnswer struct {
	CeremonyPath
	Body struct {
		Response object `json:"response" doc:"What the browser's create() returned, by its toJSON()"`
		Name     string `json:"name,omitempty" maxLength:"64" doc:"What to call the credential"`
	}
}

func (f *front) registrations() {
	handle(f, huma.Operation{
		OperationID: "begin-registration", Method: http.MethodPost, Path: "/registrations", Tags: inCeremonies,
		DefaultStatus: http.StatusCreated,
		Summary:       "Creation options for a user",
		Description:   "The members after requestId narrow the relying party's policy for this once; policy.wider is the answer to one that would widen it.",
		Security:      scopes(tenant.ScopeProvision),
	}, f.beginRegistration)
	handle(f, huma.Operation{
		OperationID: "finish-registration", Method: http.MethodPost, Path: "/registrations/{id}/finish", Tags: inCeremonies,
		DefaultStatus: http.StatusCreated,
		Summary:       "Verify the authenticator's answer and store the credential",
		Description:   "Only the client that began the registration may finish it. An answer that cannot be read (400) spends nothing; one that is refused (422) spends the challenge.",
		Security:      scopes(tenant.ScopeProvision),
	}, f.finishRegistration)
	handle(f, huma.Operation{
		OperationID: "get-registration", Method: http.MethodGet, Path: "/registrations/{id}", Tags: inCeremonies,
		Summary: "How a registration of the caller stands", Security: scopes(tenant.ScopeProvision),
	}, f.showCeremony(credential.Registration))
	handle(f, huma.Operation{
		OperationID: "find-registration", Method: http.MethodGet, Path: "/registrations", Tags: inCeremonies,
		Summary: "The caller's registration with its own request id", Security: scopes(tenant.ScopeProvision),
	}, f.findCeremony(credential.Registration))
}

func (f *front) beginRegistration(ctx context.Context, by tenant.Authority, in *newRegistration) (*created[begun], error) {
	begin, err := in.begin()
	if err != nil {
		return nil, err
	}
	b, err := f.Credentials.BeginRegistration(ctx, by, begin)
	if err != nil {
		return nil, err
	}
	return &created[begun]{
		Prefix + "/registrations/" + string(b.Ceremony),
		begun{ID: string(b.Ceremony), Expires: b.Expires, PublicKey: b.JSON},
	}, nil
}

func (f *front) finishRegistration(ctx context.Context, by tenant.Authority, in *registrationAnswer) (*created[registeredCredential], error) {
	resp, err := webauthn.ParseRegistrationResponse(in.Body.Response)
	if err != nil {
		return nil, credential.Unreadable(err)
	}
	began, err := f.ceremonyOf(ctx, by, credential.Registration, credential.CeremonyRef{ID: credential.CeremonyID(in.ID)})
	if err != nil {
		return nil, err
	}
	c, err := f.Credentials.FinishRegistration(ctx, by, credential.FinishRegistration{
		RelyingParty: began.RelyingParty, Ceremony: began.ID, Response: resp, Name: in.Body.Name,
	})
	if err != nil {
		return nil, err
	}
	return &created[registeredCredential]{
		Prefix + "/credentials/" + string(c.ID),
		registeredCredential{fromCredential(c), fromExtensionOutputs(c.Extensions)},
	}, nil
}

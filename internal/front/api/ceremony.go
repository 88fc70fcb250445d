package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/tenant"
)

// What registrations and authentications share.

// userRef names a user by exactly one of its members.
type userRef struct {
	ID     string `json:"id,omitempty" doc:"Ours"`
	Name   string `json:"name,omitempty" doc:"Login name"`
	Handle string `json:"handle,omitempty" doc:"WebAuthn user handle, base64url"`
}

// ref translates r; nil is nobody.
func (r *userRef) ref(field string) (credential.UserRef, error) {
	if r == nil {
		return credential.UserRef{}, nil
	}
	handle, err := strictjson.DecodeBase64URL(r.Handle)
	given := 0
	for _, member := range []string{r.ID, r.Name, r.Handle} {
		if member != "" {
			given++
		}
	}
	if err != nil || given != 1 {
		return credential.UserRef{}, errRequest.At(field).Saying("%s: name the user by id, name or handle, and one of them only.", field)
	}
	return credential.UserRef{ID: credential.UserID(r.ID), Name: r.Name, Handle: handle}, nil
}

// begun answers what begins a ceremony.
type begun struct {
	ID        string          `json:"id" doc:"Of the ceremony"`
	Expires   time.Time       `json:"expires" doc:"When its challenge is void"`
	PublicKey json.RawMessage `json:"publicKey" doc:"The options, in the form that the browser's parseCreationOptionsFromJSON or parseRequestOptionsFromJSON reads"`
}

// Ceremony is how a ceremony stands.
type Ceremony struct {
	ID           string          `json:"id"`
	RelyingParty string          `json:"relyingParty"`
	User         string          `json:"user,omitempty" doc:"The user's id"`
	RequestID    string          `json:"requestId,omitempty"`
	State        string          `json:"state" enum:"open,succeeded,failed,expired"`
	Outcome      string          `json:"outcome,omitempty" doc:"The code of the refusal, once failed"`
	Credential   string          `json:"credential,omitempty" doc:"Our id of the credential it made or was answered with, once succeeded"`
	Created      time.Time       `json:"created"`
	Expires      time.Time       `json:"expires"`
	Ended        *time.Time      `json:"ended,omitempty"`
	PublicKey    json.RawMessage `json:"publicKey" doc:"The options as they were sent"`
}

func fromCeremony(c *credential.Ceremony, now time.Time) Ceremony {
	return Ceremony{
		ID: string(c.ID), RelyingParty: c.RelyingParty, User: string(c.User), RequestID: c.RequestID,
		State: string(c.StateAt(now)), Outcome: c.Outcome, Credential: string(c.Credential),
		Created: c.Created, Expires: c.Expires, Ended: unlessZero(c.Ended), PublicKey: c.Options,
	}
}

// CeremonyPath is the path parameter of calls about one ceremony.
type CeremonyPath struct {
	ID string `path:"id" doc:"The ceremony's id"`
}

// ceremonyQuery finds a ceremony by the caller's own id.
type ceremonyQuery struct {
	RelyingParty string `query:"relyingParty" required:"true"`
	RequestID    string `query:"requestId" required:"true" doc:"As it was given when the ceremony began"`
}

// ceremonyOf returns the caller's ceremony of a kind: another kind has other paths.
func (f *front) ceremonyOf(ctx context.Context, by tenant.Authority, kind credential.CeremonyKind, ref credential.CeremonyRef) (*credential.Ceremony, error) {
	c, err := f.Credentials.Ceremony(ctx, by, ref)
	if err == nil && c.Kind != kind {
		return nil, credential.ErrCeremonyUnknown
	}
	return c, err
}

// showCeremony is the call that gets one ceremony of a kind.
func (f *front) showCeremony(kind credential.CeremonyKind) call[CeremonyPath, answer[Ceremony]] {
	return func(ctx context.Context, by tenant.Authority, in *CeremonyPath) (*answer[Ceremony], error) {
		c, err := f.ceremonyOf(ctx, by, kind, credential.CeremonyRef{ID: credential.CeremonyID(in.ID)})
		if err != nil {
			return nil, err
		}
		return &answer[Ceremony]{fromCeremony(c, f.Now())}, nil
	}
}

// findCeremony is the call that finds the ceremony of a kind with the caller's own id.
func (f *front) findCeremony(kind credential.CeremonyKind) call[ceremonyQuery, answer[Ceremony]] {
	return func(ctx context.Context, by tenant.Authority, in *ceremonyQuery) (*answer[Ceremony], error) {
		c, err := f.ceremonyOf(ctx, by, kind, credential.CeremonyRef{RelyingParty: in.RelyingParty, RequestID: in.RequestID})
		if err != nil {
			return nil, err
		}
		return &answer[Ceremony]{fromCeremony(c, f.Now())}, nil
	}
}

// object is JSON of a shape that is defined elsewhere: by WebAuthn, or by the policies'
// own page. Who defines it reads it, with its own refusals; the OpenAPI document says
// only that it is an object.
type object json.RawMessage

// UnmarshalJSON implements [json.Unmarshaler].
func (o *object) UnmarshalJSON(b []byte) error { return (*json.RawMessage)(o).UnmarshalJSON(b) }

// MarshalJSON implements [json.Marshaler].
func (o object) MarshalJSON() ([]byte, error) { return json.RawMessage(o).MarshalJSON() }

// Schema implements [huma.SchemaProvider].
func (object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

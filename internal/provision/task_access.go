package provision

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"bestow.dev/internal/process"
)

// This file has the tasks that speak to a relying party.

// optionsVariable is the variable of creation options: what the relying party answered,
// and the origin where it is known.
type optionsVariable struct {
	PublicKey json.RawMessage `json:"publicKey"`
	Expires   string          `json:"challengeExpires,omitempty"`
	Origin    string          `json:"origin,omitempty"`
}

// getCreationOptions asks a relying party what a security key is to be asked.
func (s *Service) getCreationOptions() *task {
	return &task{
		ours: s.ourAccess,
		shape: shape{
			required: []string{"connection", "userid"},
			fields:   map[string]string{"creationOptionsField": "fidoCreationOptions"},
		},
		do: func(ctx context.Context, g given) (process.Result, error) {
			user, err := g.text("userid")
			if err != nil {
				return process.Result{}, err
			}
			access, err := s.accessOf(ctx, g)
			if err != nil {
				return process.Result{}, err
			}
			// Asked again after a crash it opens another ceremony; the first one expires.
			options, err := access.Options(ctx, acting(g.Work), user)
			if err != nil {
				return process.Result{}, accessError(g.Work, err)
			}
			v := optionsVariable{PublicKey: options.PublicKey, Origin: options.Origin}
			if !options.Expires.IsZero() {
				v.Expires = options.Expires.UTC().Format(time.RFC3339)
			}
			value, err := json.Marshal(v)
			if err != nil {
				return process.Result{}, err
			}
			return process.Result{
				Outputs: map[string]json.RawMessage{g.field("creationOptionsField"): value},
				Note:    "creation options for " + user,
			}, nil
		},
	}
}

// accessOf returns the relying party behind the connection that a work names.
func (s *Service) accessOf(ctx context.Context, g given) (DigitalAccess, error) {
	name, err := g.text("connection")
	if err != nil {
		return nil, err
	}
	return s.connection(ctx, g.Tenant, name)
}

// storeCredential hands in what a security key made.
func (s *Service) storeCredential() *task {
	return &task{
		ours: s.ourAccess,
		shape: shape{
			required: []string{"connection", "userid"},
			optional: []string{"displayName"},
			fields:   map[string]string{"credentialField": "", "credentialIdField": "fidoCredentialId"},
		},
		do: func(ctx context.Context, g given) (process.Result, error) {
			c, err := newCredential(g)
			if err != nil {
				return process.Result{}, err
			}
			access, err := s.accessOf(ctx, g)
			if err != nil {
				return process.Result{}, err
			}
			id, err := access.Store(ctx, acting(g.Work), c)
			note := "credential stored for " + c.User
			if err != nil {
				refused := err
				if id, err = ourOwn(ctx, access, g, c, refused); err != nil {
					return process.Result{}, err
				}
				note = "credential found stored for " + c.User
			}
			return process.Result{Outputs: map[string]json.RawMessage{g.field("credentialIdField"): quoted(id)}, Note: note}, nil
		},
	}
}

func newCredential(g given) (c NewCredential, err error) {
	if c.User, err = g.text("userid"); err != nil {
		return c, err
	}
	if c.Name, err = g.optionalText("displayName"); err != nil {
		return c, err
	}
	if c.Credential, err = g.variable("credentialField"); err != nil {
		return c, err
	}
	var read struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(c.Credential, &read) != nil || read.ID == "" {
		return c, badParameter("credentialField", "names a variable that is no credential")
	}
	c.ID = read.ID
	return c, nil
}

// ourOwn decides over a refusal that may come of our own success: this work was done
// before, and the node that did it died before it could say so. Then the challenge is
// used, or the credential there, and it was stored by us for this user.
func ourOwn(ctx context.Context, access DigitalAccess, g given, c NewCredential, err error) (string, error) {
	r, ok := errors.AsType[*Refusal](err)
	if !ok || r.Status != http.StatusGone && r.Code != "CREDENTIAL_EXISTS" {
		return "", accessError(g.Work, err)
	}
	ours, look := access.HasStored(ctx, acting(g.Work), c.User, c.ID)
	if _, refused := errors.AsType[*Refusal](look); look != nil && !refused {
		return "", accessError(g.Work, look)
	}
	if !ours {
		return "", accessError(g.Work, err)
	}
	return c.ID, nil
}

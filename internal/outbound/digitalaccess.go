package outbound

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"bestow.dev/internal/provision"
	"bestow.dev/internal/tenant"
)

// digitalAccess is a relying party of another server.
type digitalAccess struct {
	servers *Servers
	key     tokenKey
	secret  string
}

// DigitalAccess implements [provision.Dialer].
func (s *Servers) DigitalAccess(c *provision.Connection, secret string) (provision.DigitalAccess, error) {
	return &digitalAccess{s, tokenKey{c.URL, c.ClientID, sha256.Sum256([]byte(secret))}, secret}, nil
}

// call makes an exchange with an access token. One that was taken back before its time
// is asked for again, once.
func (d *digitalAccess) call(ctx context.Context, by tenant.Authority, x exchange) error {
	for again := false; ; again = true {
		token, err := d.token(ctx)
		if err != nil {
			return err
		}
		x.header = map[string]string{"Authorization": "Bearer " + token}
		if by.Claimed != "" {
			x.header["Bestow-Operator"] = by.Claimed
		}
		err = d.servers.do(ctx, x)
		r, refused := errors.AsType[*provision.Refusal](err)
		if !refused || r.Status != http.StatusUnauthorized {
			return err
		}
		d.servers.tokens.forget(d.key)
		if again {
			return err
		}
	}
}

// Options implements [provision.DigitalAccess].
func (d *digitalAccess) Options(ctx context.Context, by tenant.Authority, user string) (*provision.Options, error) {
	var answer struct {
		PublicKey json.RawMessage `json:"publicKey"`
		Expires   string          `json:"challengeExpires"`
	}
	err := d.call(ctx, by, exchange{
		method: http.MethodGet, url: d.key.url + "/fido/options?userId=" + url.QueryEscape(user), into: &answer,
	})
	if err != nil {
		return nil, err
	}
	if len(answer.PublicKey) == 0 || string(answer.PublicKey) == "null" {
		return nil, provision.ErrAnswer
	}
	options := &provision.Options{PublicKey: answer.PublicKey}
	if at, err := time.Parse(time.RFC3339, answer.Expires); err == nil {
		options.Expires = at
	}
	return options, nil
}

// Store implements [provision.DigitalAccess].
func (d *digitalAccess) Store(ctx context.Context, by tenant.Authority, c provision.NewCredential) (string, error) {
	var answer struct {
		ID string `json:"id"`
	}
	err := d.call(ctx, by, exchange{
		method: http.MethodPost, url: d.key.url + "/fido/credentials", into: &answer,
		body: struct {
			UserID      string          `json:"userId"`
			DisplayName string          `json:"displayName,omitempty"`
			Credential  json.RawMessage `json:"publicKeyCredential"`
		}{c.User, c.Name, c.Credential},
	})
	if err != nil {
		return "", err
	}
	if answer.ID == "" {
		return "", provision.ErrAnswer
	}
	return answer.ID, nil
}

// HasStored implements [provision.DigitalAccess]: by the client that we are there.
func (d *digitalAccess) HasStored(ctx context.Context, by tenant.Authority, user, id string) (bool, error) {
	var answer struct {
		UserID        string `json:"userId"`
		ProvisionedBy string `json:"provisionedBy"`
	}
	err := d.call(ctx, by, exchange{
		method: http.MethodGet, url: d.key.url + "/fido/credentials/" + url.PathEscape(id), into: &answer,
	})
	if r, ok := errors.AsType[*provision.Refusal](err); ok && r.Status == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return answer.UserID == user && answer.ProvisionedBy == d.key.client, nil
}

// Ask implements [provision.DigitalAccess]: with a token asked for anew.
func (d *digitalAccess) Ask(ctx context.Context) error {
	d.servers.tokens.forget(d.key)
	_, err := d.token(ctx)
	return err
}

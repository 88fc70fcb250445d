package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/test/forge"
)

// registration measures the Digital Access front: options, and the stored credential.
func (b *bench) registration(ctx context.Context) error {
	bearer, err := b.accessToken()
	if err != nil {
		return err
	}
	header := map[string]string{"Authorization": "Bearer " + bearer, "Content-Type": "application/json"}
	var options, finish, floor []spent
	for round := range *rounds {
		names, err := b.makeUsers(ctx, round)
		if err != nil {
			return err
		}
		begin := make([]*call, len(names))
		for i, name := range names {
			begin[i] = &call{request: prepare("GET", b.host, "/fido/options?userId="+name, header, nil), want: http.StatusOK}
		}
		took, err := play(b.address, b.tls, deal(*callers, begin))
		if err != nil {
			return fmt.Errorf("options: %w", err)
		}
		options = append(options, took)

		store, _, err := b.registrations(names, begin, header)
		if err != nil {
			return err
		}
		bare, err := bareTLS(b, *callers, store)
		if err != nil {
			return err
		}
		floor = append(floor, bare)
		if took, err = play(b.address, b.tls, deal(*callers, store)); err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
		finish = append(finish, took)
	}
	report("GET /fido/options (opens a ceremony, durable)", *perRound, options)
	report("POST /fido/credentials (packed self, durable)", *perRound, finish)
	report("  floor: the same bytes to a bare TLS server", *perRound, floor)
	return nil
}

// registrations prepares the requests that finish the ceremonies begun, each with a key of
// its own.
func (b *bench) registrations(names []string, begun []*call, header map[string]string) (store []*call, keys []*forge.Key, err error) {
	begins, err := answers[struct{ PublicKey json.RawMessage }](begun)
	if err != nil {
		return nil, nil, err
	}
	store, keys = make([]*call, len(names)), make([]*forge.Key, len(names))
	for i, name := range names {
		key, err := forge.New()
		if err != nil {
			return nil, nil, err
		}
		response, err := key.Register(begins[i].PublicKey, b.server.URL)
		if err != nil {
			return nil, nil, err
		}
		keys[i] = key
		body := jsonBody(map[string]any{"userId": name, "displayName": "Load key", "publicKeyCredential": response})
		store[i] = &call{request: prepare("POST", b.host, "/fido/credentials", header, body), want: http.StatusCreated}
	}
	return store, keys, nil
}

func (b *bench) accessToken() (string, error) {
	basic := base64.StdEncoding.EncodeToString([]byte(clientID + ":" + apiKey))
	c := &call{want: http.StatusOK, request: prepare("POST", b.host, "/oauth2/token",
		map[string]string{"Authorization": "Basic " + basic, "Content-Type": "application/x-www-form-urlencoded"},
		[]byte("grant_type=client_credentials&scope=fido.provision"))}
	if _, err := play(b.address, b.tls, [][]*call{{c}}); err != nil {
		return "", err
	}
	got, err := answers[struct {
		AccessToken string `json:"access_token"`
	}]([]*call{c})
	if err != nil {
		return "", err
	}
	return got[0].AccessToken, nil
}

// makeUsers makes a user for each registration of a round, beside the clock.
func (b *bench) makeUsers(ctx context.Context, round int) ([]string, error) {
	by := tenant.Authority{
		Tenant: "load", Actor: audit.Actor{Kind: audit.System, ID: "load"}, Via: "load", Scopes: []tenant.Scope{tenant.ScopeAdmin},
	}
	names := make([]string, *perRound)
	users := make([]credential.NewUser, *perRound)
	for i := range names {
		names[i] = fmt.Sprintf("user-%d-%d", round, i)
		users[i].Name = names[i]
	}
	_, err := b.server.Credentials.ImportUsers(ctx, by, users)
	return names, err
}

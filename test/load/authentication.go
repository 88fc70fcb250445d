package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"bestow.dev/test/forge"
)

// front is how one door takes a sign-in: what is asked for options, where they are in the
// answer, and how the assertion is handed in.
type front struct {
	name    string
	header  map[string]string
	options func(p signer) (path string, body any)
	read    func(answer []byte) (publicKey json.RawMessage, id string, err error)
	finish  func(p signer, id string, response json.RawMessage) (path string, body any)
	begun   int // HTTP status of options
}

// signer is who signs in, and with what.
type signer struct {
	name   string
	handle string // base64url
	key    *forge.Key
}

// fronts are the doors that sign people in, each for the same users and credentials.
func fronts() []front {
	basic := map[string]string{
		"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+apiKey)),
		"Content-Type":  "application/json", "Accept": "application/json",
	}
	bearer := map[string]string{"Authorization": "Bearer " + apiKey, "Content-Type": "application/json"}
	whole := func(answer []byte) (json.RawMessage, string, error) { return answer, "", nil }
	spanPath := func(p signer, what string) string { return "/v1/users/" + url.PathEscape(p.name) + "@master/" + what }
	return []front{
		{
			name: "api", header: basic, begun: http.StatusCreated,
			options: func(p signer) (string, any) {
				return "/api/v1/authentications", map[string]any{"relyingParty": rpID, "user": map[string]string{"name": p.name}}
			},
			read: func(answer []byte) (json.RawMessage, string, error) {
				var begun struct {
					ID        string          `json:"id"`
					PublicKey json.RawMessage `json:"publicKey"`
				}
				err := json.Unmarshal(answer, &begun)
				return begun.PublicKey, begun.ID, err
			},
			finish: func(_ signer, id string, response json.RawMessage) (string, any) {
				return "/api/v1/authentications/" + id + "/finish", map[string]any{"response": response}
			},
		},
		{
			name: "nevis", header: basic, begun: http.StatusOK, read: whole,
			options: func(p signer) (string, any) {
				return "/nevisfido/fido2/assertion/options", map[string]string{"username": p.name, "userVerification": "required"}
			},
			finish: func(_ signer, _ string, response json.RawMessage) (string, any) {
				return "/nevisfido/fido2/assertion/result", response
			},
		},
		{
			name: "onewelcome", header: bearer, begun: http.StatusOK, read: whole,
			options: func(p signer) (string, any) {
				return "/fido/v1/assertion/options", map[string]string{"userId": p.handle}
			},
			finish: func(_ signer, _ string, response json.RawMessage) (string, any) {
				return "/fido/v1/assertion/verify", response
			},
		},
		{
			name: "onespan", header: basic, begun: http.StatusOK,
			options: func(p signer) (string, any) {
				return spanPath(p, "generate-fido-authentication-request"), map[string]string{"fidoProtocol": "FIDO2"}
			},
			read: func(answer []byte) (json.RawMessage, string, error) {
				var begun struct {
					Request string `json:"authenticationRequest"`
					ID      string `json:"requestID"`
				}
				err := json.Unmarshal(answer, &begun)
				return json.RawMessage(begun.Request), begun.ID, err
			},
			finish: func(p signer, id string, response json.RawMessage) (string, any) {
				return spanPath(p, "login"), map[string]any{
					"objectType": "LoginInput", "requestID": id, "fidoAuthentication": map[string]string{"fidoProtocol": "FIDO2"},
					"credentials": map[string]any{"fidoAuthenticator": map[string]string{"authenticationResponse": string(response)}},
				}
			},
		},
	}
}

// authentication measures each door that signs people in: request options, and the
// assertion verified, its counter durable.
func (b *bench) authentication(ctx context.Context) error {
	people, err := b.enrol(ctx)
	if err != nil {
		return err
	}
	for _, f := range fronts() {
		if *door != "" && *door != f.name {
			continue
		}
		var options, finish, floor []spent
		for range *rounds {
			begin := make([]*call, len(people))
			for i, p := range people {
				path, body := f.options(p)
				begin[i] = &call{request: prepare("POST", b.host, path, f.header, jsonBody(body)), want: f.begun}
			}
			took, err := play(b.address, b.tls, deal(*signers, begin))
			if err != nil {
				return fmt.Errorf("%s: options: %w", f.name, err)
			}
			options = append(options, took)
			assert, err := b.assertions(f, people, begin)
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			bare, err := bareTLS(b, *signers, assert)
			if err != nil {
				return err
			}
			floor = append(floor, bare)
			if took, err = play(b.address, b.tls, deal(*signers, assert)); err != nil {
				return fmt.Errorf("%s: assertion: %w", f.name, err)
			}
			finish = append(finish, took)
		}
		report(f.name+": request options (ceremony durable)", len(people), options)
		report(f.name+": assertion verified (counter durable)", len(people), finish)
		report("  floor: the same bytes to a bare TLS server", len(people), floor)
	}
	return nil
}

// assertions prepares the requests that answer the options.
func (b *bench) assertions(f front, people []signer, begun []*call) ([]*call, error) {
	all := make([]*call, len(people))
	for i, p := range people {
		publicKey, id, err := f.read(begun[i].answer)
		if err != nil {
			return nil, err
		}
		response, err := p.key.Assert(publicKey, b.server.URL)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", begun[i].answer, err)
		}
		path, body := f.finish(p, id, response)
		all[i] = &call{request: prepare("POST", b.host, path, f.header, jsonBody(body)), want: http.StatusOK}
	}
	return all, nil
}

// enrol gives as many people as a round has a credential, beside the clock.
func (b *bench) enrol(ctx context.Context) ([]signer, error) {
	bearer, err := b.accessToken()
	if err != nil {
		return nil, err
	}
	header := map[string]string{"Authorization": "Bearer " + bearer, "Content-Type": "application/json"}
	names, err := b.makeUsers(ctx, -1)
	if err != nil {
		return nil, err
	}
	begin := make([]*call, len(names))
	for i, name := range names {
		begin[i] = &call{request: prepare("GET", b.host, "/fido/options?userId="+name, header, nil), want: http.StatusOK}
	}
	if _, err := play(b.address, b.tls, deal(*callers, begin)); err != nil {
		return nil, err
	}
	store, keys, err := b.registrations(names, begin, header)
	if err != nil {
		return nil, err
	}
	if _, err := play(b.address, b.tls, deal(*callers, store)); err != nil {
		return nil, err
	}
	begun, err := answers[struct {
		PublicKey struct {
			User struct{ ID string }
		}
	}](begin)
	if err != nil {
		return nil, err
	}
	people := make([]signer, len(names))
	for i := range people {
		people[i] = signer{names[i], begun[i].PublicKey.User.ID, keys[i]}
	}
	return people, nil
}

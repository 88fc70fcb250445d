package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// manager plays the identity manager: everything it knows, it knows from the public
// HTTP interfaces.
type manager struct {
	http     *http.Client
	base     string // https://localhost:port
	clientID string
	key      string // for our API and Digital Access
	relayKey string // for the relay
	bearer   string
}

// maxAnswerBytes bounds what is read from the server.
const maxAnswerBytes = 1 << 20

// callTimeout is how long one call may take before the demo gives up.
const callTimeout = 10 * time.Second

// call sends one request and decodes the answer into out, unless out is nil. Any
// status but want is an error that quotes the answer.
func (m *manager) call(ctx context.Context, method, path string, header http.Header, body, out any, want int) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case url.Values:
		reader = strings.NewReader(b.Encode())
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(text)
		header.Set("Content-Type", "application/json")
	}
	req, err := http.NewRequestWithContext(ctx, method, m.base+path, reader)
	if err != nil {
		return err
	}
	req.Header = header
	resp, err := m.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s %s answered %s: %s", method, path, resp.Status, bytes.TrimSpace(text))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

func (m *manager) basic() http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(m.clientID+":"+m.key))}}
}

func (m *manager) withBearer() http.Header {
	return http.Header{"Authorization": {"Bearer " + m.bearer}}
}

func (m *manager) apiKey() http.Header {
	return http.Header{"X-Api-Key": {base64.StdEncoding.EncodeToString([]byte(m.clientID + ":" + m.relayKey))}}
}

// Our own API.

type user struct {
	ID          string `json:"id,omitempty"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

func (m *manager) createUser(ctx context.Context, u user) (made user, err error) {
	err = m.call(ctx, http.MethodPost, "/api/v1/users", m.basic(), u, &made, http.StatusCreated)
	return made, err
}

type authentication struct {
	ID        string          `json:"id"`
	PublicKey json.RawMessage `json:"publicKey"`
}

func (m *manager) beginAuthentication(ctx context.Context, userName string) (begun authentication, err error) {
	in := map[string]any{"relyingParty": relyingParty, "user": map[string]string{"name": userName}}
	err = m.call(ctx, http.MethodPost, "/api/v1/authentications", m.basic(), in, &begun, http.StatusCreated)
	return begun, err
}

type signIn struct {
	User struct {
		Name string `json:"name"`
	} `json:"user"`
	Credential struct {
		Name      string `json:"name"`
		SignCount uint32 `json:"signCount"`
	} `json:"credential"`
}

func (m *manager) finishAuthentication(ctx context.Context, id string, response json.RawMessage) (done signIn, err error) {
	in := map[string]any{"response": response}
	err = m.call(ctx, http.MethodPost, "/api/v1/authentications/"+url.PathEscape(id)+"/finish", m.basic(), in, &done, http.StatusOK)
	return done, err
}

type event struct {
	Seq    int64  `json:"seq"`
	Action string `json:"action"`
	Actor  struct {
		Kind string `json:"kind"`
		ID   string `json:"id"`
	} `json:"actor"`
	Via     string `json:"via"`
	Outcome string `json:"outcome"`
}

func (m *manager) auditTrail(ctx context.Context) ([]event, error) {
	var page struct {
		Items []event `json:"items"`
	}
	err := m.call(ctx, http.MethodGet, "/api/v1/audit-events?limit=100", m.basic(), nil, &page, http.StatusOK)
	return page.Items, err
}

// Digital Access.

func (m *manager) takeAccessToken(ctx context.Context) error {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"fido.provision"}}
	var out struct {
		AccessToken string `json:"access_token"`
	}
	if err := m.call(ctx, http.MethodPost, "/oauth2/token", m.basic(), form, &out, http.StatusOK); err != nil {
		return err
	}
	if out.AccessToken == "" {
		return errors.New("the answer holds no access token")
	}
	m.bearer = out.AccessToken
	return nil
}

type creationOptions struct {
	PublicKey json.RawMessage `json:"publicKey"`
}

func (m *manager) creationOptions(ctx context.Context, userName string) (o creationOptions, err error) {
	err = m.call(ctx, http.MethodGet, "/fido/options?userId="+url.QueryEscape(userName), m.withBearer(), nil, &o, http.StatusOK)
	return o, err
}

type storedCredential struct {
	ID          string `json:"id"`
	UserID      string `json:"userId"`
	AAGUID      string `json:"aaguid"`
	Alg         int    `json:"alg"`
	Attestation struct {
		Fmt  string `json:"fmt"`
		Type string `json:"type"`
	} `json:"attestation"`
	ProvisionedBy string `json:"provisionedBy"`
}

func (m *manager) storeCredential(ctx context.Context, userName, name string, credential json.RawMessage) (s storedCredential, err error) {
	in := map[string]any{"userId": userName, "displayName": name, "publicKeyCredential": credential}
	err = m.call(ctx, http.MethodPost, "/fido/credentials", m.withBearer(), in, &s, http.StatusCreated)
	return s, err
}

// The relay.

type receipt struct {
	CommandID    string `json:"commandId"`
	State        string `json:"state"`
	Destinations []struct {
		BID string `json:"bid"`
		URI string `json:"uri"`
	} `json:"destinations"`
}

func (m *manager) startSession(ctx context.Context, userName string) (r receipt, err error) {
	in := map[string]any{
		"commandHeader":       map[string]any{"lifespan": 120, "timeout": 30, "to": []string{"@tmp"}, "externalId": "demo/session"},
		"sessionStartCommand": map[string]any{"userid": userName, "title": "Register your security key", "require": []string{"fido2"}},
	}
	err = m.call(ctx, http.MethodPost, "/hermod/rest/command/sessionstart", m.apiKey(), in, &r, http.StatusOK)
	if err == nil && (len(r.Destinations) != 1 || r.Destinations[0].URI == "") {
		err = errors.New("the answer holds no plugout link")
	}
	return r, err
}

func (m *manager) createCredential(ctx context.Context, box string, options json.RawMessage) (r receipt, err error) {
	in := map[string]any{
		"commandHeader": map[string]any{"lifespan": 120, "timeout": 60, "to": []string{box}, "externalId": "demo/create"},
		"fidoCreateCredentialCommand": map[string]any{
			"creationOptions": map[string]any{"publicKey": options},
			"origin":          m.base,
		},
	}
	err = m.call(ctx, http.MethodPost, "/hermod/rest/command/fidocreatecredential", m.apiKey(), in, &r, http.StatusOK)
	return r, err
}

func (m *manager) endSession(ctx context.Context, box string) error {
	in := map[string]any{
		"commandHeader":     map[string]any{"lifespan": 60, "timeout": 30, "to": []string{box}, "externalId": "demo/end"},
		"sessionEndCommand": map[string]any{},
	}
	return m.call(ctx, http.MethodPost, "/hermod/rest/command/sessionend", m.apiKey(), in, nil, http.StatusOK)
}

package outbound

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"bestow.dev/internal/provision"
)

// tokens keeps access tokens until shortly before they expire. It is safe for concurrent
// use.
type tokens struct {
	mu    sync.Mutex
	known map[tokenKey]accessToken
}

// tokenKey says whose token it is. A changed secret is another key.
type tokenKey struct {
	url, client string
	secret      [sha256.Size]byte
}

type accessToken struct {
	text    string
	expires time.Time
}

const (
	// tokenMargin is how long before its end a token is no longer used.
	tokenMargin = 30 * time.Second

	// maxTokenLife bounds what a server says about how long its token holds.
	maxTokenLife = time.Hour

	// maxTokens are kept; there are as many as connections.
	maxTokens = 1000
)

func newTokens() *tokens { return &tokens{known: make(map[tokenKey]accessToken)} }

func (t *tokens) get(key tokenKey, now time.Time) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	token, ok := t.known[key]
	return token.text, ok && now.Before(token.expires)
}

func (t *tokens) put(key tokenKey, token accessToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= maxTokens {
		clear(t.known)
	}
	t.known[key] = token
}

func (t *tokens) forget(key tokenKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, key)
}

// token returns an access token for the client credentials (RFC 6749 §4.4), sent as
// client_secret_basic (§2.3.1). Scopes are those that the client has.
func (d *digitalAccess) token(ctx context.Context) (string, error) {
	if text, ok := d.servers.tokens.get(d.key, time.Now()); ok {
		return text, nil
	}
	var answer struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
	}
	asked := http.Request{Header: make(http.Header)}
	asked.SetBasicAuth(url.QueryEscape(d.key.client), url.QueryEscape(d.secret))
	err := d.servers.do(ctx, exchange{
		method: http.MethodPost, url: d.key.url + "/oauth2/token", form: "grant_type=client_credentials",
		header: map[string]string{"Authorization": asked.Header.Get("Authorization")}, into: &answer,
	})
	if r, ok := errors.AsType[*provision.Refusal](err); ok {
		// RFC 6749 §5.2 says 400 for what is, to a task, not being let in.
		return "", &provision.Refusal{Status: http.StatusUnauthorized, Code: r.Code, Message: r.Message}
	}
	if err != nil {
		return "", err
	}
	if answer.Token == "" {
		return "", provision.ErrAnswer
	}
	life := min(time.Duration(max(answer.Expires, 0))*time.Second, maxTokenLife) - tokenMargin
	d.servers.tokens.put(d.key, accessToken{answer.Token, time.Now().Add(life)})
	return answer.Token, nil
}

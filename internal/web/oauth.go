package web

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

// TokenEndpoint gives API clients access tokens in exchange for their secret: the
// client credentials grant of OAuth 2.0 (RFC 6749 §4.4), with the client
// authenticated by HTTP Basic or in the body (§2.3.1), never in the query.
type TokenEndpoint struct {
	Callers *Callers

	// Tenant is the only one whose clients are served; empty: all.
	Tenant string

	// RelyingParty is the only one the tokens are good for; empty: whatever the
	// client may.
	RelyingParty string
}

// maxTokenRequestBytes is ample for the parameters there are.
const maxTokenRequestBytes = 8 << 10

// oauthError is an error answer of RFC 6749 §5.2.
type oauthError struct {
	status    int
	basic     bool   // the client is to be told how to authenticate
	Code      string `json:"error"`
	Describes string `json:"error_description,omitempty"`
}

// Error returns the text for the log.
func (e *oauthError) Error() string { return e.Code + ": " + e.Describes }

func badTokenRequest(code, describes string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, Code: code, Describes: describes}
}

// accessTokenAnswer is that of RFC 6749 §5.1.
type accessTokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
}

// ServeHTTP implements [http.Handler]. The method is for the mux to see to.
func (t *TokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := t.issue(w, r)
	w.Header().Set("Pragma", "no-cache") // §5.1, beside the no-store of every answer
	if err != nil {
		refuseToken(w, r, err)
		return
	}
	WriteJSON(w, http.StatusOK, answer)
}

func (t *TokenEndpoint) issue(w http.ResponseWriter, r *http.Request) (*accessTokenAnswer, error) {
	form, err := readForm(w, r)
	if err != nil {
		return nil, err
	}
	client, err := t.authenticate(r, form)
	if err != nil {
		return nil, err
	}
	switch form.Get("grant_type") {
	case "client_credentials":
	case "":
		return nil, badTokenRequest("invalid_request", "grant_type is missing")
	default:
		return nil, badTokenRequest("unsupported_grant_type", "grant_type is client_credentials here")
	}
	r, err = t.Callers.Admit(r, client)
	if err != nil {
		return nil, err
	}
	var scopes []tenant.Scope
	for _, s := range strings.Fields(form.Get("scope")) {
		scopes = append(scopes, tenant.Scope(s))
	}
	token, issued, err := t.Callers.directory.IssueAccessToken(r.Context(), Authority(r), client, scopes, t.RelyingParty)
	if err != nil {
		return nil, err
	}
	granted := make([]string, len(issued.Scopes))
	for i, s := range issued.Scopes {
		granted[i] = string(s)
	}
	return &accessTokenAnswer{
		AccessToken: token,
		TokenType:   "Bearer",
		ExpiresIn:   int(issued.Expires.Sub(issued.Created).Seconds()),
		Scope:       strings.Join(granted, " "),
	}, nil
}

// readForm reads the parameters of the body. §3.2: none stands twice, and one
// without a value counts as left out.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, badTokenRequest("invalid_request", "send the parameters as application/x-www-form-urlencoded")
	}
	if q := r.URL.Query(); q.Has("client_secret") || q.Has("client_id") {
		return nil, badTokenRequest("invalid_request", "client credentials do not belong in the URL")
	}
	body, err := ReadBody(w, r, maxTokenRequestBytes)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, badTokenRequest("invalid_request", "the body is not form encoded")
	}
	for name, values := range form {
		if len(values) > 1 {
			// The name may be anything; it is not repeated to the caller.
			return nil, badTokenRequest("invalid_request", "a parameter stands twice")
		}
		if values[0] == "" {
			delete(form, name)
		}
	}
	return form, nil
}

// authenticate returns the client that r is from. §2.3: by one method only.
func (t *TokenEndpoint) authenticate(r *http.Request, form url.Values) (*tenant.Client, error) {
	id, secrets := form.Get("client_id"), []string{form.Get("client_secret")}
	basicID, basicSecret, basic := r.BasicAuth()
	switch {
	case basic && form.Has("client_secret"):
		return nil, badTokenRequest("invalid_request", "authenticate in one way, not two")
	case basic && form.Has("client_id") && id != basicID:
		return nil, badTokenRequest("invalid_request", "client_id is not the one that authenticated")
	case basic:
		id, secrets = basicID, basicSecrets(basicSecret)
	case r.Header.Get("Authorization") != "" || !form.Has("client_id") || !form.Has("client_secret"):
		return nil, ErrNoCredentials
	}
	client, err := t.Callers.byAnyOf(r.Context(), id, secrets...)
	if err != nil {
		return nil, err
	}
	if t.Tenant != "" && client.Tenant != t.Tenant {
		return nil, tenant.ErrUnauthenticated
	}
	return client, nil
}

// basicSecrets returns what a password of HTTP Basic may mean: §2.3.1 asks clients to
// form-encode it, which many leave out. Client ids have nothing to encode.
func basicSecrets(password string) []string {
	if decoded, err := url.QueryUnescape(password); err == nil && decoded != password {
		return []string{decoded, password}
	}
	return []string{password}
}

// refuseToken answers with err in the words of RFC 6749 §5.2.
func refuseToken(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*oauthError](err)
	if !ok {
		LogFault(r.Context(), err)
		e = oauthErrorOf(fault.From(err))
	}
	if e.basic {
		w.Header().Set("WWW-Authenticate", `Basic realm="bestow", charset="UTF-8"`)
	}
	if e.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", RetryAfter)
	}
	WriteJSON(w, e.status, e)
}

// RetryAfter is when a caller that was limited may try again, in seconds.
const RetryAfter = "60"

func oauthErrorOf(f *fault.Error) *oauthError {
	e := &oauthError{status: Status(f.Kind), Describes: f.Public}
	switch {
	case f.Kind == fault.Unauthenticated:
		e.Code, e.basic = "invalid_client", true
	case f.Code == tenant.ErrScope.Code:
		e.Code, e.status = "invalid_scope", http.StatusBadRequest
	case f.Code == ErrTooLarge.Code:
		e.Code, e.status = "invalid_request", http.StatusRequestEntityTooLarge
	case f.Kind == fault.Invalid:
		e.Code = "invalid_request"
	case f.Kind == fault.Denied:
		e.Code = "unauthorized_client"
	case f.Kind == fault.Limited, f.Kind == fault.Unavailable:
		e.Code = "temporarily_unavailable"
	default:
		e.Code = "server_error"
	}
	return e
}

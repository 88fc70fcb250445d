package nevis

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// TokenMode says whether a SecToken is wanted.
type TokenMode string

// The modes. The empty one is IfPresent.
const (
	TokenNone      TokenMode = "none"       // not looked at
	TokenIfPresent TokenMode = "if-present" // one that is shown has to be good, and counts
	TokenRequired  TokenMode = "required"
)

// TokenModes says where SecTokens are wanted. Authentication options that are asked for at
// the path of registrations count as RegistrationOptions too.
type TokenModes struct {
	RegistrationOptions, RegistrationResult     TokenMode
	AuthenticationOptions, AuthenticationResult TokenMode
	Status                                      TokenMode
	Credentials                                 TokenMode // the paths of nevisIDM
}

// Faults of the door itself.
var (
	errNotAcceptable = fault.New(fault.Invalid, "request.not_acceptable", "The answer is application/json; accept that.")
	errTokenMissing  = fault.New(fault.Unauthenticated, "sectoken.missing", "A SecToken is needed here.")
	errToken         = fault.New(fault.Unauthenticated, "sectoken.invalid", "The SecToken is not good.")
	errTokenUser     = fault.New(fault.Denied, "sectoken.user", "The SecToken is of nobody who is known here.")
)

// endpoint is one of the paths below /fido2.
type endpoint struct {
	door    *Door
	serve   func(r *http.Request, body []byte) (any, error)
	mode    *TokenMode
	options bool // the method OPTIONS is taken too
}

// ServeHTTP implements [http.Handler]. The order of checks is method, content type,
// accepted type, caller, body.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := e.door
	d.allowOrigin(w, r)
	switch {
	case r.Method == http.MethodOptions && e.options:
		w.Header().Set("Allow", "POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		if e.options {
			w.Header().Set("Allow", "POST, OPTIONS")
		}
		d.writeError(w, r, web.ErrMethod)
		return
	case !isJSON(r):
		d.writeError(w, r, web.ErrNotJSON)
		return
	case !d.acceptsJSON(r):
		d.writeError(w, r, errNotAcceptable)
		return
	}
	answer, err := e.answer(w, r)
	if err != nil {
		d.writeError(w, r, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, answer)
}

func (e *endpoint) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	r, err := e.door.admit(r, *e.mode)
	if err != nil {
		return nil, err
	}
	body, err := web.ReadBody(w, r, maxBodyBytes)
	if err != nil {
		return nil, err
	}
	return e.serve(r, body)
}

// isJSON reports whether the body is declared to be JSON, in UTF-8 or without a charset.
func isJSON(r *http.Request) bool {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" || len(r.Header.Values("Content-Type")) > 1 {
		return false
	}
	charset, ok := params["charset"]
	return !ok || strings.EqualFold(charset, "utf-8")
}

// acceptsJSON reports whether the caller takes application/json (RFC 9110 §12.5.1).
// Where the door is strict, it has to say so by name.
func (d *Door) acceptsJSON(r *http.Request) bool {
	values := r.Header.Values("Accept")
	if len(values) == 0 {
		return !d.StrictAccept
	}
	good, ranges := 0.0, -1
	for entry := range strings.SplitSeq(strings.Join(values, ","), ",") {
		media, params, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		specific := slices.Index([]string{"*/*", "application/*", "application/json"}, media)
		if specific < 0 || d.StrictAccept && specific != 2 || specific < ranges {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		good, ranges = q, specific
	}
	return good > 0
}

// allowOrigin lets pages of the origins that were set read the answer.
func (d *Door) allowOrigin(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if len(d.Origins) == 0 {
		return
	}
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(d.Origins, origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "POST")
		h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, "+tokenHeader)
		h.Set("Access-Control-Max-Age", "600")
	}
}

// tokenHeader is where a SecToken is shown; Authorization: Bearer does as well.
const tokenHeader = "X-Sec-Token"

// admit lets r through with the authority of its caller: the client that it shows
// credentials of, the user that its SecToken names, or both.
func (d *Door) admit(r *http.Request, mode TokenMode) (*http.Request, error) {
	token, r := secToken(r)
	if mode == TokenNone {
		token = ""
	}
	if mode == TokenRequired && token == "" {
		return nil, errTokenMissing
	}
	client, err := d.client(r, token != "")
	if err != nil {
		return nil, err
	}
	if client != nil {
		if r, err = d.callers.Admit(r, client); err != nil {
			return nil, err
		}
	}
	if token == "" {
		return r, nil
	}
	user, err := d.userOfToken(r, token)
	if err != nil {
		return nil, err
	}
	by := web.Authority(r)
	if client == nil {
		by = tenant.Authority{Tenant: d.Tenant, Actor: audit.Actor{Kind: audit.User, ID: string(user.ID)}, Via: via, RelyingParties: []string{d.RelyingParty}}
	}
	by.Subject = string(user.ID)
	return web.WithAuthority(r, by), nil
}

// secToken returns the SecToken that r shows, and r without it where it stood in the
// place of a client's credentials. What has the form of a JWT is no access token of ours.
func secToken(r *http.Request) (string, *http.Request) {
	if values := r.Header.Values(tokenHeader); len(values) > 0 {
		return strings.Join(values, ","), r // two are none
	}
	token := web.BearerToken(r)
	if strings.Count(token, ".") != 2 {
		return "", r
	}
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	return token, r
}

type localKey struct{}

// Local returns the door as it is for a client of this process, which needs no
// credentials.
func (d *Door) Local(client string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), localKey{}, client)))
	})
}

// client returns the client that calls; nil for nobody, where a token is enough.
func (d *Door) client(r *http.Request, hasToken bool) (*tenant.Client, error) {
	if id, ok := r.Context().Value(localKey{}).(string); ok {
		return d.clientNamed(r.Context(), id)
	}
	client, err := d.callers.Caller(r)
	switch {
	case err == nil && client.Tenant != d.Tenant:
		return nil, tenant.ErrUnauthenticated
	case !errors.Is(err, web.ErrNoCredentials) || len(r.Header.Values("Authorization")) > 0:
		return client, err
	case d.AnonymousClient != "":
		return d.clientNamed(r.Context(), d.AnonymousClient)
	case hasToken:
		return nil, nil
	}
	return nil, err
}

// clientNamed returns a client of the tenant that is in use.
func (d *Door) clientNamed(ctx context.Context, id string) (*tenant.Client, error) {
	by := tenant.Authority{Tenant: d.Tenant, Actor: audit.Actor{Kind: audit.System, ID: via}, Scopes: []tenant.Scope{tenant.ScopeAdmin}}
	client, err := d.Directory.Client(ctx, by, id)
	if errors.Is(err, tenant.ErrClientUnknown) || err == nil && client.Disabled {
		return nil, tenant.ErrUnauthenticated
	}
	return client, err
}

// isAnonymous reports whether by acts with the rights of those who show none.
func (d *Door) isAnonymous(by tenant.Authority) bool {
	return d.AnonymousClient != "" && by.Actor == audit.Actor{Kind: audit.Client, ID: d.AnonymousClient}
}

// userOfToken returns the user whom a SecToken names.
func (d *Door) userOfToken(r *http.Request, token string) (*credential.User, error) {
	if d.Tokens == nil {
		return nil, errToken.Because(errors.New("no keys are set up for tokens"))
	}
	claims, err := d.Tokens.Verify(token, d.Now())
	if err != nil {
		return nil, errToken.Because(err)
	}
	reader := tenant.Authority{Tenant: d.Tenant, Actor: audit.Actor{Kind: audit.System, ID: via}, Scopes: []tenant.Scope{tenant.ScopeRead}}
	user, err := d.Credentials.User(r.Context(), reader, d.userRef(claims.User))
	if errors.Is(err, credential.ErrUserUnknown) {
		return nil, errTokenUser
	}
	return user, err
}

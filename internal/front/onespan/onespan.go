// Package onespan is the door for back ends that were written for the FIDO part of the
// OneSpan Trusted Identity platform API: they ask for a registration request for a user,
// hand in what the user's authenticator answered, and may have the user log in with it.
//
//	POST   <prefix>/users/{userID@domain}/generate-fido-registration-request
//	POST   <prefix>/users/{userID@domain}/register-fido-device
//	POST   <prefix>/users/{userID@domain}/generate-fido-authentication-request
//	POST   <prefix>/users/{userID@domain}/login
//	GET    <prefix>/fido-registrations
//	PATCH  <prefix>/fido-registrations/{registrationID}
//	DELETE <prefix>/fido-registrations/{registrationID}
//	GET    <prefix>/fido/relying-parties/{id}      and PUT
//	GET    <prefix>/fido/policies/{name}           and PUT
//	GET    <prefix>/openapi.json                   this, for programs
//
// A caller is an API client: by its TLS certificate, an access token or its secret. The
// user is named in the path, with the domain after the last @. Every answer has the
// header log-correlation-id, which the audit trail has too.
//
// FIDO2 alone is served. Requests for UAF11, and the calls of the platform that have no
// place here, are answered with 501.
//
// The door decides nothing: wire.go has the documents, input.go says what is wrong with
// one, map.go, response.go and criteria.go translate, errors.go says which refusal has
// which status. docs/fronts/onespan.md tells what is known of the platform and what is
// chosen.
package onespan

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// DefaultDomain is the domain of users whose path names none, where nothing else is said.
const DefaultDomain = "master"

// Config is what the door is made of. The services and Tenants are required.
type Config struct {
	Credentials *credential.Service
	Directory   *tenant.Directory

	// Tenants are those served. Which one a call is for, its caller says: an API client
	// belongs to one tenant. Clients of others are refused.
	Tenants []Tenant

	// Prefix is what the paths begin with, as in "/v1". Empty: nothing.
	Prefix string

	// Now is the clock of the limits on failed attempts; nil is [time.Now].
	Now func() time.Time
}

// Tenant is a tenant as this door serves it.
type Tenant struct {
	Name         string
	RelyingParty string
	Domains

	// RequireRecentLogin is how long ago a user who has a registration may have logged
	// in with one, to be given another. Zero: that is not asked.
	RequireRecentLogin time.Duration
}

// via names this door in the audit trail.
const via = "onespan"

type front struct {
	Config
	callers *web.Callers
	tenants map[string]*Tenant
}

// New returns the door. Its paths begin with Prefix; it answers 404 to all others.
// It returns an error if c lacks what is required.
func New(c Config) (http.Handler, error) {
	if c.Credentials == nil || c.Directory == nil || len(c.Tenants) == 0 {
		return nil, errors.New("onespan: the door needs services and a tenant")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	f := &front{Config: c, callers: web.NewCallers(c.Directory, via, c.Now), tenants: make(map[string]*Tenant)}
	for _, t := range c.Tenants {
		if t.Name == "" || t.RelyingParty == "" || f.tenants[t.Name] != nil {
			return nil, errors.New("onespan: a tenant has a name of its own and a relying party")
		}
		f.tenants[t.Name] = &t
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+c.Prefix+"/openapi.json", web.OpenAPI(openapi, c.Prefix))
	for _, r := range f.routes() {
		mux.Handle(r.method+" "+c.Prefix+r.path, f.admit(r.serve))
	}
	return correlated(web.Routes(mux, writeError)), nil
}

// route is a call of the platform.
type route struct {
	method, path string
	serve        handler
}

func (f *front) routes() []route {
	return []route{
		{"POST", "/users/{user}/generate-fido-registration-request", f.generateRegistration},
		{"POST", "/users/{user}/register-fido-device", f.register},
		{"POST", "/users/{user}/generate-fido-authentication-request", f.generateAuthentication},
		{"POST", "/users/{user}/login", f.login},
		{"POST", "/users/{user}/deregister-fido-device", f.deregister},
		{"GET", "/fido-registrations", f.list},
		{"PATCH", "/fido-registrations/{id}", f.rename},
		{"DELETE", "/fido-registrations/{id}", f.remove},
		{"GET", "/fido/relying-parties/{id}", f.relyingParty},
		{"PUT", "/fido/relying-parties/{id}", f.putRelyingParty},
		{"GET", "/fido/policies/{name}", f.policy},
		{"PUT", "/fido/policies/{name}", f.putPolicy},

		{"POST", "/users/register", notServed},
		{"POST", "/users/{user}/events/validate", notServed},
		{"POST", "/users/{user}/transactions/validate", notServed},
		{"GET", "/sessions/{id}", notServed},
	}
}

// caller is who makes a call, and whose users it is about.
type caller struct {
	*Tenant
	tenant.Authority
}

// handler serves a request of an authenticated client. What it returns is answered by
// errors.go.
type handler func(w http.ResponseWriter, r *http.Request, by caller) error

// admit lets r through to serve with the authority of the client that calls.
func (f *front) admit(serve handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by, err := f.authenticate(r)
		if err == nil {
			err = serve(w, r, by)
		}
		if err != nil {
			writeError(w, r, err)
		}
	})
}

// authenticate returns the authority of the client that calls. It spares operators: the
// accounts of the platform's administrators take no part in these calls.
func (f *front) authenticate(r *http.Request) (caller, error) {
	client, err := f.callers.Caller(r)
	if err != nil {
		return caller{}, err
	}
	served := f.tenants[client.Tenant]
	if served == nil {
		return caller{}, tenant.ErrUnauthenticated
	}
	admitted, err := f.callers.Admit(r, client)
	if err != nil {
		return caller{}, err
	}
	by := web.Authority(admitted)
	by.Ref, by.SparesOperators = correlationID(r.Context()), true
	return caller{served, by}, nil
}

// correlationHeader names the answer for whoever has to find it again.
const correlationHeader = "log-correlation-id"

type correlationKey struct{}

// correlated gives each request an id, which its answer, its lines of the log and its
// events carry.
func correlated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := uuid.NewString()
		w.Header().Set(correlationHeader, id)
		web.Log(r.Context()).Debug("correlated", "correlation", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), correlationKey{}, id)))
	})
}

func correlationID(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

// notServed answers calls of the platform that have no place here.
func notServed(http.ResponseWriter, *http.Request, caller) error { return errNotServed }

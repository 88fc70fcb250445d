// Package conformance is the door for the FIDO Alliance's conformance tests of FIDO2
// servers: the four endpoints of its "Server Requirements and Transport Binding Profile".
//
//	POST <prefix>/attestation/options   creation options for a user, who is made if there is none
//	POST <prefix>/attestation/result    the authenticator's answer; the credential is stored
//	POST <prefix>/assertion/options     request options for a user
//	POST <prefix>/assertion/result      the authenticator's answer
//	GET  <prefix>/openapi.json          this, for programs
//
// The tests have no way to say who calls, so that this door asks nobody: whoever reaches
// it may register credentials for any user. It belongs in front of test data and nowhere
// else, which is for whoever opens it to see to. What the tests want that is not good for
// people is [credential.Profile].
//
// The door serves one relying party and decides nothing: wire.go reads the documents of
// the tests, map.go turns them into calls and back, errors.go says which refusal has which
// code. No cookie is set: a ceremony is found by its challenge.
package conformance

import (
	"errors"
	"net/http"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// Config is what the door is made of. All but Prefix are required.
type Config struct {
	Credentials *credential.Service

	// Tenant and RelyingParty are whose users and credentials are served.
	Tenant       string
	RelyingParty string

	// Prefix stands before the paths, as in "/conformance". Empty: nothing.
	Prefix string
}

// via names this door in the audit trail, and who calls in the place of a client.
const via = "conformance"

type front struct{ Config }

// New returns the door. Its paths begin with Prefix; it answers 404 to all others.
// It returns an error if c lacks what is required.
func New(c Config) (http.Handler, error) {
	if c.Credentials == nil || c.Tenant == "" || c.RelyingParty == "" {
		return nil, errors.New("conformance: the door needs a service, a tenant and a relying party")
	}
	f := &front{c}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+c.Prefix+"/openapi.json", web.OpenAPI(openapi, c.Prefix))
	for path, serve := range map[string]handler{
		"/attestation/options": f.creationOptions,
		"/attestation/result":  f.register,
		"/assertion/options":   f.requestOptions,
		"/assertion/result":    f.signIn,
	} {
		mux.Handle("POST "+c.Prefix+path, f.admit(serve))
	}
	return web.Routes(mux, writeError), nil
}

// handler serves a request whose body is an object. What it returns is answered by
// errors.go.
type handler func(w http.ResponseWriter, r *http.Request, body object) error

// admit lets everybody through to serve.
func (f *front) admit(serve handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		if err == nil {
			err = serve(w, web.WithAuthority(r, f.anybody()), body)
		}
		if err != nil {
			writeError(w, r, err)
		}
	})
}

// anybody is the authority of whoever calls.
func (f *front) anybody() tenant.Authority {
	return tenant.Authority{
		Tenant: f.Tenant, Actor: audit.Actor{Kind: audit.System, ID: via}, Via: via,
		Scopes:         []tenant.Scope{tenant.ScopeProvision, tenant.ScopeAuthenticate, tenant.ScopeUsersWrite},
		RelyingParties: []string{f.RelyingParty},
	}
}

func (f *front) creationOptions(w http.ResponseWriter, r *http.Request, body object) error {
	begin, echo, err := creation(body, f.RelyingParty)
	if err != nil {
		return err
	}
	begun, err := f.Credentials.BeginRegistration(r.Context(), web.Authority(r), begin)
	if err != nil {
		return err
	}
	return writeOptions(w, begun.JSON, echo)
}

func (f *front) register(w http.ResponseWriter, r *http.Request, body object) error {
	in, err := registration(body, f.RelyingParty)
	if err != nil {
		return err
	}
	if _, err := f.Credentials.FinishRegistration(r.Context(), web.Authority(r), in); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, serverResponse{Status: statusOK})
	return nil
}

func (f *front) requestOptions(w http.ResponseWriter, r *http.Request, body object) error {
	begin, echo, err := request(body, f.RelyingParty)
	if err != nil {
		return err
	}
	begun, err := f.Credentials.BeginAuthentication(r.Context(), web.Authority(r), begin)
	if err != nil {
		return err
	}
	return writeOptions(w, begun.JSON, echo)
}

func (f *front) signIn(w http.ResponseWriter, r *http.Request, body object) error {
	in, err := authentication(body, f.RelyingParty)
	if err != nil {
		return err
	}
	if _, err := f.Credentials.FinishAuthentication(r.Context(), web.Authority(r), in); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, serverResponse{Status: statusOK})
	return nil
}

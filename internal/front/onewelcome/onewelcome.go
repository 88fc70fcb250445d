// Package onewelcome is the door for back ends that were written for the FIDO service of
// an identity platform, whose operations are attestation options and verify, assertion
// options and verify, and the administration around them:
//
//	POST   <prefix>/attestation/options    creation options
//	POST   <prefix>/attestation/verify     the authenticator's answer; the credential is stored
//	POST   <prefix>/assertion/options      request options
//	POST   <prefix>/assertion/verify       the assertion; says who signed in
//	GET    <prefix>/users/{userId}/credentials
//	GET    <prefix>/users/{userId}/credentials/{credentialId}     also PATCH and DELETE
//	DELETE <prefix>/users/{userId}
//	GET    <prefix>/authenticator-policies                        also POST
//	GET    <prefix>/authenticator-policies/{name}                 also PUT and DELETE
//	GET    <prefix>/relying-parties/{rpId}                        also PUT
//	GET    <prefix>/openapi.json                                  this, for programs
//
// The caller is a trusted back end with an API key. It names its users by opaque bytes,
// which are their WebAuthn user handles; the user name it sends with them is for people,
// and neither unique nor a key. An answer finds its ceremony by the challenge it carries.
//
// The door serves one tenant. It decides nothing: wire.go has the documents, the files
// named after an operation turn them into calls and back, errors.go says which refusal has
// which status and code. docs/fronts/onewelcome.md is its manual.
package onewelcome

import (
	"errors"
	"net/http"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// Config is what the door is made of. Credentials, Directory, Tenant and Prefix are
// required.
type Config struct {
	Credentials *credential.Service
	Directory   *tenant.Directory

	// Tenant is whose users and credentials are served. Clients of others are refused.
	Tenant string

	// RelyingParty is meant where a request names none and the caller's key is good for
	// more than one. Empty: such a request is refused.
	RelyingParty string

	// Prefix stands before all paths, as in "/fido/v1".
	Prefix string

	// HideUnknownUsers answers assertion options for a user who is nobody's, or has no
	// credential, as if they had some.
	HideUnknownUsers bool

	// Now is the clock of the limits on failed attempts; nil is [time.Now].
	Now func() time.Time
}

// via names this door in the audit trail.
const via = "onewelcome"

// assertionVerify is the path on which it is a signature that is judged.
const assertionVerify = "/assertion/verify"

type front struct {
	Config
	callers *web.Callers
}

// New returns the door. Its paths begin with Prefix; it answers 404 to all others. It
// returns an error if c lacks what is required.
func New(c Config) (http.Handler, error) {
	if c.Credentials == nil || c.Directory == nil || c.Tenant == "" || c.Prefix == "" {
		return nil, errors.New("onewelcome: the door needs services, a tenant and a prefix")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	f := &front{Config: c, callers: web.NewCallers(c.Directory, via, c.Now)}

	mux := http.NewServeMux()
	mux.HandleFunc("GET "+c.Prefix+"/openapi.json", web.OpenAPI(openapi, c.Prefix))
	for _, route := range []struct {
		method, path string
		serve        handler
	}{
		{"POST", "/attestation/options", f.attestationOptions},
		{"POST", "/attestation/verify", f.attestationVerify},
		{"POST", "/assertion/options", f.assertionOptions},
		{"POST", assertionVerify, f.assertionVerify},
		{"GET", "/users/{userId}/credentials", f.listCredentials},
		{"GET", "/users/{userId}/credentials/{credentialId}", f.getCredential},
		{"PATCH", "/users/{userId}/credentials/{credentialId}", f.changeCredential},
		{"DELETE", "/users/{userId}/credentials/{credentialId}", f.deleteCredential},
		{"DELETE", "/users/{userId}", f.deleteUser},
		{"GET", "/authenticator-policies", f.listPolicies},
		{"POST", "/authenticator-policies", f.createPolicy},
		{"GET", "/authenticator-policies/{name}", f.getPolicy},
		{"PUT", "/authenticator-policies/{name}", f.putPolicy},
		{"DELETE", "/authenticator-policies/{name}", f.deletePolicy},
		{"GET", "/relying-parties/{rpId}", f.getRelyingParty},
		{"PUT", "/relying-parties/{rpId}", f.putRelyingParty},
	} {
		mux.Handle(route.method+" "+c.Prefix+route.path, f.admit(route.serve))
	}
	return web.Routes(mux, writeError), nil
}

// handler serves a request of an authenticated client. What it returns is answered by
// errors.go.
type handler func(w http.ResponseWriter, r *http.Request) error

// admit lets r through to serve with the authority of the client that calls.
func (f *front) admit(serve handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admitted, err := f.authenticate(r)
		if err == nil {
			err = serve(w, admitted)
		}
		if err != nil {
			writeError(w, r, err)
		}
	})
}

// authenticate finds the client by its API key, which is its secret without its id. An
// access token, the id and secret, or a certificate are good as well.
func (f *front) authenticate(r *http.Request) (*http.Request, error) {
	client, err := f.callers.Caller(r)
	if errors.Is(err, tenant.ErrAccessToken) {
		client, err = f.callers.ByKey(r.Context(), f.Tenant, web.BearerToken(r))
	}
	if err != nil {
		return nil, err
	}
	if client.Tenant != f.Tenant {
		return nil, tenant.ErrUnauthenticated
	}
	return f.callers.Admit(r, client)
}

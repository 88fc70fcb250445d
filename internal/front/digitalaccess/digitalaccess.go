// Package digitalaccess is the door for identity managers that provision FIDO
// credentials through Digital Access: they ask for creation options for a user, have
// a security key at the user's desk answer them, and hand in what it answered.
//
//	GET    <prefix>/fido/options?userId=alice      creation options
//	POST   <prefix>/fido/credentials               the key's answer; the credential is stored
//	GET    <prefix>/fido/credentials?userId=alice  the user's credentials
//	GET    <prefix>/fido/credentials/{id}          one of them
//	PATCH  <prefix>/fido/credentials/{id}          rename, suspend, resume
//	DELETE <prefix>/fido/credentials/{id}
//	POST   <prefix>/oauth2/token                   an access token for the client's secret
//	GET    <prefix>/fido/openapi.json              this, for programs
//
// Only the first two paths are known from the outside; what stands beside them is our
// choice and described in docs/fronts/digital-access.md.
//
// A user is named by login name, a credential by the id its authenticator chose, in
// base64url. The door serves one relying party of one tenant. It decides nothing:
// wire.go has the documents, map.go turns them into calls and back, errors.go says
// which refusal has which status and code.
package digitalaccess

import (
	"errors"
	"net/http"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// Config is what the door is made of. All but Prefix and Now are required.
type Config struct {
	Credentials *credential.Service
	Directory   *tenant.Directory

	// Tenant and RelyingParty are whose users and credentials are served. Clients of
	// other tenants are refused.
	Tenant       string
	RelyingParty string

	// Prefix stands before /fido and /oauth2, as in "/rest/v3.0". Empty: nothing.
	Prefix string

	// Now is the clock of the limits on failed attempts; nil is [time.Now].
	Now func() time.Time
}

// via names this door in the audit trail.
const via = "digitalaccess"

type front struct {
	Config
	callers *web.Callers
}

// New returns the door. Its paths begin with Prefix; it answers 404 to all others.
// It returns an error if c lacks what is required.
func New(c Config) (http.Handler, error) {
	if c.Credentials == nil || c.Directory == nil || c.Tenant == "" || c.RelyingParty == "" {
		return nil, errors.New("digitalaccess: the door needs services, a tenant and a relying party")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	f := &front{Config: c, callers: web.NewCallers(c.Directory, via, c.Now)}

	mux := http.NewServeMux()
	mux.Handle("POST "+c.Prefix+"/oauth2/token", &web.TokenEndpoint{
		Callers: f.callers, Tenant: c.Tenant, RelyingParty: c.RelyingParty,
	})
	mux.HandleFunc("GET "+c.Prefix+"/fido/openapi.json", web.OpenAPI(openapi, c.Prefix))
	for pattern, serve := range map[string]handler{
		"GET /fido/options":             f.options,
		"POST /fido/credentials":        f.store,
		"GET /fido/credentials":         f.list,
		"GET /fido/credentials/{id}":    f.get,
		"PATCH /fido/credentials/{id}":  f.change,
		"DELETE /fido/credentials/{id}": f.remove,
	} {
		mux.Handle(withPrefix(pattern, c.Prefix), f.admit(serve))
	}
	return web.Routes(mux, writeError), nil
}

// handler serves a request of an authenticated client. What it returns is answered
// by errors.go.
type handler func(w http.ResponseWriter, r *http.Request) error

// admit lets r through to serve with the authority of the client whose access token
// it carries.
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

func (f *front) authenticate(r *http.Request) (*http.Request, error) {
	token := web.BearerToken(r)
	if token == "" {
		return nil, web.ErrNoCredentials
	}
	client, err := f.callers.ByAccessToken(r.Context(), token)
	if err != nil {
		return nil, err
	}
	if client.Tenant != f.Tenant {
		return nil, tenant.ErrAccessToken
	}
	return f.callers.Admit(r, client)
}

// options is step one of provisioning: what the authenticator is to be asked.
func (f *front) options(w http.ResponseWriter, r *http.Request) error {
	user, err := userOf(r)
	if err != nil {
		return err
	}
	begun, err := f.Credentials.BeginRegistration(r.Context(), web.Authority(r), credential.BeginRegistration{
		RelyingParty: f.RelyingParty, User: user,
	})
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, optionsAnswer{PublicKey: begun.JSON, ChallengeExpires: stamp(begun.Expires)})
	return nil
}

// store is step two: the authenticator has made the credential, and the identity
// manager hands it in.
func (f *front) store(w http.ResponseWriter, r *http.Request) error {
	var req credentialRequest
	if err := web.ReadJSON(w, r, &req); err != nil {
		return err
	}
	in, err := req.finish(f.RelyingParty)
	if err != nil {
		return err
	}
	c, err := f.Credentials.FinishRegistration(r.Context(), web.Authority(r), in)
	if err != nil {
		return err
	}
	stored := fromCredential(c)
	w.Header().Set("Location", f.Prefix+"/fido/credentials/"+stored.ID)
	web.WriteJSON(w, http.StatusCreated, stored)
	return nil
}

func (f *front) list(w http.ResponseWriter, r *http.Request) error {
	user, err := userOf(r)
	if err != nil {
		return err
	}
	list := []listedCredential{}
	q := credential.CredentialQuery{RelyingParty: f.RelyingParty, User: user}
	for {
		page, err := f.Credentials.Credentials(r.Context(), web.Authority(r), q)
		if err != nil {
			return err
		}
		for i := range page.Credentials {
			list = append(list, listed(&page.Credentials[i]))
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	web.WriteJSON(w, http.StatusOK, list)
	return nil
}

func (f *front) get(w http.ResponseWriter, r *http.Request) error {
	ref, err := f.refOf(r)
	if err != nil {
		return err
	}
	c, err := f.Credentials.Get(r.Context(), web.Authority(r), ref)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, fromCredential(c))
	return nil
}

func (f *front) change(w http.ResponseWriter, r *http.Request) error {
	ref, err := f.refOf(r)
	if err != nil {
		return err
	}
	var req changeRequest
	if err := web.ReadJSON(w, r, &req); err != nil {
		return err
	}
	c, err := f.Credentials.Update(r.Context(), web.Authority(r), ref, req.update())
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, fromCredential(c))
	return nil
}

func (f *front) remove(w http.ResponseWriter, r *http.Request) error {
	ref, err := f.refOf(r)
	if err != nil {
		return err
	}
	if err := f.Credentials.Delete(r.Context(), web.Authority(r), ref); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

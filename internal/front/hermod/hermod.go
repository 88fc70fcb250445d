// Package hermod is the front that existing Smart ID Messaging clients see: the
// command API for API users, the message boxes for desktop agents, and the helpers
// around them.
//
//	POST   <base>/command/{name}                send a command
//	GET    <base>/command/{commandId}           where it is
//	DELETE <base>/command/{commandId}           cancel it
//	POST   <base>/ms/{bid}/session              redeem the link of a message box
//	DELETE <base>/ms/{bid}/session              end its session
//	POST   <base>/ms/{bid}/session/confirm      the match codes are the same
//	GET    <base>/ms/{bid}                      open messages; ?wait= makes it a long poll
//	GET    <base>/ms/{bid}/{mid}                one command
//	POST   <base>/ms/{bid}/{mid}                its answer
//	GET    <base>/util/generateclient/{client}  a new client, for the configuration
//	GET    <base>/health
//	GET    <base>/openapi.json                  this, for programs
//
// It translates between that product's documents and [relay.Service] and decides
// nothing:
//
//	err := hermod.Mount(mux, hermod.Config{Relay: relay, Tenant: "acme", URIBase: "/hermod/rest"})
//
// What is public about the wire is followed; what is not is our choice and stands in
// wire.go, device.go, errors.go and, for callbacks, in [relay.Document].
// docs/fronts/hermod.md says which is which.
package hermod

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"bestow.dev/internal/relay"
	"bestow.dev/internal/web"
)

// Config is what the front is made of.
type Config struct {
	Relay  *relay.Service // required
	Tenant string         // required: whose API users come in here

	// URIBase is the path before /command, /ms and /util, without a slash at the
	// end. Empty: none.
	URIBase string

	// HideExceptions keeps the cause of a fault of ours from clients; they get its
	// name and the request's id.
	HideExceptions bool

	// OpenAPI serves the description of the API.
	OpenAPI bool

	// Trace logs each command that is taken, by its id and type.
	Trace bool

	// Now is the clock of the limit on generated clients. Nil means time.Now.
	Now func() time.Time
}

// via names this front in the audit trail.
const via = "hermod"

// front holds what the handlers share. It is safe for concurrent use.
type front struct {
	Config
	generating *rate.Limiter
}

// Mount adds the front's routes to mux. It returns an error if c is incomplete.
func Mount(mux *http.ServeMux, c Config) error {
	if c.Relay == nil || c.Tenant == "" {
		return errors.New("hermod: relay and tenant are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	f := &front{Config: c, generating: rate.NewLimiter(rate.Every(generateEvery), generateBurst)}
	at := func(path string, m methods) { mux.HandleFunc(c.URIBase+path, f.only(m)) }

	at("/command/{id}", methods{
		http.MethodPost:   f.asClient(f.send),
		http.MethodGet:    f.asClient(f.poll),
		http.MethodDelete: f.asClient(f.cancel),
	})
	at("/ms/{box}", methods{http.MethodGet: f.listMessages})
	at("/ms/{box}/session", methods{http.MethodPost: f.openSession, http.MethodDelete: f.closeSession})
	at("/ms/{box}/session/confirm", methods{http.MethodPost: f.confirmMatch})
	at("/ms/{box}/{message}", methods{http.MethodGet: f.fetchMessage, http.MethodPost: f.answerMessage})
	at("/util/generateclient/{client}", methods{http.MethodGet: f.generateClient})
	at("/health", methods{http.MethodGet: f.health})
	if c.OpenAPI {
		at("/openapi.json", methods{http.MethodGet: f.openAPI})
	}
	// Other paths below ours are refused in the words of this front.
	for _, room := range []string{"/command/", "/ms/", "/util/"} {
		mux.HandleFunc(c.URIBase+room, func(w http.ResponseWriter, r *http.Request) {
			f.writeError(w, r, web.ErrNoSuchPath)
		})
	}
	return nil
}

// handler may return an error, which is rendered by the one table of this front.
type handler func(w http.ResponseWriter, r *http.Request) error

type methods map[string]handler

// only answers the methods of m, and HEAD where it has GET, and renders errors.
// Nothing of this front may be cached.
func (f *front) only(m methods) http.HandlerFunc {
	if get, ok := m[http.MethodGet]; ok {
		m[http.MethodHead] = get
	}
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	allow := strings.Join(names, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		serve, ok := m[r.Method]
		if !ok {
			w.Header().Set("Allow", allow)
			f.writeError(w, r, web.ErrMethod)
			return
		}
		if err := serve(w, r); err != nil {
			f.writeError(w, r, err)
		}
	}
}

// asClient lets in who presents the key of an API user of the tenant.
func (f *front) asClient(serve func(http.ResponseWriter, *http.Request, *relay.Client) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		keys := r.Header.Values("X-Api-Key")
		if len(keys) != 1 {
			return relay.ErrUnauthorized
		}
		client, err := f.Relay.Authenticate(f.Tenant, keys[0])
		if err != nil {
			return err
		}
		return serve(w, web.WithAuthority(r, client.Authority(via)), client)
	}
}

// healthTimeout is how long the database may take to show that it is there.
const healthTimeout = 2 * time.Second

// health says whether commands can be taken: GET health.
func (f *front) health(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	if err := f.Relay.Ping(ctx); err != nil {
		web.LogFault(r.Context(), err)
		web.WriteJSON(w, http.StatusServiceUnavailable, healthDocument{"DOWN"})
		return nil
	}
	web.WriteJSON(w, http.StatusOK, healthDocument{"UP"})
	return nil
}

// Package hermod is the front that existing Smart ID Messaging clients see: the
// command API for API users, the message boxes for desktop agents, and the helpers
// around them.
//
//	handler, err := hermod.New(hermod.Config{Relay: relay, Tenant: "acme", URIBase: "/hermod/rest"})
//
// It translates between that product's documents and [relay.Service] and decides
// nothing. What is public about the wire is followed; what is not is our choice and
// stands in wire.go, device.go and, for callbacks, in [relay.Document].
package hermod

import (
	"errors"
	"net/http"
	"strings"

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
}

// front holds what the handlers share. It is safe for concurrent use.
type front struct{ Config }

// Mount adds the front's routes to mux. It returns an error if c is incomplete.
func Mount(mux *http.ServeMux, c Config) error {
	if c.Relay == nil || c.Tenant == "" {
		return errors.New("hermod: relay and tenant are required")
	}
	f := &front{c}
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
	return nil
}

// handler may return an error, which is rendered by the one table of this front.
type handler func(w http.ResponseWriter, r *http.Request) error

type methods map[string]handler

// only answers the methods of m and renders errors.
func (f *front) only(m methods) http.HandlerFunc {
	var allow []string
	for method := range m {
		allow = append(allow, method)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		h, ok := m[method]
		if !ok {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			f.writeError(w, r, web.ErrMethod)
			return
		}
		if err := h(w, r); err != nil {
			f.writeError(w, r, err)
		}
	}
}

// asClient lets in who presents the key of an API user of the tenant.
func (f *front) asClient(h func(http.ResponseWriter, *http.Request, *relay.Client) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		client, err := f.Relay.Authenticate(f.Tenant, r.Header.Get("X-Api-Key"))
		if err != nil {
			return err
		}
		return h(w, web.WithAuthority(r, client.Authority("hermod")), client)
	}
}

// health says whether commands can be taken.
func (f *front) health(w http.ResponseWriter, r *http.Request) error {
	if err := f.Relay.Ping(r.Context()); err != nil {
		web.LogFault(r.Context(), err)
		web.WriteJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "DOWN"})
		return nil
	}
	web.WriteJSON(w, http.StatusOK, map[string]string{"status": "UP"})
	return nil
}

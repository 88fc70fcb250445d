// Package wellknown is the door that browsers ask which other sites may run ceremonies
// for an RP ID: GET /.well-known/webauthn (WebAuthn Level 3 §5.11).
//
// Browsers ask the host that is the RP ID, on port 443 and without credentials, before
// they let a page of another site use it. The answer is public, and opens nothing by
// itself: each ceremony's origin is judged when it is finished.
package wellknown

import (
	"errors"
	"net"
	"net/http"
	"strings"

	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// Config is what the door is made of. Directory is required.
type Config struct {
	Directory *tenant.Directory
}

// document is the answer (§5.11).
type document struct {
	Origins []string `json:"origins"`
}

// Mount adds the door to mux. It returns an error if c is incomplete.
func Mount(mux *http.ServeMux, c Config) error {
	if c.Directory == nil {
		return errors.New("wellknown: a directory is required")
	}
	mux.HandleFunc("GET /.well-known/webauthn", c.relatedOrigins)
	return nil
}

// relatedOrigins answers for the RP ID that is the request's host; 404 if it has no
// related origins.
func (c Config) relatedOrigins(w http.ResponseWriter, r *http.Request) {
	origins, err := c.Directory.RelatedOrigins(r.Context(), host(r))
	switch {
	case err != nil:
		web.LogFault(r.Context(), err)
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
	case len(origins) == 0:
		http.NotFound(w, r)
	default:
		web.WriteJSON(w, http.StatusOK, document{origins})
	}
}

// host returns the host that was asked, without its port and in the form of an RP ID.
func host(r *http.Request) string {
	name := r.Host
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	return strings.ToLower(name)
}

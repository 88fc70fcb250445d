package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"
)

// Options is what [Handler] needs to know of the installation.
type Options struct {
	// Log receives one line a request, and the faults of handlers. Required.
	Log *slog.Logger

	// TrustedProxies are the networks whose X-Forwarded-For is believed. Empty:
	// the caller is whoever holds the connection.
	TrustedProxies []netip.Prefix

	// Observe is told of each answered request, for metrics. route is the pattern
	// that matched, never the path, which may hold identifiers. May be nil.
	Observe func(route, method string, status int, took time.Duration)
}

// Handler wraps the doors: it gives each request an id, finds the caller's address,
// turns a panic into a 500, sets the headers that every answer carries and writes
// one line of log. Paths are logged as the pattern that matched, because a path may
// hold a message box or a user's name.
func Handler(next http.Handler, o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := newRequestID()
		req := request{
			id:      id,
			address: callerAddress(r, o.TrustedProxies),
			log:     o.Log.With("request", id),
		}
		r = r.WithContext(context.WithValue(r.Context(), keyRequest, req))
		out := &recorder{ResponseWriter: w, status: http.StatusOK}
		h := w.Header()
		h.Set("X-Request-Id", id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if !isLocal(r.Host) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}

		started := time.Now()
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				req.log.Error("panic", "value", p, "stack", string(debug.Stack()))
				if !out.wrote {
					http.Error(out, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
				}
			}
			took := time.Since(started)
			route := routeOf(r)
			req.log.Debug("answered", "method", r.Method, "route", route, "status", out.status, "took", took, "address", req.address)
			if o.Observe != nil {
				o.Observe(route, r.Method, out.status, took)
			}
		}()
		next.ServeHTTP(out, r)
	})
}

// isLocal reports whether host means the browser's own machine. What a browser is
// told there would hold for every other program on it.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.IsLoopback()
}

// routeOf returns the pattern that r matched, without its method.
func routeOf(r *http.Request) string {
	if r.Pattern == "" {
		return "unmatched"
	}
	if _, path, ok := strings.Cut(r.Pattern, " "); ok {
		return path
	}
	return r.Pattern
}

// callerAddress returns the address of the nearest party that is not one of our own
// proxies: X-Forwarded-For is read from its end, and only as far as it is trusted.
func callerAddress(r *http.Request, trusted []netip.Prefix) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	peer, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	peer = peer.Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && within(peer, trusted); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		peer = hop.Unmap()
	}
	return peer.WithZone("").String()
}

func within(a netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// recorder remembers the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *recorder) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *recorder) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

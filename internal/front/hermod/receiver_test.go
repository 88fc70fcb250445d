package hermod_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// receiver is where an API user takes callbacks: with the right user and password, or
// not at all.
type receiver struct {
	*httptest.Server

	mu     sync.Mutex
	status int // of answers; zero: 200
	taken  []callback
}

// callback is one that was called.
type callback struct {
	reply               // member, into
	path, contentType   string
	authorized, refused bool
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	c := &receiver{}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *receiver) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	user, password, basic := r.BasicAuth()
	c.mu.Lock()
	defer c.mu.Unlock()
	got := callback{
		reply: reply{body: body}, path: r.Method + " " + r.URL.Path, contentType: r.Header.Get("Content-Type"),
		authorized: basic && user == "hermod" && password == "pass:word", refused: c.status != 0,
	}
	c.taken = append(c.taken, got)
	switch {
	case !got.authorized:
		w.WriteHeader(http.StatusUnauthorized)
	case c.status != 0:
		w.WriteHeader(c.status)
	}
}

func (c *receiver) refuse(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

// callbacks delivers what is due and returns what the client was called with. Each
// has to fit the description.
func (w *world) callbacks() []callback {
	w.t.Helper()
	_, err := w.DeliverDue(w.t.Context())
	check(w.t, err)
	w.calls.mu.Lock()
	defer w.calls.mu.Unlock()
	all := w.calls.taken
	w.calls.taken = nil
	for _, c := range all {
		w.judgeCallback(c)
		if !c.authorized || c.contentType != "application/json" {
			w.t.Errorf("%s: authorized %v, %s", c.path, c.authorized, c.contentType)
		}
	}
	return all
}

// wantCallbacks checks that these were called, in this order: name, state, status.
func (w *world) wantCallbacks(got []callback, want ...string) {
	w.t.Helper()
	var have []string
	for _, c := range got {
		var r receipt
		c.into(w.t, &r)
		name := strings.TrimPrefix(c.path, "POST /idm-operator/ws/hermod/callback/")
		have = append(have, name+" "+r.State+" "+r.Status)
	}
	if strings.Join(have, ", ") != strings.Join(want, ", ") {
		w.t.Errorf("callbacks: got %q, want %q", have, want)
	}
}

// writeCA writes the certificate of a test server as an authority to trust.
func writeCA(t testing.TB, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	check(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	return path
}

package outbound_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/outbound"
	"bestow.dev/internal/relay"
)

// receiver is a client's server that remembers the last request.
type receiver struct {
	*httptest.Server
	status   int
	location string
	hits     int
	method   string
	path     string
	user     string
	password string
	basic    bool
	mime     string
	body     string
}

func newReceiver(t *testing.T, start func(*httptest.Server)) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusOK}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.hits++
		r.method, r.path, r.mime, r.body = req.Method, req.URL.Path, req.Header.Get("Content-Type"), string(body)
		r.user, r.password, r.basic = req.BasicAuth()
		if r.location != "" {
			w.Header().Set("Location", r.location)
		}
		w.WriteHeader(r.status)
		io.WriteString(w, "words that nobody reads")
	}))
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	start(r.Server)
	t.Cleanup(r.Close)
	return r
}

func newClient(t *testing.T, c outbound.Config) *outbound.Client {
	t.Helper()
	client, err := outbound.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func to(url string) relay.Call {
	return relay.Call{
		Client:  &relay.Client{Tenant: "acme", ID: "idm", CallbackURL: url + "/ws/hermod", CallbackUser: "hermod", CallbackPassword: "s3cret-password"},
		Command: 1042, Name: "sessionstart", Body: []byte(`{"commandId":"1042"}`),
	}
}

func TestCall(t *testing.T) {
	r := newReceiver(t, (*httptest.Server).Start)
	client := newClient(t, outbound.Config{})
	if err := client.Call(t.Context(), to(r.URL)); err != nil {
		t.Fatal(err)
	}
	if r.method != "POST" || r.path != "/ws/hermod/callback/sessionstart" || r.mime != "application/json" || r.body != `{"commandId":"1042"}` {
		t.Errorf("got %s %s %s %s", r.method, r.path, r.mime, r.body)
	}
	if r.user != "hermod" || r.password != "s3cret-password" {
		t.Error("the credentials did not arrive")
	}
	slash := to(r.URL)
	slash.Client.CallbackURL += "/"
	slash.Client.CallbackUser = ""
	if err := client.Call(t.Context(), slash); err != nil || r.path != "/ws/hermod/callback/sessionstart" || r.basic {
		t.Errorf("got %v, path %s, basic %v", err, r.path, r.basic)
	}
}

func TestStatus(t *testing.T) {
	r := newReceiver(t, (*httptest.Server).Start)
	client := newClient(t, outbound.Config{})
	for status, good := range map[int]bool{200: true, 202: true, 204: true, 299: true, 301: false, 307: false, 400: false, 401: false, 500: false, 503: false} {
		r.status, r.location, r.hits = status, "", 0
		if status/100 == 3 {
			r.location = r.URL + "/elsewhere"
		}
		err := client.Call(t.Context(), to(r.URL))
		if (err == nil) != good || r.hits != 1 {
			t.Errorf("%d: got %v after %d requests", status, err, r.hits)
		}
	}
}

func TestAlive(t *testing.T) {
	r := newReceiver(t, (*httptest.Server).Start)
	client := newClient(t, outbound.Config{})
	if err := client.Alive(t.Context(), to(r.URL).Client); err != nil {
		t.Fatal(err)
	}
	if r.method != "GET" || r.path != "/ws/hermod/callback/alive" || r.basic {
		t.Errorf("got %s %s, basic %v", r.method, r.path, r.basic)
	}
	r.status = http.StatusNotFound
	if err := client.Alive(t.Context(), to(r.URL).Client); err == nil || err.Error() != "answered 404 Not Found" {
		t.Errorf("got %v", err)
	}
}

func TestTrust(t *testing.T) {
	r := newReceiver(t, (*httptest.Server).StartTLS)
	if err := newClient(t, outbound.Config{}).Call(t.Context(), to(r.URL)); err == nil || r.hits != 0 {
		t.Errorf("a stranger's certificate was taken: %v", err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := newClient(t, outbound.Config{CAFile: file}).Call(t.Context(), to(r.URL)); err != nil {
		t.Error(err)
	}
}

func TestBadCAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if _, err := outbound.New(outbound.Config{CAFile: file}); err == nil {
		t.Error("a file that is not there was taken")
	}
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := outbound.New(outbound.Config{CAFile: file}); err == nil {
		t.Error("a file without certificates was taken")
	}
}

func TestErrorsAndLogHoldNoURL(t *testing.T) {
	r := newReceiver(t, (*httptest.Server).Start)
	url := r.URL
	r.Close() // nobody listens any more
	var log bytes.Buffer
	client := newClient(t, outbound.Config{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	err := client.Call(t.Context(), to(url))
	if err == nil {
		t.Fatal("a call to nobody was taken")
	}
	for name, text := range map[string]string{"error": err.Error(), "log": log.String()} {
		for _, secret := range []string{"s3cret", "/ws/hermod", "http://"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q: %s", name, secret, text)
			}
		}
	}
}

func TestNoAnswerInTime(t *testing.T) {
	released := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released }))
	defer server.Close()
	defer close(released)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := newClient(t, outbound.Config{}).Call(ctx, to(server.URL))
	if err == nil || err.Error() != "no answer in time" {
		t.Errorf("got %v", err)
	}
}

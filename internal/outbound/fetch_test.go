package outbound_test

import (
	"context"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bestow.dev/internal/mds"
	"bestow.dev/internal/outbound"
)

// publisher is a metadata service whose path holds a key that is nobody's business.
type publisher struct {
	*httptest.Server
	answer http.HandlerFunc
}

const document, secretPath = "header.payload.signature", "/execute/s3cret-key"

func newPublisher(t *testing.T, start func(*httptest.Server)) *publisher {
	t.Helper()
	p := &publisher{answer: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Last-Modified", "Mon, 15 Jun 2026 12:00:00 GMT")
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(document))
	}}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.answer(w, r) }))
	p.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	start(p.Server)
	t.Cleanup(p.Close)
	return p
}

// fetcher trusts p and nothing else that is not the system's.
func (p *publisher) fetcher(t *testing.T) *outbound.Fetcher {
	t.Helper()
	var c outbound.Config
	if cert := p.Certificate(); cert != nil {
		c.CAFile = filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(c.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := outbound.NewFetcher(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (p *publisher) request() mds.Request {
	return mds.Request{URL: p.URL + secretPath, MaxBytes: 1 << 10}
}

func TestFetch(t *testing.T) {
	p := newPublisher(t, (*httptest.Server).StartTLS)
	f := p.fetcher(t)
	doc, err := f.Fetch(t.Context(), p.request())
	if err != nil {
		t.Fatal(err)
	}
	want := mds.Document{Body: []byte(document), ETag: `"v1"`, LastModified: "Mon, 15 Jun 2026 12:00:00 GMT"}
	if string(doc.Body) != document || doc.NotModified || doc.ETag != want.ETag || doc.LastModified != want.LastModified {
		t.Errorf("got %+v, want %+v", doc, want)
	}
	again := p.request()
	again.ETag, again.LastModified = doc.ETag, doc.LastModified
	if doc, err = f.Fetch(t.Context(), again); err != nil || !doc.NotModified {
		t.Errorf("with validators: %+v, %v", doc, err)
	}
}

func TestFetchRefuses(t *testing.T) {
	other := newPublisher(t, (*httptest.Server).StartTLS)
	status := func(code int) func(*publisher, *mds.Request) {
		return func(p *publisher, _ *mds.Request) {
			p.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
		}
	}
	redirect := func(to string) func(*publisher, *mds.Request) {
		return func(p *publisher, _ *mds.Request) {
			document := p.answer
			p.answer = func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/moved" {
					document(w, r)
					return
				}
				http.Redirect(w, r, to, http.StatusFound)
			}
		}
	}
	body := func(write func(w http.ResponseWriter)) func(*publisher, *mds.Request) {
		return func(p *publisher, _ *mds.Request) {
			p.answer = func(w http.ResponseWriter, _ *http.Request) { write(w) }
		}
	}
	tests := []struct {
		name  string
		spoil func(*publisher, *mds.Request)
		want  error
	}{
		{"untouched", func(*publisher, *mds.Request) {}, nil},
		{"plain http", func(_ *publisher, r *mds.Request) { r.URL = strings.Replace(r.URL, "https", "http", 1) }, mds.ErrUnreachable},
		{"another scheme", func(_ *publisher, r *mds.Request) { r.URL = "file:///etc/passwd"; r.PlainHTTP = true }, mds.ErrUnreachable},
		{"a user in the URL", func(_ *publisher, r *mds.Request) { r.URL = strings.Replace(r.URL, "//", "//s3cret-key@", 1) }, mds.ErrUnreachable},
		{"nobody listens", func(p *publisher, _ *mds.Request) { p.Close() }, mds.ErrUnreachable},
		{"not there", status(http.StatusNotFound), mds.ErrAnswer},
		{"failing", status(http.StatusInternalServerError), mds.ErrAnswer},
		{"no content", status(http.StatusNoContent), mds.ErrAnswer},
		{"not modified, and nobody asked", status(http.StatusNotModified), mds.ErrAnswer},
		{"too long, as it says", body(func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 1<<10+1)) }), mds.ErrTooLarge},
		{"too long, and it does not say", body(func(w http.ResponseWriter) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(make([]byte, 1<<10+1))
		}), mds.ErrTooLarge},
		{"as long as may be", body(func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 1<<10)) }), nil},
		{"redirect within", redirect("/moved"), nil},
		{"redirect to itself", redirect("/"), mds.ErrRedirect},
		{"redirect to another host", redirect(other.URL + "/moved"), mds.ErrRedirect},
		{"redirect to http", redirect("http://127.0.0.1/moved"), mds.ErrRedirect},
		{"cut off", body(func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("short"))
		}), mds.ErrUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPublisher(t, (*httptest.Server).StartTLS)
			f, r := p.fetcher(t), p.request()
			tt.spoil(p, &r)
			doc, err := f.Fetch(t.Context(), r)
			if !errors.Is(err, tt.want) || (doc == nil) != (err != nil) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "/moved")) {
				t.Errorf("the error tells the URL: %v", err)
			}
		})
	}
}

func TestFetchTrustsNobodyElse(t *testing.T) {
	p, other := newPublisher(t, (*httptest.Server).StartTLS), newPublisher(t, (*httptest.Server).Start)
	if _, err := other.fetcher(t).Fetch(t.Context(), p.request()); !errors.Is(err, mds.ErrUnreachable) {
		t.Errorf("a server whose authority is unknown: %v", err)
	}
	plain := other.request()
	plain.PlainHTTP = true
	if doc, err := other.fetcher(t).Fetch(t.Context(), plain); err != nil || string(doc.Body) != document {
		t.Errorf("plain http where it is allowed: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.fetcher(t).Fetch(ended, p.request()); !errors.Is(err, mds.ErrUnreachable) || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
}

// What is to be sent back one day is plain and short.
func TestFetchValidators(t *testing.T) {
	for tag, want := range map[string]string{`W/"x"`: `W/"x"`, "\"\xc3\xbc\"": "", strings.Repeat("x", 257): ""} {
		p := newPublisher(t, (*httptest.Server).StartTLS)
		p.answer = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", tag) }
		doc, err := p.fetcher(t).Fetch(t.Context(), p.request())
		if err != nil || doc.ETag != want {
			t.Errorf("%.10q: got %q, %v", tag, doc.ETag, err)
		}
	}
}

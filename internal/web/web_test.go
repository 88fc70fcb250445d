package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

func TestCallerAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	tests := []struct {
		name, remote, forwarded, want string
	}{
		{"direct", "192.0.2.7:1234", "", "192.0.2.7"},
		{"a stranger's header is not believed", "192.0.2.7:1234", "198.51.100.1", "192.0.2.7"},
		{"behind one proxy", "10.0.0.1:1", "198.51.100.1", "198.51.100.1"},
		{"behind two proxies", "10.0.0.1:1", "198.51.100.1, 10.0.0.2", "198.51.100.1"},
		{"forged beginning", "10.0.0.1:1", "203.0.113.9, 198.51.100.1", "198.51.100.1"},
		{"nonsense ends the walk", "10.0.0.1:1", "198.51.100.1, nonsense", "10.0.0.1"},
		{"v6 proxy", "[::1]:1", "2001:db8::7", "2001:db8::7"},
		{"v4 in v6", "[::ffff:10.0.0.1]:1", "198.51.100.1", "198.51.100.1"},
		{"only proxies", "10.0.0.1:1", "10.0.0.2", "10.0.0.2"},
		{"zone", "[fe80::1%eth0]:1", "", "fe80::1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.remote
			if tt.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tt.forwarded)
			}
			if got := callerAddress(r, trusted); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// serve answers one request through Handler and returns the answer and the log.
func serve(t *testing.T, h http.HandlerFunc, r *http.Request) (*http.Response, string) {
	t.Helper()
	var log bytes.Buffer
	mux := http.NewServeMux()
	mux.Handle("/things/{id}", h)
	w := httptest.NewRecorder()
	Handler(mux, Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}).ServeHTTP(w, r)
	return w.Result(), log.String()
}

func TestHandlerLogsThePatternAndNotThePath(t *testing.T) {
	resp, log := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if RequestID(r.Context()) == "" || Address(r.Context()) == "" {
			t.Error("the request has no id or no address")
		}
		WriteJSON(w, http.StatusTeapot, "tea")
	}, httptest.NewRequest("GET", "/things/secret-thing?q=secret-query", nil))
	if id := resp.Header.Get("X-Request-Id"); id == "" || !strings.Contains(log, id) {
		t.Errorf("id %q is not in the log:\n%s", id, log)
	}
	if !strings.Contains(log, "route=/things/{id}") || !strings.Contains(log, "status=418") || strings.Contains(log, "secret") {
		t.Errorf("log:\n%s", log)
	}
	for _, h := range []string{"X-Content-Type-Options", "Referrer-Policy", "Strict-Transport-Security"} {
		if resp.Header.Get(h) == "" {
			t.Errorf("no header %s", h)
		}
	}
	if resp.Header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be cached")
	}
}

func TestStrictTransportIsNotForLocalhost(t *testing.T) {
	for host, want := range map[string]bool{
		"id.example.com": true, "id.example.com:8443": true, "localhost": false, "localhost:8443": false,
		"127.0.0.1:8443": false, "[::1]:8443": false, "[::1]": false, "a.localhost": false,
	} {
		r := httptest.NewRequest("GET", "/things/1", nil)
		r.Host = host
		resp, _ := serve(t, func(http.ResponseWriter, *http.Request) {}, r)
		if got := resp.Header.Get("Strict-Transport-Security") != ""; got != want {
			t.Errorf("%s: %v, want %v", host, got, want)
		}
	}
}

func TestHandlerTurnsAPanicInto500(t *testing.T) {
	resp, log := serve(t, func(http.ResponseWriter, *http.Request) { panic("boom") }, httptest.NewRequest("GET", "/things/1", nil))
	if resp.StatusCode != http.StatusInternalServerError || !strings.Contains(log, "boom") || !strings.Contains(log, "status=500") {
		t.Errorf("status %d, log:\n%s", resp.StatusCode, log)
	}
}

func TestReadJSON(t *testing.T) {
	tests := []struct {
		name, media, body string
		want              *fault.Error
	}{
		{"good", "application/json; charset=utf-8", `{"name":"a"}`, nil},
		{"not declared", "text/plain", `{"name":"a"}`, ErrNotJSON},
		{"nothing declared", "", `{"name":"a"}`, ErrNotJSON},
		{"unknown member", "application/json", `{"name":"a","b":1}`, ErrJSON},
		{"member twice", "application/json", `{"name":"a","name":"b"}`, ErrJSON},
		{"other case", "application/json", `{"Name":"a"}`, ErrJSON},
		{"more behind", "application/json", `{"name":"a"}{}`, ErrJSON},
		{"invalid UTF-8", "application/json", "{\"name\":\"\xff\"}", ErrJSON},
		{"empty", "application/json", ``, ErrJSON},
		{"too large", "application/json", `{"name":"` + strings.Repeat("a", MaxBodyBytes) + `"}`, ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.media)
			var in struct {
				Name string `json:"name"`
			}
			err := ReadJSON(httptest.NewRecorder(), r, &in)
			if tt.want == nil {
				if err != nil || in.Name != "a" {
					t.Errorf("name %q, error %v", in.Name, err)
				}
				return
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %s", err, tt.want.Code)
			}
			if strings.Contains(fault.From(err).Public, `"a"`) {
				t.Errorf("the refusal quotes the body: %s", fault.From(err).Public)
			}
		})
	}
}

func TestWriteJSONShowsLinksAsTheyAre(t *testing.T) {
	w := httptest.NewRecorder()
	WriteJSON(w, 200, map[string]string{"uri": "x:///?a=1&b=2"})
	if body := w.Body.String(); body != "{\"uri\":\"x:///?a=1&b=2\"}\n" {
		t.Errorf("got %q", body)
	}
	w = httptest.NewRecorder()
	WriteJSON(w, 200, func() {})
	if w.Code != http.StatusInternalServerError {
		t.Errorf("what cannot be encoded was answered with %d", w.Code)
	}
}

func TestStatusKnowsEveryKind(t *testing.T) {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		got := Status(k)
		if got < 400 || (got == http.StatusInternalServerError) != (k == fault.Internal) {
			t.Errorf("%v: %d", k, got)
		}
	}
}

func TestStatusOfReading(t *testing.T) {
	for want, f := range map[int]*fault.Error{413: ErrTooLarge, 415: ErrNotJSON.Because(errors.New("x")), 405: ErrMethod, 400: ErrJSON, 404: ErrNoSuchPath} {
		if got := StatusOf(f); got != want {
			t.Errorf("%s: %d, want %d", f.Code, got, want)
		}
	}
}

func TestAuthorityIsNobodysUntilAdmitted(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	if a := Authority(r); a.Require(tenant.ScopeRead, "") == nil {
		t.Error("a request that was not admitted may read")
	}
	r = WithAuthority(r, tenant.Authority{Tenant: "acme", Actor: audit.Actor{Kind: audit.Client, ID: "idm"}, Scopes: []tenant.Scope{tenant.ScopeRead}})
	if a := Authority(r); a.Require(tenant.ScopeRead, "x") != nil {
		t.Error("an admitted request may not read")
	}
}

func TestFailureLimit(t *testing.T) {
	now := time.Unix(0, 0)
	l := NewFailureLimit(3, func() time.Time { return now })
	for range 3 {
		if l.Exceeded("a", "b") {
			t.Fatal("exceeded too early")
		}
		l.Failed("a")
	}
	if !l.Exceeded("a") || !l.Exceeded("b", "a") || l.Exceeded("b") {
		t.Error("after three failures of a")
	}
	now = now.Add(limitWindow)
	if l.Exceeded("a") {
		t.Error("still exceeded a minute later")
	}
	for i := range 3 * maxLimitKeys {
		l.Failed(string(rune(i)), json.Number(strings.Repeat("9", i%7)).String())
	}
	if n := len(l.seen); n > maxLimitKeys {
		t.Errorf("%d keys are remembered", n)
	}
}

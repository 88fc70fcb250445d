package web_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

const secret = "a-secret-of-32-characters-or-more"

// callers are those of a directory with the client idm, and a clock to turn.
func callers(t *testing.T) (c *web.Callers, later func(time.Duration)) {
	t.Helper()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	dir, err := tenant.New(t.Context(), storetest.SQLite(t), []tenant.FileTenant{{
		Name:    "acme",
		Clients: []tenant.FileClient{{ID: "idm", Secrets: []string{secret}, Scopes: []tenant.Scope{tenant.ScopeRead}}},
	}}, clock)
	if err != nil {
		t.Fatal(err)
	}
	return web.NewCallers(dir, "test", clock), func(d time.Duration) { now = now.Add(d) }
}

// from runs fn with a request from address.
func from(address string, change func(*http.Request), fn func(r *http.Request)) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = address
	if change != nil {
		change(r)
	}
	h := web.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { fn(r) }), web.Options{Log: slog.New(slog.DiscardHandler)})
	h.ServeHTTP(httptest.NewRecorder(), r)
}

func TestWrongSecretsAreSlowedDown(t *testing.T) {
	c, later := callers(t)
	try := func(address, id, given string) (err error) {
		from(address, nil, func(r *http.Request) { _, err = c.BySecret(r.Context(), id, given) })
		return err
	}
	want := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	for i := range 10 { // one subscriber, as many addresses as they like
		want(try(fmt.Sprintf("[2001:db8::%d]:1", i), "idm", "wrong"), tenant.ErrUnauthenticated)
	}
	want(try("[2001:db8::ffff]:1", "idm", secret), web.ErrTooManyWrong)
	want(try("[2001:db8:0:1::1]:1", "idm", secret), nil) // nobody locks it out from elsewhere
	want(try("192.0.2.1:1", "idm", secret), nil)
	want(try("[2001:db8::1]:1", "other", "wrong"), tenant.ErrUnauthenticated)
	later(time.Minute)
	want(try("[2001:db8::1]:1", "idm", secret), nil)

	for i := range 100 { // many ids
		want(try("192.0.2.9:1", fmt.Sprint("id", i), "wrong"), tenant.ErrUnauthenticated)
	}
	want(try("192.0.2.9:1", "idm", secret), web.ErrTooManyWrong)
}

func TestOperatorHeader(t *testing.T) {
	c, _ := callers(t)
	client, err := c.BySecret(t.Context(), "idm", secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		values []string
		want   string
		err    error
	}{
		{"none", nil, "", nil},
		{"one", []string{" alice "}, "alice", nil},
		{"two", []string{"alice", "bob"}, "", web.ErrClaimedMalform},
		{"a control character", []string{"a\tb"}, "", web.ErrClaimedMalform},
		{"turned around", []string{"a\u202eb"}, "", web.ErrClaimedMalform},
		{"no UTF-8", []string{"a\xff"}, "", web.ErrClaimedMalform},
		{"too long", []string{fmt.Sprintf("%0256d", 0)}, "", web.ErrClaimedMalform},
	} {
		from("192.0.2.1:1", func(r *http.Request) { r.Header[web.OperatorHeader] = tt.values }, func(r *http.Request) {
			admitted, err := c.Admit(r, client)
			if !errors.Is(err, tt.err) || err == nil && web.Authority(admitted).Claimed != tt.want {
				t.Errorf("%s: %v, %+v", tt.name, err, admitted)
			}
		})
	}
}

func TestBearerToken(t *testing.T) {
	for _, tt := range []struct {
		values []string
		want   string
	}{
		{nil, ""},
		{[]string{"Bearer t"}, "t"},
		{[]string{"bearer  t "}, "t"},
		{[]string{"Basic t"}, ""},
		{[]string{"Bearer"}, ""},
		{[]string{"Bearer a", "Bearer b"}, ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/?access_token=t", nil)
		r.Header["Authorization"] = tt.values
		if got := web.BearerToken(r); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.values, got, tt.want)
		}
	}
}

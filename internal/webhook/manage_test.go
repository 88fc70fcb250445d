package webhook_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/tenant"
	"bestow.dev/internal/webhook"
)

func TestEndpointIsChecked(t *testing.T) {
	w := newWorld(t)
	for i, tt := range []struct {
		spoil func(*webhook.Endpoint)
		field string // empty: it is good
	}{
		{func(*webhook.Endpoint) {}, ""},
		{func(e *webhook.Endpoint) { e.URL = "http://localhost:8080/x" }, ""},
		{func(e *webhook.Endpoint) { e.URL = "http://[::1]/x" }, ""},
		{func(e *webhook.Endpoint) { e.Events = []string{"*", "run.*", "credential.registered"} }, ""},
		{func(e *webhook.Endpoint) { e.Name = "" }, "name"},
		{func(e *webhook.Endpoint) { e.Name = "a/b" }, "name"},
		{func(e *webhook.Endpoint) { e.Description = "a\nb" }, "description"},
		{func(e *webhook.Endpoint) { e.URL = "http://idm.example.com" }, "url"},
		{func(e *webhook.Endpoint) { e.URL = "http://localhost.example.com" }, "url"},
		{func(e *webhook.Endpoint) { e.URL = "ftp://idm.example.com" }, "url"},
		{func(e *webhook.Endpoint) { e.URL = "https://user:pass@idm.example.com" }, "url"},
		{func(e *webhook.Endpoint) { e.URL = "https://idm.example.com/?token=x" }, "url"},
		{func(e *webhook.Endpoint) { e.URL = "https://idm.example.com/#x" }, "url"},
		{func(e *webhook.Endpoint) { e.URL = "https://" + strings.Repeat("x", 2048) }, "url"},
		{func(e *webhook.Endpoint) { e.Events = nil }, "events"},
		{func(e *webhook.Endpoint) { e.Events = []string{"credentials.*"} }, "events"},
		{func(e *webhook.Endpoint) { e.Events = []string{"credential"} }, "events"},
		{func(e *webhook.Endpoint) { e.Events = []string{"cred*"} }, "events"},
		{func(e *webhook.Endpoint) { e.Events = make([]string, 33) }, "events"},
	} {
		e := webhook.Endpoint{Name: fmt.Sprint("n", i), URL: "https://idm.example.com/hook", Events: []string{"*"}}
		tt.spoil(&e)
		_, _, err := w.Add(t.Context(), w.root, e)
		if tt.field == "" {
			check(t, err)
			continue
		}
		refused(t, err, webhook.ErrInvalid)
		if !strings.Contains(err.Error(), "("+tt.field+")") {
			t.Errorf("%d: %v does not name %s", i, err, tt.field)
		}
	}
}

func TestSettings(t *testing.T) {
	w := newWorld(t)
	e, secret := w.add("idm", "run.*")
	for _, by := range []tenant.Authority{{}, {Tenant: "acme", Scopes: []tenant.Scope{tenant.ScopeManage, tenant.ScopeAuditRead}}} {
		_, err := w.Endpoints(t.Context(), by)
		refused(t, err, tenant.ErrDenied)
		_, _, err = w.Add(t.Context(), by, *e)
		refused(t, err, tenant.ErrDenied)
		_, err = w.Change(t.Context(), by, "idm", webhook.Change{})
		refused(t, err, tenant.ErrDenied)
		refused(t, w.Delete(t.Context(), by, "idm"), tenant.ErrDenied)
		_, _, err = w.Rotate(t.Context(), by, "idm", 0)
		refused(t, err, tenant.ErrDenied)
		_, err = w.Test(t.Context(), by, "idm")
		refused(t, err, tenant.ErrDenied)
		_, _, err = w.Deliveries(t.Context(), by, "idm", webhook.List{})
		refused(t, err, tenant.ErrDenied)
		refused(t, w.Redeliver(t.Context(), by, "idm", "x"), tenant.ErrDenied)
	}
	_, err := w.Endpoint(t.Context(), tenant.LocalOperator("globex", "root"), "idm")
	refused(t, err, webhook.ErrUnknown)
	_, _, err = w.Add(t.Context(), w.root, *e)
	refused(t, err, webhook.ErrExists)
	_, err = w.Change(t.Context(), w.root, "idm", webhook.Change{Version: 7})
	refused(t, err, webhook.ErrChanged)
	_, _, err = w.Rotate(t.Context(), w.root, "idm", -1)
	refused(t, err, webhook.ErrInvalid)

	w.later(time.Minute)
	changed, err := w.Change(t.Context(), w.root, "idm", webhook.Change{URL: new("https://other.example.com"), Disabled: new(true)})
	check(t, err)
	if changed.Version != 2 || changed.URL != "https://other.example.com" || !changed.Disabled || !changed.Changed.Equal(noon.Add(time.Minute)) || changed.Events[0] != "run.*" {
		t.Errorf("changed: %+v", changed)
	}
	_, err = w.Test(t.Context(), w.root, "idm")
	refused(t, err, webhook.ErrDisabled)
	check(t, w.Delete(t.Context(), w.root, "idm"))
	events := w.trail("webhook.")
	if len(events) != 3 || events[0].Action != "webhook.added" || events[1].Action != "webhook.changed" || events[2].Action != "webhook.deleted" {
		t.Errorf("trail: %+v", events)
	}
	if strings.Contains(fmt.Sprint(events), strings.TrimPrefix(secret, "whsec_")) {
		t.Error("the trail holds the secret")
	}
}

func TestTooMany(t *testing.T) {
	w := newWorld(t)
	for i := range webhook.MaxEndpoints {
		w.add(fmt.Sprint("n", i), "*")
	}
	_, _, err := w.Add(t.Context(), w.root, webhook.Endpoint{Name: "last", URL: "https://x.example.com", Events: []string{"*"}})
	refused(t, err, webhook.ErrTooMany)
	_, err = w.Endpoint(t.Context(), w.root, "last")
	refused(t, err, webhook.ErrUnknown)
}

// Both secrets count for as long as the overlap says, and then the new one alone.
func TestRotate(t *testing.T) {
	w := newWorld(t)
	_, old := w.add("idm", "user.*")
	_, fresh, err := w.Rotate(t.Context(), w.root, "idm", time.Hour)
	check(t, err)
	if fresh == old {
		t.Fatal("the secret is the same")
	}
	signed := func(secrets ...string) {
		t.Helper()
		w.user(fmt.Sprint("u", w.clock().UnixMilli()))
		posts := w.deliver(1)
		want, err := webhook.Sign(posts[0].Header["webhook-id"], w.clock(), posts[0].Body, secrets...)
		check(t, err)
		if got := posts[0].Header["webhook-signature"]; got != want || posts[0].Header["webhook-timestamp"] != fmt.Sprint(w.clock().Unix()) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	signed(fresh, old)
	w.later(time.Hour - time.Second)
	signed(fresh, old)
	w.later(time.Second)
	signed(fresh)
}

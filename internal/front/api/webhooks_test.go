package api_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/webhook"
)

// receiver takes what webhooks send.
type receiver struct {
	mu    sync.Mutex
	posts []webhook.Post
}

func (r *receiver) Post(_ context.Context, p webhook.Post) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posts = append(r.posts, p)
	return http.StatusOK, nil
}

func hook(name string) map[string]any {
	return map[string]any{"name": name, "url": "https://idm.example.com/events", "events": []string{"user.*", "credential.*"}}
}

func TestWebhooks(t *testing.T) {
	w := newWorld(t)
	made := w.must(http.StatusCreated, "admin", "POST", "/webhooks", hook("idm"))
	if got := made.header.Get("Location"); got != "/api/v1/webhooks/idm" {
		t.Errorf("Location: %q", got)
	}
	secret := made.text(t, "secret")
	if !strings.HasPrefix(secret, "whsec_") || made.object(t)["version"] != 1.0 {
		t.Errorf("made: %s", made.body)
	}
	refused(t, w.do("admin", "POST", "/webhooks", hook("idm")), http.StatusConflict, "webhook.exists")
	refused(t, w.do("admin", "POST", "/webhooks", map[string]any{"name": "x", "url": "http://idm.example.com", "events": []string{"*"}}), http.StatusBadRequest, "webhook.invalid")
	refused(t, w.do("idm", "GET", "/webhooks", nil), http.StatusForbidden, "authority.denied")
	refused(t, w.do("globex", "GET", "/webhooks/idm", nil), http.StatusNotFound, "webhook.unknown")
	if list := w.must(http.StatusOK, "admin", "GET", "/webhooks", nil); len(list.items(t)) != 1 || strings.Contains(string(list.body), secret) {
		t.Errorf("list: %s", list.body)
	}
	changed := w.must(http.StatusOK, "admin", "PATCH", "/webhooks/idm", map[string]any{"events": []string{"user.*"}, "version": 1})
	if events := changed.object(t)["events"].([]any); len(events) != 1 || events[0] != "user.*" {
		t.Errorf("changed: %s", changed.body)
	}
	refused(t, w.do("admin", "PATCH", "/webhooks/idm", map[string]any{"disabled": true, "version": 1}), http.StatusConflict, "webhook.version")
	rotated := w.must(http.StatusOK, "admin", "POST", "/webhooks/idm/secrets", map[string]any{"overlapSeconds": 60})
	if got := rotated.text(t, "secret"); got == secret || !strings.HasPrefix(got, "whsec_") {
		t.Error("the secret is the same, or none")
	}
	w.must(http.StatusNoContent, "admin", "DELETE", "/webhooks/idm", nil)
	refused(t, w.do("admin", "DELETE", "/webhooks/idm", nil), http.StatusNotFound, "webhook.unknown")
}

func TestWebhookDeliveries(t *testing.T) {
	w := newWorld(t)
	w.must(http.StatusCreated, "admin", "POST", "/webhooks", hook("idm"))
	w.user("alice")
	w.Later(time.Second)
	ping := w.must(http.StatusAccepted, "admin", "POST", "/webhooks/idm/pings", nil).text(t, "id")
	if n, err := w.hooks.DeliverDue(t.Context()); err != nil || n != 2 {
		t.Fatalf("%d tries: %v", n, err)
	}
	first := w.must(http.StatusOK, "admin", "GET", "/webhooks/idm/deliveries?state=delivered&limit=1", nil)
	items := first.items(t)
	if len(items) != 1 || items[0].(map[string]any)["id"] != ping || items[0].(map[string]any)["type"] != "webhook.ping" {
		t.Fatalf("the newest: %s", first.body)
	}
	rest := w.must(http.StatusOK, "admin", "GET", "/webhooks/idm/deliveries?limit=1&cursor="+first.text(t, "next"), nil)
	d := rest.items(t)[0].(map[string]any)
	if d["type"] != "user.created" || d["state"] != "delivered" || d["status"] != 200.0 || d["attempts"] != 1.0 || rest.object(t)["next"] != nil {
		t.Errorf("the rest: %s", rest.body)
	}
	w.must(http.StatusAccepted, "admin", "POST", "/webhooks/idm/redeliveries", map[string]any{"id": d["id"]})
	if n, err := w.hooks.DeliverDue(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d tries: %v", n, err)
	}
	if p := w.receiver.posts; p[0].Header["webhook-id"] != d["id"] || p[2].Header["webhook-id"] != d["id"] {
		t.Errorf("sent %+v", p)
	}
	refused(t, w.do("admin", "POST", "/webhooks/idm/redeliveries", map[string]any{"id": "x"}), http.StatusNotFound, "webhook.delivery_unknown")
	w.must(http.StatusOK, "admin", "PATCH", "/webhooks/idm", map[string]any{"disabled": true})
	refused(t, w.do("admin", "POST", "/webhooks/idm/pings", nil), http.StatusConflict, "webhook.disabled")
}

package outbound_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bestow.dev/internal/outbound"
	"bestow.dev/internal/webhook"
)

func TestWebhookPost(t *testing.T) {
	r := newReceiver(t, (*httptest.Server).Start)
	w, err := outbound.NewWebhooks(outbound.Config{})
	if err != nil {
		t.Fatal(err)
	}
	post := webhook.Post{URL: r.URL + "/hook", Header: map[string]string{"Content-Type": "application/json", "webhook-id": "evt_1"}, Body: []byte(`{"id":"evt_1"}`)}
	// Whatever the answer is, it is the answer: a redirect leads nowhere.
	for _, status := range []int{200, 204, 301, 307, 404, 410, 500} {
		r.status, r.location, r.hits = status, "", 0
		if status/100 == 3 {
			r.location = r.URL + "/elsewhere"
		}
		got, err := w.Post(t.Context(), post)
		if err != nil || got != status || r.hits != 1 {
			t.Errorf("%d: got %d, %v after %d requests", status, got, err, r.hits)
		}
	}
	if r.method != http.MethodPost || r.path != "/hook" || r.mime != "application/json" || r.body != `{"id":"evt_1"}` {
		t.Errorf("got %s %s %s %s", r.method, r.path, r.mime, r.body)
	}
	r.Close()
	got, err := w.Post(t.Context(), post)
	if err == nil || got != 0 || strings.Contains(err.Error(), "/hook") {
		t.Errorf("nobody there: %d, %v", got, err)
	}
}

func TestWebhookTrust(t *testing.T) {
	r := newReceiver(t, (*httptest.Server).StartTLS)
	w, err := outbound.NewWebhooks(outbound.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Post(t.Context(), webhook.Post{URL: r.URL}); err == nil || r.hits != 0 {
		t.Errorf("a stranger's certificate was taken: %v", err)
	}
}

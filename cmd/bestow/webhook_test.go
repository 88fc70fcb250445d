package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWebhooks(t *testing.T) {
	s := newShell(t)
	got := s.want(exitDone, "whsec_", "--json", "webhook", "add", "idm", "--url", "https://idm.example.com/hook", "--event", "user.*", "--event", "run.ended")
	var made webhookDocument
	if err := json.Unmarshal([]byte(got.stdout), &made); err != nil || made.Name != "idm" || len(made.Events) != 2 || made.Version != 1 {
		t.Fatalf("%s: %v", got.stdout, err)
	}
	s.want(exitRefused, "(webhook.exists)", "webhook", "add", "idm", "--url", "https://idm.example.com/hook", "--event", "*")
	s.want(exitUsage, "The URL is https", "webhook", "add", "x", "--url", "http://idm.example.com", "--event", "*")
	s.want(exitUsage, "missing flags", "webhook", "add", "x")
	s.want(exitDone, "user.*,run.ended", "webhook", "list")
	s.want(exitDone, "https://idm.example.com/hook", "webhook", "show", "idm")

	s.user("alice@example.com")
	ping := strings.Fields(s.want(exitDone, "evt_", "webhook", "test", "idm").stdout)[0]
	got = s.want(exitDone, "", "--json", "webhook", "deliveries", "idm", "--state", "pending")
	var list []deliveryDocument
	if err := json.Unmarshal([]byte(got.stdout), &list); err != nil || len(list) != 2 || list[0].ID != ping || list[1].Type != "user.created" {
		t.Errorf("%s: %v", got.stdout, err)
	}
	s.want(exitDone, "user.created", "webhook", "deliveries", "idm", "--after", ping)
	s.want(exitUsage, "pending, delivered or failed", "webhook", "deliveries", "idm", "--state", "lost")
	s.want(exitDone, ping, "webhook", "redeliver", "idm", ping)
	s.want(exitRefused, "(webhook.delivery_unknown)", "webhook", "redeliver", "idm", "evt_x")

	s.want(exitDone, "https://new.example.com", "webhook", "change", "idm", "--url", "https://new.example.com", "--disable")
	s.want(exitRefused, "(webhook.disabled)", "webhook", "test", "idm")
	if got := s.want(exitDone, "", "--json", "webhook", "change", "idm", "--enable"); !strings.Contains(got.stdout, `"disabled": false`) || strings.Contains(got.stdout, "whsec_") {
		t.Errorf("enabled: %s", got.stdout)
	}
	if got := s.want(exitDone, "whsec_", "webhook", "rotate", "idm", "--overlap", "1h"); strings.Contains(got.stdout, made.Secret) {
		t.Error("the secret is the same")
	}
	s.want(exitDone, "deleted idm", "webhook", "delete", "idm")
	s.want(exitRefused, "(webhook.unknown)", "webhook", "show", "idm")
	got = s.want(exitDone, "webhook.rotated", "--json", "audit", "list", "--action", "webhook.")
	if strings.Contains(got.stdout, strings.TrimPrefix(made.Secret, "whsec_")) {
		t.Error("the trail holds the secret")
	}
}

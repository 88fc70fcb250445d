package onewelcome_test

import (
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/audit"
)

// A credential whose counter goes back is suspect, and signs nobody in until somebody has
// looked at it.
func TestSuspect(t *testing.T) {
	w := newWorld(t)
	d := newDesk(t, softkey.AttestNone)
	made := w.enrolled("shop", "", "lena", d)
	user := made.text("userId")
	path := "/users/" + user + "/credentials/" + made.text("credential.credentialId")
	state := func(want string) {
		t.Helper()
		if r := w.good(200, w.get("shop", path)); r.text("state") != want {
			t.Errorf("state: %s, want %s", r.body, want)
		}
	}
	signIn := func() reply { return w.post("shop", "/assertion/verify", d.Get(t, w.asked("shop", object{}))) }
	change := func(state string) reply {
		return w.do(request{method: "PATCH", path: path, key: key("shop"), body: object{"state": state}})
	}

	early := d.Get(t, w.asked("shop", object{}))
	w.good(200, signIn())
	state("active")
	open := w.asked("shop", object{})
	want(t, w.post("shop", "/assertion/verify", early), 422, "counter_regression")
	state("suspect")
	want(t, w.post("shop", "/assertion/verify", d.Get(t, open)), 422, "credential_suspended")
	want(t, w.post("shop", "/assertion/options", object{"userId": user}), 404, "credential_not_found")
	if _, o := w.options("shop", object{"userId": user, "username": "lena"}); len(o.ExcludeCredentials) != 1 {
		t.Errorf("excluded: %+v", o.ExcludeCredentials)
	}

	// It is the server's word alone, and not the last one.
	want(t, change("suspect"), 400, "invalid_request")
	w.good(200, change("suspended"))
	state("suspended")
	w.good(200, change("active"))
	w.good(200, signIn())
	state("active")

	events, err := w.db.AuditEvents(t.Context(), audit.Query{Tenant: "acme", Action: "authentication.refused", Limit: 10})
	check(t, err)
	if len(events) != 2 || events[0].Outcome != "webauthn.sign_count" {
		t.Errorf("events: %+v", events)
	}
}

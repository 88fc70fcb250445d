package nevis_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/nevis"
	"bestow.dev/internal/tenant"
)

// wantStatus fails unless a ceremony stands like this, for this user or for nobody.
func (w *world) wantStatus(session, status, user string) {
	w.t.Helper()
	r := w.standing(session)
	if r.status != http.StatusOK || r.text("status") != status || r.text("userId") != user {
		w.t.Errorf("status: %d %s, want %s of %q", r.status, r.body, status, user)
	}
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(r.text("timestamp")) {
		w.t.Errorf("timestamp: %s", r.body)
	}
}

func TestFlow(t *testing.T) {
	w := newWorld(t)
	w.user("u-7f3a")
	d := newDesk(t)

	r := w.options("/attestation/options", registering("u-7f3a"))
	var o map[string]any
	check(t, json.Unmarshal(r.body, &o))
	if !reflect.DeepEqual(o["rp"], map[string]any{"id": site, "name": "Example Org"}) || o["attestation"] != "none" || o["timeout"] != 240000.0 {
		t.Errorf("options: %s", r.body)
	}
	selection := map[string]any{"residentKey": "required", "requireResidentKey": true, "userVerification": "preferred"}
	if !reflect.DeepEqual(o["authenticatorSelection"], selection) || len(o["excludeCredentials"].([]any)) != 0 {
		t.Errorf("options: %s", r.body)
	}
	session := r.text("fido2SessionId")
	w.wantStatus(session, "initialized", "u-7f3a")
	answer := d.create(t, r.body)
	answer["userFriendlyName"], answer["userAgent"] = "Office key", "Mozilla/5.0"
	done := w.do(request{path: fido + "/attestation/result", body: answer})
	wantOK(t, done)
	if done.text("fido2SessionId") != session {
		t.Errorf("session %s, want %s", done.body, session)
	}
	w.wantStatus(session, "succeeded", "u-7f3a")
	again := w.do(request{path: fido + "/attestation/result", body: answer})
	wantFailed(t, again, http.StatusOK, "used already")
	if again.text("fido2SessionId") != session {
		t.Errorf("session %s", again.body)
	}

	// The next registration excludes it; what it is named is kept.
	r = w.options("/attestation/options", registering("u-7f3a"))
	if !strings.Contains(string(r.body), `"excludeCredentials":[{"type":"public-key","id":"`+answer["id"].(string)) {
		t.Errorf("options: %s", r.body)
	}
	c, err := w.svc.Get(t.Context(), w.root, credential.Ref{RelyingParty: site, CredentialID: unb64(t, answer["id"].(string))})
	check(t, err)
	if c.Name != "Office key" || c.UserAgent != "Mozilla/5.0" || c.Via != "nevis" || c.ProvisionedBy != "client:nevisauth" {
		t.Errorf("credential: %+v", c)
	}

	for _, path := range []string{"/attestation/options", "/assertion/options"} {
		for _, name := range []string{"u-7f3a", ""} {
			r := w.options(path, signingIn(name))
			session := r.text("fido2SessionId")
			w.wantStatus(session, "initialized", "")
			answer := d.get(t, r.body)
			done := w.do(request{path: fido + "/assertion/result", body: answer})
			wantOK(t, done)
			w.wantStatus(session, "succeeded", "u-7f3a")
			wantFailed(t, w.do(request{path: fido + "/assertion/result", body: answer}), http.StatusOK, "used already")
		}
	}
}

// Both paths give the same authentication options, but for what is random.
func TestSameOptions(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.enrolled("alice", newDesk(t))
	var all []map[string]any
	for _, path := range []string{"/attestation/options", "/assertion/options"} {
		r := w.options(path, signingIn("alice"))
		var o map[string]any
		check(t, json.Unmarshal(r.body, &o))
		delete(o, "challenge")
		delete(o, "fido2SessionId")
		all = append(all, o)
	}
	if !reflect.DeepEqual(all[0], all[1]) || len(all[0]["allowCredentials"].([]any)) != 1 {
		t.Errorf("%v\n%v", all[0], all[1])
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.user("bare")
	d := newDesk(t)
	w.enrolled("alice", d)

	// Usernameless without a user handle.
	r := w.options("/assertion/options", signingIn(""))
	answer := d.get(t, r.body)
	delete(answer["response"].(map[string]any), "userHandle")
	wantFailed(t, w.do(request{path: fido + "/assertion/result", body: answer}), http.StatusOK, "user_handle")
	w.wantStatus(r.text("fido2SessionId"), "failed", "")

	// From another site: the ceremony is over.
	evil := newDesk(t)
	evil.Origin = "https://evil.example"
	r = w.options("/attestation/options", registering("alice"))
	wantFailed(t, w.do(request{path: fido + "/attestation/result", body: evil.create(t, r.body)}), http.StatusOK, "origin")
	w.wantStatus(r.text("fido2SessionId"), "failed", "alice")

	// A challenge of nobody's changes nothing.
	r = w.options("/attestation/options", registering("alice"))
	good := d.clientDataFor(t, r.body)
	wantFailed(t, w.do(request{path: fido + "/attestation/result", body: good}), http.StatusOK, "")
	w.wantStatus(r.text("fido2SessionId"), "initialized", "alice")

	// Nobody, and one without a credential, are told the same.
	for _, name := range []string{"nobody", "bare"} {
		wantFailed(t, w.do(request{path: fido + "/assertion/options", body: signingIn(name)}), http.StatusOK, "Nobody can sign in by this name.")
	}
	wantFailed(t, w.do(request{path: fido + "/attestation/options", body: registering("nobody")}), http.StatusOK, "no such user")

	// Too late.
	r = w.options("/assertion/options", signingIn("alice"))
	w.Later(tenant.DefaultChallengeLife + time.Second)
	w.wantStatus(r.text("fido2SessionId"), "failed", "")
	wantFailed(t, w.do(request{path: fido + "/assertion/result", body: d.get(t, r.body)}), http.StatusOK, "expired")

	w.wantStatus("made-up", "unknown", "")
	w.wantStatus("", "unknown", "")
}

// clientDataFor answers options with a challenge that is not theirs.
func (d *desk) clientDataFor(t testing.TB, options []byte) map[string]any {
	t.Helper()
	var o map[string]any
	check(t, json.Unmarshal(options, &o))
	o["challenge"] = b64(make([]byte, 32))
	text, err := json.Marshal(o)
	check(t, err)
	return newDesk(t).create(t, text)
}

// What a ceremony was begun with by one client, another does not see.
func TestOthersCeremony(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	d := newDesk(t)
	w.enrolled("alice", d)
	r := w.options("/assertion/options", signingIn("alice"))
	answer := d.get(t, r.body)
	wantFailed(t, w.do(request{path: fido + "/assertion/result", client: "portal", body: answer}), http.StatusOK, "not known")
	s := w.do(request{path: fido + "/status", client: "portal", body: map[string]any{"sessionId": r.text("fido2SessionId")}})
	if s.text("status") != "unknown" {
		t.Errorf("status: %s", s.body)
	}
	wantOK(t, w.do(request{path: fido + "/assertion/result", body: answer}))
}

// A counter that goes back locks the credential.
func TestClone(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	d := newDesk(t)
	id := w.enrolled("alice", d)
	first, second := w.options("/assertion/options", signingIn("alice")), w.options("/assertion/options", signingIn("alice"))
	early := d.get(t, first.body)
	wantOK(t, w.do(request{path: fido + "/assertion/result", body: d.get(t, second.body)}))
	wantFailed(t, w.do(request{path: fido + "/assertion/result", body: early}), http.StatusOK, "sign_count")
	c, err := w.svc.Get(t.Context(), w.root, credential.Ref{RelyingParty: site, CredentialID: unb64(t, id)})
	check(t, err)
	if c.State != credential.Suspended || c.Standing != credential.FailureLocked || c.Failures != 1 || c.Uses != 1 {
		t.Errorf("credential: %+v", c)
	}
	wantFailed(t, w.do(request{path: fido + "/assertion/options", body: signingIn("alice")}), http.StatusOK, "Nobody")
}

func TestConformanceStatus(t *testing.T) {
	w := newWorld(t, func(_ *world, c *nevis.Config) { c.ConformanceStatus, c.SharedVocabulary = true, true })
	w.user("alice")
	wantFailed(t, w.do(request{path: fido + "/assertion/options", body: signingIn("nobody")}), http.StatusBadRequest, "Nobody")
	wantFailed(t, w.do(request{path: fido + "/attestation/options", body: `{"username":"alice","attestation":"none"}`}), http.StatusBadRequest, "displayName")
	w.wantStatus(w.options("/attestation/options", registering("alice")).text("fido2SessionId"), "clientRegistering", "alice")
	w.wantStatus(w.options("/assertion/options", signingIn("")).text("fido2SessionId"), "clientAuthenticating", "")
}

func TestTimeouts(t *testing.T) {
	w := newWorld(t, func(_ *world, c *nevis.Config) { c.VerifiedTimeout, c.UnverifiedTimeout = time.Hour, 90*time.Second })
	for uv, want := range map[string]float64{"required": 240000, "preferred": 90000, "discouraged": 90000} {
		if got := w.options("/assertion/options", map[string]any{"username": "", "userVerification": uv}).member("timeout"); got != want {
			t.Errorf("%s: %v", uv, got)
		}
	}
}

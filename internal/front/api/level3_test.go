package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"testing"

	"bestow.dev/ctap/softkey"
)

// put describes a relying party of the database anew.
func (w *world) put(id string, settings map[string]any) reply {
	w.t.Helper()
	return w.must(http.StatusOK, "admin", "PUT", "/relying-parties/"+id, settings)
}

// register registers a key for a user at a relying party of the database.
func (w *world) register(rp, user string, d *desk, more map[string]any) reply {
	w.t.Helper()
	body := map[string]any{"relyingParty": rp, "user": named(user)}
	for name, value := range more {
		body[name] = value
	}
	begun := w.must(http.StatusCreated, "idm", "POST", "/registrations", body).object(w.t)
	options, err := json.Marshal(begun["publicKey"])
	check(w.t, err)
	return w.do("idm", "POST", "/registrations/"+begun["id"].(string)+"/finish", map[string]any{"response": d.Create(w.t, options)})
}

// signIn signs a user in at a relying party.
func (w *world) signIn(rp, user string, d *desk) reply {
	w.t.Helper()
	begun := w.must(http.StatusCreated, "idm", "POST", "/authentications", map[string]any{"relyingParty": rp, "user": named(user)}).object(w.t)
	options, err := json.Marshal(begun["publicKey"])
	check(w.t, err)
	return w.do("idm", "POST", "/authentications/"+begun["id"].(string)+"/finish", map[string]any{"response": d.Get(w.t, options)})
}

const framing = "framed.example.com"

// A ceremony in a frame of another site's page is good where the settings let it, and in
// the pages they name alone (7.1/10, 7.1/11, 7.2/13, 7.2/14).
func TestFramedCeremonies(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.put(framing, map[string]any{"allowCrossOrigin": true, "topOrigins": []string{"https://portal.example.net"}})
	d := newDesk(t)
	d.Framed = "https://portal.example.net"
	if r := w.register(framing, "alice", d, nil); r.status != http.StatusCreated {
		t.Fatalf("in a frame: %d %s", r.status, r.body)
	}
	if r := w.signIn(framing, "alice", d); r.status != http.StatusOK {
		t.Fatalf("in a frame: %d %s", r.status, r.body)
	}
	d.Framed = "https://evil.example"
	refused(t, w.signIn(framing, "alice", d), http.StatusUnprocessableEntity, "webauthn.top_origin")
	refused(t, w.register(framing, "alice", newFramedDesk(t, d.Framed), nil), http.StatusUnprocessableEntity, "webauthn.top_origin")

	w.put(framing, map[string]any{})
	d.Framed = "https://portal.example.net"
	refused(t, w.signIn(framing, "alice", d), http.StatusUnprocessableEntity, "webauthn.cross_origin")
	refused(t, w.register(framing, "alice", newFramedDesk(t, d.Framed), nil), http.StatusUnprocessableEntity, "webauthn.cross_origin")
	d.Framed = ""
	if r := w.signIn(framing, "alice", d); r.status != http.StatusOK {
		t.Errorf("outside of it: %d %s", r.status, r.body)
	}
}

func newFramedDesk(t testing.TB, page string) *desk {
	d := newDesk(t)
	d.Framed = page
	return d
}

// What is put is what is read, and a bad value is named.
func TestCeremonySettings(t *testing.T) {
	w := newWorld(t)
	want := map[string]any{
		"hints": []any{"security-key"}, "attestationFormats": []any{"packed"}, "allowConditionalCreate": true,
		"credentialProtection": "userVerificationRequired", "enforceCredentialProtection": true,
		"registrationExtensions": []any{}, "appId": "https://framed.example.com/app.json",
	}
	got := w.put(framing, want).object(t)
	for name, value := range want {
		if !reflect.DeepEqual(got[name], value) {
			t.Errorf("%s: got %v, want %v", name, got[name], value)
		}
	}
	if got := w.put(framing, map[string]any{"relatedOrigins": []string{"https://example.co.uk"}}).object(t); fmt.Sprint(got["relatedOrigins"], got["registrationExtensions"]) != "[https://example.co.uk] [credProps]" {
		t.Errorf("got %v", got)
	}
	for _, tt := range []struct {
		name  string
		value any
		code  string
	}{
		{"relatedOrigins", []string{"https://a.framed.example.com"}, "rp.invalid"},
		{"hints", []string{"usb"}, "rp.invalid"},
		{"attestationFormats", []string{"x"}, "rp.invalid"},
		{"credentialProtection", "all", "request.invalid"},
		{"enforceCredentialProtection", true, "rp.invalid"},
		{"registrationExtensions", []string{"appid"}, "rp.invalid"},
		{"appId", "https://elsewhere.example/", "rp.invalid"},
	} {
		refused(t, w.do("admin", "PUT", "/relying-parties/"+framing, map[string]any{tt.name: tt.value}), http.StatusBadRequest, tt.code)
	}
}

// A conditional create needs the setting; with it nobody has to be there.
func TestConditionalRegistration(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	body := map[string]any{"relyingParty": framing, "user": named("alice"), "mediation": "conditional"}
	w.put(framing, map[string]any{})
	r := w.do("idm", "POST", "/registrations", body)
	refused(t, r, http.StatusBadRequest, "registration.conditional")
	if r.text(t, "field") != "mediation" {
		t.Errorf("got %s", r.body)
	}
	w.put(framing, map[string]any{"allowConditionalCreate": true})
	d := newDesk(t)
	d.Key.Forge(softkey.Forge{AuthData: func(a *softkey.AuthData) { a.Flags &^= softkey.FlagUserPresent | softkey.FlagUserVerified }})
	if r := w.register(framing, "alice", d, map[string]any{"mediation": "conditional"}); r.status != http.StatusCreated || r.object(t)["uvInitialized"] != false {
		t.Errorf("conditional: %d %s", r.status, r.body)
	}
	refused(t, w.register(framing, "alice", d, nil), http.StatusUnprocessableEntity, "webauthn.user_presence")
	refused(t, w.do("idm", "POST", "/registrations", map[string]any{"relyingParty": framing, "user": named("alice"), "mediation": "silent"}),
		http.StatusBadRequest, "request.invalid")
}

// Extension outputs come with the new credential, and those of the authenticator with
// its evidence.
func TestRegisteredExtensions(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	d := newDesk(t)
	d.Results = map[string]any{
		"credProps": map[string]any{"rk": true}, "largeBlob": map[string]any{"supported": true},
		"prf": map[string]any{"enabled": true, "results": map[string]any{"first": "c2VjcmV0"}},
	}
	d.Key.Forge(softkey.Forge{AuthData: func(a *softkey.AuthData) {
		a.Flags |= softkey.FlagExtensionData
		a.Extensions = []byte("\xa1\x6bcredProtect\x03")
	}})
	c := w.enrolled("alice", d).object(t)
	want := map[string]any{"credentialProtection": "userVerificationRequired", "prf": true, "largeBlob": true}
	if !reflect.DeepEqual(c["extensions"], want) || c["discoverable"] != true {
		t.Errorf("got %v, want %v", c["extensions"], want)
	}
	e := w.must(http.StatusOK, "idm", "GET", "/credentials/"+c["id"].(string)+"/evidence", nil).object(t)
	if !reflect.DeepEqual(e["extensions"], map[string]any{"credProtect": 3.0}) {
		t.Errorf("evidence: %v", e["extensions"])
	}
}

// Whoever reads a credential sees whether it is backed up as it was last said (7.2/24).
func TestBackupStateFollows(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	d := newDesk(t)
	flags := softkey.FlagBackupEligible
	d.Key.Forge(softkey.Forge{AuthData: func(a *softkey.AuthData) { a.Flags |= flags }})
	c := w.enrolled("alice", d).object(t)
	read := func() any {
		return w.must(http.StatusOK, "idm", "GET", "/credentials/"+c["id"].(string), nil).object(t)["backupState"]
	}
	if c["backupEligible"] != true || read() != false {
		t.Fatalf("made: %v", c)
	}
	for _, backedUp := range []bool{true, false} {
		flags = softkey.FlagBackupEligible
		if backedUp {
			flags |= softkey.FlagBackupState
		}
		if r := w.signIn(site, "alice", d); r.status != http.StatusOK || r.object(t)["credential"].(map[string]any)["backupState"] != backedUp {
			t.Errorf("sign-in: %d %s", r.status, r.body)
		}
		if got := read(); got != backedUp {
			t.Errorf("read %v, want %t", got, backedUp)
		}
	}
}

// Signals follow what becomes of credentials and names, and a sign-in brings them. A
// user whose last credential has gone enrols again under the handle they had.
func TestSignals(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	d := newDesk(t)
	id, options := w.begin("idm", "registrations", map[string]any{"user": named("alice")})
	handle := handleOf(t, options)
	c := w.must(http.StatusCreated, "idm", "POST", "/registrations/"+id+"/finish", map[string]any{"response": d.Create(t, options)}).object(t)
	path := "/users/" + alice + "/signals?relyingParty=" + site
	want := func(s map[string]any, ids ...any) {
		t.Helper()
		accepted := map[string]any{"rpId": site, "userId": handle, "allAcceptedCredentialIds": append([]any{}, ids...)}
		if !reflect.DeepEqual(s["allAcceptedCredentials"], accepted) {
			t.Errorf("got %v, want %v", s["allAcceptedCredentials"], accepted)
		}
	}
	want(w.must(http.StatusOK, "read", "GET", path, nil).object(t), c["credentialId"])
	want(w.signIn(site, "alice", d).object(t)["signals"].(map[string]any), c["credentialId"])

	w.must(http.StatusOK, "idm", "PATCH", "/users/"+alice, map[string]any{"displayName": "Alice"})
	s := w.must(http.StatusOK, "idm", "GET", path, nil).object(t)
	if details := map[string]any{"rpId": site, "userId": handle, "name": "alice", "displayName": "Alice"}; !reflect.DeepEqual(s["currentUserDetails"], details) {
		t.Errorf("got %v, want %v", s["currentUserDetails"], details)
	}

	used := "&credentialId=" + c["credentialId"].(string)
	if s := w.must(http.StatusOK, "idm", "GET", path+used, nil).object(t); s["unknownCredential"] != nil {
		t.Errorf("known: %v", s)
	}
	w.must(http.StatusNoContent, "idm", "DELETE", "/credentials/"+c["id"].(string), nil)
	s = w.must(http.StatusOK, "idm", "GET", path+used, nil).object(t)
	want(s)
	if unknown := map[string]any{"rpId": site, "credentialId": c["credentialId"]}; !reflect.DeepEqual(s["unknownCredential"], unknown) {
		t.Errorf("got %v, want %v", s["unknownCredential"], unknown)
	}

	_, options = w.begin("idm", "registrations", map[string]any{"user": named("alice")})
	if got := handleOf(t, options); got != handle {
		t.Errorf("enrols again under %s, and not %s", got, handle)
	}

	refused(t, w.do("authenticate", "GET", path, nil), http.StatusForbidden, "authority.denied")
	refused(t, w.do("idm", "GET", "/users/"+alice+"/signals", nil), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("idm", "GET", path+"&credentialId=A%3D", nil), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("idm", "GET", "/users/nobody/signals?relyingParty="+site, nil), http.StatusNotFound, "user.unknown")
	refused(t, w.do("globex", "GET", path, nil), http.StatusNotFound, "user.unknown")
}

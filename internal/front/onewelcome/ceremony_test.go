package onewelcome_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/front/onewelcome"
)

// TestEnrolment is the life of an account whose back end sends a user name and nothing
// else: the user id it gets back is its user's from then on.
func TestEnrolment(t *testing.T) {
	w := newWorld(t)
	options, o := w.options("shop", object{"username": " lena@shop.example "})
	if id := unb64(t, o.User.ID); len(id) != 32 || o.User.Name != "lena@shop.example" || o.User.DisplayName != o.User.Name {
		t.Errorf("user: %+v", o.User)
	}
	if len(unb64(t, o.Challenge)) != 32 || o.Timeout != 60000 || o.Attestation != "none" || len(o.ExcludeCredentials) != 0 ||
		o.AuthenticatorSelection.ResidentKey != "preferred" || o.AuthenticatorSelection.UserVerification != "preferred" || o.TransactionID == "" {
		t.Errorf("options: %s", options)
	}
	d := newDesk(t, softkey.AttestNone)
	answer := d.create(t, options)
	answer["credentialName"] = "Lena's key"
	r := w.good(200, w.post("shop", "/attestation/verify", answer))
	if r.text("status") != "OK" || r.text("userId") != o.User.ID || r.text("credential.credentialId") != answer["id"] ||
		r.text("credential.name") != "Lena's key" || r.text("credential.fmt") != "none" || r.text("credential.createdAt") != "2026-03-02T10:11:12Z" ||
		r.member("credential.discoverable") != true || r.member("credential.userVerified") != true {
		t.Errorf("verify: %s", r.body)
	}

	// The same id again is the same user, who has a key now.
	again, o2 := w.options("shop", object{"username": "Lena", "userId": o.User.ID, "displayName": "Lena L."})
	if o2.User.ID != o.User.ID || o2.User.Name != "Lena" || o2.User.DisplayName != "Lena L." ||
		len(o2.ExcludeCredentials) != 1 || o2.ExcludeCredentials[0].ID != answer["id"] {
		t.Errorf("again: %s", again)
	}
	if _, o3 := w.options("shop", object{"username": "Lena", "userId": o.User.ID, "excludeCredentials": false}); len(o3.ExcludeCredentials) != 0 {
		t.Errorf("excluded all the same: %+v", o3)
	}

	// Named, and not: both say who it is, by the name last verified.
	for _, body := range []object{{"userId": o.User.ID}, {}} {
		r := w.good(200, w.post("shop", "/assertion/verify", d.Get(t, w.asked("shop", body))))
		if r.text("userId") != o.User.ID || r.text("username") != "lena@shop.example" || r.text("credentialId") != answer["id"] || r.member("userVerified") != true {
			t.Errorf("signed in: %s", r.body)
		}
	}
	second := newDesk(t, softkey.AttestNone)
	w.good(200, w.post("shop", "/attestation/verify", second.create(t, again)))
	r = w.good(200, w.post("shop", "/assertion/verify", second.Get(t, w.asked("shop", object{}))))
	if r.text("username") != "Lena" {
		t.Errorf("the newest name is not told: %s", r.body)
	}
}

// TestOptionsAreWrapped only where that is asked for.
func TestOptionsAreWrapped(t *testing.T) {
	w := newWorld(t)
	id := w.enrolled("shop", "", "lena", newDesk(t, softkey.AttestNone)).text("userId")
	for path, body := range map[string]object{"/attestation/options": {"username": "a"}, "/assertion/options": {"userId": id}} {
		r := w.good(200, w.post("shop", path+"?wrap=publicKey", body))
		if r.text("publicKey.challenge") == "" || r.text("transactionId") == "" || r.member("publicKey.transactionId") != nil || r.member("challenge") != nil {
			t.Errorf("wrapped: %s", r.body)
		}
		want(t, w.post("shop", path+"?wrap=other", body), 400, "invalid_request")
		want(t, w.post("shop", path+"?wrap=publicKey&wrap=publicKey", body), 400, "invalid_request")
	}
	if !bytes.Contains(w.asked("shop", object{}), []byte(`"allowCredentials":[]`)) {
		t.Error("where nobody is named, the list is not there")
	}
}

func TestUserIDs(t *testing.T) {
	w := newWorld(t)
	for name, id := range map[string][]byte{
		"one zero byte": {0}, "64 bytes": bytes.Repeat([]byte{0xff}, 64), "text": []byte("u7-0091"), "an address": []byte("lena@shop.example"),
		"differs in the case of its base64url alone": []byte("\x1a"), "as said": []byte("\x02"),
	} {
		d := newDesk(t, softkey.AttestNone)
		r := w.enrolled("shop", b64(id), "the same for all", d) // two users share a name
		if !bytes.Equal(unb64(t, r.text("userId")), id) {
			t.Errorf("%s: %s", name, r.body)
		}
		r = w.good(200, w.post("shop", "/assertion/verify", d.Get(t, w.asked("shop", object{}))))
		if !bytes.Equal(unb64(t, r.text("userId")), id) || r.text("username") != "the same for all" {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	if log := w.log.String(); !strings.Contains(log, "looks like an e-mail address") || strings.Contains(log, "lena@") {
		t.Error("the log does not warn of an address, or quotes it")
	}
	for name, id := range map[string]string{
		"65 bytes": b64(make([]byte, 65)), "empty": "", "padded": "AA==", "base64": "++++", "bits to spare": "AB",
	} {
		r := w.post("shop", "/attestation/options", object{"username": "a", "userId": id})
		if want(t, r, 400, "invalid_request"); w.count() != 6 {
			t.Errorf("%s: %d credentials", name, w.count())
		}
	}
}

func TestBadOptions(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		body   any
		field  string
		reason string
	}{
		"no username":       {object{}, "username", "required"},
		"blank username":    {object{"username": " "}, "username", "length"},
		"long username":     {object{"username": strings.Repeat("ä", 65)}, "username", "length"},
		"control character": {object{"username": "a\x01b"}, "username", "user.name"},
		"long display name": {object{"username": "a", "displayName": strings.Repeat("a", 256)}, "displayName", "user.display_name"},
		"attestation":       {object{"username": "a", "attestation": "full"}, "attestation", "value"},
		"attachment":        {object{"username": "a", "authenticatorSelection": object{"authenticatorAttachment": "usb"}}, "authenticatorSelection.authenticatorAttachment", "value"},
		"resident key":      {object{"username": "a", "authenticatorSelection": object{"residentKey": "yes"}}, "authenticatorSelection.residentKey", "value"},
		"user verification": {object{"username": "a", "authenticatorSelection": object{"userVerification": "yes"}}, "authenticatorSelection.userVerification", "value"},
		"short timeout":     {object{"username": "a", "timeout": 9999}, "timeout", "range"},
		"long timeout":      {object{"username": "a", "timeout": 600001}, "timeout", "range"},
		"no parameters":     {object{"username": "a", "pubKeyCredParams": []any{}}, "pubKeyCredParams", "length"},
		"other type":        {object{"username": "a", "pubKeyCredParams": []any{object{"type": "x", "alg": -7}}}, "pubKeyCredParams", "value"},
		"unknown algorithm": {object{"username": "a", "pubKeyCredParams": []any{object{"type": "public-key", "alg": -1}}}, "pubKeyCredParams", "policy.wider"},
		"no algorithm":      {object{"username": "a", "pubKeyCredParams": []any{object{"type": "public-key", "alg": 1 << 40}}}, "pubKeyCredParams", "value"},
		"extension":         {object{"username": "a", "extensions": object{"prf": object{}}}, "extensions.prf", "value"},
		"bad extension":     {object{"username": "a", "extensions": object{"credProps": 1}}, "extensions.credProps", "options.invalid"},
		"unknown member":    {object{"username": "a", "user": "a"}, "", "request.json"},
		"number for a name": {object{"username": 1}, "", "request.json"},
		"member twice":      {`{"username":"a","username":"b"}`, "", "request.json"},
		"no JSON":           {`username=a`, "", "request.json"},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.post("shop", "/attestation/options", tt.body)
			want(t, r, 400, "invalid_request")
			var e struct {
				Details []struct{ Field, Reason string }
			}
			r.into(t, &e)
			if len(e.Details) != 1 || e.Details[0].Reason != tt.reason || e.Details[0].Field != tt.field {
				t.Errorf("details: %s", r.body)
			}
		})
	}
	if n, err := w.svc.Counts(t.Context(), w.root); err != nil || n.Users != 0 {
		t.Errorf("%d users were made by refused requests, %v", n.Users, err)
	}
	r := w.do(request{method: "POST", path: "/attestation/options", key: key("shop"), body: `{"username":"a"}`, header: map[string]string{"Content-Type": "text/plain"}})
	want(t, r, http.StatusUnsupportedMediaType, "invalid_request")
	want(t, w.post("shop", "/attestation/options", `{"username":"`+strings.Repeat("a", 300<<10)+`"}`), http.StatusRequestEntityTooLarge, "invalid_request")
}

// What the request asks for is what it gets, as far as the relying party allows.
func TestOptionsAsAskedFor(t *testing.T) {
	w := newWorld(t)
	text, o := w.options("shop", object{
		"username": "a", "attestation": "direct", "timeout": 10000,
		"pubKeyCredParams":       []any{object{"type": "public-key", "alg": -257}, object{"type": "public-key", "alg": -7}, object{"type": "public-key", "alg": -65535}},
		"authenticatorSelection": object{"authenticatorAttachment": "platform", "requireResidentKey": true, "userVerification": "discouraged"},
		"extensions":             object{"credentialProtectionPolicy": "userVerificationRequired", "minPinLength": true},
	})
	if o.Attestation != "direct" || o.Timeout != 10000 || len(o.PubKeyCredParams) != 2 || o.PubKeyCredParams[0].Alg != -257 ||
		o.AuthenticatorSelection.AuthenticatorAttachment != "platform" || o.AuthenticatorSelection.ResidentKey != "required" ||
		o.AuthenticatorSelection.UserVerification != "discouraged" || o.Extensions["minPinLength"] != true || o.Extensions["credProps"] != true {
		t.Errorf("got %s", text)
	}
	// The bank asks for more: its word stands, and the answer shows it.
	text, o = w.options("bank", object{
		"username": "a", "timeout": 600000,
		"authenticatorSelection": object{"residentKey": "discouraged", "userVerification": "preferred"},
	})
	if o.RP.ID != strict || o.Timeout != 240000 || o.AuthenticatorSelection.ResidentKey != "required" || o.AuthenticatorSelection.UserVerification != "required" || o.Attestation != "direct" {
		t.Errorf("got %s", text)
	}
}

func TestRefusedAnswers(t *testing.T) {
	w := newWorld(t)
	other := w.enrolled("shop", "", "other", newDesk(t, softkey.AttestNone)).text("userId")
	before := w.count()
	for name, tt := range map[string]struct {
		spoil  func(d *desk, answer object)
		at     func(d *desk) // before the key is asked
		status int
		code   string
		spent  bool
	}{
		"untouched":         {nil, nil, 200, "", true},
		"under credential":  {func(_ *desk, a object) { nest(a) }, nil, 200, "", true},
		"other origin":      {nil, func(d *desk) { d.Origin = "https://evil.example" }, 422, "origin_mismatch", true},
		"other RP ID":       {nil, func(d *desk) { d.RPID = "evil.example" }, 422, "rpid_mismatch", true},
		"not present":       {nil, forge(func(a *softkey.AuthData) { a.Flags &^= softkey.FlagUserPresent }), 422, "user_presence_missing", true},
		"altered challenge": {func(_ *desk, a object) { setClientData(t, a, "challenge", b64(make([]byte, 32))) }, nil, 422, "challenge_mismatch", false},
		"other type":        {func(_ *desk, a object) { setClientData(t, a, "type", "webauthn.get") }, nil, 422, "challenge_mismatch", true},
		"another's id":      {func(_ *desk, a object) { a["userId"] = other }, nil, 409, "ceremony_mismatch", false},
		"nobody's id":       {func(_ *desk, a object) { a["userId"] = "AAAA" }, nil, 409, "ceremony_mismatch", false},
		"other transaction": {func(_ *desk, a object) { a["transactionId"] = "x" }, nil, 409, "ceremony_mismatch", false},
		"ids that differ":   {func(_ *desk, a object) { a["rawId"] = "AAAA" }, nil, 400, "invalid_request", false},
		"no type":           {func(_ *desk, a object) { delete(a, "type") }, nil, 400, "invalid_request", false},
		"no base64url":      {func(_ *desk, a object) { a["response"].(object)["attestationObject"] = "+" }, nil, 400, "invalid_request", false},
		"no response":       {func(_ *desk, a object) { delete(a, "response") }, nil, 400, "invalid_request", false},
		"long name":         {func(_ *desk, a object) { a["credentialName"] = strings.Repeat("a", 65) }, nil, 400, "invalid_request", false},
		"both forms":        {func(_ *desk, a object) { a["credential"] = object{} }, nil, 400, "invalid_request", false},
		"bad user id":       {func(_ *desk, a object) { a["userId"] = "" }, nil, 400, "invalid_request", false},
		"other rp":          {func(_ *desk, a object) { a["rpId"] = strict }, nil, 403, "forbidden", false},
	} {
		t.Run(name, func(t *testing.T) {
			options, _ := w.options("shop", object{"username": "a"})
			d := newDesk(t, softkey.AttestNone)
			if tt.at != nil {
				tt.at(d)
			}
			answer := d.create(t, options)
			whole := copyOf(t, answer)
			if tt.spoil != nil {
				tt.spoil(d, answer)
			}
			r := w.post("shop", "/attestation/verify", answer)
			if tt.status == 200 {
				w.good(200, r)
				before++
			} else {
				want(t, r, tt.status, tt.code)
			}
			if w.count() != before {
				t.Fatalf("%d credentials, want %d", w.count(), before)
			}
			r = w.post("shop", "/attestation/verify", whole)
			if tt.spent {
				want(t, r, 409, "ceremony_used")
				return
			}
			w.good(200, r)
			before++
		})
	}
}

func TestAlgorithmThatWasNotOffered(t *testing.T) {
	w := newWorld(t)
	options, _ := w.options("shop", object{"username": "a", "pubKeyCredParams": []any{object{"type": "public-key", "alg": -257}}})
	want(t, w.post("shop", "/attestation/verify", newDesk(t, softkey.AttestNone).create(t, options)), 422, "algorithm_not_allowed")
}

func forge(spoil func(*softkey.AuthData)) func(*desk) {
	return func(d *desk) { d.Key.Forge(softkey.Forge{AuthData: spoil}) }
}

// nest puts the credential under a member of its own.
func nest(a object) {
	inner := object{}
	for name, v := range a {
		inner[name] = v
		delete(a, name)
	}
	a["credential"] = inner
}

func copyOf(t testing.TB, v object) object {
	t.Helper()
	text, err := json.Marshal(v)
	check(t, err)
	var c object
	check(t, json.Unmarshal(text, &c))
	return c
}

func setClientData(t testing.TB, answer object, name string, value any) {
	t.Helper()
	members := answer["response"].(object)
	var said object
	check(t, json.Unmarshal(unb64(t, members["clientDataJSON"].(string)), &said))
	said[name] = value
	text, err := json.Marshal(said)
	check(t, err)
	members["clientDataJSON"] = b64(text)
}

func TestCeremonyEnds(t *testing.T) {
	w := newWorld(t)
	options, o := w.options("shop", object{"username": "a"})
	answer := newDesk(t, softkey.AttestNone).create(t, options)
	want(t, w.post("shop-two", "/attestation/verify", answer), 422, "challenge_mismatch") // another's ceremony
	w.Later(5 * time.Minute)
	want(t, w.post("shop", "/attestation/verify", answer), 410, "ceremony_expired")

	for range 5 {
		w.options("shop", object{"username": "a", "userId": o.User.ID})
	}
	want(t, w.post("shop", "/attestation/options", object{"username": "a", "userId": o.User.ID}), 429, "too_many_requests")
}

func TestDuplicate(t *testing.T) {
	w := newWorld(t)
	first := w.enrolled("shop", "", "a", newDesk(t, softkey.AttestNone))
	d := newDesk(t, softkey.AttestNone)
	id := unb64(t, first.text("credential.credentialId"))
	d.Key.Forge(softkey.Forge{AuthData: func(a *softkey.AuthData) { a.CredentialID = id }})
	for _, user := range []string{"", first.text("userId")} { // another's, and the same user's
		body := object{"username": "b"}
		if user != "" {
			body["userId"] = user
		}
		options, _ := w.options("shop", body)
		want(t, w.post("shop", "/attestation/verify", d.create(t, options)), 409, "credential_exists")
	}
	if w.count() != 1 {
		t.Errorf("%d credentials", w.count())
	}
	// The bank lets a user have one.
	r := w.enrolled("bank", "", "c", w.model)
	want(t, w.post("bank", "/attestation/options", object{"username": "c", "userId": r.text("userId")}), 409, "credential_limit")
}

func TestRefusedAssertions(t *testing.T) {
	w := newWorld(t)
	d := newDesk(t, softkey.AttestNone)
	mine := w.enrolled("shop", "", "a", d)
	stranger := newDesk(t, softkey.AttestNone)
	theirs := w.enrolled("shop", "", "b", stranger)
	id := mine.text("userId")

	for name, tt := range map[string]struct {
		spoil  func(object)
		status int
		code   string
	}{
		"signature":      {func(a object) { a["response"].(object)["signature"] = "AAAA" }, 422, "signature_invalid"},
		"other origin":   {func(a object) { setClientData(t, a, "origin", "https://evil.example") }, 422, "origin_mismatch"},
		"challenge":      {func(a object) { setClientData(t, a, "challenge", b64(make([]byte, 32))) }, 422, "challenge_mismatch"},
		"no user handle": {func(a object) { delete(a["response"].(object), "userHandle") }, 409, "ceremony_mismatch"},
		"other's handle": {func(a object) { a["response"].(object)["userHandle"] = theirs.text("userId") }, 409, "ceremony_mismatch"},
		"other's id":     {func(a object) { a["userId"] = theirs.text("userId") }, 409, "ceremony_mismatch"},
		"unknown id":     {func(a object) { a["id"], a["rawId"] = "AAAA", "AAAA" }, 404, "credential_not_found"},
		"transaction":    {func(a object) { a["transactionId"] = "x" }, 409, "ceremony_mismatch"},
		"unreadable":     {func(a object) { a["response"] = object{} }, 400, "invalid_request"},
		"a name":         {func(a object) { a["credentialName"] = "x" }, 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := d.Get(t, w.asked("shop", object{}))
			tt.spoil(answer)
			want(t, w.post("shop", "/assertion/verify", answer), tt.status, tt.code)
		})
	}
	// Somebody else's answer, where the user was named.
	var o struct{ Challenge string }
	options := w.asked("shop", object{"userId": id})
	check(t, json.Unmarshal(options, &o))
	answer := stranger.Get(t, json.RawMessage(`{"rpId":"`+site+`","challenge":"`+o.Challenge+`"}`))
	want(t, w.post("shop", "/assertion/verify", answer), 409, "ceremony_mismatch")

	// A counter that does not grow.
	w.good(200, w.post("shop", "/assertion/verify", d.Get(t, w.asked("shop", object{}))))
	d.Key.Forge(softkey.Forge{AuthData: func(a *softkey.AuthData) { a.SignCount = 1 }})
	want(t, w.post("shop", "/assertion/verify", d.Get(t, w.asked("shop", object{}))), 422, "counter_regression")
	w.good(200, w.do(request{method: "PATCH", path: "/users/" + id + "/credentials/" + mine.text("credential.credentialId"), key: key("shop"), body: object{"state": "active"}}))
	d.Key.Forge(softkey.Forge{AuthData: func(a *softkey.AuthData) { a.Flags &^= softkey.FlagUserVerified }})
	want(t, w.post("shop", "/assertion/verify", d.Get(t, w.asked("shop", object{"userVerification": "required"}))), 422, "user_verification_missing")
	d.Key.Forge(softkey.Forge{})
	good := d.Get(t, w.asked("shop", object{}))
	w.good(200, w.post("shop", "/assertion/verify", good))
	want(t, w.post("shop", "/assertion/verify", good), 409, "ceremony_used")

	want(t, w.post("shop", "/assertion/options", object{"userId": "AAAA"}), 404, "user_not_found")
	_, fresh := w.options("shop", object{"username": "no key yet"})
	want(t, w.post("shop", "/assertion/options", object{"userId": fresh.User.ID}), 404, "credential_not_found")
	want(t, w.post("shop", "/assertion/options", object{"extensions": object{"appid": "x"}}), 400, "invalid_request")
	want(t, w.post("shop", "/assertion/options", object{"userVerification": "x"}), 400, "invalid_request")
	want(t, w.post("shop", "/assertion/options", object{"timeout": 1}), 400, "invalid_request")
}

// TestHiddenUsers: where the door is told to, it answers for nobody as for somebody.
func TestHiddenUsers(t *testing.T) {
	w := newWorldWith(t, func(c *onewelcome.Config) { c.HideUnknownUsers = true })
	_, fresh := w.options("shop", object{"username": "no key yet"})
	for _, id := range []string{"AAAA", fresh.User.ID} {
		var shown [2]struct{ AllowCredentials []any }
		for i := range shown {
			check(t, json.Unmarshal(w.asked("shop", object{"userId": id}), &shown[i]))
		}
		a, _ := json.Marshal(shown[0])
		b, _ := json.Marshal(shown[1])
		if len(shown[0].AllowCredentials) == 0 || !bytes.Equal(a, b) {
			t.Errorf("%s: %s and %s", id, a, b)
		}
	}
}

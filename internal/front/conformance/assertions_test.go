package conformance_test

import (
	"testing"

	"bestow.dev/ctap/softkey"
)

// user is somebody with a credential.
type user struct {
	w    *world
	name string
	id   string // the credential's
	key  *softkey.Key
}

// enrolled registers somebody new.
func (w *world) enrolled(t *testing.T, how spoil) *user {
	t.Helper()
	request := w.creationRequest(nil)
	o := w.ask(t, "/attestation/options", request)
	body, key := w.create(t, o, how)
	if r := w.post(t, "/attestation/result", body); r.code() != "" {
		t.Fatalf("register: %s", r.body)
	}
	return &user{w, request["username"].(string), body["id"].(string), key}
}

// options asks for request options.
func (u *user) options(t *testing.T, verification string) options {
	t.Helper()
	return u.w.ask(t, "/assertion/options", map[string]any{"username": u.name, "userVerification": verification, "extensions": probe})
}

// signIn signs in, spoilt.
func (u *user) signIn(t *testing.T, verification string, how spoil) reply {
	t.Helper()
	return u.w.post(t, "/assertion/result", u.w.assert(t, u.options(t, verification), u.key, how))
}

// signsIn is the case of a sign-in that must succeed; denied of those that must not.
func signsIn(verification string, how spoil) run {
	return func(t *testing.T, w *world) { want(t, w.enrolled(t, full).signIn(t, verification, how), "") }
}

func denied(code string, spoils ...spoil) run {
	return func(t *testing.T, w *world) {
		u := w.enrolled(t, full)
		for _, s := range spoils {
			want(t, u.signIn(t, "preferred", s), code)
		}
	}
}

func honest(*answer) {}

func flags(f byte) spoil { return func(a *answer) { a.flags = f } }

func assertionCases() map[string]run {
	const missing, mistype, value = "request.field_missing", "request.field_type", "request.field_value"
	return merge(map[string]run{
		"Get-Resp-1/P-1":  signsIn("preferred", honest),
		"Get-Resp-1/F-1":  denied(missing, without("id")),
		"Get-Resp-1/F-2":  denied(mistype, mistyped("id", "")...),
		"Get-Resp-1/F-3":  denied(value, with("id", "not/base64url+"), with("id", "AA=="), with("id", "")),
		"Get-Resp-1/F-4":  denied(missing, without("type")),
		"Get-Resp-1/F-5":  denied(mistype, mistyped("type", "")...),
		"Get-Resp-1/F-6":  denied(value, with("type", "password"), with("type", "")),
		"Get-Resp-1/F-7":  denied(missing, without("response")),
		"Get-Resp-1/F-8":  denied(mistype, mistyped("response", map[string]any{})...),
		"Get-Resp-1/F-9":  denied(missing, without("clientDataJSON")),
		"Get-Resp-1/F-10": denied(mistype, mistyped("clientDataJSON", "")...),
		"Get-Resp-1/F-11": denied(value, with("clientDataJSON", "")),
		"Get-Resp-1/F-12": denied(missing, without("authenticatorData")),
		"Get-Resp-1/F-13": denied(mistype, mistyped("authenticatorData", "")...),
		"Get-Resp-1/F-14": denied(value, with("authenticatorData", "not/base64url+")),
		"Get-Resp-1/F-15": denied(value, with("authenticatorData", "")),
		"Get-Resp-1/F-16": denied(missing, without("signature")),
		"Get-Resp-1/F-17": denied(mistype, mistyped("signature", "")...),
		"Get-Resp-1/F-18": denied(value, with("signature", "not/base64url+")),
		"Get-Resp-1/F-19": denied(value, with("signature", "")),
		"Get-Resp-1/F-20": denied("signature.invalid", func(a *answer) { a.forge.Signature = flipped }),
		"Get-Resp-1/F-21": denied(mistype, mistyped("userHandle", "")...),
	}, clientDataCases("Get-Resp-2", "webauthn.create", denied), map[string]run{
		"Get-Resp-3/P-1": withoutCounter,
		"Get-Resp-3/P-2": signsIn("required", flags(up|uv)),
		"Get-Resp-3/P-3": signsIn("preferred", flags(up)),
		"Get-Resp-3/P-4": signsIn("preferred", flags(up|uv)),
		"Get-Resp-3/P-5": signsIn("discouraged", flags(up)),
		"Get-Resp-3/P-6": signsIn("discouraged", flags(up|uv)),
		"Get-Resp-3/P-7": signsIn("preferred", withExtensions),
		"Get-Resp-3/F-1": denied("authdata.trailing", authData(func(d *softkey.AuthData) { d.Trailing = []byte{1, 2, 3} })),
		"Get-Resp-3/F-2": denied("authdata.rpid", authData(func(d *softkey.AuthData) { d.RPIDHash[0] ^= 1 })),
		"Get-Resp-3/F-3": denied("signature.invalid", func(a *answer) { a.hash = make([]byte, 32) }),
		"Get-Resp-3/F-4": func(t *testing.T, w *world) {
			u := w.enrolled(t, full)
			still := authData(func(d *softkey.AuthData) { d.SignCount = 41 })
			want(t, u.signIn(t, "preferred", still), "")
			want(t, u.signIn(t, "preferred", still), "counter.regression")
		},
		"Get-Resp-3/F-5": func(t *testing.T, w *world) {
			want(t, w.enrolled(t, full).signIn(t, "required", flags(up)), "uv.required")
		},
	})
}

// withoutCounter signs in twice with an authenticator that does not count.
func withoutCounter(t *testing.T, w *world) {
	zero := authData(func(d *softkey.AuthData) { d.SignCount = 0 })
	u := w.enrolled(t, and(full, zero))
	for range 2 {
		want(t, u.signIn(t, "preferred", zero), "")
	}
}

// TestReplay: an answer is good once, and for its own ceremony.
func TestReplay(t *testing.T) {
	w := newWorld(t)
	o := w.ask(t, "/attestation/options", w.creationRequest(nil))
	body, _ := w.create(t, o, full)
	want(t, w.post(t, "/attestation/result", body), "")
	want(t, w.post(t, "/attestation/result", body), "session.consumed")

	u, other := w.enrolled(t, full), w.enrolled(t, full)
	asserted := w.assert(t, u.options(t, "preferred"), u.key, honest)
	want(t, w.post(t, "/assertion/result", asserted), "")
	want(t, w.post(t, "/assertion/result", asserted), "session.consumed")

	// A user handle that is given is the owner's.
	want(t, u.signIn(t, "preferred", with("userHandle", b64([]byte("somebody else")))), "user.mismatch")
	// Another's credential was not offered.
	o = u.options(t, "preferred")
	o.Allow = other.options(t, "preferred").Allow
	want(t, w.post(t, "/assertion/result", w.assert(t, o, other.key, honest)), "credential.unknown")

	u.signIn(t, "preferred", honest)
	expired := w.assert(t, u.options(t, "preferred"), u.key, honest)
	w.now = w.now.AddDate(0, 0, 1)
	want(t, w.post(t, "/assertion/result", expired), "session.expired")
}

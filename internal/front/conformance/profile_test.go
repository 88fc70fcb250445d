package conformance_test

import (
	"testing"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

// TestSHA1Key: whoever registered with RS1 signs in with it.
func TestSHA1Key(t *testing.T) {
	w := newWorld(t)
	u := w.enrolled(t, func(a *answer) { self(a); a.alg, a.key = -65535, rsaKey() })
	signed := func(a *answer) {
		var message []byte
		a.forge.Signed = func(m []byte) []byte { message = m; return m }
		a.forge.Signature = func([]byte) []byte { return sign(-65535, rsaKey(), message) }
	}
	want(t, u.signIn(t, "preferred", signed), "")
	want(t, u.signIn(t, "preferred", honest), "signature.invalid")
}

// TestJudgedAgain: what was registered by the profile is judged by it again, by what was
// in force then and by what is now.
func TestJudgedAgain(t *testing.T) {
	w := newWorld(t)
	root := tenant.LocalOperator("lab", "root")
	for name, how := range map[string]spoil{
		"packed": full, "RS1": func(a *answer) { self(a); a.alg, a.key = -65535, rsaKey() }, "tpm": tpm{alg: -65535}.spoil, "u2f": u2f,
	} {
		id := unb64(t, w.enrolled(t, how).id)
		for _, by := range []credential.By{credential.ByThen, credential.ByNow} {
			r, err := w.svc.Reverify(t.Context(), root, credential.Ref{RelyingParty: site, CredentialID: id}, by)
			check(t, err)
			if !r.Accepted || !r.Same() {
				t.Errorf("%s, by %v: %+v", name, by, r)
			}
		}
	}
}

// TestNoUserPresence: only the switch lets an answer pass that nobody touched anything for.
func TestNoUserPresence(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		w := newWorldWith(t, credential.Profile{Tenant: "lab", RelyingParty: site, AllowNoUserPresence: allowed})
		code := "up.required"
		if allowed {
			code = ""
		}
		want(t, w.register(t, nil, and(full, flags(0))), code)
		want(t, w.enrolled(t, full).signIn(t, "discouraged", flags(0)), code)
	}
}

// TestProfileElsewhere: a relying party that the profile is not of keeps to its settings.
func TestProfileElsewhere(t *testing.T) {
	w := newWorldWith(t, credential.Profile{Tenant: "lab", RelyingParty: "other.example.net"})
	r := w.post(t, "/attestation/options", w.creationRequest(nil)) // prefers user verification, which is required there
	want(t, r, "request.field_value")
	o := w.ask(t, "/attestation/options", w.creationRequest(required))
	for _, p := range o.Params {
		if p.Alg == -65535 {
			t.Error("RS1 is offered")
		}
	}
}

package nevis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/front/nevis"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/sectoken"
)

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	body := signingIn("")
	tests := []struct {
		name   string
		q      request
		status int
	}{
		{"good", request{body: body}, 200},
		{"get", request{method: "GET"}, 405},
		{"put before all else", request{method: "PUT", body: body, header: map[string]string{"Content-Type": "text/plain", "Accept": "text/html"}}, 405},
		{"form before accept", request{body: "a=b", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}}, 415},
		{"no content type", request{body: body, header: map[string]string{"Content-Type": ""}}, 415},
		{"latin1", request{body: body, header: map[string]string{"Content-Type": "application/json;charset=ISO-8859-1"}}, 415},
		{"utf-8", request{body: body, header: map[string]string{"Content-Type": "application/json; charset=utf-8"}}, 200},
		{"html", request{body: body, header: map[string]string{"Accept": "text/html"}}, 406},
		{"JSON not at all", request{body: body, header: map[string]string{"Accept": "application/json;q=0, */*"}}, 406},
		{"anything", request{body: body, header: map[string]string{"Accept": "text/html, */*;q=0.1"}}, 200},
		{"nothing said", request{body: body, header: map[string]string{"Accept": ""}}, 200},
		{"nobody before body", request{body: "{", client: "-"}, 401},
		{"no JSON", request{body: "{"}, 400},
		{"twice", request{body: `{"username":"","username":"x"}`}, 400},
		{"wrong type", request{body: `{"username":7}`}, 200},
		{"wrong value", request{body: `{"userVerification":"always"}`}, 200},
		{"a list", request{body: `[]`}, 200},
		{"too large", request{body: `{"username":"` + strings.Repeat("x", 1<<20) + `"}`}, 413},
		{"wrong client", request{body: body, client: "nevisaut"}, 401},
		{"another tenant", request{body: body, client: "globex"}, 401},
		{"no right", request{body: body, client: "reader"}, 403},
		{"right elsewhere", request{body: body, client: "elsewhere"}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.q.path = fido + "/assertion/options"
			r := w.do(tt.q)
			if r.status != tt.status || r.header.Get("Content-Type") != "application/json" || r.text("status") == "" {
				t.Errorf("got %d %v %s", r.status, r.header, r.body)
			}
		})
	}
	if r := w.do(request{method: "DELETE", path: fido + "/assertion/options"}); r.header.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("Allow: %v", r.header)
	}
	if r := w.do(request{method: "OPTIONS", path: fido + "/status"}); r.status != 405 || r.header.Get("Allow") != "POST" {
		t.Errorf("status: %d %v", r.status, r.header)
	}
	for _, body := range []string{`{}`, `{`, `{"fido2SessionId":7}`, `{"fido2SessionId":"a","sessionId":"b"}`} {
		wantFailed(t, w.do(request{path: fido + "/status", body: body}), 400, "")
	}
	if r := w.do(request{path: fido + "/status", body: `{"fido2SessionId":"a","sessionId":"a"}`}); r.text("status") != "unknown" {
		t.Errorf("status: %s", r.body)
	}
	wantFailed(t, w.do(request{path: fido + "/nothing", body: body}), 404, "")
	// Bad members do not begin a ceremony.
	for _, spoilt := range []string{
		`{"displayName":"A"}`, `{"username":"","displayName":"A"}`, `{"username":"alice","attestation":"all","displayName":"A"}`,
		`{"username":"alice","displayName":"A","authenticatorSelection":{"residentKey":"yes"}}`,
		`{"username":"alice","displayName":"A","authenticatorSelection":{"authenticatorAttachment":"crossplatform"}}`,
		`{"username":"alice","displayName":"A","authenticatorSelection":{"userVerification":"no"}}`,
		`{"username":"alice","displayName":"A","extensions":{"credProps":"yes"}}`,
	} {
		wantFailed(t, w.do(request{path: fido + "/attestation/options", body: spoilt}), 200, "")
	}
}

func TestStrictAccept(t *testing.T) {
	w := newWorld(t, func(_ *world, c *nevis.Config) { c.StrictAccept = true })
	for accept, status := range map[string]int{"": 406, "*/*": 406, "application/json": 200, "text/html, application/json;q=0.5": 200} {
		if r := w.do(request{path: fido + "/assertion/options", body: signingIn(""), header: map[string]string{"Accept": accept}}); r.status != status {
			t.Errorf("%q: %d", accept, r.status)
		}
	}
}

func TestOrigins(t *testing.T) {
	w := newWorld(t, func(_ *world, c *nevis.Config) { c.Origins = []string{origin} })
	ask := func(method, from string) reply {
		return w.do(request{method: method, path: fido + "/assertion/options", body: signingIn(""), header: map[string]string{"Origin": from}})
	}
	if r := ask("OPTIONS", origin); r.status != 204 || r.header.Get("Access-Control-Allow-Origin") != origin || r.header.Get("Access-Control-Allow-Methods") != "POST" {
		t.Errorf("preflight: %d %v", r.status, r.header)
	}
	if r := ask("POST", origin); r.header.Get("Access-Control-Allow-Origin") != origin {
		t.Errorf("call: %v", r.header)
	}
	if r := ask("OPTIONS", "https://evil.example"); r.status != 204 || r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %d %v", r.status, r.header)
	}
}

// tokens signs SecTokens that the door of a test takes.
type tokens struct {
	t   testing.TB
	key *ecdsa.PrivateKey
	w   *world
}

func withTokens(to *tokens, modes nevis.TokenModes) func(*world, *nevis.Config) {
	return func(w *world, c *nevis.Config) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(w.t, err)
		public, err := plugout.NewPublicKey(key.Public(), "k")
		check(w.t, err)
		set, err := plugout.NewKeySet(public)
		check(w.t, err)
		text, err := json.Marshal(set)
		check(w.t, err)
		c.Tokens, err = sectoken.New(sectoken.Config{KeySet: text, Audience: "nevisfido"})
		check(w.t, err)
		c.Modes = modes
		*to = tokens{t: w.t, key: key, w: w}
	}
}

// of returns a token that says the user is at work, and is good for a minute.
func (k *tokens) of(user string) string { return k.until(user, k.w.Now().Add(time.Minute)) }

func (k *tokens) until(user string, end time.Time) string {
	k.t.Helper()
	header, err := json.Marshal(map[string]string{"alg": "ES256", "kid": "k"})
	check(k.t, err)
	claims, err := json.Marshal(map[string]any{"sub": user, "aud": "nevisfido", "exp": end.Unix()})
	check(k.t, err)
	signed := b64(header) + "." + b64(claims)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, k.key, digest[:])
	check(k.t, err)
	return signed + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func TestSecToken(t *testing.T) {
	var k tokens
	w := newWorld(t, withTokens(&k, nevis.TokenModes{RegistrationOptions: nevis.TokenRequired, RegistrationResult: nevis.TokenRequired}))
	w.user("alice")
	w.user("bob")
	path := fido + "/attestation/options"

	wantFailed(t, w.do(request{path: path, body: registering("alice")}), 401, "SecToken")
	wantFailed(t, w.do(request{path: path, body: registering("alice"), token: "e30.e30.AA"}), 401, "SecToken")
	wantFailed(t, w.do(request{path: path, body: registering("alice"), token: k.of("nobody")}), 403, "nobody")
	for _, client := range []string{"nevisauth", "portal", "-"} {
		for _, name := range []string{"bob", "nobody"} {
			wantFailed(t, w.do(request{path: path, client: client, body: registering(name), token: k.of("alice")}), 403, "themselves")
		}
	}
	events, err := w.db.AuditEvents(t.Context(), audit.Query{Tenant: "acme", Newest: true, Limit: 1})
	check(t, err)
	if e := events[0]; e.Action != "registration.denied" || e.Outcome != "subject.other" || e.Actor.Kind != audit.User {
		t.Errorf("event: %+v", e)
	}

	// With the token a client without the scope registers, and so does the user alone.
	for _, client := range []string{"portal", "-"} {
		for _, bearer := range []bool{false, true} {
			ask := func(path string, body any) reply {
				q := request{path: path, client: client, body: body, token: k.of("alice")}
				if bearer && client == "-" {
					q.token, q.header = "", map[string]string{"Authorization": "Bearer " + k.of("alice")}
				}
				return w.do(q)
			}
			d := newDesk(t)
			r := ask(path, registering("alice"))
			wantOK(t, r)
			answer := d.create(t, r.body)
			other := w.do(request{path: fido + "/attestation/result", client: client, body: answer, token: k.of("bob")})
			if client == "-" { // another caller altogether
				wantFailed(t, other, 200, "not known")
			} else {
				wantFailed(t, other, 403, "themselves")
			}
			done := ask(fido+"/attestation/result", answer)
			wantOK(t, done)
			if s := ask(fido+"/status", map[string]any{"sessionId": done.text("fido2SessionId")}); s.text("status") != "succeeded" || s.text("userId") != "alice" {
				t.Errorf("status: %s", s.body)
			}
		}
	}
	w.Later(2 * time.Minute)
	stale := k.of("alice")
	w.Later(2 * time.Minute)
	wantFailed(t, w.do(request{path: path, body: registering("alice"), token: stale}), 401, "SecToken")
}

func TestSecTokenModes(t *testing.T) {
	var k tokens
	w := newWorld(t, withTokens(&k, nevis.TokenModes{AuthenticationOptions: nevis.TokenNone}))
	w.user("alice")
	w.user("bob")
	d := newDesk(t)
	w.enrolled("alice", d)
	bobs := newDesk(t)
	w.enrolled("bob", bobs)
	// Not looked at.
	wantOK(t, w.do(request{path: fido + "/assertion/options", body: signingIn("alice"), token: "rubbish"}))
	// If present it counts: alice's token does not let bob sign in.
	r := w.options("/assertion/options", signingIn(""))
	wantFailed(t, w.do(request{path: fido + "/assertion/result", body: bobs.get(t, r.body), token: k.of("alice")}), 200, "another user")
	wantFailed(t, w.do(request{path: fido + "/assertion/result", body: bobs.get(t, r.body), token: "rubbish"}), 401, "SecToken")
	// Without keys no token is good.
	bare := newWorld(t)
	wantFailed(t, bare.do(request{path: fido + "/assertion/options", body: signingIn(""), token: k.of("alice")}), 401, "SecToken")
}

// Who shows no credentials has the rights of the client that was set for them, and is
// never told who exists.
func TestAnonymous(t *testing.T) {
	w := newWorld(t, func(_ *world, c *nevis.Config) { c.AnonymousClient = "public" })
	w.user("alice")
	d := newDesk(t)
	w.enrolled("alice", d)
	ask := func(path string, body any) reply { return w.do(request{path: fido + path, client: "-", body: body}) }
	nobody := ask("/assertion/options", signingIn("nobody"))
	wantOK(t, nobody)
	if !strings.Contains(string(nobody.body), `"allowCredentials":[{"type":"public-key"`) {
		t.Errorf("options: %s", nobody.body)
	}
	r := ask("/assertion/options", signingIn("alice"))
	wantOK(t, ask("/assertion/result", d.get(t, r.body)))
	wantFailed(t, ask("/attestation/options", registering("alice")), http.StatusForbidden, "fido.provision")
	wantFailed(t, ask("/attestation/options", registering("nobody")), http.StatusForbidden, "fido.provision")
	wantFailed(t, w.do(request{path: fido + "/assertion/options", client: "wrong", body: signingIn("")}), 401, "")
}

package hermod_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

// unknown is the id of no box, message or token.
const unknown = "00000000-0000-4000-8000-000000000000"

// Redeeming a link: POST B/session.
func TestRedeem(t *testing.T) {
	w := newWorld(t, settings{})
	r := w.startSession(600)
	box, token := link(t, r)
	session := "/ms/" + box + "/session"

	// What is not a redemption spends nothing.
	for _, body := range []string{
		``, `{}`, `[]`, `null`, `{"token":5}`, `{"token":"` + token + `"`, `{"token":"` + token + `","token":"` + token + `"}`,
		`{"token":"` + token[:35] + `"}`, `{"token":"` + token + `","client":{"app":"` + strings.Repeat("a", 65) + `"}}`,
		`{"token":"` + token + `","client":{"app":"a\u0000b"}}`, `{"token":"` + token + `","client":"desktop-app"}`,
	} {
		want(t, w.do(call{path: session, body: body}), http.StatusBadRequest, "INVALID_JSON")
	}
	want(t, w.do(call{path: session, body: `{"token":"` + token + `"` + strings.Repeat(" ", 4<<10) + `}`}), http.StatusRequestEntityTooLarge, "TOO_LARGE")
	want(t, w.do(call{path: session, body: redemption(token), header: map[string]string{"Content-Type": "text/plain"}}),
		http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
	want(t, w.redeem(box, unknown), http.StatusUnauthorized, "UNAUTHORIZED")
	want(t, w.redeem(unknown, token), http.StatusGone, "SESSION_GONE")

	// The right one opens the box, in whatever case the link arrived.
	got := w.redeem(box, strings.ToUpper(token))
	var opened struct {
		Session  string
		Expires  time.Time
		Messages []struct {
			Mid, Type, Location string
			Expires             time.Time
		}
		MatchCode *bool
	}
	got.into(t, &opened)
	secret, err := base64.RawURLEncoding.DecodeString(opened.Session)
	if got.status != http.StatusCreated || err != nil || len(secret) != 32 || !opened.Expires.Equal(start.Add(600*time.Second)) || opened.MatchCode != nil {
		t.Errorf("%d %s", got.status, got.body)
	}
	m := opened.Messages[0]
	if len(opened.Messages) != 1 || m.Mid != r.message() || m.Type != "SESSION_START" || m.Location != r.Destinations[0].Location || !m.Expires.Equal(start.Add(10*time.Second)) {
		t.Errorf("messages: %s", got.body)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Error("the session may be cached")
	}

	// A second time it is spent, and takes the session with it: somebody else has it.
	d := &desk{w: w, box: box, session: opened.Session, key: w.key}
	want(t, w.redeem(box, token), http.StatusGone, "SESSION_GONE")
	want(t, d.do("GET", ""), http.StatusGone, "SESSION_GONE")
	w.wantOutcome(r.CommandID, "CANCELLED", "SESSION_ENDED")
	events := w.events(0)
	var twice int
	for _, e := range events {
		if e.Action == "relay.session_redeemed_twice" {
			twice++
		}
	}
	if twice != 1 {
		t.Errorf("%d events of a second redemption", twice)
	}
}

// A second redemption ends a session that has started, and what waits in it.
func TestSecondRedemptionEndsTheSession(t *testing.T) {
	w := newWorld(t, settings{})
	r, d := w.started(600)
	waiting := w.accepted("fidocreatecredential", create(header(600, 240, d.box)))
	w.callbacks()
	_, token := link(t, r)
	want(t, w.redeem(d.box, token), http.StatusGone, "SESSION_GONE")
	w.wantCallbacks(w.callbacks(), "fidocreatecredential CANCELLED SESSION_ENDED")
	w.wantOutcome(waiting.CommandID, "CANCELLED", "SESSION_ENDED")
}

func TestLinkExpires(t *testing.T) {
	w := newWorld(t, settings{})
	box, token := link(t, w.startSession(600))
	w.Later(10 * time.Second)
	want(t, w.redeem(box, token), http.StatusGone, "SESSION_GONE")
}

// After ten wrong tokens an address has to wait a minute, with right ones too. Others
// go on, and no box is closed.
func TestWrongTokenLimit(t *testing.T) {
	w := newWorld(t, settings{proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}})
	box, token := link(t, w.startSession(600))
	other, otherToken := link(t, w.startSession(600))
	from := func(address, box, token string) reply {
		return w.do(call{path: "/ms/" + box + "/session", body: redemption(token), header: map[string]string{"X-Forwarded-For": address}})
	}
	for range 10 {
		want(t, from("192.0.2.7", box, unknown), http.StatusUnauthorized, "UNAUTHORIZED")
	}
	limited := from("192.0.2.7", other, otherToken)
	want(t, limited, http.StatusTooManyRequests, "TOO_MANY_TRIES")
	if limited.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", limited.header.Get("Retry-After"))
	}
	if r := from("192.0.2.8", box, token); r.status != http.StatusCreated {
		t.Errorf("another address: %d %s", r.status, r.body)
	}
	w.Later(61 * time.Second)
	box, token = link(t, w.startSession(600))
	if r := from("192.0.2.7", box, token); r.status != http.StatusCreated {
		t.Errorf("a minute later: %d %s", r.status, r.body)
	}
}

// Every call of the box asks for its session.
func TestSessionSecret(t *testing.T) {
	w := newWorld(t, settings{})
	r, d := w.started(600)
	_, other := w.started(600)
	waiting := w.accepted("ping", ping(header(600, 240, d.box)))
	payload := d.sign(d.payload(d.fetch(waiting.message()), "OK", `{}`))
	_, token := link(t, r)
	for name, authorization := range map[string]string{
		"missing": "", "empty": "Bearer ", "wrong": "Bearer " + unknown, "another box's": "Bearer " + other.session,
		"basic": "Basic " + d.session, "the link's": "Bearer " + token, "no scheme": d.session,
	} {
		t.Run(name, func(t *testing.T) {
			h := map[string]string{"Content-Type": plugout.MediaTypeJOSE}
			if authorization != "" {
				h["Authorization"] = authorization
			}
			for _, c := range []call{
				{path: ""},
				{path: "?wait=5"},
				{path: "/" + waiting.message()},
				{path: "/" + unknown},
				{method: "DELETE", path: "/session"},
				{method: "POST", path: "/session/confirm"},
				{path: "/" + waiting.message(), body: payload},
			} {
				c.path, c.header = "/ms/"+d.box+c.path, h
				got := w.do(c)
				want(t, got, http.StatusUnauthorized, "UNAUTHORIZED")
				if got.header.Get("WWW-Authenticate") != `Bearer realm="bestow"` {
					t.Errorf("WWW-Authenticate: %q", got.header.Get("WWW-Authenticate"))
				}
			}
		})
	}
	d.answer(waiting.message(), plugout.StatusOK, `{}`)
	for _, path := range []string{"", "/" + unknown} {
		want(t, w.do(call{path: "/ms/" + unknown + path, header: d.header()}), http.StatusGone, "SESSION_GONE")
	}
}

// The list, and one message of it: GET B, GET B/<mid>.
func TestListAndFetch(t *testing.T) {
	w := newWorld(t, settings{})
	_, d := w.started(600)
	empty := d.do("GET", "")
	if empty.status != http.StatusNoContent || len(empty.body) > 0 || empty.header.Get("Cache-Control") != "no-store" {
		t.Errorf("empty: %d %s", empty.status, empty.body)
	}
	w.Later(time.Second)
	first := w.accepted("fidocreatecredential", create(header(600, 120, d.box)))
	second := w.accepted("ping", ping(header(600, 30, d.box)))
	var list struct {
		Messages []struct {
			Mid, Type, Location string
			Expires             time.Time
		}
	}
	d.do("GET", "").into(t, &list)
	if len(list.Messages) != 2 || list.Messages[0].Mid != first.message() || list.Messages[1].Mid != second.message() ||
		list.Messages[0].Type != "FIDO_CREATE_CREDENTIAL" || list.Messages[0].Location != first.Destinations[0].Location ||
		!list.Messages[1].Expires.Equal(start.Add(31*time.Second)) {
		t.Errorf("list: %+v", list)
	}
	sent, err := json.Marshal(create(nil)["fidoCreateCredentialCommand"])
	check(t, err)
	for range 2 { // it may be fetched again
		m := d.fetch(first.message())
		if m.V != 1 || m.Bid != d.box || m.Mid != first.message() || m.Type != "FIDO_CREATE_CREDENTIAL" || m.Requester != "idm" ||
			!m.Issued.Equal(start.Add(time.Second)) || !m.Expires.Equal(start.Add(121*time.Second)) || m.Nonce != "kX0b2oQyq1m0m1xJ5rV0Zw" ||
			m.Format != "jws" || m.Key != "ATTESTATION" || !bytes.Equal(m.Command, sent) {
			t.Errorf("message: %+v", m)
		}
	}
	want(t, d.do("GET", "/"+unknown), http.StatusNotFound, "NO_SUCH_MESSAGE")
	want(t, d.do("GET", "/mid"), http.StatusNotFound, "NO_SUCH_MESSAGE")
	d.answer(second.message(), plugout.StatusOK, `{}`)
	want(t, d.do("GET", "/"+second.message()), http.StatusGone, "WITHDRAWN")
	w.Later(120 * time.Second)
	want(t, d.do("GET", "/"+first.message()), http.StatusGone, "TIMED_OUT")
	if len(d.list()) != 0 {
		t.Error("what is over is listed")
	}
	want(t, d.do("GET", "?wait=soon"), http.StatusBadRequest, "INVALID_REQUEST")
	want(t, d.do("GET", "?wait=-1"), http.StatusBadRequest, "INVALID_REQUEST")
	want(t, d.do("GET", "?wait=1.5"), http.StatusBadRequest, "INVALID_REQUEST")
}

// The answer: POST B/<mid>.
func TestAnswer(t *testing.T) {
	w := newWorld(t, settings{})
	_, d := w.started(600)
	sent := w.accepted("ping", ping(header(600, 60, d.box)))
	mid := sent.message()
	m := d.fetch(mid)
	good := d.payload(m, plugout.StatusOK, `{}`)

	want(t, d.post(unknown, good), http.StatusNotFound, "NO_SUCH_MESSAGE")
	for _, media := range []string{"", "text/plain", "application/jwt", "application/jose+json"} {
		want(t, d.postAs(mid, media, d.sign(good)), http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
	}
	want(t, d.postAs(mid, plugout.MediaTypeJOSE, strings.Repeat("a", 128<<10+1)), http.StatusRequestEntityTooLarge, "TOO_LARGE")

	// What cannot be read does not end the command.
	signed := string(d.sign(good))
	for name, body := range map[string]string{
		"empty": "", "no JWS": "hello", "two parts": signed[:strings.LastIndex(signed, ".")], "JSON as JOSE": `{"v":1}`,
		"payload is no answer": string(d.sign(object{"v": 1})), "just large enough": strings.Repeat("a", 128<<10),
		"alg none": base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"x"}`)) + signed[strings.Index(signed, "."):],
	} {
		t.Run(name, func(t *testing.T) {
			want(t, d.postAs(mid, plugout.MediaTypeJOSE, body), http.StatusBadRequest, "MALFORMED_ANSWER")
		})
	}
	want(t, d.postAs(mid, plugout.MediaTypeJSON, `{"v":1,`), http.StatusBadRequest, "MALFORMED_ANSWER")
	w.wantOutcome(sent.CommandID, "IN_PROGRESS", "")

	got := d.postAs(mid, plugout.MediaTypeJOSE+"; charset=utf-8", signed+"\n")
	if got.status != http.StatusAccepted || len(got.body) > 0 {
		t.Errorf("good: %d %s", got.status, got.body)
	}
	want(t, d.post(mid, good), http.StatusConflict, "ALREADY_ANSWERED")
	w.wantOutcome(sent.CommandID, "COMPLETED", "OK")

	late := w.accepted("ping", ping(header(600, 60, d.box)))
	answer := d.payload(d.fetch(late.message()), plugout.StatusOK, `{}`)
	w.Later(60 * time.Second)
	want(t, d.post(late.message(), answer), http.StatusGone, "TIMED_OUT")
	w.wantOutcome(late.CommandID, "TIMEOUT", "TIMEOUT")
}

// An answer that can be read and is not right ends the command.
func TestInvalidAnswers(t *testing.T) {
	tests := []struct {
		name      string
		spoil     func(w *world, d *desk, answer object)
		signature string
		says      string
	}{
		{"other nonce", func(_ *world, _ *desk, a object) { a["nonce"] = "other" }, "VALID", "nonce"},
		{"other message", func(_ *world, _ *desk, a object) { a["mid"] = unknown }, "VALID", "message"},
		{"other version", func(_ *world, _ *desk, a object) { a["v"] = 2 }, "VALID", "version"},
		{"dated too early", func(w *world, _ *desk, a object) { a["iat"] = w.Now().Unix() - 301 }, "VALID", "dated"},
		{"dated too late", func(w *world, _ *desk, a object) { a["iat"] = w.Now().Unix() + 301 }, "VALID", "dated"},
		{"a status of ours", func(_ *world, _ *desk, a object) { a["status"] = "TIMEOUT"; delete(a, "response") }, "VALID", "TIMEOUT"},
		{"response is no object", func(_ *world, _ *desk, a object) { a["response"] = []int{} }, "VALID", "object"},
		{"another installation", func(w *world, d *desk, _ object) { d.key = newSigner(w.t, "") }, "INVALID", "key"},
		{"another installation under its name", func(w *world, d *desk, _ object) { d.key = newSigner(w.t, w.key.Public().KeyID) }, "INVALID", "signature"},
		{"dated just early enough", func(w *world, _ *desk, a object) { a["iat"] = w.Now().Unix() - 300 }, "VALID", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, settings{})
			_, d := w.started(600)
			w.callbacks()
			sent := w.accepted("ping", ping(header(600, 60, d.box)))
			answer := d.payload(d.fetch(sent.message()), plugout.StatusOK, `{}`)
			tt.spoil(w, d, answer)
			if r := d.post(sent.message(), answer); r.status != http.StatusAccepted {
				t.Errorf("%d %s", r.status, r.body)
			}
			got := w.callbacks()
			var doc struct {
				Signature struct{ State string }
				Error     struct{ Code, Message string }
				Response  json.RawMessage `json:"pingResponse"`
			}
			got[0].into(t, &doc)
			if doc.Signature.State != tt.signature {
				t.Errorf("signature: %s", got[0].body)
			}
			if tt.says == "" {
				w.wantCallbacks(got, "ping COMPLETED OK")
				return
			}
			w.wantCallbacks(got, "ping FAILED INVALID_RESPONSE")
			if doc.Response != nil || doc.Error.Code != "INVALID_RESPONSE" || !strings.Contains(doc.Error.Message, tt.says) {
				t.Errorf("callback: %s", got[0].body)
			}
		})
	}
}

// Unsigned answers are for tests: where the client has keys they end the command as
// invalid, unless it is configured to accept them.
func TestJSONAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		client    func(*relay.Client)
		outcome   string
		signature string
	}{
		"keys":                   {func(*relay.Client) {}, "ping FAILED INVALID_RESPONSE", "NONE"},
		"no keys":                {func(c *relay.Client) { c.KeySet = nil }, "ping COMPLETED OK", "NONE"},
		"keys, accepts unsigned": {func(c *relay.Client) { c.AcceptUnsigned = true }, "ping COMPLETED OK", "NONE"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settings{idm: tt.client})
			sent := w.accepted("ping", ping(header(600, 60)))
			d := w.open(sent)
			answer := d.payload(d.fetch(sent.message()), plugout.StatusOK, `{}`)
			if r := d.postAs(sent.message(), "application/json; charset=utf-8", answer); r.status != http.StatusAccepted {
				t.Errorf("%d %s", r.status, r.body)
			}
			got := w.callbacks()
			w.wantCallbacks(got, tt.outcome)
			if s, _ := got[0].member("signature").(object); s["state"] != tt.signature || got[0].member("jws") != nil {
				t.Errorf("callback: %s", got[0].body)
			}
		})
	}
}

// Without a key set signatures are unchecked, and no credential is created.
func TestWithoutKeySet(t *testing.T) {
	w := newWorld(t, settings{idm: func(c *relay.Client) { c.KeySet = nil }})
	_, d := w.started(600)
	want(t, w.command("fidocreatecredential", create(header(600, 240, d.box))), http.StatusBadRequest, "INVALID_COMMAND")
	got := w.callbacks()
	if s, _ := got[0].member("signature").(object); s["state"] != "UNCHECKED" {
		t.Errorf("callback: %s", got[0].body)
	}
}

// The app closes: DELETE B/session.
func TestDeviceCloses(t *testing.T) {
	w := newWorld(t, settings{})
	_, d := w.started(600)
	w.accepted("fidocreatecredential", create(header(600, 240, d.box)))
	w.callbacks()
	gone := d.do("DELETE", "/session")
	if gone.status != http.StatusNoContent || len(gone.body) > 0 || gone.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", gone.status, gone.body)
	}
	w.wantCallbacks(w.callbacks(), "fidocreatecredential CANCELLED SESSION_ENDED")
	want(t, d.do("DELETE", "/session"), http.StatusGone, "SESSION_GONE")
	want(t, w.command("ping", ping(header(60, 60, d.box))), http.StatusConflict, "SESSION_ENDED")
}

// With match codes the create command is shown once the person has compared them.
func TestMatchCode(t *testing.T) {
	w := newWorld(t, settings{idm: func(c *relay.Client) { c.MatchCode = true }})
	r := w.startSession(600)
	d := w.open(r)
	if d.opened.member("matchCode") != true {
		t.Errorf("redeemed: %s", d.opened.body)
	}
	d.answer(r.message(), plugout.StatusOK, sessionStarted)
	started := w.callbacks()
	if code := started[0].member("matchCode"); code != plugout.MatchCode(d.box, d.session) {
		t.Errorf("the form shows %v", code)
	}
	desk, _ := started[0].member("client").(object)
	if desk["version"] != "2.4.0" || desk["os"] != "windows" || desk["address"] != "127.0.0.1" {
		t.Errorf("the form says of the desk %v", desk)
	}
	sent := w.accepted("fidocreatecredential", create(header(600, 240, d.box)))
	probe := w.accepted("ping", ping(header(600, 240, d.box)))
	if ids := d.list(); len(ids) != 1 || ids[0] != probe.message() {
		t.Errorf("before: %q", ids)
	}
	want(t, d.do("GET", "/"+sent.message()), http.StatusNotFound, "NO_SUCH_MESSAGE")
	d.answer(probe.message(), plugout.StatusOK, `{}`)
	drain(w.hub.waiting)
	listed := make(chan reply)
	go func() {
		got, _ := w.trySend(t.Context(), call{path: "/ms/" + d.box + "?wait=30", header: d.header()})
		listed <- got
	}()
	<-w.hub.waiting
	for range 2 { // said again it changes nothing
		if got := d.do("POST", "/session/confirm"); got.status != http.StatusNoContent || len(got.body) > 0 {
			t.Errorf("confirm: %d %s", got.status, got.body)
		}
	}
	if got := <-listed; got.status != http.StatusOK || !strings.Contains(string(got.body), sent.message()) {
		t.Errorf("the poll was not woken: %d %s", got.status, got.body)
	}
	d.answer(sent.message(), plugout.StatusOK, `{"credential":{"id":"AAKNLD"}}`)
	w.wantOutcome(sent.CommandID, "COMPLETED", "OK")
	var confirmed bool
	for _, e := range w.events(0) {
		confirmed = confirmed || e.Action == "relay.match_confirmed"
	}
	if !confirmed {
		t.Error("no event of the confirmation")
	}
}

// A code that nobody confirms counts as a prompt that was declined. Outside of a
// session there is nowhere to show one.
func TestMatchCodeNotConfirmed(t *testing.T) {
	w := newWorld(t, settings{idm: func(c *relay.Client) { c.MatchCode = true }})
	_, d := w.started(600)
	sent := w.accepted("fidocreatecredential", create(header(600, 60, d.box)))
	w.Later(60 * time.Second)
	w.wantOutcome(sent.CommandID, "FAILED", "USER_CANCELLED")
	want(t, w.command("fidocreatecredential", create(header(600, 60))), http.StatusBadRequest, "INVALID_HEADER")
}

// Neither links nor sessions are logged, at any level.
func TestSecretsAreNotLogged(t *testing.T) {
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w := newWorld(t, settings{log: log, relay: func(c *relay.Config) { c.Log = log }})
	r, d := w.started(600)
	_, token := link(t, r)
	w.redeem(d.box, unknown)
	w.redeem(d.box, token)
	d.do("GET", "")
	w.callbacks()
	w.server.Close()
	for name, secret := range map[string]string{"token": token, "session": d.session, "password": "pass:word", "box": d.box} {
		if strings.Contains(logged.String(), secret) {
			t.Errorf("the %s is in the log", name)
		}
	}
	if logged.Len() == 0 {
		t.Error("nothing is logged at all")
	}
}

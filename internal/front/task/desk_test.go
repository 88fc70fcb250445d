package task_test

import (
	"encoding/json"
	"testing"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/strictjson"
	"bestow.dev/test/forge"
	"bestow.dev/webauthn"
)

func registration(t testing.TB, answer json.RawMessage) *webauthn.RegistrationResponse {
	t.Helper()
	r, err := webauthn.ParseRegistrationResponse(answer)
	check(t, err)
	return r
}

// withHandle adds to an assertion the user handle that a discoverable credential brings.
func withHandle(t testing.TB, answer json.RawMessage, handle []byte) json.RawMessage {
	t.Helper()
	var c map[string]any
	check(t, json.Unmarshal(answer, &c))
	c["response"].(map[string]any)["userHandle"] = strictjson.EncodeBase64URL(handle)
	text, err := json.Marshal(c)
	check(t, err)
	return text
}

// desk is an agent that has opened a link.
type desk struct {
	w  *world
	at relay.Desktop
}

// follow opens a link, and answers the session start.
func (w *world) follow(link string) *desk {
	w.t.Helper()
	l, err := plugout.ParseLink(link)
	check(w.t, err)
	s, err := w.relay.OpenSession(w.t.Context(), relay.Redemption{
		Box: l.BoxID(), Token: l.Token, Address: "192.0.2.7", Client: plugout.Client{App: "desktop-app", Version: "2.4.0", OS: "linux"},
	})
	check(w.t, err)
	d := &desk{w, relay.Desktop{Box: l.BoxID(), Session: s.Session}}
	d.answer(d.next(), plugout.StatusOK, `{"app":"desktop-app","version":"2.4.0","os":"linux","capabilities":["fido2"]}`)
	return d
}

// agree says that the match code is the same.
func (d *desk) agree() {
	d.w.t.Helper()
	check(d.w.t, d.w.relay.ConfirmMatch(d.w.t.Context(), d.at))
}

// next fetches the one open message.
func (d *desk) next() *plugout.CommandMessage {
	d.w.t.Helper()
	items, err := d.w.relay.Messages(d.w.t.Context(), d.at, 0)
	check(d.w.t, err)
	if len(items) != 1 {
		d.w.t.Fatalf("%d open messages, want 1", len(items))
	}
	m, err := d.w.relay.Fetch(d.w.t.Context(), d.at, items[0].MessageID)
	check(d.w.t, err)
	return m
}

func (d *desk) answer(m *plugout.CommandMessage, status plugout.Status, response string) {
	d.w.t.Helper()
	p := plugout.Answer{Version: plugout.Version, MessageID: m.MessageID, Nonce: m.Nonce, IssuedAt: d.w.Now().Unix(), Status: status}
	if status == plugout.StatusOK {
		p.Response = json.RawMessage(response)
	} else {
		p.Error = &plugout.AnswerError{Message: "the device says no", CTAP: "0x32"}
	}
	text, err := json.Marshal(p)
	check(d.w.t, err)
	jws, err := d.w.signer.Sign(text)
	check(d.w.t, err)
	check(d.w.t, d.w.relay.Answer(d.w.t.Context(), d.at, m.MessageID, relay.Answer{MediaType: plugout.MediaTypeJOSE, Body: jws}))
}

// create answers the create command that waits, with a credential of a new key.
func (d *desk) create() {
	d.w.t.Helper()
	m := d.next()
	var c plugout.CreateCredentialCommand
	check(d.w.t, plugout.DecodeCommand(m.Command, &c))
	options, err := c.Options()
	check(d.w.t, err)
	key, err := forge.New()
	check(d.w.t, err)
	answer, err := key.Register(options, origin)
	check(d.w.t, err)
	d.answer(m, plugout.StatusOK, `{"credential":`+string(answer)+`}`)
}

func assertion(t testing.TB, answer json.RawMessage) *webauthn.AuthenticationResponse {
	t.Helper()
	r, err := webauthn.ParseAuthenticationResponse(answer)
	check(t, err)
	return r
}

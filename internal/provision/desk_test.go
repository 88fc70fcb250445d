package provision_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

const pin = "2468"

// desk is an agent with a security key whose PIN is set.
type desk struct {
	w    *world
	key  *softkey.Key
	at   relay.Desktop
	sign *plugout.Signer

	origin string // that client data named last
}

func (w *world) desk() *desk {
	w.t.Helper()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: time.Now, Attestation: softkey.AttestSelf})
	check(w.t, err)
	client, err := ctap.NewClient(w.t.Context(), key)
	check(w.t, err)
	check(w.t, client.SetPIN(w.t.Context(), []byte(pin)))
	return &desk{w: w, key: key, sign: w.signer}
}

// open follows a link, and answers the session start.
func (d *desk) open(link string) {
	d.w.t.Helper()
	check(d.w.t, d.tryOpen(link))
}

func (d *desk) tryOpen(link string) error {
	d.w.t.Helper()
	l, err := plugout.ParseLink(link)
	check(d.w.t, err)
	s, err := d.w.relay.OpenSession(d.w.t.Context(), relay.Redemption{
		Box: l.BoxID(), Token: l.Token, Address: "192.0.2.7", Client: plugout.Client{App: "desktop-app", Version: "2.4.0", OS: "linux"},
	})
	if err != nil {
		return err
	}
	d.at = relay.Desktop{Box: l.BoxID(), Session: s.Session}
	d.answer(d.next(), plugout.StatusOK, `{"app":"desktop-app","version":"2.4.0","os":"linux","capabilities":["fido2"]}`)
	// Where there is a match code the person says that it is the same.
	if err := d.w.relay.ConfirmMatch(d.w.t.Context(), d.at); err != nil {
		d.w.t.Logf("no match code: %v", err)
	}
	return nil
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

// payload is a good answer to m.
func (d *desk) payload(m *plugout.CommandMessage, status plugout.Status, response string) plugout.Answer {
	p := plugout.Answer{Version: plugout.Version, MessageID: m.MessageID, Nonce: m.Nonce, IssuedAt: d.w.clock().Unix(), Status: status}
	if status == plugout.StatusOK {
		p.Response = json.RawMessage(response)
	} else {
		p.Error = &plugout.AnswerError{Message: "the device says no", CTAP: "0x32"}
	}
	return p
}

func (d *desk) answer(m *plugout.CommandMessage, status plugout.Status, response string) {
	d.w.t.Helper()
	d.post(m, d.payload(m, status, response))
}

func (d *desk) post(m *plugout.CommandMessage, p plugout.Answer) {
	d.w.t.Helper()
	check(d.w.t, d.w.relay.Answer(d.w.t.Context(), d.at, m.MessageID, relay.Answer{MediaType: plugout.MediaTypeJOSE, Body: signed(d.w.t, d.sign, p)}))
}

func signed(t testing.TB, key *plugout.Signer, p plugout.Answer) []byte {
	t.Helper()
	text, err := json.Marshal(p)
	check(t, err)
	jws, err := key.Sign(text)
	check(t, err)
	return jws
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// create answers the create command that waits, with a credential made on the key.
func (d *desk) create() {
	d.w.t.Helper()
	m := d.next()
	d.answer(m, plugout.StatusOK, `{"credential":`+d.credential(m.Command)+`}`)
}

// credential makes what a create command asks for.
func (d *desk) credential(command json.RawMessage) string {
	d.w.t.Helper()
	return d.credentialAt(command, "")
}

// credentialAt makes it at an origin; empty: at the one that the command names.
func (d *desk) credentialAt(command json.RawMessage, origin string) string {
	d.w.t.Helper()
	var c plugout.CreateCredentialCommand
	check(d.w.t, plugout.DecodeCommand(command, &c))
	raw, err := c.Options()
	check(d.w.t, err)
	d.origin = c.Origin
	if origin == "" {
		origin = c.Origin
	}
	return d.made(raw, origin)
}

func (d *desk) made(options json.RawMessage, origin string) string {
	d.w.t.Helper()
	var o struct {
		RP        struct{ ID, Name string }
		User      struct{ ID, Name, DisplayName string }
		Challenge string
	}
	check(d.w.t, json.Unmarshal(options, &o))
	if origin == "" {
		origin = "https://" + o.RP.ID
	}
	clientData, err := json.Marshal(map[string]any{"type": "webauthn.create", "challenge": o.Challenge, "origin": origin, "crossOrigin": false})
	check(d.w.t, err)
	client, err := ctap.NewClient(d.w.t.Context(), d.key)
	check(d.w.t, err)
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	check(d.w.t, err)
	hash := sha256.Sum256(clientData)
	made, err := client.MakeCredential(d.w.t.Context(), ctap.CredentialParams{
		ClientDataHash: hash[:], RP: ctap.RP{ID: o.RP.ID, Name: o.RP.Name},
		User:       ctap.User{ID: handle, Name: o.User.Name, DisplayName: o.User.DisplayName},
		Algorithms: []int64{-7}, ResidentKey: ctap.Required, UserVerification: ctap.Required, Attestation: ctap.Direct,
	}, ctap.Prompt{PIN: ctap.PINOnce([]byte(pin))})
	check(d.w.t, err)
	text, err := json.Marshal(map[string]any{
		"id": b64(made.ID), "rawId": b64(made.ID), "type": "public-key", "authenticatorAttachment": "cross-platform",
		"clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": b64(clientData), "attestationObject": b64(made.AttestationObject), "transports": []string{"usb"},
		},
	})
	check(d.w.t, err)
	return string(text)
}

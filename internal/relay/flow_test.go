package relay_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

// options are creation options as the identity manager posts them.
const options = `{"rp":{"id":"login.example.com","name":"Example"},
	"user":{"id":"5dnd1-932tLQczAk4qHuhw","name":"alice@example.com","displayName":"Alice"},
	"challenge":"3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo",
	"pubKeyCredParams":[{"type":"public-key","alg":-7}]}`

// createObject asks for a credential.
const createObject = `{"nonce":"kX0b2oQyq1m0m1xJ5rV0Zw","creationOptions":{"publicKey":` + options + `}}`

func TestWholeFlow(t *testing.T) {
	w := newWorld(t)
	start := w.startSession(600, 10)
	d := start.Destinations[0]
	if start.State != relay.InProgress || start.FQDN != "msg.example.com" || d.To != "@tmp" ||
		d.Location != "https://msg.example.com:20400/hermod/rest/ms/"+d.Box+"/"+d.Message {
		t.Errorf("receipt: %+v", start)
	}
	create := w.send(plugout.FIDOCreateCredential, header(600, 120, d.Box), createObject)
	if create.Destinations[0].URI != "" {
		t.Error("the link is shown for a box that is there already")
	}

	a := w.open(start)
	if len(a.response.Messages) != 1 || a.response.Messages[0].Type != plugout.SessionStart {
		t.Fatalf("waiting at the start: %+v", a.response.Messages)
	}
	if _, err := w.Fetch(t.Context(), a.Desktop, create.Destinations[0].Message); err == nil {
		t.Error("a command was fetched before the session was started")
	}
	check(t, a.answer(d.Message, plugout.StatusOK, startResponse))
	if got := a.list(); !slices.Equal(got, []string{create.Destinations[0].Message}) {
		t.Fatalf("waiting after the start: %q", got)
	}
	m := a.fetch(create.Destinations[0].Message)
	if m.Nonce != "kX0b2oQyq1m0m1xJ5rV0Zw" || m.Requester != "idm" || string(m.Command) != createObject ||
		!m.Issued.Equal(noon) || !m.Expires.Equal(noon.Add(120*time.Second)) {
		t.Errorf("message: %+v", m)
	}
	check(t, a.answer(m.MessageID, plugout.StatusOK, credential))

	got := w.callbacks()
	w.wantCallbacks(got, "sessionstart COMPLETED OK", "fidocreatecredential COMPLETED OK")
	var body struct {
		Started json.RawMessage `json:"sessionStartResponse"`
		Made    json.RawMessage `json:"fidoCreateCredentialResponse"`
	}
	check(t, json.Unmarshal([]byte(got[0].body), &body))
	check(t, json.Unmarshal([]byte(got[1].body), &body))
	if string(body.Started) != startResponse || string(body.Made) != credential {
		t.Errorf("responses: %s, %s", body.Started, body.Made)
	}
	doc := got[1].doc
	if doc.CommandID != create.ID.String() || doc.Signature.State != "VALID" || doc.Signature.Kid != w.key.Public().KeyID ||
		doc.Destination.Mid != m.MessageID || strings.Count(doc.JWS, ".") != 2 || doc.Error != nil {
		t.Errorf("callback: %s", got[1].body)
	}
	if c := got[0].doc.Client; c == nil || c.Address != address || c.Version != "2.4.0" {
		t.Errorf("session start says of the desk: %s", got[0].body)
	}
	w.wantOutcome(create.ID, relay.Completed, plugout.StatusOK)

	check(t, w.CloseSession(t.Context(), a.Desktop))
	_, err := w.Messages(t.Context(), a.Desktop, 0)
	wantError(t, err, relay.ErrSessionGone)
	if len(w.callbacks()) != 0 {
		t.Error("a second callback")
	}
	want := []string{
		"command_accepted ok", "command_accepted ok", "session_opened ok", "command_ended ok", "command_ended ok",
		"callback_delivered ok", "callback_delivered ok", "session_closed ok",
	}
	if got := w.actions(); !slices.Equal(got, want) {
		t.Errorf("audit: got %q, want %q", got, want)
	}
}

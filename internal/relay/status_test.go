package relay_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

// asked is a session with one create command in it that the agent has fetched.
func (w *world) asked() (create *relay.Receipt, a *agent, m *plugout.CommandMessage) {
	w.t.Helper()
	start, a := w.started(600)
	create = w.send(plugout.FIDOCreateCredential, header(600, 120, start.Destinations[0].Box), createObject)
	w.callbacks()
	return create, a, a.fetch(create.Destinations[0].Message)
}

func TestDeviceStatuses(t *testing.T) {
	for _, status := range []plugout.Status{
		plugout.StatusUserCancelled, plugout.StatusUnsupported, plugout.StatusNoAuthenticator,
		plugout.StatusCredentialExcluded, plugout.StatusPINNotSet, plugout.StatusPINInvalid, plugout.StatusPINBlocked,
		plugout.StatusUVFailed, plugout.StatusKeyStoreFull, plugout.StatusDeviceError,
	} {
		t.Run(string(status), func(t *testing.T) {
			w := newWorld(t)
			create, a, m := w.asked()
			check(t, a.post(m.MessageID, a.payload(m, status, "")))
			w.wantOutcome(create.ID, relay.Failed, status)
			got := w.callbacks()
			w.wantCallbacks(got, "fidocreatecredential FAILED "+string(status))
			e := got[0].doc.Error
			if e == nil || e.Code != string(status) || e.Message != "the device says no" || e.Detail != "0x32" {
				t.Errorf("error: %+v", e)
			}
			if strings.Contains(got[0].body, "fidoCreateCredentialResponse") {
				t.Error("a failure has a response")
			}
			if s := got[0].doc.Signature; s == nil || s.State != "VALID" {
				t.Errorf("signature: %+v", s)
			}
		})
	}
}

// TestInvalidResponses starts from a good answer and spoils one thing.
func TestInvalidResponses(t *testing.T) {
	stranger := newKey(t)
	tests := []struct {
		name      string
		spoil     func(a *agent, p *plugout.Answer)
		signature string
	}{
		{"other nonce", func(_ *agent, p *plugout.Answer) { p.Nonce = "another" }, "VALID"},
		{"other message", func(_ *agent, p *plugout.Answer) { p.MessageID = "e2b8f7a4-77c1-4a35-b9a6-5d0c1f3e8a20" }, "VALID"},
		{"dated too early", func(_ *agent, p *plugout.Answer) { p.IssuedAt -= 301 }, "VALID"},
		{"dated too late", func(_ *agent, p *plugout.Answer) { p.IssuedAt += 301 }, "VALID"},
		{"other version", func(_ *agent, p *plugout.Answer) { p.Version = 2 }, "VALID"},
		{"a status of the relay", func(_ *agent, p *plugout.Answer) { p.Status, p.Response = plugout.StatusTimeout, nil }, "VALID"},
		{"no status there is", func(_ *agent, p *plugout.Answer) { p.Status, p.Response = "FINE", nil }, "VALID"},
		{"no credential", func(_ *agent, p *plugout.Answer) { p.Response = json.RawMessage(`{}`) }, "VALID"},
		{"credential is text", func(_ *agent, p *plugout.Answer) { p.Response = json.RawMessage(`{"credential":"x"}`) }, "VALID"},
		{"no response", func(_ *agent, p *plugout.Answer) { p.Response = nil }, "VALID"},
		{"unknown key", func(a *agent, _ *plugout.Answer) { a.key = stranger }, "INVALID"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			create, a, m := w.asked()
			p := a.payload(m, plugout.StatusOK, credential)
			c.spoil(a, &p)
			check(t, a.post(m.MessageID, p))
			w.wantOutcome(create.ID, relay.Failed, plugout.StatusInvalidResponse)
			got := w.callbacks()
			w.wantCallbacks(got, "fidocreatecredential FAILED INVALID_RESPONSE")
			if s := got[0].doc.Signature; s == nil || s.State != c.signature {
				t.Errorf("signature: %+v, want %s", s, c.signature)
			}
			if strings.Contains(got[0].body, "fidoCreateCredentialResponse") {
				t.Error("data was taken from an invalid answer")
			}
			// Spent is spent.
			a.key = w.key
			wantError(t, a.post(m.MessageID, a.payload(m, plugout.StatusOK, credential)), relay.ErrMessageAnswered)
		})
	}
}

func TestUnreadableAnswersSpendNothing(t *testing.T) {
	w := newWorld(t)
	create, a, m := w.asked()
	good := string(a.sign(a.payload(m, plugout.StatusOK, credential)))
	tests := []struct {
		name, media, body string
		want              error
	}{
		{"nothing", plugout.MediaTypeJOSE, "", relay.ErrAnswerMalformed},
		{"two parts", plugout.MediaTypeJOSE, good[:strings.LastIndex(good, ".")], relay.ErrAnswerMalformed},
		{"not base64url", plugout.MediaTypeJOSE, good + "=", relay.ErrAnswerMalformed},
		{"payload is not an answer", plugout.MediaTypeJOSE, func() string {
			jws, err := a.key.Sign([]byte(`{"v":1}`))
			check(t, err)
			return string(jws)
		}(), relay.ErrAnswerMalformed},
		{"JSON that is none", plugout.MediaTypeJSON, "{", relay.ErrAnswerMalformed},
		{"another media type", "text/plain", good, relay.ErrAnswerMalformed},
		{"no media type", "", good, relay.ErrAnswerMalformed},
		{"too large", plugout.MediaTypeJOSE, strings.Repeat("a", plugout.MaxAnswerBytes+1), relay.ErrTooLarge},
	}
	for _, c := range tests {
		err := w.Answer(t.Context(), a.Desktop, m.MessageID, relay.Answer{MediaType: c.media, Body: []byte(c.body)})
		wantError(t, err, c.want)
		if r := w.poll(create.ID); r.State != relay.InProgress {
			t.Fatalf("%s: the command is %s", c.name, r.State)
		}
	}
	check(t, w.Answer(t.Context(), a.Desktop, m.MessageID, relay.Answer{MediaType: "application/jose; charset=utf-8", Body: []byte(good + "\n")}))
	w.wantOutcome(create.ID, relay.Completed, plugout.StatusOK)
}

func TestStatusesOfTheRelay(t *testing.T) {
	tests := []struct {
		name  string
		do    func(w *world, start, create *relay.Receipt)
		start string // outcome of the session start; empty: it goes on
		want  string // outcome of the create command
		late  error  // what the agent is told afterwards
	}{
		{"timeout", func(w *world, _, _ *relay.Receipt) {
			w.clock.move(120 * time.Second)
			w.expire()
		}, "", "TIMEOUT TIMEOUT", relay.ErrMessageTimedOut},
		{"cancelled", func(w *world, _, create *relay.Receipt) {
			check(w.t, w.Cancel(w.t.Context(), w.by(), w.idm, create.ID))
		}, "", "CANCELLED CANCELLED_BY_REQUESTER", relay.ErrMessageWithdrawn},
		{"session ended by the client", func(w *world, start, _ *relay.Receipt) {
			w.send(plugout.SessionEnd, header(60, 60, start.Destinations[0].Box), `{}`)
		}, "", "CANCELLED SESSION_ENDED", relay.ErrSessionGone},
		{"session's lifespan over", func(w *world, _, _ *relay.Receipt) {
			w.clock.move(100 * time.Second)
			w.expire()
		}, "", "CANCELLED SESSION_ENDED", relay.ErrSessionGone},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			life := int64(600)
			if c.name == "session's lifespan over" {
				life = 100
			}
			start, a := w.started(life)
			create := w.send(plugout.FIDOCreateCredential, header(600, 120, start.Destinations[0].Box), createObject)
			m := a.fetch(create.Destinations[0].Message)
			w.callbacks()
			c.do(w, start, create)
			r := w.poll(create.ID)
			if got := string(r.Outcome.State) + " " + string(r.Outcome.Status); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if e := r.Outcome.Error; e == nil || e.Code != string(r.Outcome.Status) || e.Message == "" {
				t.Errorf("error: %+v", e)
			}
			wantError(t, a.post(m.MessageID, a.payload(m, plugout.StatusOK, credential)), c.late)
			var mine []call
			for _, got := range w.callbacks() {
				if got.doc.CommandID == create.ID.String() {
					mine = append(mine, got)
				}
			}
			w.wantCallbacks(mine, "fidocreatecredential "+c.want)
			if d := mine[0].doc.Destination; d == nil || d.Mid != m.MessageID || d.Bid != a.Box {
				t.Errorf("destination: %+v", d)
			}
		})
	}
}

func TestTimeoutSaysHowLong(t *testing.T) {
	w := newWorld(t)
	create, _, _ := w.asked()
	w.clock.move(2 * time.Minute)
	w.expire()
	got := w.callbacks()
	if len(got) != 1 || got[0].doc.Error.Message != "no answer within 120 s" {
		t.Errorf("callbacks of %s: %+v", create.ID, got)
	}
}

// What ends a session that has not started takes along everything queued in it.
func TestSessionNotStarted(t *testing.T) {
	tests := []struct {
		name   string
		do     func(w *world, start *relay.Receipt)
		start  string
		queued string
	}{
		{"nobody opens the link", func(w *world, _ *relay.Receipt) {
			w.clock.move(10 * time.Second)
			w.expire()
		}, "TIMEOUT SESSION_NOT_STARTED", "CANCELLED SESSION_NOT_STARTED"},
		{"opened and never answered", func(w *world, start *relay.Receipt) {
			w.open(start)
			w.clock.move(10 * time.Second)
			w.expire()
		}, "TIMEOUT SESSION_NOT_STARTED", "CANCELLED SESSION_NOT_STARTED"},
		{"the person declines", func(w *world, start *relay.Receipt) {
			check(w.t, w.open(start).answer(start.Destinations[0].Message, plugout.StatusUserCancelled, ""))
		}, "FAILED USER_CANCELLED", "CANCELLED SESSION_NOT_STARTED"},
		{"an invalid answer", func(w *world, start *relay.Receipt) {
			a := w.open(start)
			a.key = newKey(w.t)
			check(w.t, a.answer(start.Destinations[0].Message, plugout.StatusOK, startResponse))
		}, "FAILED INVALID_RESPONSE", "CANCELLED SESSION_NOT_STARTED"},
		{"the client cancels the start", func(w *world, start *relay.Receipt) {
			check(w.t, w.Cancel(w.t.Context(), w.by(), w.idm, start.ID))
		}, "CANCELLED CANCELLED_BY_REQUESTER", "CANCELLED SESSION_NOT_STARTED"},
		{"the client ends the session", func(w *world, start *relay.Receipt) {
			w.send(plugout.SessionEnd, header(60, 60, start.Destinations[0].Box), `{}`)
		}, "CANCELLED SESSION_ENDED", "CANCELLED SESSION_ENDED"},
		{"the agent closes", func(w *world, start *relay.Receipt) {
			check(w.t, w.CloseSession(w.t.Context(), w.open(start).Desktop))
		}, "CANCELLED SESSION_ENDED", "CANCELLED SESSION_ENDED"},
		{"the link is used twice", func(w *world, start *relay.Receipt) {
			w.open(start)
			_, err := w.OpenSession(w.t.Context(), redemption(start))
			wantError(w.t, err, relay.ErrSessionGone)
		}, "CANCELLED SESSION_ENDED", "CANCELLED SESSION_ENDED"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			start := w.startSession(600, 10)
			box := start.Destinations[0].Box
			w.send(plugout.FIDOCreateCredential, header(600, 240, box), createObject)
			w.send(plugout.Ping, header(600, 240, box), `{}`)
			c.do(w, start)
			var others []call
			for _, got := range w.callbacks() {
				if got.name != "sessionend" {
					others = append(others, got)
				}
			}
			// Behind the session's, callbacks are under way at once.
			if len(others) == 3 && others[1].name == "ping" {
				others[1], others[2] = others[2], others[1]
			}
			w.wantCallbacks(others, "sessionstart "+c.start, "fidocreatecredential "+c.queued, "ping "+c.queued)
			_, err := w.OpenSession(t.Context(), redemption(start))
			wantError(t, err, relay.ErrSessionGone)
			wantError(t, w.trySend(plugout.Ping, header(60, 60, box), `{}`), relay.ErrSessionEnded)
		})
	}
}

func TestSignatureStates(t *testing.T) {
	noKeys := func(c *relay.Client, _ *relay.Config) { c.KeySet = nil }
	unsigned := func(c *relay.Client, _ *relay.Config) { c.AcceptUnsigned = true }
	asJSON := func(a *agent, p plugout.Answer) relay.Answer {
		body, err := json.Marshal(p)
		check(a.w.t, err)
		return relay.Answer{MediaType: plugout.MediaTypeJSON, Body: body}
	}
	asJWS := func(a *agent, p plugout.Answer) relay.Answer {
		return relay.Answer{MediaType: plugout.MediaTypeJOSE, Body: a.sign(p)}
	}
	tests := []struct {
		name     string
		variants []variant
		form     func(*agent, plugout.Answer) relay.Answer
		want     string
		status   plugout.Status
	}{
		{"signed, key set", nil, asJWS, "VALID", plugout.StatusOK},
		{"signed, no key set", []variant{noKeys}, asJWS, "UNCHECKED", plugout.StatusOK},
		{"unsigned, key set", nil, asJSON, "NONE", plugout.StatusInvalidResponse},
		{"unsigned, no key set", []variant{noKeys}, asJSON, "NONE", plugout.StatusOK},
		{"unsigned, key set, accepted", []variant{unsigned}, asJSON, "NONE", plugout.StatusOK},
		{"signed, key set, unsigned accepted", []variant{unsigned}, asJWS, "VALID", plugout.StatusOK},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.variants...)
			ping := w.send(plugout.Ping, header(60, 60), `{"deviceinfo":"true"}`)
			a := w.open(ping)
			m := a.fetch(ping.Destinations[0].Message)
			check(t, w.Answer(t.Context(), a.Desktop, m.MessageID, c.form(a, a.payload(m, plugout.StatusOK, `{}`))))
			o := w.poll(ping.ID).Outcome
			if o.Status != c.status || string(o.Signature.State) != c.want {
				t.Errorf("got %s %s, want %s %s", o.Status, o.Signature.State, c.status, c.want)
			}
		})
	}
}

func TestOneKeySignsTheSession(t *testing.T) {
	other := newKey(t)
	both := func(c *relay.Client, _ *relay.Config) {
		set, err := plugout.NewKeySet(append(c.KeySet.Keys(), other.Public())...)
		check(t, err)
		c.KeySet = set
	}
	w := newWorld(t, both)
	create, a, m := w.asked()
	a.key = other // trusted too, but it did not open the session
	check(t, a.post(m.MessageID, a.payload(m, plugout.StatusOK, credential)))
	w.wantOutcome(create.ID, relay.Failed, plugout.StatusInvalidResponse)
	if s := w.poll(create.ID).Outcome.Signature; s.State != relay.SignatureInvalid || s.KeyID != other.Public().KeyID {
		t.Errorf("signature: %+v", s)
	}
}

func TestKeyThatIsTakenAwayIsRefused(t *testing.T) {
	w := newWorld(t)
	create, a, m := w.asked()
	changed := *w.idm
	set, err := plugout.NewKeySet(newKey(t).Public())
	check(t, err)
	changed.KeySet = set
	check(t, w.clients.Replace(&changed))
	check(t, a.post(m.MessageID, a.payload(m, plugout.StatusOK, credential)))
	w.wantOutcome(create.ID, relay.Failed, plugout.StatusInvalidResponse)
}

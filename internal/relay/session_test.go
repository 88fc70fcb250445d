package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

func TestTheLinkWorksOnce(t *testing.T) {
	w := newWorld(t)
	start, a := w.started(600)
	create := w.send(plugout.FIDOCreateCredential, header(600, 120, a.Box), createObject)
	w.callbacks()

	again := redemption(start)
	again.Address = "198.51.100.9"
	_, err := w.OpenSession(t.Context(), again)
	wantError(t, err, relay.ErrSessionGone)
	// Somebody else has the link: the one who came first is out as well.
	_, err = w.Messages(t.Context(), a.Desktop, 0)
	wantError(t, err, relay.ErrSessionGone)
	w.wantOutcome(create.ID, relay.Cancelled, plugout.StatusSessionEnded)
	_, err = w.OpenSession(t.Context(), again)
	wantError(t, err, relay.ErrSessionGone)

	var twice []audit.Event
	for _, e := range w.events() {
		if e.Action == "relay.session_redeemed_twice" {
			twice = append(twice, e)
		}
	}
	if len(twice) != 1 || twice[0].Detail["address"] != address || twice[0].Detail["second_address"] != again.Address {
		t.Errorf("audit: %+v", twice)
	}
}

func TestWrongTokens(t *testing.T) {
	w := newWorld(t)
	start := w.startSession(600, 300)
	right := redemption(start)
	wrong := right
	wrong.Token = "b1a7c0de-51d3-4d0b-8f35-0c2b8a9e7741"
	for range relay.MaxWrongTokens {
		_, err := w.OpenSession(t.Context(), wrong)
		wantError(t, err, relay.ErrRedeemWrong)
	}
	_, err := w.OpenSession(t.Context(), right)
	wantError(t, err, relay.ErrRedeemLimited)

	// Another address is not held up, and the box is still there for it.
	elsewhere := right
	elsewhere.Address = "198.51.100.9"
	_, err = w.OpenSession(t.Context(), elsewhere)
	check(t, err)

	// The count starts anew after its window.
	w.clock.move(relay.WrongTokenWindow)
	other := w.startSession(600, 300)
	_, err = w.OpenSession(t.Context(), redemption(other))
	check(t, err)
}

func TestWrongTokensOfOneIPv6Network(t *testing.T) {
	w := newWorld(t)
	in := redemption(w.startSession(600, 300))
	in.Token = "b1a7c0de-51d3-4d0b-8f35-0c2b8a9e7741"
	for i := range relay.MaxWrongTokens {
		in.Address = fmt.Sprintf("2001:db8:1:2::%x", i)
		_, err := w.OpenSession(t.Context(), in)
		wantError(t, err, relay.ErrRedeemWrong)
	}
	in.Address = "2001:db8:1:2:ffff::1"
	_, err := w.OpenSession(t.Context(), in)
	wantError(t, err, relay.ErrRedeemLimited)
}

func TestTheLinkDiesWithItsTime(t *testing.T) {
	w := newWorld(t)
	start := w.startSession(600, 10)
	in := redemption(start)
	w.clock.move(10*time.Second - time.Millisecond)
	_, err := w.OpenSession(t.Context(), in)
	check(t, err)

	late := w.startSession(600, 10)
	w.clock.move(10 * time.Second)
	// No timer has run: what is stored decides.
	_, err = w.OpenSession(t.Context(), redemption(late))
	wantError(t, err, relay.ErrSessionGone)

	in.Box = "6f0f3a52-2b0e-4c7e-9d0a-3a51f2c7d911"
	_, err = w.OpenSession(t.Context(), in)
	wantError(t, err, relay.ErrSessionGone)
}

func TestOtherSessionsAreKeptOut(t *testing.T) {
	w := newWorld(t)
	start, a := w.started(600)
	other, b := w.started(600)
	ping := w.send(plugout.Ping, header(60, 60, start.Destinations[0].Box), `{}`)
	mid := ping.Destinations[0].Message
	for name, d := range map[string]relay.Desktop{
		"another session": {Box: a.Box, Session: b.Session},
		"no session":      {Box: a.Box},
	} {
		_, err := w.Messages(t.Context(), d, 0)
		wantError(t, err, relay.ErrSessionWrong)
		_, err = w.Fetch(t.Context(), d, mid)
		wantError(t, err, relay.ErrSessionWrong)
		wantError(t, w.Answer(t.Context(), d, mid, relay.Answer{}), relay.ErrSessionWrong)
		wantError(t, w.CloseSession(t.Context(), d), relay.ErrSessionWrong)
		wantError(t, w.ConfirmMatch(t.Context(), d), relay.ErrSessionWrong)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	// The message of one box is not there in another.
	_, err := w.Fetch(t.Context(), b.Desktop, mid)
	wantError(t, err, relay.ErrMessageUnknown)
	_, err = w.Fetch(t.Context(), relay.Desktop{Box: b.Box, Session: a.Session}, other.Destinations[0].Message)
	wantError(t, err, relay.ErrSessionWrong)
	// A box that nobody has opened has no session at all.
	unopened := w.startSession(600, 10).Destinations[0].Box
	_, err = w.Messages(t.Context(), relay.Desktop{Box: unopened}, 0)
	wantError(t, err, relay.ErrSessionWrong)
}

func TestFetching(t *testing.T) {
	w := newWorld(t)
	start, a := w.started(600)
	ping := w.send(plugout.Ping, header(60, 30, start.Destinations[0].Box), `{"deviceinfo":true}`)
	mid := ping.Destinations[0].Message
	first, second := a.fetch(mid), a.fetch(mid)
	if first.Nonce == "" || first.Nonce != second.Nonce || len(first.Nonce) < 22 {
		t.Errorf("nonces: %q, %q", first.Nonce, second.Nonce)
	}
	_, err := w.Fetch(t.Context(), a.Desktop, "0a4d6c1b-9f0e-47d5-8f5c-2a7be0a91c33")
	wantError(t, err, relay.ErrMessageUnknown)
	check(t, a.answer(mid, plugout.StatusOK, `{}`))
	_, err = w.Fetch(t.Context(), a.Desktop, mid)
	wantError(t, err, relay.ErrMessageWithdrawn)
	wantError(t, a.post(mid, a.payload(first, plugout.StatusOK, `{}`)), relay.ErrMessageAnswered)

	late := w.send(plugout.Ping, header(60, 30, start.Destinations[0].Box), `{}`)
	w.clock.move(30 * time.Second)
	_, err = w.Fetch(t.Context(), a.Desktop, late.Destinations[0].Message)
	wantError(t, err, relay.ErrMessageTimedOut)
	if got := a.list(); len(got) != 0 {
		t.Errorf("still listed: %q", got)
	}
}

func TestMatchCode(t *testing.T) {
	w := newWorld(t, func(c *relay.Client, _ *relay.Config) { c.MatchCode = true })
	start, a := w.started(600)
	if !a.response.MatchCode {
		t.Error("the agent is not told that there is a code to compare")
	}
	create := w.send(plugout.FIDOCreateCredential, header(600, 120, a.Box), createObject)
	info := w.send(plugout.FIDOGetInfo, header(600, 120, a.Box), `{}`)
	got := w.callbacks()
	if code := plugout.MatchCode(a.Box, a.Session); len(got) != 1 || got[0].doc.MatchCode != code {
		t.Errorf("match code in the callback: %q, want %q", got[0].doc.MatchCode, code)
	}
	if got := a.list(); !slices.Equal(got, []string{info.Destinations[0].Message}) {
		t.Errorf("before the confirmation: %q", got)
	}
	_, err := w.Fetch(t.Context(), a.Desktop, create.Destinations[0].Message)
	wantError(t, err, relay.ErrMessageUnknown)

	check(t, w.ConfirmMatch(t.Context(), a.Desktop))
	check(t, w.ConfirmMatch(t.Context(), a.Desktop))
	if got := a.list(); !slices.Equal(got, []string{create.Destinations[0].Message, info.Destinations[0].Message}) {
		t.Errorf("after the confirmation: %q", got)
	}
	w.clock.move(120 * time.Second)
	w.expire()
	w.wantOutcome(create.ID, relay.TimedOut, plugout.StatusTimeout) // confirmed, but not answered

	confirmed := 0
	for _, action := range w.actions() {
		if action == "match_confirmed ok" {
			confirmed++
		}
	}
	if confirmed != 1 {
		t.Errorf("%d confirmations in the audit trail", confirmed)
	}
	_ = start
}

func TestMatchCodeNobodyConfirms(t *testing.T) {
	w := newWorld(t, func(c *relay.Client, _ *relay.Config) { c.MatchCode = true })
	_, a := w.started(600)
	create := w.send(plugout.FIDOCreateCredential, header(600, 120, a.Box), createObject)
	w.clock.move(120 * time.Second)
	w.expire()
	w.wantOutcome(create.ID, relay.Failed, plugout.StatusUserCancelled)
}

func TestMatchCodeNeedsASession(t *testing.T) {
	w := newWorld(t, func(c *relay.Client, _ *relay.Config) { c.MatchCode = true })
	wantError(t, w.trySend(plugout.FIDOCreateCredential, header(600, 120), createObject), relay.ErrInvalidHeader)
	ping := w.send(plugout.Ping, header(600, 120), `{}`)
	wantError(t, w.trySend(plugout.FIDOCreateCredential, header(600, 120, ping.Destinations[0].Box), createObject), relay.ErrInvalidHeader)
}

func TestOneShotBox(t *testing.T) {
	w := newWorld(t)
	ping := w.send(plugout.Ping, header(600, 30), `{}`)
	box := ping.Destinations[0].Box
	sign := w.send(plugout.Sign, header(600, 300, box), `{"params":{}}`)
	a := w.open(ping)
	if got := a.list(); len(got) != 2 {
		t.Errorf("a box without a session shows %q", got)
	}
	check(t, a.answer(ping.Destinations[0].Message, plugout.StatusOK, `{}`))
	// Answered, the box lives on until its command's lifespan.
	w.clock.move(60 * time.Second)
	check(t, a.answer(sign.Destinations[0].Message, plugout.StatusOK, `{"format":"jws"}`))
	w.clock.move(540 * time.Second)
	_, err := w.Messages(t.Context(), a.Desktop, 0)
	wantError(t, err, relay.ErrSessionGone)

	// Unanswered, it closes, and what waits in it has nobody to wait for.
	ping = w.send(plugout.Ping, header(600, 30), `{}`)
	sign = w.send(plugout.Sign, header(600, 300, ping.Destinations[0].Box), `{"params":{}}`)
	w.clock.move(30 * time.Second)
	w.expire()
	w.wantOutcome(ping.ID, relay.TimedOut, plugout.StatusTimeout)
	w.wantOutcome(sign.ID, relay.Cancelled, plugout.StatusSessionNotStarted)
	_, err = w.OpenSession(t.Context(), redemption(ping))
	wantError(t, err, relay.ErrSessionGone)
}

func TestSecretsStayOutOfLogs(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("x", "in", relay.Redemption{Box: "b", Token: "t0ken"}, "desk", relay.Desktop{Box: "b", Session: "s3cret"})
	if text := out.String(); strings.Contains(text, "t0ken") || strings.Contains(text, "s3cret") {
		t.Errorf("log: %s", text)
	}
}

func TestNothingSecretIsStored(t *testing.T) {
	w := newWorld(t)
	start, a := w.started(600)
	token := redemption(start).Token
	for _, e := range w.events() {
		for k, v := range e.Detail {
			if strings.Contains(v, token) || strings.Contains(v, a.Session) {
				t.Errorf("%s: %s holds a secret", e.Action, k)
			}
		}
	}
	b, err := w.db.Relay().Box(t.Context(), a.Box)
	check(t, err)
	if bytes.Contains(b.TokenHash, []byte(token)) || bytes.Contains(b.SessionHash, []byte(a.Session)) || len(b.TokenHash) != 32 || len(b.SessionHash) != 32 {
		t.Error("a box holds its secrets in the clear")
	}
}

// picky is a database that takes no zero bytes, as PostgreSQL does not.
type picky struct {
	relay.Store
	t *testing.T
}

func (s picky) take(ids ...string) {
	for _, id := range ids {
		if uuid.Validate(id) != nil {
			s.t.Errorf("%q was looked for", id)
		}
	}
}

func (s picky) Box(ctx context.Context, id string) (*relay.Box, error) {
	s.take(id)
	return s.Store.Box(ctx, id)
}

func (s picky) Waiting(ctx context.Context, box string, now time.Time) (*relay.Box, []relay.Waiting, error) {
	s.take(box)
	return s.Store.Waiting(ctx, box, now)
}

func (s picky) Delivery(ctx context.Context, box, message string) (*relay.Delivery, error) {
	s.take(box, message)
	return s.Store.Delivery(ctx, box, message)
}

// What stands in a path and can be no id is not looked for.
func TestPathsThatAreNoIDs(t *testing.T) {
	w := newWorld(t, func(_ *relay.Client, c *relay.Config) { c.Store = picky{c.Store, t} })
	start, a := w.started(600)
	for _, bad := range []string{"", "\x00", "x", "urn:uuid:" + a.Box, "{" + a.Box + "}", a.Box[:35] + "\x00"} {
		in := redemption(start)
		in.Box = bad
		nobody := relay.Desktop{Box: bad, Session: a.Session}
		_, err := w.OpenSession(t.Context(), in)
		wantError(t, err, relay.ErrSessionGone)
		_, err = w.Messages(t.Context(), nobody, 0)
		wantError(t, err, relay.ErrSessionGone)
		_, err = w.Fetch(t.Context(), nobody, start.Destinations[0].Message)
		wantError(t, err, relay.ErrSessionGone)
		_, err = w.Fetch(t.Context(), nobody, bad)
		wantError(t, err, relay.ErrSessionGone)
		wantError(t, w.CloseSession(t.Context(), nobody), relay.ErrSessionGone)

		_, err = w.Fetch(t.Context(), a.Desktop, bad)
		wantError(t, err, relay.ErrMessageUnknown)
		_, err = w.Fetch(t.Context(), relay.Desktop{Box: a.Box, Session: "other"}, bad)
		wantError(t, err, relay.ErrSessionWrong)
	}
}

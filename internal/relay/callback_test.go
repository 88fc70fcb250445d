package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bestow.dev/internal/outbound"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

var errRefused = errors.New("answered 503 Service Unavailable")

// attempts sets how often a callback is tried, and how long is waited between.
func attempts(n int, delay time.Duration) variant {
	return func(_ *relay.Client, c *relay.Config) { c.Attempts, c.RetryDelay = n, delay }
}

func refuseAll(relay.Call) error { return errRefused }

func TestCallbackIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var tries atomic.Int32
		w.calls.judge(func(relay.Call) error {
			if tries.Add(1) < 3 {
				return errRefused
			}
			return nil
		})
		ping := w.send(plugout.Ping, header(600, 300), `{}`)
		check(t, w.Cancel(t.Context(), w.by(), w.idm, ping.ID))
		synctest.Wait()
		wait(20*time.Second - time.Millisecond)
		if n := tries.Load(); n != 2 {
			t.Errorf("%d tries before the second delay is over", n)
		}
		wait(time.Millisecond)
		w.wantCallbacks(w.calls.taken(), "ping CANCELLED CANCELLED_BY_REQUESTER")
		if got := w.events(); got[len(got)-1].Action != "relay.callback_delivered" || got[len(got)-1].Detail["tries"] != "3" {
			t.Errorf("audit: %+v", got[len(got)-1])
		}
		wait(time.Hour)
		if n := tries.Load(); n != 3 {
			t.Errorf("%d tries in all", n)
		}
	}, attempts(5, 10*time.Second))
}

func TestCallbackIsGivenUp(t *testing.T) {
	w := newWorld(t, attempts(2, 30*time.Second))
	w.calls.judge(refuseAll)
	ping := w.send(plugout.Ping, header(60, 10), `{}`)
	w.clock.move(10 * time.Second)
	w.expire()
	w.callbacks()
	w.clock.move(29 * time.Second)
	if n, err := w.DeliverDue(t.Context()); n != 0 || err != nil {
		t.Errorf("%d tries too early, %v", n, err)
	}
	w.clock.move(time.Second)
	if n, err := w.DeliverDue(t.Context()); n != 1 || err != nil {
		t.Errorf("%d tries, %v", n, err)
	}
	got := w.events()
	if last := got[len(got)-1]; last.Action != "relay.callback_given_up" || last.Outcome != "relay.callback_failed" {
		t.Errorf("audit: %+v", last)
	}
	w.clock.move(10 * time.Second)
	w.wantOutcome(ping.ID, relay.TimedOut, plugout.StatusTimeout) // it can still be polled
	if n, err := w.DeliverDue(t.Context()); n != 0 || err != nil {
		t.Errorf("%d more tries, %v", n, err)
	}
}

// A command with a callback to deliver outlives its lifespan, but only for that.
func TestUndeliveredCallbackKeepsItsCommand(t *testing.T) {
	w := newWorld(t, attempts(100, 30*time.Second))
	w.calls.judge(refuseAll)
	ping := w.send(plugout.Ping, header(10, 10), `{}`)
	w.clock.move(10 * time.Second)
	w.expire()
	w.callbacks()
	w.clock.move(time.Hour)
	_, err := w.Purge(t.Context())
	check(t, err)
	_, err = w.Poll(t.Context(), w.by(), w.idm, ping.ID)
	wantError(t, err, relay.ErrNoSuchCommand)
	w.calls.judge(nil)
	w.wantCallbacks(w.callbacks(), "ping TIMEOUT TIMEOUT")
	n, err := w.Purge(t.Context())
	check(t, err)
	if n == 0 {
		t.Error("delivered, and still there")
	}
}

func TestSessionCallbackGoesFirst(t *testing.T) {
	w := newWorld(t, attempts(3, 30*time.Second))
	_, a := w.started(600)
	ping := w.send(plugout.Ping, header(600, 300, a.Box), `{}`)
	check(t, a.answer(ping.Destinations[0].Message, plugout.StatusOK, `{}`))
	w.calls.judge(func(c relay.Call) error {
		if c.Name == "ping" {
			t.Error("the command's callback went before the session's")
		}
		return errRefused
	})
	w.callbacks()
	w.calls.judge(nil)
	w.clock.move(30 * time.Second)
	w.wantCallbacks(w.callbacks(), "sessionstart COMPLETED OK", "ping COMPLETED OK")
}

func TestSessionCallbackGivenUpHoldsNobody(t *testing.T) {
	w := newWorld(t)
	_, a := w.started(600)
	ping := w.send(plugout.Ping, header(600, 300, a.Box), `{}`)
	check(t, a.answer(ping.Destinations[0].Message, plugout.StatusOK, `{}`))
	w.calls.judge(func(c relay.Call) error {
		if c.Name == "sessionstart" {
			return errRefused
		}
		return nil
	})
	w.wantCallbacks(w.callbacks(), "ping COMPLETED OK")
}

// A node that dies with callbacks in hand has not delivered them: another does when
// the claim is void, and what the first notes afterwards counts no more.
func TestLeaseTakeover(t *testing.T) {
	w := newWorld(t)
	ping := w.send(plugout.Ping, header(600, 300), `{}`)
	check(t, w.Cancel(t.Context(), w.by(), w.idm, ping.ID))
	db := w.db.Relay()
	lost, err := db.ClaimCallbacks(t.Context(), relay.ClaimQuery{At: w.clock.now(), Lease: 30 * time.Second, Limit: 10})
	check(t, err)
	if len(lost) != 1 || lost[0].Command != ping.ID || lost[0].Client != "idm" {
		t.Fatalf("claims: %+v", lost)
	}
	w.clock.move(30*time.Second - time.Millisecond)
	w.wantCallbacks(w.callbacks())
	w.clock.move(time.Millisecond)

	second, err := db.ClaimCallbacks(t.Context(), relay.ClaimQuery{At: w.clock.now(), Lease: 30 * time.Second, Limit: 10})
	check(t, err)
	if len(second) != 1 || second[0].Tries != 0 {
		t.Fatalf("claims: %+v", second)
	}
	event := w.events()[0]
	check(t, db.EndCallback(t.Context(), lost[0], event))
	check(t, db.DelayCallback(t.Context(), lost[0], w.clock.now()))
	w.clock.move(30 * time.Second)
	w.wantCallbacks(w.callbacks(), "ping CANCELLED CANCELLED_BY_REQUESTER")
}

func TestClientsWithoutCallback(t *testing.T) {
	w := newWorld(t, func(c *relay.Client, _ *relay.Config) { c.CallbackURL = "" })
	ping := w.send(plugout.Ping, header(600, 300), `{}`)
	check(t, w.Cancel(t.Context(), w.by(), w.idm, ping.ID))
	w.wantCallbacks(w.callbacks())
	w.wantOutcome(ping.ID, relay.Cancelled, plugout.StatusCancelledByRequester)
}

// A part of Bestow hears of each end inside the transaction, and can undo it.
func TestEndsAreHeard(t *testing.T) {
	var heard []string
	refuse := errors.New("not now")
	var answer error
	w := newWorld(t, func(c *relay.Client, all *relay.Config) {
		c.CallbackURL = ""
		all.Ended = func(_ context.Context, c *relay.Stored) error {
			heard = append(heard, string(c.Type)+" "+string(c.State)+" "+string(c.Status)+" "+c.Client+" "+c.Tenant)
			return answer
		}
	})
	ping := w.send(plugout.Ping, header(600, 300), `{}`)
	answer = refuse
	if err := w.Cancel(t.Context(), w.by(), w.idm, ping.ID); !errors.Is(err, refuse) {
		t.Errorf("got %v", err)
	}
	answer = nil
	check(t, w.Cancel(t.Context(), w.by(), w.idm, ping.ID))
	late := w.send(plugout.Ping, header(600, 300), `{}`)
	w.clock.move(300 * time.Second)
	w.expire()
	start, _ := w.started(600)
	end := relay.Header{To: []string{start.Destinations[0].Box}}
	_, err := w.Send(t.Context(), w.by(), w.idm, relay.Command{Type: plugout.SessionEnd, Header: end})
	check(t, err)
	of := func(what string) string { return what + " " + w.idm.ID + " " + w.idm.Tenant }
	want := []string{
		of("PING CANCELLED CANCELLED_BY_REQUESTER"), of("PING CANCELLED CANCELLED_BY_REQUESTER"), of("PING TIMEOUT TIMEOUT"),
		of("SESSION_START COMPLETED OK"), of("SESSION_END COMPLETED OK"),
	}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q (%s)", heard, want, late.ID)
	}
}

func TestCallbackOfAClientThatIsGone(t *testing.T) {
	w := newWorld(t, attempts(5, time.Minute))
	ping := w.send(plugout.Ping, header(600, 300), `{}`)
	a := w.open(ping)
	m := a.fetch(ping.Destinations[0].Message)
	check(t, w.clients.Replace())
	wantError(t, a.post(m.MessageID, a.payload(m, plugout.StatusOK, `{}`)), relay.ErrSessionGone)
	w.clock.move(300 * time.Second)
	w.expire()
	w.wantCallbacks(w.callbacks())
	got := w.events()
	if last := got[len(got)-1]; last.Action != "relay.callback_given_up" {
		t.Errorf("audit: %+v", last)
	}
}

// One client that hangs does not keep the others waiting.
func TestHangingClientHoldsNobodyUp(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		other := *w.idm
		other.ID = "other"
		check(t, w.clients.Replace(w.idm, &other))
		for range 60 {
			r := w.send(plugout.Ping, header(600, 300), `{}`)
			check(t, w.Cancel(t.Context(), w.by(), w.idm, r.ID))
		}
		r, err := w.Send(t.Context(), other.Authority("hermod"), &other, relay.Command{Type: plugout.Ping})
		check(t, err)
		check(t, w.Cancel(t.Context(), other.Authority("hermod"), &other, r.ID))
		synctest.Wait()
		if got := w.calls.taken(); len(got) != 1 || got[0].client != "other" {
			t.Errorf("callbacks: %d", len(got))
		}
		wait(10 * time.Minute)
		given := 0
		for _, e := range w.events() {
			if e.Action == "relay.callback_given_up" {
				given++
			}
		}
		if given != 60 {
			t.Errorf("%d of 60 given up", given)
		}
	}, func(_ *relay.Client, c *relay.Config) { c.Caller = hanging{client: "idm", next: c.Caller} })
}

// hanging lets the callbacks to one client hang until their time is over.
type hanging struct {
	client string
	next   relay.Caller
}

func (h hanging) Call(ctx context.Context, c relay.Call) error {
	if c.Client.ID == h.client {
		<-ctx.Done()
		return ctx.Err()
	}
	return h.next.Call(ctx, c)
}

func (h hanging) Alive(context.Context, *relay.Client) error { return nil }

// Over real HTTP: refused twice, taken the third time, with the credentials.
func TestCallbackOverHTTP(t *testing.T) {
	var (
		mu   sync.Mutex
		got  []string
		hits atomic.Int32
	)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		mu.Lock()
		got = append(got, fmt.Sprintf("%s %s %s:%s", r.Method, r.URL.Path, user, password))
		mu.Unlock()
		if hits.Add(1) < 3 {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		rw.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	caller, err := outbound.New(outbound.Config{})
	check(t, err)
	w := newWorld(t, attempts(3, 30*time.Second), func(c *relay.Client, cfg *relay.Config) {
		c.CallbackURL, c.CallbackUser, c.CallbackPassword = server.URL+"/ws/hermod", "hermod", "pass:word"
		cfg.Caller = caller
	})
	ping := w.send(plugout.Ping, header(600, 300), `{}`)
	check(t, w.Cancel(t.Context(), w.by(), w.idm, ping.ID))
	for range 5 {
		_, err := w.DeliverDue(t.Context())
		check(t, err)
		w.clock.move(30 * time.Second)
	}
	want := slices.Repeat([]string{"POST /ws/hermod/callback/ping hermod:pass:word"}, 3)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClientsAreAskedAtTheStart(t *testing.T) {
	var out bytes.Buffer
	inBubble(t, func(*testing.T, *world) { synctest.Wait() }, func(c *relay.Client, cfg *relay.Config) {
		c.CallbackURL, c.CallbackUser, c.CallbackPassword = "http://idm.example.com/ws/hermod", "hermod", "s3cret"
		cfg.Log = slog.New(slog.NewTextHandler(&out, nil))
	})
	text := out.String()
	if !strings.Contains(text, "client takes callbacks") || !strings.Contains(text, "plain http") {
		t.Errorf("log: %s", text)
	}
	if strings.Contains(text, "s3cret") || strings.Contains(text, "idm.example.com") {
		t.Errorf("the log tells too much: %s", text)
	}
}

package relay_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
)

// inBubble runs fn in a world whose clock is that of a synctest bubble, with the
// relay running.
func inBubble(t *testing.T, fn func(t *testing.T, w *world), variants ...variant) {
	path := storetest.File(t)
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), store.Config{SQLite: path})
		check(t, err)
		defer db.Close()
		bubbles := func(_ *relay.Client, c *relay.Config) { c.Now = nil }
		w := worldOn(t, db, append([]variant{bubbles}, variants...)...)
		w.clock.at = time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- w.Run(ctx) }()
		fn(t, w)
		cancel()
		if err := <-ran; !errors.Is(err, context.Canceled) {
			t.Errorf("run ended with %v", err)
		}
	})
}

// wait lets time pass, and lets what is due happen.
func wait(d time.Duration) {
	time.Sleep(d) // in the bubble: no real time passes
	synctest.Wait()
}

func TestTimerFiresAtTheDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		wait(50 * time.Second)
		w.startSession(600, 10)
		w.send(plugout.Ping, header(600, 5), `{}`)
		wait(5*time.Second - time.Millisecond)
		w.wantCallbacks(w.calls.taken())
		wait(time.Millisecond)
		w.wantCallbacks(w.calls.taken(), "ping TIMEOUT TIMEOUT")
		wait(5*time.Second - time.Millisecond)
		w.wantCallbacks(w.calls.taken())
		wait(time.Millisecond)
		w.wantCallbacks(w.calls.taken(), "sessionstart TIMEOUT SESSION_NOT_STARTED")
	})
}

func TestIgnoredPopUpIsReportedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		start := w.startSession(600, 10)
		w.send(plugout.FIDOCreateCredential, header(600, 240, start.Destinations[0].Box), createObject)
		wait(10 * time.Second)
		w.wantCallbacks(w.calls.taken(),
			"sessionstart TIMEOUT SESSION_NOT_STARTED", "fidocreatecredential CANCELLED SESSION_NOT_STARTED")
	})
}

// A command is polled after its timeout and gone after its lifespan.
func TestLifeOfACommand(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		ping := w.send(plugout.Ping, header(60, 30), `{}`)
		wait(30 * time.Second)
		w.wantCallbacks(w.calls.taken(), "ping TIMEOUT TIMEOUT")
		w.wantOutcome(ping.ID, relay.TimedOut, plugout.StatusTimeout)
		wait(30*time.Second - time.Millisecond)
		w.wantOutcome(ping.ID, relay.TimedOut, plugout.StatusTimeout)
		wait(time.Millisecond)
		_, err := w.Poll(t.Context(), w.by(), w.idm, ping.ID)
		wantError(t, err, relay.ErrNoSuchCommand)
		wait(time.Minute) // and is removed
		_, err = w.db.Relay().Command(t.Context(), ping.ID)
		wantError(t, err, relay.ErrNoSuchCommand)
		_, err = w.db.Relay().Box(t.Context(), ping.Destinations[0].Box)
		wantError(t, err, relay.ErrSessionGone)
	})
}

func TestTimeoutComesBeforeLifespan(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.send(plugout.Ping, header(30, 30), `{}`)
		wait(30 * time.Second)
		w.wantCallbacks(w.calls.taken(), "ping TIMEOUT TIMEOUT")

		// The session's lifespan and the command's timeout end together.
		_, a := w.startedNow(30, 30)
		w.calls.taken()
		w.send(plugout.Ping, header(30, 30, a.Box), `{}`)
		wait(30 * time.Second)
		w.wantCallbacks(w.calls.taken(), "ping TIMEOUT TIMEOUT")
	})
}

// startedNow is started in a bubble, where the clock is time.Now.
func (w *world) startedNow(lifespan, timeout int64) (*relay.Receipt, *agent) {
	w.t.Helper()
	r := w.startSession(lifespan, timeout)
	a := w.open(r)
	w.clock.at = time.Now()
	check(w.t, a.answer(r.Destinations[0].Message, plugout.StatusOK, startResponse))
	synctest.Wait()
	return r, a
}

func TestSessionEndsWithItsLifespan(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, a := w.startedNow(100, 10)
		w.calls.taken()
		w.send(plugout.Ping, header(600, 240, a.Box), `{}`)
		wait(100*time.Second - time.Millisecond)
		w.wantCallbacks(w.calls.taken())
		wait(time.Millisecond)
		w.wantCallbacks(w.calls.taken(), "ping CANCELLED SESSION_ENDED")
		_, err := w.Messages(t.Context(), a.Desktop, 0)
		wantError(t, err, relay.ErrSessionGone)
	})
}

func TestSweepFindsCommandsOfOtherNodes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		other := worldOn(t, w.db, func(_ *relay.Client, c *relay.Config) { c.Now = nil })
		wait(100 * time.Millisecond) // the timer of w waits for its next sweep
		other.send(plugout.Ping, header(60, 1), `{}`)
		wait(2 * time.Second)
		w.wantCallbacks(w.calls.taken(), "ping TIMEOUT TIMEOUT")
	})
}

func TestLongPoll(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, a := w.startedNow(600, 10)
		type result struct {
			items []plugout.MessageItem
			err   error
			after time.Duration
		}
		poll := func(ctx context.Context, d time.Duration) <-chan result {
			c := make(chan result, 1)
			began := time.Now()
			go func() {
				items, err := w.Messages(ctx, a.Desktop, d)
				c <- result{items, err, time.Since(began)}
			}()
			synctest.Wait()
			return c
		}
		// A message wakes it at once.
		c := poll(t.Context(), 25*time.Second)
		wait(3 * time.Second)
		ping := w.send(plugout.Ping, header(600, 240, a.Box), `{}`)
		if r := <-c; r.err != nil || len(r.items) != 1 || r.items[0].MessageID != ping.Destinations[0].Message || r.after != 3*time.Second {
			t.Errorf("woken: %+v", r)
		}
		check(t, w.Cancel(t.Context(), w.by(), w.idm, ping.ID))
		// Without one it returns nothing when its time is over, which has a bound.
		if r := <-poll(t.Context(), 25*time.Second); r.err != nil || len(r.items) != 0 || r.after != 25*time.Second {
			t.Errorf("nothing: %+v", r)
		}
		if r := <-poll(t.Context(), time.Hour); r.err != nil || r.after != relay.MaxWait {
			t.Errorf("too long: %+v", r)
		}
		if r := <-poll(t.Context(), -time.Hour); r.err != nil || r.after != 0 {
			t.Errorf("negative: %+v", r)
		}
		// The caller may go away.
		ctx, cancel := context.WithCancel(t.Context())
		c = poll(ctx, 25*time.Second)
		cancel()
		if r := <-c; !errors.Is(r.err, context.Canceled) {
			t.Errorf("gone away: %+v", r)
		}
		// The end of the session ends it.
		c = poll(t.Context(), 25*time.Second)
		w.send(plugout.SessionEnd, header(60, 60, a.Box), `{}`)
		if r := <-c; !errors.Is(r.err, relay.ErrSessionGone) || r.after != 0 {
			t.Errorf("ended: %+v", r)
		}
	})
}

func TestLongPollEndsWithTheSession(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, a := w.startedNow(20, 10)
		began := time.Now()
		_, err := w.Messages(t.Context(), a.Desktop, 30*time.Second)
		wantError(t, err, relay.ErrSessionGone)
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

func TestConfirmationWakesThePoll(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, a := w.startedNow(600, 10)
		w.send(plugout.FIDOCreateCredential, header(600, 240, a.Box), createObject)
		got := make(chan int, 1)
		go func() {
			items, err := w.Messages(t.Context(), a.Desktop, 25*time.Second)
			check(t, err)
			got <- len(items)
		}()
		wait(time.Second)
		check(t, w.ConfirmMatch(t.Context(), a.Desktop))
		if n := <-got; n != 1 {
			t.Errorf("%d messages", n)
		}
	}, func(c *relay.Client, _ *relay.Config) { c.MatchCode = true })
}

// What became due while no server ran happens when one starts, and the flow that
// was under way goes on: nothing is kept in memory.
func TestRestart(t *testing.T) {
	path := storetest.File(t)
	open := func() *store.DB {
		db, err := store.Open(t.Context(), store.Config{SQLite: path})
		check(t, err)
		return db
	}
	first := worldOn(t, open())
	start, a := first.started(600)
	ignored := first.startSession(600, 10)
	queued := first.send(plugout.Ping, header(600, 240, ignored.Destinations[0].Box), `{}`)
	overdue := first.send(plugout.Ping, header(600, 30, start.Destinations[0].Box), `{}`)
	create := first.send(plugout.FIDOCreateCredential, header(600, 120, start.Destinations[0].Box), createObject)
	m := a.fetch(create.Destinations[0].Message)
	check(t, first.db.Close())

	db := open()
	defer db.Close()
	second := worldOn(t, db, func(c *relay.Client, _ *relay.Config) { c.KeySet = first.idm.KeySet })
	second.clock.move(60 * time.Second)
	second.expire()
	got := second.callbacks()
	var have []string
	for _, c := range got {
		have = append(have, c.doc.CommandID+" "+c.doc.Status)
	}
	slices.Sort(have)
	want := []string{
		start.ID.String() + " OK", ignored.ID.String() + " SESSION_NOT_STARTED",
		queued.ID.String() + " SESSION_NOT_STARTED", overdue.ID.String() + " TIMEOUT",
	}
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("callbacks after the restart: got %q, want %q", have, want)
	}
	// The session, the nonce and the key it began with are still good.
	a.w = second
	check(t, a.post(m.MessageID, a.payload(m, plugout.StatusOK, credential)))
	second.wantCallbacks(second.callbacks(), "fidocreatecredential COMPLETED OK")
	second.events()
}

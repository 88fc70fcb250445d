package relay_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store/storetest"
)

// twoNodes are two relays over one database, each with its own memory, as two
// processes have. They share clock, clients and the receiver of callbacks.
func twoNodes(t *testing.T, open storetest.Open) (*world, *world) {
	one := worldOn(t, open(t))
	two := worldOn(t, one.db, func(c *relay.Client, cfg *relay.Config) {
		c.KeySet = one.idm.KeySet
		cfg.Now, cfg.Caller = one.clock.now, one.calls
	})
	two.calls, two.clock, two.key = one.calls, one.clock, one.key
	return one, two
}

// together runs all of fns at the same moment.
func together(fns ...func()) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for _, fn := range fns {
		all.Go(func() {
			<-start
			fn()
		})
	}
	close(start)
	all.Wait()
}

// Answers, a cancellation, the timeout, the end of the session and its second
// redemption race on two nodes: the command ends once and is reported once.
func TestOneFinalStateAndOneCallback(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		one, two := twoNodes(t, open)
		for round := range 24 {
			start, a := one.started(600)
			create := one.send(plugout.FIDOCreateCredential, header(600, 60, a.Box), createObject)
			m := a.fetch(create.Destinations[0].Message)
			one.callbacks()
			good := relay.Answer{MediaType: plugout.MediaTypeJOSE, Body: a.sign(a.payload(m, plugout.StatusOK, credential))}
			bad := relay.Answer{MediaType: plugout.MediaTypeJOSE, Body: a.sign(a.payload(m, plugout.StatusPINBlocked, ""))}
			ctx := context.Background()
			var accepted atomic.Int32
			answer := func(w *world, with relay.Answer) func() {
				return func() {
					err := w.Answer(ctx, a.Desktop, m.MessageID, with)
					switch {
					case err == nil:
						accepted.Add(1)
					case errors.Is(err, relay.ErrMessageAnswered), errors.Is(err, relay.ErrMessageTimedOut),
						errors.Is(err, relay.ErrMessageWithdrawn), errors.Is(err, relay.ErrSessionGone):
					default:
						t.Errorf("answer: %v", err)
					}
				}
			}
			cancel := func(w *world) func() {
				return func() {
					if err := w.Cancel(ctx, w.by(), w.idm, create.ID); err != nil && !errors.Is(err, relay.ErrCommandFinal) {
						t.Errorf("cancel: %v", err)
					}
				}
			}
			expire := func(w *world) func() {
				return func() {
					if _, err := w.ExpireDue(ctx); err != nil {
						t.Errorf("expire: %v", err)
					}
				}
			}
			party := []func(){answer(one, good), answer(two, good), answer(one, bad), answer(two, bad)}
			if round%3 > 0 {
				party = append(party, cancel(one), cancel(two),
					func() {
						if err := two.CloseSession(ctx, a.Desktop); err != nil && !errors.Is(err, relay.ErrSessionGone) {
							t.Errorf("close: %v", err)
						}
					},
					func() {
						if _, err := one.OpenSession(ctx, redemption(start)); !errors.Is(err, relay.ErrSessionGone) {
							t.Errorf("open: %v", err)
						}
					})
			}
			if round%3 > 1 {
				party = append(party, func() { one.clock.move(60 * time.Second) }, expire(one), expire(two))
			}
			together(party...)
			one.expire()
			report := one.poll(create.ID)
			if report.Outcome == nil {
				t.Fatalf("it is %s", report.State)
			}
			byAnswer := report.State == relay.Completed || report.Outcome.Status == plugout.StatusPINBlocked
			if n := accepted.Load(); n > 1 || (n == 1) != byAnswer {
				t.Errorf("%d answers were accepted, and it is %s %s", n, report.State, report.Outcome.Status)
			}
			// Both nodes deliver at once.
			together(func() { one.DeliverDue(ctx) }, func() { two.DeliverDue(ctx) })
			one.wantCallbacks(one.calls.taken(), "fidocreatecredential "+string(report.State)+" "+string(report.Outcome.Status))
		}
		ended := make(map[string]int)
		for _, e := range one.events() {
			if e.Action == "relay.command_ended" {
				ended[e.Ref]++
			}
		}
		for ref, n := range ended {
			if n != 1 {
				t.Errorf("command %s ended %d times", ref, n)
			}
		}
	})
}

// A session that starts while its time runs out either starts, with its commands,
// or does not, without them.
func TestStartRacesWithItsTimeout(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		one, two := twoNodes(t, open)
		for range 25 {
			start := one.startSession(600, 10)
			box := start.Destinations[0].Box
			queued := one.send(plugout.Ping, header(600, 300, box), `{}`)
			a := one.open(start)
			m := a.fetch(start.Destinations[0].Message)
			body := a.sign(a.payload(m, plugout.StatusOK, startResponse))
			ctx := context.Background()
			var late *relay.Receipt
			together(
				func() {
					one.Answer(ctx, a.Desktop, m.MessageID, relay.Answer{MediaType: plugout.MediaTypeJOSE, Body: body})
				},
				func() { one.clock.move(10 * time.Second) },
				func() { one.ExpireDue(ctx) },
				func() { two.ExpireDue(ctx) },
				func() {
					r, err := two.Send(ctx, two.by(), two.idm, relay.Command{Type: plugout.Ping, Header: header(600, 300, box)})
					if err == nil {
						late = r
					} else if !errors.Is(err, relay.ErrSessionEnded) {
						t.Errorf("send: %v", err)
					}
				},
			)
			one.expire()
			want := relay.Cancelled
			if one.poll(start.ID).State == relay.Completed {
				want = relay.InProgress
			}
			for _, r := range []*relay.Receipt{queued, late} {
				if r == nil {
					continue
				}
				if got := one.poll(r.ID); got.State != want {
					t.Errorf("the session is %s, a command in it %s", one.poll(start.ID).State, got.State)
				}
			}
			one.Cancel(ctx, one.by(), one.idm, queued.ID)
			check(t, drain(one))
		}
	})
}

func drain(w *world) error {
	_, err := w.DeliverDue(context.Background())
	w.calls.taken()
	return err
}

// Of any number who redeem a link at once one opens the session, and any other ends
// it.
func TestRedeemingAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		one, two := twoNodes(t, open)
		for range 10 {
			start := one.startSession(600, 60)
			in := redemption(start)
			var opened atomic.Int32
			try := func(w *world) func() {
				return func() {
					_, err := w.OpenSession(context.Background(), in)
					if err == nil {
						opened.Add(1)
					} else if !errors.Is(err, relay.ErrSessionGone) {
						t.Errorf("open: %v", err)
					}
				}
			}
			together(try(one), try(two), try(one), try(two))
			if n := opened.Load(); n > 1 {
				t.Errorf("%d sessions", n)
			}
			one.wantOutcome(start.ID, relay.Cancelled, plugout.StatusSessionEnded)
		}
	})
}

// The same external id from many callers at once makes one command.
func TestExternalIDAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		one, two := twoNodes(t, open)
		h := header(600, 60)
		h.ExternalID = "only once"
		var mu sync.Mutex
		ids, links := make(map[relay.CommandID]bool), 0
		send := func(w *world) func() {
			return func() {
				r, err := w.Send(context.Background(), w.by(), w.idm, relay.Command{Type: plugout.Ping, Header: h})
				if err != nil {
					t.Errorf("send: %v", err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				ids[r.ID] = true
				if r.Destinations[0].URI != "" {
					links++
				}
			}
		}
		together(send(one), send(two), send(one), send(two), send(one), send(two))
		if len(ids) != 1 || links != 1 {
			t.Errorf("%d commands, %d links", len(ids), links)
		}
	})
}

// A box takes its limit and no more, whoever sends.
func TestBoxFullAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		one, two := twoNodes(t, open)
		_, a := one.started(600)
		var taken, refused atomic.Int32
		send := func(w *world) func() {
			return func() {
				for range relay.MaxOpenMessages / 2 {
					_, err := w.Send(context.Background(), w.by(), w.idm, relay.Command{Type: plugout.Ping, Header: header(600, 60, a.Box)})
					switch {
					case err == nil:
						taken.Add(1)
					case errors.Is(err, relay.ErrBoxFull):
						refused.Add(1)
					default:
						t.Errorf("send: %v", err)
					}
				}
			}
		}
		together(send(one), send(two), send(one), send(two))
		if taken.Load() != relay.MaxOpenMessages || refused.Load() != relay.MaxOpenMessages {
			t.Errorf("%d taken, %d refused", taken.Load(), refused.Load())
		}
	})
}

// Two nodes deliver many callbacks: each once.
func TestCallbacksOnTwoNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		one, two := twoNodes(t, open)
		want := make(map[string]bool)
		for range 100 {
			r := one.send(plugout.Ping, header(600, 60), `{}`)
			want[r.ID.String()] = true
			check(t, one.Cancel(t.Context(), one.by(), one.idm, r.ID))
		}
		deliver := func(w *world) func() {
			return func() {
				if _, err := w.DeliverDue(context.Background()); err != nil {
					t.Errorf("deliver: %v", err)
				}
			}
		}
		together(deliver(one), deliver(two), deliver(one), deliver(two))
		for _, c := range one.calls.taken() {
			if !want[c.doc.CommandID] {
				t.Errorf("the callback of %s came twice", c.doc.CommandID)
			}
			delete(want, c.doc.CommandID)
		}
		if len(want) != 0 {
			t.Errorf("%d callbacks are missing", len(want))
		}
	})
}

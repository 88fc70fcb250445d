package relay_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

// wall is the clock on the wall: it goes with the bubble's, and can be set.
type wall struct{ set atomic.Int64 }

func (c *wall) now() time.Time { return time.Now().Add(time.Duration(c.set.Load())) }

func (c *wall) jump(d time.Duration) { c.set.Add(int64(d)) }

// onTheWall has the relay take its time from c.
func onTheWall(c *wall) variant {
	return func(_ *relay.Client, cfg *relay.Config) { cfg.Now = c.now }
}

// slow is a client that takes five seconds to take a callback.
type slow struct{ relay.Caller }

func (s slow) Call(ctx context.Context, c relay.Call) error {
	time.Sleep(5 * time.Second)
	return s.Caller.Call(ctx, c)
}

func slowly(_ *relay.Client, cfg *relay.Config) { cfg.Caller = slow{cfg.Caller} }

// impatient counts how often the loops of a relay look at the store.
type impatient struct {
	relay.Store
	looks atomic.Int64
}

func (s *impatient) NextDeadline(ctx context.Context) (time.Time, error) {
	s.looks.Add(1)
	return s.Store.NextDeadline(ctx)
}

func (s *impatient) NextCallback(ctx context.Context) (time.Time, error) {
	s.looks.Add(1)
	return s.Store.NextCallback(ctx)
}

var jumps = map[string]time.Duration{"an hour forward": time.Hour, "an hour back": -time.Hour}

// When the clock is set while something waits, it ends once, in a clear state, and is
// told of once.
func TestClockIsSet(t *testing.T) {
	stages := map[string]func(w *world) []relay.CommandID{
		"while nothing waits": func(*world) []relay.CommandID { return nil },
		"while a command waits": func(w *world) []relay.CommandID {
			return []relay.CommandID{w.send(plugout.Ping, header(600, 30), `{}`).ID}
		},
		"before a session starts": func(w *world) []relay.CommandID {
			start := w.startSession(600, 10)
			ping := w.send(plugout.Ping, header(600, 240, start.Destinations[0].Box), `{}`)
			return []relay.CommandID{start.ID, ping.ID}
		},
		"while a session is open": func(w *world) []relay.CommandID {
			start, a := w.startedNow(600, 10)
			ping := w.send(plugout.Ping, header(600, 240, a.Box), `{}`)
			a.fetch(ping.Destinations[0].Message)
			return []relay.CommandID{start.ID, ping.ID}
		},
		"while a callback waits for its next try": func(w *world) []relay.CommandID {
			var tries atomic.Int32
			w.calls.judge(func(relay.Call) error {
				if tries.Add(1) == 1 {
					return errRefused
				}
				return nil
			})
			ping := w.send(plugout.Ping, header(600, 30), `{}`)
			check(w.t, w.Cancel(w.t.Context(), w.by(), w.idm, ping.ID))
			wait(6 * time.Second)
			return []relay.CommandID{ping.ID}
		},
		"while a callback is being delivered": func(w *world) []relay.CommandID {
			ping := w.send(plugout.Ping, header(600, 30), `{}`)
			check(w.t, w.Cancel(w.t.Context(), w.by(), w.idm, ping.ID))
			synctest.Wait()
			return []relay.CommandID{ping.ID}
		},
	}
	for stage, begin := range stages {
		for name, by := range jumps {
			t.Run(name+" "+stage, func(t *testing.T) {
				t.Parallel()
				c := new(wall)
				inBubble(t, func(t *testing.T, w *world) {
					commands := begin(w)
					c.jump(by)
					// The relay goes on with what comes.
					commands = append(commands, w.send(plugout.Ping, header(60, 20), `{}`).ID)
					wait(20 * time.Second)
					w.wantOutcome(commands[len(commands)-1], relay.TimedOut, plugout.StatusTimeout)
					wait(90 * time.Minute)
					w.endedOnce(commands)
				}, attempts(2, 10*time.Second), onTheWall(c), slowly)
			})
		}
	}
}

// endedOnce checks that each of the commands has ended once, and was told of once.
func (w *world) endedOnce(commands []relay.CommandID) {
	w.t.Helper()
	told := map[string]int{}
	for _, c := range w.calls.taken() {
		told[c.doc.CommandID]++
	}
	ended := map[string]int{}
	for _, e := range w.events() { // which checks the chain, and that numbers have no gaps
		if e.Action == "relay.command_ended" {
			ended[e.Ref]++
		}
	}
	for _, id := range commands {
		if n := told[id.String()]; n != 1 {
			w.t.Errorf("%d callbacks of command %v", n, id)
		}
		if n := ended[id.String()]; n != 1 {
			w.t.Errorf("command %v ended %d times", id, n)
		}
	}
}

// A clock that was set back and put right again finds the deadlines where they were,
// within the second of the sweep.
func TestClockIsPutRight(t *testing.T) {
	c := new(wall)
	inBubble(t, func(t *testing.T, w *world) {
		ping := w.send(plugout.Ping, header(600, 30), `{}`)
		wait(10 * time.Second)
		c.jump(-time.Hour)
		wait(30 * time.Second)
		if r := w.poll(ping.ID); r.State != relay.InProgress {
			t.Errorf("before its time on the wall it is %s", r.State)
		}
		c.jump(time.Hour)
		wait(time.Second)
		w.wantCallbacks(w.calls.taken(), "ping TIMEOUT TIMEOUT")
	}, onTheWall(c))
}

// No loop spins or oversleeps when the clock is set: they look about once a second.
func TestClockDoesNotHurryTheLoops(t *testing.T) {
	for name, by := range jumps {
		t.Run(name, func(t *testing.T) {
			c, s := new(wall), new(impatient)
			inBubble(t, func(t *testing.T, w *world) {
				w.send(plugout.Ping, header(86400, 86400), `{}`)
				w.startSession(86400, 30)
				w.calls.judge(refuseAll)
				w.send(plugout.Ping, header(86400, 1), `{}`)
				wait(3 * time.Second) // one try of its callback has failed
				c.jump(by)
				synctest.Wait()
				before := s.looks.Load()
				wait(20 * time.Second)
				if n := s.looks.Load() - before; n < 2*19 || n > 2*30 {
					t.Errorf("the two loops looked %d times in 20 s", n)
				}
			}, attempts(100, 10*time.Second), onTheWall(c), func(_ *relay.Client, cfg *relay.Config) {
				s.Store = cfg.Store
				cfg.Store = s
			})
		})
	}
}

// A long poll takes no longer than the time it was given, also when it is woken for
// nothing after the clock was set back. Set forward, it ends at once, for nothing else
// is lost by that.
func TestClockDoesNotHoldALongPoll(t *testing.T) {
	for name, by := range jumps {
		t.Run(name, func(t *testing.T) {
			c := new(wall)
			inBubble(t, func(t *testing.T, w *world) {
				_, a := w.startedNow(86400, 10)
				began := time.Now()
				took := make(chan time.Duration, 1)
				go func() {
					_, err := w.Messages(t.Context(), a.Desktop, 25*time.Second)
					check(t, err)
					took <- time.Since(began)
				}()
				wait(5 * time.Second)
				c.jump(by)
				// It is not shown before the match code is confirmed, so the poll goes on.
				w.send(plugout.FIDOCreateCredential, header(600, 240, a.Box), createObject)
				want := 25 * time.Second
				if by > 0 {
					want = 5 * time.Second
				}
				if d := <-took; d != want {
					t.Errorf("it took %v", d)
				}
			}, onTheWall(c), func(cl *relay.Client, _ *relay.Config) { cl.MatchCode = true })
		})
	}
}

// Ids stay unique when the clock is set back, and those of one node grow, which is
// the order in which a box shows its messages.
func TestClockDoesNotRepeatIDs(t *testing.T) {
	w := newWorld(t)
	_, a := w.started(86400)
	var ids []relay.CommandID
	var sent []string
	for i := range 30 {
		if i%10 == 9 {
			w.clock.move(-time.Hour)
		}
		r := w.send(plugout.Ping, header(600, 600, a.Box), `{}`)
		ids = append(ids, r.ID)
		sent = append(sent, r.Destinations[0].Message)
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("ids do not grow: %v", ids)
	}
	if got := a.list(); !slices.Equal(got, sent) {
		t.Errorf("the box shows them in another order:\n%s\nsent:\n%s", strings.Join(got, "\n"), strings.Join(sent, "\n"))
	}
}

// A node that starts with a clock that is behind makes ids that others may have taken.
func TestClockBehindAtTheStart(t *testing.T) {
	w := newWorld(t)
	seen := map[relay.CommandID]bool{}
	for range 50 {
		late := worldOn(t, w.db)
		late.clock.at = time.Date(2024, 12, 31, 0, 0, 0, 0, time.UTC) // before any id was made
		r := late.send(plugout.Ping, header(600, 600), `{}`)
		if r.ID <= 0 || seen[r.ID] {
			t.Fatalf("id %v is not positive, or there already", r.ID)
		}
		seen[r.ID] = true
	}
}

// Wrong tokens are counted on when the clock is set back: the limit does not end
// early.
func TestClockDoesNotLiftTheLimit(t *testing.T) {
	w := newWorld(t)
	start := w.startSession(86400, 86400)
	guess := redemption(start)
	guess.Token = "00000000-0000-4000-8000-000000000000"
	for range relay.MaxWrongTokens {
		_, err := w.OpenSession(t.Context(), guess)
		wantError(t, err, relay.ErrRedeemWrong)
	}
	w.clock.move(-time.Hour)
	_, err := w.OpenSession(t.Context(), guess)
	wantError(t, err, relay.ErrRedeemLimited)
	w.clock.move(time.Hour + relay.WrongTokenWindow)
	w.open(start)
}

package process_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store/storetest"
)

// steps counts the changes that are stored, and has those with which a caller goes on meet one
// that has moved meanwhile, as often as it is told.
type steps struct {
	process.Store
	stored, stale int
}

func (s *steps) Apply(ctx context.Context, c *process.Change) (*process.Run, [sha256.Size]byte, error) {
	if len(c.With) > 0 && c.With[0].Begin == nil && s.stale > 0 {
		s.stale--
		return nil, [sha256.Size]byte{}, process.ErrStale
	}
	r, hash, err := s.Store.Apply(ctx, c)
	if err == nil {
		s.stored++
	}
	return r, hash, err
}

// newSteps is a world whose store counts.
func newSteps(t *testing.T) (*world, *steps) {
	s := new(steps)
	return newWorld(t, storetest.SQLite, func(c *process.Config) {
		s.Store = c.Store
		c.Store = s
	}), s
}

// A process that is called begins in the step of its caller, and its caller goes on in the step
// in which it ends. What it calls itself begins by a job. Where a return meets another step of the caller, a
// job sees to it.
func TestCallsInOneStep(t *testing.T) {
	for _, stale := range []bool{false, true} {
		w, s := newSteps(t)
		w.deploy(
			inLine("grandchild", service("g", "desk")), inLine("child", calls("kk", "grandchild")),
			inLine("p", service("a", "desk"), calls("k", "child"), service("b", "desk")),
		)
		r := w.start("p")
		if s.stored != 1 {
			t.Errorf("the start took %d steps", s.stored)
		}
		if stale {
			s.stale = 2
		}
		w.want(w.settle(r.ID), process.Completed, "a", "true", "g", "true", "b", "true")
		want := 5 // the start; a and the call; the call of the child; g and both returns; b
		if stale {
			want = 7 // each return is a step of its own
		}
		if s.stored != want || s.stale != 0 {
			t.Errorf("stale %v: %d steps in all, want %d; %d conflicts are left", stale, s.stored, want, s.stale)
		}
		page, err := w.Runs(t.Context(), operator(), process.RunFilter{Status: process.Completed})
		check(t, err)
		if len(page.Runs) != 3 {
			t.Errorf("stale %v: %d runs are completed, want 3", stale, len(page.Runs))
		}
	}
}

// fork is a definition that calls a process n times side by side.
func fork(id, process string, n int) drawing {
	elements, paths := []*bpmn.Element{gateway("fork"), gateway("join")}, []string{"start fork", "join end"}
	for i := range n {
		k := fmt.Sprint("k", i)
		elements, paths = append(elements, calls(k, process)), append(paths, "fork "+k+" join")
	}
	return draw(id, elements...).flow(paths...)
}

// A step is not for all that is drawn around it: of many calls some begin by jobs, and so does
// whatever a called process calls.
func TestCallsAtOnceAreBounded(t *testing.T) {
	w, s := newSteps(t)
	w.deploy(inLine("child", service("c", "desk")), fork("wide", "child", 20), fork("p", "p", 3), inLine("empty"), inLine("e", calls("k", "empty")))
	runs := func() int {
		page, err := w.Runs(t.Context(), operator(), process.RunFilter{})
		check(t, err)
		return len(page.Runs)
	}
	wide := w.start("wide")
	if n := runs(); n != 9 {
		t.Errorf("a step that calls 20 made %d runs, want 9", n)
	}
	w.want(w.settle(wide.ID), process.Completed)
	if n := len(w.desk.asked("c")); n != 20 || runs() != 21 {
		t.Errorf("20 calls made %d works, and %d runs", n, runs())
	}
	// One that ends at once ends in the step in which it begins.
	w.want(w.settle(w.start("e").ID), process.Completed)
	before, there := s.stored, runs()
	w.start("p")
	if n := runs() - there; n != 4 || s.stored != before+1 {
		t.Errorf("a process that calls itself made %d runs in %d steps, want 4 in one", n, s.stored-before)
	}
}

// Two processes that one run has called, and that end at the same moment, are both heard of.
func TestCallsThatEndTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		const runs = 15
		w := newWorld(t, open)
		w.deploy(inLine("child", service("c", "desk")), fork("p", "child", 3))
		node := w.node(func(c *process.Config) { c.Now = time.Now })
		var all sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		all.Go(func() { node.Run(ctx) })
		ids := make([]string, runs)
		for i := range ids {
			r, err := node.Start(t.Context(), enroller(), process.Start{Definition: "p", Subject: "id-of-alice"})
			check(t, err)
			ids[i] = r.ID
		}
		eventually(t, func() bool {
			page, err := w.Runs(t.Context(), operator(), process.RunFilter{Status: process.Completed, Limit: 1000})
			check(t, err)
			return len(page.Runs) == 4*runs
		})
		stop()
		all.Wait()
		for _, id := range ids {
			for _, e := range []string{"left:k0", "left:k1", "left:k2", "ended:end"} {
				w.wantEntry(id, e, 1)
			}
		}
	})
}

// deaf hears of everything but the end of a definition's runs.
type deaf string

func (d deaf) Hear(_ context.Context, events []process.Event) error {
	for _, e := range events {
		if e.Kind == process.RunEnded && e.Definition == string(d) {
			return errDead
		}
	}
	return nil
}

// What keeps a caller from going on does not keep the run that it has called from ending.
func TestCallerThatCannotBeStored(t *testing.T) {
	w := newWorld(t, storetest.SQLite, func(c *process.Config) { c.Listener = deaf("p") })
	w.deploy(inLine("child", service("c", "desk")), inLine("p", calls("k", "child")))
	r := w.start("p")
	for range 2 {
		w.want(w.settle(r.ID), process.Running)
		w.clock.move(time.Minute)
	}
	page, err := w.Runs(t.Context(), operator(), process.RunFilter{Definition: "child"})
	check(t, err)
	if n := len(w.desk.asked("c")); len(page.Runs) != 1 || page.Runs[0].Status != process.Completed || n != 2 {
		t.Errorf("the called runs are %+v after %d tries of the work; want it to have ended with the second", page.Runs, n)
	}
}

// writes is a handler that writes in our own database.
type writes struct{ w **world }

func (writes) Check(map[string]string) error { return nil }

func (h writes) Do(ctx context.Context, _ process.Work) (process.Result, error) {
	u := &credential.User{ID: "id-of-carol", Tenant: "acme", Name: "carol", DisplayName: "carol", Handle: []byte("carol"), Created: noon, Updated: noon}
	return process.Result{}, (*h.w).db.CreateUser(ctx, u, audit.Event{Tenant: "acme", Time: noon, Action: "user.created"})
}

// A step in a transaction that has begun does not wait for its turn: whoever has that may be
// waiting for the transaction.
func TestNoTurnWithinATransaction(t *testing.T) {
	var w *world
	w = newWorld(t, storetest.SQLite, func(c *process.Config) { c.Handlers["writing"] = writes{&w} })
	w.deploy(inLine("p", service("b", "writing")))
	r := w.start("p")
	defer w.Hold(r)()
	w.want(w.settle(r.ID), process.Completed)
}

// A caller that cannot go on is its own incident: the run that it has called has ended.
func TestCallerThatCannotGoOn(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	p := inLine("p", calls("k", "child"), service("b", "desk"))
	w.deploy(inLine("child", service("c", "desk")), p)
	r := w.start("p")
	b := p.Elements["b"]
	delete(p.Elements, "b") // as a program does that is older than the definition
	w.want(w.settle(r.ID), process.Running)
	if jobs := w.incidents(r.ID); len(jobs) != 1 || jobs[0].Kind != process.ReturnJob {
		t.Fatalf("the incidents are %+v, want the return", jobs)
	}
	page, err := w.Runs(t.Context(), operator(), process.RunFilter{Definition: "child"})
	check(t, err)
	if len(page.Runs) != 1 || page.Runs[0].Status != process.Completed {
		t.Errorf("the called runs are %+v", page.Runs)
	}
	p.Elements["b"] = b
	check(t, w.Retry(t.Context(), operator(), w.incidents(r.ID)[0].ID))
	w.want(w.settle(r.ID), process.Completed, "c", "true", "b", "true")
}

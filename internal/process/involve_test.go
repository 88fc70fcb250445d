package process_test

import (
	"context"
	"crypto/sha256"
	"testing"

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
// in which it ends. Where that meets another step, jobs see to it.
func TestCallsInOneStep(t *testing.T) {
	for _, stale := range []bool{false, true} {
		w, s := newSteps(t)
		w.deploy(
			inLine("grandchild", service("g", "desk")), inLine("child", calls("kk", "grandchild")),
			inLine("p", service("a", "desk"), calls("k", "child"), service("b", "desk")),
		)
		r := w.start("p") // a start alone
		if s.stored != 1 {
			t.Errorf("the start took %d steps", s.stored)
		}
		if stale {
			s.stale = 2
		}
		w.want(w.settle(r.ID), process.Completed, "a", "true", "g", "true", "b", "true")
		// The start; a and both calls; g and both returns; b. Where a caller has moved, each return
		// is a step of its own.
		want := 4
		if stale {
			want = 6
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

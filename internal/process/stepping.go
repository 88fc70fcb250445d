package process

import (
	"context"
	"sync"
	"time"
)

// stepping has the steps that this node makes of one run take turns. Two that begin from the same
// revision cost the later one a second step, and where people and their desks act at the
// same moment, as they are asked to, that is every time. It is no more than that: other nodes
// make steps too, and the store alone says which of two counts.
//
// It is safe for concurrent use. Nobody waits for it with a transaction open: whoever has
// the turn may be waiting for that one.
type stepping struct {
	atMost time.Duration // how long somebody waits; then they take their chance

	mu   sync.Mutex
	runs map[string]*turn // that somebody follows
}

// turnTime is long beside a step, and short beside what may be done in a request.
const turnTime = 500 * time.Millisecond

func newStepping() *stepping { return &stepping{atMost: turnTime, runs: make(map[string]*turn)} }

// turn is one run's.
type turn struct {
	mine  chan struct{} // holds one while somebody has it
	after *Run          // the last step, if there was one; for whoever has the turn
	users int           // who follow it
}

// follow has a run's steps noticed from now on, until stop is called: whoever reads the run
// after it, and enters, has none of them to make again.
func (s *stepping) follow(run string) (stop func()) {
	t := s.join(run)
	return func() { s.part(run, t) }
}

// enter waits for the turn at a run, and returns the run as this node knows it by then. leave
// ends the turn, with how the run stands now; nil if it has not moved. Who has waited for long
// goes on without a turn.
func (s *stepping) enter(ctx context.Context, run *Run) (now *Run, leave func(after *Run)) {
	ctx, cancel := context.WithTimeout(ctx, s.atMost)
	defer cancel()
	t := s.join(run.ID)
	select {
	case t.mine <- struct{}{}:
	case <-ctx.Done():
		s.part(run.ID, t)
		return run, func(*Run) {}
	}
	if t.after != nil && t.after.Revision > run.Revision {
		run = t.after
	}
	return run, func(after *Run) {
		if after != nil {
			t.after = after
		}
		<-t.mine
		s.part(run.ID, t)
	}
}

func (s *stepping) join(run string) *turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.runs[run]
	if t == nil {
		t = &turn{mine: make(chan struct{}, 1)}
		s.runs[run] = t
	}
	t.users++
	return t
}

func (s *stepping) part(run string, t *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(s.runs, run)
	}
}

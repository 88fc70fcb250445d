package process

import (
	"context"
	"testing"
	"time"
)

// TestStepping: whoever has waited for the turn at a run begins from where it stands by then,
// and nothing is kept of a run that nobody is at.
func TestStepping(t *testing.T) {
	s := newStepping()
	s.atMost = time.Hour
	read := &Run{ID: "r", Revision: 1}
	run, leave := s.enter(t.Context(), read)
	if run != read {
		t.Fatalf("the first has %+v", run)
	}
	_, other := s.enter(t.Context(), &Run{ID: "another"})
	other(nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	run, none := s.enter(gone, read)
	none(&Run{ID: "r", Revision: 9})
	if run != read {
		t.Errorf("who has no turn begins from %+v", run)
	}
	second := make(chan *Run)
	go func() {
		now, leave := s.enter(context.Background(), read)
		leave(nil)
		second <- now
	}()
	for waits := false; !waits; {
		s.mu.Lock()
		waits = s.runs["r"].users == 2
		s.mu.Unlock()
	}
	moved := &Run{ID: "r", Revision: 2}
	leave(moved)
	if got := <-second; got != moved {
		t.Errorf("the second began from %+v", got)
	}
	if len(s.runs) != 0 {
		t.Errorf("%d runs are kept", len(s.runs))
	}
	stop := s.follow("r")
	_, leave = s.enter(t.Context(), read)
	leave(moved)
	if run, leave = s.enter(t.Context(), read); run != moved {
		t.Errorf("whoever follows a run begins from %+v", run)
	}
	leave(nil)
	stop()
	newer := &Run{ID: "r", Revision: 3}
	if run, leave = s.enter(t.Context(), newer); run != newer {
		t.Errorf("what others have moved: %+v", run)
	}
	leave(nil)
	if len(s.runs) != 0 {
		t.Errorf("in the end %d runs are kept", len(s.runs))
	}
}

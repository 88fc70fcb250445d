package process

import (
	"context"
	"testing"
)

// TestStepping: whoever has waited for the turn at a run begins from where it stands by then,
// and nothing is kept of a run that nobody is at.
func TestStepping(t *testing.T) {
	s := stepping{runs: make(map[string]*turn)}
	read := &Run{ID: "r", Revision: 1}
	run, leave, err := s.enter(t.Context(), read)
	if err != nil || run != read {
		t.Fatalf("the first has %+v, %v", run, err)
	}
	if _, other, err := s.enter(t.Context(), &Run{ID: "another"}); err != nil {
		t.Fatal(err)
	} else {
		other(nil)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.enter(gone, read); err != context.Canceled {
		t.Errorf("one that has gone away: %v", err)
	}
	second := make(chan *Run)
	go func() {
		now, leave, err := s.enter(context.Background(), read)
		if err != nil {
			t.Error(err)
		}
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
	_, leave, _ = s.enter(t.Context(), read)
	leave(moved)
	if run, leave, err = s.enter(t.Context(), read); err != nil || run != moved {
		t.Errorf("whoever follows a run begins from %+v, %v", run, err)
	}
	leave(nil)
	stop()
	newer := &Run{ID: "r", Revision: 3}
	run, leave, err = s.enter(t.Context(), newer)
	if err != nil || run != newer {
		t.Errorf("what others have moved: %+v, %v", run, err)
	}
	leave(nil)
	if len(s.runs) != 0 {
		t.Errorf("in the end %d runs are kept", len(s.runs))
	}
}

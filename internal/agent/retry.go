package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Pauses between tries of a call to the relay: the first, and the longest.
const (
	firstPause   = 250 * time.Millisecond
	longestPause = 5 * time.Second
)

// retry makes a call until it fails in another way than in passing, or ctx ends;
// then the last failure of the call is returned, for it says more.
func (a *Agent) retry(ctx context.Context, call func() error) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := call()
		if _, ok := errors.AsType[passing](err); !ok {
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		a.tell(Event{Phase: PhaseRetry, Text: err.Error()})
		// Half of the pause is left to chance, so that the desks of a house do not
		// come back in step.
		if a.pause(ctx, pause/2+rand.N(pause/2)) != nil {
			return err
		}
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

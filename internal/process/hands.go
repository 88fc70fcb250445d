package process

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// hands are how many jobs this node can do at a time, and which it is at.
type hands struct {
	mu     sync.Mutex
	size   int
	free   int
	open   bool
	ctx    context.Context // of the jobs
	held   map[JobClaim]*holding
	wanted bool          // there was more to do than hands
	freed  chan struct{} // told then when one is free
	all    sync.WaitGroup
}

// holding is a claim that is being worked at.
type holding struct {
	until  time.Time // the claim holds, as far as we know
	cancel context.CancelFunc
}

func newHands(n int) *hands {
	if n == 0 {
		n = defaultWorkers
	}
	return &hands{size: n, held: make(map[JobClaim]*holding), freed: make(chan struct{}, 1)}
}

// begin opens: jobs may be taken, and are done under ctx.
func (h *hands) begin(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ctx, h.free, h.open = ctx, h.size, true
}

// end takes no more jobs, and tells those who wait for their last.
func (h *hands) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = false
}

func (h *hands) isOpen() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open
}

// take takes a hand, if there is one.
func (h *hands) take() bool { return h.takeUpTo(1) == 1 }

// isFree reports whether there is a hand to be taken.
func (h *hands) isFree() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open && h.free > 0
}

// takeAnyway takes a hand even if there is none, unless it was the end.
func (h *hands) takeAnyway() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open {
		h.free--
		h.all.Add(1)
	}
	return h.open
}

// takeUpTo takes as many hands as there are, n at most. If there is none, freed tells of
// the next.
func (h *hands) takeUpTo(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.open {
		return 0
	}
	n = max(0, min(n, h.free))
	h.free -= n
	h.all.Add(n)
	h.wanted = h.wanted || n == 0
	return n
}

func (h *hands) give() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free++
	h.all.Done()
	if h.wanted {
		h.wanted = false
		select {
		case h.freed <- struct{}{}:
		default:
		}
	}
}

// hold notes that a claim is being worked at, so that it is renewed, and returns the
// work's context, which ends if the claim is lost, or about to be.
func (h *hands) hold(ctx context.Context, c JobClaim, until time.Time) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(ctx, workTime)
	h.mu.Lock()
	h.held[c] = &holding{until, cancel}
	h.mu.Unlock()
	return ctx, func() {
		h.mu.Lock()
		delete(h.held, c)
		h.mu.Unlock()
		cancel()
	}
}

// claims returns what is being worked at.
func (h *hands) claims() []JobClaim {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.held))
}

// renew notes that of the claims that were asked for, some hold until a time, and ends the
// work at the others.
func (h *hands) renew(asked, renewed []JobClaim, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range asked {
		switch held := h.held[c]; {
		case held == nil: // it is done
		case slices.Contains(renewed, c):
			held.until = until
		default:
			held.cancel()
		}
	}
}

// loseBefore ends the work at claims that run out before a time: nobody could renew them,
// and somebody else is about to begin.
func (h *hands) loseBefore(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, held := range h.held {
		if held.until.Before(at) {
			held.cancel()
		}
	}
}

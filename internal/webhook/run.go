package webhook

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// PostTimeout is how long one try may take.
	PostTimeout = 10 * time.Second

	// settleTime is what the result of a try may take to be stored.
	settleTime = 2500 * time.Millisecond

	// lease is how long a claim holds after it was renewed: long enough for a try and its
	// bookkeeping, short enough that another node soon goes on for one that died.
	lease = PostTimeout + 2*settleTime

	// maxServed endpoints are served at a time, each for perTurn deliveries and no longer
	// than turn, the try under way aside; then it is the turn of those that wait.
	maxServed = 32
	perTurn   = 100
	turn      = 10 * time.Second

	// sweepEvery bounds how late a delivery of another node is noticed.
	sweepEvery = time.Second
	purgeEvery = time.Minute
	purgeBatch = 500
)

// served holds the endpoints that this node serves.
type served struct {
	mu     sync.Mutex
	n      int
	all    sync.WaitGroup
	landed chan struct{} // told when one is done
}

func (u *served) room() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maxServed - u.n
}

func (u *served) add(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n += n
}

// Run delivers what is due until ctx ends, and removes what is over. What became due
// while nothing ran is delivered at once. It returns when the tries under way are done;
// what could not be done is logged and tried again.
//
// Every node runs it once; they share the endpoints.
func (s *Service) Run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { s.watch(ctx) })
	all.Go(func() { s.keepPurging(ctx) })
	all.Wait()
	return ctx.Err()
}

func (s *Service) watch(ctx context.Context) {
	woken, cancel := s.wakeups.Wait(WakeDeliveries)
	defer cancel()
	u := &served{landed: make(chan struct{}, 1)}
	defer u.all.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-woken:
		case <-u.landed:
		}
		timer.Reset(s.untilNext(ctx, u))
	}
}

// untilNext begins to serve endpoints with something due and returns how long to wait.
func (s *Service) untilNext(ctx context.Context, u *served) time.Duration {
	next, err := s.store.NextDue(ctx)
	if err != nil {
		s.complain(ctx, "the next webhook could not be read", err)
		return sweepEvery
	}
	if next.IsZero() {
		return sweepEvery
	}
	if wait := next.Sub(s.clock()); wait > 0 {
		return min(wait, sweepEvery)
	}
	claims, err := s.claim(ctx, u.room())
	if err != nil {
		s.complain(ctx, "webhooks could not be claimed", err)
	}
	u.add(len(claims))
	for _, c := range claims {
		u.all.Go(func() {
			s.serve(ctx, c)
			u.add(-1)
			select {
			case u.landed <- struct{}{}:
			default:
			}
		})
	}
	return sweepEvery // or when one is done
}

func (s *Service) claim(ctx context.Context, limit int) ([]Claim, error) {
	if limit <= 0 {
		return nil, nil
	}
	now := s.clock()
	return s.store.ClaimEndpoints(ctx, ClaimQuery{At: now, Until: now.Add(lease), Limit: limit})
}

// DeliverDue delivers what is due now, one after the other, and returns how many tries
// that took. [Service.Run] does so by itself.
func (s *Service) DeliverDue(ctx context.Context) (int, error) {
	total := 0
	for {
		claims, err := s.claim(ctx, 1)
		if err != nil || len(claims) == 0 {
			return total, err
		}
		for _, c := range claims {
			total += s.serve(ctx, c)
		}
	}
}

// serve delivers what is due for an endpoint for one turn, and returns how many tries
// that took.
func (s *Service) serve(ctx context.Context, c Claim) int {
	// A try that has begun may have arrived: it is not cut short when the server stops.
	working := context.WithoutCancel(ctx)
	end := s.clock().Add(turn)
	for n := range perTurn {
		if ctx.Err() != nil || n > 0 && s.clock().After(end) {
			s.giveBack(working, c)
			return n
		}
		now := s.clock()
		w, err := s.store.Next(working, c, now, now.Add(lease))
		if err == nil && w == nil || errors.Is(err, ErrClaimLost) {
			return n
		}
		if err == nil {
			err = s.deliver(working, w)
		}
		if errors.Is(err, ErrClaimLost) {
			return n + 1
		}
		if err != nil { // the claim runs out, and what was delivered is delivered again
			s.complain(ctx, "a webhook could not be served", err)
			return n + 1
		}
	}
	s.giveBack(working, c)
	return perTurn
}

func (s *Service) giveBack(ctx context.Context, c Claim) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	if err := s.store.GiveBack(ctx, c, s.clock()); err != nil {
		s.complain(ctx, "the claim of a webhook could not be given back", err)
	}
}

func (s *Service) keepPurging(ctx context.Context) {
	ticker := time.NewTicker(purgeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := s.Purge(ctx); err != nil {
			s.complain(ctx, "old deliveries of webhooks could not be removed", err)
		}
	}
}

// Purge removes deliveries of events that are older than [Keep], and returns how many.
// [Service.Run] calls it every minute.
func (s *Service) Purge(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := s.store.PurgeDeliveries(ctx, s.clock().Add(-Keep), purgeBatch)
		total += n
		if err != nil || n < purgeBatch {
			return total, err
		}
	}
}

// complain logs what no caller can be told, unless it is that we are to stop.
func (s *Service) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		s.log.ErrorContext(ctx, what, "error", err)
	}
}

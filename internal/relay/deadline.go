package relay

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"bestow.dev/internal/plugout"
)

const (
	// sweepEvery bounds how late a deadline of another node's commands is noticed.
	sweepEvery = time.Second
	purgeEvery = time.Minute

	expireBatch       = 256 // deadlines looked for at a time
	expireConcurrency = 16  // so that they share commits
	purgeBatch        = 500 // rows removed in one transaction
)

// Run makes what is due happen until ctx ends: deadlines, callbacks and the removal
// of what is over. What became due while nothing ran happens at once. It returns
// when the callbacks under way are delivered or given up; what could not be done is
// logged and tried again.
//
// Every node runs it once; they do not disturb one another.
func (s *Service) Run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { s.askClients(ctx) })
	all.Go(func() { s.watchDeadlines(ctx) })
	all.Go(func() { s.watchCallbacks(ctx) })
	all.Go(func() { s.keepPurging(ctx) })
	all.Wait()
	return ctx.Err()
}

// alarm is when the deadline loop looks next.
type alarm struct {
	mu sync.Mutex
	at time.Time
}

func (a *alarm) set(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = at
}

// advance moves the alarm to at if that is earlier, and reports whether it is.
func (a *alarm) advance(at time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !at.Before(a.at) {
		return false
	}
	a.at = at
	return true
}

// expectDeadline has the deadline loop of this node look again if at comes before
// what it waits for.
func (s *Service) expectDeadline(at time.Time) {
	if s.alarm.advance(at) {
		select {
		case s.newDeadline <- struct{}{}:
		default:
		}
	}
}

// watchDeadlines ends commands when their time is over.
func (s *Service) watchDeadlines(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.newDeadline:
		}
		timer.Reset(s.untilNextDeadline(ctx))
	}
}

// untilNextDeadline ends what is due and returns how long to wait.
func (s *Service) untilNextDeadline(ctx context.Context) time.Duration {
	s.alarm.set(Never) // what is sent while we look is looked at again
	if _, err := s.ExpireDue(ctx); err != nil {
		s.complain(ctx, "commands past their deadline could not be ended", err)
		return sweepEvery
	}
	next, err := s.store.NextDeadline(ctx)
	if err != nil {
		s.complain(ctx, "the next deadline could not be read", err)
		return sweepEvery
	}
	now := s.clock()
	at := now.Add(sweepEvery)
	if !next.IsZero() && next.Before(at) {
		at = next
	}
	s.alarm.set(at)
	return max(at.Sub(now), 0)
}

// ExpireDue ends every command whose deadline has come, and what goes with it. It
// returns how many it ended by their own deadline. [Service.Run] calls it when it
// is time.
func (s *Service) ExpireDue(ctx context.Context) (int, error) {
	total := 0
	for {
		due, err := s.store.Due(ctx, s.clock(), expireBatch)
		if err != nil || len(due) == 0 {
			return total, err
		}
		n, err := s.expireAll(ctx, due)
		total += n
		// None: other nodes were faster with all of them.
		if err != nil || n == 0 {
			return total, err
		}
	}
}

func (s *Service) expireAll(ctx context.Context, due []CommandID) (int, error) {
	var ended atomic.Int64
	group, inside := errgroup.WithContext(ctx)
	group.SetLimit(expireConcurrency)
	for _, id := range due {
		group.Go(func() error {
			won, err := s.expire(inside, id)
			if won {
				ended.Add(1)
			}
			return err
		})
	}
	err := group.Wait()
	return int(ended.Load()), err
}

// expireWithSession ends a command whose deadline has come; if that is because its
// session did not start, by way of the session.
func (s *Service) expireWithSession(ctx context.Context, c *Stored) error {
	id := c.ID
	if c.AtDeadline == plugout.StatusSessionNotStarted && c.Session != 0 {
		id = c.Session
	}
	_, err := s.expire(ctx, id)
	return err
}

// expire ends a command if its deadline has come, and reports whether it did:
// somebody else may have been faster.
func (s *Service) expire(ctx context.Context, id CommandID) (bool, error) {
	c, err := s.store.Command(ctx, id)
	if errors.Is(err, ErrNoSuchCommand) {
		return false, nil
	}
	if err != nil || c.State != InProgress {
		return false, err
	}
	now := s.clock()
	by := system(c.Tenant)
	shut := s.closing(by, "", now, actionClosed, plugout.StatusSessionNotStarted)
	won, _, err := s.store.Finish(ctx, &Finish{
		Command: id, Only: AfterDeadline, State: StateOf(c.Type, c.AtDeadline),
		Ending: Ending{Status: c.AtDeadline, Ended: now},
		Close:  &shut, EndedEvent: ended(by), Told: s.ended,
	})
	return won, err
}

// keepPurging removes what is over.
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
			s.complain(ctx, "what is over could not be removed", err)
		}
	}
}

// Purge removes commands past their lifespan whose callbacks are delivered, and
// boxes that are over. It returns how many rows it removed. [Service.Run] calls it
// every minute.
func (s *Service) Purge(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := s.store.PurgeRelay(ctx, s.clock(), purgeBatch)
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

package relay

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"
)

const (
	// CallbackTimeout is how long one try to deliver a callback may take.
	CallbackTimeout = 10 * time.Second

	// callbackLease is how long a claim holds: long enough for a try and its
	// bookkeeping, short enough that the callbacks of a node that died are soon sent
	// by another.
	callbackLease = CallbackTimeout + 2*settleTime

	// settleTime is what the result of a try may take to be stored.
	settleTime = 2500 * time.Millisecond

	// maxCallbacks are under way at a time, of these maxCallbacksPerClient to one
	// client, so that one that hangs does not keep the others waiting.
	maxCallbacks          = 32
	maxCallbacksPerClient = 16
)

// underway holds the callbacks of this node that are being delivered.
type underway struct {
	mu  sync.Mutex
	now map[CommandID]Claim // the last claim of each
	by  map[Recipient]int   // how many to each client
	all sync.WaitGroup

	// held says that there was more to deliver than could be begun. Then landed is
	// told when one is done.
	held   bool
	landed chan struct{}
}

func newUnderway() *underway {
	return &underway{now: make(map[CommandID]Claim), by: make(map[Recipient]int), landed: make(chan struct{}, 1)}
}

// watchCallbacks delivers callbacks as they become due.
func (s *Service) watchCallbacks(ctx context.Context) {
	woken, cancel := s.wakeups.Wait(WakeCallbacks)
	defer cancel()
	u := newUnderway()
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
		timer.Reset(s.untilNextCallback(ctx, u))
	}
}

// untilNextCallback starts what is due and returns how long to wait.
func (s *Service) untilNextCallback(ctx context.Context, u *underway) time.Duration {
	for {
		next, err := s.store.NextCallback(ctx)
		if err != nil {
			s.complain(ctx, "the next callback could not be read", err)
			return sweepEvery
		}
		wait := next.Sub(s.clock())
		due := !next.IsZero() && wait <= 0
		u.hold(due)
		if !due {
			return nextWait(next, wait)
		}
		n, err := s.startCallbacks(ctx, u)
		if err != nil {
			s.complain(ctx, "callbacks could not be claimed", err)
			return sweepEvery
		}
		if n == 0 {
			// No room, or what is due waits for its session's callback.
			return sweepEvery
		}
	}
}

func nextWait(next time.Time, wait time.Duration) time.Duration {
	if next.IsZero() {
		return sweepEvery
	}
	return min(wait, sweepEvery)
}

// startCallbacks claims as many callbacks as there is room for and delivers each in
// a goroutine of its own. It returns how many it claimed.
func (s *Service) startCallbacks(ctx context.Context, u *underway) (int, error) {
	q := ClaimQuery{At: s.clock(), Lease: callbackLease}
	u.mu.Lock()
	q.Limit = maxCallbacks - len(u.now)
	for client, n := range u.by {
		if n >= maxCallbacksPerClient {
			q.Not = append(q.Not, client)
		}
	}
	u.mu.Unlock()
	if q.Limit <= 0 {
		return 0, nil
	}
	claims, err := s.store.ClaimCallbacks(ctx, q)
	for _, c := range claims {
		if u.begin(c) {
			u.all.Go(func() {
				s.deliver(ctx, u, c)
				u.tell()
			})
		}
	}
	return len(claims), err
}

// begin notes that c is being delivered. It reports false if that command's callback
// is under way already: the clock was set forward past the end of its claim. The try
// that has begun then counts under the new claim, and there is no second one.
func (u *underway) begin(c Claim) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, twice := u.now[c.Command]
	u.now[c.Command] = c
	if !twice {
		u.by[Recipient{c.Tenant, c.Client}]++
	}
	return !twice
}

// latest returns the claim that the result of c is to be stored under.
func (u *underway) latest(c Claim) Claim {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.now[c.Command]
}

// end notes that the result of c is stored. It reports false if c was claimed anew
// meanwhile: then its result counts for nothing and has to be stored again.
func (u *underway) end(c Claim) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.now[c.Command] != c {
		return false
	}
	delete(u.now, c.Command)
	to := Recipient{c.Tenant, c.Client}
	if u.by[to]--; u.by[to] == 0 {
		delete(u.by, to)
	}
	return true
}

// tell wakes the loop if there is more to deliver than could be begun.
func (u *underway) tell() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.held {
		return
	}
	select {
	case u.landed <- struct{}{}:
	default:
	}
}

func (u *underway) hold(held bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.held = held
}

// DeliverDue delivers the callbacks that are due now, and those that become due by
// it, and returns how many tries that took. [Service.Run] does so by itself.
func (s *Service) DeliverDue(ctx context.Context) (int, error) {
	u, total := newUnderway(), 0
	for {
		n, err := s.startCallbacks(ctx, u)
		if err != nil || n == 0 {
			return total, err
		}
		total += n
		u.all.Wait()
	}
}

// deliver tries once to deliver a callback and notes what came of it. It is not cut
// short when the server stops: a try that has begun may have arrived.
func (s *Service) deliver(ctx context.Context, u *underway, claim Claim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), CallbackTimeout+settleTime)
	defer cancel()
	refusal := s.call(ctx, claim)
	for ended := false; !ended; ended = u.end(claim) {
		claim = u.latest(claim)
		if err := s.settle(ctx, claim, refusal); err != nil {
			// The claim runs out and the callback is repeated.
			s.complain(ctx, "the result of a callback could not be stored", err)
		}
	}
}

// call makes the callback.
func (s *Service) call(ctx context.Context, claim Claim) error {
	client, ok := s.clients.Client(claim.Tenant, claim.Client)
	if !ok {
		return errNoClient
	}
	c, err := s.store.Command(ctx, claim.Command)
	if err != nil {
		return err
	}
	kind, err := KindOf(c.Type)
	if err != nil {
		return err
	}
	body, err := json.Marshal(s.outcome(c).Document())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, CallbackTimeout)
	defer cancel()
	return s.caller.Call(ctx, Call{Client: client, Command: c.ID, Name: kind.Name, Body: body})
}

// settle stores the result of a try.
func (s *Service) settle(ctx context.Context, claim Claim, refusal error) error {
	now := s.clock()
	tries := claim.Tries + 1
	e := system(claim.Tenant).Event(now, actionDelivered)
	e.Ref = claim.Command.String()
	e.Detail = map[string]string{"client": claim.Client, "tries": strconv.Itoa(tries)}
	switch {
	case refusal == nil:
		return s.store.EndCallback(ctx, claim, e)
	case tries < s.attempts && refusal != errNoClient:
		s.log.WarnContext(ctx, "callback failed and will be tried again",
			"command", claim.Command.String(), "client", claim.Client, "try", tries, "error", refusal)
		return s.store.DelayCallback(ctx, claim, now.Add(s.retryDelay))
	}
	s.log.ErrorContext(ctx, "callback given up; the outcome can be polled",
		"command", claim.Command.String(), "client", claim.Client, "tries", tries, "error", refusal)
	e.Action, e.Outcome = actionGivenUp, ErrCallbackFailed.Code
	return s.store.EndCallback(ctx, claim, e)
}

// askClients asks every client with a callback URL once whether it takes callbacks,
// and logs what it says, so that a wrong URL shows at the start.
func (s *Service) askClients(ctx context.Context) {
	var all sync.WaitGroup
	for c := range s.clients.All() {
		if c.CallbackURL == "" {
			continue
		}
		if c.exposesPassword() {
			s.log.WarnContext(ctx, "callbacks send a password over plain http to another machine", "client", c.ID)
		}
		all.Go(func() { s.askClient(ctx, c) })
	}
	all.Wait()
}

func (s *Service) askClient(ctx context.Context, c *Client) {
	ctx, cancel := context.WithTimeout(ctx, CallbackTimeout)
	defer cancel()
	if err := s.caller.Alive(ctx, c); err != nil {
		s.log.WarnContext(ctx, "client does not take callbacks", "client", c.ID, "error", err)
		return
	}
	s.log.InfoContext(ctx, "client takes callbacks", "client", c.ID)
}

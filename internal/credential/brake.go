package credential

import (
	"context"
	"sync"
	"time"

	"bestow.dev/internal/tenant"
)

// brake counts what an address did within the current minute. It is kept per node
// and forgotten on restart: it slows guessing down, secrets of 256 bits prevent it.
type brake struct {
	most int // per minute; negative is no limit

	mu     sync.Mutex
	minute time.Time
	counts map[string]int
}

// maxBrakeAddresses bounds the memory of a brake. Beyond it, addresses not seen in
// this minute share one count.
const maxBrakeAddresses = 100_000

// allow returns address.limited if the address has used up its minute.
func (b *brake) allow(address string, now time.Time) error {
	if b.most < 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	if b.counts[b.key(address)] >= b.most {
		return ErrAddressLimited
	}
	return nil
}

// count notes one more.
func (b *brake) count(address string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	b.counts[b.key(address)]++
}

func (b *brake) turn(now time.Time) {
	if minute := now.Truncate(time.Minute); b.counts == nil || !minute.Equal(b.minute) {
		b.minute, b.counts = minute, make(map[string]int)
	}
}

// key returns what an address is counted under.
func (b *brake) key(address string) string {
	key := tenant.Network(address)
	if _, seen := b.counts[key]; !seen && len(b.counts) >= maxBrakeAddresses {
		return ""
	}
	return key
}

// tenantGate holds back a tenant with very many open ceremonies. Counting them takes
// time that grows with their number, so it counts once a second and adds what began
// on this node since.
type tenantGate struct {
	most  int // negative is no limit
	count func(ctx context.Context, tenant string, now time.Time) (int, error)

	mu     sync.Mutex
	counts map[string]*tenantCount
}

type tenantCount struct {
	open  int
	since time.Time
}

// enter returns ceremony.limit if the tenant has its fill.
func (g *tenantGate) enter(ctx context.Context, tenant string, now time.Time) error {
	if g.most < 0 {
		return nil
	}
	if g.stale(tenant, now) {
		n, err := g.count(ctx, tenant, now)
		if err != nil {
			return err
		}
		g.set(tenant, n)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.counts[tenant]
	if c.open >= g.most {
		return ErrCeremonyLimit
	}
	c.open++
	return nil
}

// stale reports whether the caller is the one to count again.
func (g *tenantGate) stale(tenant string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.counts == nil {
		g.counts = make(map[string]*tenantCount)
	}
	c := g.counts[tenant]
	if c == nil {
		c = &tenantCount{}
		g.counts[tenant] = c
	}
	if age := now.Sub(c.since); age >= 0 && age < time.Second {
		return false
	}
	c.since = now
	return true
}

func (g *tenantGate) set(tenant string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts[tenant].open = n
}

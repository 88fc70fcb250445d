package store

import (
	"crypto/sha256"
	"sync"
)

// head is the end of a tenant's chain.
type head struct {
	seq  int64
	hash [sha256.Size]byte
}

// heads are the ends of chains as this node last wrote them. Another node, or a rollback,
// may have made them others: what is built on one is written only if it is still there. It is
// safe for concurrent use.
type heads struct {
	mu   sync.Mutex
	ends map[string]*end // by tenant
}

type end struct {
	head
	known bool
	wary  int // for how many transactions to come nothing is built on it
}

// wariness is for how many transactions a node reads the end of a chain before it moves it,
// after another node has written to it. On PostgreSQL to read it is a round trip, and to have
// been wrong about it a whole transaction.
const wariness = 64

// at calls fn with a tenant's end. fn is quick.
func (h *heads) at(tenant string, fn func(*end)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ends == nil {
		h.ends = make(map[string]*end)
	}
	if h.ends[tenant] == nil {
		h.ends[tenant] = new(end)
	}
	fn(h.ends[tenant])
}

// of returns the end to build on, if there is one.
func (h *heads) of(tenant string) (last head, ok bool) {
	h.at(tenant, func(e *end) {
		last, ok = e.head, e.known && e.wary == 0
		e.wary = max(0, e.wary-1)
	})
	return last, ok
}

func (h *heads) set(tenant string, last head) {
	h.at(tenant, func(e *end) { e.head, e.known = last, true })
}

// forget drops an end that was not committed.
func (h *heads) forget(tenant string) { h.at(tenant, func(e *end) { e.known = false }) }

// miss drops an end that was no longer there.
func (h *heads) miss(tenant string) { h.at(tenant, func(e *end) { e.known, e.wary = false, wariness }) }

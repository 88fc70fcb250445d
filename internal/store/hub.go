package store

import "sync"

// Hub wakes those who wait for something to change. A wake-up is a hint: it may
// come without a change, several may come as one, and one may be lost with a
// connection; who waits looks again after it, and every now and then without.
//
// Wake-ups reach the waiters of this process at once. On PostgreSQL they reach
// those of the other nodes within some twenty milliseconds.
type Hub struct {
	mu      sync.Mutex
	waiters map[string]map[*waiter]struct{}
	relay   func(key string) // hands the key to the other nodes; nil if there are none
}

// waiter is one call of Wait.
type waiter struct{ c chan struct{} }

func newHub() *Hub { return &Hub{waiters: make(map[string]map[*waiter]struct{})} }

// Wake wakes all who wait for key, on every node. It never blocks. In a
// transaction it belongs into onCommit: before it, there is nothing to see.
func (h *Hub) Wake(key string) {
	h.wakeHere(key)
	if h.relay != nil {
		h.relay(key)
	}
}

// Wait returns a channel that receives after each wake-up for key, until cancel
// is called. Wake-ups while none is received count as one. The usual order is
// Wait, look, and only then receive, so that nothing falls between.
func (h *Hub) Wait(key string) (woken <-chan struct{}, cancel func()) {
	w := &waiter{make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiters[key] == nil {
		h.waiters[key] = make(map[*waiter]struct{})
	}
	h.waiters[key][w] = struct{}{}
	return w.c, func() { h.forget(key, w) }
}

func (h *Hub) forget(key string, w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waiters[key], w)
	if len(h.waiters[key]) == 0 {
		delete(h.waiters, key)
	}
}

func (h *Hub) wakeHere(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.waiters[key] {
		w.wake()
	}
}

// wakeAll wakes everyone here, for when hints may have been lost.
func (h *Hub) wakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ws := range h.waiters {
		for w := range ws {
			w.wake()
		}
	}
}

func (w *waiter) wake() {
	select {
	case w.c <- struct{}{}:
	default:
	}
}

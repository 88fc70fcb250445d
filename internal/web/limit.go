package web

import (
	"sync"
	"time"
)

// FailureLimit knows which callers failed too often within a minute. It counts
// failures alone: success costs nothing, however often.
//
// It is safe for concurrent use. It remembers at most maxLimitKeys keys.
type FailureLimit struct {
	max int
	now func() time.Time

	mu   sync.Mutex
	seen map[string]failures
}

type failures struct {
	since time.Time
	count int
}

const (
	limitWindow  = time.Minute
	maxLimitKeys = 10_000
)

// NewFailureLimit returns a limit of max failures a minute and key. now is the clock.
func NewFailureLimit(max int, now func() time.Time) *FailureLimit {
	return &FailureLimit{max: max, now: now, seen: make(map[string]failures)}
}

// Exceeded reports whether any of keys has failed max times in the last minute.
func (l *FailureLimit) Exceeded(keys ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, k := range keys {
		if f, ok := l.seen[k]; ok && now.Sub(f.since) < limitWindow && f.count >= l.max {
			return true
		}
	}
	return false
}

// Failed counts one failure for each of keys.
func (l *FailureLimit) Failed(keys ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, k := range keys {
		f := l.seen[k]
		if now.Sub(f.since) >= limitWindow {
			f = failures{since: now}
		}
		f.count++
		l.seen[k] = f
	}
	if len(l.seen) > maxLimitKeys {
		l.forget(now)
	}
}

// forget drops what is over, and everything if that is not enough: a flood of
// addresses must not become a flood of memory.
func (l *FailureLimit) forget(now time.Time) {
	for k, f := range l.seen {
		if now.Sub(f.since) >= limitWindow {
			delete(l.seen, k)
		}
	}
	if len(l.seen) > maxLimitKeys {
		clear(l.seen)
	}
}

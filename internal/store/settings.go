package store

import (
	"context"
	"sync"
	"time"
)

// settingsLife is how long a setting is answered from memory on PostgreSQL: a wake-up of another
// node may be lost. On SQLite nothing is, because to read it costs next to nothing, and the
// command line that writes the file beside a server wakes nobody.
const settingsLife = time.Second

// maxSettings is how many settings are remembered; at one more all are forgotten.
const maxSettings = 1024

// settingsKey is what the hub wakes when settings have changed.
const settingsKey = "store/settings"

// setting names what is remembered: a value of a kind, in a tenant. Name is empty where a
// tenant has one of the kind.
type setting struct {
	kind         settingKind
	tenant, name string
}

type settingKind int

const (
	aConnection settingKind = iota
	aMessagingServer
	theRelyingParties
	aNewestDefinition
	noWebhook // a bool: the tenant has none
)

// settings remembers for a moment what is read all the time and changes a few times a year.
//
// On the node that changes one nothing is late: from right before the COMMIT until its outcome is
// known nothing is answered from memory, and what was being read meanwhile is not
// remembered. Another node is late by as long as a wake-up takes, and by its life at
// most. A transaction reads for itself, and nobody is told its own uncommitted changes.
type settings struct {
	hub   *Hub
	life  time.Duration   // zero: nothing is remembered
	woken <-chan struct{} // by this node or another one
	now   func() time.Time

	mu      sync.Mutex
	known   map[setting]remembered
	changes int64 // counts; what was read before a change is not remembered after it
	holds   int   // transactions that may commit a change at this moment
}

type remembered struct {
	value any
	at    time.Time
}

// sight is the moment at which reading a setting begins.
type sight struct {
	changes int64
	at      time.Time
}

func newSettings(h *Hub, life time.Duration) *settings {
	s := &settings{hub: h, life: life, now: time.Now, known: make(map[setting]remembered)}
	s.woken, _ = h.Wait(settingsKey)
	return s
}

// find returns what is remembered under key. Where that is nothing, the caller reads what is
// committed, and hands it to remember together with now.
func (s *settings) find(key setting) (value any, ok bool, now sight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hear()
	now = sight{s.changes, s.now()}
	known, ok := s.known[key]
	if !ok || s.holds > 0 || now.at.Sub(known.at) >= s.life {
		return nil, false, now
	}
	return known.value, true, now
}

// remember keeps what was read since a moment, unless something may have changed since. What is kept
// while a change is being committed is forgotten with its release, before anybody finds it.
func (s *settings) remember(key setting, value any, since sight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hear()
	if s.changes != since.changes {
		return
	}
	if len(s.known) >= maxSettings {
		clear(s.known)
	}
	s.known[key] = remembered{value, since.at}
}

// forget drops everything.
func (s *settings) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
}

// hold has nothing answered from memory until release, which forgets everything, here and on
// the other nodes. A change may have become lasting though its transaction failed, so release
// does not ask how it ended.
func (s *settings) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds++
}

func (s *settings) release() {
	s.mu.Lock()
	s.holds--
	s.drop()
	s.mu.Unlock()
	s.hub.Wake(settingsKey)
}

// hear forgets everything if there was a wake-up. The caller holds the lock, as with drop.
func (s *settings) hear() {
	select {
	case <-s.woken:
		s.drop()
	default:
	}
}

func (s *settings) drop() {
	clear(s.known)
	s.changes++
}

// recall returns the setting under key: from memory, unless ctx is in an ordinary transaction, or
// in one that has changed settings itself; or else what read returns. An error is not
// remembered. The value is shared with others, who get the same one.
func recall[T any](ctx context.Context, db *DB, key setting, read func(ctx context.Context) (T, error)) (T, error) {
	u := db.unit(ctx)
	if u.hasBegun() && (u.late == nil || u.changesSettings) {
		return read(ctx)
	}
	value, ok, since := db.settings.find(key)
	if ok {
		return value.(T), nil
	}
	found, err := read(ctx)
	if err == nil && !u.hasBegun() {
		db.settings.remember(key, found, since)
	}
	return found, err
}

// changesSettings notes that the transaction that ctx is in changes what [settings] remembers.
func (db *DB) changesSettings(ctx context.Context) {
	if u := db.unit(ctx); u != nil {
		u.changesSettings = true
	}
}

// holdSettings comes right before the COMMIT of a transaction, releaseSettings once its outcome
// is known.
func (u *unit) holdSettings() {
	if u.changesSettings && !u.holdsSettings {
		u.holdsSettings = true
		u.db.settings.hold()
	}
}

func (u *unit) releaseSettings() {
	if u != nil && u.holdsSettings {
		u.holdsSettings = false
		u.db.settings.release()
	}
}

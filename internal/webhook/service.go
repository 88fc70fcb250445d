package webhook

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

// Config is what a [Service] is made of.
type Config struct {
	Store   Store   // required
	Sealer  Sealer  // required
	Sender  Sender  // required
	Wakeups Wakeups // required

	// Log receives what no caller can be told. Nil discards it.
	Log *slog.Logger

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Sealer seals secrets with the key of the installation.
type Sealer interface {
	// Seal seals a secret for the place that names what it belongs to. SealFirst is the
	// same where none is stored yet, so that a key may be made. Errors:
	// secrets.key_missing.
	Seal(secret []byte, place string) ([]byte, error)
	SealFirst(secret []byte, place string) ([]byte, error)

	// Open opens what was sealed for a place. Errors: secrets.key_missing,
	// secrets.key_other, secrets.altered.
	Open(sealed []byte, place string) ([]byte, error)
}

// sealPlace is what the secret of an endpoint is sealed for. One that is made anew under
// the same name has another id, and nothing of what the old one had opens there.
func sealPlace(endpoint string) string { return "webhook\x00" + endpoint }

// Sender makes the calls. It follows no redirect, and returns the status of the answer,
// whatever it is, or an error that says without URL why there was none.
type Sender interface {
	Post(ctx context.Context, p Post) (status int, err error)
}

// Post is one call.
type Post struct {
	URL    string
	Header map[string]string
	Body   []byte
}

// Wakeups carries hints that something changed. A lost one costs time, never a delivery.
type Wakeups interface {
	// Wait returns a channel that receives after each wake-up for key until cancel is
	// called. Several wake-ups may count as one.
	Wait(key string) (woken <-chan struct{}, cancel func())
}

// Service keeps endpoints and delivers to them. It is safe for concurrent use.
type Service struct {
	store   Store
	sealer  Sealer
	sender  Sender
	wakeups Wakeups
	log     *slog.Logger
	now     func() time.Time

	delivered, delayed, failed atomic.Int64
}

var _ process.Listener = (*Service)(nil)

// New checks c and returns a service. It returns an error if something required is
// missing.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Sealer == nil || c.Sender == nil || c.Wakeups == nil {
		return nil, errors.New("webhook: store, sealer, sender and wake-ups are required")
	}
	s := &Service{store: c.Store, sealer: c.Sealer, sender: c.Sender, wakeups: c.Wakeups, log: c.Log, now: c.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

// clock returns the time as it is stored: UTC, in milliseconds.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// Hear implements [process.Listener]: what it stores is part of the transaction that ctx
// is in.
func (s *Service) Hear(ctx context.Context, events []process.Event) error {
	tell := make([]Event, len(events))
	for i := range events {
		tell[i] = FromProcess(&events[i])
	}
	return s.store.Tell(ctx, tell)
}

// Counts are the tries of this node since it started, by what came of them.
type Counts struct {
	Delivered int64
	Delayed   int64 // failed, and to be tried again
	Failed    int64 // failed for good
}

// Counts returns them.
func (s *Service) Counts() Counts {
	return Counts{s.delivered.Load(), s.delayed.Load(), s.failed.Load()}
}

// system is the authority of what nobody asked for.
func system(tenantName string) tenant.Authority {
	return tenant.Authority{Tenant: tenantName, Actor: audit.Actor{Kind: audit.System, ID: "webhook"}}
}

package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Config is what a [Service] is made of.
type Config struct {
	Store   Store        // required
	Clients ClientSource // required
	Wakeups Wakeups      // required
	Caller  Caller       // required; delivers callbacks

	// Ended hears of the end of every command, inside the transaction that ends it: what
	// it stores with the context becomes lasting with it. It may be called again for the
	// same command, after what it stored was undone; it does not wait or call anybody,
	// and an error of it undoes the whole. Nil: nobody does.
	Ended func(ctx context.Context, c *Stored) error

	// PublicURL is the base of all box URLs, as agents reach them:
	// https://host/hermod/rest/ms. Required; its path ends in /ms.
	PublicURL string

	// Attempts is how often a callback is tried, the first time included. Zero means
	// once.
	Attempts int

	// RetryDelay is how long to wait between tries. Zero means 30 seconds.
	RetryDelay time.Duration

	// Log receives what no caller can be told. Nil discards it.
	Log *slog.Logger

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Wakeups carries hints that something changed: to this process at once, to other
// nodes soon. A lost one costs time, never a message.
type Wakeups interface {
	// Wait returns a channel that receives after each wake-up for key until cancel is
	// called. Several wake-ups may count as one.
	Wait(key string) (woken <-chan struct{}, cancel func())
}

// The keys under which the store wakes up.
const (
	// WakeCallbacks says that a callback can be delivered.
	WakeCallbacks = "relay/callbacks"
	// WakeBox, followed by the id of a box, says that the box has changed.
	WakeBox = "relay/box/"
)

// Service is the relay. It is safe for concurrent use.
type Service struct {
	store      Store
	clients    ClientSource
	wakeups    Wakeups
	caller     Caller
	ended      func(ctx context.Context, c *Stored) error
	publicURL  string
	fqdn       string
	attempts   int
	retryDelay time.Duration
	log        *slog.Logger
	now        func() time.Time

	lastID      atomic.Int64
	newDeadline chan struct{} // tells the deadline loop to look again
	alarm       alarm
}

// New checks c and returns a relay.
//
// It returns an error if something required is missing, or the public URL cannot
// be the base of a box URL.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Clients == nil || c.Wakeups == nil || c.Caller == nil {
		return nil, errors.New("relay: store, clients, wake-ups and caller are required")
	}
	if c.Attempts < 0 || c.RetryDelay < 0 {
		return nil, errors.New("relay: attempts and retry delay of callbacks cannot be negative")
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("relay: public URL %q is not an https URL", c.PublicURL)
	}
	if !strings.HasSuffix(u.Path, "/ms") {
		return nil, fmt.Errorf("relay: the path of public URL %q does not end in /ms, by which agents know a box", c.PublicURL)
	}
	s := &Service{
		store:       c.Store,
		clients:     c.Clients,
		wakeups:     c.Wakeups,
		caller:      c.Caller,
		ended:       c.Ended,
		publicURL:   c.PublicURL,
		fqdn:        u.Hostname(),
		attempts:    max(c.Attempts, 1),
		retryDelay:  c.RetryDelay,
		log:         c.Log,
		now:         c.Now,
		newDeadline: make(chan struct{}, 1),
	}
	if s.retryDelay == 0 {
		s.retryDelay = 30 * time.Second
	}
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

// Ping reports whether the relay can work. Errors: those of the store.
func (s *Service) Ping(ctx context.Context) error { return s.store.Ping(ctx) }

func (s *Service) boxURL(box string) string { return s.publicURL + "/" + box }

func (s *Service) messageURL(box, message string) string { return s.boxURL(box) + "/" + message }

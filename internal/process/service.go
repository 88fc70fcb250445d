package process

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/tenant"
)

// Config is what a [Service] is made of.
type Config struct {
	Store   Store   // required
	People  People  // required
	Wakeups Wakeups // required

	// Handlers do the work of service tasks, by the name that an expression calls them:
	// "setVariableTask" for ${setVariableTask}.
	Handlers map[string]Handler

	// Advice says what of a service task's parameters, literals and expressions as they
	// are written, is probably not meant, for people: it is told beside what is deployed,
	// and refuses nothing. An error is a fault, and nothing is deployed. Nil: there is none.
	Advice func(ctx context.Context, tenantName string, params map[string]string) ([]string, error)

	// HasRole reports whether an operator, or an API client, holds a role that a task is
	// for. Nil: only those with the scope admin do.
	HasRole func(by tenant.Authority, role string) bool

	// Listener hears of what happens to runs. Nil: nobody does.
	Listener Listener

	// Workers is how many jobs this node does at a time. Zero means 64.
	Workers int

	// Keep is how long runs that have ended are kept. Zero means 30 days, less than zero
	// for ever.
	Keep time.Duration

	// Log receives what no caller can be told. Nil discards it.
	Log *slog.Logger

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// People knows users.
type People interface {
	// PersonByID and PersonByName return a user; ok is false if there is none. Names are
	// compared as they are at sign-in.
	PersonByID(ctx context.Context, tenant, id string) (p Person, ok bool, err error)
	PersonByName(ctx context.Context, tenant, name string) (p Person, ok bool, err error)
}

// Person is a user as processes know them.
type Person struct{ ID, Name string }

// Wakeups carries hints that something changed: to this process at once, to other nodes
// soon. A lost one costs time, never a job.
type Wakeups interface {
	// Wait returns a channel that receives after each wake-up for key until cancel is
	// called. Several wake-ups may count as one.
	Wait(key string) (woken <-chan struct{}, cancel func())
}

const (
	defaultWorkers = 64
	defaultKeep    = 30 * 24 * time.Hour
)

// Service runs processes. It is safe for concurrent use.
type Service struct {
	store    Store
	people   People
	wakeups  Wakeups
	handlers map[string]Handler
	advice   func(ctx context.Context, tenantName string, params map[string]string) ([]string, error)
	role     func(by tenant.Authority, role string) bool
	listener Listener
	keep     time.Duration
	log      *slog.Logger
	now      func() time.Time

	parse func([]byte) (*bpmn.Definition, error)
	grace time.Duration // for work under way, once the service is to stop
	node  string        // names this node among those that do jobs
	hands *hands
	steps *stepping
	done  atomic.Int64 // jobs, by this node

	mu     sync.Mutex
	parsed map[versionKey]*bpmn.Definition
}

type versionKey struct {
	tenant, key string
	version     int
}

// New checks c and returns a service. It returns an error if something required is
// missing or a limit makes no sense.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.People == nil || c.Wakeups == nil {
		return nil, errors.New("process: store, people and wake-ups are required")
	}
	if c.Workers < 0 {
		return nil, errors.New("process: the number of workers cannot be negative")
	}
	s := &Service{
		store: c.Store, people: c.People, wakeups: c.Wakeups, handlers: maps.Clone(c.Handlers),
		advice: c.Advice, role: c.HasRole, listener: c.Listener, keep: c.Keep, log: c.Log, now: c.Now,
		parse: bpmn.Parse, grace: graceTime, node: rand.Text(), hands: newHands(c.Workers),
		steps: newStepping(), parsed: make(map[versionKey]*bpmn.Definition),
	}
	if s.keep == 0 {
		s.keep = defaultKeep
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

// JobsDone returns how many jobs this node has done since it began, whatever came of them.
// Those that failed, or whose claim was lost, do not count.
func (s *Service) JobsDone() int64 { return s.done.Load() }

// clock returns the time as it is stored: UTC, in milliseconds.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

func (s *Service) hasRole(by tenant.Authority, role string) bool {
	if s.role == nil {
		return by.Require(tenant.ScopeAdmin, "") == nil
	}
	return s.role(by, role)
}

// definition returns a version that can be stepped through. Those that were read are
// kept: a version never changes.
func (s *Service) definition(ctx context.Context, tenantName, key string, version int) (*bpmn.Definition, error) {
	k := versionKey{tenantName, key, version}
	s.mu.Lock()
	d := s.parsed[k]
	s.mu.Unlock()
	if d != nil {
		return d, nil
	}
	v, err := s.store.Definition(ctx, tenantName, key, version)
	if err != nil {
		return nil, err
	}
	d, err = s.parse(v.XML)
	if err != nil {
		// It was good when it was deployed: this program is older, or stricter.
		return nil, ErrStep.Because(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parsed[k] = d
	return d, nil
}

func newID() string { return rand.Text() }

func isFault(err, target error) bool { return errors.Is(err, target) }

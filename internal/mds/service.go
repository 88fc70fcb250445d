package mds

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/metadata"
)

// Config is what a [Service] is made of. Without sources nothing else is needed, and
// nothing is known of any model.
type Config struct {
	Store   Store   // required with sources
	Fetcher Fetcher // required with sources

	// Sources in the order of their rank; statements of the operator's own come before
	// all others wherever they stand.
	Sources []Source

	// Tenants returns the names of all tenants, whose trails tell of each new list. Nil:
	// no trail does.
	Tenants func(ctx context.Context) ([]string, error)

	// Log receives what no caller can be told. Nil discards it.
	Log *slog.Logger

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Service keeps the metadata in force. It is safe for concurrent use.
type Service struct {
	store   Store
	fetcher Fetcher
	sources []Source
	tenants func(ctx context.Context) ([]string, error)
	log     *slog.Logger
	now     func() time.Time

	current atomic.Pointer[Snapshot]
	loading sync.Mutex // one Load at a time

	mu   sync.Mutex // guards what follows
	held map[string]*held
}

// held is what this process knows of a source.
type held struct {
	record Record
	list   *List   // in force; nil: none
	told   Changes // what it changed

	loaded   int64 // the version of the record that was last looked at
	unusable error // why that one is not in force here; nil: it is, or there is none
	hasten   bool  // it is not, and a check may mend that
}

// New checks c and returns a service. What is stored is in force after [Service.Load];
// statements of the operator's own are at once.
//
// It returns an error if a source lacks something, or two have one name.
func New(c Config) (*Service, error) {
	s := &Service{
		store: c.Store, fetcher: c.Fetcher, sources: slices.Clone(c.Sources),
		tenants: c.Tenants, log: c.Log, now: c.Now, held: make(map[string]*held),
	}
	if len(s.sources) > 0 && (s.store == nil || s.fetcher == nil) {
		return nil, errors.New("mds: store and fetcher are required")
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	for i := range s.sources {
		src := &s.sources[i]
		if err := src.check(); err != nil {
			return nil, fmt.Errorf("mds: %w", err)
		}
		if s.held[src.Name] != nil {
			return nil, fmt.Errorf("mds: there are two sources %q", src.Name)
		}
		s.held[src.Name] = new(held)
		if src.Own != nil {
			s.held[src.Name].list = ownList(src.Name, src.Own)
		}
	}
	s.publish()
	return s, nil
}

// Current returns the metadata in force. It costs one atomic load.
func (s *Service) Current() *Snapshot { return s.current.Load() }

// clock returns the time as it is stored: UTC, in milliseconds.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// services are the sources that are checked.
func (s *Service) services() []*Source {
	var all []*Source
	for i := range s.sources {
		if s.sources[i].Own == nil {
			all = append(all, &s.sources[i])
		}
	}
	return all
}

// Load brings what the store has into force: after a start what was verified earlier,
// later what another node has accepted. A list that does not verify any more, such as
// after a change of the roots, does not come into force; that is logged and has the
// source checked, and is no error. Errors: those of the store.
func (s *Service) Load(ctx context.Context) error {
	services := s.services()
	if len(services) == 0 {
		return nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	records, err := s.records(ctx, services)
	if err != nil {
		return err
	}
	changed := false
	for _, src := range services {
		swapped, err := s.take(ctx, src, records[src.Name])
		if err != nil {
			return err
		}
		changed = changed || swapped
	}
	if changed {
		s.publish()
	}
	return nil
}

// records returns the record of each source. Those that have none get one.
func (s *Service) records(ctx context.Context, services []*Source) (map[string]Record, error) {
	byName := make(map[string]Record, len(services))
	for range 2 {
		all, err := s.store.Records(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			byName[r.Source] = r
		}
		var missing []string
		for _, src := range services {
			if _, ok := byName[src.Name]; !ok {
				missing = append(missing, src.Name)
			}
		}
		if len(missing) == 0 {
			break
		}
		if err := s.store.Add(ctx, missing); err != nil {
			return nil, err
		}
	}
	return byName, nil
}

// take notes a source's record and, if its version is new here, puts the list in
// force. It reports whether there is another list.
func (s *Service) take(ctx context.Context, src *Source, r Record) (swapped bool, err error) {
	s.mu.Lock()
	h := s.held[src.Name]
	h.record = r
	loaded := h.loaded
	s.mu.Unlock()
	if r.Version == loaded {
		return false, nil
	}
	m, err := s.store.Material(ctx, src.Name)
	if err != nil {
		return false, err
	}
	list, refused := verifyStored(src, m)
	s.mu.Lock()
	defer s.mu.Unlock()
	h.loaded, h.unusable, h.hasten = m.Version, refused, refused != nil
	if refused != nil {
		s.log.ErrorContext(ctx, "stored metadata does not verify any more", "source", src.Name, "number", r.Number, "error", refused)
		return false, nil
	}
	h.list, h.told = list, m.Changes
	s.log.InfoContext(ctx, "metadata is in force", "source", src.Name, "number", list.Number,
		"models", len(list.Entries), "findings", len(list.Findings), "nextUpdate", list.NextUpdate.Format(time.DateOnly))
	return true, nil
}

// verifyStored verifies a list again as it was when it was accepted: at that time, with
// the chain and revocation lists of then. The roots and switches are today's, so that
// the operator can take trust back.
func verifyStored(src *Source, m *Material) (*List, error) {
	o := metadata.Options{
		Roots: src.Roots, Time: m.Accepted,
		AllowUnknownRevocation: src.AllowUnknownRevocation,
	}
	for _, der := range m.Chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("stored chain: %w", err)
		}
		o.Chain = append(o.Chain, c)
	}
	for _, der := range m.CRLs {
		l, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("stored revocation list: %w", err)
		}
		o.RevocationLists = append(o.RevocationLists, l)
	}
	b, err := metadata.VerifyBLOB(m.Text, o)
	if err != nil {
		return nil, refusal(err)
	}
	return blobList(src.Name, b, m.Accepted), nil
}

// publish makes the snapshot anew.
func (s *Service) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lists []*List
	for i := range s.sources {
		if l := s.held[s.sources[i].Name].list; l != nil {
			lists = append(lists, l)
		}
	}
	snapshot := newSnapshot(lists)
	s.current.Store(snapshot)
	s.warnOfHidden(snapshot)
}

// warnOfHidden tells where the operator's own word is better than a service's.
func (s *Service) warnOfHidden(snapshot *Snapshot) {
	now := s.clock()
	for _, l := range snapshot.Lists() {
		if !l.Own {
			continue
		}
		for _, e := range l.Entries {
			if !e.StatusAt(now).Sound() {
				continue
			}
			for _, hidden := range snapshot.Of(e).Hidden {
				if !hidden.Entry.StatusAt(now).Sound() {
					s.log.Warn("a statement of your own hides a defect that a service reports", "model", e.Name(), "own", l.Source, "source", hidden.Source)
				}
			}
		}
	}
}

// source returns a source that is checked.
func (s *Service) source(name string) (*Source, error) {
	for i := range s.sources {
		switch src := &s.sources[i]; {
		case src.Name != name:
		case src.Own != nil:
			return nil, ErrOwn
		default:
			return src, nil
		}
	}
	return nil, ErrUnknownSource
}

// pollEvery is how often the store is asked what is new and what is due.
const pollEvery = time.Second

// Run brings into force what other nodes accept, and checks each source when it is due,
// until ctx ends. What cannot be done is logged and tried again.
func (s *Service) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	services := s.services()
	if len(services) == 0 {
		return
	}
	all.Go(func() { s.every(ctx, "metadata cannot be read from the database", s.Load) })
	for _, src := range services {
		all.Go(func() {
			s.every(ctx, "metadata cannot be checked", func(ctx context.Context) error { return s.checkIfDue(ctx, src) })
		})
	}
}

// every does something once a second. A row of failures is logged once.
func (s *Service) every(ctx context.Context, complaint string, do func(ctx context.Context) error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	failing := false
	for {
		err := do(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			s.log.ErrorContext(ctx, complaint, "code", fault.From(err).Code, "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// CheckDue checks every source that is due, one after the other. [Service.Run] does so
// by itself. A check that failed is no error: it is noted, and due again later. Errors:
// those of the store.
func (s *Service) CheckDue(ctx context.Context) error {
	var errs []error
	for _, src := range s.services() {
		errs = append(errs, s.checkIfDue(ctx, src))
	}
	return errors.Join(errs...)
}

package mds_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/mds"
	"bestow.dev/internal/mds/mdstest"
	"bestow.dev/internal/outbound"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// start is when the tests begin.
var start = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

const (
	keyModel   = "01234567-89ab-cdef-0123-456789abcdef"
	otherModel = "76543210-89ab-cdef-0123-456789abcdef"
)

// world is a metadata service, a database, and nodes on it that share a clock.
type world struct {
	t       *testing.T
	db      *store.DB
	service *mdstest.Service
	source  mds.Source

	mu  sync.Mutex
	at  time.Time
	log bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: storetest.SQLite(t), service: mdstest.New(t, start), at: start}
	w.source = mds.Source{Name: "fido", URL: w.service.URL, Roots: []*x509.Certificate{w.service.Root.Cert}}
	w.service.Publish(first())
	return w
}

// first is the list that the service has at the beginning.
func first() mdstest.List {
	return mdstest.List{Number: 7, NextUpdate: "2026-07-01", Entries: []map[string]any{
		mdstest.Entry(keyModel, "A key", "FIDO_CERTIFIED_L1"),
	}}
}

// next is a later list, with these statuses of the one model.
func next(number uint64, statuses ...string) mdstest.List {
	return mdstest.List{Number: number, NextUpdate: "2026-08-01", Entries: []map[string]any{
		mdstest.Entry(keyModel, "A key", statuses...),
	}}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// fetcher reaches the service of the world.
func (w *world) fetcher() mds.Fetcher {
	w.t.Helper()
	f, err := outbound.NewFetcher(outbound.Config{CAFile: w.service.CAFile, Timeout: 10 * time.Second})
	check(w.t, err)
	return f
}

// offline reaches nothing.
type offline struct{}

func (offline) Fetch(context.Context, mds.Request) (*mds.Document, error) {
	return nil, mds.ErrUnreachable
}

// node is a service on the world's database. Without sources it has the world's.
func (w *world) node(f mds.Fetcher, sources ...mds.Source) *mds.Service {
	w.t.Helper()
	if len(sources) == 0 {
		sources = []mds.Source{w.source}
	}
	s, err := mds.New(mds.Config{
		Store: w.db.Metadata(), Fetcher: f, Sources: sources, Now: w.now,
		Tenants: func(context.Context) ([]string, error) { return []string{"acme", "other"}, nil },
		Log:     slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	check(w.t, err)
	check(w.t, s.Load(w.t.Context()))
	return s
}

// checked is a node that has looked at what was due.
func (w *world) checked(s *mds.Service) *mds.Service {
	w.t.Helper()
	check(w.t, s.CheckDue(w.t.Context()))
	return s
}

func operator() tenant.Authority { return tenant.LocalOperator("acme", "root") }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func model(t testing.TB, text string) webauthn.AAGUID {
	t.Helper()
	id, err := webauthn.ParseAAGUID(text)
	check(t, err)
	return id
}

// wantNumber checks which list the node has in force; zero: none.
func wantNumber(t testing.TB, s *mds.Service, want uint64) {
	t.Helper()
	found := s.Current().ByAAGUID(model(t, keyModel))
	switch {
	case want == 0 && found != nil:
		t.Errorf("list %d is in force, want none", found.Number)
	case want != 0 && found == nil:
		t.Errorf("no list is in force, want %d", want)
	case found != nil && found.Number != want:
		t.Errorf("list %d is in force, want %d", found.Number, want)
	}
}

func state(t testing.TB, s *mds.Service, at time.Time) mds.State {
	t.Helper()
	for _, st := range s.State(at) {
		if st.Source == "fido" {
			return st
		}
	}
	t.Fatal("the source has no state")
	return mds.State{}
}

func wantCode(t testing.TB, err error, want string) {
	t.Helper()
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

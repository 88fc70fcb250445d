package mds_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"bestow.dev/internal/mds"
)

func cancelled(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// memory is a store without a file, for tests in which time is made up. The promises
// themselves are tested on the real ones.
type memory struct {
	mu    sync.Mutex
	all   map[string]*mds.Record
	blobs map[string]*mds.Material
	claim int64
}

func newMemory() *memory {
	return &memory{all: map[string]*mds.Record{}, blobs: map[string]*mds.Material{}}
}

func (m *memory) Records(context.Context) ([]mds.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []mds.Record
	for _, name := range slices.Sorted(maps.Keys(m.all)) {
		all = append(all, *m.all[name])
	}
	return all, nil
}

func (m *memory) Add(_ context.Context, sources []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range sources {
		if m.all[name] == nil {
			m.all[name] = &mds.Record{Source: name}
		}
	}
	return nil
}

func (m *memory) Material(_ context.Context, source string) (*mds.Material, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blobs[source] == nil {
		return nil, mds.ErrNone
	}
	found := *m.blobs[source]
	return &found, nil
}

func (m *memory) Claim(_ context.Context, q mds.ClaimQuery) (mds.Claim, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.all[q.Source]
	if r == nil || !q.Now && r.Next.After(q.At) {
		return mds.Claim{}, false, nil
	}
	m.claim++
	r.Next = q.At.Add(q.Lease)
	return mds.Claim{Source: q.Source, Number: m.claim}, true, nil
}

func (m *memory) Accept(_ context.Context, c mds.Claim, a mds.Acceptance) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Number != m.claim {
		return false, nil
	}
	r := m.all[c.Source]
	*r = mds.Record{
		Source: c.Source, Version: r.Version + 1, Number: a.Number, SHA256: a.SHA256, NextUpdate: a.NextUpdate,
		Accepted: a.At, Checked: a.At, Validators: a.Validators, Next: a.Next,
	}
	m.blobs[c.Source] = &mds.Material{Version: r.Version, Accepted: a.At, Text: a.Text, Chain: a.Chain, CRLs: a.CRLs, Changes: a.Changes}
	return true, nil
}

func (m *memory) Keep(_ context.Context, c mds.Claim, k mds.Kept) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.all[c.Source]; c.Number == m.claim {
		r.Checked, r.Next, r.Validators, r.Tries = k.At, k.Next, k.Validators, 0
	}
	return nil
}

func (m *memory) Fail(_ context.Context, c mds.Claim, f mds.Failure) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.all[c.Source]; c.Number == m.claim {
		r.Tries, r.Failure, r.Next = r.Tries+1, f, f.Next
	}
	return nil
}

// canned is a network of a list and revocation lists.
type canned struct {
	mu    sync.Mutex
	text  []byte
	lists map[string][]byte
	count int
}

func (c *canned) set(text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = text
}

func (c *canned) asked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

func (c *canned) Fetch(_ context.Context, r mds.Request) (*mds.Document, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if list, ok := c.lists[r.URL]; ok {
		return &mds.Document{Body: list}, nil
	}
	c.count++
	return &mds.Document{Body: c.text}, nil
}

package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/mds"
	"bestow.dev/internal/store"
)

// metadataTests are the promises of mds.Store.
var metadataTests = []test{
	{"sources get records, once", testMetadataAdd},
	{"a list comes back as it was", testMetadataRoundTrip},
	{"a list of many megabytes", testMetadataLong},
	{"a claim is one node's", testMetadataClaim},
	{"a void claim changes nothing", testMetadataVoid},
	{"concurrent claims", testMetadataRace},
	{"failures add up and are forgotten", testMetadataFail},
	{"a list goes with its transaction", testMetadataEvents},
}

func accepted(text string) mds.Acceptance {
	return mds.Acceptance{
		Text: []byte(text), Chain: [][]byte{{1, 2}, {0}}, CRLs: [][]byte{{3}},
		Number: 7, SHA256: sha256.Sum256([]byte(text)), NextUpdate: noon.Truncate(24 * time.Hour),
		Changes: mds.Changes{Added: 1, Changed: 1, Models: []mds.Change{{
			Model: "0000#0001", Description: "Schlüssel\x00\u202e", Kind: mds.ChangeRevoked, Is: "REVOKED",
		}}},
		Kept: mds.Kept{
			At: noon, Next: noon.Add(24 * time.Hour),
			Validators: mds.Validators{Place: "place", ETag: `W/"x"`, LastModified: "Mon, 02 Mar 2026 12:00:00 GMT"},
		},
	}
}

// claimed adds a source and claims its check.
func claimed(t *testing.T, db *store.DB, source string) mds.Claim {
	t.Helper()
	check(t, db.Metadata().Add(t.Context(), []string{source}))
	c, ok, err := db.Metadata().Claim(t.Context(), mds.ClaimQuery{Source: source, At: noon, Lease: time.Minute, Now: true})
	check(t, err)
	if !ok {
		t.Fatalf("%s cannot be claimed", source)
	}
	return c
}

func sourceRecord(t *testing.T, db *store.DB, source string) mds.Record {
	t.Helper()
	all, err := db.Metadata().Records(t.Context())
	check(t, err)
	for _, r := range all {
		if r.Source == source {
			return r
		}
	}
	t.Fatalf("no record of %s in %+v", source, all)
	return mds.Record{}
}

func wantEqual(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func testMetadataAdd(t *testing.T, db *store.DB) {
	m := db.Metadata()
	check(t, m.Add(t.Context(), []string{"fido", "alpha"}))
	_, err := m.Material(t.Context(), "fido")
	wantError(t, err, mds.ErrNone)
	c, _, err := m.Claim(t.Context(), mds.ClaimQuery{Source: "fido", At: noon, Lease: time.Minute})
	check(t, err)
	check(t, m.Keep(t.Context(), c, mds.Kept{At: noon, Next: noon.Add(time.Hour)}))
	check(t, m.Add(t.Context(), []string{"fido", "beta"}))
	all, err := m.Records(t.Context())
	check(t, err)
	wantEqual(t, all, []mds.Record{{Source: "alpha"}, {Source: "beta"}, {Source: "fido", Checked: noon, Next: noon.Add(time.Hour)}})
}

func testMetadataRoundTrip(t *testing.T, db *store.DB) {
	m, c, a := db.Metadata(), claimed(t, db, "fido"), accepted("a list")
	a.Number = math.MaxUint64
	a.Events = []audit.Event{event("acme", "metadata.updated"), event("other", "metadata.updated")}
	ok, err := m.Accept(t.Context(), c, a)
	check(t, err)
	if !ok {
		t.Fatal("the claim is void")
	}
	wantEqual(t, sourceRecord(t, db, "fido"), mds.Record{
		Source: "fido", Version: 1, Number: a.Number, SHA256: a.SHA256, NextUpdate: a.NextUpdate,
		Accepted: noon, Checked: noon, Validators: a.Validators, Next: a.Next,
	})
	got, err := m.Material(t.Context(), "fido")
	check(t, err)
	wantEqual(t, got, &mds.Material{Version: 1, Accepted: noon, Text: a.Text, Chain: a.Chain, CRLs: a.CRLs, Changes: a.Changes})
	wantActions(t, db, "acme", "metadata.updated")
	wantActions(t, db, "other", "metadata.updated")

	// The next one takes its place, as a whole.
	next := accepted("the next list")
	next.Chain, next.CRLs, next.At = nil, nil, noon.Add(time.Hour)
	ok, err = m.Accept(t.Context(), claimed(t, db, "fido"), next)
	check(t, err)
	got, err = m.Material(t.Context(), "fido")
	check(t, err)
	wantEqual(t, got, &mds.Material{Version: 2, Accepted: next.At, Text: next.Text, Changes: next.Changes})
	if r := sourceRecord(t, db, "fido"); !ok || r.Version != 2 || r.Number != 7 || r.Accepted != next.At {
		t.Errorf("%v, %+v", ok, r)
	}

	// To be found current changes neither version nor list.
	kept := mds.Kept{At: noon.Add(2 * time.Hour), Next: noon.Add(3 * time.Hour), Validators: mds.Validators{Place: "p", ETag: "e"}}
	check(t, m.Keep(t.Context(), claimed(t, db, "fido"), kept))
	if r := sourceRecord(t, db, "fido"); r.Version != 2 || r.Accepted != next.At || r.Checked != kept.At || r.Next != kept.Next || r.Validators != kept.Validators {
		t.Errorf("%+v", r)
	}
}

func testMetadataLong(t *testing.T, db *store.DB) {
	a := accepted("")
	a.Text = bytes.Repeat([]byte("0123456789abcdef"), 2<<20) // 32 MiB
	ok, err := db.Metadata().Accept(t.Context(), claimed(t, db, "fido"), a)
	check(t, err)
	got, err := db.Metadata().Material(t.Context(), "fido")
	check(t, err)
	if !ok || !bytes.Equal(got.Text, a.Text) {
		t.Errorf("stored %v, %d bytes, want %d", ok, len(got.Text), len(a.Text))
	}
}

func testMetadataClaim(t *testing.T, db *store.DB) {
	m := db.Metadata()
	check(t, m.Add(t.Context(), []string{"fido"}))
	claim := func(at time.Time, now bool) bool {
		t.Helper()
		_, ok, err := m.Claim(t.Context(), mds.ClaimQuery{Source: "fido", At: at, Lease: time.Minute, Now: now})
		check(t, err)
		return ok
	}
	if !claim(noon, false) {
		t.Error("a new source is not due")
	}
	if claim(noon.Add(59*time.Second), false) {
		t.Error("it was claimed twice within the lease")
	}
	if !claim(noon.Add(time.Minute), false) {
		t.Error("it cannot be claimed after the lease")
	}
	if !claim(noon.Add(time.Minute), true) {
		t.Error("it cannot be claimed at once")
	}
	if _, ok, err := m.Claim(t.Context(), mds.ClaimQuery{Source: "other", At: noon, Now: true}); ok || err != nil {
		t.Errorf("a source that is not there: %v, %v", ok, err)
	}
}

func testMetadataVoid(t *testing.T, db *store.DB) {
	m, old := db.Metadata(), claimed(t, db, "fido")
	claimed(t, db, "fido")
	before := sourceRecord(t, db, "fido")
	a := accepted("a list")
	a.Events = []audit.Event{event("acme", "metadata.updated")}
	ok, err := m.Accept(t.Context(), old, a)
	check(t, err)
	check(t, m.Keep(t.Context(), old, a.Kept))
	check(t, m.Fail(t.Context(), old, mds.Failure{At: noon, Next: noon, Code: "x"}))
	if ok {
		t.Error("a list was accepted under a void claim")
	}
	wantEqual(t, sourceRecord(t, db, "fido"), before)
	_, err = m.Material(t.Context(), "fido")
	wantError(t, err, mds.ErrNone)
	wantActions(t, db, "acme")
}

func testMetadataRace(t *testing.T, db *store.DB) {
	m := db.Metadata()
	check(t, m.Add(t.Context(), []string{"fido"}))
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, ok, err := m.Claim(t.Context(), mds.ClaimQuery{Source: "fido", At: noon, Lease: time.Minute})
			if err != nil {
				t.Error(err)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 8 claimed it, want 1", won.Load())
	}
}

func testMetadataFail(t *testing.T, db *store.DB) {
	m := db.Metadata()
	for i := range 2 {
		f := mds.Failure{At: noon.Add(time.Duration(i) * time.Hour), Next: noon.Add(5 * time.Hour), Code: "metadata.signature", Public: "It does not verify."}
		check(t, m.Fail(t.Context(), claimed(t, db, "fido"), f))
		if r := sourceRecord(t, db, "fido"); r.Tries != i+1 || r.Failure != f || r.Next != f.Next || r.Version != 0 || !r.Checked.IsZero() {
			t.Errorf("after failure %d: %+v", i+1, r)
		}
	}
	c := claimed(t, db, "fido")
	if r := sourceRecord(t, db, "fido"); r.Tries != 2 {
		t.Errorf("a claim forgets failures: %+v", r)
	}
	check(t, m.Keep(t.Context(), c, mds.Kept{At: noon, Next: noon.Add(time.Hour)}))
	if r := sourceRecord(t, db, "fido"); r.Tries != 0 {
		t.Errorf("a success does not forget failures: %+v", r)
	}
}

// What joins a transaction goes with it.
func testMetadataEvents(t *testing.T, db *store.DB) {
	m, c, a := db.Metadata(), claimed(t, db, "fido"), accepted("a list")
	a.Events = []audit.Event{event("acme", "metadata.updated")}
	broken := errors.New("broken")
	err := db.InTx(t.Context(), func(ctx context.Context) error {
		if _, err := m.Accept(ctx, c, a); err != nil {
			return err
		}
		return broken
	})
	wantError(t, err, broken)
	if r := sourceRecord(t, db, "fido"); r.Version != 0 {
		t.Errorf("%+v", r)
	}
	wantActions(t, db, "acme")
}

package mds_test

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/mds"
	"bestow.dev/internal/mds/mdstest"
	"bestow.dev/internal/outbound"
	"bestow.dev/metadata"
)

// A restart needs no network, and judges what is stored at the time it was accepted,
// though the certificates and revocation lists of then have ended.
func TestRestartOffline(t *testing.T) {
	w := newWorld(t)
	w.service.PublishChain(mdstest.PEM(w.service.Leaf.Cert, w.service.CA.Cert))
	l := first()
	l.X5U = w.service.Sibling("/chain")
	w.service.Publish(l)
	w.checked(w.node(w.fetcher()))
	w.pass(400 * 24 * time.Hour)
	s := w.node(offline{})
	wantNumber(t, s, 7)
	w.checked(s)
	wantNumber(t, s, 7)
	if st := state(t, s, w.now()); st.Tries != 1 || st.Failure.Code != mds.ErrUnreachable.Code || !st.Outdated || st.Accepted != start {
		t.Errorf("state %+v", st)
	}
}

// Who changes the roots gets neither what the old ones vouched for, nor its number in
// the way; and the source is checked at once.
func TestOtherRoots(t *testing.T) {
	w := newWorld(t)
	w.service.Publish(mdstest.List{Number: 70, NextUpdate: "2026-07-01"})
	w.checked(w.node(w.fetcher()))
	another := mdstest.New(t, start)
	another.Publish(first())
	w.service, w.source.URL, w.source.Roots = another, another.URL, []*x509.Certificate{another.Root.Cert}
	s := w.node(w.fetcher())
	wantNumber(t, s, 0)
	if st := state(t, s, w.now()); st.Unusable == "" || st.Number != 0 {
		t.Errorf("state %+v", st)
	}
	w.checked(s)
	wantNumber(t, s, 7)
	if st := state(t, s, w.now()); st.Unusable != "" || st.Tries != 0 {
		t.Errorf("state %+v", st)
	}
}

func TestSourcesAreChecked(t *testing.T) {
	w := newWorld(t)
	own, err := mds.NewOwn(nil, nil)
	check(t, err)
	tests := []struct {
		name  string
		spoil func(*mds.Config)
		good  bool
	}{
		{"untouched", func(*mds.Config) {}, true},
		{"no store", func(c *mds.Config) { c.Store = nil }, false},
		{"no fetcher", func(c *mds.Config) { c.Fetcher = nil }, false},
		{"no name", func(c *mds.Config) { c.Sources[0].Name = "" }, false},
		{"a name twice", func(c *mds.Config) { c.Sources = append(c.Sources, c.Sources[0]) }, false},
		{"no place", func(c *mds.Config) { c.Sources[0].URL = "" }, false},
		{"two places", func(c *mds.Config) { c.Sources[0].File = "blob.jwt" }, false},
		{"no roots", func(c *mds.Config) { c.Sources[0].Roots = nil }, false},
		{"a root that is nil", func(c *mds.Config) { c.Sources[0].Roots = []*x509.Certificate{nil} }, false},
		{"plain http", func(c *mds.Config) { c.Sources[0].URL = "http://mds.example/s3cret" }, false},
		{"a user in the URL", func(c *mds.Config) { c.Sources[0].URL = "https://s3cret@mds.example/" }, false},
		{"a negative grace", func(c *mds.Config) { c.Sources[0].Grace = -1 }, false},
		{"statements need no roots", func(c *mds.Config) { c.Sources[0] = mds.Source{Name: "own", Own: own} }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := mds.Config{Store: w.db.Metadata(), Fetcher: offline{}, Sources: []mds.Source{w.source}}
			tt.spoil(&c)
			s, err := mds.New(c)
			if (err == nil) != tt.good || (s == nil) == tt.good {
				t.Errorf("service %v, error %v", s != nil, err)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestOutdated(t *testing.T) {
	w := newWorld(t)
	w.source.RefuseOutdated, w.source.Grace = true, 48*time.Hour
	s := w.node(w.fetcher())
	if st := state(t, s, start); !st.Refused || st.Outdated {
		t.Errorf("without a list: %+v", st)
	}
	w.checked(s)
	due := time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC) // the day of nextUpdate is over
	tests := []struct {
		at                time.Time
		outdated, refused bool
	}{
		{due.Add(-time.Millisecond), false, false},
		{due, true, false},
		{due.Add(48*time.Hour - 1), true, false},
		{due.Add(48 * time.Hour), true, true},
	}
	for _, tt := range tests {
		if st := state(t, s, tt.at); st.Outdated != tt.outdated || st.Refused != tt.refused {
			t.Errorf("at %s: outdated %v, refused %v", tt.at, st.Outdated, st.Refused)
		}
	}
	w.source.RefuseOutdated = false
	if st := state(t, w.node(offline{}), due.AddDate(1, 0, 0)); !st.Outdated || st.Refused {
		t.Errorf("where nothing is refused: %+v", st)
	}
}

// What a list changes is told once, and kept.
func TestChanges(t *testing.T) {
	const gone, fresh, updated = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000003"
	w := newWorld(t)
	before := first()
	before.Entries = append(before.Entries, mdstest.Entry(gone, "Gone"), mdstest.Entry(updated, "Updated", "FIDO_CERTIFIED_L1"),
		mdstest.Entry(otherModel, "Restored", "USER_VERIFICATION_BYPASS"))
	w.service.Publish(before)
	s := w.checked(w.node(w.fetcher()))
	after := next(8, "FIDO_CERTIFIED_L1", "REVOKED")
	after.Entries = append(after.Entries, mdstest.Entry(fresh, "New and broken", "USER_KEY_REMOTE_COMPROMISE"),
		mdstest.Entry(updated, "Updated", "FIDO_CERTIFIED_L1", "UPDATE_AVAILABLE"), mdstest.Entry(otherModel, "Restored", "FIDO_CERTIFIED_L2"))
	w.service.Publish(after)
	out, err := s.Check(t.Context(), operator(), "fido")
	check(t, err)
	want := []mds.Change{
		{Model: keyModel, Description: "A key", Kind: mds.ChangeRevoked, Was: metadata.StatusCertifiedL1, Is: metadata.StatusRevoked},
		{Model: fresh, Description: "New and broken", Kind: mds.ChangeCompromised, Is: metadata.StatusRemoteCompromise},
		{Model: updated, Description: "Updated", Kind: mds.ChangeUpdate, Was: metadata.StatusCertifiedL1, Is: metadata.StatusUpdateAvailable},
		{Model: otherModel, Description: "Restored", Kind: mds.ChangeRestored, Was: metadata.StatusUVBypass, Is: metadata.StatusCertifiedL2},
	}
	got := out.Changes
	if got.Added != 1 || got.Removed != 1 || got.Changed != 4 || len(got.Models) != len(want) {
		t.Fatalf("changes %+v", got)
	}
	for i := range want {
		if got.Models[i] != want[i] {
			t.Errorf("got  %+v\nwant %+v", got.Models[i], want[i])
		}
	}
	if st := state(t, w.node(offline{}), w.now()); len(st.Changes.Models) != len(want) || st.Changes.Models[0] != want[0] {
		t.Errorf("after a restart: %+v", st.Changes)
	}
	if n := strings.Count(w.log.String(), "metadata was updated"); n != 2 || !strings.Contains(w.log.String(), "revoked="+keyModel) {
		t.Errorf("told %d times:\n%s", n, &w.log)
	}
}

// between is a network on which something happens before the list comes.
type between struct {
	mds.Fetcher
	happen func()
}

func (b between) Fetch(ctx context.Context, r mds.Request) (*mds.Document, error) {
	b.happen()
	return b.Fetcher.Fetch(ctx, r)
}

// Of two checks at once the later one counts, whichever ends first.
func TestCheckTaken(t *testing.T) {
	w := newWorld(t)
	s := w.node(between{w.fetcher(), func() {
		_, _, err := w.db.Metadata().Claim(t.Context(), mds.ClaimQuery{Source: "fido", At: start, Lease: time.Minute, Now: true})
		check(t, err)
	}})
	_, err := s.Check(t.Context(), operator(), "fido")
	wantCode(t, err, mds.ErrTaken.Code)
	wantNumber(t, s, 0)
}

// Who is stopped in the middle of a check says nothing of the source.
func TestStoppedCheck(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	s := w.node(between{w.fetcher(), stop})
	if err := s.CheckDue(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if st := state(t, w.node(offline{}), start); st.Tries != 0 || st.Failure.Code != "" || st.Number != 0 {
		t.Errorf("state %+v", st)
	}
}

// Models of every family are found, and the order of the configuration ranks services.
func TestRank(t *testing.T) {
	const aaid, key = "F1D0#00aB", "00112233445566778899aabbccddeeff00112233"
	second := mdstest.New(t, start)
	uaf := map[string]any{"aaid": aaid, "statusReports": []any{map[string]any{"status": "REVOKED"}}, "timeOfLastStatusChange": "2026-01-01"}
	u2f := map[string]any{"attestationCertificateKeyIdentifiers": []string{key}, "statusReports": []any{map[string]any{"status": "REVOKED"}}, "timeOfLastStatusChange": "2026-01-01"}
	second.Publish(mdstest.List{Number: 3, NextUpdate: "2026-07-01", Entries: []map[string]any{mdstest.Entry(keyModel, "Second"), uaf, u2f}})
	w := newWorld(t)
	w.service.Publish(mdstest.List{Number: 7, NextUpdate: "2026-07-01", Entries: []map[string]any{mdstest.Entry(keyModel, "First"), uaf}})
	other := mds.Source{Name: "other", URL: second.URL, Roots: []*x509.Certificate{second.Root.Cert}}
	trust := mdstest.File(t, "both.pem", append(read(t, w.service.CAFile), read(t, second.CAFile)...))
	f, err := outbound.NewFetcher(outbound.Config{CAFile: trust})
	check(t, err)
	snapshot := w.checked(w.node(f, w.source, other)).Current()
	for name, found := range map[string]*mds.Found{
		"AAGUID": snapshot.ByAAGUID(model(t, keyModel)), "AAID": snapshot.ByAAID(strings.ToLower(aaid)),
	} {
		if found == nil || found.Source != "fido" || len(found.Hidden) != 1 || found.Hidden[0].Source != "other" || found.Hidden[0].Number != 3 {
			t.Errorf("by %s: %+v", name, found)
		}
	}
	id, _, err := metadata.ParseEntry(text(t, u2f))
	check(t, err)
	found := snapshot.ByKeyIdentifier(id.KeyIdentifiers[0])
	if found == nil || found.Source != "other" || snapshot.Of(id).Entry != found.Entry {
		t.Errorf("by key identifier: %+v", found)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	return text
}

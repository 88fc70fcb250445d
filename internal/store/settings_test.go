package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/internal/provision"
	"bestow.dev/internal/store/pgtest"
)

func TestSettings(t *testing.T) {
	h := newHub()
	s := newSettings(h, settingsLife)
	now := time.Now()
	s.now = func() time.Time { return now }
	key := setting{aConnection, "acme", "a"}
	keep := func() {
		t.Helper()
		_, _, since := s.find(key)
		s.remember(key, "it", since)
	}
	want := func(want bool, when string) {
		t.Helper()
		if _, ok, _ := s.find(key); ok != want {
			t.Errorf("%s: known: %v, want %v", when, ok, want)
		}
	}
	// during has something happen between looking and remembering.
	during := func(when string, happens func()) {
		t.Helper()
		s.forget()
		_, _, since := s.find(key)
		happens()
		s.remember(key, "it", since)
		want(false, when)
	}
	want(false, "at first")
	keep()
	now = now.Add(settingsLife - 1)
	want(true, "within the second")
	now = now.Add(1)
	want(false, "after a second")

	keep()
	h.wakeHere(settingsKey)
	want(false, "after another node's wake-up")
	keep()
	s.hold()
	want(false, "while a change is being committed")
	keep() // is not done
	s.release()
	want(false, "after a change")
	keep()
	want(true, "long after it")

	during("a change while it was read", func() { s.hold(); s.release() })
	during("a change that has begun while it was read", s.hold)
	during("a change on another node while it was read", func() { h.wakeHere(settingsKey) })
	s.release()
	h.wakeHere(settingsKey)
	during("another reader has heard the wake-up", func() { h.wakeHere(settingsKey); s.find(setting{}) })
	_, _, since := s.find(key)
	now = now.Add(settingsLife)
	s.remember(key, "it", since)
	want(false, "a second after reading began")

	keep()
	for i := range maxSettings {
		key := setting{aConnection, "globex", fmt.Sprint(i)}
		_, _, since := s.find(key)
		s.remember(key, "theirs", since)
	}
	if len(s.known) > maxSettings {
		t.Errorf("%d are remembered, %d may be", len(s.known), maxSettings)
	}
}

// Whoever has changed a setting sees it, and what was taken back was never there. The clock
// stands: nothing is right only because it grew old.
func TestSettingsChange(t *testing.T) {
	eachSetting(t, func(t *testing.T, c *settingCase, db *DB) {
		alone(db)
		undo := errors.New("undo")
		for i := range c.changes {
			before := c.reading(t, t.Context(), db)
			for name, run := range map[string]func(context.Context, func(context.Context) error) error{"InTx": db.InTx, "Together": db.Together} {
				var inside string
				if err := run(t.Context(), func(ctx context.Context) error {
					c.change(t, ctx, db, i)
					inside = c.reading(t, ctx, db)
					return undo
				}); !errors.Is(err, undo) {
					t.Fatal(err)
				}
				if inside == before {
					t.Errorf("change %d: %s does not see its own", i, name)
				}
				if got := c.reading(t, t.Context(), db); got != before {
					t.Errorf("change %d: %s was undone, and %q is read, not %q", i, name, got, before)
				}
			}
			c.change(t, t.Context(), db, i)
			after := c.reading(t, t.Context(), db)
			if again := c.reading(t, t.Context(), db); after == before || again != after {
				t.Errorf("change %d: %q before it, %q and %q after", i, before, after, again)
			}
		}
		if db.settings.holds != 0 {
			t.Errorf("it is held %d times", db.settings.holds)
		}
	})
}

// What another process does unheard is seen after a second.
func TestSettingsUnheard(t *testing.T) {
	eachSetting(t, func(t *testing.T, c *settingCase, db *DB) {
		move := alone(db)
		if c.name != "no webhook" {
			c.change(t, t.Context(), db, 0)
		}
		before := c.reading(t, t.Context(), db)
		move(1)
		if err := db.write(t.Context(), func(ctx context.Context, q tx) error {
			_, err := q.Exec(ctx, c.behind)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		move(settingsLife - 2)
		if got := c.reading(t, t.Context(), db); got != before {
			t.Errorf("it was not from memory: %q", got)
		}
		move(1)
		if got := c.reading(t, t.Context(), db); got == before {
			t.Errorf("after a second it still is %q", got)
		}
	})
}

// Whoever changes what is not there any more is told so, and then sees what there is.
func TestSettingsAtAnotherVersion(t *testing.T) {
	db := openSQLiteFile(t)
	alone(db.DB)
	if err := putConnection(1)(t.Context(), db.DB); err != nil {
		t.Fatal(err)
	}
	if _, err := readConnection(t.Context(), db.DB); err != nil {
		t.Fatal(err)
	}
	if _, err := outside(t, db.path).ExecContext(t.Context(), "UPDATE connection SET version = 2"); err != nil {
		t.Fatal(err)
	}
	if err := putConnection(2)(t.Context(), db.DB); !errors.Is(err, provision.ErrChanged) {
		t.Fatalf("got %v, want connection.version", err)
	}
	if c, _, err := db.Provision().Connection(t.Context(), "acme", "a"); err != nil || c.Version != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
}

// What was read before a change became lasting is not what is remembered after it.
func TestSettingsReadDuringChange(t *testing.T) {
	eachSetting(t, func(t *testing.T, c *settingCase, db *DB) {
		alone(db)
		before := c.reading(t, t.Context(), db)
		db.settings.forget()
		key := setting{kind: -1}
		got, err := recall(t.Context(), db, key, func(ctx context.Context) (string, error) {
			read, err := c.read(ctx, db)
			c.change(t, ctx, db, 0)
			return read, err
		})
		if err != nil || got != before {
			t.Fatalf("got %q, %v", got, err)
		}
		after, err := recall(t.Context(), db, key, func(ctx context.Context) (string, error) { return c.read(ctx, db) })
		if err != nil || after == before {
			t.Errorf("it is remembered as %q, %v", after, err)
		}
	})
}

// From its COMMIT on nobody is told what was before a change, though the call that makes it has not
// returned yet.
func TestSettingsAfterCommit(t *testing.T) {
	eachSetting(t, func(t *testing.T, c *settingCase, db *DB) {
		alone(db)
		for i := range c.changes {
			before := c.reading(t, t.Context(), db)
			var after string
			if err := db.InTx(t.Context(), func(ctx context.Context) error {
				db.onCommit(ctx, func() { after = c.reading(t, t.Context(), db) })
				c.change(t, ctx, db, i)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if after == before {
				t.Errorf("change %d: right after its COMMIT it still is %q", i, after)
			}
		}
	})
}

// Readers never get an older version from memory than the database has shown them, while versions
// come one after the other.
func TestSettingsRace(t *testing.T) {
	eachConfig(t, func(t *testing.T, config Config) {
		db := openConfig(t, config)
		alone(db)
		if err := putConnection(1)(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		var done atomic.Bool
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for !done.Load() {
					shown, err := db.Provision().Connections(t.Context(), "acme")
					if err != nil {
						t.Error(err)
						return
					}
					got, _, err := db.Provision().Connection(t.Context(), "acme", "a")
					if err != nil || got.Version < shown[0].Version {
						t.Errorf("version %d was there, and %+v (%v) is remembered", shown[0].Version, got, err)
						return
					}
				}
			})
		}
		for version := range int64(200) {
			if err := putConnection(version+2)(t.Context(), db); err != nil {
				t.Error(err)
				break
			}
		}
		done.Store(true)
		all.Wait()
	})
}

// A transaction that is repeated or fails leaves nothing held, and what it may have changed is
// read again.
func TestSettingsTrouble(t *testing.T) {
	db := openSQLiteFile(t)
	alone(db.DB)
	if err := putConnection(1)(t.Context(), db.DB); err != nil {
		t.Fatal(err)
	}
	trouble := errors.New("trouble")
	version := int64(1)
	for _, fails := range [][]error{{errLost, errLost, nil}, {trouble}, {errLost, trouble}} {
		for name, run := range map[string]func(context.Context, func(context.Context) error) error{"InTx": db.InTx, "Together": db.Together} {
			if _, err := readConnection(t.Context(), db.DB); err != nil {
				t.Fatal(err)
			}
			at := 0
			db.writer.beforeCommit = func() error {
				if _, ok, _ := db.settings.find(setting{aConnection, "acme", "a"}); ok {
					t.Errorf("%s, %v: from memory right before COMMIT %d", name, fails, at)
				}
				at++
				return fails[min(at, len(fails))-1]
			}
			err := run(t.Context(), func(ctx context.Context) error { return putConnection(version+1)(ctx, db.DB) })
			db.writer.beforeCommit = nil
			last := fails[len(fails)-1]
			if (err != nil) != (last != nil) || at < len(fails) {
				t.Errorf("%s, %v: %v after %d attempts", name, fails, err, at)
			}
			if err == nil {
				version++
			}
			if c, _, err := db.Provision().Connection(t.Context(), "acme", "a"); err != nil || c.Version != version || db.settings.holds != 0 {
				t.Errorf("%s, %v: %+v %v, want version %d; held %d times", name, fails, c, err, version, db.settings.holds)
			}
		}
	}
}

// What is handed out is the caller's.
func TestSettingsAreCopies(t *testing.T) {
	db := openSQLiteFile(t)
	p := db.Provision()
	for _, c := range settingCases[:4] {
		c.change(t, t.Context(), db.DB, 0)
	}
	m := &provision.MessagingServer{Tenant: "acme", Name: "keys", Version: 1, KeySets: map[string]json.RawMessage{"a": json.RawMessage("{}")}}
	if err := p.PutMessagingServer(t.Context(), m, []byte{1}, settingEvent("put")); err != nil {
		t.Fatal(err)
	}
	for range 3 { // the one that is remembered, and what is remembered
		c, sealed, err := p.Connection(t.Context(), "acme", "a")
		if err != nil || c.URL != "" || sealed[0] != 1 {
			t.Errorf("connection: %+v %v %v", c, sealed, err)
		}
		c.URL, sealed[0] = "changed", 9
		m, sealed, err := p.MessagingServer(t.Context(), "acme", "keys")
		if err != nil || m.Lifespan != 0 || len(m.KeySets) != 1 || sealed[0] != 1 {
			t.Errorf("messaging server: %+v %v %v", m, sealed, err)
		}
		m.Lifespan, sealed[0] = time.Second, 9
		delete(m.KeySets, "a")
		all, err := db.RelyingParties(t.Context(), "acme")
		if err != nil || len(all) != 1 || all[0].TenantAnchors != "" {
			t.Errorf("relying parties: %+v %v", all, err)
		}
		all[0].TenantAnchors = "changed"
		all[0] = nil
		v, err := db.Process().Newest(t.Context(), "acme", "p")
		if err != nil || v.Name != "" {
			t.Errorf("definition: %+v %v", v, err)
		}
		v.Name = "changed"
	}
}

// A change is heard of on the other nodes long before a second has passed.
func TestSettingsAcrossNodes(t *testing.T) {
	url := pgtest.URL(t)
	one, two := openNode(t, url), openNode(t, url)
	now := time.Now()
	two.settings.now = func() time.Time { return now } // nothing grows old
	listening(t, one, two)
	woken, cancel := two.Hub().Wait(settingsKey)
	defer cancel()
	for i := range settingCases {
		c := &settingCases[i]
		before := c.reading(t, t.Context(), two)
		pending(woken)
		c.change(t, t.Context(), one, 0)
		for end := time.Now().Add(20 * time.Second); c.reading(t, t.Context(), two) == before; {
			if time.Now().After(end) {
				t.Fatalf("%s: not heard of", c.name)
			}
			select {
			case <-woken:
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

package store

import (
	"context"
	"testing"
	"time"

	"bestow.dev/internal/process"
)

// TestTimelineOfBefore: rows of before a step's entries were one row are read as they are,
// and go on.
func TestTimelineOfBefore(t *testing.T) {
	eachConfig(t, func(t *testing.T, c Config) {
		ctx := t.Context()
		db, err := Open(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
		r := &process.Run{ID: "r", Root: "r", Tenant: "acme", Definition: "p", Status: process.Running, Created: at, Updated: at}
		started := &process.Change{Run: r, Begin: &process.Beginning{}, Entries: []process.Entry{{At: at, Kind: process.EntryStarted}}}
		if _, _, err := db.Process().Apply(ctx, started); err != nil {
			t.Fatal(err)
		}
		p := migratorOf(t, db)
		if _, err := p.DownTo(ctx, 13); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			`INSERT INTO process_timeline (run_id, seq, at_ms, kind, element, token, flow, text, attempt, actor)
				VALUES ('r', 2, 1, 'note', 'e', 3, 'f', 'second', 4, 'user:a'), ('r', 3, 1, 'note', '', 0, '', 'third', 0, '')`,
			`UPDATE process_run SET entries = 3`,
		} {
			if err := db.write(ctx, func(ctx context.Context, q tx) error { _, err := q.Exec(ctx, text); return err }); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.Up(ctx); err != nil {
			t.Fatal(err)
		}
		r.Revision = 1
		step := &process.Change{Run: r, Entries: []process.Entry{{At: at, Kind: process.EntryNote, Text: "fourth"}, {At: at, Kind: process.EntryEnded}}}
		if _, _, err := db.Process().Apply(ctx, step); err != nil {
			t.Fatal(err)
		}
		entries, err := db.Process().Timeline(ctx, "acme", "r", 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		want := []process.Entry{
			{Seq: 1, At: at, Kind: process.EntryStarted},
			{Seq: 2, At: fromMS(1), Kind: process.EntryNote, Element: "e", Token: 3, Flow: "f", Text: "second", Attempt: 4, Actor: "user:a"},
			{Seq: 3, At: fromMS(1), Kind: process.EntryNote, Text: "third"},
			{Seq: 4, At: at, Kind: process.EntryNote, Text: "fourth"},
			{Seq: 5, At: at, Kind: process.EntryEnded},
		}
		if len(entries) != len(want) {
			t.Fatalf("got %+v", entries)
		}
		for i := range want {
			if entries[i] != want[i] {
				t.Errorf("got  %+v\nwant %+v", entries[i], want[i])
			}
		}
	})
}

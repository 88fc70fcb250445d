package storetest

import (
	"fmt"
	"testing"
	"time"

	"bestow.dev/internal/process"
	"bestow.dev/internal/store"
)

// testTimelinePages: a page is what it is, wherever it begins and ends among the entries that
// were added together.
func testTimelinePages(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), nil)
	b.begin(newRun("r2"), nil)
	want := []process.Entry{{Seq: 1, At: noon, Kind: process.EntryStarted}}
	for step, n := range []int{3, 1, 0, 9, 2} {
		var added []process.Entry
		for i := range n {
			e := process.Entry{
				Seq: int64(len(want) + 1), At: noon.Add(time.Duration(i) * time.Second), Kind: process.EntryNote,
				Element: fmt.Sprint("e", step), Token: int64(step), Flow: fmt.Sprint("f", i), Text: "ü\"\u2028", Attempt: i, Actor: "user:a",
			}
			if i == n-1 { // as little as there can be
				e = process.Entry{Seq: e.Seq, At: noon, Kind: process.EntryEnded}
			}
			want = append(want, e)
			e.Seq = 0
			added = append(added, e)
		}
		check(t, b.step("r1", func(c *process.Change) { c.Entries = added }))
	}
	all := len(want)
	for after := range all + 2 {
		for limit := 1; limit <= all+1; limit++ {
			got, err := b.Timeline(t.Context(), "acme", "r1", int64(after), limit)
			check(t, err)
			from := min(after, all)
			page := want[from:min(from+limit, all)]
			if len(got) != len(page) {
				t.Fatalf("%d entries after %d with a limit of %d, want %d", len(got), after, limit, len(page))
			}
			for i := range got {
				wantEqual(t, got[i], page[i])
			}
		}
	}
}

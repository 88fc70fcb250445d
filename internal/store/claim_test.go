package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/process"
	"bestow.dev/internal/store/pgtest"
)

// However PostgreSQL plans the statement, and whoever holds rows meanwhile, it claims no
// more jobs than were asked for: each needs a hand that is free.
func TestClaimsAreLimitedByAnyPlan(t *testing.T) {
	c := Config{Postgres: pgtest.URL(t)}
	sep := "?"
	if strings.Contains(c.Postgres, "?") {
		sep = "&"
	}
	// What is left is what it takes where it believes the table to be small.
	c.Postgres += sep + "enable_hashjoin=off&enable_mergejoin=off&enable_hashagg=off&enable_sort=off&enable_material=off"
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const all, limit = 400, 2
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	r := &process.Run{ID: "r", Root: "r", Tenant: "acme", Definition: "p", Status: process.Running, Created: at, Updated: at}
	change := &process.Change{Run: r, Begin: &process.Beginning{}}
	for i := range all {
		change.Jobs = append(change.Jobs, process.Job{
			ID: fmt.Sprint("j", i), Tenant: "acme", Run: "r", Token: 1, Element: "e", Kind: process.WorkJob, State: process.JobReady, Due: at, Created: at,
		})
	}
	if _, _, err := db.Process().Apply(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	var nodes sync.WaitGroup
	for range 8 {
		nodes.Go(func() {
			for {
				jobs, err := db.Process().ClaimJobs(t.Context(), process.JobQuery{At: at, Lease: time.Hour, Node: "n", Limit: limit})
				if err != nil || len(jobs) > limit {
					t.Errorf("%d jobs claimed, want %d at most (%v)", len(jobs), limit, err)
				}
				if len(jobs) == 0 {
					return
				}
			}
		})
	}
	nodes.Wait()
}

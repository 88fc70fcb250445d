package store

import (
	"context"
	"fmt"
	"testing"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// Two nodes write to one trail in turn. Each believes that its head is the last, and
// neither breaks the chain.
func TestTrailOfTwoNodes(t *testing.T) { eachConfig(t, testTrailOfTwo) }

func testTrailOfTwo(t *testing.T, c Config) {
	var nodes [2]*DB
	for i := range nodes {
		db, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		nodes[i] = db
	}
	total := int64(0)
	for i := range 12 {
		events := make([]audit.Event, i%(eventsAtOnce+2)+1) // more than one statement takes, too
		for j := range events {
			events[j] = audit.Event{Tenant: "acme", Action: "test.done", Outcome: audit.OK, Detail: map[string]string{"n": fmt.Sprint(i, j)}}
		}
		total += int64(len(events))
		node := nodes[i/2%2] // twice here, twice there
		if err := node.addEvents(t.Context(), tenant.Tenant{Name: fmt.Sprint("t", i)}, events...); err != nil {
			t.Fatal(err)
		}
	}
	// A node that is wrong about its head finds it, and what it has written counts once.
	switch e := nodes[0].engine.(type) {
	case *sqliteEngine:
		e.writer.heads.set("acme", head{seq: total + 5})
	case *postgresEngine:
		e.heads.at("acme", func(own *end) { *own = end{head: head{seq: total + 5}, known: true} })
	}
	if err := nodes[0].addEvents(t.Context(), tenant.Tenant{Name: "last"}, audit.Event{Tenant: "acme", Action: "test.done", Outcome: audit.OK}); err != nil {
		t.Fatal(err)
	}
	seq, _, err := audit.Verify(t.Context(), nodes[1], "acme")
	if err != nil || seq != total+1 {
		t.Errorf("the trail has %d good events (%v), want %d", seq, err, total+1)
	}
}

// addEvents stores a tenant with several events.
func (db *DB) addEvents(ctx context.Context, t tenant.Tenant, events ...audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		if _, err := q.Exec(ctx, "INSERT INTO tenant (name, created_ms) VALUES ($1, $2)", t.Name, 1); err != nil {
			return err
		}
		return appendAudit(ctx, q, events...)
	})
}

package store

import (
	"context"
	"reflect"
	"testing"
	"time"

	"bestow.dev/internal/store/pgtest"
)

// testColumns writes and reads every kind of column, with the odd values.
func testColumns(t *testing.T, db *DB) {
	type thing struct {
		A string   `json:"a,omitempty"`
		B []string `json:"b,omitempty"`
	}
	const create = `CREATE TABLE kinds (id BIGINT NOT NULL PRIMARY KEY, t_ms BIGINT, j TEXT, n TEXT, b BYTEA, f BOOLEAN)`
	if err := db.write(t.Context(), func(ctx context.Context, q tx) error {
		_, err := q.Exec(ctx, create)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 3, 2, 12, 0, 0, 5e6, time.FixedZone("CET", 3600))
	type row struct {
		at    time.Time
		json  thing
		text  string
		bytes []byte
		flag  bool
	}
	rows := []row{
		{noon.UTC(), thing{"ä'\"\\", []string{"x"}}, "text", []byte{0, 1, 255}, true},
		{time.Time{}, thing{}, "", nil, false},
		{time.UnixMilli(-5).UTC(), thing{}, "x' OR '1'='1", []byte{}, false},
	}
	for i, r := range rows {
		// Arguments are out of order here, and used twice below.
		if err := db.write(t.Context(), func(ctx context.Context, q tx) error {
			_, err := q.Exec(ctx, `INSERT INTO kinds (f, b, n, id, t_ms, j) VALUES ($6, $5, $3, $1, $2, $4)`,
				i, ms(r.at), null(r.text), asJSON(r.json), r.bytes, r.flag)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var got row
		got.json.A = "left from before"
		if err := db.read(t.Context(), func(ctx context.Context, q tx) error {
			return q.QueryRow(ctx, "SELECT t_ms, j, n, b, f FROM kinds WHERE id = $1 AND ($2 = '' OR n = $2)", i, r.text).
				Scan(scanMS(&got.at), scanJSON(&got.json), scanNull(&got.text), &got.bytes, &got.flag)
		}); err != nil {
			t.Fatal(err)
		}
		if len(got.bytes) == 0 && len(r.bytes) == 0 {
			got.bytes, r.bytes = nil, nil
		}
		if !reflect.DeepEqual(got, r) {
			t.Errorf("got %+v, want %+v", got, r)
		}
	}

	// NULL reads as nothing.
	var (
		at   = noon
		text = "left"
		doc  = thing{A: "left"}
	)
	if err := db.read(t.Context(), func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, "SELECT CAST(NULL AS BIGINT), CAST(NULL AS TEXT), CAST(NULL AS TEXT)").
			Scan(scanMS(&at), scanNull(&text), scanJSON(&doc))
	}); err != nil || !at.IsZero() || text != "" || doc.A != "" {
		t.Errorf("NULL reads as %v, %q, %+v (%v)", at, text, doc, err)
	}
	if err := db.read(t.Context(), func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, "SELECT 'no JSON'").Scan(scanJSON(&doc))
	}); err == nil {
		t.Error("what is no JSON was read as such")
	}
	if err := db.read(t.Context(), func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, "SELECT 'no time'").Scan(scanMS(&at))
	}); err == nil {
		t.Error("what is no number was read as a time")
	}
}

func TestSQLiteColumns(t *testing.T)   { testColumns(t, openSQLiteFile(t).DB) }
func TestPostgresColumns(t *testing.T) { testColumns(t, openNode(t, pgtest.URL(t))) }

// testSnapshot: statements of one snapshot see one moment, those of a read see the
// newest.
func testSnapshot(t *testing.T, db *DB) {
	count := func(ctx context.Context, q tx) (n int) {
		if err := q.QueryRow(ctx, "SELECT COUNT(*) FROM tenant").Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	var before, after int
	look := func(name string) func(ctx context.Context, q tx) error {
		return func(ctx context.Context, q tx) error {
			before = count(ctx, q)
			if err := db.write(t.Context(), insertTenant(name)); err != nil {
				return err
			}
			after = count(ctx, q)
			return nil
		}
	}
	if err := db.snapshot(t.Context(), look("a")); err != nil || before != 0 || after != 0 {
		t.Errorf("snapshot: %d before, %d after (%v)", before, after, err)
	}
	if err := db.read(t.Context(), look("b")); err != nil || before != 1 || after != 2 {
		t.Errorf("read: %d before, %d after (%v)", before, after, err)
	}

	// A context that ends inside leaves no connection in the past.
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		db.snapshot(ctx, func(ctx context.Context, q tx) error {
			cancel()
			_, err := q.Exec(ctx, "SELECT 1")
			return err
		})
	}
	if err := db.snapshot(t.Context(), look("c")); err != nil || before != 2 {
		t.Errorf("later: %d before (%v)", before, err)
	}
}

func TestSQLiteSnapshot(t *testing.T)   { testSnapshot(t, openSQLiteFile(t).DB) }
func TestPostgresSnapshot(t *testing.T) { testSnapshot(t, openNode(t, pgtest.URL(t))) }

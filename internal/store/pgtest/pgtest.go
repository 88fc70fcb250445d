// Package pgtest gives tests a place of their own on a PostgreSQL server.
//
// The server is the one that the environment variable BESTOW_TEST_POSTGRES names;
// scripts/with-postgres.sh starts one for a command:
//
//	scripts/with-postgres.sh go test ./...
package pgtest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Variable names the server's URL.
const Variable = "BESTOW_TEST_POSTGRES"

// Need skips the test, and says so, if there is no server.
func Need(t testing.TB) {
	t.Helper()
	if os.Getenv(Variable) == "" {
		t.Skipf("PostgreSQL is not tested: %s is not set (scripts/with-postgres.sh sets it)", Variable)
	}
}

// URL returns a connection URL for an empty schema, which is dropped after the test.
// Without a server the test is skipped, and says so.
func URL(t testing.TB) string {
	t.Helper()
	Need(t)
	server := os.Getenv(Variable)
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is not a URL", Variable)
	}
	schema := "test_" + strings.ToLower(rand.Text())
	run(t, server, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { run(t, server, "DROP SCHEMA "+schema+" CASCADE") })
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func run(t testing.TB, server, text string) {
	t.Helper()
	// Cleanup runs after t.Context has ended.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

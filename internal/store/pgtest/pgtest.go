// Package pgtest gives tests a place of their own on a PostgreSQL server.
//
// The server is the one that the environment variable BESTOW_TEST_POSTGRES names;
// scripts/with-postgres.sh starts one for a command:
//
//	scripts/with-postgres.sh go test ./...
//
// Whom it names has to be allowed to make databases and schemas.
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

// Copy returns a connection URL for a database of the test's own, which is dropped after the
// test. It is a copy of the database template, which fill makes something of if the server
// does not have it yet. The template stays, for other tests and other packages: its name has
// to change with what fill does.
// Without a server the test is skipped, and says so.
func Copy(t testing.TB, template string, fill func(url string) error) string {
	t.Helper()
	Need(t)
	server := os.Getenv(Variable)
	need(t, server, template, fill)
	name := "test_" + strings.ToLower(rand.Text())
	run(t, server, "CREATE DATABASE "+name+" TEMPLATE "+template)
	t.Cleanup(func() { run(t, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	return database(t, server, name)
}

// need makes the template if it is not there. Of several that need it at once one makes it;
// it has its name only when it is done.
func need(t testing.TB, server, template string, fill func(url string) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	defer conn.Close(ctx)
	there := func() (is bool) {
		if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", template).Scan(&is); err != nil {
			t.Fatal(err)
		}
		return is
	}
	if there() {
		return
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtext($1))", template); err != nil {
		t.Fatal(err)
	}
	if there() {
		return
	}
	making := template + "_making"
	run(t, server, "DROP DATABASE IF EXISTS "+making+" WITH (FORCE)") // of one who was stopped
	run(t, server, "CREATE DATABASE "+making)
	if err := fill(database(t, server, making)); err != nil {
		t.Fatalf("make the template: %v", err)
	}
	run(t, server, "ALTER DATABASE "+making+" RENAME TO "+template)
}

// database is the URL of another database of the server.
func database(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is not a URL", Variable)
	}
	q := u.Query()
	q.Del("dbname")
	u.Path, u.RawQuery = "/"+name, q.Encode()
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

package store_test

import (
	"bufio"
	"database/sql"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3/database"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/pgtest"
	"bestow.dev/internal/tenant"
)

var update = flag.Bool("update", false, "write "+newestDump+" anew from the present code")

// newestDump is the dump that -update writes. A release whose schema differs from the
// one before gets the next name; the dumps of earlier releases stay as they are.
const newestDump = "testdata/schema/v2.sql"

// fixture is what one room of the domain puts into a dump, with the code of the time,
// and what the code of today finds there. Its rows have fixed ids and times.
type fixture struct {
	name  string
	write func(t *testing.T, db *store.DB)
	find  func(t *testing.T, db *store.DB)
}

var fixtures = []fixture{
	{"tenant", writeTenantRows, findTenantRows},
	{"credential", writeCredentialRows, findCredentialRows},
	{"relay", writeRelayRows, findRelayRows},
	{"policy", writePolicyRows, findPolicyRows},
	{"metadata", writeMetadataRows, findMetadataRows},
}

// TestUpgrade opens a database of every released schema, with rows in it, with the
// present code.
func TestUpgrade(t *testing.T) {
	if *update {
		writeDump(t, newestDump)
	}
	dumps, err := filepath.Glob("testdata/schema/*.sql")
	if err != nil || len(dumps) == 0 {
		t.Fatalf("no dumps: %v", err)
	}
	for _, name := range dumps {
		d := readDump(t, name)
		t.Run(filepath.Base(name)+"/sqlite", func(t *testing.T) { d.upgrade(t, d.loadSQLite(t)) })
		t.Run(filepath.Base(name)+"/postgres", func(t *testing.T) { d.upgrade(t, d.loadPostgres(t)) })
	}
}

// TestDumpIsWhole has the newest dump hold rows of every table, so that a column which
// an upgrade forgets is missed.
func TestDumpIsWhole(t *testing.T) {
	d := readDump(t, newestDump)
	tables := regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`).FindAllStringSubmatch(d.text, -1)
	if len(tables) == 0 {
		t.Fatal("no tables")
	}
	for _, table := range tables {
		if !strings.Contains(d.text, "\nINSERT INTO "+table[1]+" (") {
			t.Errorf("no rows of %s", table[1])
		}
	}
}

// dump is a database as SQL text: tables as their migrations wrote them, then rows.
type dump struct {
	version  int64 // of the schema
	fixtures []string
	text     string
}

func (d dump) upgrade(t *testing.T, c store.Config) {
	db, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, f := range fixtures {
		if slices.Contains(d.fixtures, f.name) {
			t.Run(f.name, func(t *testing.T) { f.find(t, db) })
		}
	}
}

func readDump(t *testing.T, name string) dump {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var d dump
	var list string
	head := bufio.NewScanner(strings.NewReader(string(text)))
	for head.Scan() && strings.HasPrefix(head.Text(), "--") {
		fmt.Sscanf(head.Text(), "-- schema version %d", &d.version)
		if _, names, ok := strings.Cut(head.Text(), "-- rows of "); ok {
			list = names
		}
	}
	d.fixtures = strings.Fields(list)
	d.text = string(text)
	if d.version == 0 || len(d.fixtures) == 0 {
		t.Fatalf("%s does not say its schema version and whose rows it holds", name)
	}
	return d
}

func (d dump) loadSQLite(t *testing.T) store.Config {
	path := filepath.Join(t.TempDir(), "bestow.db")
	db, err := sql.Open("sqlite", path)
	check(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), d.text)
	check(t, err)
	d.noteVersions(t, database.DialectSQLite3, db)
	return store.Config{SQLite: path}
}

var blob = regexp.MustCompile(`X'([0-9a-f]*)'`)

func (d dump) loadPostgres(t *testing.T) store.Config {
	url := pgtest.URL(t)
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer conn.Close(t.Context())
	// The dialects agree on everything in a dump but how they write bytes.
	text := blob.ReplaceAllString(d.text, `'\x$1'`)
	_, err = conn.PgConn().Exec(t.Context(), text).ReadAll()
	check(t, err)
	db, err := sql.Open("pgx", url)
	check(t, err)
	defer db.Close()
	d.noteVersions(t, database.DialectPostgres, db)
	return store.Config{Postgres: url}
}

// noteVersions writes down which migrations the dump has behind it.
func (d dump) noteVersions(t *testing.T, dialect database.Dialect, db *sql.DB) {
	t.Helper()
	versions, err := database.NewStore(dialect, "schema_version")
	check(t, err)
	check(t, versions.CreateVersionTable(t.Context(), db))
	for v := range d.version + 1 {
		check(t, versions.Insert(t.Context(), db, database.InsertRequest{Version: v}))
	}
}

// writeDump writes the present schema, with the rows of all fixtures.
func writeDump(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bestow.db")
	filled, err := store.Open(t.Context(), store.Config{SQLite: path})
	check(t, err)
	var names []string
	for _, f := range fixtures {
		f.write(t, filled)
		names = append(names, f.name)
	}
	check(t, filled.Close())

	db, err := sql.Open("sqlite", path)
	check(t, err)
	defer db.Close()
	var version int64
	check(t, db.QueryRow("SELECT MAX(version_id) FROM schema_version").Scan(&version))
	var out strings.Builder
	fmt.Fprintf(&out, "-- A database as a release of Bestow left it. Written by: go test -run TestUpgrade -update\n")
	fmt.Fprintf(&out, "-- schema version %d\n-- rows of %s\n", version, strings.Join(names, " "))
	const objects = `SELECT type, name, sql FROM sqlite_master
		WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND tbl_name <> 'schema_version' ORDER BY rowid`
	rows, err := db.Query(objects)
	check(t, err)
	var tables []string
	for rows.Next() {
		var kind, object, text string
		check(t, rows.Scan(&kind, &object, &text))
		fmt.Fprintf(&out, "\n%s;\n", text)
		if kind == "table" {
			tables = append(tables, object)
		}
	}
	check(t, rows.Err())
	for _, table := range tables {
		dumpRows(t, db, table, &out)
	}
	check(t, os.MkdirAll(filepath.Dir(name), 0o755))
	check(t, os.WriteFile(name, []byte(out.String()), 0o644))
}

func dumpRows(t *testing.T, db *sql.DB, table string, out *strings.Builder) {
	t.Helper()
	rows, err := db.Query("SELECT * FROM " + table + " ORDER BY 1, 2")
	check(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	check(t, err)
	types, err := rows.ColumnTypes()
	check(t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		check(t, rows.Scan(values...))
		literals := make([]string, len(values))
		for i, v := range values {
			literals[i] = literal(t, types[i].DatabaseTypeName(), *v.(*any))
		}
		fmt.Fprintf(out, "\nINSERT INTO %s (%s)\n\tVALUES (%s);\n", table, strings.Join(columns, ", "), strings.Join(literals, ", "))
	}
	check(t, rows.Err())
}

func literal(t *testing.T, column string, v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case int64:
		if column == "BOOLEAN" {
			return strings.ToUpper(fmt.Sprint(v != 0))
		}
		return fmt.Sprint(v)
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case []byte:
		return "X'" + hex.EncodeToString(v) + "'"
	}
	t.Fatalf("a column holds %T", v)
	return ""
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The rows of package tenant, and with them an audit trail.

var then = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func thenEvent(action string) audit.Event {
	return tenant.LocalOperator("acme", "root").Event(then, action)
}

func thenClient() *tenant.Client {
	return &tenant.Client{
		Tenant: "acme", ID: "idm", Name: "Identity manager", Scopes: []tenant.Scope{tenant.ScopeProvision},
		RelyingParties: []string{"login.example.com"}, Disabled: true, Source: tenant.FromDatabase, Created: then,
		Keys: []tenant.ClientKey{{ID: "k1", Hash: [32]byte{1, 2, 3}, Created: then, Expires: then.Add(time.Hour)}},
	}
}

func thenRelyingParty(t *testing.T) *tenant.RelyingParty {
	rp, err := tenant.NewRelyingParty(tenant.RelyingParty{
		Tenant: "acme", ID: "login.example.com", Name: "Acme's login", Source: tenant.FromDatabase, Created: then, Changed: then,
	})
	check(t, err)
	return rp
}

func thenToken() *tenant.AccessToken {
	return &tenant.AccessToken{
		Hash: [32]byte{4, 5, 6}, Tenant: "acme", Client: "idm", Scopes: []tenant.Scope{tenant.ScopeProvision},
		Created: then, Expires: then.Add(tenant.AccessTokenLife),
	}
}

func writeTenantRows(t *testing.T, db *store.DB) {
	ctx := t.Context()
	check(t, db.CreateTenant(ctx, tenant.Tenant{Name: "acme", Created: then}, thenEvent("tenant.created")))
	check(t, db.PutRelyingParty(ctx, thenRelyingParty(t), thenEvent("rp.changed")))
	check(t, db.CreateClient(ctx, thenClient(), thenEvent("client.created")))
	check(t, db.CreateAccessToken(ctx, thenToken(), thenEvent("client.access_token_issued")))
}

func findTenantRows(t *testing.T, db *store.DB) {
	ctx := t.Context()
	tenants, err := db.Tenants(ctx)
	check(t, err)
	same(t, tenants, []tenant.Tenant{{Name: "acme", Created: then, Source: tenant.FromDatabase}})
	rp, err := db.RelyingParty(ctx, "acme", "login.example.com")
	check(t, err)
	same(t, rp, thenRelyingParty(t))
	c, err := db.Client(ctx, "idm")
	check(t, err)
	same(t, c, thenClient())
	token, err := db.AccessToken(ctx, thenToken().Hash)
	check(t, err)
	same(t, token, thenToken())

	// The trail is whole, and goes on.
	_, _, err = audit.Verify(ctx, db, "acme")
	check(t, err)
	check(t, db.SetClientDisabled(ctx, "acme", "idm", false, thenEvent("client.enabled")))
	seq, _, err := audit.Verify(ctx, db, "acme")
	check(t, err)
	if seq < 5 {
		t.Errorf("the trail ends at %d, want 5 at least", seq)
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

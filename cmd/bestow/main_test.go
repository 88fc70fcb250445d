package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/store/storetest"
)

// shell runs the program on a data directory of its own.
type shell struct {
	t    *testing.T
	data string
}

// newShell has an empty database, as the first command of a freshShell makes it.
func newShell(t *testing.T) *shell { return &shell{t, filepath.Dir(storetest.File(t))} }

// freshShell has nothing in its data directory.
func freshShell(t *testing.T) *shell { return &shell{t, t.TempDir()} }

// said is what the program wrote, and how it ended.
type said struct {
	code           int
	stdout, stderr string
}

func (s *shell) run(args ...string) said { return s.runWith("", args...) }

func (s *shell) runWith(stdin string, args ...string) said {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	in := &invocation{ctx: s.t.Context(), stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr}
	code := run(in, append([]string{"--data", s.data}, args...))
	return said{code, stdout.String(), stderr.String()}
}

// want runs the program and fails unless it ends with code and says what is given, on
// standard output if it was done, else on standard error.
func (s *shell) want(code int, says string, args ...string) said {
	s.t.Helper()
	got := s.run(args...)
	text := got.stdout
	if code != exitDone {
		text = got.stderr
	}
	if got.code != code || !strings.Contains(text, says) {
		s.t.Errorf("bestow %s: %+v, want %d and %q", strings.Join(args, " "), got, code, says)
	}
	return got
}

func TestReport(t *testing.T) {
	full := fault.New(fault.Unavailable, "store.full", "There is no room left.")
	gone := fault.New(fault.Gone, "link.gone", "The link is over.")
	odd := fault.New(fault.Invalid, "name", "A name has letters.").At("name")
	tests := []struct {
		err  error
		code int
		text string
	}{
		{nil, exitDone, ""},
		{exitCode(7), 7, ""},
		{gone, exitRefused, "bestow: The link is over. (link.gone)\n"},
		{fmt.Errorf("open the box: %w", gone), exitRefused, "bestow: open the box: The link is over. (link.gone)\n"},
		{gone.Because(errors.New("row 7")), exitRefused, "bestow: The link is over. (link.gone)\n"},
		{full.Because(errors.New("write bestow.db: no space")), exitRefused, "bestow: There is no room left. (store.full)\nThe cause: write bestow.db: no space\n"},
		{fmt.Errorf("stop: %w", full), exitRefused, "bestow: stop: There is no room left. (store.full)\n"},
		{errors.Join(gone, errors.New("another")), exitRefused, "bestow: The link is over. (link.gone)\n"},
		{fmt.Errorf("row 3: %w", odd), exitUsage, "bestow: row 3: A name has letters.\n"},
		{fmt.Errorf("read: %w", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}), exitRefused, "bestow: read: open x: file does not exist\n"},
		{errors.New("nil map"), exitInternal, "bestow: nil map\n"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		if code := report(&out, tt.err); code != tt.code || out.String() != tt.text {
			t.Errorf("%v: got %d %q, want %d %q", tt.err, code, &out, tt.code, tt.text)
		}
	}
}

func TestExitCodes(t *testing.T) {
	s := freshShell(t)
	s.want(exitDone, "alice@example.com", "user", "create", "alice@example.com", "--display-name", "Alice")
	s.want(exitRefused, "(user.exists)", "user", "create", "ALICE@example.com")
	s.want(exitRefused, "(user.unknown)", "user", "show", "bob")
	s.want(exitUsage, "A user name has", "user", "create", "a\u202eb")
	s.want(exitUsage, "unknown flag", "user", "create", "bob", "--admin")
	s.want(exitUsage, "expected", "user")
	s.want(exitUsage, `There is no tenant "x"`, "user", "list", "--tenant", "x")
	s.want(exitUsage, "Say --yes", "user", "erase", "alice@example.com")
	s.want(exitUsage, "does not exist", "user", "list", "--config", filepath.Join(s.data, "none.yaml"))
	s.want(exitUsage, "--limit is 1 to 1000", "audit", "list", "--limit", "1001")
	s.want(exitDone, "erased", "user", "erase", "alice@example.com", "--yes")
	s.want(exitDone, "events of tenant", "audit", "verify")
	s.want(exitDone, "Usage", "--help")
}

// Nobody gives themselves a key by way of the command line.
func TestInviteOneself(t *testing.T) {
	t.Setenv("SUDO_USER", "mallory")
	s := newShell(t)
	s.want(exitRefused, "(registration.self)", "user", "invite", "--create", "Mallory")
	s.want(exitDone, "https://localhost:8443/enrol#", "user", "invite", "--create", "alice")
}

func TestInviteAdditional(t *testing.T) {
	s := newShell(t)
	got := s.want(exitDone, "#", "--json", "user", "invite", "--create", "alice")
	var doc struct{ Link string }
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil || !strings.HasPrefix(doc.Link, "https://") {
		t.Errorf("%s: %v", got.stdout, err)
	}
	_, secret, _ := strings.Cut(doc.Link, "#")
	for _, args := range [][]string{{"audit", "export"}, {"user", "export", "alice"}} {
		if got := s.run(args...); got.code != exitDone || strings.Contains(got.stdout+got.stderr, secret) {
			t.Errorf("%q ends with %d, or holds the secret", args, got.code)
		}
	}
}

func TestClientSecretIsShownOnce(t *testing.T) {
	s := newShell(t)
	got := s.want(exitDone, "secret", "--json", "client", "create", "idm", "--scope", "fido.provision,fido.read")
	var doc struct{ Secret string }
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil || len(doc.Secret) < 43 || strings.Contains(got.stderr, doc.Secret) {
		t.Errorf("%+v: %v", got, err)
	}
	for _, args := range [][]string{{"client", "list"}, {"--json", "client", "list"}, {"audit", "export"}} {
		if got := s.run(args...); got.code != exitDone || strings.Contains(got.stdout, doc.Secret) {
			t.Errorf("%q ends with %d, or shows the secret again", args, got.code)
		}
	}
	s.want(exitUsage, "There is a scope that does not exist", "client", "create", "x", "--scope", "root")
}

func TestAuditVerify(t *testing.T) {
	s := newShell(t)
	s.want(exitDone, "alice", "user", "create", "alice")
	db, err := sql.Open("sqlite", filepath.Join(s.data, "bestow.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE audit_event SET actor_id = 'local:nobody'"); err != nil {
		t.Fatal(err)
	}
	s.want(exitRefused, "event 1 was altered", "audit", "verify")

	// That the database does not answer says nothing about the trail.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	in := &invocation{ctx: ctx, stdin: strings.NewReader(""), stdout: io.Discard, stderr: &stderr}
	if code := run(in, []string{"--data", s.data, "audit", "verify"}); code == exitDone || strings.Contains(stderr.String(), "not whole") {
		t.Errorf("got %d %s", code, &stderr)
	}
}

func TestImport(t *testing.T) {
	s := newShell(t)
	got := s.runWith("\ufeffname,displayName\nalice,Alice\n\"bob\n\",Bob\nALICE,Again\na\u202eb,x\n", "user", "import", "-")
	if got.code != exitRefused || !strings.Contains(got.stdout, "2 created, 1 there already, 1 refused") || !strings.Contains(got.stderr, "1 rows were refused") {
		t.Errorf("got %+v", got)
	}
	for name, input := range map[string]string{
		"empty":            "",
		"no name":          "displayName\nx\n",
		"another column":   "name,role\nx,admin\n",
		"a row too short":  "name,displayName\nx\n",
		"an open quote":    "name\n\"x\n",
		"a BOM of nothing": "\ufeff",
	} {
		if got := s.runWith(input, "user", "import", "-"); got.code != exitUsage || !strings.Contains(got.stderr, "The CSV file cannot be used") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	s.want(exitUsage, "no such file", "user", "import", "/nowhere/users.csv")
}

// endless is a file that goes on and on.
type endless struct{ sent int }

func (e *endless) Read(b []byte) (int, error) {
	if e.sent == 0 {
		e.sent = copy(b, "name\n")
		return e.sent, nil
	}
	n := copy(b, bytes.Repeat([]byte{'x'}, len(b)))
	b[n-1] = '\n'
	e.sent += n
	return n, nil
}

// A file that is too long is refused as a whole, not imported in part.
func TestImportTooLong(t *testing.T) {
	rows, err := readUsersCSV(new(endless))
	if f := fault.From(err); f == nil || f.Kind != fault.Invalid || !strings.Contains(f.Public, "split it") || rows != nil {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestBackupAndRestore(t *testing.T) {
	s := freshShell(t)
	file := filepath.Join(t.TempDir(), "copy.db")
	s.want(exitRefused, "(backup.nothing)", "backup", file)
	s.want(exitDone, "alice", "user", "create", "alice")
	s.want(exitDone, "bytes", "backup", file)
	s.want(exitRefused, "(backup.exists)", "backup", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	other := freshShell(t)
	other.want(exitDone, "restored", "restore", file)
	other.want(exitRefused, "(restore.exists)", "restore", file)
	other.want(exitDone, "alice", "user", "show", "alice")
	if err := os.WriteFile(file, []byte("SQLite format 3\x00 and then nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	freshShell(t).want(exitRefused, "(restore.damaged)", "restore", file)
}

// A relay that sends the caller elsewhere does not get it to take its key there.
func TestRelayKeyStaysHome(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("it went on to %s with the headers %v", r.URL, r.Header)
	}))
	defer elsewhere.Close()
	relay := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer relay.Close()
	s := freshShell(t)
	key := filepath.Join(s.data, "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 40)), 0o600); err != nil {
		t.Fatal(err)
	}
	got := s.want(exitRefused, "(relay.refused)", "relay", "poll", "1", "--url", relay.URL, "--client", "idm", "--key-file", key)
	if strings.Contains(got.stderr, "kkkk") {
		t.Errorf("it shows the key: %s", got.stderr)
	}
}

// Every verb has a page of help with an example in it.
func TestHelp(t *testing.T) {
	s := freshShell(t)
	for _, verb := range []string{
		"serve", "demo", "ceremony import", "backup", "restore", "ca path", "user invite", "user import", "client create", "client rotate",
		"process deploy", "process start", "process show", "connection put", "connection test", "messaging-server put", "credential suspend", "relay send", "relay listen", "audit verify", "trust list", "trust show", "trust export", "trust check",
	} {
		args := slices.Concat(strings.Fields(verb), []string{"--help"})
		s.want(exitDone, "bestow "+verb, args...)
	}
}

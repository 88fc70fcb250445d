package e2e

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDemo runs the first command of the README.
func TestDemo(t *testing.T) {
	began := time.Now()
	temp := t.TempDir()
	res := run(t, bestow(), []string{"TMPDIR=" + temp}, "", "demo")
	if res.code != 0 {
		t.Fatalf("exit %d\n%s\n%s", res.code, res.stdout, res.stderr)
	}
	t.Logf("took %v", time.Since(began))
	for _, said := range []string{
		"PUT connections/digital-access", "POST process-runs: security-key", "POST task/link", "page and agent show the same code",
		"Your security key is ready", "POST task/{id}: Next", "Your security key is registered", "both runs have completed",
		"attestation packed", "challenge_unknown", "signed in: alice@example.com", "relay.match_confirmed", "credential.registered", "Done in",
	} {
		if !strings.Contains(res.stdout, said) {
			t.Errorf("the timeline does not say %q", said)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, secret := range []string{"token=A", "/task#", "pin="} {
		if strings.Contains(res.stdout+res.stderr, secret) {
			t.Errorf("the timeline holds %q", secret)
		}
	}
	if t.Failed() {
		t.Log(res.stdout, res.stderr)
	}
}

// TestDemoServes types what the demo says to try.
func TestDemoServes(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	home := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	demo := exec.CommandContext(ctx, bestow(), "demo", "--serve", "--dir", dir)
	demo.Env = home
	demo.Cancel = func() error { return demo.Process.Signal(os.Interrupt) }
	out, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if strings.HasSuffix(lines.Text(), "/api/v1/docs") {
			break // the last
		}
	}
	work := t.TempDir()
	tried := 0
	for _, line := range said {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, bestow()+" ") {
			continue
		}
		tried++
		words := strings.Fields(line)
		cmd := exec.CommandContext(ctx, words[0], words[1:]...)
		cmd.Dir, cmd.Env = work, home
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, text)
		}
	}
	if tried != 7 {
		t.Errorf("%d commands are offered, want 7:\n%s", tried, strings.Join(said, "\n"))
	}
	if picture, err := os.ReadFile(filepath.Join(work, "run.svg")); err != nil || !strings.Contains(string(picture), "<svg") {
		t.Errorf("no picture: %v", err)
	}
	if err := demo.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := demo.Wait(); err != nil {
		t.Errorf("Ctrl-C: %v", err)
	}
}

// TestDemoFails shows that a step that fails ends the demo with the cause.
func TestDemoFails(t *testing.T) {
	taken := freeAddress(t)
	s := start(t, "listen: "+taken)
	res := run(t, bestow(), nil, "", "demo", "--listen", s.listen)
	if res.code != 1 || !strings.Contains(res.stderr, "address already in use") {
		t.Errorf("exit %d: %s", res.code, res.stderr)
	}
}

// TestServeWithoutFile runs the second command of the README in an empty directory.
func TestServeWithoutFile(t *testing.T) {
	s := start(t, "")
	s.must(200, request{method: "GET", path: "/livez"}, nil)
	s.must(200, request{method: "GET", path: "/readyz"}, nil)
	s.must(200, request{method: "GET", path: "/"}, nil)
	s.must(200, request{method: "GET", path: "/api/v1/openapi.json"}, nil)
	s.must(401, request{method: "GET", path: "/api/v1/users"}, nil)

	// A change by the command line is noticed by the running server.
	var made struct{ ID, Secret string }
	s.verb(&made, "client", "create", "--scope", "admin")
	s.must(200, request{method: "GET", path: "/api/v1/users", header: basic(made.ID, made.Secret)}, nil)
	s.verb(nil, "client", "disable", made.ID)
	s.must(401, request{method: "GET", path: "/api/v1/users", header: basic(made.ID, made.Secret)}, nil)

	log := s.stop()
	if !strings.Contains(log, "no API clients yet") {
		t.Errorf("the log does not say that nobody can call:\n%s", log)
	}
	if strings.Contains(log, made.Secret) {
		t.Error("the log holds a secret")
	}
	info, err := os.Stat(filepath.Join(s.data(), "bestow.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("database file: %v, %v", info, err)
	}
}

// TestVerbs administers an installation by the command line alone.
func TestVerbs(t *testing.T) {
	s := start(t, "")
	var user struct{ ID, Name, DisplayName string }
	s.verb(&user, "user", "create", "alice@example.com", "--display-name", "Alice")
	s.verb(&user, "user", "show", "ALICE@example.com")
	if user.DisplayName != "Alice" {
		t.Errorf("user %+v", user)
	}
	csv := "name,displayName\nbob@example.com,Bob\nalice@example.com,Other\n"
	res := run(t, bestow(), s.env(), csv, "--config", s.file(), "user", "import", "-")
	if res.code != 0 || !strings.Contains(res.stdout, "1 created, 1 there already, 0 refused") {
		t.Errorf("import: exit %d\n%s%s", res.code, res.stdout, res.stderr)
	}
	var users []struct{ Name string }
	s.verb(&users, "user", "list", "--search", "example.com")
	if len(users) != 2 {
		t.Errorf("users %+v", users)
	}
	var invited struct{ Link string }
	s.verb(&invited, "user", "invite", "bob@example.com")
	if !strings.Contains(invited.Link, "/enrol#") {
		t.Error("no enrolment link")
	}
	s.verb(nil, "user", "lock", "bob@example.com")
	s.verb(nil, "user", "erase", "bob@example.com", "--yes")
	s.verb(&users, "user", "list")
	if len(users) != 1 {
		t.Errorf("users after erasure %+v", users)
	}

	var client struct{ ID, Secret string }
	s.verb(&client, "client", "create", "idm", "--scope", "fido.read")
	var rotated struct{ Secret string }
	s.verb(&rotated, "client", "rotate", "idm", "--overlap", "1h")
	for _, secret := range []string{client.Secret, rotated.Secret} {
		s.must(200, request{method: "GET", path: "/api/v1/users", header: basic("idm", secret)}, nil)
	}

	var trail struct {
		Events int
		Head   string
	}
	s.verb(&trail, "audit", "verify")
	if trail.Events < 7 || len(trail.Head) != 64 {
		t.Errorf("trail %+v", trail)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	s.verb(nil, "backup", backup)
	other := t.TempDir()
	res = run(t, bestow(), []string{"BESTOW_DATA=" + other}, "", "restore", backup)
	if res.code != 0 {
		t.Fatalf("restore: exit %d: %s", res.code, res.stderr)
	}
	res = run(t, bestow(), []string{"BESTOW_DATA=" + other}, "", "user", "show", "alice@example.com")
	if res.code != 0 || !strings.Contains(res.stdout, user.ID) {
		t.Errorf("restored user: exit %d: %s%s", res.code, res.stdout, res.stderr)
	}
	if res := run(t, bestow(), []string{"BESTOW_DATA=" + other}, "", "restore", backup); res.code != 1 {
		t.Errorf("restore over a database: exit %d: %s", res.code, res.stderr)
	}
}

// TestExitCodes: 0 done, 1 refused or failed, 2 usage or bad input.
func TestExitCodes(t *testing.T) {
	data := t.TempDir()
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("listne: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		program string
		args    []string
		code    int
		says    string
	}{
		{"help", bestow(), []string{"--help"}, 0, "demo"},
		{"help of a verb has an example", bestow(), []string{"user", "invite", "--help"}, 0, "Example"},
		{"version", bestow(), []string{"version"}, 0, "bestow"},
		{"no such verb", bestow(), []string{"fly"}, 2, "fly"},
		{"no such flag", bestow(), []string{"user", "list", "--fly"}, 2, "--fly"},
		{"no such user", bestow(), []string{"user", "show", "nobody"}, 1, "user.unknown"},
		{"bad configuration", bestow(), []string{"serve", "--config", bad}, 2, "listne"},
		{"no configuration", bestow(), []string{"serve", "--config", "/nowhere.yaml"}, 2, "does not exist"},
		{"bad CSV", bestow(), []string{"user", "import", "-"}, 2, "empty"},
		{"nothing to back up", bestow(), []string{"backup", filepath.Join(data, "b.db"), "--data", filepath.Join(data, "none")}, 1, "no database"},
		{"agent help", agent(), []string{"--help"}, 0, "open"},
		{"agent inside bestow", bestow(), []string{"agent", "--help"}, 0, "open"},
		{"agent without a link", agent(), []string{"open"}, 2, "link"},
		{"agent, not a link", agent(), []string{"open", "--", "https://example.com/"}, 2, "scheme"},
		{"agent, plain http", agent(), []string{
			"open", "--",
			"com.nexusgroup.plugout:///?url=http%3A%2F%2Flocalhost%2Fms%2F6f0f3a52-2b0e-4c7e-9d0a-3a51f2c7d911&token=b1a7c0de-51d3-4d0b-8f35-0c2b8a9e7741",
		}, 2, "https"},
		{"agent not installed", agent(), []string{"key", "show"}, 1, "install"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := run(t, tt.program, []string{"BESTOW_DATA=" + data}, "", tt.args...)
			if res.code != tt.code || !strings.Contains(res.stdout+res.stderr, tt.says) {
				t.Errorf("exit %d, want %d; output has to say %q:\n%s%s", res.code, tt.code, tt.says, res.stdout, res.stderr)
			}
		})
	}
}

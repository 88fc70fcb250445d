package main

import (
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bestow.dev/internal/agent/relaytest"
	"bestow.dev/internal/plugout"
)

// TestMain lets the test binary be the program.
func TestMain(m *testing.M) {
	if os.Getenv("BESTOW_AGENT_TEST_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const createCommand = `{"creationOptions":{"rp":{"id":"login.example.com","name":"Example"},
	"user":{"id":"5dnd1-932tLQczAk4qHuhw","name":"alice"},"challenge":"3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo",
	"pubKeyCredParams":[{"type":"public-key","alg":-7}],"authenticatorSelection":{"userVerification":"required"}}}`

// program is the program as it is run at a desk, with a directory of its own.
type program struct {
	t   *testing.T
	dir string
	ca  string // file with the relay's certificate
}

// newProgram installs the program for a relay.
func newProgram(t *testing.T, r *relaytest.Relay) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{t: t, dir: dir, ca: filepath.Join(dir, "ca.pem")}
	if err := os.WriteFile(p.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(0, "", "install", "--key-only")
	p.run(0, "", "trust", "add", r.Host(), "--rp", "login.example.com")
	return p
}

func (p *program) command(args ...string) *exec.Cmd {
	p.t.Helper()
	executable, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), executable, append([]string{"--dir", filepath.Join(p.dir, "config")}, args...)...)
	cmd.Env = append(os.Environ(), "BESTOW_AGENT_TEST_PROGRAM=1", "XDG_DATA_HOME="+p.dir)
	return cmd
}

// run runs the program to its end, with secrets behind descriptor 3, and returns what
// it printed on standard output.
func (p *program) run(want int, secrets string, args ...string) string {
	p.t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	defer read.Close()
	if _, err := write.WriteString(secrets); err != nil {
		p.t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		p.t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := p.command(args...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &out, &errs, []*os.File{read}
	err = cmd.Run()
	if cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		p.t.Fatalf("%q: exit %d, want %d\n%s", args, got, want, &errs)
	}
	return out.String()
}

func TestProgram(t *testing.T) {
	const secrets = "pin=71830264\npassphrase=correct horse\n"
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`)
	r.Post(plugout.FIDOCreateCredential, createCommand)
	p := newProgram(t, r)

	if out := p.run(0, "", "--version"); !strings.HasPrefix(out, "bestow-agent ") {
		t.Errorf("version: %q", out)
	}
	p.run(2, "", "nonsense")
	p.run(2, "", "open", "--", "https://example.com/")
	open := func(want int) string {
		return p.run(want, secrets, "open", "--softkey", filepath.Join(p.dir, "demo.key"), "--secrets-fd", "3", "--yes", "--ca-file", p.ca, "--events", "--", r.Link().String())
	}
	p.run(0, "", "trust", "remove", r.Host())
	open(2)
	p.run(0, "", "trust", "add", r.Host(), "--rp", "login.example.com")
	events := open(0)
	if a := r.Answer(plugout.FIDOCreateCredential); a.Status != plugout.StatusOK || a.JWS == nil {
		t.Errorf("answer %+v", a.Answer)
	}
	for _, secret := range []string{"71830264", "correct horse", relaytest.Token, relaytest.Session} {
		if strings.Contains(events, secret) {
			t.Errorf("%q is among the events:\n%s", secret, events)
		}
	}
	p.run(0, "", "uninstall", "--key")
	p.run(1, "", "key", "show")
}

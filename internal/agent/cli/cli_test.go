package cli

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/agent"
	"bestow.dev/internal/agent/relaytest"
	"bestow.dev/internal/agent/scheme"
	"bestow.dev/internal/plugout"
	"bestow.dev/webauthn"
)

const (
	testPIN        = "71830264"
	testPassphrase = "correct horse battery staple"
	testSecrets    = "pin=" + testPIN + "\npassphrase=" + testPassphrase + "\n"
)

// desk is a user's machine: a directory and what the last command printed.
type desk struct {
	t              *testing.T
	dir            string
	term           *script // nil: nobody sits there
	stdout, stderr bytes.Buffer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", filepath.Join(dir, "data"))
	return &desk{t: t, dir: dir}
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

// run runs one command with something on standard input, and returns its exit code.
func (d *desk) run(stdin string, args ...string) int {
	d.t.Helper()
	d.stdout.Reset()
	d.stderr.Reset()
	env := Env{
		Stdin:        strings.NewReader(stdin),
		Stdout:       &d.stdout,
		Stderr:       &d.stderr,
		Program:      scheme.Program{"/opt/bestow/bestow-agent"},
		Version:      "1.2.3",
		cost:         softkey.Cost{Passes: 1, MemoryKiB: 64, Lanes: 1},
		openTerminal: func() terminal { return nil },
	}
	if d.term != nil {
		env.openTerminal = func() terminal { return d.term }
	}
	code := Main(d.t.Context(), env, append([]string{"--dir", d.path("config")}, args...))
	d.noSecrets()
	return code
}

// must runs a command that has to succeed.
func (d *desk) must(stdin string, args ...string) {
	d.t.Helper()
	if code := d.run(stdin, args...); code != ExitDone {
		d.t.Fatalf("%q: exit %d, %s%s", args, code, &d.stderr, &d.stdout)
	}
}

// noSecrets fails the test if a secret was printed.
func (d *desk) noSecrets() {
	d.t.Helper()
	all := d.stdout.String() + d.stderr.String()
	if d.term != nil {
		all += d.term.said.String()
	}
	for _, secret := range []string{testPIN, testPassphrase, relaytest.Token, relaytest.Session} {
		if strings.Contains(all, secret) {
			d.t.Errorf("%q was printed:\n%s", secret, all)
		}
	}
}

// prepare installs the desk for a relay, with a software key.
func (d *desk) prepare(r *relaytest.Relay) {
	d.t.Helper()
	d.must("", "install", "--key-only")
	d.must("", "trust", "add", r.Host(), "--rp", "login.example.com")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Server.Certificate().Raw})
	if err := os.WriteFile(d.path("ca.pem"), ca, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// script is a person at a terminal who answers by how a question begins.
type script struct {
	t       *testing.T
	answers map[string][]string // by the beginning of the question, one after the other
	said    bytes.Buffer
}

func (s *script) say(text string) { fmt.Fprintln(&s.said, text) }
func (s *script) close()          {}

func (s *script) ask(_ context.Context, question string) (string, error) {
	fmt.Fprintln(&s.said, question)
	for part, answers := range s.answers {
		if strings.HasPrefix(question, part) && len(answers) > 0 {
			s.answers[part] = answers[1:]
			return answers[0], nil
		}
	}
	s.t.Errorf("unexpected question %q", question)
	return "", context.Canceled
}

func (s *script) secret(ctx context.Context, question string) ([]byte, error) {
	text, err := s.ask(ctx, question)
	return []byte(text), err
}

const creationOptions = `{"rp":{"id":"login.example.com","name":"Example"},"user":{"id":"5dnd1-932tLQczAk4qHuhw","name":"alice@example.com","displayName":"Alice"},
	"challenge":"3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo","pubKeyCredParams":[{"type":"public-key","alg":-7}],
	"authenticatorSelection":{"residentKey":"required","userVerification":"required"},"attestation":"direct"}`

func newRelay(t *testing.T) *relaytest.Relay {
	t.Helper()
	r := relaytest.New(t)
	r.MatchCode = true
	r.Post(plugout.SessionStart, `{"userid":"alice@example.com","title":"Register your security key"}`)
	r.Post(plugout.FIDOCreateCredential, `{"creationOptions":`+creationOptions+`}`)
	return r
}

// gone answers every call as a relay does whose link was used.
func gone(w http.ResponseWriter, _ *http.Request) bool {
	w.WriteHeader(http.StatusGone)
	return true
}

// An unattended desk, from install to a sign-in with what it registered.
func TestUnattendedDesk(t *testing.T) {
	r := newRelay(t)
	d := newDesk(t)
	d.prepare(r)
	d.must(testSecrets, "open", "--softkey", d.path("demo.key"), "--secrets-fd", "0", "--yes", "--confirm-match", "--events",
		"--ca-file", d.path("ca.pem"), "--", r.Link().String())

	var phases []string
	for line := range strings.Lines(d.stdout.String()) {
		var e agent.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("standard output holds %q", line)
		}
		phases = append(phases, string(e.Phase))
	}
	if got, want := strings.Join(phases, " "), "opening opened command answered match matched command confirm pin touch answered ended"; strings.ReplaceAll(got, "pin pin", "pin") != want {
		t.Errorf("phases %s\nwant   %s", got, want)
	}
	a := r.Answer(plugout.FIDOCreateCredential)
	if a.Status != plugout.StatusOK {
		t.Fatalf("answer %+v", a.Answer)
	}

	d.must("", "key", "show", "--jwks")
	keys, err := plugout.ParseKeySet(d.stdout.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Verify(a.JWS); err != nil {
		t.Errorf("the answer does not verify with what key show printed: %v", err)
	}

	var made plugout.CreateCredentialResponse
	if err := json.Unmarshal(a.Response, &made); err != nil {
		t.Fatal(err)
	}
	registered, err := webauthn.ParseRegistrationResponse(made.Credential)
	if err != nil {
		t.Fatal(err)
	}
	request, err := webauthn.NewRequestOptions(webauthn.RequestOptions{RPID: "login.example.com", UserVerification: webauthn.UserVerificationRequired})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.path("options.json"), jsonOf(t, request), 0o600); err != nil {
		t.Fatal(err)
	}
	d.must(testSecrets, "assert", "--softkey", d.path("demo.key"), "--secrets-fd", "0", "--yes",
		"--origin", "https://login.example.com", "--options", d.path("options.json"))
	response, err := webauthn.ParseAuthenticationResponse(d.stdout.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	record := webauthn.CredentialRecord{
		ID: registered.CredentialID, PublicKey: registered.AuthenticatorData.Attested.PublicKey,
		SignCount: registered.AuthenticatorData.SignCount, UserHandle: response.UserHandle,
	}
	rp := webauthn.RelyingParty{ID: "login.example.com", Origins: []string{"https://login.example.com"}}
	if _, err := webauthn.JudgeAuthentication(request.Expectation(rp, record, false), response); err != nil {
		t.Errorf("the sign-in is refused: %v", err)
	}
}

func jsonOf(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A person at the terminal: a new software key, a first PIN, everything asked for.
func TestAttendedDesk(t *testing.T) {
	r := newRelay(t)
	d := newDesk(t)
	d.prepare(r)
	d.term = &script{t: t, answers: map[string][]string{
		"Does the page":             {"y"},
		"Register a security key":   {"yes"},
		"New passphrase: ":          {testPassphrase},
		"New passphrase, once more": {testPassphrase},
		"New PIN: ":                 {"1234", testPIN, testPIN},
		"New PIN, once more":        {"1234", "71830265", testPIN},
		"PIN of":                    {"00000000", testPIN},
		"Press Enter to touch":      {""},
		"Press Enter to close":      {""},
		"Passphrase":                {testPassphrase},
	}}
	d.must("", "open", "--hold", "--softkey", d.path("demo.key"), "--ca-file", d.path("ca.pem"), "--", r.Link().String())
	if a := r.Answer(plugout.FIDOCreateCredential); a.Status != plugout.StatusOK {
		t.Errorf("answer %+v", a.Answer)
	}
	said := d.term.said.String()
	for _, want := range []string{
		"login.example.com", "alice@example.com", "code " + plugout.MatchCode(relaytest.Box, relaytest.Session), "idm",
		"too simple", "They differ.", "The PIN is wrong.", "(7 attempts left)", "Press Enter to close",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the terminal never showed %q:\n%s", want, said)
		}
	}
}

func TestExitCodesOfOpen(t *testing.T) {
	fresh := func(*desk, *relaytest.Relay) {}
	ready := func(d *desk, r *relaytest.Relay) { d.prepare(r) }
	tests := []struct {
		name  string
		setUp func(*desk, *relaytest.Relay)
		link  func(*relaytest.Relay) string
		args  []string
		want  int
		calls bool
	}{
		{"no link", ready, func(*relaytest.Relay) string { return "https://example.com" }, nil, ExitUsage, false},
		{"link over http", ready, func(r *relaytest.Relay) string { return strings.Replace(r.Link().String(), "https", "http", 1) }, nil, ExitUsage, false},
		{"relay not on the list", func(d *desk, r *relaytest.Relay) {
			d.prepare(r)
			d.must("", "trust", "remove", r.Host())
		}, nil, nil, ExitUsage, false},
		{"not installed", fresh, nil, nil, ExitRefused, false},
		{"no certificate of ours", ready, nil, []string{"--ca-file", ""}, ExitRefused, false},
		{"unknown option", ready, nil, []string{"--insecure"}, ExitUsage, false},
		{"settings that are none", func(d *desk, r *relaytest.Relay) {
			d.prepare(r)
			if err := os.WriteFile(d.path("config/agent.json"), []byte(`{"trusted":[]}`), 0o600); err != nil {
				d.t.Fatal(err)
			}
		}, nil, nil, ExitUsage, false},
		{"used link", func(d *desk, r *relaytest.Relay) {
			d.prepare(r)
			r.Before = gone
		}, nil, nil, ExitRefused, true},
		{"nobody agrees", ready, nil, []string{"--confirm-match"}, ExitRefused, true},
		{"nobody compares the code", ready, nil, []string{"--yes"}, ExitRefused, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRelay(t)
			d := newDesk(t)
			tt.setUp(d, r)
			link := r.Link().String()
			if tt.link != nil {
				link = tt.link(r)
			}
			args := []string{"open", "--softkey", d.path("demo.key"), "--secrets-fd", "0", "--ca-file", d.path("ca.pem")}
			code := d.run(testSecrets, append(append(args, tt.args...), "--", link)...)
			if code != tt.want || (len(r.Calls) > 0) != tt.calls {
				t.Errorf("exit %d after %d calls, want %d\n%s", code, len(r.Calls), tt.want, &d.stderr)
			}
			if strings.Contains(d.stderr.String(), "token=") {
				t.Errorf("the link was printed: %s", &d.stderr)
			}
		})
	}
}

func TestSecretsThatAreNotWellFormed(t *testing.T) {
	d := newDesk(t)
	for _, bad := range []string{"xpinx", "pin=1\npin=2", "password=x", " pin=1", strings.Repeat("x", maxSecretsBytes+1)} {
		code := d.run(bad, "softkey", "init", "--softkey", d.path("k"), "--secrets-fd", "0")
		if code != ExitUsage || strings.Contains(d.stderr.String(), bad) {
			t.Errorf("%.20q: exit %d, %s", bad, code, &d.stderr)
		}
	}
	if code := d.run("", "softkey", "init", "--softkey", d.path("k"), "--secrets-fd", "2"); code != ExitUsage {
		t.Errorf("descriptor of an output: exit %d", code)
	}
	if code := d.run("", "softkey", "init", "--softkey", d.path("k")); code != ExitUsage {
		t.Errorf("no passphrase and nobody to ask: exit %d", code)
	}
	s, err := readSecrets(strings.NewReader("passphrase= a=b \r\n\npin=\n"))
	if err != nil || string(s.passphrase) != " a=b " || s.pin == nil {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestSoftkeyCommands(t *testing.T) {
	d := newDesk(t)
	key := []string{"--softkey", d.path("demo.key"), "--secrets-fd", "0"}
	with := func(words ...string) []string { return append(words, key...) }
	d.must(testSecrets, with("softkey", "init")...)
	if code := d.run(testSecrets, with("softkey", "init")...); code != ExitRefused {
		t.Errorf("second init: exit %d", code)
	}
	info, err := os.Stat(d.path("demo.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	d.must(testSecrets, with("softkey", "info")...)
	if !strings.Contains(d.stdout.String(), "not set") {
		t.Errorf("info:\n%s", &d.stdout)
	}
	if code := d.run("passphrase="+testPassphrase+"\npin=1111", with("softkey", "set-pin")...); code != ExitRefused {
		t.Errorf("trivial PIN: exit %d", code)
	}
	d.must(testSecrets, with("softkey", "set-pin")...)
	d.must(testSecrets, with("softkey", "info")...)
	if strings.Contains(d.stdout.String(), "not set") {
		t.Errorf("info:\n%s", &d.stdout)
	}
	if code := d.run(testSecrets, with("softkey", "set-pin")...); code != ExitRefused {
		t.Errorf("changing the PIN with nobody there: exit %d", code)
	}
	if code := d.run("passphrase=wrong", with("softkey", "info")...); code != ExitRefused || !strings.Contains(d.stderr.String(), "passphrase is wrong") {
		t.Errorf("wrong passphrase: exit %d, %s", code, &d.stderr)
	}
	if code := d.run(testSecrets, with("softkey", "reset")...); code != ExitRefused {
		t.Errorf("reset with nobody to ask: exit %d", code)
	}
	d.must(testSecrets, with("softkey", "reset", "--yes")...)
	d.must(testSecrets, with("softkey", "info")...)
	if !strings.Contains(d.stdout.String(), "not set") {
		t.Errorf("info after the reset:\n%s", &d.stdout)
	}

	d.term = &script{t: t, answers: map[string][]string{"New PIN": {"9182", "9182"}, "Passphrase": {"wrong", testPassphrase}}}
	d.must("", "softkey", "set-pin", "--softkey", d.path("demo.key"))
	if code := d.run("", "softkey", "info", "--softkey", d.path("nothing.key")); code != ExitRefused {
		t.Errorf("no such file: exit %d", code)
	}
	if code := d.run("", "softkey", "info"); code != ExitUsage {
		t.Errorf("no file named: exit %d", code)
	}
	if err := os.WriteFile(d.path("bad.key"), []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.term = nil
	if code := d.run(testSecrets, "softkey", "info", "--softkey", d.path("bad.key"), "--secrets-fd", "0"); code != ExitRefused {
		t.Errorf("file that is no key: exit %d", code)
	}
}

func TestPINIsChangedAtTheTerminal(t *testing.T) {
	d := newDesk(t)
	d.must(testSecrets, "softkey", "init", "--softkey", d.path("demo.key"), "--secrets-fd", "0")
	d.must("pin=9182\npassphrase="+testPassphrase, "softkey", "set-pin", "--softkey", d.path("demo.key"), "--secrets-fd", "0")
	d.term = &script{t: t, answers: map[string][]string{
		"Passphrase": {testPassphrase}, "PIN: ": {"9182"}, "New PIN": {testPIN, testPIN},
	}}
	d.must("", "softkey", "set-pin", "--softkey", d.path("demo.key"))
}

// A key in the hands of one process is not there for another.
func TestSoftkeyInUse(t *testing.T) {
	d := newDesk(t)
	d.must(testSecrets, "softkey", "init", "--softkey", d.path("demo.key"), "--secrets-fd", "0")
	lock, err := lockFile(d.path("demo.key.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if code := d.run(testSecrets, "softkey", "info", "--softkey", d.path("demo.key"), "--secrets-fd", "0"); code != ExitRefused || !strings.Contains(d.stderr.String(), "in use") {
		t.Errorf("exit %d, %s", code, &d.stderr)
	}
	if err := lock.release(); err != nil {
		t.Fatal(err)
	}
	d.must(testSecrets, "softkey", "info", "--softkey", d.path("demo.key"), "--secrets-fd", "0")
}

func TestTrustCommands(t *testing.T) {
	d := newDesk(t)
	d.must("", "trust", "list")
	if d.stdout.Len() != 0 || !strings.Contains(d.stderr.String(), "empty") {
		t.Errorf("an empty list: %s%s", &d.stdout, &d.stderr)
	}
	d.must("", "trust", "add", "MSG.example.com:20400", "--rp", "login.example.com", "--rp", "b.example")
	d.must("", "trust", "list")
	if want := "RELAY                  RP IDS\nmsg.example.com:20400  login.example.com b.example\n"; d.stdout.String() != want {
		t.Errorf("the list is\n%s", &d.stdout)
	}
	d.must("", "trust", "remove", "msg.example.com:20400", "--rp", "b.example")
	for _, bad := range [][]string{
		{"trust", "add", "msg.example.com"},
		{"trust", "add", "https://msg.example.com", "--rp", "a.example"},
		{"trust", "add", "msg.example.com", "--rp", "com"},
		{"trust", "remove", "other.example.com"},
	} {
		if code := d.run("", bad...); code != ExitUsage {
			t.Errorf("%q: exit %d", bad, code)
		}
	}
}

func TestInstallOnLinux(t *testing.T) {
	d := newDesk(t)
	t.Setenv("PATH", d.dir) // no programs of a desktop
	if code := d.run("", "key", "show"); code != ExitRefused {
		t.Errorf("no key yet: exit %d", code)
	}
	d.must("", "install")
	entry := d.path("data/applications/" + scheme.EntryName)
	text, err := os.ReadFile(entry)
	if err != nil || !strings.Contains(string(text), `Exec="/opt/bestow/bestow-agent" open --hold -- %u`) {
		t.Errorf("entry %q, %v", text, err)
	}
	d.must("", "key", "show")
	var jwk plugout.JWK
	if err := json.Unmarshal(d.stdout.Bytes(), &jwk); err != nil || jwk.KeyID == "" || jwk.KeyState != "active" {
		t.Errorf("%s, %v", &d.stdout, err)
	}
	d.must("", "install")
	if !strings.Contains(d.stdout.String(), "kept: "+jwk.KeyID) {
		t.Errorf("second install: %s", &d.stdout)
	}
	d.must("", "uninstall", "--key")
	if _, err := os.Stat(entry); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the entry is still there: %v", err)
	}
	if code := d.run("", "key", "show"); code != ExitRefused {
		t.Errorf("no key any more: exit %d", code)
	}
}

func TestInstallPrints(t *testing.T) {
	d := newDesk(t)
	d.must("", "install", "--print", "windows", "--out", d.path("w"))
	d.must("", "install", "--print", "macos", "--out", d.path("m"), "--program", "/Applications/x/bestow-agent")
	for name, want := range map[string]string{
		"w/bestow-agent.reg": `open --hold -- \"%1\"`, "m/bestow-agent.applescript": "/Applications/x/bestow-agent", "m/Info.plist": scheme.Name,
	} {
		if text, err := os.ReadFile(d.path(name)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, %s", name, err, text)
		}
	}
	if code := d.run("", "install", "--print", "plan9"); code != ExitUsage {
		t.Errorf("unknown system: exit %d", code)
	}
}

func TestAssertRefusals(t *testing.T) {
	d := newDesk(t)
	d.must(testSecrets, "softkey", "init", "--softkey", d.path("demo.key"), "--secrets-fd", "0")
	secrets := d.path("secrets")
	assert := func(options, origin, file string) int {
		if err := os.WriteFile(secrets, []byte(options), 0o600); err != nil {
			t.Fatal(err)
		}
		return d.run(testSecrets, "assert", "--softkey", d.path(file), "--secrets-fd", "0", "--yes", "--options", secrets, "--origin", origin)
	}
	const options = `{"challenge":"3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo","rpId":"login.example.com","userVerification":"discouraged"}`
	if code := assert(options, "https://login.example.com", "demo.key"); code != ExitRefused {
		t.Errorf("no credential: exit %d, %s", code, &d.stderr)
	}
	if code := assert(options, "https://evil.example", "demo.key"); code != ExitUsage {
		t.Errorf("origin elsewhere: exit %d", code)
	}
	if code := assert(`{}`, "https://login.example.com", "demo.key"); code != ExitUsage {
		t.Errorf("no options: exit %d", code)
	}
	if code := assert(options, "https://login.example.com", "nothing.key"); code != ExitRefused {
		t.Errorf("no key: exit %d", code)
	}
	if _, err := os.Stat(d.path("nothing.key")); !errors.Is(err, os.ErrNotExist) {
		t.Error("assert made a key")
	}
	if code := d.run(options, "assert", "--softkey", d.path("demo.key"), "--secrets-fd", "0", "--origin", "https://a.example"); code != ExitUsage {
		t.Errorf("options and secrets from standard input: exit %d", code)
	}
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, ExitDone},
		{usage("x"), ExitUsage},
		{fmt.Errorf("wrapped: %w", context.Canceled), ExitRefused},
		{&agent.Error{Code: agent.CodeNotTrusted}, ExitUsage},
		{&agent.Error{Code: agent.CodeUnreachable}, ExitRefused},
		{&ctap.StatusError{Code: ctap.StatusNoCredentials}, ExitRefused},
		{&os.PathError{Op: "open", Err: os.ErrPermission}, ExitRefused},
		{x509.HostnameError{Certificate: &x509.Certificate{}}, ExitInternal},
	}
	for _, tt := range tests {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%v: exit %d, want %d", tt.err, got, tt.want)
		}
	}
}

// A link that stands where none is expected is not repeated on the terminal: its token
// is good until it is followed.
func TestMisplacedLinkIsNotPrinted(t *testing.T) {
	d := newDesk(t)
	link := relaytest.New(t).Link().String()
	for _, args := range [][]string{
		{link},
		{"open", "--", link, link},
		{"open", "--link", link},
		{"open", "--link=" + link},
		{"trust", "add", link},
		{"trust", "add", link, "--rp", "login.example.com"},
		{"trust", "add", "msg.example.com", "--rp", link},
		{"assert", strings.ToUpper(link)},
		{"softkey", "info", "--softkey=" + link, "--secrets-fd=0"},
	} {
		if code := d.run("", args...); code != ExitUsage { // which checks that no token is printed
			t.Errorf("%q: exit %d", args, code)
		}
		if out := d.stderr.String(); strings.Contains(strings.ToLower(out), relaytest.Box) {
			t.Errorf("printed %q", out)
		}
	}
}

// What an error quotes cannot command the terminal that shows it.
func TestErrorsCannotCommandTheTerminal(t *testing.T) {
	d := newDesk(t)
	for _, args := range [][]string{
		{"op\x1b[2Jen"},
		{"trust", "add", "x\x1b]0;pwn\x07", "--rp", "a.example"},
		{"softkey", "info", "--softkey", d.path("k\u009b2J")},
		{"install", "--program", "/opt/agent\nExec=sh", "--print", "macos", "--out", d.path("out")},
	} {
		if code := d.run("", args...); code == ExitDone {
			t.Errorf("%q is taken", args)
		}
		for _, r := range d.stderr.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q prints %q", args, &d.stderr)
				break
			}
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	d := newDesk(t)
	d.must("", "--version")
	if got := strings.TrimSpace(d.stdout.String()); got != "bestow-agent 1.2.3" {
		t.Errorf("version: %q", got)
	}
	for _, words := range [][]string{
		{"open"},
		{"trust", "add"},
		{"trust", "list"},
		{"trust", "remove"},
		{"install"},
		{"uninstall"},
		{"key", "show"},
		{"softkey", "init"},
		{"softkey", "info"},
		{"softkey", "set-pin"},
		{"softkey", "reset"},
		{"assert"},
	} {
		d.must("", append(words, "--help")...)
		if !strings.Contains(d.stdout.String(), "Example") {
			t.Errorf("%q has no example in its help", words)
		}
	}
}

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bestow.dev/internal/plugout"
)

// openedBox is a message box that was opened as an agent would.
type openedBox struct{ id, path, session string }

func (b openedBox) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + b.session}}
}

// openBox starts a session and redeems its link. The session start stays unanswered
// and is fetched, so that a poll of the box waits.
func (s *server) openBox() openedBox {
	s.t.Helper()
	var r receipt
	s.must(200, request{"POST", "/hermod/rest/command/sessionstart", apiKeyOf("idm", relayKey), map[string]any{
		"commandHeader": map[string]any{"lifespan": 120, "timeout": 100}, "sessionStartCommand": map[string]any{"userid": "alice"},
	}}, &r)
	link, err := plugout.ParseLink(r.Destinations[0].URI)
	if err != nil {
		s.t.Fatal(err)
	}
	_, path, _ := strings.Cut(strings.TrimPrefix(link.BoxURL, "https://"), "/")
	b := openedBox{id: link.BoxID(), path: "/" + path}
	var opened plugout.SessionResponse
	s.must(201, request{"POST", b.path + "/session", nil, plugout.SessionRequest{
		Token: link.Token, Client: plugout.Client{App: "test", Version: "1", OS: "none"},
	}}, &opened)
	b.session = opened.Session
	var m plugout.CommandMessage
	s.must(200, request{"GET", b.path + "/" + opened.Messages[0].MessageID, b.header(), nil}, &m)
	s.must(202, request{"POST", b.path + "/" + m.MessageID, b.header(), plugout.Answer{
		Version: plugout.Version, MessageID: m.MessageID, Nonce: m.Nonce, IssuedAt: m.Issued.Unix(), Status: plugout.StatusOK,
		Response: json.RawMessage(`{"app":"test","version":"1","os":"none","capabilities":["fido2"]}`),
	}}, nil)
	return b
}

// metrics reads the metrics listener, whose address the start was told.
func (s *server) metrics() string {
	s.t.Helper()
	resp, err := http.Get("http://" + s.metricsAddress + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// waiting is how many long polls wait now.
func (s *server) waiting() int {
	n := 0
	for line := range strings.Lines(s.metrics()) {
		if strings.HasPrefix(line, "bestow_http_requests_in_flight ") {
			if strings.TrimSpace(line[len("bestow_http_requests_in_flight "):]) != "0" {
				n++
			}
		}
	}
	return n
}

// desk is an installed agent with a software key.
type desk struct {
	t    *testing.T
	home string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t, t.TempDir()}
	d.must("install", "--key-only")
	return d
}

func (d *desk) must(args ...string) string {
	d.t.Helper()
	res := run(d.t, agent(), nil, "", append([]string{"--dir", d.home}, args...)...)
	if res.code != 0 {
		d.t.Fatalf("bestow-agent %v: exit %d: %s", args, res.code, res.stderr)
	}
	return res.stdout
}

// open starts the agent on a link, where somebody agrees to everything, and returns where
// its exit code will be.
func (d *desk) open(s *server, link, secrets string) <-chan result {
	d.t.Helper()
	return d.openAs(s, link, secrets, "--yes")
}

// openAs is open with what the person at the desk does in flags.
func (d *desk) openAs(s *server, link, secrets string, person ...string) <-chan result {
	d.t.Helper()
	args := []string{
		"--dir", d.home, "open", "--ca-file", s.ca(), "--softkey", filepath.Join(d.home, "soft.key"),
		"--secrets-fd", "3", "--events",
	}
	args = append(append(args, person...), "-")
	cmd := exec.CommandContext(d.t.Context(), agent(), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.home}
	cmd.Stdin = strings.NewReader(link)
	read, write, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{read}
	var out, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	read.Close()
	if _, err := io.WriteString(write, secrets); err != nil {
		d.t.Fatal(err)
	}
	write.Close()
	ended := make(chan result, 1)
	go func() {
		_ = cmd.Wait() // the exit code says it
		ended <- result{cmd.ProcessState.ExitCode(), out.String(), complaints.String()}
	}()
	return ended
}

const deskSecrets = "pin=2468-test\npassphrase=correct horse battery staple\n"

// creationOptions are what a relying party would ask for.
func creationOptions(name string, exclude ...string) map[string]any {
	excluded := []any{}
	for _, id := range exclude {
		excluded = append(excluded, map[string]any{"type": "public-key", "id": id})
	}
	return map[string]any{
		"rp": map[string]any{"id": "localhost", "name": "Test"}, "challenge": "3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo",
		"user":             map[string]any{"id": "5dnd1-932tLQczAk4qHuhw", "name": name, "displayName": name},
		"pubKeyCredParams": []any{map[string]any{"type": "public-key", "alg": -7}},
		"timeout":          60000, "excludeCredentials": excluded,
		"authenticatorSelection": map[string]any{"residentKey": "required", "requireResidentKey": true, "userVerification": "required"},
		"attestation":            "direct",
	}
}

// TestDesk drives the real agent through what happens at a desk: a credential is
// made although the relay is killed and started again in the middle, the same key is
// refused where it is excluded, and the session ends both.
func TestDesk(t *testing.T) {
	callbacks := listen(t)
	d := newDesk(t)
	keys := filepath.Join(t.TempDir(), "agents.jwks")
	if err := os.WriteFile(keys, []byte(d.must("key", "show", "--jwks")), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, strings.Replace(relayConfig(callbacks.url), "accept-unsigned: true", "attestation-keys: "+keys, 1))
	d.must("trust", "add", strings.TrimPrefix(s.url, "https://"), "--rp", "localhost")
	idm := apiKeyOf("idm", relayKey)
	post := func(name, object string, to []string, body map[string]any) (r receipt) {
		t.Helper()
		s.must(200, request{"POST", "/hermod/rest/command/" + name, idm, map[string]any{
			"commandHeader": map[string]any{"lifespan": 300, "timeout": 200, "to": to}, object: body,
		}}, &r)
		return r
	}

	session := post("sessionstart", "sessionStartCommand", []string{"@tmp"}, map[string]any{"userid": "alice"})
	box := []string{session.Destinations[0].BID}
	ended := d.open(s, session.Destinations[0].URI, deskSecrets)
	if o := callbacks.wait(t, session.CommandID); o.Status != "OK" {
		t.Fatalf("session start: %+v", o)
	}

	// The relay is killed while the agent waits for work, and comes back.
	s.kill()
	s.start()
	created := post("fidocreatecredential", "fidoCreateCredentialCommand", box,
		map[string]any{"creationOptions": map[string]any{"publicKey": creationOptions("alice")}})
	o := callbacks.wait(t, created.CommandID)
	if o.Status != "OK" || o.Signature.State != "VALID" {
		t.Fatalf("create: %+v", o)
	}

	excluded := post("fidocreatecredential", "fidoCreateCredentialCommand", box,
		map[string]any{"creationOptions": creationOptions("alice", o.Created.Credential.ID)})
	if o := callbacks.wait(t, excluded.CommandID); o.Status != "CREDENTIAL_EXCLUDED" || o.State != "FAILED" {
		t.Errorf("excluded: %+v", o)
	}
	foreign := creationOptions("alice")
	foreign["rp"] = map[string]any{"id": "example.org", "name": "Not trusted"}
	untrusted := post("fidocreatecredential", "fidoCreateCredentialCommand", box, map[string]any{"creationOptions": foreign})
	if o := callbacks.wait(t, untrusted.CommandID); o.Status != "UNSUPPORTED" {
		t.Errorf("relying party that is not on the allow list: %+v", o)
	}
	info := post("fidogetinfo", "fidoGetInfoCommand", box, map[string]any{})
	if o := callbacks.wait(t, info.CommandID); o.Status != "OK" {
		t.Errorf("getinfo: %+v", o)
	}

	post("sessionend", "sessionEndCommand", box, map[string]any{})
	res := <-ended
	if res.code != 1 { // not everything in the session went well
		t.Errorf("agent: exit %d: %s", res.code, res.stderr)
	}
	for _, secret := range []string{"2468-test", "correct horse", session.Destinations[0].URI} {
		if strings.Contains(res.stdout+res.stderr, secret) {
			t.Error("the agent's output holds a secret")
		}
	}

	// A second visit with the same link is refused, and says why.
	again := <-d.open(s, session.Destinations[0].URI, deskSecrets)
	if again.code != 1 || !strings.Contains(again.stderr, "used") {
		t.Errorf("second visit: exit %d: %s", again.code, again.stderr)
	}
}

// TestWrongPIN: the key counts, and the command ends as PIN_INVALID.
func TestWrongPIN(t *testing.T) {
	callbacks := listen(t)
	d := newDesk(t)
	s := start(t, relayConfig(callbacks.url))
	d.must("trust", "add", strings.TrimPrefix(s.url, "https://"), "--rp", "localhost")
	visit := func(secrets string) outcome {
		t.Helper()
		var session, created receipt
		s.must(200, request{"POST", "/hermod/rest/command/sessionstart", apiKeyOf("idm", relayKey), map[string]any{
			"commandHeader": map[string]any{"lifespan": 300, "timeout": 200}, "sessionStartCommand": map[string]any{"userid": "alice"},
		}}, &session)
		box := []string{session.Destinations[0].BID}
		s.must(200, request{"POST", "/hermod/rest/command/fidocreatecredential", apiKeyOf("idm", relayKey), map[string]any{
			"commandHeader":               map[string]any{"lifespan": 300, "timeout": 200, "to": box},
			"fidoCreateCredentialCommand": map[string]any{"creationOptions": creationOptions("alice")},
		}}, &created)
		ended := d.open(s, session.Destinations[0].URI, secrets)
		o := callbacks.wait(t, created.CommandID)
		s.must(200, request{"POST", "/hermod/rest/command/sessionend", apiKeyOf("idm", relayKey), map[string]any{
			"commandHeader": map[string]any{"lifespan": 300, "timeout": 200, "to": box}, "sessionEndCommand": map[string]any{},
		}}, nil)
		<-ended
		return o
	}
	if o := visit(deskSecrets); o.Status != "OK" {
		t.Fatalf("first PIN: %+v", o)
	}
	if o := visit(strings.Replace(deskSecrets, "2468", "1357", 1)); o.Status != "PIN_INVALID" || o.State != "FAILED" {
		t.Errorf("wrong PIN: %+v", o)
	}
	if o := visit(deskSecrets); o.Status != "OK" {
		t.Errorf("right PIN again: %+v", o)
	}
}

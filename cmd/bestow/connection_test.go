package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bestow.dev/internal/plugout"
)

// hush is a secret that nothing may show.
const hush = "hush-hush-hush-hush"

// silent fails if something that the program kept or said holds the secret.
func (s *shell) silent() {
	s.t.Helper()
	for _, args := range [][]string{
		{"connection", "list"},
		{"messaging-server", "list"},
		{"--json", "connection", "list"},
		{"--json", "messaging-server", "list"},
		{"audit", "export"},
	} {
		if got := s.run(args...); got.code != exitDone || strings.Contains(got.stdout+got.stderr, hush) {
			s.t.Errorf("%q ends with %d, or shows the secret", args, got.code)
		}
	}
}

func TestConnections(t *testing.T) {
	s := newShell(t)
	put := []string{"connection", "put", "DA", "--url", "https://da.example.com/rest/v3.0/", "--client-id", "idm"}
	s.want(exitUsage, "The secret is missing. Say --secret-file FILE.", put...)
	s.want(exitUsage, "holds no secret", append(put, "--secret-file", file(t, "secret", "\n"))...)
	s.want(exitUsage, "larger than 16 KiB", append(put, "--secret-file", file(t, "secret", strings.Repeat("x", maxSecretFileBytes+1)))...)
	s.want(exitRefused, "no such file", append(put, "--secret-file", "/nowhere/secret")...)
	s.want(exitDone, "kept, not shown", append(put, "--secret-file", file(t, "secret", hush+"\r\n"))...)
	s.want(exitUsage, "Say what to change", "connection", "put", "DA")

	// What is not given stays, the secret too.
	got := s.want(exitDone, "", "--json", "connection", "put", "DA", "--description", "The first")
	var doc connectionDocument
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil || doc.Description != "The first" || doc.ClientID != "idm" ||
		doc.URL != "https://da.example.com/rest/v3.0" || !doc.HasSecret || doc.Version != 2 || !strings.HasPrefix(doc.ChangedBy, "operator:local:") {
		t.Errorf("%s: %v", got.stdout, err)
	}
	s.want(exitDone, "The first", "connection", "list")
	s.want(exitDone, "https://da.example.com/rest/v3.0", "connection", "show", "DA")

	// A secret for one server is none of another's business.
	s.want(exitUsage, "give the secret again. Say --secret-file FILE.", "connection", "put", "DA", "--url", "https://other.example.com")
	if got := s.runWith(hush+"2\n", "connection", "put", "DA", "--url", "https://other.example.com", "--secret-file", "-"); got.code != exitDone {
		t.Errorf("%+v", got)
	}
	s.want(exitUsage, "Nobody asks for a secret", "connection", "put", "ours", "--url", "internal:", "--secret-file", file(t, "secret", hush))
	s.want(exitDone, "internal:", "connection", "put", "DA", "--url", "internal:", "--description", "")
	s.silent()

	s.want(exitUsage, "Say --yes", "connection", "delete", "DA")
	s.want(exitDone, "deleted", "connection", "delete", "DA", "--yes")
	for _, verb := range []string{"show", "delete", "test"} {
		s.want(exitRefused, "(connection.unknown)", "connection", verb, "DA")
	}
	s.want(exitDone, "[]", "--json", "connection", "list")
}

// keySetFile is a file with one public key.
func keySetFile(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := plugout.NewPublicKey(key.Public(), name)
	if err != nil {
		t.Fatal(err)
	}
	set, err := plugout.NewKeySet(public)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, "keys.jwks", string(text))
}

func TestMessagingServers(t *testing.T) {
	s := newShell(t)
	token := base64.StdEncoding.EncodeToString([]byte("idm:" + hush))
	put := []string{"messaging-server", "put", "Hermod", "--url", "https://msg.example.com/hermod/rest/command"}
	s.want(exitUsage, "Say --token-file FILE.", put...)
	s.want(exitUsage, "not the base64", append(put, "--token-file", file(t, "token", hush))...)
	if got := s.runWith(token, append(put, "--token-file", "-", "--session-start", "1m")...); got.code != exitDone || !strings.Contains(got.stdout, "1m0s") {
		t.Errorf("%+v", got)
	}
	s.want(exitUsage, "Say what to change", "messaging-server", "put", "Hermod")
	s.want(exitUsage, "shorter than the lifespan", "messaging-server", "put", "Hermod", "--lifespan", "2m")

	s.want(exitDone, "desk 1", "messaging-server", "put", "Hermod", "--key-set", "first="+keySetFile(t, "desk 1"))
	got := s.want(exitDone, "", "--json", "messaging-server", "put", "Hermod", "--key-set", "a;b="+keySetFile(t, "desk 2"), "--lifespan", "20m")
	var doc messagingServerDocument
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil || doc.Lifespan != 1200 || doc.Timeout != 240 || doc.SessionStart != 60 ||
		doc.ClientID != "idm" || !doc.HasToken || len(doc.KeySets) != 2 || doc.Version != 3 {
		t.Errorf("%s: %v", got.stdout, err)
	}
	s.want(exitDone, "a;b, first", "messaging-server", "list")
	s.want(exitUsage, "is not a set of public keys", "messaging-server", "put", "Hermod", "--key-set", "x="+file(t, "x", "{}"))
	s.want(exitRefused, "(messaging_server.key_set_unknown)", "messaging-server", "put", "Hermod", "--drop-key-set", "second")
	got = s.want(exitDone, "desk 2", "messaging-server", "put", "Hermod", "--drop-key-set", "first")
	if strings.Contains(got.stdout, "desk 1") {
		t.Errorf("the set is still there:\n%s", got.stdout)
	}
	s.silent()
	if got := s.run("audit", "export"); strings.Contains(got.stdout, token) {
		t.Error("the trail holds the token")
	}

	s.want(exitUsage, "Say --yes", "messaging-server", "delete", "Hermod")
	s.want(exitDone, "deleted", "messaging-server", "delete", "Hermod", "--yes")
	for _, verb := range []string{"show", "delete", "test"} {
		s.want(exitRefused, "(messaging_server.unknown)", "messaging-server", verb, "Hermod")
	}
}

// Testing a setting says what came of it, and ends with 1 if we are not let in.
func TestSettingsAreTested(t *testing.T) {
	letIn := false
	other := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case !letIn:
			http.Error(w, `{}`, http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, "/health"):
			fmt.Fprint(w, `{"status":"UP"}`)
		case strings.Contains(r.URL.Path, "/command"):
			http.Error(w, `{"message":"NO_SUCH_COMMAND"}`, http.StatusNotFound)
		default:
			fmt.Fprint(w, `{"access_token":"t","token_type":"bearer","expires_in":60}`)
		}
	}))
	other.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	other.StartTLS()
	defer other.Close()

	s := newShell(t)
	s.want(exitDone, "internal:", "connection", "put", "ours", "--url", "internal:")
	s.want(exitDone, "internal:", "messaging-server", "put", "ours", "--url", "internal:")
	s.want(exitDone, "let in   yes", "connection", "test", "ours")
	s.want(exitDone, "let in   yes", "messaging-server", "test", "ours")

	secret, token := file(t, "secret", hush), file(t, "token", base64.StdEncoding.EncodeToString([]byte("idm:"+hush)))
	s.want(exitDone, "DA", "connection", "put", "DA", "--url", other.URL, "--client-id", "idm", "--secret-file", secret)
	s.want(exitDone, "Hermod", "messaging-server", "put", "Hermod", "--url", other.URL+"/command", "--token-file", token)
	if got := s.run("connection", "test", "DA"); got.code != exitRefused || !strings.Contains(got.stdout, "cannot be reached") {
		t.Errorf("without its certificate: %+v", got)
	}

	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	config := file(t, "bestow.yaml", fmt.Sprintf("tls: { ca-file: %q }\n", ca))
	for _, args := range [][]string{{"connection", "test", "DA"}, {"messaging-server", "test", "Hermod"}} {
		args = append(args, "--config", config)
		letIn = false
		got := s.run(args...)
		if got.code != exitRefused || !strings.Contains(got.stdout, "does not take our secret") || strings.Contains(got.stdout+got.stderr, hush) {
			t.Errorf("%q: %+v", args, got)
		}
		letIn = true
		s.want(exitDone, "let in   yes", args...)
	}
	s.want(exitDone, `"state": "UP"`, "--json", "messaging-server", "test", "Hermod", "--config", config)
	s.silent()
}

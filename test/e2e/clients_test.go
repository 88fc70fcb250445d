package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExistingClients is an identity manager that knows Digital Access and a Smart ID
// messaging server, and nothing of ours: options, session, create command, callbacks,
// stored credential. Then the key signs in with it.
func TestExistingClients(t *testing.T) {
	callbacks := listen(t)
	d := newDesk(t)
	keys := filepath.Join(t.TempDir(), "agents.jwks")
	if err := os.WriteFile(keys, []byte(d.must("key", "show", "--jwks")), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, `
tenants:
  - name: acme
    relying-parties: [ { id: localhost, name: Acme } ]
    clients: [ { id: idm, key: `+apiSecret+`, scopes: [ users.write, fido.provision, fido.authenticate ] } ]
fronts:
  digital-access: { tenant: acme, relying-party: localhost }
  hermod:
    tenant: acme
    callback: { attempts: 5, retry-delay: 1 }
    allowed-clients:
      - { client-id: idm, key: `+relayKey+`, callback-url: "`+callbacks.url+`", attestation-keys: `+keys+` }
`)
	d.must("trust", "add", strings.TrimPrefix(s.url, "https://"), "--rp", "localhost")
	ours := basic("idm", apiSecret)
	s.must(201, request{"POST", "/api/v1/users", ours, map[string]string{"name": "alice"}}, nil)
	bearer := s.accessToken("idm", apiSecret)

	var options struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	s.must(200, request{"GET", "/fido/options?userId=alice", bearer, nil}, &options)
	command := func(name, object string, to []string, body map[string]any) (r receipt) {
		t.Helper()
		s.must(200, request{"POST", "/hermod/rest/command/" + name, apiKeyOf("idm", relayKey), map[string]any{
			"commandHeader": map[string]any{"lifespan": 300, "timeout": 200, "to": to}, object: body,
		}}, &r)
		return r
	}
	session := command("sessionstart", "sessionStartCommand", []string{"@tmp"}, map[string]any{"userid": "alice", "require": []string{"fido2"}})
	box := []string{session.Destinations[0].BID}
	create := command("fidocreatecredential", "fidoCreateCredentialCommand", box, map[string]any{
		"creationOptions": map[string]any{"publicKey": options.PublicKey}, "origin": s.url,
	})
	ended := d.open(s, session.Destinations[0].URI, deskSecrets)
	if o := callbacks.wait(t, session.CommandID); o.Status != "OK" || o.Signature.State != "VALID" {
		t.Fatalf("session start: %+v", o)
	}
	created := callbacks.wait(t, create.CommandID)
	if created.Status != "OK" || created.Signature.State != "VALID" {
		t.Fatalf("create: %+v", created)
	}
	command("sessionend", "sessionEndCommand", box, map[string]any{})
	if res := <-ended; res.code != 0 {
		t.Errorf("agent: exit %d: %s", res.code, res.stderr)
	}

	answer := map[string]any{"userId": "alice", "displayName": "Office key", "publicKeyCredential": created.Created.Credential.raw}
	s.must(201, request{"POST", "/fido/credentials", bearer, answer}, nil)
	var refusal json.RawMessage
	s.must(http.StatusGone, request{"POST", "/fido/credentials", bearer, answer}, &refusal)
	if !strings.Contains(string(refusal), "challenge_used") {
		t.Errorf("the same answer once more: %s", refusal)
	}

	var begun struct {
		ID        string
		PublicKey json.RawMessage
	}
	s.must(201, request{"POST", "/api/v1/authentications", ours, map[string]any{
		"relyingParty": "localhost", "user": map[string]string{"name": "alice"},
	}}, &begun)
	var done struct{ User struct{ Name string } }
	s.must(200, request{"POST", "/api/v1/authentications/" + begun.ID + "/finish", ours, map[string]any{
		"response": json.RawMessage(d.assert(s.url, string(begun.PublicKey))),
	}}, &done)
	if done.User.Name != "alice" {
		t.Errorf("signed in as %q", done.User.Name)
	}
}

// accessToken takes a token of the Digital Access front.
func (s *server) accessToken(id, secret string) http.Header {
	s.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"fido.provision"}}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, secret)
	resp, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("token: %s, %v", resp.Status, err)
	}
	return http.Header{"Authorization": {"Bearer " + out.Token}}
}

// assert signs in with the software key: from request options to the response.
func (d *desk) assert(origin, options string) string {
	d.t.Helper()
	file := filepath.Join(d.t.TempDir(), "options.json")
	if err := os.WriteFile(file, []byte(options), 0o600); err != nil {
		d.t.Fatal(err)
	}
	res := run(d.t, agent(), nil, deskSecrets, "--dir", d.home, "assert", "--softkey", filepath.Join(d.home, "soft.key"),
		"--secrets-fd", "0", "--yes", "--origin", origin, "--options", file)
	if res.code != 0 {
		d.t.Fatalf("assert: exit %d: %s", res.code, res.stderr)
	}
	return res.stdout
}

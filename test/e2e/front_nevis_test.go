package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/mds/mdstest"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/store/pgtest"
)

const nevisConfig = `
tenants:
  - name: acme
    relying-parties:
      - id: id.example.org
        name: Example Org
        origins: [ "https://login.id.example.org" ]
        user-verification: preferred
        attestation: none
        attestation-trust: record
        algorithms: [ -7, -8 ]
    clients:
      - { id: nevisauth, key: ` + apiSecret + `, scopes: [ users.write, fido.provision, fido.authenticate, fido.read, fido.manage ] }
      - { id: portal, key: ` + apiSecret + `, scopes: [ fido.authenticate ] }
%s
fronts:
  nevis:
    relying-party: id.example.org
    idm: { client-ext-id: "100" }
    management: { listen: "127.0.0.1:0" }
%s`

// nevisServer is a server with the nevisFIDO front, and a key at its desk.
type nevisServer struct {
	*server
	key    *softkey.Key
	caller http.Header
}

func startNevis(t *testing.T, engine, clients, front string, flags ...string) *nevisServer {
	t.Helper()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: time.Now, Attestation: softkey.AttestNone})
	if err != nil {
		t.Fatal(err)
	}
	n := &nevisServer{server: startOn(t, engine, fmt.Sprintf(nevisConfig, clients, front), flags...), key: key, caller: basic("nevisauth", apiSecret)}
	device, err := ctap.NewClient(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := device.SetPIN(t.Context(), []byte("2468")); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *nevisServer) hasUser(name string) {
	n.must(201, request{"POST", "/api/v1/users", n.caller, map[string]any{"name": name}}, nil)
}

// call posts to a path below /nevisfido/fido2 and returns status and members.
func (n *nevisServer) call(path string, header http.Header, body any) (int, map[string]any) {
	n.t.Helper()
	header = header.Clone()
	header.Set("Accept", "application/json")
	status, text, err := n.do(request{"POST", "/nevisfido/fido2" + path, header, body})
	if err != nil {
		n.t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		n.t.Fatalf("%s: %d %s", path, status, text)
	}
	return status, members
}

// good is a call whose status has to be ok.
func (n *nevisServer) good(path string, body any) map[string]any {
	n.t.Helper()
	status, members := n.call(path, n.caller, body)
	if status != 200 || members["status"] != "ok" || members["errorMessage"] != "" {
		n.t.Fatalf("%s: %d %v", path, status, members)
	}
	return members
}

// refused is a call that has to be refused with HTTP 200.
func (n *nevisServer) refused(path string, body any) map[string]any {
	n.t.Helper()
	status, members := n.call(path, n.caller, body)
	if status != 200 || members["status"] != "failed" || members["errorMessage"] == "" {
		n.t.Errorf("%s: %d %v", path, status, members)
	}
	return members
}

func (n *nevisServer) wantStanding(session any, want string) map[string]any {
	n.t.Helper()
	status, members := n.call("/status", n.caller, map[string]any{"fido2SessionId": session})
	if status != 200 || members["status"] != want {
		n.t.Errorf("status: %d %v, want %s", status, members, want)
	}
	return members
}

func registering(name string) map[string]any {
	return map[string]any{
		"username": name, "displayName": "Ada Brunner", "attestation": "none",
		"authenticatorSelection": map[string]any{"residentKey": "required", "requireResidentKey": true, "userVerification": "preferred"},
	}
}

func unb64(t *testing.T, text any) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(fmt.Sprint(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func clientData(t *testing.T, kind string, options map[string]any) (text, hash []byte) {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"type": kind, "challenge": options["challenge"], "origin": "https://login.id.example.org", "crossOrigin": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return text, sum[:]
}

// create has the key answer registration options.
func (n *nevisServer) create(options map[string]any) map[string]any {
	t := n.t
	t.Helper()
	device, err := ctap.NewClient(t.Context(), n.key)
	if err != nil {
		t.Fatal(err)
	}
	text, hash := clientData(t, "webauthn.create", options)
	user, _ := options["user"].(map[string]any)
	made, err := device.MakeCredential(t.Context(), ctap.CredentialParams{
		ClientDataHash: hash, RP: ctap.RP{ID: "id.example.org", Name: "Example Org"},
		User:       ctap.User{ID: unb64(t, user["id"]), Name: fmt.Sprint(user["name"]), DisplayName: fmt.Sprint(user["displayName"])},
		Algorithms: []int64{-7}, ResidentKey: ctap.Required, UserVerification: ctap.Required, Attestation: ctap.Direct,
	}, ctap.Prompt{PIN: ctap.PINOnce([]byte("2468"))})
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return map[string]any{
		"type": "public-key", "id": enc(made.ID), "userFriendlyName": "Office key", "userAgent": "Mozilla/5.0",
		"authenticatorAttachment": "cross-platform",
		"response":                map[string]any{"clientDataJSON": enc(text), "attestationObject": enc(made.AttestationObject)},
	}
}

// get has the key answer authentication options with a discoverable credential.
func (n *nevisServer) get(options map[string]any) map[string]any {
	t := n.t
	t.Helper()
	device, err := ctap.NewClient(t.Context(), n.key)
	if err != nil {
		t.Fatal(err)
	}
	text, hash := clientData(t, "webauthn.get", options)
	list, err := device.GetAssertion(t.Context(), ctap.AssertionParams{
		RPID: "id.example.org", ClientDataHash: hash, UserVerification: ctap.Required,
	}, ctap.Prompt{PIN: ctap.PINOnce([]byte("2468"))})
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return map[string]any{"type": "public-key", "id": enc(list[0].CredentialID), "response": map[string]any{
		"clientDataJSON": enc(text), "authenticatorData": enc(list[0].AuthData), "signature": enc(list[0].Signature), "userHandle": enc(list[0].User.ID),
	}}
}

// Points 1, 3, 5, 6, 7 and 8 of what somebody who knows nevisFIDO would check.
func TestNevis(t *testing.T) { onBothEngines(t, nevisFlow) }

func nevisFlow(t *testing.T, engine string) {
	n := startNevis(t, engine, "", "")
	n.hasUser("u-7f3a")

	// 3: a session from the options to the end.
	options := n.good("/attestation/options", registering("u-7f3a"))
	session := options["fido2SessionId"]
	n.wantStanding(session, "initialized")
	answer := n.create(options)
	if done := n.good("/attestation/result", answer); done["fido2SessionId"] != session {
		t.Errorf("session: %v", done)
	}
	if s := n.wantStanding(session, "succeeded"); s["userId"] != "u-7f3a" {
		t.Errorf("status: %v", s)
	}
	n.refused("/attestation/result", answer)
	n.wantStanding("5b0f6d0e-6a55-4a4b-9d36-4d1f5f0f7b11", "unknown")
	for _, body := range []any{map[string]any{}, map[string]any{"fido2SessionId": 7}, []int{1}} {
		if status, _ := n.call("/status", n.caller, body); status != 400 {
			t.Errorf("status of %v: %d", body, status)
		}
	}

	// 1: both paths give authentication options, one of them registration options as well.
	both := []map[string]any{
		n.good("/attestation/options", map[string]any{"username": "u-7f3a", "userVerification": "preferred"}),
		n.good("/assertion/options", map[string]any{"username": "u-7f3a", "userVerification": "preferred"}),
	}
	for _, o := range both {
		delete(o, "challenge")
		delete(o, "fido2SessionId")
	}
	if !reflect.DeepEqual(both[0], both[1]) {
		t.Errorf("%v\n%v", both[0], both[1])
	}

	// 5: a second registration excludes the first.
	list, _ := n.good("/attestation/options", registering("u-7f3a"))["excludeCredentials"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["id"] != answer["id"] {
		t.Errorf("excluded: %v", list)
	}

	// 6: without a name, and not without a user handle.
	n.good("/assertion/result", n.get(n.good("/assertion/options", map[string]any{"username": ""})))
	options = n.good("/assertion/options", map[string]any{"username": ""})
	bare := n.get(options)
	delete(bare["response"].(map[string]any), "userHandle")
	n.refused("/assertion/result", bare)
	n.wantStanding(options["fido2SessionId"], "failed")

	// 7 and 8: nevisIDM tells of it, and can disable it.
	const users = "/nevisidm/api/core/v1/100/users/u-7f3a/fido2"
	var page struct {
		Items []struct {
			ExtID, UserFriendlyName, UserAgent, AuthenticatorAttachment, StateName string
			Version                                                                int64
		}
	}
	n.must(200, request{"GET", users, n.caller, nil}, &page)
	if len(page.Items) != 1 || page.Items[0].UserFriendlyName != "Office key" || page.Items[0].UserAgent != "Mozilla/5.0" || page.Items[0].AuthenticatorAttachment != "crossplatform" {
		t.Fatalf("list: %+v", page)
	}
	attached := registering("u-7f3a")
	attached["authenticatorSelection"].(map[string]any)["authenticatorAttachment"] = "cross-platform"
	if s, _ := n.good("/attestation/options", attached)["authenticatorSelection"].(map[string]any); s["authenticatorAttachment"] != "cross-platform" {
		t.Errorf("selection: %v", s)
	}
	one := users + "/" + page.Items[0].ExtID
	n.must(200, request{"PATCH", one, n.caller, map[string]any{"stateName": "disabled", "version": page.Items[0].Version}}, nil)
	n.must(409, request{"PATCH", one, n.caller, map[string]any{"stateName": "active", "version": page.Items[0].Version}}, nil)
	n.refused("/assertion/options", map[string]any{"username": "u-7f3a"})
	n.refused("/assertion/result", n.get(n.good("/assertion/options", map[string]any{"username": ""})))
	// Our own API sees the same.
	var ours struct{ Items []struct{ State string } }
	n.must(200, request{"GET", "/api/v1/credentials?relyingParty=id.example.org", n.caller, nil}, &ours)
	if len(ours.Items) != 1 || ours.Items[0].State != "suspended" {
		t.Errorf("our API: %+v", ours)
	}
	n.must(200, request{"PATCH", one, n.caller, map[string]any{"stateName": "active"}}, nil)
	n.good("/assertion/result", n.get(n.good("/assertion/options", map[string]any{"username": "u-7f3a"})))
	n.must(200, request{"GET", "/nevisidm/api/core/v1/clients/100/fido2?sortBy=created_DESC&stateName=active", n.caller, nil}, &page)
	if len(page.Items) != 1 {
		t.Errorf("of all users: %+v", page)
	}
	n.must(204, request{"DELETE", one, n.caller, nil}, nil)
}

// Point 2: methods and headers.
func TestNevisHeaders(t *testing.T) {
	n := startNevis(t, "", "", "")
	for _, tt := range []struct {
		method, path, contentType, accept string
		want                              int
	}{
		{"POST", "/assertion/options", "application/json;charset=UTF-8", "application/json", 200},
		{"GET", "/assertion/options", "application/json", "application/json", 405},
		{"PUT", "/status", "text/plain", "text/html", 405},
		{"OPTIONS", "/status", "", "", 405},
		{"POST", "/attestation/options", "text/plain", "text/html", 415},
		{"POST", "/attestation/result", "", "application/json", 415},
		{"POST", "/assertion/result", "application/json", "text/html", 406},
		{"POST", "/status", "application/json", "application/xml", 406},
		{"OPTIONS", "/assertion/result", "", "", 204},
	} {
		req, err := http.NewRequest(tt.method, n.url+"/nevisfido/fido2"+tt.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = n.caller.Clone()
		for name, value := range map[string]string{"Content-Type": tt.contentType, "Accept": tt.accept} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		resp, err := n.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != tt.want || tt.want != 204 && resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %d %v %s, want %d", tt.method, tt.path, resp.StatusCode, resp.Header, text, tt.want)
		}
		if resp.StatusCode == 405 && !strings.HasPrefix(resp.Header.Get("Allow"), "POST") {
			t.Errorf("Allow: %v", resp.Header)
		}
	}
}

// The worked example: the answers of one key to two challenges that were issued elsewhere.
const (
	nevisChallenges = `A4nq0NXxcZ4bfL3gv77N4TBL81sN1XZu3DiDhM7ZmJY xwbdUQIlLOXeV-RUAXvBiJ2-eDkg786gtSleIgMcntQ`
	nevisPublicKey  = `pQECAyYgASFYIDj6VBBVPpsJNgqQ1lc_71qRNwv73hFu4iWrFnbBNGmzIlggOJob93gT93kuySGRAzLbxUPBDpNtU2orJrs7Cq-kAuQ`
	nevisCreated    = `{"type":"public-key","id":"VdkaNWFoSzLfXlig2RlouQ","response":{
		"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiQTRucTBOWHhjWjRiZkwzZ3Y3N040VEJMODFzTjFYWnUzRGlEaE03Wm1KWSIsIm9yaWdpbiI6Imh0dHBzOi8vbG9naW4uaWQuZXhhbXBsZS5vcmciLCJjcm9zc09yaWdpbiI6ZmFsc2V9",
		"attestationObject":"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YViUNZf9OjcG3L-MlTEYwdsGFcC1bcr0zDghcqymXFjyRCJFAAAAAAAAAAAAAAAAAAAAAAAAAAAAEFXZGjVhaEsy315YoNkZaLmlAQIDJiABIVggOPpUEFU-mwk2CpDWVz_vWpE3C_veEW7iJasWdsE0abMiWCA4mhv3eBP3eS7JIZEDMtvFQ8EOk21TaismuzsKr6QC5A"},
		"userFriendlyName":"Office key","userAgent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0","clientExtensionResults":{"credProps":{"rk":true}}}`
	nevisSignedIn = `{"type":"public-key","id":"VdkaNWFoSzLfXlig2RlouQ","response":{
		"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoieHdiZFVRSWxMT1hlVi1SVUFYdkJpSjItZURrZzc4Nmd0U2xlSWdNY250USIsIm9yaWdpbiI6Imh0dHBzOi8vbG9naW4uaWQuZXhhbXBsZS5vcmciLCJjcm9zc09yaWdpbiI6ZmFsc2V9",
		"authenticatorData":"NZf9OjcG3L-MlTEYwdsGFcC1bcr0zDghcqymXFjyRCIFAAAAAQ",
		"signature":"MEYCIQDVskdsnnrUjAcsSMvEN7Dc27Oe2CCdsFiHnZDm3O0wbwIhAJVkhaAhMOuQUEhCALhcnQaEOsUCc5UrAyNh0wtxkkU9",
		"userHandle":"BPiZbadjt6lpsQKO4wB1aQ"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}`
)

// Point 4: recorded answers verify once.
func TestNevisReplay(t *testing.T) {
	n := startNevis(t, "", "", "", "--test-data")
	challenges := strings.Fields(nevisChallenges)
	imports := func(c map[string]any, args ...string) string {
		t.Helper()
		c["schema"], c["rp"] = "webauthn-case/1", map[string]any{"id": "id.example.org", "origins": []string{"https://login.id.example.org"}}
		args = append([]string{"--config", n.file(), "--json", "ceremony", "import", "--client", "nevisauth"}, args...)
		res := run(t, bestow(), n.env(), string(encodeLine(t, c)), args...)
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(res.stdout), &made); err != nil || res.code != 0 {
			t.Fatalf("import: exit %d: %s%s", res.code, res.stdout, res.stderr)
		}
		return made.ID
	}
	id := imports(map[string]any{
		"kind": "registration", "options": map[string]any{"challenge": challenges[0], "userVerification": "preferred", "userPresence": "required", "pubKeyCredParams": []int{-7, -8}},
		"policy": map[string]any{"attestationTrust": "ignore"}, "response": json.RawMessage(nevisCreated),
	}, "--user", "u-7f3a")
	n.wantStanding(id, "initialized")
	if done := n.good("/attestation/result", json.RawMessage(nevisCreated)); done["fido2SessionId"] != id {
		t.Errorf("session: %v", done)
	}
	if s := n.wantStanding(id, "succeeded"); s["userId"] != "u-7f3a" {
		t.Errorf("status: %v", s)
	}
	n.refused("/attestation/result", json.RawMessage(nevisCreated))

	id = imports(map[string]any{
		"kind": "authentication", "options": map[string]any{"challenge": challenges[1], "userVerification": "preferred", "userPresence": "required", "allowCredentials": []string{}},
		"policy":   map[string]any{"attestationTrust": "ignore"},
		"response": json.RawMessage(nevisSignedIn),
		"credential": map[string]any{
			"id": "VdkaNWFoSzLfXlig2RlouQ", "publicKey": nevisPublicKey, "signCount": 0, "backupEligible": false, "backupState": false, "userHandle": "BPiZbadjt6lpsQKO4wB1aQ",
		},
	})
	n.good("/assertion/result", json.RawMessage(nevisSignedIn))
	n.wantStanding(id, "succeeded")
	n.refused("/assertion/result", json.RawMessage(nevisSignedIn))
	n.wantStanding(id, "succeeded")
}

// management asks the management listener, whose address the start was told.
func (n *nevisServer) management(path string) (int, string, string) {
	n.t.Helper()
	resp, err := http.Get("http://" + n.managementAddress + "/nevisfido" + path)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(text)
}

// Point 9: the management port, with metadata whose successor is overdue.
func TestNevisManagement(t *testing.T) {
	service := mdstest.New(t, time.Now())
	blob := mdstest.File(t, "blob.jwt", service.Sign(mdstest.List{Number: 7, NextUpdate: time.Now().AddDate(0, 0, -3).Format(time.DateOnly)}))
	roots := mdstest.File(t, "roots.pem", mdstest.PEM(service.Root.Cert))
	n := startNevis(t, "", "", "\nmetadata: [ { name: fido, file: "+blob+", roots-file: "+roots+", refuse-outdated: true, grace: 1h } ]\n")
	const media = "application/vnd.spring-boot.actuator.v2+json"
	if status, kind, text := n.management("/liveness"); status != 200 || kind != media || strings.TrimSpace(text) != `{"status":"UP"}` {
		t.Errorf("liveness: %d %s %s", status, kind, text)
	}
	status, kind, text := n.management("/health")
	for end := time.Now().Add(patience); strings.Contains(text, `"UNKNOWN"`) && time.Now().Before(end); { // it is read beside the start
		status, kind, text = n.management("/health")
	}
	if status != 200 || kind != media || !strings.Contains(text, `"mds3":{"status":"OUT_OF_SERVICE"}`) || !strings.Contains(text, `"database":{"status":"UP"}`) {
		t.Errorf("health: %d %s %s", status, kind, text)
	}
	if status, _, text := n.management("/metrics"); status != 200 || !strings.Contains(text, "bestow_database_up 1") {
		t.Errorf("metrics: %d %s", status, text)
	}
}

// Point 9: liveness and readiness while the database is out of reach.
func TestNevisManagementWithoutDatabase(t *testing.T) {
	engine, cut := throughProxy(t, pgtest.URL(t))
	n := startNevis(t, engine, "", "")
	if status, _, text := n.management("/health"); status != 200 {
		t.Errorf("health: %d %s", status, text)
	}
	cut()
	if status, _, text := n.management("/health"); status != 503 || !strings.Contains(text, `"status":"DOWN"`) || !strings.Contains(text, `"database":{"status":"DOWN"}`) {
		t.Errorf("health: %d %s", status, text)
	}
	if status, _, text := n.management("/liveness"); status != 200 {
		t.Errorf("liveness: %d %s", status, text)
	}
}

// throughProxy returns a URL that leads to the same database through a socket of its own,
// and what cuts all connections through it.
func throughProxy(t *testing.T, engine string) (string, func()) {
	t.Helper()
	u, err := url.Parse(engine)
	if err != nil {
		t.Fatal("not a URL")
	}
	q := u.Query()
	server := filepath.Join(q.Get("host"), ".s.PGSQL.5432")
	dir, err := os.MkdirTemp("", "pg") // short: a socket's path may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	cut := func() {
		select {
		case <-over:
		default:
			close(over)
			listener.Close()
		}
	}
	t.Cleanup(cut)
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", server)
			if err != nil {
				near.Close()
				continue
			}
			go func() { _, _ = io.Copy(far, near); far.Close() }()
			go func() { _, _ = io.Copy(near, far); near.Close() }()
			go func() { <-over; near.Close(); far.Close() }()
		}
	}()
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	return u.String(), cut
}

// Point 11: registration with the SecToken of another user.
func TestNevisSecToken(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := plugout.NewSigner(key, "", "k1")
	if err != nil {
		t.Fatal(err)
	}
	set, err := plugout.NewKeySet(signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	jwks := mdstest.File(t, "sectoken.jwks", text)
	n := startNevis(t, "", "", `
    sectoken: { keys-file: `+jwks+`, audience: nevisfido, registration-options: required, registration-result: required }`)
	n.hasUser("alice")
	n.hasUser("bob")
	portal := func(user string) http.Header {
		claims, err := json.Marshal(map[string]any{"sub": user, "aud": "nevisfido", "exp": time.Now().Add(time.Hour).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		token, err := signer.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		h := basic("portal", apiSecret)
		h.Set("X-Sec-Token", string(token))
		return h
	}
	if status, members := n.call("/attestation/options", n.caller, registering("alice")); status != 401 || members["status"] != "failed" {
		t.Errorf("without a token: %d %v", status, members)
	}
	if status, members := n.call("/attestation/options", portal("bob"), registering("alice")); status != 403 || members["status"] != "failed" {
		t.Errorf("with another's token: %d %v", status, members)
	}
	status, options := n.call("/attestation/options", portal("alice"), registering("alice"))
	if status != 200 || options["status"] != "ok" {
		t.Fatalf("with their own: %d %v", status, options)
	}
	answer := n.create(options)
	if status, members := n.call("/attestation/result", portal("bob"), answer); status != 403 {
		t.Errorf("finished with another's token: %d %v", status, members)
	}
	if status, members := n.call("/attestation/result", portal("alice"), answer); status != 200 || members["status"] != "ok" {
		t.Errorf("finished: %d %v", status, members)
	}
	var events []struct{ Action, Outcome string }
	n.verb(&events, "audit", "list", "--action", "registration.denied")
	if len(events) != 2 || events[0].Outcome != "subject.other" {
		t.Errorf("trail: %+v", events)
	}
}

// A client may be known by its TLS certificate, as components of Nevis are.
func TestNevisCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nevisauth"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := mdstest.File(t, "client.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	n := startNevis(t, "", "      - { id: proxy, certificate-file: "+file+", scopes: [ fido.authenticate ] }", "")
	if status, _ := n.call("/assertion/options", http.Header{}, map[string]any{"username": ""}); status != 401 {
		t.Errorf("without: %d", status)
	}
	n.http.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	n.http.CloseIdleConnections()
	if status, members := n.call("/assertion/options", http.Header{}, map[string]any{"username": ""}); status != 200 || members["status"] != "ok" {
		t.Errorf("with: %d %v", status, members)
	}
	if status, _ := n.call("/attestation/options", http.Header{}, registering("u")); status != 403 {
		t.Errorf("beyond its rights: %d", status)
	}
}

package e2e

import (
	"crypto"
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
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
)

// tidKey is a software key with a PIN, on a page of the server's origin.
type tidKey struct {
	*softkey.Key
	origin string
}

const tidPIN = "2468"

func newTIDKey(t *testing.T, attestation softkey.Attestation) *tidKey {
	t.Helper()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: time.Now, Attestation: attestation})
	if err != nil {
		t.Fatal(err)
	}
	k := &tidKey{Key: key}
	if err := k.client(t).SetPIN(t.Context(), []byte(tidPIN)); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *tidKey) client(t *testing.T) *ctap.Client {
	t.Helper()
	c, err := ctap.NewClient(t.Context(), k.Key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tidOptions are what registrationRequest and authenticationRequest hold.
type tidOptions struct {
	PublicKey              json.RawMessage // not there
	RP                     struct{ ID, Name string }
	User                   struct{ ID, Name, DisplayName string }
	Challenge              string
	RPID                   string `json:"rpId"`
	ExcludeCredentials     []struct{ ID string }
	AllowCredentials       []struct{ ID string }
	AuthenticatorSelection struct {
		UserVerification, ResidentKey string
		RequireResidentKey            bool
	}
	Attestation string
}

func tidOptionsOf(t *testing.T, text string) tidOptions {
	t.Helper()
	var o tidOptions
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return o
}

func (k *tidKey) clientData(t *testing.T, kind, challenge string) (text, hash []byte) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.origin, "crossOrigin": false})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return text, sum[:]
}

func b64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func fromB64url(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// create answers creation options and returns the credential's JSON and id.
func (k *tidKey) create(t *testing.T, o tidOptions) (credential, id string) {
	t.Helper()
	clientData, hash := k.clientData(t, "webauthn.create", o.Challenge)
	residence := ctap.Discouraged
	if o.AuthenticatorSelection.RequireResidentKey {
		residence = ctap.Required
	}
	made, err := k.client(t).MakeCredential(t.Context(), ctap.CredentialParams{
		ClientDataHash: hash, RP: ctap.RP{ID: o.RP.ID, Name: o.RP.Name},
		User:       ctap.User{ID: fromB64url(t, o.User.ID), Name: o.User.Name, DisplayName: o.User.DisplayName},
		Algorithms: []int64{-7}, ResidentKey: residence, UserVerification: ctap.Required, Attestation: ctap.Direct,
	}, ctap.Prompt{PIN: ctap.PINOnce([]byte(tidPIN))})
	if err != nil {
		t.Fatal(err)
	}
	return k.wrap(t, made.ID, map[string]any{
		"clientDataJSON": b64url(clientData), "attestationObject": b64url(made.AttestationObject), "transports": []string{"usb"},
	})
}

// get answers request options.
func (k *tidKey) get(t *testing.T, o tidOptions) string {
	t.Helper()
	clientData, hash := k.clientData(t, "webauthn.get", o.Challenge)
	p := ctap.AssertionParams{RPID: o.RPID, ClientDataHash: hash, UserVerification: ctap.Required}
	for _, c := range o.AllowCredentials {
		p.Allow = append(p.Allow, ctap.CredentialDescriptor{ID: fromB64url(t, c.ID)})
	}
	all, err := k.client(t).GetAssertion(t.Context(), p, ctap.Prompt{PIN: ctap.PINOnce([]byte(tidPIN))})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := k.wrap(t, all[0].CredentialID, map[string]any{
		"clientDataJSON": b64url(clientData), "authenticatorData": b64url(all[0].AuthData), "signature": b64url(all[0].Signature),
	})
	return text
}

func (k *tidKey) wrap(t *testing.T, id []byte, response map[string]any) (text, encoded string) {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"id": b64url(id), "rawId": b64url(id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b), b64url(id)
}

// tid is the server as a client of the platform's API sees it.
type tid struct {
	*server
	t      *testing.T
	header http.Header // who calls; nil: by certificate
}

// tidAnswer is what any call answers.
type tidAnswer struct {
	status                int
	raw                   map[string]json.RawMessage
	RegistrationRequest   any
	AuthenticationRequest string
	RequestID             string
	RegistrationID        string
	SessionStatus         string
	Message               string
	ValidationErrors      []struct{ Field, Message string }
}

func (c *tid) call(method, path string, body any) tidAnswer {
	c.t.Helper()
	status, text, err := c.do(request{method, "/v1" + path, c.header, body})
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	a := tidAnswer{status: status}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
		_ = json.Unmarshal(text, &a.raw)
	}
	return a
}

// generate asks for a registration request, with members beside the protocol.
func (c *tid) generate(user string, members map[string]any) tidAnswer {
	c.t.Helper()
	body := map[string]any{"fidoProtocol": "FIDO2"}
	for name, value := range members {
		body[name] = value
	}
	return c.call("POST", "/users/"+user+"/generate-fido-registration-request", body)
}

// options returns what a registration request holds.
func (c *tid) options(a tidAnswer) tidOptions {
	c.t.Helper()
	text, ok := a.RegistrationRequest.(string)
	if !ok || a.status != 200 {
		c.t.Fatalf("no registration request: %d %s", a.status, a.raw)
	}
	return tidOptionsOf(c.t, text)
}

func (c *tid) register(user, id, credential string) tidAnswer {
	c.t.Helper()
	return c.call("POST", "/users/"+user+"/register-fido-device", map[string]any{
		"fidoProtocol": "FIDO2", "requestID": id, "registrationResponse": credential,
	})
}

// registrations returns the ids of those listed for a user, all of them if empty.
func (c *tid) registrations(user string) (ids []string) {
	c.t.Helper()
	var list struct {
		FIDORegistrations []struct{ RegistrationID string }
	}
	path := "/v1/fido-registrations?limit=100"
	if user != "" {
		path += "&userID=" + url.QueryEscape(user)
	}
	c.must(200, request{"GET", path, c.header, nil}, &list)
	for _, r := range list.FIDORegistrations {
		ids = append(ids, r.RegistrationID)
	}
	return ids
}

// tidClientCertificate makes a client's certificate and returns it with its PEM file.
func tidClientCertificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "portal"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, crypto.PublicKey(key.Public()), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, tidPEM(t, der)
}

// tidPEM writes a certificate to a file.
func tidPEM(t *testing.T, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "certificate.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// newTID starts a server with the front, whose trust anchor is that of trusted, and
// returns it as its client portal sees it.
func newTID(t *testing.T, trusted *tidKey) *tid {
	t.Helper()
	certificate, file := tidClientCertificate(t)
	s := start(t, `
tenants:
  - name: northbank
    relying-parties:
      - { id: localhost, name: North Bank, user-verification: preferred, resident-key: discouraged, trust-anchors-file: `+tidPEM(t, trusted.AttestationRoot().Raw)+` }
    clients:
      - { id: portal, certificate-file: `+file+`, scopes: [ fido.provision, fido.read, fido.manage, fido.authenticate ] }
      - { id: api, key: `+apiSecret+`, scopes: [ admin ] }
  - name: southbank
    relying-parties: [ { id: localhost, challenge-life: 10s } ]
    clients: [ { id: south, key: `+apiSecret+`, scopes: [ users.write, fido.provision, fido.read ] } ]
fronts:
  onespan:
    tenant: northbank
    relying-party: localhost
    default-domain: northbank
    domains: [ branch ]
    more-tenants: [ { tenant: southbank, relying-party: localhost } ]
`)
	s.http.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{certificate}
	trusted.origin = s.url
	for _, user := range []string{"mira.koch", "jo", "boss", "ann@corp.example"} {
		s.must(201, request{"POST", "/api/v1/users", basic("api", apiSecret), map[string]any{"name": user}}, nil)
	}
	return &tid{server: s, t: t}
}

// key returns a key of its own, as the page of the server drives it.
func (c *tid) key(attestation softkey.Attestation) *tidKey {
	c.t.Helper()
	k := newTIDKey(c.t, attestation)
	k.origin = c.url
	return k
}

// TestOneSpan goes through what a user of the platform's API checks first, in that order.
func TestOneSpan(t *testing.T) {
	trusted := newTIDKey(t, softkey.AttestPacked)
	c := newTID(t, trusted)

	// The request of a tenant whose requests live for ten seconds is come back to below.
	south := &tid{server: c.server, t: t, header: basic("south", apiSecret)}
	c.must(201, request{"POST", "/api/v1/users", south.header, map[string]any{"name": "sue"}}, nil)
	early := south.generate("sue@master", nil)
	late, _ := c.key(softkey.AttestNone).create(t, c.options(early))

	for _, point := range []struct {
		name  string
		check func(t *testing.T, c *tid)
	}{
		{"1: the request is a string with the inner options", func(t *testing.T, c *tid) {
			if o := c.options(c.generate("mira.koch@northbank", nil)); o.PublicKey != nil || o.RP.ID != "localhost" || len(o.Challenge) != 86 {
				t.Errorf("options: %+v", o)
			}
		}},
		{"2: uafStatusCode is null and requestID has its prefix", func(t *testing.T, c *tid) {
			a := c.generate("mira.koch@northbank", nil)
			form := regexp.MustCompile(`^registration:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
			if string(a.raw["uafStatusCode"]) != "null" || !form.MatchString(a.RequestID) {
				t.Errorf("answer: %s", a.raw)
			}
		}},
		{"3: fidoProtocol in other case, or none", func(t *testing.T, c *tid) {
			for _, body := range []map[string]any{{"fidoProtocol": "fido2"}, {}} {
				a := c.call("POST", "/users/mira.koch@northbank/generate-fido-registration-request", body)
				if a.status != 400 || len(a.ValidationErrors) != 1 || a.ValidationErrors[0].Field != "fidoProtocol" || a.ValidationErrors[0].Message == "" {
					t.Errorf("%v: %d %s", body, a.status, a.raw)
				}
			}
		}},
		{"4: unknown user 404, admin account 403, before any challenge", oneSpanUsers},
		{"5: a request is used once, by its user, in time", oneSpanRequests},
		{"6: what is asked for is enforced", oneSpanEnforced},
		{"7: direct attestation has to be trusted", func(t *testing.T, c *tid) { oneSpanAttestation(t, c, trusted) }},
		{"8: a registration is listed, and excluded from the next request", oneSpanListed},
		{"9: addresses of users", oneSpanAddresses},
		{"10: UAF is answered with 501", oneSpanUAF},
		{"login, by the same certificate", oneSpanLogin},
		{"callers", oneSpanCallers},
	} {
		t.Run(point.name, func(t *testing.T) {
			server := *c.server
			server.t = t
			point.check(t, &tid{server: &server, t: t})
		})
	}

	t.Run("5: a request that has expired", func(t *testing.T) {
		path := "/api/v1/registrations?relyingParty=localhost&requestId=" + url.QueryEscape(early.RequestID)
		eventually(t, "the request expires", func() bool {
			var ceremony struct{ State string }
			c.must(200, request{"GET", path, south.header, nil}, &ceremony)
			return ceremony.State == "expired"
		})
		a := south.register("sue", early.RequestID, late)
		if a.status != 409 || !strings.Contains(a.Message, "expired") || len(south.registrations("")) != 0 {
			t.Errorf("got %d %s", a.status, a.raw)
		}
	})
}

func oneSpanUsers(t *testing.T, c *tid) {
	begun := func() int {
		var events []struct{ Action string }
		c.verb(&events, "audit", "list", "--tenant", "northbank", "--action", "registration.begun", "--limit", "1000")
		return len(events)
	}
	c.verb(nil, "operator", "grant", "boss", "--role", "auditor", "--tenant", "northbank")
	before := begun()
	if a := c.generate("nobody@northbank", nil); a.status != 404 || a.Message != "User account not found." {
		t.Errorf("unknown user: %d %s", a.status, a.raw)
	}
	if a := c.generate("boss@northbank", nil); a.status != 403 {
		t.Errorf("admin account: %d %s", a.status, a.raw)
	}
	if n := begun(); n != before {
		t.Errorf("%d requests were made", n-before)
	}
}

func oneSpanRequests(t *testing.T, c *tid) {
	a := c.generate("mira.koch", nil)
	credential, _ := c.key(softkey.AttestSelf).create(t, c.options(a))
	refused := func(what string, a tidAnswer) {
		t.Helper()
		if a.status != 409 || a.Message == "" || string(a.raw["uafStatusCode"]) != "null" {
			t.Errorf("%s: %d %s", what, a.status, a.raw)
		}
	}
	refused("another user's", c.register("jo", a.RequestID, credential))
	if len(c.registrations("")) != 0 {
		t.Error("something was stored")
	}
	first := c.register("mira.koch", a.RequestID, credential)
	if first.status != 200 {
		t.Fatalf("first: %d %s", first.status, first.raw)
	}
	refused("the same again", c.register("mira.koch", a.RequestID, credential))
	if ids := c.registrations(""); !slices.Equal(ids, []string{first.RegistrationID}) {
		t.Errorf("registrations: %v", ids)
	}
	c.must(204, request{"DELETE", "/v1/fido-registrations/" + first.RegistrationID, nil, nil}, nil)
}

func oneSpanEnforced(t *testing.T, c *tid) {
	a := c.generate("mira.koch", map[string]any{"authenticatorSelection": map[string]any{"userVerification": "required", "requireResidentKey": true}})
	o := c.options(a)
	if s := o.AuthenticatorSelection; s.UserVerification != "required" || !s.RequireResidentKey || s.ResidentKey != "required" {
		t.Errorf("options: %+v", s)
	}
	key := c.key(softkey.AttestSelf)
	key.Forge(softkey.Forge{AuthData: func(d *softkey.AuthData) { d.Flags &^= softkey.FlagUserVerified }})
	credential, _ := key.create(t, o)
	if a := c.register("mira.koch", a.RequestID, credential); a.status != 409 || !strings.Contains(a.Message, "user verification was required but not performed") {
		t.Errorf("nobody verified: %d %s", a.status, a.raw)
	}
}

func oneSpanAttestation(t *testing.T, c *tid, trusted *tidKey) {
	try := func(attestation string, key *tidKey) tidAnswer {
		t.Helper()
		a := c.generate("jo", map[string]any{"attestation": attestation})
		credential, _ := key.create(t, c.options(a))
		return c.register("jo", a.RequestID, credential)
	}
	if a := try("direct", trusted); a.status != 200 {
		t.Errorf("trusted: %d %s", a.status, a.raw)
	}
	forged := newTIDKey(t, softkey.AttestPacked)
	forged.origin = c.url
	if a := try("direct", forged); a.status != 409 || !strings.Contains(a.Message, "not trusted") {
		t.Errorf("untrusted: %d %s", a.status, a.raw)
	}
	forged.Forge(softkey.Forge{Signature: func(sig []byte) []byte { sig[len(sig)-1] ^= 1; return sig }})
	if a := try("direct", forged); a.status != 409 {
		t.Errorf("forged: %d %s", a.status, a.raw)
	}
	if a := try("none", c.key(softkey.AttestNone)); a.status != 200 {
		t.Errorf("none: %d %s", a.status, a.raw)
	}

	// The default policy of a relying party that is made by the front.
	admin := &tid{server: c.server, t: t, header: basic("api", apiSecret)}
	made := admin.call("PUT", "/fido/relying-parties/new.northbank.example", map[string]any{"rpName": "New"})
	if made.status != 200 || string(made.raw["policyName"]) != `"default"` {
		t.Errorf("relying party: %d %s", made.status, made.raw)
	}
	if a := admin.call("GET", "/fido/policies/default", nil); a.status != 200 || !strings.Contains(string(a.raw["fido"]), "NOT_FIDO_CERTIFIED") {
		t.Errorf("default policy: %d %s", a.status, a.raw)
	}
}

func oneSpanListed(t *testing.T, c *tid) {
	a := c.generate("mira.koch", nil)
	credential, id := c.key(softkey.AttestSelf).create(t, c.options(a))
	made := c.register("mira.koch", a.RequestID, credential)
	if made.status != 200 || !slices.Contains(c.registrations("mira.koch"), made.RegistrationID) {
		t.Fatalf("registered: %d %s", made.status, made.raw)
	}
	excluded := c.options(c.generate("mira.koch", nil)).ExcludeCredentials
	if len(excluded) != 1 || excluded[0].ID != id {
		t.Errorf("excluded: %v, want %s", excluded, id)
	}
	path := "/fido-registrations/" + made.RegistrationID
	if a := c.call("PATCH", path, map[string]any{"registrationName": "Blue key"}); a.status != 204 {
		t.Errorf("rename: %d", a.status)
	}
	// Our own API sees the same one.
	var same struct{ Name string }
	c.must(200, request{"GET", "/api/v1/credentials/" + made.RegistrationID, basic("api", apiSecret), nil}, &same)
	if same.Name != "Blue key" {
		t.Errorf("by our own API: %+v", same)
	}
	if a := c.call("DELETE", path, nil); a.status != 204 {
		t.Errorf("delete: %d", a.status)
	}
}

func oneSpanAddresses(t *testing.T, c *tid) {
	for path, status := range map[string]int{
		"mira.koch@northbank": 200, "mira.koch%40northbank": 200, "mira.koch": 200, "MIRA.KOCH@NORTHBANK": 200,
		"ann@corp.example@northbank": 200, "ann%40corp.example%40northbank": 200,
		"ann@corp.example": 404, "mira.koch@branch": 404, "@northbank": 400,
	} {
		if a := c.generate(path, nil); a.status != status {
			t.Errorf("%s: %d %s, want %d", path, a.status, a.raw, status)
		}
	}
}

func oneSpanUAF(t *testing.T, c *tid) {
	for path, body := range map[string]map[string]any{
		"generate-fido-registration-request":   {"fidoProtocol": "UAF11"},
		"register-fido-device":                 {"fidoProtocol": "UAF11", "registrationResponse": "[]"},
		"generate-fido-authentication-request": {"fidoProtocol": "UAF11"},
		"deregister-fido-device":               {"fidoProtocol": "UAF11", "authenticators": []any{}},
		"events/validate":                      {},
		"transactions/validate":                {},
	} {
		if a := c.call("POST", "/users/mira.koch/"+path, body); a.status != 501 || a.Message == "" {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
	if a := c.call("GET", "/sessions/x", nil); a.status != 501 || a.Message == "" {
		t.Errorf("session: %d %s", a.status, a.raw)
	}
}

func oneSpanLogin(t *testing.T, c *tid) {
	key := c.key(softkey.AttestSelf)
	a := c.generate("ann@corp.example@northbank", nil)
	credential, _ := key.create(t, c.options(a))
	if a := c.register("ann@corp.example@northbank", a.RequestID, credential); a.status != 200 {
		t.Fatalf("register: %d %s", a.status, a.raw)
	}
	const user = "/users/ann%40corp.example@northbank/"
	begun := c.call("POST", user+"generate-fido-authentication-request", map[string]any{"fidoProtocol": "FIDO2", "userVerification": "required"})
	login := map[string]any{
		"objectType": "LoginInput", "requestID": begun.RequestID, "fidoAuthentication": map[string]any{"fidoProtocol": "FIDO2"},
		"credentials": map[string]any{"fidoAuthenticator": map[string]any{
			"authenticationResponse": key.get(t, tidOptionsOf(t, begun.AuthenticationRequest)),
		}},
	}
	if a := c.call("POST", user+"login", login); a.status != 200 || a.SessionStatus != "accepted" {
		t.Errorf("login: %d %s", a.status, a.raw)
	}
	if a := c.call("POST", user+"login", login); a.status != 409 {
		t.Errorf("again: %d %s", a.status, a.raw)
	}
}

// A certificate, an access token and a secret will do, and nothing will not.
func oneSpanCallers(t *testing.T, c *tid) {
	form := strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "client_id": {"api"}, "client_secret": {apiSecret}}.Encode())
	resp, err := c.http.Post(c.url+"/api/v1/oauth2/token", "application/x-www-form-urlencoded", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil {
		t.Fatal(err)
	}
	plain := client(t, c.ca())
	for _, tt := range []struct {
		name   string
		http   *http.Client
		header http.Header
		status int
	}{
		{"certificate", c.http, nil, 200},
		{"access token", plain, http.Header{"Authorization": {"Bearer " + token.AccessToken}}, 200},
		{"secret", plain, basic("api", apiSecret), 200},
		{"nothing", plain, nil, 401},
		{"wrong secret", plain, basic("api", "wrong"), 401},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", c.url+"/v1/fido-registrations", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = tt.header.Clone()
		if req.Header == nil {
			req.Header = http.Header{}
		}
		resp, err := tt.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != tt.status || resp.Header.Get("log-correlation-id") == "" {
			t.Errorf("%s: %d %v", tt.name, resp.StatusCode, resp.Header)
		}
	}
}

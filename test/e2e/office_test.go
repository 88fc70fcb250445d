package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	opsSecret        = "0123456789abcdef0123456789abcdef-ops"
	daSecret         = "0123456789abcdef0123456789abcdef-da"
	callbackPassword = "0123456789abcdef0123456789abcdef-callback"
)

// office is a server on which the security-key process is deployed, with the connection
// and the messaging server that it names.
type office struct {
	*server
	ops  http.Header // an API client that may do everything
	jwks json.RawMessage
}

// reach says how an office reaches its own relying party and relay.
type reach int

const (
	internally reach = iota // called directly
	overHTTPS               // as other servers are, through the fronts
)

// times are those of a messaging server, in seconds.
type times struct{ lifespan, timeout, sessionStart int }

// ample are times that no test comes near.
var ample = times{lifespan: 3000, timeout: 2000, sessionStart: 1000}

// openOffice starts a server whose desks sign with the keys of jwks.
func openOffice(t *testing.T, engine string, how reach, jwks string, flags ...string) *office {
	t.Helper()
	files := t.TempDir()
	for name, text := range map[string]string{"agents.jwks": jwks, "callback-password": callbackPassword} {
		if err := os.WriteFile(filepath.Join(files, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := &office{ops: basic("ops", opsSecret), jwks: json.RawMessage(jwks)}
	o.server = startOn(t, engine, officeConfig(files, "https://localhost:9", ""), flags...)
	if how == overHTTPS { // it has an authority to trust by now, and an address to be called back at
		o.kill()
		if err := os.WriteFile(o.file(), []byte(officeConfig(files, o.url, o.ca())), 0o600); err != nil {
			t.Fatal(err)
		}
		o.start()
	}
	o.connect(how)
	o.messaging(how, ample)
	o.verb(nil, "process", "deploy", "--shipped", "security-key")
	return o
}

// officeConfig is the configuration of an office that is at url, as far as that is known.
// Through another server's connection the origin is https and the relying party's id.
func officeConfig(files, url, caFile string) string {
	return fmt.Sprintf(`
tls: { ca-file: %q }
tenants:
  - name: acme
    relying-parties: [ { id: localhost, name: Acme, origins: [ %q, "https://localhost" ], challenge-life: 15m } ]
    clients:
      - { id: ops, key: %s, scopes: [ admin ] }
      - { id: da, key: %s, scopes: [ fido.provision, fido.read ] }
fronts:
  digital-access: { tenant: acme, relying-party: localhost }
  identity: { tenant: acme, callback-user: hermod, callback-password-file: %s }
  hermod:
    tenant: acme
    callback: { attempts: 5, retry-delay: 1 }
    allowed-clients:
      - client-id: idm
        key: %s
        callback-url: %q
        callback-basic-auth: "hermod:%s"
        attestation-keys: %s
`, caFile, url, opsSecret, daSecret, filepath.Join(files, "callback-password"), relayKey,
		url+"/idm-operator/ws/hermod", callbackPassword, filepath.Join(files, "agents.jwks"))
}

// connect makes the connection digital-access.
func (o *office) connect(how reach) {
	o.t.Helper()
	c := map[string]any{"url": "internal:"}
	if how == overHTTPS {
		c = map[string]any{"url": o.url, "clientId": "da", "secret": daSecret}
	}
	o.must(200, request{"PUT", "/api/v1/connections/digital-access", o.ops, c}, nil)
}

// messaging makes the messaging server hermod, or changes its times.
func (o *office) messaging(how reach, t times) {
	o.t.Helper()
	m := map[string]any{
		"url": "internal:", "lifespanSeconds": t.lifespan, "timeoutSeconds": t.timeout, "sessionStartSeconds": t.sessionStart,
		"attestationKeySets": map[string]any{"desks": o.jwks},
	}
	if how == overHTTPS {
		m["url"] = o.url + "/hermod/rest/command"
		m["token"] = base64.StdEncoding.EncodeToString([]byte("idm:" + relayKey))
	}
	o.must(200, request{"PUT", "/api/v1/messaging-servers/hermod", o.ops, m}, nil)
}

// hire makes a user and returns their id.
func (o *office) hire(name string) string {
	o.t.Helper()
	var u struct{ ID string }
	o.must(201, request{"POST", "/api/v1/users", o.ops, map[string]any{"name": name}}, &u)
	return u.ID
}

// processRun is a run as the API shows it.
type processRun struct {
	ID, Definition, Status, CalledBy, Error, Message string
	Incidents                                        int
	At                                               []string
	Variables                                        map[string]json.RawMessage
	Created, Ended                                   time.Time
}

// text is a variable that holds one.
func (r *processRun) text(name string) (s string) {
	_ = json.Unmarshal(r.Variables[name], &s) // another type is no text
	return s
}

// begin starts the process for a user. The same key starts it once.
func (o *office) begin(user, key string) (r processRun) {
	o.t.Helper()
	o.must(201, o.startOf(user, key), &r)
	return r
}

func (o *office) startOf(user, key string) request {
	h := o.ops.Clone()
	h.Set("Idempotency-Key", key)
	return request{"POST", "/api/v1/process-runs", h, map[string]any{
		"definition": "security-key", "user": map[string]string{"name": user},
	}}
}

func (o *office) run(id string) (r processRun) {
	o.t.Helper()
	o.must(200, request{"GET", "/api/v1/process-runs/" + id, o.ops, nil}, &r)
	return r
}

// attempts are the runs that a run has called, the newest first.
func (o *office) attempts(user, run string) (all []processRun) {
	o.t.Helper()
	var page struct{ Items []processRun }
	o.must(200, request{"GET", "/api/v1/process-runs?limit=1000&definition=security-key-session&user=" + user, o.ops, nil}, &page)
	for _, r := range page.Items {
		if r.CalledBy == run {
			all = append(all, r)
		}
	}
	return all
}

// happening is an entry of a timeline.
type happening struct {
	Seq                        int
	Time                       time.Time
	Kind, Element, Actor, Text string
	Attempt                    int
}

func (o *office) timeline(run string) []happening {
	o.t.Helper()
	var page struct{ Items []happening }
	o.must(200, request{"GET", "/api/v1/process-runs/" + run + "/timeline?limit=1000", o.ops, nil}, &page)
	return page.Items
}

// when returns the time of the last entry of that kind at an element.
func when(t *testing.T, timeline []happening, kind, element string) time.Time {
	t.Helper()
	var at time.Time
	for _, h := range timeline {
		if h.Kind == kind && h.Element == element {
			at = h.Time
		}
	}
	if at.IsZero() {
		t.Fatalf("the timeline has no %s of %s: %+v", kind, element, timeline)
	}
	return at
}

// personTask is an open task of somebody.
type personTask struct{ ID, Run, Element, Role string }

// task waits until there is a task at an element for whoever query says, user=… or role=….
func (o *office) task(query, element string) (found personTask) {
	o.t.Helper()
	last := "none"
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		var page struct{ Items []personTask }
		o.must(200, request{"GET", "/api/v1/user-tasks?" + query, o.ops, nil}, &page)
		for _, t := range page.Items {
			if t.Element == element {
				return t
			}
			last = t.Element
		}
	}
	o.t.Fatalf("there is no task %s; the last that there was: %s", element, last)
	return found
}

// visitor is the browser of somebody who has come by the link to their task.
type visitor struct {
	o    *office
	http *http.Client
}

// visit makes a link to a task and opens it.
func (o *office) visit(task string) *visitor {
	o.t.Helper()
	v, err := o.tryVisit(task)
	if err != nil {
		o.t.Fatal(err)
	}
	return v
}

func (o *office) tryVisit(task string) (*visitor, error) {
	var made struct{ Secret string }
	if err := o.try(201, request{"POST", "/api/v1/user-tasks/" + task + "/links", o.ops, map[string]any{}}, &made); err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	c := *o.http
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	body, err := json.Marshal(map[string]string{"secret": made.Secret})
	if err != nil {
		return nil, err
	}
	v := &visitor{o, &c}
	status, _, err := v.send("POST", "/task/link", "application/json", string(body))
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusCreated:
		return nil, fmt.Errorf("open a link to a task: %d", status)
	}
	return v, nil
}

// try is must for calls at which the server may die.
func (s *server) try(status int, r request, out any) error {
	got, text, err := s.do(r)
	if err != nil {
		return err
	}
	if got != status {
		return fmt.Errorf("%s %s: %d %s, want %d", r.method, r.path, got, text, status)
	}
	return json.Unmarshal(text, out)
}

func (v *visitor) send(method, path, media, body string) (int, string, error) {
	req, err := http.NewRequest(method, v.o.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", media)
	resp, err := v.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

var deskLink = regexp.MustCompile(`href="(com\.nexusgroup\.plugout:[^"]*)"`)

// link is the link to the desk that the page of a task holds.
func (v *visitor) link(task string) string {
	v.o.t.Helper()
	link, err := v.tryLink(task)
	if err != nil {
		v.o.t.Fatal(err)
	}
	return link
}

func (v *visitor) tryLink(task string) (string, error) {
	status, text, err := v.send("GET", "/task/"+task, "", "")
	if err != nil {
		return "", err
	}
	found := deskLink.FindStringSubmatch(text)
	if status != http.StatusOK || found == nil {
		return "", fmt.Errorf("the page of the task has no link to the desk: %d", status)
	}
	return html.UnescapeString(found[1]), nil
}

// press fills in the form of a task, in pairs of field and value, and sends it.
func (v *visitor) press(task string, filled ...string) {
	v.o.t.Helper()
	if err := v.tryPress(task, filled...); err != nil {
		v.o.t.Fatal(err)
	}
}

func (v *visitor) tryPress(task string, filled ...string) error {
	form := url.Values{}
	for i := 0; i < len(filled); i += 2 {
		form.Set("field."+filled[i], filled[i+1])
	}
	status, _, err := v.send("POST", "/task/"+task, "application/x-www-form-urlencoded", form.Encode())
	if err == nil && status != http.StatusSeeOther {
		err = fmt.Errorf("the form of the task is answered with %d", status)
	}
	return err
}

// credentials are a user's, by the id that the security key chose.
func (o *office) credentials(user string) (ids []string) {
	o.t.Helper()
	var page struct {
		Items []struct {
			CredentialID string `json:"credentialId"`
		}
	}
	o.must(200, request{"GET", "/api/v1/credentials?user=" + user, o.ops, nil}, &page)
	for _, c := range page.Items {
		ids = append(ids, c.CredentialID)
	}
	return ids
}

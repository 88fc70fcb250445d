package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/conformance"
	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/mds"
	"bestow.dev/internal/outbound"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

const (
	site   = "fido.example.net"
	origin = "https://fido.example.net"
	prefix = "/conformance"
)

// now is when the tests are run.
var now = time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)

// world is the door over the real services on a database of its own.
type world struct {
	db     *store.DB
	svc    *credential.Service
	server *httptest.Server
	lab    *lab
	says   *fronttest.Document
	users  atomic.Int64
	now    time.Time
}

// models answers package credential from the metadata in force.
type models struct{ service *mds.Service }

// ForAttestation implements [credential.Models].
func (m models) ForAttestation(a *webauthn.Attestation) []credential.Model {
	found := m.service.Current().ForAttestation(a)
	if found == nil {
		return nil
	}
	return []credential.Model{{Entry: found.Entry, Source: found.Source, Number: found.Number}}
}

// newWorld opens the door over what the lab's statements say, and any further sources.
func newWorld(t testing.TB, sources ...mds.Source) *world {
	t.Helper()
	return newWorldWith(t, credential.Profile{Tenant: "lab", RelyingParty: site}, sources...)
}

func newWorldWith(t testing.TB, profile credential.Profile, sources ...mds.Source) *world {
	t.Helper()
	w := &world{db: storetest.SQLite(t), lab: newLab(), now: now}
	clock := func() time.Time { return w.now }
	dir, err := tenant.New(t.Context(), w.db, []tenant.FileTenant{{
		Name: "lab", RelyingParties: []tenant.RelyingParty{{ID: site, Name: "Example"}},
	}}, clock)
	check(t, err)
	own, err := mds.ReadStatements(w.lab.statements(t))
	check(t, err)
	fetcher, err := outbound.NewFetcher(outbound.Config{})
	check(t, err)
	service, err := mds.New(mds.Config{
		Store: w.db.Metadata(), Fetcher: fetcher, Now: clock,
		Sources: append([]mds.Source{{Name: "own", Own: own}}, sources...),
	})
	check(t, err)
	check(t, service.Load(t.Context()))
	check(t, service.CheckDue(t.Context()))
	w.svc, err = credential.New(credential.Config{
		Store: w.db, Directory: dir, Models: models{service}, Now: clock, Profile: &profile,
	})
	check(t, err)
	t.Cleanup(func() { _ = w.svc.Close(context.Background()) })
	door, err := conformance.New(conformance.Config{Credentials: w.svc, Tenant: "lab", RelyingParty: site, Prefix: prefix})
	check(t, err)
	w.server = httptest.NewTLSServer(web.Handler(door, web.Options{Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(w.server.Close)
	w.says = fronttest.Parse(t, w.get(t, "/openapi.json").body)
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var b64, unb64 = fronttest.Base64URL, fronttest.FromBase64URL

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// member returns a member of the answer's object; nil if there is none.
func (r reply) member(name string) any {
	var object map[string]any
	_ = json.Unmarshal(r.body, &object)
	return object[name]
}

// code is what stands before the colon of a refusal; empty if it was none.
func (r reply) code() string {
	message, _ := r.member("errorMessage").(string)
	code, _, _ := strings.Cut(message, ": ")
	return code
}

func (w *world) get(t testing.TB, path string) reply {
	t.Helper()
	r, err := w.server.Client().Get(w.server.URL + prefix + path)
	check(t, err)
	return read(t, r)
}

func read(t testing.TB, r *http.Response) reply {
	t.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	check(t, err)
	return reply{r.StatusCode, r.Header, body}
}

// post sends a body, as JSON unless it is a string, and holds the answer against the
// description of the door and against what every answer has.
func (w *world) post(t testing.TB, path string, body any) reply {
	t.Helper()
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		check(t, err)
		text = string(b)
	}
	resp, err := w.server.Client().Post(w.server.URL+prefix+path, "application/json", bytes.NewReader([]byte(text)))
	check(t, err)
	r := read(t, resp)
	w.judge(t, path, r)
	message, _ := r.member("errorMessage").(string)
	switch r.member("status") {
	case "ok":
		if r.status != http.StatusOK || message != "" {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	case "failed":
		if r.status != http.StatusBadRequest || message == "" || r.code() == message {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	default:
		t.Fatalf("%s: %d %s", path, r.status, r.body)
	}
	return r
}

// want fails unless r is a refusal with this code, or none if that is empty.
func want(t testing.TB, r reply, code string) {
	t.Helper()
	if got := r.code(); got != code {
		t.Errorf("got %q, want %q: %s", got, code, r.body)
	}
}

// newName returns a user name that nobody has.
func (w *world) newName() string { return fmt.Sprintf("k3v9-%d", w.users.Add(1)) }

// options are the members of either kind of options that tests look at.
type options struct {
	RP struct {
		ID, Name string
		Icon     any
	}
	User struct {
		ID, Name, DisplayName string
		Icon                  any
	}
	RPID      string `json:"rpId"`
	Challenge string
	Timeout   float64
	Params    []struct {
		Type string
		Alg  int64
	} `json:"pubKeyCredParams"`
	Exclude      []descriptor   `json:"excludeCredentials"`
	Allow        []descriptor   `json:"allowCredentials"`
	Selection    map[string]any `json:"authenticatorSelection"`
	Verification string         `json:"userVerification"`
	Attestation  string
	Extensions   map[string]any
}

type descriptor struct {
	Type, ID   string
	Transports []string
}

// ask asks for options and returns them.
func (w *world) ask(t testing.TB, path string, request map[string]any) options {
	t.Helper()
	r := w.post(t, path, request)
	if r.member("status") != "ok" {
		t.Fatalf("%s: %s", path, r.body)
	}
	var o options
	check(t, json.Unmarshal(r.body, &o))
	return o
}

// timeOf is a clock that stands still.
func timeOf(t time.Time) func() time.Time { return func() time.Time { return t } }

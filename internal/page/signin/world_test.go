package signin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/page"
	"bestow.dev/internal/page/signin"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
	"bestow.dev/test/forge"
	"bestow.dev/webauthn"
)

const (
	site      = "login.example.com"
	otherSite = "shop.example.com"
	origin    = "https://login.example.com"
	elsewhere = "https://shop.login.example.com" // another origin of site
	cookie    = "__Host-bestow-test"
)

var now = time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)

// world is two doors over the real services on a database of its own, whose time stands
// still, with a user who has a key.
type world struct {
	t       testing.TB
	db      *store.DB
	svc     *credential.Service
	handler http.Handler
	user    *credential.User
	key     *forge.Key
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, db: storetest.SQLite(t)}
	clock := func() time.Time { return now }
	directory, err := tenant.New(t.Context(), w.db, []tenant.FileTenant{
		{Name: "acme", RelyingParties: []tenant.RelyingParty{
			{ID: site, Name: "Example Login", Origins: []string{origin, elsewhere}},
			{ID: otherSite, Name: "Shop", Origins: []string{"https://" + otherSite}},
		}},
		{Name: "other", RelyingParties: []tenant.RelyingParty{{ID: site, Name: "Example Login", Origins: []string{origin}}}},
	}, clock)
	check(t, err)
	log := slog.New(slog.DiscardHandler)
	w.svc, err = credential.New(credential.Config{Store: w.db, Directory: directory, Trail: w.db, Now: clock, Log: log})
	check(t, err)
	t.Cleanup(func() { _ = w.svc.Close(context.Background()) })
	mux := http.NewServeMux()
	for _, c := range []signin.Config{w.console(), w.tasks()} {
		w.mount(mux, "/"+c.Via, c)
	}
	nobody := w.console()
	nobody.RelyingParty = ""
	w.mount(mux, "/nobody", nobody)
	w.handler = web.Handler(mux, web.Options{Log: log})
	w.registerUser()
	return w
}

// console and tasks are the doors that there are.
func (w *world) console() signin.Config {
	return w.config("console", credential.ConsoleVisit, w.svc.StartConsoleVisit)
}

func (w *world) tasks() signin.Config {
	return w.config("task", credential.TaskVisit, w.svc.StartTaskVisit)
}

type startVisit func(ctx context.Context, tenantName, rp, address string) (*credential.OpenedSession, error)

func (w *world) config(via string, purpose credential.Purpose, start startVisit) signin.Config {
	return signin.Config{
		Credentials: w.svc, Tenant: "acme", RelyingParty: site, Origin: origin, Cookie: cookie, Via: via, Purpose: purpose, StartVisit: start,
		Texts: page.Texts{"fault.session.unknown": {EN: "Begin again.", DE: "Noch einmal von vorn."}, "kind.internal": {EN: "Wrong.", DE: "Falsch."}},
	}
}

func (w *world) mount(mux *http.ServeMux, root string, c signin.Config) {
	w.t.Helper()
	d, err := signin.New(c)
	check(w.t, err)
	mux.HandleFunc("POST "+root+"/begin", d.Called(d.Begin))
	mux.HandleFunc("POST "+root+"/finish", d.Called(d.Finish))
	mux.HandleFunc("POST "+root+"/end", d.Called(func(out http.ResponseWriter, r *http.Request) error {
		if err := d.End(out, r); err != nil {
			return err
		}
		out.WriteHeader(http.StatusNoContent)
		return nil
	}))
}

func (w *world) registerUser() {
	w.t.Helper()
	root := tenant.LocalOperator("acme", "root")
	var err error
	w.user, err = w.svc.CreateUser(w.t.Context(), root, credential.NewUser{Name: "alice"})
	check(w.t, err)
	begun, err := w.svc.BeginRegistration(w.t.Context(), root, credential.BeginRegistration{RelyingParty: site, User: credential.ByID(w.user.ID)})
	check(w.t, err)
	w.key, err = forge.New()
	check(w.t, err)
	answer, err := w.key.Register(begun.JSON, origin)
	check(w.t, err)
	response, err := webauthn.ParseRegistrationResponse(answer)
	check(w.t, err)
	_, err = w.svc.FinishRegistration(w.t.Context(), root, credential.FinishRegistration{RelyingParty: site, Response: response})
	check(w.t, err)
}

// browser keeps the one cookie.
type browser struct {
	w      *world
	cookie string
	lang   string
}

// post sends a body and keeps the cookie that comes back.
func (b *browser) post(path, body string) *httptest.ResponseRecorder {
	return b.postIn(b.w.t.Context(), path, body)
}

func (b *browser) postIn(ctx context.Context, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept-Language", b.lang)
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: cookie, Value: b.cookie})
	}
	out := httptest.NewRecorder()
	b.w.handler.ServeHTTP(out, r)
	for _, c := range out.Result().Cookies() {
		b.cookie = c.Value
	}
	return out
}

// begin begins to sign in at a door and is what its page would finish with: what the key
// answers on a page of from.
func (b *browser) begin(root, from string) string {
	b.w.t.Helper()
	begun := b.post(root+"/begin", "")
	wants(b.w.t, begun, http.StatusCreated)
	var o struct{ PublicKey json.RawMessage }
	check(b.w.t, json.Unmarshal(begun.Body.Bytes(), &o))
	answer, err := b.w.key.Assert(o.PublicKey, from)
	check(b.w.t, err)
	handle := `"response":{"userHandle":"` + strictjson.EncodeBase64URL(b.w.user.Handle) + `",`
	return `{"response":` + string(bytes.Replace(answer, []byte(`"response":{`), []byte(handle), 1)) + `}`
}

// session is what the browser's cookie opens.
func (b *browser) session() (*credential.Session, error) {
	s, _, err := b.w.svc.Session(b.w.t.Context(), b.cookie, tenant.Authority{})
	return s, err
}

// wants fails unless the answer has the status and all of the texts.
func wants(t testing.TB, out *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if out.Code != status {
		t.Fatalf("got %d %s, want %d", out.Code, out.Body, status)
	}
	for _, text := range texts {
		if !strings.Contains(out.Body.String(), text) {
			t.Errorf("no %s in %s", text, out.Body)
		}
	}
}

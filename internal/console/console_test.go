package console_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"bestow.dev/internal/console"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/page"
	"bestow.dev/internal/tenant"
)

// The whole way of an operator: sign in, look, sign out.
func TestWholeWay(t *testing.T) {
	w := newWorld(t)
	alice, key := w.user("alice")
	w.grant(alice, tenant.Auditor)
	b := w.browser()
	b.get("/console").leads(t, "/console/signin?to=%2Fconsole")
	b.get("/console/signin?to=%2Fconsole%2Fusers%3Fsearch%3Da").is(t, http.StatusOK).says(t, `data-to="/console/users?search=a"`, "Sign in with a passkey")
	b.get("/console/session").is(t, http.StatusNoContent)
	r := b.signIn(key, alice, origin).is(t, http.StatusNoContent)
	set := (&http.Response{Header: r.header}).Cookies()
	if len(set) != 1 || set[0].Name != cookie || !set[0].Secure || !set[0].HttpOnly || set[0].SameSite != http.SameSiteStrictMode || set[0].Path != "/" || set[0].Domain != "" || set[0].MaxAge != 8*60*60 {
		t.Fatalf("cookies: %v", set)
	}
	b.get("/console/session").is(t, http.StatusOK)
	b.get("/console").is(t, http.StatusOK).says(t, "Hello, Ms alice", "Auditor", "18:15", "Users", "Audit trail").hides(t, "/console/operators")
	b.get("/console/").leads(t, "/console")

	b.post("/console/signout", "").leads(t, "/console/signin")
	b.get("/console").leads(t, "/console/signin?to=%2Fconsole")
	b.post("/console/signout", "").leads(t, "/console/signin") // again is no fault
	w.browser().send(http.MethodGet, "/console", "", func(r *http.Request) { r.AddCookie(set[0]) }).leads(t, "/console/signin?to=%2Fconsole")

	var actions []string
	for _, e := range w.events()[4:] {
		actions = append(actions, e.Action)
		if e.Via != "console" {
			t.Errorf("%s came through %q", e.Action, e.Via)
		}
	}
	if want := []string{"session.opened", "authentication.begun", "authentication.succeeded", "session.ended"}; !slices.Equal(actions, want) {
		t.Errorf("events %q, want %q", actions, want)
	}
}

// Each role sees what is its own, and the menu leads nowhere else.
func TestRoles(t *testing.T) {
	w := newWorld(t)
	paths := []string{"/console", "/console/users", "/console/audit", "/console/operators"}
	for role, may := range map[tenant.Role][]string{
		tenant.Administrator: paths,
		tenant.Enroller:      {"/console", "/console/users"},
		tenant.Auditor:       {"/console", "/console/users", "/console/audit"},
	} {
		b, u := w.signedIn(string(role), role)
		home := b.get("/console").is(t, http.StatusOK)
		if seesTrail := strings.Contains(home.body, "Latest refusals"); seesTrail != slices.Contains(may, "/console/audit") {
			t.Errorf("%s sees refusals: %v", role, seesTrail)
		}
		for _, path := range append(paths, "/console/users/"+string(u.ID)) {
			if slices.Contains(may, path) || strings.Contains(path, "users/") {
				b.get(path).is(t, http.StatusOK)
			} else {
				b.get(path).is(t, http.StatusForbidden).says(t, "Your role does not include this page", "ask an administrator", "authority.denied")
			}
			if strings.Contains(home.body, `<a href="`+path+`"`) != slices.Contains(may, path) && path != "/console" && !strings.Contains(path, "users/") {
				t.Errorf("%s: menu and rights differ for %s", role, path)
			}
		}
	}
}

func TestNoOperator(t *testing.T) {
	w := newWorld(t)
	b, u := w.signedIn("mallory", "")
	for _, path := range []string{"/console", "/console/users", "/console/audit", "/console/operators"} {
		b.get(path).is(t, http.StatusForbidden).says(t, "You are not an operator here", "signed in as Ms mallory", "Sign out").hides(t, "<nav", "Part of a name")
	}
	b.get("/console/session").is(t, http.StatusOK)
	w.grant(u, tenant.Enroller)
	b.get("/console/users").is(t, http.StatusOK)
	b.get("/console/audit").is(t, http.StatusForbidden)
	w.grant(u, tenant.Auditor) // noticed at once
	b.get("/console/audit").is(t, http.StatusOK)
	_, err := w.svc.RevokeRole(t.Context(), w.root, credential.RevokeRole{User: credential.ByID(u.ID)})
	check(t, err)
	b.get("/console/audit").leads(t, "/console/signin?to=%2Fconsole%2Faudit")
}

func TestSignInRefused(t *testing.T) {
	w := newWorld(t)
	alice, key := w.user("alice")
	w.grant(alice, tenant.Administrator)

	// An answer made on another site of the relying party, as one that relays has it.
	b := w.browser()
	b.signIn(key, alice, shop).is(t, http.StatusUnprocessableEntity).says(t, `"webauthn.origin"`, "was refused")
	b.get("/console").leads(t, "/console/signin?to=%2Fconsole")
	events := w.events()
	if e := events[len(events)-1]; e.Action != "authentication.refused" || e.Outcome != "webauthn.origin" || e.Via != "console" {
		t.Errorf("event: %+v", e)
	}

	b.post("/console/signin/finish", "{}").is(t, http.StatusBadRequest)
	b.post("/console/signin/finish", `{"x":1}`).is(t, http.StatusBadRequest)
	stranger, strangersKey := w.user("stranger")
	check(t, w.svc.EraseUser(t.Context(), w.root, credential.ByID(stranger.ID)))
	b.language = "de"
	b.signIn(strangersKey, stranger, origin).is(t, http.StatusNotFound).says(t, "Dieser Passkey ist hier nicht bekannt")

	// Only the browser that began may finish, and once.
	body := b.answer(key, alice, origin)
	thief := w.browser()
	thief.post("/console/signin/begin", "").is(t, http.StatusCreated)
	w.quiet(func() {
		w.browser().post("/console/signin/finish", body).is(t, http.StatusUnauthorized)
		thief.post("/console/signin/finish", body).is(t, http.StatusNotFound)
	})
	b.post("/console/signin/finish", body).is(t, http.StatusNoContent)
	b.post("/console/signin/finish", body).is(t, http.StatusUnauthorized)
}

func TestNothingToSignInTo(t *testing.T) {
	w := newWorldFor(t, "")
	b := w.browser()
	b.get("/console/signin").is(t, http.StatusOK).says(t, "There is nothing to sign in to").hides(t, `id="sign-in"`)
	w.quiet(func() { b.post("/console/signin/begin", "").is(t, http.StatusNotFound).says(t, "signin.none") })
}

// A link cannot have the sign-in page lead to somewhere else.
func TestLeadsBack(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for to, want := range map[string]string{
		"/console/users":                     "/console/users",
		"/console/users?search=%26":          "/console/users?search=%26",
		"/console":                           "/console",
		"":                                   "/console",
		"/":                                  "/console",
		"/enrol":                             "/console",
		"/consolex":                          "/console",
		"/console/../enrol":                  "/console",
		"/console/%2e%2e/enrol":              "/console",
		"/console//evil.example":             "/console",
		"//evil.example/console":             "/console",
		"https://evil.example/console/users": "/console",
		"javascript:alert(1)":                "/console",
		"\\\\evil.example/console":           "/console",
		"/console/\\evil":                    "/console",
		"/console/signin?to=x":               "/console",
		"/console\x00":                       "/console",
		"\t//evil.example":                   "/console",
	} {
		r := b.get("/console/signin?to="+url.QueryEscape(to)).is(t, http.StatusOK)
		if !strings.Contains(r.body, `data-to="`+strings.ReplaceAll(want, "&", "&amp;")+`"`) {
			t.Errorf("%q leads somewhere else than to %q:\n%s", to, want, r.body)
		}
	}
	b.send(http.MethodPost, "/console/users", "", nil).is(t, http.StatusMethodNotAllowed)
}

func TestTimeouts(t *testing.T) {
	asked := console.Page{Pattern: "GET /console/live", Background: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ *console.Operator) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}}
	w := newWorld(t, asked)
	b, _ := w.signedIn("alice", tenant.Auditor)
	w.later(14 * time.Minute)
	b.get("/console").is(t, http.StatusOK) // puts the end off
	w.later(14 * time.Minute)
	b.get("/console/live").is(t, http.StatusNoContent) // does not: the page asks, nobody does
	w.later(time.Minute)
	b.get("/console/live").is(t, http.StatusUnauthorized)
	b.get("/console/users?search=x").leads(t, "/console/signin?to=%2Fconsole%2Fusers%3Fsearch%3Dx")
}

func TestUsers(t *testing.T) {
	w := newWorld(t)
	b, _ := w.signedIn("auditor", tenant.Auditor)
	for i := range 60 {
		name := string(rune('a'+i/10)) + string(rune('0'+i%10)) + "@example.com"
		_, err := w.svc.CreateUser(t.Context(), w.root, credential.NewUser{Name: name, DisplayName: "<b>" + name})
		check(t, err)
	}
	first := b.get("/console/users").is(t, http.StatusOK).says(t, "a0@example.com", "&lt;b&gt;a0", "Next page").hides(t, "<b>", "f9@example.com")
	_, rest, _ := strings.Cut(first.body, `class="paging"><a href="`)
	next, _, _ := strings.Cut(rest, `"`)
	b.get(strings.ReplaceAll(next, "&amp;", "&")).is(t, http.StatusOK).says(t, "f9@example.com").hides(t, "a0@example.com", "Next page")
	b.get("/console/users?search=B3").is(t, http.StatusOK).says(t, "b3@example.com", `value="B3"`).hides(t, "b4@example.com")
	b.get("/console/users?search=%22%3E%3Cscript%3E").is(t, http.StatusOK).says(t, "There is nobody of that name").hides(t, `"><script>`)
	b.get("/console/users?after=x").is(t, http.StatusBadRequest).says(t, "query.cursor")
	b.get("/console/users/nobody").is(t, http.StatusNotFound).says(t, "There is no such user")
	b.get("/console/nothing").is(t, http.StatusNotFound).says(t, "There is nothing here")
}

func TestUser(t *testing.T) {
	w := newWorld(t)
	b, _ := w.signedIn("auditor", tenant.Auditor)
	u, _ := w.user("carol")
	list, err := w.svc.Credentials(t.Context(), w.root, credential.CredentialQuery{User: credential.ByID(u.ID)})
	check(t, err)
	path := "/console/users/" + string(u.ID)
	b.get(path).is(t, http.StatusOK).says(t, "Ms carol", "Key of carol", "packed, self", "not trusted", "Operator local:root", "bestow.metadata: passed", "never", string(list.Credentials[0].ID))
	_, err = w.svc.Suspend(t.Context(), w.root, credential.Ref{ID: list.Credentials[0].ID}, "lost on a train")
	check(t, err)
	_, err = w.svc.LockUser(t.Context(), w.root, credential.ByID(u.ID))
	check(t, err)
	b.get(path).is(t, http.StatusOK).says(t, "suspended", "lost on a train", "locked since 2026-03-02 10:15:00")
	dave, _ := w.user("dave")
	b.get("/console/users/"+string(dave.ID)).is(t, http.StatusOK).hides(t, "carol")
}

func TestAudit(t *testing.T) {
	w := newWorld(t)
	b, _ := w.signedIn("auditor", tenant.Auditor)
	carol, key := w.user("carol")
	w.browser().signIn(key, carol, shop).is(t, http.StatusUnprocessableEntity)
	b.get("/console").is(t, http.StatusOK).says(t, "authentication.refused", "webauthn.origin")
	b.get("/console/audit?refused=on").is(t, http.StatusOK).says(t, "webauthn.origin", "checked").hides(t, "user.created")
	b.get("/console/audit?action=user.").is(t, http.StatusOK).says(t, "user.created", `value="user."`).hides(t, "authentication.refused")
	b.get("/console/audit?user="+string(carol.ID)).is(t, http.StatusOK).says(t, "Only what is about carol", "credential.registered").hides(t, "operator.granted")
	check(t, w.svc.EraseUser(t.Context(), w.root, credential.ByID(carol.ID)))
	b.get("/console/audit?user="+string(carol.ID)).is(t, http.StatusOK).says(t, "a user who was erased").hides(t, ">carol<")
	b.get("/console/audit?action=nothing").is(t, http.StatusOK).says(t, "There is no such event")
	for _, bad := range []string{"x", "-1", "0", "99999999999999999999"} {
		b.get("/console/audit?before="+bad).is(t, http.StatusBadRequest)
	}

	for range 60 {
		_, err := w.svc.UpdateUser(t.Context(), w.root, credential.ByName("auditor"), credential.UserUpdate{DisplayName: new("x")})
		check(t, err)
	}
	first := b.get("/console/audit").is(t, http.StatusOK).says(t, "Older events").hides(t, "tenant.created", "operator.granted")
	_, rest, _ := strings.Cut(first.body, `class="paging"><a href="`)
	older, _, _ := strings.Cut(rest, `"`)
	b.get(strings.ReplaceAll(older, "&amp;", "&")).is(t, http.StatusOK).says(t, "operator.granted").hides(t, "Older events")
}

func TestOperators(t *testing.T) {
	w := newWorld(t)
	b, _ := w.signedIn("admin", tenant.Administrator)
	w.signedIn("enroller", tenant.Enroller)
	b.get("/console/operators").is(t, http.StatusOK).says(t, ">admin<", ">enroller<", "operator:local:root")
}

// Only a page of ours may change something, whatever cookies the browser brings.
func TestCrossOrigin(t *testing.T) {
	w := newWorld(t)
	b, _ := w.signedIn("alice", tenant.Auditor)
	w.quiet(func() {
		for _, path := range []string{"/console/signin/begin", "/console/signin/finish", "/console/signout"} {
			for _, from := range []string{"cross-site", "same-site"} {
				b.send(http.MethodPost, path, "{}", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", from) }).
					is(t, http.StatusForbidden).says(t, "request.cross_origin")
			}
		}
		for _, path := range []string{"/console/signout", "/console/signin/begin", "/console/signin/finish"} {
			b.get(path).is(t, http.StatusMethodNotAllowed)
		}
	})
	b.get("/console").is(t, http.StatusOK)
}

func TestPagesAreProtected(t *testing.T) {
	w := newWorld(t)
	b, u := w.signedIn("alice", tenant.Administrator)
	for _, path := range []string{"/console", "/console/users", "/console/users/" + string(u.ID), "/console/audit", "/console/operators", "/console/signin", "/console/nothing"} {
		r := b.get(path)
		policy := r.header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "form-action 'self'") || strings.Contains(policy, "unsafe") ||
			r.header.Get("Cache-Control") != "no-store" || r.header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(r.header.Get("Vary"), "Accept-Language") {
			t.Errorf("%s: %v", path, r.header)
		}
		r.hides(t, "<style", " style=", "onclick=", "<script>")
	}
	for _, path := range []string{"/console/assets/console.css", "/console/assets/signin.js"} {
		b.get(path).is(t, http.StatusOK)
	}
	b.get("/console/assets/layout.html").is(t, http.StatusNotFound)
}

func TestGerman(t *testing.T) {
	w := newWorld(t)
	b, _ := w.signedIn("alice", tenant.Auditor)
	b.language = "de-DE,de;q=0.9,en;q=0.8"
	b.get("/console").is(t, http.StatusOK).says(t, `<html lang="de">`, "Guten Tag, Ms alice", "Prüfer").hides(t, "Hello")
	b.get("/console/operators").is(t, http.StatusForbidden).says(t, "Ihre Rolle enthält diese Seite nicht")
	b.get("/console/signin").is(t, http.StatusOK).says(t, "Mit Passkey anmelden")
}

// TestAdd: another door's page is shown within the layout, to who may see it, with the
// authority of the operator.
func TestAdd(t *testing.T) {
	own := page.Parse(
		fstest.MapFS{"tasks.html": {Data: []byte(`<p>{{t "tasks.hello" .}}</p>`)}},
		page.Texts{"tasks.title": {EN: "Tasks", DE: "Aufgaben"}, "tasks.hello": {EN: "for %s", DE: "für %s"}}, "*.html",
	)
	var seen []string
	tasks := console.Page{
		Pattern: "GET /console/tasks", Scope: tenant.ScopeProvision, Menu: page.Text{EN: "Tasks", DE: "Aufgaben"},
		Serve: func(w http.ResponseWriter, _ *http.Request, o *console.Operator) error {
			seen = append(seen, o.By.Actor.String()+" "+o.By.Via+" "+string(o.Role))
			return o.Show(w, console.View{Pages: own, Name: "tasks.html", Title: "tasks.title", Data: o.By.Actor.ID})
		},
	}
	failing := console.Page{Pattern: "POST /console/tasks/{id}", Serve: func(http.ResponseWriter, *http.Request, *console.Operator) error {
		return fault.New(fault.Conflict, "task.taken", "Somebody else has it.")
	}}
	broken := console.Page{Pattern: "GET /console/broken", Serve: func(w http.ResponseWriter, _ *http.Request, o *console.Operator) error {
		return o.Show(w, console.View{Pages: own, Name: "nothing.html", Title: "tasks.title"})
	}}
	w := newWorld(t, tasks, failing, broken)
	b, u := w.signedIn("alice", tenant.Enroller)
	b.get("/console/tasks").is(t, http.StatusOK).says(t, "for user:"+string(u.ID), `<a href="/console/tasks" aria-current="page">Tasks</a>`, "<h1>Tasks</h1>")
	if want := []string{"operator:user:" + string(u.ID) + " console enroller"}; !slices.Equal(seen, want) {
		t.Errorf("got %q, want %q", seen, want)
	}
	b.post("/console/tasks/7", "").is(t, http.StatusConflict).says(t, "task.taken")
	b.get("/console/broken").is(t, http.StatusInternalServerError).says(t, "Something went wrong on our side").hides(t, "nothing.html")
	b.send(http.MethodPost, "/console/tasks/7", "", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }).is(t, http.StatusForbidden)
	w.browser().post("/console/tasks/7", "").leads(t, "/console/signin?to=%2Fconsole")
	auditor, _ := w.signedIn("bob", tenant.Auditor)
	auditor.get("/console/tasks").is(t, http.StatusForbidden).hides(t, "for user:")
	if len(seen) != 1 {
		t.Error("who may not see a page was served")
	}

	serve := tasks.Serve
	for name, p := range map[string]console.Page{
		"elsewhere":      {Pattern: "GET /enrol", Serve: serve},
		"beside":         {Pattern: "GET /consoles", Serve: serve},
		"without method": {Pattern: "/console/x", Serve: serve},
		"nothing":        {Pattern: "GET /console/x"},
		"wild menu":      {Pattern: "GET /console/x/{id}", Menu: page.Text{EN: "x", DE: "x"}, Serve: serve},
	} {
		if err := w.console.Add(p); err == nil {
			t.Errorf("%s is added", name)
		}
	}
	if _, err := console.New(console.Config{}); err == nil {
		t.Error("a console over nothing")
	}
}

// What is secret stands in no log, at whatever level.
func TestLogsHoldNoSecret(t *testing.T) {
	w := newWorld(t)
	b, _ := w.signedIn("alice", tenant.Auditor)
	b.get("/console/users?search=carol")
	u, err := url.Parse(w.server.URL)
	check(t, err)
	var value string
	for _, c := range b.client.Jar.Cookies(u) {
		value = c.Value
	}
	if len(value) != 43 {
		t.Fatalf("the cookie is %q", value)
	}
	if log := w.log.String(); strings.Contains(log, value) || strings.Contains(log, "carol") {
		t.Error("the log holds the cookie, or whom somebody looked for")
	}
	if _, _, err := w.svc.Operator(t.Context(), value, tenant.Authority{}); errors.Is(err, credential.ErrSessionUnknown) {
		t.Error("the cookie was not good")
	}
}

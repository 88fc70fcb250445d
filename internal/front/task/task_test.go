package task_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/page"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

// form asks a user for something of every kind, then an enroller, then thanks the user.
const form = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="urn:test">
	<process id="form" name="A form" isExecutable="true">
		<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="ask"/>
		<userTask id="ask" name="Tell us where you are"><extensionElements>
			<flowable:formProperty id="who" name="Who you are" type="string" default="${user.name}" writable="false"/>
			<flowable:formProperty id="place" name="Place" type="string" required="true"/>
			<flowable:formProperty id="count" name="How many" type="long"/>
			<flowable:formProperty id="sure" name="I am sure" type="boolean"/>
			<flowable:formProperty id="day" name="Day" type="date"/>
			<flowable:formProperty id="kind" name="Kind" type="enum"><flowable:value id="usb" name="USB key"/><flowable:value id="nfc" name="NFC card"/></flowable:formProperty>
			<flowable:formProperty id="note" name="Note" type="text"/>
		</extensionElements></userTask>
		<sequenceFlow id="f2" sourceRef="ask" targetRef="check"/>
		<userTask id="check" name="Check the place" flowable:candidateGroups="enroller"/>
		<sequenceFlow id="f3" sourceRef="check" targetRef="thanks"/>
		<userTask id="thanks" name="Thank you"/>
		<sequenceFlow id="f4" sourceRef="thanks" targetRef="end"/><endEvent id="end"/>
	</process>
</definitions>`

// Signing out ends the session of a link: who kept the cookie has nothing of it.
func TestLinkSignOut(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.deploy([]byte(form))
	id := w.task(w.start("form", alice).ID, alice)
	b, kept := w.browser(), w.browser()
	cookie, _, _ := strings.Cut(b.open(w.link(id)).header.Get("Set-Cookie"), ";")
	withKept := func() *http.Request {
		r := kept.request(http.MethodGet, "/task/"+id, "")
		r.Header.Set("Cookie", cookie)
		return r
	}
	kept.do(withKept()).want(http.StatusOK, "Tell us where you are")
	b.post("/task/signout").leads("/task")
	kept.do(withKept()).leads("/task?to=%2Ftask%2F" + id)
	b.post("/task/signout").leads("/task") // again is no fault
}

func TestLink(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.user("alice"), w.user("bob")
	w.deploy([]byte(form))
	id := w.task(w.start("form", alice).ID, alice)
	other := w.task(w.start("form", bob).ID, bob)
	secret := w.link(id)

	b := w.browser()
	b.get("/task").want(http.StatusOK, `id="open"`, "Continue", "Sign in with a passkey")
	b.get("/task/" + id).leads("/task?to=%2Ftask%2F" + id)

	// What looks at the page spends nothing: the secret is posted.
	opened := b.open(secret)
	if got := opened.want(http.StatusCreated); strings.TrimSpace(got) != `{"to":"/task/`+id+`"}` {
		t.Errorf("got %s", got)
	}
	cookie := opened.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-bestow-task=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/", "Max-Age=1800"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("no %s in %s", part, cookie)
		}
	}
	shown := b.get("/task/" + id)
	shown.want(http.StatusOK, "Tell us where you are", "Who you are", "alice")
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		if got := shown.header.Get(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if csp := shown.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy: %s", csp)
	}

	// It is good for one browser and one task.
	b.open(secret).want(http.StatusGone, "process.link_spent", "used already")
	w.browser().get("/task/" + id).leads("/task?to=%2Ftask%2F" + id)
	b.get("/task/" + other).leads("/task?to=%2Ftask%2F" + other)
	b.post("/task/" + other).leads("/task?to=%2Ftask")
	if body := b.get("/task").want(http.StatusOK); strings.Contains(body, "Tell us") {
		t.Error("a link lists tasks")
	}

	// One that comes from elsewhere changes nothing.
	r := b.request(http.MethodPost, "/task/"+id, "field.place=x")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	b.do(r).want(http.StatusForbidden, "request.cross_origin")

	// Expired, and half an hour later the session too.
	secret = w.link(other)
	w.Later(24 * time.Hour)
	b.lang = page.German
	w.browser().open(secret).want(http.StatusGone, "process.link_expired", "has expired")
	b.get("/task/" + id).leads("/task?to=%2Ftask%2F" + id)
	if strings.Contains(w.log.String(), secret) {
		t.Error("the log has the secret of a link")
	}
}

func TestGuessing(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.deploy([]byte(form))
	secret := w.link(w.task(w.start("form", alice).ID, alice))
	b := w.browser()
	b.lang = page.German
	for range 10 {
		b.open(strings.Repeat("A", 43)).want(http.StatusNotFound, "process.link_unknown", "nicht gültig")
	}
	limited := b.open(secret)
	limited.want(http.StatusTooManyRequests, "address.limited")
	if limited.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.Later(time.Minute)
	b.open(secret).want(http.StatusCreated)
}

func TestForm(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.deploy([]byte(form))
	run := w.start("form", alice)
	id := w.task(run.ID, alice)
	b := w.signedIn(alice)
	b.get("/task").want(http.StatusOK, "Tell us where you are", "/task/"+id, "Ms alice")
	good := []string{
		"field.place", "Wien", "field.count", "3", "field.sure", "true", "field.day", "2026-03-02", "field.kind", "nfc", "field.note", "two\r\nlines",
		"field.who", "mallory",
	}
	for _, c := range []struct{ field, value, en, de string }{
		{"place", "", "Please fill this in.", "Bitte füllen Sie das aus."},
		{"count", "3.5", "whole number", "ganze Zahl"},
		{"day", "2. 3.", "a date", "ein Datum"},
		{"kind", "ble", "one of these", "eine der Möglichkeiten"},
		{"place", strings.Repeat("x", 4001), "too long", "zu lang"},
	} {
		spoilt := append(append([]string{}, good...), "field."+c.field, c.value)
		b.lang = page.English
		body := b.post("/task/"+id, spoilt...).want(http.StatusUnprocessableEntity, c.en, "Nothing was sent on yet", `aria-invalid="true"`, "alice")
		b.lang = page.German
		b.post("/task/"+id, spoilt...).want(http.StatusUnprocessableEntity, c.de)
		if strings.Contains(body, "mallory") || strings.Count(body, "aria-invalid") != 1 {
			t.Errorf("%s: %s", c.field, body)
		}
		for _, kept := range []string{"two\nlines", `value="nfc" selected`, `value="true" checked`} {
			if c.field != "kind" && !strings.Contains(strings.ReplaceAll(body, "\r", ""), kept) {
				t.Errorf("%s: what was written is gone: no %s", c.field, kept)
			}
		}
	}
	b.lang = page.English
	b.post("/task/"+id, good...).leads("/task/" + id)
	got, err := w.processes.GetRun(t.Context(), w.root, run.ID)
	check(t, err)
	for name, want := range map[string]string{
		"place": `"Wien"`, "count": "3", "sure": "true", "day": `"2026-03-02"`, "kind": `"nfc"`, "note": `"two\nlines"`, "who": "",
	} {
		if v := string(got.State.Variables[name]); v != want {
			t.Errorf("%s is %s, want %s", name, v, want)
		}
	}
	b.get("/task/"+id).want(http.StatusOK, "Your part is done", "Somebody else is needed now")
	b.post("/task/"+id, good...).leads("/task/" + id) // twice is no fault
}

// A task of a role is an operator's, who is signed in to the console; after it the user's
// page leads on.
func TestRole(t *testing.T) {
	w := newWorld(t)
	alice, olga := w.user("alice"), w.user("olga")
	w.deploy([]byte(form))
	run := w.start("form", alice)
	id := w.task(run.ID, alice)
	user := w.browser()
	user.open(w.link(id)).want(http.StatusCreated)
	user.post("/task/"+id, "field.place", "Wien").leads("/task/" + id)
	page, err := w.processes.Tasks(t.Context(), w.root, process.TaskFilter{Role: "enroller"})
	check(t, err)
	checking := page.Tasks[0].ID

	b := w.signedIn(olga)
	b.get("/task/"+checking).want(http.StatusNotFound, "process.user_task_unknown")
	w.console(b, olga, tenant.Auditor)
	b.get("/task/"+checking).want(http.StatusNotFound, "process.user_task_unknown")
	w.console(b, olga, tenant.Enroller)
	b.get("/task").want(http.StatusOK, "Check the place", "for enrollers")
	b.get("/task/"+checking).want(http.StatusOK, "Take this task")
	b.post("/task/" + checking + "/take").leads("/task/" + checking)
	b.get("/task/"+checking).want(http.StatusOK, "Give back")
	b.get("/task").want(http.StatusOK, "taken by you")

	erin := w.browser()
	w.console(erin, w.user("erin"), tenant.Enroller)
	if body := erin.get("/task/"+checking).want(http.StatusOK, "Somebody else is doing this task"); strings.Contains(body, "Give back") {
		t.Error("it can be given back by others")
	}
	erin.post("/task/"+checking+"/take").want(http.StatusConflict, "process.user_task_taken")
	erin.post("/task/"+checking).want(http.StatusConflict, "process.user_task_taken")
	b.post("/task/" + checking + "/back").leads("/task/" + checking)
	erin.post("/task/" + checking).leads("/task/" + checking)

	// The holder of the link is led to what follows for them, and to the end.
	next := w.task(run.ID, alice)
	user.get("/task/" + id).leads("/task/" + next)
	user.post("/task/" + next).leads("/task/" + next)
	user.get("/task/"+next).want(http.StatusOK, "Thank you", "nothing left to do")
	if w.status(run.ID) != process.Completed {
		t.Error("the run goes on")
	}
}

// console signs an operator in to the console.
func (w *world) console(b *browser, u *credential.User, role tenant.Role) {
	w.t.Helper()
	ctx := w.t.Context()
	_, err := w.credentials.GrantRole(ctx, w.root, credential.GrantRole{User: credential.ByID(u.ID), Role: role})
	check(w.t, err)
	opened, err := w.credentials.StartConsoleVisit(ctx, "acme", site, "192.0.2.1")
	check(w.t, err)
	_, by, err := w.credentials.Session(ctx, opened.Cookie, tenant.Authority{Via: "console"})
	check(w.t, err)
	key := w.key(u)
	begun, err := w.credentials.BeginAuthentication(ctx, by, credential.BeginAuthentication{RelyingParty: site})
	check(w.t, err)
	answer, err := key.Assert(begun.JSON, origin)
	check(w.t, err)
	done, err := w.credentials.FinishAuthentication(ctx, by, credential.FinishAuthentication{
		RelyingParty: site, Response: assertion(w.t, withHandle(w.t, answer, u.Handle)), Origin: origin,
	})
	check(w.t, err)
	r := b.request(http.MethodGet, "/", "")
	b.client.Jar.SetCookies(r.URL, []*http.Cookie{{Name: operator, Value: done.Session.Cookie, Path: "/", Secure: true}})
}

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	b := w.browser()
	for to, want := range map[string]string{
		"/task/ABC-1": "/task/ABC-1", "": "/task", "//evil.example": "/task", "/task/../console": "/task", "/task/a/take": "/task",
		"https://evil.example/task/x": "/task", "/task/": "/task", "/task/x?y": "/task", "/console": "/task",
	} {
		b.get("/task?to="+strings.ReplaceAll(to, "?", "%3F")).want(http.StatusOK, `data-to="`+want+`"`)
	}
	if b.get("/task/session").status != http.StatusNoContent {
		t.Error("nobody is signed in")
	}
	b.call("/task/signin/finish", map[string]any{"response": map[string]string{}}).want(http.StatusBadRequest)
	b = w.signedIn(alice)
	b.get("/task/session").want(http.StatusOK, `{"signedIn":true}`)
	b.get("/task").want(http.StatusOK, "Nothing is waiting for you")
	b.get("/task/unknown").want(http.StatusNotFound, "process.user_task_unknown")
	b.get("/task/unknown/other").want(http.StatusNotFound)
	b.post("/task/signout").leads("/task")
	b.get("/task").want(http.StatusOK, "Sign in with a passkey")
}

var (
	linkIn = regexp.MustCompile(`href="(com\.nexusgroup\.plugout:[^"]*)"`)
	codeIn = regexp.MustCompile(`id="live-code">(\d+)<`)
)

// stream is what a page hears, and sees when it asks for the whole page.
type stream struct {
	b     *browser
	id    string
	lines *bufio.Scanner
	close func()
}

type event struct {
	State, Title, Text, Code, Desk, Go string
	CanOpen                            bool
}

func (b *browser) listen(id string) *stream {
	b.w.t.Helper()
	resp, err := b.client.Do(b.request(http.MethodGet, "/task/"+id+"/events?wait", ""))
	check(b.w.t, err)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
		b.w.t.Fatalf("got %d, %v", resp.StatusCode, resp.Header)
	}
	b.w.t.Cleanup(func() { resp.Body.Close() })
	return &stream{b, id, bufio.NewScanner(resp.Body), func() { resp.Body.Close() }}
}

// until reads on until a state is told.
func (s *stream) until(state string) event {
	s.b.w.t.Helper()
	for s.lines.Scan() {
		data, ok := strings.CutPrefix(s.lines.Text(), "data: ")
		if !ok {
			continue
		}
		if strings.Contains(data, "plugout:") {
			s.b.w.t.Error("an event has the link")
		}
		var e event
		check(s.b.w.t, json.Unmarshal([]byte(data), &e))
		if e.State == state {
			return e
		}
	}
	s.b.w.t.Fatalf("the stream ended before %s: %v", state, s.lines.Err())
	return event{}
}

// over checks that nothing more is said.
func (s *stream) over() {
	s.b.w.t.Helper()
	for s.lines.Scan() {
		if s.lines.Text() != "" {
			s.b.w.t.Errorf("there is more: %s", s.lines.Text())
		}
	}
}

// TestPlugout takes the form through all its states, joined in either order.
func TestPlugout(t *testing.T) {
	for name, early := range map[string]bool{"Next before the key": true, "the key before Next": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			alice := w.user("alice")
			w.deploy(fidoProvisioning(t))
			run := w.start("fidoProvisioning", alice)
			id := w.task(run.ID, alice)
			b := w.signedIn(alice)
			shown := b.get("/task/"+id).want(http.StatusOK, "Open the link", "Waiting for the app", "Open the app", "Next")
			if strings.Contains(shown, "fidoSession") || strings.Contains(shown, "commandId") {
				t.Error("the session is shown as a field")
			}
			link := linkIn.FindStringSubmatch(shown)[1]
			if strings.Count(shown, "plugout:") != 1 {
				t.Errorf("the link is there %d times", strings.Count(shown, "plugout:"))
			}
			s := b.listen(id)
			s.until("waiting")
			if early {
				b.post("/task/" + id).leads("/task/" + id)
				again := b.get("/task/"+id).want(http.StatusOK, "Waiting for the app", "Open the app")
				if strings.Contains(again, `id="next"`) {
					t.Error("Next is still there")
				}
			}
			d := w.follow(link)
			e := s.until("creating")
			if len(e.Code) != 4 || e.CanOpen || !strings.Contains(e.Desk, "desktop-app 2.4.0 on linux, from 192.0.2.7") || !strings.Contains(e.Text, "this very code") {
				t.Errorf("the event is %+v", e)
			}
			shown = b.get("/task/"+id).want(http.StatusOK, "Waiting for the security key")
			if strings.Contains(shown, "plugout:") || codeIn.FindStringSubmatch(shown)[1] != e.Code {
				t.Errorf("it shows %s", shown)
			}
			d.agree()
			d.create()
			w.Later(5 * time.Second)
			w.due()
			if !early {
				if e := s.until("done"); !strings.Contains(e.Text, "Press Next") || e.Go != "" {
					t.Errorf("the event is %+v", e)
				}
				b.get("/task/"+id).want(http.StatusOK, "Your security key is ready", "Press Next")
				b.post("/task/" + id).leads("/task/" + id)
			}
			w.due()
			if e := s.until("ended"); e.Go != "/task/"+id {
				t.Errorf("the event is %+v", e)
			}
			s.over()
			b.get("/task/"+id).want(http.StatusOK, "Your security key is registered")
			if w.status(run.ID) != process.Completed {
				t.Errorf("the run is %s", w.status(run.ID))
			}
			token := link[strings.LastIndexByte(link, '=')+1:]
			if strings.Contains(w.log.String(), token) {
				t.Error("the log has the link")
			}
		})
	}
}

// The link is its assignee's alone.
func TestLinkIsSecret(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.user("alice"), w.user("bob")
	w.deploy(fidoProvisioning(t))
	id := w.task(w.start("fidoProvisioning", alice).ID, alice)
	admin := w.browser()
	w.console(admin, w.user("olga"), tenant.Administrator)
	for name, b := range map[string]*browser{"another user": w.signedIn(bob), "an administrator": admin} {
		b.get("/task/"+id).want(http.StatusNotFound, "process.user_task_unknown")
		r := b.get("/task/" + id + "/events")
		if r.status != http.StatusNotFound || strings.Contains(r.body, "plugout:") {
			t.Errorf("%s hears %d %s", name, r.status, r.body)
		}
	}
	nobody := w.browser().get("/task/" + id + "/events")
	nobody.want(http.StatusUnauthorized, "process.session_unknown")
}

// What goes wrong is said in words, with what to do.
func TestPlugoutFailures(t *testing.T) {
	for _, c := range []struct {
		status plugout.Status // empty: nobody follows the link
		en, de string
	}{
		{"", "The app was not opened in time", "Die App wurde nicht rechtzeitig geöffnet"},
		{plugout.StatusUserCancelled, "It was declined in the app", "in der App oder am Schlüssel abgelehnt"},
		{plugout.StatusPINInvalid, "The PIN was wrong", "Die PIN war falsch"},
		{plugout.StatusPINBlocked, "locked after too many wrong PINs", "nach zu vielen falschen PINs gesperrt"},
		{plugout.StatusCredentialExcluded, "registered already", "schon registriert"},
		{plugout.StatusNoAuthenticator, "No security key was found", "kein Sicherheitsschlüssel gefunden"},
		{plugout.StatusKeyStoreFull, "The key is full", "Der Schlüssel ist voll"},
	} {
		w := newWorld(t)
		alice := w.user("alice")
		w.deploy(fidoProvisioning(t))
		id := w.task(w.start("fidoProvisioning", alice).ID, alice)
		b := w.signedIn(alice)
		link := linkIn.FindStringSubmatch(b.get("/task/" + id).want(http.StatusOK))[1]
		if c.status == "" {
			w.Later(10 * time.Second)
			// The relay has it at once; the process when it looks.
			shown := b.get("/task/"+id).want(http.StatusOK, c.en, "Is the app installed?", "To go on from here, press Next")
			if strings.Contains(shown, "plugout:") {
				t.Error("a link that is of no use is shown")
			}
		} else {
			d := w.follow(link)
			d.agree()
			d.answer(d.next(), c.status, "")
			w.Later(5 * time.Second)
		}
		w.due()
		b.get("/task/"+id).want(http.StatusOK, c.en, "Ask whoever began it to begin again")
		b.lang = page.German
		b.get("/task/"+id).want(http.StatusOK, c.de, "neu zu beginnen")
	}
}

// The stream is good as long as the session, and there are not too many.
func TestStreams(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.deploy(fidoProvisioning(t))
	id := w.task(w.start("fidoProvisioning", alice).ID, alice)
	b := w.signedIn(alice)
	var all []*stream
	for range 6 {
		s := b.listen(id)
		s.until("waiting")
		all = append(all, s)
	}
	b.get("/task/"+id+"/events").want(http.StatusTooManyRequests, "task.streams")
	b.post("/task/signout").leads("/task")
	for _, s := range all {
		s.over()
	}
}

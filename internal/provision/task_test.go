package provision_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// provisioned is a run whose user has a credential.
func (w *world) provisioned() (*run, *credential.User) {
	w.t.Helper()
	u := w.user(alice)
	r, _ := w.made("ours")
	r.must(keep, keepParams("ours"))
	r.subject = string(u.ID)
	return r, u
}

func TestCredentialLife(t *testing.T) {
	w := newWorld(t)
	r, u := w.provisioned()
	id := r.text("fidoCredentialId")
	state := func(want string) {
		t.Helper()
		r.must("bestowListCredentialsTask", params{"state": want})
		var ids []string
		check(t, json.Unmarshal(r.vars["fidoCredentialIds"], &ids))
		if !slices.Equal(ids, []string{id}) {
			t.Errorf("%s are %q", want, ids)
		}
	}
	state("active")
	for range 2 { // done again it comes out the same
		r.must("bestowSuspendCredentialTask", params{"credentialId": id, "reason": "left"})
		state("suspended")
	}
	c, err := w.credentials.Get(t.Context(), w.root, credential.Ref{RelyingParty: site, CredentialID: unb64(t, id)})
	check(t, err)
	if c.Reason != "left" || c.Version != 2 {
		t.Errorf("suspended as %q, version %d", c.Reason, c.Version)
	}
	r.must("bestowResumeCredentialTask", params{"credentialId": []string{id}, "userid": alice, "relyingParty": site})
	state("active")

	// Another user's is nobody's business.
	bob := w.run()
	bob.subject = string(w.user("bob").ID)
	for _, task := range []string{"bestowSuspendCredentialTask", "bestowResumeCredentialTask"} {
		_, err := bob.do(task, params{"credentialId": id})
		wantType(t, err, provision.BestowCredential, "credential.unknown")
	}
	bob.must("bestowDeleteCredentialTask", params{"credentialId": id})
	state("active")

	for range 2 {
		r.must("bestowDeleteCredentialTask", params{"credentialId": id})
	}
	r.must("bestowListCredentialsTask", nil)
	if got := string(r.vars["fidoCredentialIds"]); got != "[]" {
		t.Errorf("after deleting: %s of %s", got, u.Name)
	}
	r.must("bestowSuspendCredentialTask", params{"credentialId": []string{}})

	for task, p := range map[string]params{
		"bestowListCredentialsTask":   {"userid": "nobody"},
		"bestowSuspendCredentialTask": {"credentialId": id, "userid": "nobody"},
	} {
		if _, err := r.do(task, p); err == nil || !strings.HasPrefix(err.Error(), "BESTOW_ERROR_") {
			t.Errorf("%s of nobody: %v", task, err)
		}
	}
	_, err = w.run().do("bestowListCredentialsTask", nil)
	wantType(t, err, provision.Parameter, "userid")
}

func unb64(t testing.TB, s string) []byte {
	t.Helper()
	var b []byte
	check(t, json.Unmarshal([]byte(`"`+toStd(s)+`"`), &b))
	return b
}

// toStd turns base64url without padding into base64.
func toStd(s string) string {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	return s + strings.Repeat("=", (4-len(s)%4)%4)
}

// enrol follows an invitation in a browser and registers a credential there.
func (w *world) enrol(link string) {
	w.t.Helper()
	_, code, _ := strings.Cut(link, "#")
	s, err := w.credentials.StartEnrolment(w.t.Context(), code, "192.0.2.7")
	check(w.t, err)
	_, by, err := w.credentials.Session(w.t.Context(), s.Cookie, tenant.Authority{Via: "enrol"})
	check(w.t, err)
	begun, err := w.credentials.BeginRegistration(w.t.Context(), by, credential.BeginRegistration{RelyingParty: site})
	check(w.t, err)
	response, err := webauthn.ParseRegistrationResponse([]byte(w.desk().made(begun.JSON, origin)))
	check(w.t, err)
	_, err = w.credentials.FinishRegistration(w.t.Context(), by, credential.FinishRegistration{RelyingParty: site, Response: response})
	check(w.t, err)
	check(w.t, w.credentials.Close(w.t.Context())) // the notice is delivered
}

func TestInvitation(t *testing.T) {
	w := newWorld(t)
	r, _ := w.provisioned() // not the credential that is waited for
	invite, await := "bestowInviteTask", "bestowAwaitEnrolmentTask"
	_, err := r.do(invite, nil)
	wantType(t, err, provision.BestowRefused, "invitation.additional_needed")

	r.must(invite, params{"additional": "true", "lifeHours": 2})
	void := r.text("invitationUrl")
	w.later(time.Second)
	again := r.must(invite, params{"additional": true, "lifeHours": 2})
	link := r.text("invitationUrl")
	if link == void || !strings.HasPrefix(link, "https://sso.example.com/enrol#") || len(again.Outputs) != 1 || len(again.Secrets) != 1 {
		t.Errorf("links %q, %q; %+v", void, link, again)
	}
	p := params{"invitationField": "invitation", "credentialIdField": "made"}
	waiting := r.must(await, p)
	if waiting.Wait == nil {
		t.Fatalf("it does not wait: %+v", waiting)
	}
	w.enrol(link)
	if heard := w.heard(); !slices.Contains(heard, "acme "+waiting.Wait.Key) {
		t.Errorf("news %q, want of %s", heard, waiting.Wait.Key)
	}
	done, err := r.wake(await, p, waiting.Wait)
	check(t, err)
	if done.Wait != nil || r.text("made") == "" || r.text("made") == r.text("fidoCredentialId") {
		t.Errorf("got %+v", done)
	}
}

func TestInvitationNotFollowed(t *testing.T) {
	w := newWorld(t)
	r := w.run()
	r.subject = string(w.user(alice).ID)
	r.must("bestowInviteTask", params{"lifeHours": "1"})
	p := params{"invitationField": "invitation"}
	waiting := r.must("bestowAwaitEnrolmentTask", p)
	w.later(time.Hour + 15*time.Minute)
	waiting, err := r.wake("bestowAwaitEnrolmentTask", p, waiting.Wait)
	check(t, err)
	if waiting.Wait == nil {
		t.Fatal("it ended while the last visit may be under way")
	}
	w.later(time.Second)
	_, err = r.wake("bestowAwaitEnrolmentTask", p, waiting.Wait)
	wantType(t, err, provision.BestowExpired, "invitation.expired")
}

func TestGetInfo(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world, way string) {
		w.user(alice)
		r := w.run()
		r.must(start, startParams(way))
		d := w.desk()
		d.open(r.text("plugoutUrl"))
		p := params{"messagingServer": way, "sessionField": "fidoSession", "attestationKeySet": "desks"}
		wait := r.must("hermodFidoGetInfoTask", p).Wait
		d.answer(d.next(), "OK", `{"authenticators":[{"handle":"0","product":"Sample Key 5"}]}`)
		_, err := r.wake("hermodFidoGetInfoTask", p, wait)
		check(t, err)
		if got := string(r.vars["fidoAuthenticators"]); got != `[{"handle":"0","product":"Sample Key 5"}]` {
			t.Errorf("got %s", got)
		}
	})
}

func TestHTTPRequest(t *testing.T) {
	w := newWorld(t)
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	var got *http.Request
	var body string
	w.before = func(rw http.ResponseWriter, r *http.Request) bool {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		rw.Header().Set("Content-Type", r.URL.Query().Get("media"))
		switch r.URL.Path {
		case "/json":
			_, _ = rw.Write([]byte(`{"id":7}`))
		case "/text":
			rw.WriteHeader(http.StatusTeapot)
			_, _ = rw.Write([]byte("short and stout"))
		case "/binary":
			_, _ = rw.Write([]byte{0xff})
		case "/broken":
			_, _ = rw.Write([]byte(`{`))
		case "/large":
			_, _ = rw.Write(make([]byte, provision.MaxWebBytes+1))
		case "/near":
			http.Redirect(rw, r, "/json", http.StatusTemporaryRedirect)
		case "/far":
			http.Redirect(rw, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}
		return true
	}
	const task = "httpRequestTask"
	r := w.run()
	ask := func(path string) (string, error) {
		_, err := r.do(task, params{"method": "POST", "url": w.server.URL + path, "body": map[string]any{"a": 1}, "headers": "X-Tenant: acme\nAuthorization: Bearer x"})
		return string(r.vars["httpStatus"]) + " " + string(r.vars["httpBody"]), err
	}
	for path, want := range map[string]string{
		"/json?media=application/json": `200 {"id":7}`, "/json?media=text/plain": `200 "{\"id\":7}"`,
		"/text?media=text/plain": `418 "short and stout"`, "/none": "200 null", "/near?media=application/problem%2Bjson": `200 "{\"id\":7}"`,
	} {
		answer, err := ask(path)
		check(t, err)
		if answer != want {
			t.Errorf("%s: got %s, want %s", path, answer, want)
		}
	}
	if got.Header.Get("X-Tenant") != "acme" || got.Header.Get("Content-Type") != "application/json" || body != `{"a":1}` ||
		got.Header.Get(provision.IdempotencyHeader) != r.id+"/"+task {
		t.Errorf("sent %v %s", got.Header, body)
	}
	for path, says := range map[string]string{
		"/binary?media=text/plain": "the body of the answer is neither", "/broken?media=application/json": "the body of the answer is neither",
		"/large": "the answer has more than", "/far": "the server sends to another place",
	} {
		_, err := ask(path)
		wantType(t, err, provision.HTTPRefused, says)
	}
	for name, p := range map[string]params{
		"url":     {"method": "GET", "url": []string{"http://example.com"}},
		"method":  {"method": []string{"TRACE"}, "url": "https://example.com"},
		"headers": {"method": "GET", "url": "https://example.com", "headers": map[string]string{"Host": "x"}},
		"body":    {"method": "PUT", "url": "https://example.com", "body": strings.Repeat("x", provision.MaxWebBytes+1)},
	} {
		_, err := r.do(task, p)
		wantType(t, err, provision.Parameter, name)
	}
	w.server.Close()
	_, err := ask("/json")
	wantFault(t, err)
	r.attempt = 3
	_, err = ask("/json")
	wantType(t, err, provision.HTTPConnection, "provision.unreachable")
}

func TestSendMail(t *testing.T) {
	w := newWorld(t)
	r := w.run()
	good := params{"to": "Alice <alice@example.com>, bob@example.com", "subject": "Your key", "body": "Grüße\n"}
	r.must("sendMailTask", good)
	if len(w.mail) != 1 || len(w.mail[0].To) != 2 || w.mail[0].Key != r.id+"/sendMailTask" || w.mail[0].Body != "Grüße\n" {
		t.Errorf("sent %+v", w.mail)
	}
	_, err := r.do("sendMailTask", params{"to": "alice@example.com", "subject": "refuse", "body": "x"})
	wantType(t, err, provision.MailRefused, "550: no such mailbox")
	_, err = r.do("sendMailTask", params{"to": "alice@example.com", "subject": "away", "body": "x"})
	wantFault(t, err)
	_, err = r.do("sendMailTask", params{"to": []string{"x"}, "subject": "x", "body": "x"})
	wantType(t, err, provision.Parameter, "to")
	_, err = r.do("sendMailTask", params{"to": "alice@example.com", "subject": "a\r\nBcc: eve@example.com", "body": "x"})
	wantType(t, err, provision.Parameter, "subject")
	if len(w.mail) != 3 {
		t.Errorf("%d were sent", len(w.mail))
	}

	// Where no mail is sent a definition that wants it is refused, with the reason.
	c := w.config
	c.Mailer = nil
	without, err := provision.New(c)
	check(t, err)
	err = without.Handlers()["sendMailTask"].Check(map[string]string{"to": "alice@example.com", "subject": "x", "body": "y"})
	if err == nil || !strings.Contains(err.Error(), "mail.server") {
		t.Errorf("without a mail server: %v", err)
	}
}

// TestCheck starts from good parameters of each task and spoils one.
func TestCheck(t *testing.T) {
	w := newWorld(t)
	session := map[string]string{"messagingServer": "Hermod", "sessionField": "fidoSession"}
	good := map[string]map[string]string{
		getOptions:                    {"connection": "DA", "userid": "${user}"},
		start:                         {"messagingServer": "${server}", "title": "x", "errorTypeField": "t", "errorMessageField": "m"},
		create:                        {"messagingServer": "Hermod", "sessionField": "fidoSession", "creationOptionsField": "fidoCreationOptions", "origin": "x"},
		"hermodFidoGetInfoTask":       session,
		"hermodSessionEndTask":        session,
		keep:                          {"connection": "DA", "userid": "${user}", "credentialField": "fidoCredential"},
		"bestowInviteTask":            {"additional": "true", "lifeHours": "24"},
		"bestowAwaitEnrolmentTask":    {"invitationField": "invitation"},
		"bestowListCredentialsTask":   {"state": "active"},
		"bestowSuspendCredentialTask": {"credentialId": "${id}", "reason": "left"},
		"bestowResumeCredentialTask":  {"credentialId": "${id}"},
		"bestowDeleteCredentialTask":  {"credentialId": "${id}"},
		"httpRequestTask":             {"method": "POST", "url": "https://example.com/x"},
		"sendMailTask":                {"to": "alice@example.com", "subject": "x", "body": "y"},
	}
	if len(good) != len(w.handlers) {
		t.Errorf("%d tasks are tested, there are %d", len(good), len(w.handlers))
	}
	without := func(name string) func(p map[string]string) { return func(p map[string]string) { delete(p, name) } }
	with := func(name, value string) func(p map[string]string) {
		return func(p map[string]string) { p[name] = value }
	}
	spoilt := []struct {
		task  string
		spoil func(p map[string]string)
		says  string
	}{
		{getOptions, without("connection"), "connection is missing"},
		{getOptions, with("userid", ""), "userid is missing"},
		{getOptions, with("conection", "x"), "no parameter conection"},
		{getOptions, with("creationOptionsField", "${x}"), "has no expression"},
		{getOptions, with("creationOptionsField", "a b"), "not the name of a variable"},
		{create, without("sessionField"), "sessionField is missing"},
		{create, without("creationOptionsField"), "creationOptionsField is missing"},
		{keep, without("credentialField"), "credentialField is missing"},
		{"bestowInviteTask", with("lifeHours", "721"), "lifeHours"},
		{"bestowInviteTask", with("additional", "yes"), "additional"},
		{"bestowListCredentialsTask", with("state", "gone"), "state"},
		{"httpRequestTask", with("url", "http://example.com"), "https"},
		{"httpRequestTask", with("url", "https://user:pw@example.com"), "https"},
		{"httpRequestTask", with("method", "get"), "method"},
		{"sendMailTask", with("to", "alice"), "addresses"},
	}
	for task, p := range good {
		if err := w.handlers[task].Check(p); err != nil {
			t.Errorf("%s: %v", task, err)
		}
	}
	for _, c := range spoilt {
		p := map[string]string{}
		for name, v := range good[c.task] {
			p[name] = v
		}
		c.spoil(p)
		if err := w.handlers[c.task].Check(p); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.task, err, c.says)
		}
	}
}

func TestLoopbackMayBePlain(t *testing.T) {
	for url, want := range map[string]bool{
		"https://example.com": true, "http://localhost:8080/x": true, "http://127.0.0.1/x": true, "http://[::1]:1/": true,
		"http://example.com": false, "http://127.0.0.1.example.com": false, "ftp://localhost": false, "localhost:80": false,
		"https://a@example.com": false, "https://": false, "https://example.com/#x": false,
	} {
		if got := provision.MayAsk(url); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
}

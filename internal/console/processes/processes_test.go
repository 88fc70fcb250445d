package processes_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"bestow.dev/internal/console/consoletest"
	"bestow.dev/internal/console/processes"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

// What each role sees and may do, and that forms of other sites do nothing.
func TestRights(t *testing.T) {
	w := newWorld(t)
	r := w.approved()
	task := "/console/tasks/" + w.task(w.started().ID).ID
	run := "/console/runs/" + r.ID
	gets := []string{
		"/console/processes", "/console/processes/key", "/console/processes/key/xml", "/console/processes/key/start", "/console/runs", run, run + "/live",
		"/console/tasks", task,
	}
	posts := []string{"/console/processes/key/start", run + "/retry", run + "/skip", run + "/end", task, task + "/take", task + "/back", task + "/link"}
	before := len(w.Actions("process."))

	auditor := w.Operator("auditor", tenant.Auditor)
	for _, path := range append(gets, "/console/deploy") {
		auditor.Get(path).Is(http.StatusForbidden).Says("authority.denied")
	}
	for _, path := range append(posts, "/console/deploy") {
		auditor.Post(path, "job", w.job(r.ID)).Is(http.StatusForbidden)
		w.Browser().Post(path).Leads("/console/signin")
	}
	w.Browser().Get(run + "/live").Is(http.StatusUnauthorized) // a page asks for it, nobody does

	enroller := w.Operator("enroller", tenant.Enroller)
	for _, path := range gets {
		page := enroller.Get(path).Is(http.StatusOK).Hides("<b>", "<i>", "<style", " style=", "onclick=", "<script>", "<printer>")
		if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", path, policy)
		}
		if page.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept", path)
		}
	}
	enroller.Get("/console/processes").Hides("/console/deploy")
	enroller.Get("/console/deploy").Is(http.StatusForbidden)
	enroller.Post("/console/deploy", "xml", child).Is(http.StatusForbidden)
	for _, path := range append(posts, "/console/deploy") {
		for _, from := range []string{"cross-site", "same-site"} {
			enroller.Send(consoletest.Request{
				Method: "POST", Path: path, Type: "application/x-www-form-urlencoded", Body: "reason=x&hours=1&job=" + w.job(r.ID), From: from,
			}).Is(http.StatusForbidden).Says("request.cross_origin")
		}
		if !slices.Contains(gets, path) && path != "/console/deploy" {
			enroller.Get(path).Is(http.StatusMethodNotAllowed)
		}
	}
	if after := len(w.Actions("process.")); after != before {
		t.Errorf("%d events, and there were %d", after, before)
	}
	w.Operator("admin", tenant.Administrator).Get("/console/processes").Is(http.StatusOK).Says("/console/deploy")
	if err := processes.Add(w.Console, processes.Config{}); err == nil {
		t.Error("pages of nothing")
	}
	for _, asset := range []string{"bpmn.css", "processes.css", "run.js", "copy.js"} {
		w.Browser().Get("/console/assets/" + asset).Is(http.StatusOK)
	}
}

// A definition is refused with what is wrong with it by line, and deployed.
func TestDeploy(t *testing.T) {
	w := newWorld(t)
	b := w.Operator("admin", tenant.Administrator)
	b.Get("/console/deploy").Is(http.StatusOK).Says("security-key")
	b.Get("/console/deploy?from=browser-invitation").Is(http.StatusOK).Says("bestowInviteTask")
	b.Post("/console/deploy", "xml", "<b>no").Is(http.StatusBadRequest).Says("The definition is refused.", "&lt;b&gt;no").Hides("<b>no")
	broken := strings.Replace(strings.Replace(child, "<serviceTask", "<scriptTask", 1), "</serviceTask", "</scriptTask", 1)
	b.Post("/console/deploy", "xml", broken).Is(http.StatusBadRequest).Says("scripts are not run", "use a service task", ">4<", "&lt;scriptTask")
	b.Post("/console/deploy", "xml", strings.Replace(child, "setVariableTask", "noTask", 1), "self-service", "on").
		Is(http.StatusBadRequest).Says("there is no task ${noTask}", `name="self-service" checked`).Hides(`name="force"`)
	sync := strings.Replace(key, "workTask", "hermodFidoCreateCredentialTask", 1)
	b.Post("/console/deploy", "xml", sync).Is(http.StatusBadRequest).Says("there is no task") // it is not in this world
	b.Language = "de"
	b.Post("/console/deploy", "xml", "<b>no").Is(http.StatusBadRequest).Says("Die Definition wird abgelehnt")
	b.Language = ""
	b.Post("/console/deploy", "xml", strings.Repeat("x", 1<<20+1)).Is(http.StatusRequestEntityTooLarge)
	b.Post("/console/deploy", "xml", strings.Repeat("x", 4<<20)).Is(http.StatusRequestEntityTooLarge)

	b.Get(b.Post("/console/deploy", "xml", child).Leads("/console/processes/child?deployed=same")).Is(http.StatusOK).Says("is the same already")
	b.Get(b.Send(upload(t, child+"\n")).Leads("/console/processes/child?deployed=new")).Is(http.StatusOK).Says("Version 2 is deployed", ">admin<")
	b.Get("/console/processes/child?version=1").Is(http.StatusOK).Says("This is not the newest version")
	for _, version := range []string{"3", "0", "x"} {
		b.Get("/console/processes/child?version=" + version).Is(http.StatusNotFound).Says("There is no such process")
	}
	b.Post("/console/deploy", "xml", key+"\n", "self-service", "on").Is(http.StatusOK).Says("Version 2 is deployed", "is work that fails", "Worth a look")
	b.Get("/console/processes/key").Is(http.StatusOK).Says("people for themselves, too", "Key &lt;b&gt;", `data-element="approve"`, "workTask")
	file := b.Get("/console/processes/key/xml?version=1").Is(http.StatusOK)
	if file.Body != key || !strings.Contains(file.Header.Get("Content-Disposition"), `attachment; filename="key-1.bpmn"`) ||
		!strings.Contains(file.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("the file is %v\n%s", file.Header, file.Body)
	}
}

// A process is started once, for somebody who is found by name, and not for oneself.
func TestStart(t *testing.T) {
	w := newWorld(t)
	b := w.Operator("erin", tenant.Enroller)
	path := "/console/processes/key/start"
	once := b.Get(path).Is(http.StatusOK).Says("How many", "With NFC", "Not for yourself").Between(`name="once" value="`, `"`)
	if again := b.Get(path).Between(`name="once" value="`, `"`); len(once) < 20 || again == once {
		t.Errorf("two forms have the keys %q and %q", once, again)
	}
	form := func(more ...string) []string {
		return append([]string{"once", once, "field-model", "nfc", "field-count", "2", "field-urgent", "true"}, more...)
	}
	b.Post(path, form("user", "caro")...).Is(http.StatusNotFound).
		Says("There is no user of this name", `name="pick" value="carol"`, `value="2"`, `<option value="nfc" selected>`, `value="true" checked`, once)
	b.Post(path, form("user", "erin")...).Is(http.StatusForbidden).Says("Nobody may do this for themselves")
	b.Post(path, "once", once, "user", "carol").Is(http.StatusBadRequest).Says("Model is required", "field wrong")
	b.Post(path, "once", once, "user", "carol", "field-model", "nfc", "field-count", `many"><b>`).Is(http.StatusBadRequest).Says("not a whole number", "many&#34;&gt;&lt;b&gt;")
	b.Post(path, form("user", "carol", "variables", "oops")...).Is(http.StatusBadRequest).Says("Line 1 is not name = value", "<details open")

	first := b.Post(path, form("user", "caro", "pick", "carol", "variables", "note = <i>")...).Leads("/console/runs/")
	if again := b.Post(path, form("user", "carol", "variables", "note = <i>")...).Leads("/console/runs/"); again != first {
		t.Errorf("the form was sent twice: %s and %s", first, again)
	}
	b.Post(path, form("user", "carol", "variables", "note = other")...).Is(http.StatusConflict).Says("This form was sent already").Hides(once)
	r, err := w.svc.GetRun(t.Context(), w.Root, strings.TrimPrefix(first, "/console/runs/"))
	w.Check(err)
	for name, want := range map[string]string{"model": `"nfc"`, "count": "2", "urgent": "true"} {
		if got := string(r.State.Variables[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if r.Subject != string(w.carol.ID) || r.Starter.ID != tenant.UserPrefix+string(b.User.ID) || r.Via != "console" {
		t.Errorf("got %+v", r)
	}
	b.Get(first).Is(http.StatusOK).Says("Key &lt;b&gt;", ">carol<", ">erin<", "&lt;i&gt;", `class="element userTask standing"`).Hides("<i>")
	b.Get("/console/processes/nothing/start").Is(http.StatusNotFound)
}

// Runs are found by filters, a page at a time.
func TestRuns(t *testing.T) {
	w := newWorld(t)
	b := w.Operator("erin", tenant.Enroller)
	r := w.approved()
	for range 55 {
		_, err := w.svc.Start(t.Context(), w.Root, process.Start{Definition: "child"})
		w.Check(err)
	}
	w.settle()
	first := b.Get("/console/runs?process=child&status=completed").Is(http.StatusOK).Says("Older runs", ">Child<").Hides(r.ID)
	next := strings.ReplaceAll(first.Between(`class="paging"><a href="`, `"`), "&amp;", "&")
	second := b.Get(next).Is(http.StatusOK).Hides("Older runs")
	if n := strings.Count(first.Body, ">Child</a>") + strings.Count(second.Body, ">Child</a>"); n != 55 {
		t.Errorf("the pages have %d runs", n)
	}
	b.Get("/console/runs?user=carol").Is(http.StatusOK).Says(r.ID, "needs help: 1").Hides(">Child</a>")
	b.Get("/console/runs?incidents=on").Is(http.StatusOK).Says(r.ID, "checked")
	b.Get("/console/runs?status=failed").Is(http.StatusOK).Says("There is no such run.")
	b.Get("/console/runs?user=%3Cb%3Enobody").Is(http.StatusOK).Says("There is no user called &lt;b&gt;nobody").Hides("<b>")
	b.Get("/console/runs?after=x").Is(http.StatusBadRequest)
	b.Get("/console/runs/nothing").Is(http.StatusNotFound).Says("There is no such run")
}

// upload sends a form in which a file was chosen.
func upload(t *testing.T, text string) consoletest.Request {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("file", "x.bpmn")
	if err == nil {
		_, err = part.Write([]byte(text))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := form.WriteField("xml", "<not>this</not>"); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return consoletest.Request{Method: "POST", Path: "/console/deploy", Type: form.FormDataContentType(), Body: b.String(), From: "same-origin"}
}

// What needs help is explained, tried again, skipped, or ended.
func TestHelp(t *testing.T) {
	w := newWorld(t)
	b := w.Operator("erin", tenant.Enroller)
	r := w.approved()
	run, job := "/console/runs/"+r.ID, w.job(r.ID)
	b.Get(run).Is(http.StatusOK).Says("Do the work needs help", "The &lt;printer&gt; is out of paper.", "Tries so far: 1", `class="element serviceTask failed"`, "Skip it")
	b.Post(run+"/skip", "job", job, "outputs", "oops").Is(http.StatusBadRequest).Says("Line 1 is not name = value", ">oops<", "<details open")
	b.Post(run+"/end", "reason", strings.Repeat("x", 501)).Is(http.StatusBadRequest).Says("The reason is too long")
	w.worker.mend()
	b.Post(run+"/retry", "job", job).Leads(run)
	b.Post(run+"/retry", "job", job).Is(http.StatusConflict).Says("somebody was faster")
	w.settle()
	b.Post(run+"/retry", "job", job).Is(http.StatusNotFound).Says("That is done already")
	page := b.Get(run).Is(http.StatusOK).Says("Retried", "printed", "secret, not shown", "Waits for people", "Processes it called", "it was told", "Confirm").
		Hides(theLink, "secret:", "needs help")
	called := page.Between(`Processes it called</dt><dd><div><a href="`, `"`)
	b.Get(called).Is(http.StatusOK).Says("Called by run", `href="`+run+`"`)
	b.Language = "de"
	b.Post(run+"/end", "reason", "Carol <left>").Leads(run)
	b.Get(run).Is(http.StatusOK).Says("abgebrochen", "Carol &lt;left&gt;", `class="element userTask interrupted"`).Hides("<left>", "Diesen Lauf beenden</summary>")
	b.Post(run+"/end", "reason", "again").Is(http.StatusConflict).Says("Der Lauf ist schon zu Ende.")
	b.Language = ""

	w.worker.mended = false
	other := w.approved()
	b.Post("/console/runs/"+other.ID+"/skip", "job", w.job(other.ID), "outputs", "link = none\nn = 3").Leads("/console/runs/" + other.ID)
	w.settle()
	b.Get("/console/runs/"+other.ID).Is(http.StatusOK).Says("Skipped", "<pre>none</pre>", "<pre>3</pre>")
	if got := w.Actions("process."); !slices.Contains(got, "process.retried") || !slices.Contains(got, "process.skipped") {
		t.Errorf("events %v", got)
	}
	if strings.Contains(w.Log(), theLink) || strings.Contains(w.Log(), "oops") {
		t.Error("the log has what was typed, or a secret")
	}
}

// A page that is open is told what is new, and nothing else.
func TestLive(t *testing.T) {
	w := newWorld(t)
	b := w.Operator("erin", tenant.Enroller)
	r := w.started()
	path := "/console/runs/" + r.ID
	seen := b.Get(path).Is(http.StatusOK).Between(`data-seen="`, `"`)
	b.Get(path + "/live?seen=" + seen).Is(http.StatusNoContent)

	told := make(chan *consoletest.Reply)
	go func() { told <- b.Get(path + "/live?wait&seen=" + seen) }()
	_, err := w.svc.CompleteTask(t.Context(), w.Root, w.task(r.ID).ID, map[string]json.RawMessage{"remark": json.RawMessage(`"seen"`)})
	w.Check(err)
	for news := <-told; ; news = b.Get(path + "/live?wait&seen=" + seen) {
		news.Is(http.StatusOK).Says(`data-part="picture"`).Hides("<html")
		if tag := news.Header.Get("X-Seen"); tag == "" || tag == seen {
			t.Fatalf("it is named %q", tag)
		}
		// What is asked for while a step is written down may be half of each; as that is
		// named otherwise than the whole, who asks again, as the page does, gets the whole.
		if seen = news.Header.Get("X-Seen"); strings.Contains(news.Body, "Task done") {
			break
		}
	}
	b.Get("/console/runs/nothing/live").Is(http.StatusNotFound)
}

// Tasks of a role are taken and done; for those of others there is a link, shown once.
func TestTasks(t *testing.T) {
	w := newWorld(t)
	w.worker.mend()
	b := w.Operator("erin", tenant.Enroller)
	r := w.started()
	path := "/console/tasks/" + w.task(r.ID).ID
	b.Get("/console/tasks").Is(http.StatusOK).Says("Yours to do", path, "role enroller")
	b.Get(path).Is(http.StatusOK).Says("Look at the badge.", `value="carol"`, "readonly", "Take it").Hides("Make link", "Give it back")
	b.Post(path+"/link", "hours", "24").Is(http.StatusConflict).Says("it has no link")
	b.Post(path + "/take").Leads(path)
	other := w.Operator("olga", tenant.Enroller)
	other.Get(path).Is(http.StatusOK).Says("taken by", ">erin<").Hides("Give it back", "Take it")
	other.Post(path + "/take").Is(http.StatusConflict).Says("Somebody else has taken the task")
	other.Post(path, "filled", "1", "field-remark", "<mine>").Is(http.StatusConflict).Says("&lt;mine&gt;").Hides("<mine>")
	b.Post(path + "/back").Leads(path)
	b.Post(path + "/take").Leads(path)
	b.Post(path, "filled", "1", "field-asker", "mallory").Is(http.StatusBadRequest).Says("Remark is required", "field wrong", `value="carol"`).Hides("mallory")
	b.Post(path, "filled", "1", "field-remark", "seen\r\ntwice").Leads(path)
	b.Get(path).Is(http.StatusOK).Says("Completed", ">erin<").Hides("<form method=\"post\" action=\"/console/tasks")
	b.Post(path, "filled", "1", "field-remark", "x").Is(http.StatusConflict).Says("The task is over.")
	w.settle()

	theirs := "/console/tasks/" + w.task(r.ID).ID
	b.Get("/console/tasks").Is(http.StatusOK).Says("For others", theirs, ">carol<")
	b.Get(theirs).Is(http.StatusOK).Says("This task is not yours to do", "Make link").Hides(theLink, "Complete the task")
	b.Post(theirs, "filled", "1").Is(http.StatusForbidden)
	for _, hours := range []string{"", "0", "169", "x"} {
		b.Post(theirs+"/link", "hours", hours).Is(http.StatusBadRequest)
	}
	made := b.Post(theirs+"/link", "hours", "1").Is(http.StatusOK).Says("this once")
	link := made.Between(`value="https://login.example.com/task#`, `"`)
	if _, err := w.svc.RedeemTaskLink(t.Context(), link, tenant.Authority{Via: "task"}); err != nil {
		t.Errorf("the link %q is not good: %v", link, err)
	}
	b.Get(theirs).Is(http.StatusOK).Hides(link)
	if strings.Contains(w.Log(), link) {
		t.Error("the link is in the log")
	}
	b.Get("/console/tasks/nothing").Is(http.StatusNotFound).Says("There is no such task")
}

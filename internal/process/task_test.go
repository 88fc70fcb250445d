package process_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"

	"bestow.dev/internal/audit"
)

func TestForm(t *testing.T) {
	fields := []bpmn.Field{
		{Name: "name", Label: "Your name", Type: bpmn.TextField, Required: true},
		{Name: "count", Type: bpmn.NumberField},
		{Name: "sure", Type: bpmn.BooleanField},
		{Name: "day", Type: bpmn.DateField},
		{Name: "colour", Type: bpmn.EnumField, Options: []bpmn.Option{{Value: "red"}, {Value: "blue"}}},
		{Name: "fixed", Type: bpmn.TextField, ReadOnly: true, Default: template("${given}")},
	}
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", person("u", fields...)))
	good := func() map[string]json.RawMessage {
		return vars("name", "Alice", "count", 3, "sure", false, "day", "2026-03-02", "colour", "red", "fixed", "changed")
	}
	for _, c := range []struct {
		field, value string
	}{
		{"name", `""`},
		{"name", `null`},
		{"name", `7`},
		{"name", `"` + strings.Repeat("x", 4001) + `"`},
		{"count", `3.5`},
		{"count", `"3"`},
		{"sure", `"yes"`},
		{"day", `"02.03.2026"`},
		{"colour", `"green"`},
		{"colour", `["red"]`},
		{"other", `1`},
	} {
		r := w.start("p", "given", "kept")
		values := good()
		values[c.field] = json.RawMessage(c.value)
		_, err := w.CompleteTask(t.Context(), user("alice"), w.task(r.ID).ID, values)
		if f := fault.From(err); !errors.Is(err, process.ErrForm) || f.Field != c.field {
			t.Errorf("%s %.20s: got %v, want process.form", c.field, c.value, err)
		}
		w.want(w.get(r.ID), process.Running)
	}
	r := w.start("p", "given", "kept")
	task, err := w.Task(t.Context(), user("alice"), w.task(r.ID).ID)
	check(t, err)
	if string(task.Values["fixed"]) != `"kept"` || len(task.Form.Fields) != len(fields) {
		t.Errorf("the form begins with %s and has %d fields", task.Values["fixed"], len(task.Form.Fields))
	}
	done, err := w.CompleteTask(t.Context(), user("alice"), task.ID, good())
	check(t, err)
	w.want(done, process.Completed, "name", `"Alice"`, "count", "3", "sure", "false", "day", `"2026-03-02"`, "colour", `"red"`, "fixed", "")
}

func TestWhoseTask(t *testing.T) {
	byRole := person("u")
	byRole.Form.Role = "desk"
	named := person("u")
	named.Form.Assignee = template("${who}")
	w := newWorld(t, storetest.SQLite, func(c *process.Config) {
		c.HasRole = func(by tenant.Authority, role string) bool { return role == "desk" && by.Actor.ID != "other" }
	})
	w.deploy(inLine("subject", person("u")), inLine("role", byRole), inLine("named", named))
	other := enroller()
	other.Actor.ID = "other"
	for _, c := range []struct {
		process string
		by      tenant.Authority
		want    *fault.Error // nil: it is theirs
	}{
		{"subject", user("bob"), process.ErrTaskUnknown},
		{"subject", enroller(), tenant.ErrDenied},
		{"subject", user("alice"), nil},
		{"named", user("alice"), process.ErrTaskUnknown},
		{"named", user("bob"), nil},
		{"role", user("alice"), process.ErrTaskUnknown},
		{"role", other, tenant.ErrDenied},
		{"role", enroller(), nil},
	} {
		r := w.start(c.process, "who", "Bob")
		task := w.task(r.ID)
		if may, err := w.MayDo(t.Context(), c.by, &task); err != nil || may != (c.want == nil) {
			t.Errorf("%s by %s: may is %v, %v", c.process, c.by.Actor, may, err)
		}
		_, err := w.CompleteTask(t.Context(), c.by, task.ID, nil)
		if c.want == nil {
			check(t, err)
			w.want(w.get(r.ID), process.Completed)
		} else if !errors.Is(err, c.want) {
			t.Errorf("%s by %s: got %v, want %s", c.process, c.by.Actor, err, c.want.Code)
		}
	}

	// One who takes a task keeps the others from it, until they give it back.
	task := w.task(w.start("role").ID).ID
	erin, frank := enroller(), enroller()
	frank.Actor.ID = "frank"
	check(t, w.TakeTask(t.Context(), erin, task))
	wantCode(t, w.TakeTask(t.Context(), frank, task), process.ErrTaskTaken)
	_, err := w.CompleteTask(t.Context(), frank, task, nil)
	wantCode(t, err, process.ErrTaskTaken)
	check(t, w.GiveTaskBack(t.Context(), erin, task))
	_, err = w.CompleteTask(t.Context(), frank, task, nil)
	check(t, err)

	// A user sees their own, whatever they ask for.
	w.start("subject")
	page, err := w.Tasks(t.Context(), user("bob"), process.TaskFilter{Assignee: "id-of-alice", Role: "desk"})
	check(t, err)
	for _, task := range page.Tasks {
		if task.Assignee != "id-of-bob" {
			t.Errorf("bob sees the task of %q", task.Assignee)
		}
	}
	// A name that is nobody's leaves the task to be found by its run.
	if task := w.task(w.start("named", "who", "nobody").ID); task.Assignee != "" || task.AssigneeName != "nobody" {
		t.Errorf("the task is assigned to %q, called %q", task.Assignee, task.AssigneeName)
	}
}

// TestSecrets: a link reaches whom a task is for and the handlers, and nobody else.
func TestSecrets(t *testing.T) {
	const link = `com.nexusgroup.plugout://open?token="123"`
	w := newWorld(t, storetest.SQLite)
	show := person("u", bpmn.Field{Name: "link", Type: bpmn.TextField, ReadOnly: true, Default: template("${plugoutUrl}")},
		bpmn.Field{Name: "text", Type: bpmn.TextField, ReadOnly: true, Default: template("Open ${plugoutUrl} now")})
	w.deploy(inLine("child", show, service("c", "desk", "url", "${plugoutUrl}")), inLine("p", service("a", "desk"), calls("k", "child")))
	w.desk.on("a", func(process.Work, *process.Wait) (process.Result, error) {
		return process.Result{Secrets: vars("plugoutUrl", link), Note: "a link was made"}, nil
	})
	r := w.settle(w.start("p").ID)
	w.want(r, process.Running, "plugoutUrl", `"(secret)"`)
	page, err := w.Tasks(t.Context(), operator(), process.TaskFilter{})
	check(t, err)
	id := page.Tasks[0].ID

	stored, err := w.db.Process().Run(t.Context(), "acme", r.ID)
	check(t, err)
	seen, err := w.Task(t.Context(), operator(), id)
	check(t, err)
	entries, err := w.Timeline(t.Context(), operator(), r.ID, 0, 1000)
	check(t, err)
	jobs, err := w.Jobs(t.Context(), operator(), r.ID)
	check(t, err)
	record, err := w.RunsAbout(t.Context(), "acme", "id-of-alice")
	check(t, err)
	if len(record) != 2 || string(record[1].State.Variables["plugoutUrl"]) != `"(secret)"` {
		t.Errorf("the record of alice has %+v, want both runs with what is not secret", record)
	}
	all := fmt.Sprintf("%s %+v %+v %+v %+v %s", asJSON(t, stored.State), page, seen, entries, jobs, asJSON(t, record))
	if strings.Contains(all, "nexusgroup") || seen.Values != nil {
		t.Errorf("the link is among %s", all)
	}

	mine, err := w.Task(t.Context(), user("alice"), id)
	check(t, err)
	var shown, text string
	check(t, json.Unmarshal(mine.Values["link"], &shown))
	check(t, json.Unmarshal(mine.Values["text"], &text))
	if shown != link || text != "Open "+link+" now" {
		t.Errorf("the assignee sees %s and %s", shown, text)
	}
	_, err = w.CompleteTask(t.Context(), user("alice"), id, nil)
	check(t, err)
	w.want(w.settle(r.ID), process.Completed, "plugoutUrl", `"(secret)"`)
	if got := w.desk.asked("c")[0]; string(got.Params["url"]) != string(vars("x", link)["x"]) || string(got.Variables["plugoutUrl"]) != string(got.Params["url"]) {
		t.Errorf("the handler was given %s", got.Params["url"])
	}
	secrets, err := w.db.Process().Secrets(t.Context(), r.ID)
	check(t, err)
	if len(secrets) != 0 {
		t.Error("a run that has ended has secrets")
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	check(t, err)
	return string(text)
}

func TestTaskLinks(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", person("u"), person("v")))
	r := w.start("p")
	elsewhere := w.start("p").ID
	task := w.task(r.ID).ID
	door := tenant.Authority{Via: "tasks", Address: "192.0.2.1"}
	alice := enroller()
	alice.Actor.ID = "alice"
	_, err := w.CreateTaskLink(t.Context(), alice, task, 0)
	wantCode(t, err, process.ErrOwn)
	_, err = w.CreateTaskLink(t.Context(), enroller(), task, time.Second)
	wantCode(t, err, process.ErrLinkLife)
	_, err = w.CreateTaskLink(t.Context(), user("alice"), task, 0)
	wantCode(t, err, tenant.ErrDenied)
	link := func() *process.NewTaskLink {
		t.Helper()
		l, err := w.CreateTaskLink(t.Context(), enroller(), task, time.Hour)
		check(t, err)
		return l
	}
	first := link()
	opened, err := w.RedeemTaskLink(t.Context(), first.Secret, door)
	check(t, err)
	_, err = w.RedeemTaskLink(t.Context(), first.Secret, door)
	wantCode(t, err, process.ErrLinkSpent)
	_, err = w.RedeemTaskLink(t.Context(), opened.Cookie, door)
	wantCode(t, err, process.ErrLinkUnknown)
	_, err = w.RedeemTaskLink(t.Context(), "x", door)
	wantCode(t, err, process.ErrLinkUnknown)

	// A newer link voids the one before it, and ends its session.
	second := link()
	_, _, err = w.TaskSession(t.Context(), opened.Cookie, door)
	wantCode(t, err, process.ErrSession)
	third := link()
	_, err = w.RedeemTaskLink(t.Context(), second.Secret, door)
	wantCode(t, err, process.ErrLinkSpent)
	w.clock.move(time.Hour)
	_, err = w.RedeemTaskLink(t.Context(), third.Secret, door)
	wantCode(t, err, process.ErrLinkExpired)

	// The session does its one task and what follows, and no other.
	opened, err = w.RedeemTaskLink(t.Context(), link().Secret, door)
	check(t, err)
	by, id, err := w.TaskSession(t.Context(), opened.Cookie, door)
	check(t, err)
	if id != task || by.Actor != (audit.Actor{Kind: audit.User, ID: "id-of-alice"}) || len(by.Scopes) != 0 {
		t.Errorf("the session is for %s as %+v", id, by)
	}
	other := w.task(elsewhere).ID
	_, err = w.CompleteTask(t.Context(), by, other, nil)
	wantCode(t, err, process.ErrTaskUnknown)
	w.clock.move(time.Second)
	_, err = w.CompleteTask(t.Context(), by, task, nil)
	check(t, err)
	_, err = w.CompleteTask(t.Context(), by, other, nil)
	wantCode(t, err, process.ErrTaskUnknown)
	page, err := w.Tasks(t.Context(), by, process.TaskFilter{})
	check(t, err)
	next := w.task(r.ID).ID
	if len(page.Tasks) != 1 || page.Tasks[0].ID != next {
		t.Errorf("the session sees %+v, want the task that follows", page.Tasks)
	}
	c, err := w.Course(t.Context(), by, task)
	check(t, err)
	if c.Next != next || c.Task.State != process.TaskCompleted || c.Status != process.Running || c.Busy {
		t.Errorf("the course is %+v", c)
	}
	_, err = w.Course(t.Context(), by, other)
	wantCode(t, err, process.ErrTaskUnknown)
	w.clock.move(30*time.Minute - time.Second)
	_, _, err = w.TaskSession(t.Context(), opened.Cookie, door)
	wantCode(t, err, process.ErrSession)
	wantCode(t, w.EndTaskSession(t.Context(), opened.Cookie, door), process.ErrSession)

	// Its person ends it before.
	task = w.task(r.ID).ID
	opened, err = w.RedeemTaskLink(t.Context(), link().Secret, door)
	check(t, err)
	check(t, w.EndTaskSession(t.Context(), opened.Cookie, door))
	_, _, err = w.TaskSession(t.Context(), opened.Cookie, door)
	wantCode(t, err, process.ErrSession)
	wantCode(t, w.EndTaskSession(t.Context(), "x", door), process.ErrSession)

	// Nobody opens the link of a user who is locked.
	task = w.task(r.ID).ID
	locked := link()
	_, err = w.db.ChangeUser(t.Context(), credential.UserChange{Tenant: "acme", ID: "id-of-alice", Locked: new(true), At: noon}, audit.Event{Tenant: "acme", Time: noon})
	check(t, err)
	_, err = w.RedeemTaskLink(t.Context(), locked.Secret, door)
	wantCode(t, err, process.ErrLinkUnknown)
}

func TestMessages(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", &bpmn.Element{ID: "m", Kind: bpmn.MessageCatch, Message: "paid"}, service("a", "desk")))
	r := w.start("p")
	_, err := w.Deliver(t.Context(), enroller(), r.ID, "sent", nil)
	wantCode(t, err, process.ErrMessage)
	_, err = w.Deliver(t.Context(), user("alice"), r.ID, "paid", nil)
	wantCode(t, err, tenant.ErrDenied)
	_, err = w.Deliver(t.Context(), enroller(), r.ID, "paid", vars("user", "bob"))
	wantCode(t, err, process.ErrVariables)
	_, err = w.Deliver(t.Context(), enroller(), r.ID, "paid", vars("sum", 7))
	check(t, err)
	_, err = w.Deliver(t.Context(), enroller(), r.ID, "paid", vars("sum", 8))
	wantCode(t, err, process.ErrMessage)
	w.want(w.settle(r.ID), process.Completed, "sum", "7", "a", "true")
}

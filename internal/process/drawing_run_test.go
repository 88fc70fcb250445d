package process_test

import (
	"context"
	"errors"
	"testing"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

// TestDrawing: a picture of a run shows where it came by, where it stands and what needs
// help, to whoever may see the run.
func TestDrawing(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	broken := service("b", "desk")
	broken.Work.Retries = 0
	w.deploy(inLine("p", person("u"), broken))
	w.desk.on("b", func(process.Work, *process.Wait) (process.Result, error) {
		return process.Result{}, errors.New("out of order")
	})
	run := w.start("p").ID
	shown := func() map[string]bpmn.Mark {
		t.Helper()
		d, p, err := w.Drawing(t.Context(), enroller(), run)
		check(t, err)
		if d.ID != "p" || len(bpmn.Draw(d, p)) == 0 {
			t.Errorf("the definition %q is drawn", d.ID)
		}
		return p.Marks
	}
	if m := shown(); m["start"] != bpmn.MarkPassed || m["u"] != bpmn.MarkStanding || m["b"] != "" {
		t.Errorf("at the user task: %v", m)
	}
	_, err := w.CompleteTask(t.Context(), user("alice"), w.task(run).ID, nil)
	check(t, err)
	w.settle(run)
	if m := shown(); m["u"] != bpmn.MarkPassed || m["b"] != bpmn.MarkFailed {
		t.Errorf("with an incident: %v", m)
	}
	w.desk.on("b", nil)
	check(t, w.Retry(t.Context(), operator(), w.incidents(run)[0].ID))
	w.settle(run)
	if m := shown(); m["b"] != bpmn.MarkPassed || m["end"] != bpmn.MarkPassed {
		t.Errorf("at the end: %v", m)
	}

	_, _, err = w.Drawing(t.Context(), user("alice"), run)
	wantCode(t, err, process.ErrRunUnknown) // somebody else started it
	_, _, err = w.Drawing(t.Context(), operator(), "nothing")
	wantCode(t, err, process.ErrRunUnknown)
	_, _, err = w.Drawing(t.Context(), tenant.Authority{}, run)
	wantCode(t, err, tenant.ErrDenied)
}

// TestAdvice: what is probably not meant is told beside what is deployed; that nobody
// could tell refuses it.
func TestAdvice(t *testing.T) {
	var away error
	w := newWorld(t, storetest.SQLite, func(c *process.Config) {
		c.Advice = func(_ context.Context, tenantName string, params map[string]string) ([]string, error) {
			if params["connection"] == "nowhere" {
				return []string{"there is no connection nowhere in " + tenantName}, away
			}
			return nil, away
		}
	})
	d := inLine("p", service("a", "desk", "connection", "here"), service("b", "desk", "connection", "nowhere"))
	d.Warnings = []*bpmn.DefinitionError{{Element: "end", Line: 9, Problem: "is far away"}}
	done, err := w.Deploy(t.Context(), operator(), process.Deploy{XML: w.register(d)})
	check(t, err)
	if len(done.Warnings) != 2 || *done.Warnings[0] != (bpmn.DefinitionError{Element: "b", Line: 4, Problem: "there is no connection nowhere in acme"}) ||
		done.Warnings[1] != d.Warnings[0] || len(d.Warnings) != 1 {
		t.Errorf("got %v", done.Warnings)
	}
	away = errors.New("away")
	if _, err := w.Deploy(t.Context(), operator(), process.Deploy{XML: w.register(inLine("q", service("a", "desk")))}); !errors.Is(err, away) {
		t.Errorf("got %v, want %v", err, away)
	}
	_, err = w.Definition(t.Context(), operator(), "q", 0)
	wantCode(t, err, process.ErrDefinitionUnknown)
	_, err = w.Versions(t.Context(), operator(), "q")
	wantCode(t, err, process.ErrDefinitionUnknown)
}

// TestRefusedAt: programs find the place of a refusal in its cause.
func TestRefusedAt(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	_, err := w.Deploy(t.Context(), operator(), process.Deploy{XML: w.register(inLine("p", service("a", "nothing")))})
	wantCode(t, err, process.ErrHandlerUnknown)
	at, ok := errors.AsType[*bpmn.DefinitionError](err)
	if !ok || *at != (bpmn.DefinitionError{Element: "a", Line: 3, Problem: "there is no task ${nothing}"}) {
		t.Errorf("got %+v", at)
	}
}

// TestSubjectName: a run can be started for somebody by their login name, and a second
// start by their id is the same.
func TestSubjectName(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", person("u")))
	first, err := w.Start(t.Context(), enroller(), process.Start{Definition: "p", SubjectName: "Alice", Key: "4711"})
	check(t, err)
	again, err := w.Start(t.Context(), enroller(), process.Start{Definition: "p", Subject: "id-of-alice", Key: "4711"})
	check(t, err)
	if first.Subject != "id-of-alice" || again.ID != first.ID {
		t.Errorf("it is for %q, and the second start is another: %v", first.Subject, again.ID != first.ID)
	}
	for _, c := range []struct {
		by   tenant.Authority
		name string
		want error
	}{
		{enroller(), "nobody", process.ErrSubject},
		{user("alice"), "alice", tenant.ErrDenied}, // names are not to be tried out
		{user("alice"), "nobody", tenant.ErrDenied},
	} {
		if _, err := w.Start(t.Context(), c.by, process.Start{Definition: "p", SubjectName: c.name}); !errors.Is(err, c.want) {
			t.Errorf("%s for %s: got %v, want %v", c.by.Actor, c.name, err, c.want)
		}
	}
}

// TestClientsTask: an API client that holds a role does its tasks as an operator would,
// and those of nobody else.
func TestClientsTask(t *testing.T) {
	byRole := person("u")
	byRole.Form.Role = "desk"
	w := newWorld(t, storetest.SQLite, func(c *process.Config) {
		c.HasRole = func(by tenant.Authority, role string) bool { return role == "desk" && by.Actor.ID == "helpdesk" }
	})
	w.deploy(inLine("role", byRole), inLine("subject", person("u")))
	client := func(id string) tenant.Authority {
		by := enroller()
		by.Actor = audit.Actor{Kind: audit.Client, ID: id}
		return by
	}
	for _, c := range []struct {
		process, client string
		want            error
	}{
		{"role", "other", tenant.ErrDenied},
		{"subject", "helpdesk", tenant.ErrDenied},
		{"role", "helpdesk", nil},
	} {
		_, err := w.CompleteTask(t.Context(), client(c.client), w.task(w.start(c.process).ID).ID, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s by %s: got %v, want %v", c.process, c.client, err, c.want)
		}
	}
}

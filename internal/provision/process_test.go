package provision_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/tenant"
)

// provisioning is the flow as an identity manager's editor draws it.
const provisioning = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="urn:test">
	<process id="provision" name="Provision a security key" isExecutable="true">
		<startEvent id="start"/>
		<sequenceFlow id="f1" sourceRef="start" targetRef="options"/>
		<serviceTask id="options" flowable:delegateExpression="${daFidoGetCreationOptionsTask}"><extensionElements>
			<flowable:field name="connection"><flowable:string>WAY</flowable:string></flowable:field>
			<flowable:field name="userid"><flowable:expression>${user.name}</flowable:expression></flowable:field>
		</extensionElements></serviceTask>
		<sequenceFlow id="f2" sourceRef="options" targetRef="connect"/>
		<serviceTask id="connect" flowable:delegateExpression="${hermodFidoStartConnectionTask}"><extensionElements>
			<flowable:field name="messagingServer"><flowable:string>WAY</flowable:string></flowable:field>
		</extensionElements></serviceTask>
		<sequenceFlow id="f3" sourceRef="connect" targetRef="fork"/>
		<parallelGateway id="fork"/>
		<sequenceFlow id="f4" sourceRef="fork" targetRef="form"/>
		<sequenceFlow id="f5" sourceRef="fork" targetRef="create"/>
		<userTask id="form" name="Follow the link" flowable:assignee="alice@example.com" flowable:formKey="plugout"><extensionElements>
			<flowable:formProperty id="link" name="Link" type="string" default="${plugoutUrl}" writable="false"/>
		</extensionElements></userTask>
		<serviceTask id="create" flowable:async="true" flowable:delegateExpression="${hermodFidoCreateCredentialTask}"><extensionElements>
			<flowable:field name="messagingServer"><flowable:string>WAY</flowable:string></flowable:field>
			<flowable:field name="sessionField"><flowable:string>fidoSession</flowable:string></flowable:field>
			<flowable:field name="creationOptionsField"><flowable:string>fidoCreationOptions</flowable:string></flowable:field>
			<flowable:field name="attestationKeySet"><flowable:string>desks</flowable:string></flowable:field>
			<flowable:field name="origin"><flowable:string>ORIGIN</flowable:string></flowable:field>
			<flowable:field name="errorTypeField"><flowable:string>failure</flowable:string></flowable:field>
		</extensionElements></serviceTask>
		<sequenceFlow id="f6" sourceRef="form" targetRef="join"/>
		<sequenceFlow id="f7" sourceRef="create" targetRef="join"/>
		<parallelGateway id="join"/>
		<sequenceFlow id="f8" sourceRef="join" targetRef="made"/>
		<exclusiveGateway id="made" default="f9"/>
		<sequenceFlow id="f9" sourceRef="made" targetRef="keep"/>
		<sequenceFlow id="f10" sourceRef="made" targetRef="failed"><conditionExpression>${failure != null}</conditionExpression></sequenceFlow>
		<serviceTask id="keep" flowable:delegateExpression="${daFidoCreateCredentialTask}"><extensionElements>
			<flowable:field name="connection"><flowable:string>WAY</flowable:string></flowable:field>
			<flowable:field name="userid"><flowable:expression>${user.name}</flowable:expression></flowable:field>
			<flowable:field name="credentialField"><flowable:string>fidoCredential</flowable:string></flowable:field>
		</extensionElements></serviceTask>
		<sequenceFlow id="f11" sourceRef="keep" targetRef="end"/>
		<endEvent id="end"/>
		<endEvent id="failed"/>
	</process>
</definitions>`

// processes runs processes with the tasks.
func (w *world) processes(way string) *process.Service {
	w.t.Helper()
	p, err := process.New(process.Config{
		Store: w.db.Process(), People: w.db.People(), Wakeups: w.db.Hub(), Handlers: w.handlers, Now: w.clock,
	})
	check(w.t, err)
	text := strings.NewReplacer(">WAY<", ">"+way+"<", ">ORIGIN<", ">"+origin+"<").Replace(provisioning)
	d, err := p.Deploy(w.t.Context(), w.root, process.Deploy{XML: []byte(text)})
	check(w.t, err)
	if len(d.Warnings) > 0 {
		w.t.Errorf("warnings: %v", d.Warnings)
	}
	return p
}

// begin starts a run and takes it as far as it goes without anybody.
func (w *world) begin(p *process.Service) (run *process.Run, link string) {
	w.t.Helper()
	u, err := w.credentials.User(w.t.Context(), w.root, credential.ByName(alice))
	check(w.t, err)
	by := tenant.Authority{Tenant: "acme", Actor: audit.Actor{Kind: audit.Operator, ID: "olga"}, Scopes: []tenant.Scope{tenant.ScopeProcessRun}}
	ctx := w.t.Context()
	done := make(chan error, 1)
	go func() {
		var err error
		run, err = p.Start(ctx, by, process.Start{Definition: "provision", Subject: string(u.ID)})
		done <- err
	}()
	for waiting := true; waiting; {
		select {
		case err := <-done:
			check(w.t, err)
			waiting = false
		default:
			w.due(p)
		}
	}
	w.due(p)
	person := tenant.Authority{Tenant: "acme", Actor: audit.Actor{Kind: audit.User, ID: string(u.ID)}}
	tasks, err := p.Tasks(ctx, person, process.TaskFilter{Run: run.ID})
	check(w.t, err)
	if len(tasks.Tasks) != 1 {
		w.t.Fatalf("%d tasks, want the form", len(tasks.Tasks))
	}
	task, err := p.Task(ctx, person, tasks.Tasks[0].ID)
	check(w.t, err)
	check(w.t, json.Unmarshal(task.Values["link"], &link))
	_, err = p.CompleteTask(ctx, person, task.ID, nil)
	check(w.t, err)
	w.form = task.ID
	return run, link
}

func (w *world) due(p *process.Service) {
	w.t.Helper()
	_, err := p.RunDue(w.t.Context())
	check(w.t, err)
}

// TestProcess takes the whole flow through the process service.
func TestProcess(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world, way string) {
		w.user(alice)
		p := w.processes(way)
		run, link := w.begin(p)
		d := w.desk()
		d.open(link)
		d.create()
		w.later(5 * time.Second) // no callback has come
		w.due(p)
		run, err := p.GetRun(t.Context(), w.root, run.ID)
		check(t, err)
		if run.Status != process.Completed || run.Incidents != 0 {
			t.Fatalf("the run is %s: %+v", run.Status, run.State.Variables)
		}
		page, err := w.credentials.Credentials(t.Context(), w.root, credential.CredentialQuery{User: credential.ByName(alice)})
		check(t, err)
		if len(page.Credentials) != 1 {
			t.Errorf("%d credentials", len(page.Credentials))
		}
		// The link's code is nowhere that lists show.
		entries, err := p.Timeline(t.Context(), w.root, run.ID, 0, 100)
		check(t, err)
		text, err := json.Marshal([]any{run, entries})
		check(t, err)
		if code := link[strings.LastIndexByte(link, '=')+1:]; strings.Contains(string(text), code) {
			t.Error("the link's code is shown")
		}
	})
}

// Nobody follows the link: the process's own branch for that is taken.
func TestProcessWithoutAnybody(t *testing.T) {
	w := newWorld(t)
	w.user(alice)
	p := w.processes("ours")
	run, _ := w.begin(p)
	w.later(10 * time.Second)
	w.expire()
	w.due(p)
	run, err := p.GetRun(t.Context(), w.root, run.ID)
	check(t, err)
	if got := string(run.State.Variables["failure"]); run.Status != process.Completed || got != `"HERMOD_ERROR_SESSION_START"` {
		t.Errorf("the run is %s, failure %s", run.Status, got)
	}
}

// A definition is refused with the words of the task.
func TestProcessIsChecked(t *testing.T) {
	w := newWorld(t)
	p := w.processes("ours")
	const session = `<flowable:field name="sessionField"><flowable:string>fidoSession</flowable:string></flowable:field>`
	for _, c := range []struct{ from, to, says string }{
		{session, "", "create: the parameter sessionField is missing"},
		{session, session + `<flowable:field name="sesion"><flowable:string>x</flowable:string></flowable:field>`, "create: there is no parameter sesion"},
		{`flowable:async="true"`, "", "create: set Async"},
	} {
		text := strings.Replace(provisioning, c.from, c.to, 1)
		_, err := p.Deploy(t.Context(), w.root, process.Deploy{XML: []byte(text)})
		if err == nil || !strings.Contains(fault.From(err).Public, c.says) {
			t.Errorf("got %v, want %q", err, c.says)
		}
	}
}

// TestDeskOf: the form sees where its session is, and what came of it, whether or not its
// task is over by then.
func TestDeskOf(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world, way string) {
		u := w.user(alice)
		p := w.processes(way)
		run, link := w.begin(p)
		person := tenant.Authority{Tenant: "acme", Actor: audit.Actor{Kind: audit.User, ID: string(u.ID)}}
		is := func(want provision.DeskState, code bool) *provision.Desk {
			t.Helper()
			c, err := p.Course(t.Context(), person, w.form)
			check(t, err)
			d, err := w.DeskOf(t.Context(), person, c)
			check(t, err)
			if d.State != want || (d.MatchCode != "") != code {
				t.Errorf("the desk is %s, code %q, want %s", d.State, d.MatchCode, want)
			}
			return d
		}
		is(provision.DeskWaiting, false)
		d := w.desk()
		d.open(link)
		is(provision.DeskCreating, way == "ours")
		d.create()
		is(provision.DeskCreating, way == "ours")
		w.later(5 * time.Second)
		w.due(p)
		is(provision.DeskDone, false)
		w.want(p, run.ID, process.Completed)

		run, link = w.begin(p)
		d = w.desk()
		d.open(link)
		d.answer(d.next(), plugout.StatusPINBlocked, "")
		w.later(5 * time.Second)
		w.due(p)
		failed := is(provision.DeskFailed, false)
		if failed.Error != provision.HermodDevice || !strings.HasPrefix(failed.Problem, "PIN_BLOCKED") {
			t.Errorf("it failed with %s: %s", failed.Error, failed.Problem)
		}
		w.want(p, run.ID, process.Completed)

		run, _ = w.begin(p)
		w.later(10 * time.Second)
		w.expire()
		unused := is(provision.DeskFailed, false)
		if !strings.HasPrefix(unused.Problem, "SESSION_NOT_STARTED") {
			t.Errorf("it failed with %s", unused.Problem)
		}
		w.due(p)
		if again := is(provision.DeskFailed, false); again.Error != provision.HermodSessionStart {
			t.Errorf("it failed with %s: %s", again.Error, again.Problem)
		}
		w.want(p, run.ID, process.Completed)
	})
}

func (w *world) want(p *process.Service, run string, status process.Status) {
	w.t.Helper()
	r, err := p.GetRun(w.t.Context(), w.root, run)
	check(w.t, err)
	if r.Status != status {
		w.t.Errorf("the run is %s", r.Status)
	}
}

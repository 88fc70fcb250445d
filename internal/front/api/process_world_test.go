package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/outbound"
	"bestow.dev/internal/process"
	"bestow.dev/internal/process/builtin"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/seal"
	"bestow.dev/internal/tenant"
)

const (
	// elsewhere is our secret at other servers.
	elsewhere = "a-secret-that-others-gave-us-4711"
	// deskLink is what a run keeps from all but those who may do its tasks.
	deskLink = "plugout://open/4711-opens-a-session"
)

// badge is a process with all that the API can move: a task of a role, a secret, a task
// of the user, a message and work that fails.
const badge = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="https://example.com">
  <message id="posted" name="keyPosted"/>
  <process id="badge" name="A badge &amp; a key" isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="approve"/>
    <userTask id="approve" name="Approve it" flowable:candidateGroups="enroller">
      <extensionElements>
        <flowable:formProperty id="approved" name="May have it" type="boolean" required="true"/>
        <flowable:formProperty id="why" name="Why" type="string" writable="false" default="${why}"/>
      </extensionElements>
    </userTask>
    <sequenceFlow id="f2" sourceRef="approve" targetRef="link"/>
    <serviceTask id="link" flowable:delegateExpression="${linkTask}"/>
    <sequenceFlow id="f3" sourceRef="link" targetRef="hand"/>
    <userTask id="hand" name="Open the link">
      <extensionElements>
        <flowable:formProperty id="url" name="Link" type="string" writable="false" default="${plugoutUrl}"/>
      </extensionElements>
    </userTask>
    <boundaryEvent id="skipped" attachedToRef="hand"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>
    <sequenceFlow id="f3b" sourceRef="skipped" targetRef="wait"/>
    <sequenceFlow id="f4" sourceRef="hand" targetRef="end2"/>
    <endEvent id="end2"/>
    <intermediateCatchEvent id="wait"><messageEventDefinition messageRef="posted"/></intermediateCatchEvent>
    <sequenceFlow id="f5" sourceRef="wait" targetRef="stamp"/>
    <serviceTask id="stamp" flowable:delegateExpression="${stampTask}">
      <extensionElements>
        <flowable:failedJobRetryTimeCycle>R0/PT1S</flowable:failedJobRetryTimeCycle>
        <flowable:field name="connection"><flowable:string>stamps</flowable:string></flowable:field>
      </extensionElements>
    </serviceTask>
    <sequenceFlow id="f6" sourceRef="stamp" targetRef="end"/>
    <endEvent id="end"/>
  </process>
</definitions>
`

// brief is a process that does nothing.
const brief = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="https://example.com">
  <process id="brief" isExecutable="true"><startEvent id="start"/><sequenceFlow id="f" sourceRef="start" targetRef="end"/><endEvent id="end"/></process>
</definitions>
`

// task is a service task of the tests.
type task struct {
	do func() (process.Result, error)
}

func (task) Check(map[string]string) error { return nil }

func (t task) Do(context.Context, process.Work) (process.Result, error) { return t.do() }

// keyring is the sealer of stored secrets, in memory.
type keyring struct{ *seal.Key }

func (k keyring) SealFirst(secret []byte, place string) ([]byte, error) { return k.Seal(secret, place) }

// openProcesses makes the processes of the world, and what they reach others by. No job
// is done but by due.
func (w *world) openProcesses() *provision.Service {
	w.t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	out, err := outbound.New(outbound.Config{Log: quiet})
	check(w.t, err)
	servers, err := outbound.NewServers(outbound.Config{Log: quiet})
	check(w.t, err)
	pages, err := outbound.NewWeb(outbound.Config{Log: quiet})
	check(w.t, err)
	clients, err := relay.NewClients()
	check(w.t, err)
	messages, err := relay.New(relay.Config{
		Store: w.db.Relay(), Clients: clients, Wakeups: w.db.Hub(), Caller: out, PublicURL: "https://msg.example.com/hermod/rest/ms", Now: w.Now,
	})
	check(w.t, err)
	settings, err := provision.New(provision.Config{
		Store: w.db.Provision(), Sealer: keyring{seal.NewKey()}, Credentials: w.svc, Relay: messages, Directory: w.dir,
		Dialer: servers, Web: pages, InvitationURL: "https://id.example.com/enrol#", Now: w.Now,
	})
	check(w.t, err)
	handlers := builtin.Handlers()
	handlers["linkTask"] = task{func() (process.Result, error) {
		text, _ := json.Marshal(deskLink)
		return process.Result{Secrets: map[string]json.RawMessage{"plugoutUrl": text}}, nil
	}}
	handlers["stampTask"] = task{func() (process.Result, error) {
		if !w.stamps.Load() {
			return process.Result{}, errors.New("the stamp is away")
		}
		return process.Result{Outputs: map[string]json.RawMessage{"stamped": json.RawMessage("true")}}, nil
	}}
	handlers["hermodFidoCreateCredentialTask"] = handlers["stampTask"]
	w.runs, err = process.New(process.Config{
		Store: w.db.Process(), People: w.db.People(), Wakeups: w.db.Hub(), Handlers: handlers, Advice: settings.Advice, Now: w.Now,
		HasRole: func(by tenant.Authority, role string) bool {
			return tenant.Role(role).Valid() && by.Covers(tenant.Role(role))
		},
	})
	check(w.t, err)
	return settings
}

// due does the jobs that are due.
func (w *world) due() {
	w.t.Helper()
	_, err := w.runs.RunDue(w.t.Context())
	check(w.t, err)
}

func asXML(r *http.Request) { r.Header.Set("Content-Type", "application/xml") }

func keyed(key string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Idempotency-Key", key) }
}

// deploy deploys a definition and returns the answer.
func (w *world) deploy(definition string) reply {
	w.t.Helper()
	return w.must(http.StatusOK, "deployer", "POST", "/process-definitions", definition, asXML)
}

// start starts a badge for a user and returns the run's id.
func (w *world) start(user string) string {
	w.t.Helper()
	return w.must(http.StatusCreated, "runner", "POST", "/process-runs", map[string]any{
		"definition": "badge", "user": named(user), "variables": map[string]any{"why": "new here"},
	}).text(w.t, "id")
}

// openTask returns the id of the one open task of a run.
func (w *world) openTask(run string) string {
	w.t.Helper()
	tasks := w.must(http.StatusOK, "runner", "GET", "/user-tasks?run="+run, nil).items(w.t)
	if len(tasks) != 1 {
		w.t.Fatalf("the run has the open tasks %v", tasks)
	}
	return tasks[0].(map[string]any)["id"].(string)
}

// approved starts a badge for a user, which then waits for them to open the link.
func (w *world) approved(user string) (run string) {
	w.t.Helper()
	run = w.start(user)
	w.must(http.StatusOK, "enroller", "POST", "/user-tasks/"+w.openTask(run)+"/complete", map[string]any{"values": map[string]any{"approved": true}})
	w.due()
	return run
}

// stuck starts a badge for a user, which then has an incident, and returns the job's id.
func (w *world) stuck(user string) (run, job string) {
	w.t.Helper()
	run = w.approved(user)
	w.Later(time.Hour)
	w.due()
	w.must(http.StatusOK, "runner", "POST", "/process-runs/"+run+"/messages", map[string]any{"name": "keyPosted"})
	w.due()
	jobs := w.must(http.StatusOK, "runner", "GET", "/process-runs/"+run+"/jobs", nil).items(w.t)
	if len(jobs) != 1 || jobs[0].(map[string]any)["state"] != "incident" {
		w.t.Fatalf("the jobs are %v", jobs)
	}
	return run, jobs[0].(map[string]any)["id"].(string)
}

// field returns a member of each item of a page.
func field(t testing.TB, r reply, name string) []string {
	t.Helper()
	var all []string
	for _, item := range r.items(t) {
		text, _ := item.(map[string]any)[name].(string)
		all = append(all, text)
	}
	return all
}

// pages collects a member of each item of a list that is read in pages of a size.
func (w *world) pages(client, path, name string, size string) []string {
	w.t.Helper()
	var all []string
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	for cursor := ""; ; {
		r := w.must(http.StatusOK, client, "GET", path+join+"limit="+size+cursor, nil)
		all = append(all, field(w.t, r, name)...)
		next := r.text(w.t, "next")
		if next == "" {
			return all
		}
		cursor = "&cursor=" + next
	}
}

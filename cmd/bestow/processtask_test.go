package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bestow.dev/internal/bpmn"
)

// asking is a process that asks the user for something, and an enroller at the same time.
const asking = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="https://example.com">
  <process id="ask" name="Ask" isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="f0" sourceRef="start" targetRef="both"/>
    <parallelGateway id="both"/>
    <sequenceFlow id="f1" sourceRef="both" targetRef="say"/>
    <userTask id="say" name="Say why"/>
    <sequenceFlow id="f2" sourceRef="say" targetRef="end"/>
    <sequenceFlow id="f3" sourceRef="both" targetRef="approve"/>
    <userTask id="approve" name="Approve" flowable:candidateGroups="enroller">
      <extensionElements>
        <flowable:formProperty id="approved" type="boolean" required="true"/>
        <flowable:formProperty id="note" type="string"/>
      </extensionElements>
    </userTask>
    <sequenceFlow id="f4" sourceRef="approve" targetRef="end"/>
    <endEvent id="end"/>
  </process>
</definitions>
`

// asks deploys asking, starts it for alice and returns the run and its tasks by element.
func (s *shell) asks() (run string, tasks map[string]taskDocument) {
	s.t.Helper()
	s.user("alice")
	s.want(exitDone, "ask", "process", "deploy", file(s.t, "ask.bpmn", asking))
	var started runDocument
	s.read(&started, "process", "start", "ask", "--user", "alice")
	s.runs()
	var list []taskDocument
	s.read(&list, "process", "tasks")
	tasks = make(map[string]taskDocument)
	for _, d := range list {
		tasks[d.Element] = d
	}
	return started.ID, tasks
}

// read runs the program and reads the JSON that it prints.
func (s *shell) read(into any, args ...string) {
	s.t.Helper()
	got := s.want(exitDone, "", append([]string{"--json"}, args...)...)
	if err := json.Unmarshal([]byte(got.stdout), into); err != nil {
		s.t.Fatalf("%q: %v in %s", args, err, got.stdout)
	}
}

func TestProcessTasks(t *testing.T) {
	s := newShell(t)
	run, tasks := s.asks()
	say, approve := tasks["say"], tasks["approve"]
	if say.User != "alice" || say.Role != "" || say.Run != run || approve.User != "" || approve.Role != "enroller" || len(approve.Fields) != 2 || !approve.Fields[0].Required {
		t.Fatalf("tasks: %+v", tasks)
	}
	s.want(exitDone, "any enroller", "process", "tasks", "--role", "enroller", "--run", run)
	if got := s.want(exitDone, "Say why", "process", "tasks", "--user", "alice"); strings.Contains(got.stdout, "Approve") {
		t.Errorf("not alice's:\n%s", got.stdout)
	}
	if got := s.want(exitDone, "", "process", "tasks", "--limit", "1"); !strings.Contains(got.stderr, "There are more") {
		t.Errorf("%+v", got)
	}
	s.want(exitRefused, "(user.unknown)", "process", "tasks", "--user", "bob")

	// What is asked of a user is theirs to answer; the role's is an operator's.
	s.want(exitRefused, "(authority.denied)", "process", "complete", say.ID)
	s.want(exitUsage, "approved", "process", "complete", approve.ID)
	s.want(exitDone, `"7;8"`, "process", "complete", approve.ID, "--var", "approved=true", "--var", "note=7;8")
	s.want(exitRefused, "(process.user_task_over)", "process", "complete", approve.ID, "--var", "approved=true")
	s.want(exitRefused, "(process.user_task_unknown)", "process", "complete", "4QGFJ2YV7KX3M5T6ZB8WAHCRDN")
}

func TestProcessTaskLink(t *testing.T) {
	s := newShell(t)
	_, tasks := s.asks()
	say := tasks["say"].ID
	var made struct{ Link, Task string }
	s.read(&made, "process", "task-link", say, "--life", "1h")
	address, secret, _ := strings.Cut(made.Link, "#")
	if address != "https://localhost:8443/task" || len(secret) != 43 || made.Task != say {
		t.Errorf("got %+v", made)
	}
	got := s.want(exitDone, "https://localhost:8443/task#", "process", "task-link", say)
	if got.stderr != "" {
		t.Errorf("beside the link: %s", got.stderr)
	}
	for _, args := range [][]string{{"process", "tasks"}, {"audit", "export"}, {"user", "export", "alice"}} {
		if got := s.run(args...); got.code != exitDone || strings.Contains(got.stdout+got.stderr, secret) {
			t.Errorf("%q ends with %d, or holds the link", args, got.code)
		}
	}
	s.want(exitUsage, "from one minute to seven days", "process", "task-link", say, "--life", "30s")
	s.want(exitRefused, "(process.link_nobody)", "process", "task-link", tasks["approve"].ID)
	s.want(exitRefused, "(process.user_task_unknown)", "process", "task-link", "4QGFJ2YV7KX3M5T6ZB8WAHCRDN")
}

// What a person is handed of what is kept about them has the runs that are for them.
func TestUserExportHasRuns(t *testing.T) {
	s := newShell(t)
	run, _ := s.asks()
	s.want(exitDone, "running", "process", "start", "ask")
	var record struct{ Runs []runDocument }
	s.read(&record, "user", "export", "alice")
	if len(record.Runs) != 1 || record.Runs[0].ID != run || record.Runs[0].Status != "running" {
		t.Errorf("runs: %+v", record.Runs)
	}
	s.user("bob")
	s.want(exitDone, `"runs": []`, "user", "export", "bob")
}

// Nobody gets themselves a link by way of the command line.
func TestProcessTaskLinkForOneself(t *testing.T) {
	s := newShell(t)
	_, tasks := s.asks()
	t.Setenv("SUDO_USER", "alice")
	s.want(exitRefused, "(process.self)", "process", "task-link", tasks["say"].ID)
}

func TestProcessDraw(t *testing.T) {
	s := newShell(t)
	run, tasks := s.asks()
	path := file(t, "ask.bpmn", asking)
	plain := `class="element userTask" data-element="say"`
	s.want(exitDone, plain, "process", "draw", path)
	s.want(exitDone, plain, "process", "draw", "ask")
	s.want(exitDone, plain, "process", "draw", "ask", "1")

	s.want(exitDone, "running", "process", "complete", tasks["approve"].ID, "--var", "approved=true")
	got := s.want(exitDone, `class="element userTask standing" data-element="say"`, "process", "draw", run)
	for _, want := range []string{`class="element userTask passed" data-element="approve"`, `class="flow taken" data-flow="f4"`, `class="flow" data-flow="f2"`} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("the picture has no %s", want)
		}
	}
	out := filepath.Join(t.TempDir(), "run.svg")
	s.want(exitDone, "written", "process", "draw", run, "--out", out)
	if text, err := os.ReadFile(out); err != nil || string(text) != got.stdout {
		t.Errorf("the file has %d bytes: %v", len(text), err)
	}

	s.want(exitRefused, "There is no file, run or process other.", "process", "draw", "other")
	s.want(exitRefused, "(process.definition_unknown)", "process", "draw", "ask", "2")
	s.want(exitUsage, "inclusiveGateway", "process", "draw", file(t, "x.bpmn", strings.Replace(asking, "<endEvent", `<inclusiveGateway id="x"/><endEvent`, 1)))
}

// What needs somebody's help is drawn as failed.
func TestProcessDrawIncident(t *testing.T) {
	s := newShell(t)
	text := strings.NewReplacer(`${setVariableTask}`, `${daFidoGetCreationOptionsTask}`, "flowable:delegateExpression", `flowable:async="true" flowable:delegateExpression`,
		`<flowable:field name="name"><flowable:string>greeting</flowable:string></flowable:field>`,
		`<flowable:failedJobRetryTimeCycle>R0/PT1S</flowable:failedJobRetryTimeCycle>
        <flowable:field name="connection"><flowable:string>nowhere</flowable:string></flowable:field>`,
		`name="value"`, `name="userid"`).Replace(greeting)
	s.want(exitDone, "greet", "process", "deploy", file(t, "greet.bpmn", text))
	var started runDocument
	s.read(&started, "process", "start", "greet", "--var", "who=Alice")
	s.runs()
	s.want(exitDone, started.ID, "process", "list", "--incidents")
	s.want(exitDone, `class="element serviceTask failed" data-element="set"`, "process", "draw", started.ID)
}

func TestFieldsOfTheCommandLine(t *testing.T) {
	fields := []bpmn.Field{{Name: "n", Type: bpmn.NumberField}, {Name: "b", Type: bpmn.BooleanField}, {Name: "s", Type: bpmn.TextField}}
	for _, c := range [][3]string{
		{"n", "7", "7"},
		{"n", "x", `"x"`},
		{"b", "true", "true"},
		{"s", "7", `"7"`},
		{"s", "", `""`},
		{"other", "true", `"true"`},
	} {
		if got := string(asField(fields, c[0], c[1])); got != c[2] {
			t.Errorf("%s=%s: got %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// greeting is a process that sets a variable.
const greeting = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="https://example.com">
  <process id="greet" name="Greet" isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="set"/>
    <serviceTask id="set" flowable:delegateExpression="${setVariableTask}">
      <extensionElements>
        <flowable:field name="name"><flowable:string>greeting</flowable:string></flowable:field>
        <flowable:field name="value"><flowable:expression>Hello ${who}</flowable:expression></flowable:field>
      </extensionElements>
    </serviceTask>
    <sequenceFlow id="f2" sourceRef="set" targetRef="end"/>
    <endEvent id="end"/>
  </process>
</definitions>
`

// file writes a file and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// runs does the jobs that are due, as a server would.
func (s *shell) runs() {
	s.t.Helper()
	s.inside(func(l *local) error {
		_, err := l.Processes.RunDue(context.WithoutCancel(s.t.Context()))
		return err
	})
}

func TestProcess(t *testing.T) {
	s := newShell(t)
	good := file(t, "greet.bpmn", greeting)
	s.want(exitDone, "setVariableTask", "process", "check", good)
	s.want(exitDone, "version  1", "process", "deploy", good)
	s.want(exitDone, "nothing was changed", "process", "deploy", good)
	s.want(exitDone, "greet", "process", "definitions")
	s.want(exitDone, "version  2", "process", "deploy", file(t, "greet.bpmn", strings.Replace(greeting, "Hello", "Good morning", 1)))

	out := s.want(exitDone, "running", "--json", "process", "start", "greet", "--var", "who=Alice", "--once", "ticket 4711")
	var started runDocument
	if err := json.Unmarshal([]byte(out.stdout), &started); err != nil {
		t.Fatal(err)
	}
	s.want(exitDone, started.ID, "--json", "process", "start", "greet", "--var", "who=Alice", "--once", "ticket 4711")
	s.runs()
	s.want(exitDone, `"Good morning Alice"`, "process", "show", started.ID)
	s.want(exitDone, "completed", "process", "list", "--status", "completed")
	s.want(exitDone, "[]", "--json", "process", "list", "--incidents")
	s.want(exitRefused, "process.run_ended", "process", "cancel", started.ID)
}

// What leads nowhere yet is told when it is deployed, and does not hinder it.
func TestProcessAdvice(t *testing.T) {
	s := newShell(t)
	options := strings.NewReplacer(
		"setVariableTask", "daFidoGetCreationOptionsTask",
		`name="name"><flowable:string>greeting</flowable:string>`, `name="connection"><flowable:string>nowhere</flowable:string>`,
		`name="value"><flowable:expression>Hello ${who}</flowable:expression>`, `name="userid"><flowable:expression>${who}</flowable:expression>`,
	).Replace(greeting)
	out := s.want(exitDone, "version  1", "process", "deploy", file(t, "greet.bpmn", options))
	if want := "warning: line 6: set: there is no connection nowhere yet"; !strings.Contains(out.stderr, want) {
		t.Errorf("got %q, want %q", out.stderr, want)
	}
}

func TestProcessRefusals(t *testing.T) {
	s := newShell(t)
	gateway := strings.Replace(greeting, `<endEvent id="end"/>`, `<endEvent id="end"/><inclusiveGateway id="x"/>`, 1)
	s.want(exitUsage, "line 13: x: inclusiveGateway", "process", "check", file(t, "x.bpmn", gateway))
	s.want(exitUsage, "inclusiveGateway", "process", "deploy", file(t, "x.bpmn", gateway))
	s.want(exitUsage, "larger than 1 MiB", "process", "check", file(t, "x.bpmn", strings.Repeat(" ", maxDefinitionBytes+1)))
	s.want(exitUsage, "there is no task ${noSuchTask}", "process", "deploy", file(t, "x.bpmn", strings.Replace(greeting, "setVariableTask", "noSuchTask", 1)))
	s.want(exitRefused, "process.definition_unknown", "process", "start", "greet")
	s.want(exitDone, "greet", "process", "deploy", file(t, "greet.bpmn", greeting))
	s.want(exitRefused, "user.unknown", "process", "start", "greet", "--user", "nobody@example.com")
	s.want(exitRefused, "process.run_unknown", "process", "show", "4QGFJ2YV7KX3M5T6ZB8WAHCRDN")
	s.want(exitRefused, "process.job_unknown", "process", "retry", "4QGFJ2YV7KX3M5T6ZB8WAHCRDN")
	s.want(exitRefused, "process.job_unknown", "process", "skip", "4QGFJ2YV7KX3M5T6ZB8WAHCRDN")
}

func TestVariablesOfTheCommandLine(t *testing.T) {
	for value, want := range map[string]string{
		"7": "7", "true": "true", `{"a":1}`: `{"a":1}`, "Alice": `"Alice"`, "a \"b\"": `"a \"b\""`, "": `""`,
	} {
		if got := string(asVariable(value)); got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
}

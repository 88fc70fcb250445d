package processes_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"bestow.dev/internal/console/consoletest"
	"bestow.dev/internal/console/processes"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
	"bestow.dev/internal/process/builtin"
	"bestow.dev/internal/tenant"
)

const header = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="http://example.com">
`

// child sets a variable from inside a call.
const child = header + `<process id="child" name="Child" isExecutable="true"><startEvent id="start"/>
<serviceTask id="set" flowable:delegateExpression="${setVariableTask}"><extensionElements>
<flowable:field name="name" stringValue="told"/><flowable:field name="value" stringValue="it was told"/></extensionElements></serviceTask>
<endEvent id="end"/><sequenceFlow id="f1" sourceRef="start" targetRef="set"/><sequenceFlow id="f2" sourceRef="set" targetRef="end"/></process></definitions>`

// key asks with a form, has a role decide, does work that can fail and keeps a secret,
// calls child, and asks the user.
const key = header + `<process id="key" name="Key &lt;b&gt;" isExecutable="true">
<startEvent id="asked" name="Asked"><extensionElements>
<flowable:formProperty id="model" name="Model" type="enum" required="true"><flowable:value id="nfc" name="With NFC"/><flowable:value id="usb" name="USB"/></flowable:formProperty>
<flowable:formProperty id="count" name="How many" type="long"/><flowable:formProperty id="urgent" name="Urgent" type="boolean"/>
</extensionElements></startEvent>
<userTask id="approve" name="Approve" flowable:candidateGroups="enroller"><documentation>Look at the badge.</documentation><extensionElements>
<flowable:formProperty id="asker" name="For" type="string" writable="false" default="${user.name}"/>
<flowable:formProperty id="remark" name="Remark" type="text" required="true"/></extensionElements></userTask>
<serviceTask id="work" name="Do the work" flowable:delegateExpression="${workTask}"><extensionElements>
<flowable:failedJobRetryTimeCycle>R0/PT1S</flowable:failedJobRetryTimeCycle></extensionElements></serviceTask>
<callActivity id="tell" name="Tell" calledElement="child"/>
<userTask id="confirm" name="Confirm" flowable:assignee="${user.name}"><extensionElements>
<flowable:formProperty id="link" name="Link" type="string" writable="false" default="${link}"/></extensionElements></userTask>
<endEvent id="done" name="Done"/>
<sequenceFlow id="f1" sourceRef="asked" targetRef="approve"/><sequenceFlow id="f2" sourceRef="approve" targetRef="work"/>
<sequenceFlow id="f3" sourceRef="work" targetRef="tell"/><sequenceFlow id="f4" sourceRef="tell" targetRef="confirm"/>
<sequenceFlow id="f5" sourceRef="confirm" targetRef="done"/></process></definitions>`

const theLink = "bestow:a-link-that-nobody-else-sees"

// worker does the work of workTask: it fails until it is mended.
type worker struct {
	mu     sync.Mutex
	mended bool
}

func (*worker) Check(map[string]string) error { return nil }

func (k *worker) Do(context.Context, process.Work) (process.Result, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.mended {
		return process.Result{}, process.ErrParameters.Saying("The <printer> is out of paper.")
	}
	link, err := json.Marshal(theLink)
	return process.Result{Secrets: map[string]json.RawMessage{"link": link}, Note: "printed"}, err
}

func (k *worker) mend() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mended = true
}

// world is the pages over a process service, with a worker.
type world struct {
	*consoletest.World
	svc    *process.Service
	worker *worker
	carol  *credential.User
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{worker: &worker{}}
	w.World = consoletest.New(t, func(c *consoletest.World) error {
		handlers := builtin.Handlers()
		handlers["workTask"] = w.worker
		var err error
		w.svc, err = process.New(process.Config{
			Store: c.DB.Process(), People: c.DB.People(), Wakeups: c.DB.Hub(), Handlers: handlers,
			HasRole: func(by tenant.Authority, role string) bool { return by.Covers(tenant.Role(role)) },
			Advice: func(_ context.Context, _ string, params map[string]string) ([]string, error) {
				if params["value"] == "it was told" {
					return nil, nil
				}
				return []string{"is work that fails"}, nil
			},
		})
		c.Check(err)
		return processes.Add(c.Console, processes.Config{
			Processes: w.svc, Credentials: c.Credentials, Wakeups: c.DB.Hub(), TaskURL: "https://login.example.com/task#",
		})
	})
	w.carol = w.User("carol")
	for _, text := range []string{child, key} {
		_, err := w.svc.Deploy(t.Context(), w.Root, process.Deploy{XML: []byte(text)})
		w.Check(err)
	}
	return w
}

// settle does what is due.
func (w *world) settle() {
	w.T.Helper()
	_, err := w.svc.RunDue(w.T.Context())
	w.Check(err)
}

// started is a run for carol.
func (w *world) started() *process.Run {
	w.T.Helper()
	r, err := w.svc.Start(w.T.Context(), w.Root, process.Start{
		Definition: "key", Subject: string(w.carol.ID), Variables: map[string]json.RawMessage{"model": json.RawMessage(`"nfc"`), "note": json.RawMessage(`"<i>x"`)},
	})
	w.Check(err)
	w.settle()
	return r
}

// task is the one open task of a run.
func (w *world) task(run string) process.Task {
	w.T.Helper()
	list, err := w.svc.Tasks(w.T.Context(), w.Root, process.TaskFilter{Run: run})
	w.Check(err)
	if len(list.Tasks) != 1 {
		w.T.Fatal(errors.New("there is not one open task"))
	}
	return list.Tasks[0]
}

// approved is a run that stands at an incident, or behind it if the worker is mended.
func (w *world) approved() *process.Run {
	w.T.Helper()
	r := w.started()
	by := w.Root
	_, err := w.svc.CompleteTask(w.T.Context(), by, w.task(r.ID).ID, map[string]json.RawMessage{"remark": json.RawMessage(`"seen"`)})
	w.Check(err)
	w.settle()
	return r
}

// job is the one job of a run that needs help.
func (w *world) job(run string) string {
	w.T.Helper()
	jobs, err := w.svc.Jobs(w.T.Context(), w.Root, run)
	w.Check(err)
	for _, j := range jobs {
		if j.State == process.JobIncident {
			return j.ID
		}
	}
	w.T.Fatal("nothing needs help")
	return ""
}

package process_test

import (
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store/storetest"
)

// errand is a process as an editor writes it.
const errand = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn"
	targetNamespace="https://acme.example/processes">
	<process id="errand" name="An errand" isExecutable="true">
		<startEvent id="start"/>
		<sequenceFlow id="f1" sourceRef="start" targetRef="greet"/>
		<serviceTask id="greet" flowable:delegateExpression="${setVariableTask}">
			<extensionElements>
				<flowable:field name="name"><flowable:string>greeting</flowable:string></flowable:field>
				<flowable:field name="value"><flowable:expression>Hello ${who}</flowable:expression></flowable:field>
			</extensionElements>
		</serviceTask>
		<sequenceFlow id="f2" sourceRef="greet" targetRef="ask"/>
		<userTask id="ask" name="Is it good?">
			<extensionElements>
				<flowable:formProperty id="good" name="Is it good?" type="boolean" required="true"/>
			</extensionElements>
		</userTask>
		<sequenceFlow id="f3" sourceRef="ask" targetRef="rest"/>
		<serviceTask id="rest" flowable:async="true" flowable:delegateExpression="${waitTask}">
			<extensionElements>
				<flowable:field name="duration"><flowable:string>PT10M</flowable:string></flowable:field>
			</extensionElements>
		</serviceTask>
		<sequenceFlow id="f4" sourceRef="rest" targetRef="end"/>
		<endEvent id="end"/>
	</process>
</definitions>`

// TestFile takes a process from its file to its end, with the tasks that are built in.
func TestFile(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.ParseBy(bpmn.Parse)
	d, err := w.Deploy(t.Context(), operator(), process.Deploy{XML: []byte(errand)})
	check(t, err)
	if d.Version.Key != "errand" || d.Version.Name != "An errand" {
		t.Errorf("it was deployed as %+v", d.Version)
	}
	r := w.settle(w.start("errand", "who", "Alice").ID)
	_, err = w.CompleteTask(t.Context(), user("alice"), w.task(r.ID).ID, nil)
	wantCode(t, err, process.ErrForm)
	_, err = w.CompleteTask(t.Context(), user("alice"), w.task(r.ID).ID, vars("good", true))
	check(t, err)
	w.want(w.settle(r.ID), process.Running, "greeting", `"Hello Alice"`, "good", "true")
	w.clock.move(10 * time.Minute)
	w.want(w.settle(r.ID), process.Completed)

	for name, spoil := range map[string]struct{ from, to, says string }{
		"task":      {"${setVariableTask}", "${setVarTask}", "line 7: greet: there is no task ${setVarTask}"},
		"parameter": {"PT10M", "ten minutes", "rest:"},
		"element":   {`sourceRef="ask"`, `sourceRef="asks"`, "line 19: f3: leads from nowhere"},
	} {
		text := strings.Replace(errand, spoil.from, spoil.to, 1)
		_, err := w.Deploy(t.Context(), operator(), process.Deploy{XML: []byte(text)})
		if err == nil || !strings.Contains(err.Error(), spoil.says) {
			t.Errorf("%s: got %v, want it to say %q", name, err, spoil.says)
		}
	}
}

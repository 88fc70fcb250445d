package bpmn_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/bpmn"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// runner drives a run and keeps what it asked for.
type runner struct {
	t       *testing.T
	d       *bpmn.Definition
	s       bpmn.State
	effects []bpmn.Effect // of the last step
}

func begin(t *testing.T, body, variables string) *runner {
	t.Helper()
	r := &runner{t: t, d: mustParse(t, file(body))}
	r.step(bpmn.Begin{At: noon, Variables: object(t, variables)})
	return r
}

func object(t *testing.T, text string) map[string]json.RawMessage {
	t.Helper()
	var vars map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &vars); err != nil {
		t.Fatal(err)
	}
	return vars
}

func (r *runner) step(e bpmn.Event) {
	r.t.Helper()
	s, effects, err := r.d.Step(r.s, e)
	if err != nil {
		r.t.Fatalf("%T: %v", e, err)
	}
	r.s, r.effects = s, effects
}

// at returns the token at an element.
func (r *runner) at(element string) int64 {
	r.t.Helper()
	for _, t := range r.s.Tokens {
		if t.Element == element {
			return t.ID
		}
	}
	r.t.Fatalf("no token at %s: %+v", element, r.s.Tokens)
	return 0
}

// where tells where the run stands, or how it ended.
func (r *runner) where() string {
	if e := r.s.Ended; e != nil {
		return strings.Trim("ended "+e.At+" "+e.Error, " ")
	}
	var at []string
	for _, t := range r.s.Tokens {
		at = append(at, t.Element)
	}
	return strings.Join(at, " ")
}

// told tells the effects in short.
func told(effects []bpmn.Effect) string {
	var all []string
	for _, e := range effects {
		switch e := e.(type) {
		case bpmn.DoTask:
			all = append(all, "do "+e.Element.ID)
		case bpmn.AskUser:
			all = append(all, "ask "+e.Element.ID)
		case bpmn.SetTimer:
			all = append(all, "timer "+e.Element.ID)
		case bpmn.Await:
			all = append(all, "await "+e.Message)
		case bpmn.StartCall:
			all = append(all, "call "+e.Process)
		case bpmn.Withdraw:
			all = append(all, "withdraw "+e.Element.ID)
		case bpmn.Finish:
			all = append(all, "finish")
		}
	}
	return strings.Join(all, ", ")
}

func flow(id, from, to string) string {
	return fmt.Sprintf("<sequenceFlow id=%q sourceRef=%q targetRef=%q/>\n", id, from, to)
}

func task(id string) string {
	return fmt.Sprintf("<serviceTask id=%q flowable:delegateExpression=\"${%sTask}\"/>\n", id, id)
}

const startEnd = `<startEvent id="start"/><endEvent id="end"/>` + "\n"

// forked is: start, fork, {a; b}, join, end. A timer and errors are at b.
var forked = startEnd + `<parallelGateway id="fork"/><parallelGateway id="join"/>` + task("a") + task("b") +
	flow("f1", "start", "fork") + flow("f2", "fork", "a") + flow("f3", "fork", "b") + flow("f4", "a", "join") + flow("f5", "b", "join") + flow("f6", "join", "end") +
	`<boundaryEvent id="timer" attachedToRef="b"><timerEventDefinition><timeDuration>PT10M</timeDuration></timerEventDefinition></boundaryEvent>
	<boundaryEvent id="any" attachedToRef="b"><errorEventDefinition/></boundaryEvent>
	<boundaryEvent id="one" attachedToRef="b"><errorEventDefinition errorRef="refused"/></boundaryEvent>
	<endEvent id="timedOut"><errorEventDefinition errorRef="late"/></endEvent><userTask id="why"/><userTask id="anyWhy"/>` +
	flow("f7", "timer", "timedOut") + flow("f8", "one", "why") + flow("f9", "why", "join2") + flow("f10", "any", "anyWhy") + flow("f11", "anyWhy", "join2") +
	`<exclusiveGateway id="join2"/>` + flow("f12", "join2", "b2") + task("b2") + flow("f13", "b2", "end")

func TestForkAndJoin(t *testing.T) {
	for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		r := begin(t, forked, `{}`)
		if got := told(r.effects); got != "do a, do b, timer timer" {
			t.Fatalf("effects %s", got)
		}
		for _, e := range r.effects {
			if timer, ok := e.(bpmn.SetTimer); ok && !timer.Due.Equal(noon.Add(10*time.Minute)) {
				t.Errorf("due %v", timer.Due)
			}
		}
		r.step(bpmn.TaskDone{At: noon, Token: r.at(order[0]), Outputs: object(t, `{"x":1}`)})
		if want := []string{"join", order[1]}; !slices.Contains([]string{want[0] + " " + want[1], want[1] + " " + want[0]}, r.where()) || told(r.effects) != "" {
			t.Errorf("after %s: at %s, %s", order[0], r.where(), told(r.effects))
		}
		r.step(bpmn.TaskDone{At: noon, Token: r.at(order[1])})
		if r.where() != "ended end" || told(r.effects) != "finish" || string(r.s.Variables["x"]) != "1" {
			t.Errorf("at %s, %s, %s", r.where(), told(r.effects), r.s.Variables)
		}
	}
}

func TestErrorsAndTimers(t *testing.T) {
	failed := func(code string) func(*runner) bpmn.Event {
		return func(r *runner) bpmn.Event { return bpmn.TaskFailed{At: noon, Token: r.at("b"), Code: code, Message: "no"} }
	}
	tests := []struct {
		name        string
		event       func(*runner) bpmn.Event
		where, told string
	}{
		{"the error that is named", failed("REFUSED"), "a why", "ask why"},
		{"any other error", failed("OTHER"), "a anyWhy", "ask anyWhy"},
		{"timer", func(r *runner) bpmn.Event { return bpmn.TimerFired{noon, r.at("b"), "timer"} }, "ended timedOut LATE", "withdraw b, withdraw a, finish"},
		{"nothing catches it", func(r *runner) bpmn.Event { return bpmn.TaskFailed{At: noon, Token: r.at("a"), Code: "REFUSED", Message: "no"} }, "ended a REFUSED", "withdraw b, finish"},
		{"cancelled", func(*runner) bpmn.Event { return bpmn.Cancel{noon, "enough"} }, "ended", "withdraw a, withdraw b, finish"},
	}
	for _, tt := range tests {
		r := begin(t, forked, `{}`)
		r.step(tt.event(r))
		if r.where() != tt.where || told(r.effects) != tt.told {
			t.Errorf("%s: at %s; %s", tt.name, r.where(), told(r.effects))
		}
		if r.s.Ended == nil {
			continue
		}
		for _, late := range []bpmn.Event{bpmn.Cancel{noon, "again"}, bpmn.TaskDone{Token: 3}, bpmn.Begin{At: noon}} {
			if s, effects, err := r.d.Step(r.s, late); err != nil || effects != nil || !reflect.DeepEqual(s, r.s) {
				t.Errorf("%s: %T after the end: %v, %v", tt.name, late, effects, err)
			}
		}
	}
}

func TestMoves(t *testing.T) {
	r := begin(t, forked, `{}`)
	begun := moves(r.effects)
	if want := "start entered, start left, fork entered by f1, fork left, a entered by f2, b entered by f3"; begun != want {
		t.Errorf("begun: %s, want %s", begun, want)
	}
	r.step(bpmn.TaskDone{At: noon, Token: r.at("a")})
	r.step(bpmn.TimerFired{noon, r.at("b"), "timer"})
	if want := "b interrupted, timer entered, timer left, timedOut entered by f7, timedOut failed, join interrupted"; moves(r.effects) != want {
		t.Errorf("timer: %s, want %s", moves(r.effects), want)
	}
	r = begin(t, forked, `{}`)
	r.step(bpmn.TaskFailed{At: noon, Token: r.at("b"), Code: "REFUSED", Message: "no"})
	if want := "b failed, one entered, one left, why entered by f8"; moves(r.effects) != want {
		t.Errorf("error: %s, want %s", moves(r.effects), want)
	}
}

// moves tells what happened in short.
func moves(effects []bpmn.Effect) string {
	var all []string
	for _, e := range effects {
		if m, ok := e.(bpmn.Moved); ok {
			text := m.Element.ID + " " + string(m.What)
			if m.Flow != "" {
				text += " by " + m.Flow
			}
			all = append(all, text)
		}
	}
	return strings.Join(all, ", ")
}

func TestJoinThatNothingReaches(t *testing.T) {
	r := begin(t, forked, `{}`)
	r.step(bpmn.TaskDone{At: noon, Token: r.at("a")})
	r.step(bpmn.TaskFailed{At: noon, Token: r.at("b"), Code: "REFUSED", Message: "no"})
	r.step(bpmn.UserDone{At: noon, Token: r.at("why")})
	r.step(bpmn.TaskDone{At: noon, Token: r.at("b2")})
	if r.where() != "ended join "+bpmn.CodeStuck {
		t.Errorf("at %s", r.where())
	}
}

func choice(condition string) string {
	return startEnd + `<exclusiveGateway id="x"/><userTask id="first"/><userTask id="second"/>` +
		flow("f1", "start", "x") + flow("f4", "first", "end") + flow("f5", "second", "end") +
		`<sequenceFlow id="f2" sourceRef="x" targetRef="first"><conditionExpression>` + condition + `</conditionExpression></sequenceFlow>
		<sequenceFlow id="f3" sourceRef="x" targetRef="second"><conditionExpression>${n == 2 || n == 1}</conditionExpression></sequenceFlow>`
}

func TestChoice(t *testing.T) {
	tests := []struct{ body, variables, want string }{
		{choice(`${n == 1}`), `{"n":1}`, "first"}, // in order
		{choice(`${n == 1}`), `{"n":2}`, "second"},
		{choice(`${n == 1}`), `{"n":3}`, "ended x NO_FLOW"},
		{choice(`${n == 1}`), `{"n":"1"}`, "ended x EXPRESSION"},
		{choice(`${n}`), `{"n":1}`, "ended x EXPRESSION"},
		{choice(`${n}`), `{}`, "ended x EXPRESSION"},
		{strings.Replace(strings.Replace(choice(`${n == 1}`), `id="x"`, `id="x" default="f3"`, 1), `<conditionExpression>${n == 2 || n == 1}</conditionExpression>`, "", 1), `{"n":9}`, "second"},
	}
	for _, tt := range tests {
		if r := begin(t, tt.body, tt.variables); r.where() != tt.want {
			t.Errorf("%s: at %s, want %s", tt.variables, r.where(), tt.want)
		}
	}
}

func TestLoops(t *testing.T) {
	endless := startEnd + `<exclusiveGateway id="x" default="f2"/><exclusiveGateway id="y"/>` + flow("f1", "start", "y") + flow("f0", "y", "x") + flow("f2", "x", "y") +
		`<sequenceFlow id="f3" sourceRef="x" targetRef="end"><conditionExpression>${stop == true}</conditionExpression></sequenceFlow>`
	r := begin(t, endless, `{}`)
	if r.where() != "ended y LOOP" && r.where() != "ended x LOOP" {
		t.Errorf("at %s", r.where())
	}
	growing := startEnd + `<parallelGateway id="fork"/><exclusiveGateway id="y"/>` + task("a") + flow("f1", "start", "y") + flow("f2", "y", "fork") + flow("f3", "fork", "y") + flow("f4", "fork", "a") + flow("f5", "a", "end")
	r = begin(t, growing, `{}`)
	if r.s.Ended == nil || r.s.Ended.Error != bpmn.CodeLoop || !strings.Contains(r.s.Ended.Message, "branches") {
		t.Errorf("at %d tokens, %+v", len(r.s.Tokens), r.s.Ended)
	}

	retry := startEnd + `<exclusiveGateway id="x" default="f4"/>` +
		`<serviceTask id="a" flowable:delegateExpression="${aTask}"><extensionElements><flowable:field name="errorTypeField" stringValue="kind"/><flowable:field name="errorMessageField" stringValue="message"/><flowable:field name="errorStatusField" stringValue="status"/></extensionElements></serviceTask>` +
		flow("f1", "start", "a") + flow("f2", "a", "x") + flow("f4", "x", "end") +
		`<sequenceFlow id="f3" sourceRef="x" targetRef="a"><conditionExpression>${kind == 'LATE'}</conditionExpression></sequenceFlow>`
	r = begin(t, retry, `{}`)
	for range 20_000 / 2 { // events in between: no loop without anything happening
		r.step(bpmn.TaskFailed{At: noon, Token: r.at("a"), Code: "LATE", Status: "NOT_YET", Message: "again"})
	}
	if string(r.s.Variables["kind"]) != `"LATE"` || string(r.s.Variables["message"]) != `"again"` || string(r.s.Variables["status"]) != `"NOT_YET"` {
		t.Errorf("variables %s", r.s.Variables)
	}
	r.step(bpmn.TaskDone{At: noon, Token: r.at("a")})
	if r.where() != "ended end" || r.s.Variables["kind"] != nil || r.s.Variables["message"] != nil || r.s.Variables["status"] != nil {
		t.Errorf("at %s with %s", r.where(), r.s.Variables)
	}
}

func TestCalls(t *testing.T) {
	body := func(mappings string) string {
		return startEnd + `<callActivity id="c" calledElement="other"><extensionElements>` + mappings + `</extensionElements></callActivity>
			<boundaryEvent id="b" attachedToRef="c"><errorEventDefinition errorRef="refused"/></boundaryEvent><userTask id="why"/>` +
			flow("f1", "start", "c") + flow("f2", "c", "end") + flow("f3", "b", "why") + flow("f4", "why", "end")
	}
	const some = `<flowable:in source="n" target="m"/><flowable:in sourceExpression="Nr ${n}" target="text"/><flowable:out sourceExpression="${result.a}" target="a"/>`
	tests := []struct {
		name, mappings string
		event          bpmn.CallEnded
		in, where, out string
	}{
		{"everything", ``, bpmn.CallEnded{Variables: object(t, `{"r":1}`)}, `{"n":7}`, "ended end", `{"n":7,"r":1}`},
		{"mapped", some, bpmn.CallEnded{Variables: object(t, `{"result":{"a":5},"other":1}`)}, `{"m":7,"text":"Nr 7"}`, "ended end", `{"a":5,"n":7}`},
		{"in alone", `<camunda:in source="n" target="n"/>`, bpmn.CallEnded{Variables: object(t, `{"r":1}`)}, `{"n":7}`, "ended end", `{"n":7}`},
		{"out alone", `<camunda:out source="r" target="r"/>`, bpmn.CallEnded{Variables: object(t, `{"r":1}`)}, `{}`, "ended end", `{"n":7,"r":1}`},
		{"all by word", `<camunda:in variables="all"/><camunda:out source="r" target="r"/>`, bpmn.CallEnded{Variables: object(t, `{"r":1,"s":2}`)}, `{"n":7}`, "ended end", `{"n":7,"r":1}`},
		{"caught", some, bpmn.CallEnded{Error: "REFUSED", Variables: object(t, `{"result":{"a":5},"other":1}`)}, `{"m":7,"text":"Nr 7"}`, "why", `{"a":5,"n":7}`},
		{"gone", some, bpmn.CallEnded{Error: "REFUSED"}, `{"m":7,"text":"Nr 7"}`, "why", `{"n":7}`},
		{"not caught", some, bpmn.CallEnded{Error: "OTHER"}, `{"m":7,"text":"Nr 7"}`, "ended c OTHER", `{"n":7}`},
		{"nonsense comes back", some, bpmn.CallEnded{Variables: object(t, `{"result":"text"}`)}, `{"m":7,"text":"Nr 7"}`, "ended c EXPRESSION", `{"n":7}`},
	}
	for _, tt := range tests {
		r := begin(t, body(tt.mappings), `{"n":7}`)
		for _, e := range r.effects {
			if call, ok := e.(bpmn.StartCall); ok {
				if in, _ := json.Marshal(call.Variables); string(in) != tt.in {
					t.Errorf("%s: in %s, want %s", tt.name, in, tt.in)
				}
			}
		}
		tt.event.Token = r.at("c")
		r.step(tt.event)
		if out, _ := json.Marshal(r.s.Variables); r.where() != tt.where || string(out) != tt.out {
			t.Errorf("%s: at %s with %s; want %s with %s", tt.name, r.where(), out, tt.where, tt.out)
		}
	}
}

func TestUserTaskAndMessage(t *testing.T) {
	body := startEnd + `<userTask id="u" flowable:assignee="${user.name}"><extensionElements>
		<flowable:formProperty id="n" type="long" default="5"/><flowable:formProperty id="ok" type="boolean" default="${yes}"/>
		<flowable:formProperty id="who" writable="false" value="for ${user.name}"/></extensionElements></userTask>
		<intermediateCatchEvent id="c"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>` +
		flow("f1", "start", "u") + flow("f2", "u", "c") + flow("f3", "c", "end")
	r := begin(t, body, `{"user":{"name":"alice"},"yes":"true"}`)
	ask, ok := r.effects[len(r.effects)-1].(bpmn.AskUser)
	defaults, _ := json.Marshal(ask.Defaults)
	if !ok || ask.Assignee != "alice" || string(defaults) != `{"n":5,"ok":true,"who":"for alice"}` {
		t.Fatalf("%+v, defaults %s", ask, defaults)
	}
	for _, values := range []string{`{"who":"eve"}`, `{"user":"eve"}`} {
		s, effects, err := r.d.Step(r.s, bpmn.UserDone{Token: r.at("u"), Values: object(t, values)})
		var e *bpmn.EventError
		if !errors.As(err, &e) || effects != nil || !reflect.DeepEqual(s, r.s) {
			t.Errorf("%s: %v", values, err)
		}
	}
	r.step(bpmn.UserDone{At: noon, Token: r.at("u"), Values: object(t, `{"n":6}`)})
	if r.where() != "c" || told(r.effects) != "await parcel" || !r.s.Tokens[0].Since.Equal(noon) {
		t.Errorf("at %s, %s", r.where(), told(r.effects))
	}
	r.step(bpmn.MessageCame{At: noon, Token: r.at("c"), Variables: object(t, `{"number":"X1"}`)})
	if r.where() != "ended end" || string(r.s.Variables["n"]) != "6" || string(r.s.Variables["number"]) != `"X1"` {
		t.Errorf("at %s with %s", r.where(), r.s.Variables)
	}
}

func TestNonsenseAtATask(t *testing.T) {
	const field = `<serviceTask id="a" flowable:delegateExpression="${aTask}"><extensionElements><flowable:field name="p" expression="${n == 'x'}"/></extensionElements></serviceTask>`
	const late = `<userTask id="a"/><boundaryEvent id="t" attachedToRef="a"><timerEventDefinition><timeDuration>${wait}</timeDuration></timerEventDefinition></boundaryEvent><sequenceFlow id="t1" sourceRef="t" targetRef="end"/>`
	const dated = `<userTask id="a"/><boundaryEvent id="t" attachedToRef="a"><timerEventDefinition><timeDate>${wait}</timeDate></timerEventDefinition></boundaryEvent><sequenceFlow id="t1" sourceRef="t" targetRef="end"/>`
	const caught = `<boundaryEvent id="e" attachedToRef="a"><errorEventDefinition/></boundaryEvent><userTask id="why"/><sequenceFlow id="e1" sourceRef="e" targetRef="why"/><sequenceFlow id="e2" sourceRef="why" targetRef="end"/>`
	tests := []struct{ name, body, variables, where string }{
		{"parameter", field, `{"n":1}`, "ended a EXPRESSION"},
		{"parameter, caught", field + caught, `{"n":1}`, "why"},
		{"parameter that makes sense", field, `{"n":"y"}`, "a"},
		{"duration", late, `{"wait":"soon"}`, "ended a EXPRESSION"},
		{"no duration", late, `{}`, "ended a EXPRESSION"},
		{"duration that makes sense", late, `{"wait":"PT1M"}`, "a"},
		{"date", dated, `{"wait":"PT1M"}`, "ended a EXPRESSION"},
		{"date that makes sense", dated, `{"wait":"2026-03-02T00:00:00Z"}`, "a"},
	}
	for _, tt := range tests {
		r := begin(t, startEnd+tt.body+flow("f1", "start", "a")+flow("f2", "a", "end"), tt.variables)
		if r.where() != tt.where || r.where() != "a" && strings.Contains(told(r.effects), "do a") {
			t.Errorf("%s: at %s, %s", tt.name, r.where(), told(r.effects))
		}
	}
}

func TestEventsThatMakeNoSense(t *testing.T) {
	r := begin(t, forked, `{}`)
	a, b := r.at("a"), r.at("b")
	good := r.s
	tests := []struct {
		name  string
		state bpmn.State
		event bpmn.Event
	}{
		{"not begun", bpmn.State{}, bpmn.TaskDone{Token: 1}},
		{"token that never was", good, bpmn.TaskDone{Token: good.Last + 1}},
		{"no token", good, bpmn.TaskDone{}},
		{"user at a service task", good, bpmn.UserDone{Token: a}},
		{"message at a service task", good, bpmn.MessageCame{Token: a}},
		{"call at a service task", good, bpmn.CallEnded{Token: a}},
		{"timer of another task", good, bpmn.TimerFired{Token: a, Element: "timer"}},
		{"timer that is none", good, bpmn.TimerFired{Token: b, Element: "any"}},
		{"error without code", good, bpmn.TaskFailed{Token: a}},
		{"output that is not JSON", good, bpmn.TaskDone{Token: a, Outputs: map[string]json.RawMessage{"x": json.RawMessage("{")}}},
		{"output without a name", good, bpmn.TaskDone{Token: a, Outputs: map[string]json.RawMessage{"a-b": nil}}},
		{"nothing", good, nil},
		{"pointer", good, &bpmn.TaskDone{Token: a}},
		{"state of another definition", bpmn.State{Last: 3, Tokens: []bpmn.Token{{ID: 3, Element: "gone"}}}, bpmn.Cancel{}},
		{"state at an end", bpmn.State{Last: 3, Tokens: []bpmn.Token{{ID: 3, Element: "end"}}}, bpmn.Cancel{}},
		{"state with tokens out of order", bpmn.State{Last: 3, Tokens: []bpmn.Token{{ID: 3, Element: "a"}, {ID: 2, Element: "b"}}}, bpmn.Cancel{}},
		{"state by another flow", bpmn.State{Last: 3, Tokens: []bpmn.Token{{ID: 3, Element: "join", Flow: "f1"}}}, bpmn.Cancel{}},
	}
	for _, tt := range tests {
		s, effects, err := r.d.Step(tt.state, tt.event)
		var e *bpmn.EventError
		if !errors.As(err, &e) || effects != nil || !reflect.DeepEqual(s, tt.state) {
			t.Errorf("%s: %v, %d effects", tt.name, err, len(effects))
		}
	}
}

func TestStateSharesNothing(t *testing.T) {
	given := json.RawMessage(`"first"`)
	r := begin(t, forked, `{}`)
	before := r.s
	r.step(bpmn.TaskDone{Token: r.at("a"), Outputs: map[string]json.RawMessage{"x": given, "none": nil}})
	copy(given, `"other"`)
	if got := string(r.s.Variables["x"]); got != `"first"` || string(r.s.Variables["none"]) != "null" {
		t.Errorf("x = %s", got)
	}
	if before.Variables["x"] != nil || len(before.Tokens) != 2 {
		t.Error("the state before has changed")
	}
	after := r.s
	r.step(bpmn.Cancel{})
	copy(r.s.Variables["x"], `"other"`)
	if string(after.Variables["x"]) != `"first"` {
		t.Error("two states share a variable")
	}
}

func BenchmarkStep(b *testing.B) {
	d := mustParse(b, sample(b, "fido-provisioning.bpmn20.xml"))
	s, _, err := d.Step(bpmn.State{}, bpmn.Begin{At: noon, Variables: map[string]json.RawMessage{"user": json.RawMessage(`{"id":"u1","name":"alice"}`)}})
	if err != nil {
		b.Fatal(err)
	}
	if s, _, err = d.Step(s, bpmn.TaskDone{Token: s.Last}); err != nil {
		b.Fatal(err)
	}
	fork := bpmn.TaskDone{At: noon, Token: s.Last}
	b.ReportAllocs()
	for b.Loop() { // to the fork: a form with a timer, and a task
		if _, _, err := d.Step(s, fork); err != nil {
			b.Fatal(err)
		}
	}
}

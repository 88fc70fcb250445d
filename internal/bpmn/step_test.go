package bpmn_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bestow.dev/internal/bpmn"
)

// player plays a run of a definition.
type player struct {
	t       testing.TB
	d       *bpmn.Definition
	state   bpmn.State
	effects []bpmn.Effect // of the last event
	open    map[string]int64
	ended   *bpmn.Ended
	ends    int
}

func play(t testing.TB, text string, vars map[string]any) *player {
	t.Helper()
	p := &player{t: t, d: parse(t, text), open: map[string]int64{}}
	p.happens(bpmn.Begin{At: noon, Variables: raw(vars)})
	return p
}

func raw(vars map[string]any) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	for name, v := range vars {
		all[name], _ = json.Marshal(v)
	}
	return all
}

func (p *player) happens(e bpmn.Event) {
	p.t.Helper()
	before, _ := json.Marshal(p.state)
	next, effects, err := p.d.Step(p.state, e)
	if err != nil {
		p.t.Fatalf("%T: %v", e, err)
	}
	if after, _ := json.Marshal(p.state); string(after) != string(before) {
		p.t.Fatalf("%T changed the state it was given", e)
	}
	p.state, p.effects = next, effects
	for _, e := range effects {
		switch e := e.(type) {
		case bpmn.DoTask:
			p.open[e.Element.ID] = e.Token
		case bpmn.AskUser:
			p.open[e.Element.ID] = e.Token
		case bpmn.Await:
			p.open[e.Element.ID] = e.Token
		case bpmn.StartCall:
			p.open[e.Element.ID] = e.Token
		case bpmn.Withdraw:
			delete(p.open, e.Element.ID)
		case bpmn.Finish:
			p.ended = &e.Ended
			p.ends++
		}
	}
}

// done ends a service task.
func (p *player) done(element string, outputs map[string]any) {
	p.t.Helper()
	token, ok := p.open[element]
	if !ok {
		p.t.Fatalf("%s is not under way, only %v", element, p.open)
	}
	delete(p.open, element)
	p.happens(bpmn.TaskDone{At: noon, Token: token, Outputs: raw(outputs)})
}

func (p *player) failed(element, code string) {
	p.t.Helper()
	token := p.open[element]
	delete(p.open, element)
	p.happens(bpmn.TaskFailed{At: noon, Token: token, Code: code, Message: "it could not"})
}

// wantOpen fails unless exactly these elements are under way.
func (p *player) wantOpen(elements ...string) {
	p.t.Helper()
	var open []string
	for id := range p.open {
		open = append(open, id)
	}
	slices.Sort(open)
	slices.Sort(elements)
	if !slices.Equal(open, elements) {
		p.t.Fatalf("under way: %v, want %v", open, elements)
	}
}

func (p *player) wantEnd(at, code string) {
	p.t.Helper()
	if p.ended == nil || p.ended.At != at || p.ended.Error != code || p.ends != 1 || len(p.state.Tokens) != 0 {
		p.t.Fatalf("ended %d times, as %+v, with tokens %v; want at %q with error %q", p.ends, p.ended, p.state.Tokens, at, code)
	}
}

func TestStraight(t *testing.T) {
	p := play(t, straight, map[string]any{"who": "Alice"})
	p.wantOpen("work")
	i := slices.IndexFunc(p.effects, func(e bpmn.Effect) bool { _, ok := e.(bpmn.DoTask); return ok })
	if got := string(p.effects[i].(bpmn.DoTask).Params["text"]); got != `"Hello Alice"` {
		t.Errorf("the parameter is %s", got)
	}
	p.done("work", map[string]any{"result": 7})
	p.wantEnd("end", "")
	if got := string(p.state.Variables["result"]); got != "7" {
		t.Errorf("the output is %q", got)
	}
}

var forked = process(`<startEvent id="start"/><parallelGateway id="fork"/>` + service("a") + service("b") +
	`<parallelGateway id="join"/>` + service("c") + `<endEvent id="end"/>` +
	flow("start", "fork", "") + flow("fork", "a", "") + flow("fork", "b", "") + flow("a", "join", "") + flow("b", "join", "") +
	flow("join", "c", "") + flow("c", "end", ""))

// A join waits for every branch, in whatever order they come.
func TestParallel(t *testing.T) {
	for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		p := play(t, forked, nil)
		p.wantOpen("a", "b")
		p.done(order[0], nil)
		p.wantOpen(order[1])
		p.done(order[1], nil)
		p.wantOpen("c")
		p.done("c", nil)
		p.wantEnd("end", "")
	}
}

var chosen = process(`<startEvent id="start"/><exclusiveGateway id="which" default="which-c"/>` + service("a") + service("b") + service("c") +
	`<endEvent id="end"/>` + flow("start", "which", "") + flow("which", "a", "${n == 1}") + flow("which", "b", "${n &lt; 3 || n == 1}") + flow("which", "c", "") +
	flow("a", "end", "") + flow("b", "end", "") + flow("c", "end", ""))

// Of several conditions the first that holds counts, and none means the default.
func TestExclusive(t *testing.T) {
	text := strings.ReplaceAll(chosen, "&lt;", "<")
	for n, want := range map[int]string{1: "a", 2: "b", 3: "c"} {
		play(t, text, map[string]any{"n": n}).wantOpen(want)
	}
	p := play(t, strings.Replace(strings.Replace(text, ` default="which-c"`, "", 1), flow("which", "c", ""), flow("which", "c", "${n == 9}"), 1), map[string]any{"n": 4})
	p.wantEnd("which", bpmn.CodeNoFlow)
	p = play(t, strings.Replace(text, "${n == 1}", "${n}", 1), map[string]any{"n": 4})
	p.wantEnd("which", bpmn.CodeExpression)
}

func guarded(boundary string) string {
	return process(`<startEvent id="start"/>` + service("work") + `<boundaryEvent id="caught" attachedToRef="work">` + boundary + `</boundaryEvent>` +
		service("mend") + `<endEvent id="end"/><endEvent id="mended"/>` +
		flow("start", "work", "") + flow("work", "end", "") + flow("caught", "mend", "") + flow("mend", "mended", ""))
}

// A boundary error catches its own code, or every code; what nothing catches ends the
// run, and is told.
func TestErrors(t *testing.T) {
	for _, test := range []struct{ boundary, code, caught string }{
		{`<errorEventDefinition errorRef="err"/>`, "SORRY", "mend"},
		{`<errorEventDefinition/>`, "ANYTHING", "mend"},
		{`<errorEventDefinition errorRef="err"/>`, "OTHER", ""},
	} {
		p := play(t, guarded(test.boundary), nil)
		p.failed("work", test.code)
		if test.caught == "" {
			p.wantEnd("work", test.code)
			if p.ended.Message != "it could not" {
				t.Errorf("message %q", p.ended.Message)
			}
			continue
		}
		p.wantOpen("mend")
		p.done("mend", nil)
		p.wantEnd("mended", "")
	}
}

// A refused task with error fields goes on, with what happened in variables.
func TestErrorFields(t *testing.T) {
	fields := `<flowable:field name="errorTypeField"><flowable:string>type</flowable:string></flowable:field>
<flowable:field name="errorMessageField"><flowable:string>message</flowable:string></flowable:field></extensionElements>`
	p := play(t, strings.Replace(guarded(`<errorEventDefinition/>`), "</extensionElements>", fields, 1), nil)
	p.failed("work", "SORRY")
	p.wantEnd("end", "")
	if string(p.state.Variables["type"]) != `"SORRY"` || string(p.state.Variables["message"]) != `"it could not"` {
		t.Errorf("variables: %s", p.state.Variables)
	}
}

// An uncaught error of one branch ends the others.
func TestErrorEndsAllBranches(t *testing.T) {
	p := play(t, forked, nil)
	p.failed("a", "SORRY")
	p.wantEnd("a", "SORRY")
	p.wantOpen()
}

func TestTimer(t *testing.T) {
	p := play(t, guarded(`<timerEventDefinition><timeDuration>PT10M</timeDuration></timerEventDefinition>`), nil)
	i := slices.IndexFunc(p.effects, func(e bpmn.Effect) bool { _, ok := e.(bpmn.SetTimer); return ok })
	timer := p.effects[i].(bpmn.SetTimer)
	if timer.Element.ID != "caught" || !timer.Due.Equal(noon.Add(600e9)) {
		t.Errorf("timer: %+v", timer)
	}
	p.happens(bpmn.TimerFired{At: timer.Due, Token: timer.Token, Element: "caught"})
	p.wantOpen("mend")
	// The task that was interrupted is done all the same: that comes to nothing.
	before := p.state
	p.happens(bpmn.TaskDone{At: noon, Token: timer.Token})
	if len(p.effects) != 0 || !reflect.DeepEqual(before, p.state) {
		t.Errorf("a late answer made %v", p.effects)
	}
	p.done("mend", nil)
	p.wantEnd("mended", "")
}

func TestMessageAndUser(t *testing.T) {
	text := process(`<startEvent id="start"/><userTask id="ask" flowable:assignee="${who}"><extensionElements><flowable:formProperty id="ok" name="OK" type="boolean"/></extensionElements></userTask>
<intermediateCatchEvent id="hear"><messageEventDefinition messageRef="msg"/></intermediateCatchEvent><endEvent id="end"/>` +
		flow("start", "ask", "") + flow("ask", "hear", "") + flow("hear", "end", ""))
	p := play(t, text, map[string]any{"who": "alice"})
	p.wantOpen("ask")
	p.happens(bpmn.UserDone{At: noon, Token: p.open["ask"], Values: raw(map[string]any{"ok": true})})
	delete(p.open, "ask")
	p.wantOpen("hear")
	p.happens(bpmn.MessageCame{At: noon, Token: p.open["hear"], Variables: raw(map[string]any{"said": "hi"})})
	p.wantEnd("end", "")
	if string(p.state.Variables["ok"]) != "true" || string(p.state.Variables["said"]) != `"hi"` {
		t.Errorf("variables: %s", p.state.Variables)
	}
}

func TestCall(t *testing.T) {
	text := process(`<startEvent id="start"/><callActivity id="call" calledElement="other"><extensionElements>
<flowable:in source="who" target="name"/><flowable:out source="result" target="answer"/></extensionElements></callActivity>
<boundaryEvent id="caught" attachedToRef="call"><errorEventDefinition errorRef="err"/></boundaryEvent><endEvent id="end"/><endEvent id="sorry"/>` +
		flow("start", "call", "") + flow("call", "end", "") + flow("caught", "sorry", ""))
	p := play(t, text, map[string]any{"who": "alice", "secret": 1})
	i := slices.IndexFunc(p.effects, func(e bpmn.Effect) bool { _, ok := e.(bpmn.StartCall); return ok })
	if call := p.effects[i].(bpmn.StartCall); call.Process != "other" || len(call.Variables) != 1 || string(call.Variables["name"]) != `"alice"` {
		t.Errorf("call: %+v", call)
	}
	failing := *p
	failing.open = map[string]int64{"call": p.open["call"]}
	p.happens(bpmn.CallEnded{At: noon, Token: p.open["call"], Variables: raw(map[string]any{"result": 7, "other": 8})})
	p.wantEnd("end", "")
	if string(p.state.Variables["answer"]) != "7" || p.state.Variables["other"] != nil {
		t.Errorf("variables: %s", p.state.Variables)
	}
	failing.happens(bpmn.CallEnded{At: noon, Token: failing.open["call"], Error: "SORRY", Message: "no"})
	failing.wantEnd("sorry", "")
}

// A loop in which something happens goes on for ever; one in which nothing does is ended.
func TestLoops(t *testing.T) {
	again := process(`<startEvent id="start"/>` + service("work") + `<exclusiveGateway id="again" default="again-end"/><endEvent id="end"/>` +
		flow("start", "work", "") + flow("work", "again", "") + flow("again", "work", "${more}") + flow("again", "end", ""))
	p := play(t, again, map[string]any{"more": true})
	for range 50 {
		p.done("work", nil)
		p.wantOpen("work")
	}
	p.done("work", map[string]any{"more": false})
	p.wantEnd("end", "")

	idle := process(`<startEvent id="start"/><exclusiveGateway id="x" default="x-end"/><exclusiveGateway id="y" default="y-x"/><endEvent id="end"/>` +
		flow("start", "x", "") + flow("x", "y", "${true}") + flow("x", "end", "") + flow("y", "x", ""))
	play(t, idle, nil).wantEnd("x", bpmn.CodeLoop)
}

func TestCancel(t *testing.T) {
	p := play(t, forked, nil)
	p.happens(bpmn.Cancel{At: noon, Reason: "a mistake"})
	p.wantOpen()
	if p.ended == nil || p.ends != 1 || p.ended.Message != "a mistake" {
		t.Errorf("ended as %+v", p.ended)
	}
}

// Whatever the order in which branches and stray events come: a run ends once, its state
// can be stored in between, and an order of independent branches makes no difference.
func TestAnyOrder(t *testing.T) {
	branches := []string{"a", "b", "c", "d"}
	text := `<startEvent id="start"/><parallelGateway id="fork"/><parallelGateway id="join"/><endEvent id="end"/>` + flow("start", "fork", "") + flow("join", "end", "")
	for _, b := range branches {
		text += service(b) + flow("fork", b, "") + flow(b, "join", "")
	}
	d := process(text)
	rapid.Check(t, func(r *rapid.T) {
		p := play(t, d, nil)
		for _, b := range rapid.Permutation(branches).Draw(r, "order") {
			if rapid.Bool().Draw(r, "stray") {
				p.happens(bpmn.TaskDone{At: noon, Token: 1})
				p.happens(bpmn.TimerFired{At: noon, Token: 1, Element: "a"})
			}
			if rapid.Bool().Draw(r, "stored") {
				text, err := json.Marshal(p.state)
				if err != nil {
					t.Fatal(err)
				}
				p.state = bpmn.State{}
				if err := json.Unmarshal(text, &p.state); err != nil {
					t.Fatal(err)
				}
			}
			token := p.open[b]
			p.done(b, map[string]any{"by_" + b: true})
			p.happens(bpmn.TaskDone{At: noon, Token: token, Outputs: raw(map[string]any{"twice": true})})
		}
		p.wantEnd("end", "")
		if len(p.state.Variables) != len(branches) {
			t.Fatalf("variables: %s", p.state.Variables)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range samples(f) {
		f.Add(text)
	}
	for _, text := range []string{straight, forked, chosen, guarded(`<errorEventDefinition/>`)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := bpmn.Parse(text)
		if (err == nil) != (d != nil) {
			t.Fatalf("%v came with %v", err, d)
		}
		if err != nil {
			return
		}
		// Whatever can be read can be begun.
		if _, _, err := d.Step(bpmn.State{}, bpmn.Begin{At: noon}); err != nil {
			t.Errorf("it cannot be begun: %v", err)
		}
	})
}

func FuzzExpression(f *testing.F) {
	for _, text := range []string{"${a == 'b' && !c.d[1]}", "Hello ${who}", "${empty a or 1 < 2}"} {
		f.Add(text)
	}
	vars := raw(map[string]any{"a": "b", "c": map[string]any{"d": []int{1, 2}}, "who": "Alice"})
	f.Fuzz(func(t *testing.T, text string) {
		if template, err := bpmn.ParseTemplate(text); err == nil {
			_, _ = template.Value(vars) // any outcome is good, if it is one
		}
		if c, err := bpmn.ParseCondition(text); err == nil {
			_, _ = c.Holds(vars)
		} else if c != nil {
			t.Error("a refusal came with a condition")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := samples(b)["fido-provisioning.bpmn20.xml"]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bpmn.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	p := play(b, forked, map[string]any{"who": "Alice"})
	event := bpmn.TaskDone{At: noon, Token: p.open["a"]}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.d.Step(p.state, event); err != nil {
			b.Fatal(err)
		}
	}
}

package bpmn_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/bpmn"
	"pgregory.net/rapid"
)

// drawer draws random processes out of blocks that have one way in and one way out.
type drawer struct {
	t   *rapid.T
	n   int
	out strings.Builder
}

func (w *drawer) id(prefix string) string {
	w.n++
	return fmt.Sprintf("%s%d", prefix, w.n)
}

func (w *drawer) flow(from, to, condition string) string {
	id := w.id("f")
	if condition != "" {
		condition = "<conditionExpression>" + condition + "</conditionExpression>"
	}
	fmt.Fprintf(&w.out, "<sequenceFlow id=%q sourceRef=%q targetRef=%q>%s</sequenceFlow>\n", id, from, to, condition)
	return id
}

// block draws one and returns its first and last element.
func (w *drawer) block(depth int) (first, last string) {
	kinds := 8
	if depth == 0 {
		kinds = 5
	}
	switch rapid.IntRange(0, kinds-1).Draw(w.t, "block") {
	case 0:
		return w.one(w.id("s"), `<serviceTask id=%q flowable:delegateExpression="${xTask}"/>`)
	case 1:
		return w.one(w.id("u"), `<userTask id=%q flowable:formKey="page"/>`)
	case 2:
		return w.one(w.id("c"), `<callActivity id=%q calledElement="other"/>`)
	case 3:
		return w.one(w.id("m"), `<intermediateCatchEvent id=%q><messageEventDefinition messageRef="m"/></intermediateCatchEvent>`)
	case 4:
		return w.guarded()
	case 5:
		a, b := w.block(depth - 1)
		c, d := w.block(depth - 1)
		w.flow(b, c, "")
		return a, d
	case 6:
		return w.branches("parallelGateway", depth)
	default:
		return w.branches("exclusiveGateway", depth)
	}
}

func (w *drawer) one(id, format string) (string, string) {
	fmt.Fprintf(&w.out, format+"\n", id)
	return id, id
}

// guarded draws a task with an error and a timer that lead around it.
func (w *drawer) guarded() (string, string) {
	id, merge := w.id("g"), w.id("x")
	fmt.Fprintf(&w.out, `<serviceTask id=%q flowable:delegateExpression="${xTask}"/><exclusiveGateway id=%q/>
		<boundaryEvent id="%sE" attachedToRef=%q><errorEventDefinition errorRef="refused"/></boundaryEvent>
		<boundaryEvent id="%sT" attachedToRef=%q><timerEventDefinition><timeDuration>PT1M</timeDuration></timerEventDefinition></boundaryEvent>`, id, merge, id, id, id, id)
	w.flow(id, merge, "")
	w.flow(id+"E", merge, "")
	w.flow(id+"T", merge, "")
	return id, merge
}

func (w *drawer) branches(kind string, depth int) (string, string) {
	split, merge := w.id("x"), w.id("x")
	for i := range rapid.IntRange(2, 3).Draw(w.t, "branches") {
		first, last := w.block(depth - 1)
		condition := ""
		if kind == "exclusiveGateway" && i > 0 {
			condition = fmt.Sprintf("${pick == %d}", i)
		}
		f := w.flow(split, first, condition)
		if i == 0 && kind == "exclusiveGateway" {
			fmt.Fprintf(&w.out, "<exclusiveGateway id=%q default=%q/>\n", split, f)
		}
		w.flow(last, merge, "")
	}
	if kind == "parallelGateway" {
		fmt.Fprintf(&w.out, "<parallelGateway id=%q/>\n", split)
	}
	fmt.Fprintf(&w.out, "<%s id=%q/>\n", kind, merge)
	return split, merge
}

func randomProcess(t *rapid.T) *bpmn.Definition {
	w := &drawer{t: t}
	w.out.WriteString(startEnd)
	first, last := w.block(3)
	w.flow("start", first, "")
	w.flow(last, "end", "")
	d, err := bpmn.Parse(file(w.out.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, w.out.String())
	}
	if len(d.Warnings) > 0 { // blocks are joined as they were split
		t.Fatalf("warnings: %v\n%s", d.Warnings, w.out.String())
	}
	return d
}

// book keeps what a run asked for, as whoever carries effects out would.
type book struct {
	open     map[int64]*bpmn.Element
	finished int
}

func (b *book) enter(t *rapid.T, answered int64, effects []bpmn.Effect) {
	if b.finished > 0 && len(effects) > 0 {
		t.Fatalf("%d effects after the end", len(effects))
	}
	delete(b.open, answered)
	for _, e := range effects {
		switch e := e.(type) {
		case bpmn.DoTask:
			b.add(t, e.Token, e.Element)
		case bpmn.AskUser:
			b.add(t, e.Token, e.Element)
		case bpmn.Await:
			b.add(t, e.Token, e.Element)
		case bpmn.StartCall:
			b.add(t, e.Token, e.Element)
		case bpmn.SetTimer:
			if b.open[e.Token] == nil {
				t.Fatalf("a timer for token %d, for which nothing is open", e.Token)
			}
		case bpmn.Withdraw:
			if b.open[e.Token] == nil {
				t.Fatalf("token %d is withdrawn, for which nothing is open", e.Token)
			}
			delete(b.open, e.Token)
		case bpmn.Finish:
			b.finished++
		}
	}
}

func (b *book) add(t *rapid.T, token int64, e *bpmn.Element) {
	if b.open[token] != nil {
		t.Fatalf("token %d is given twice", token)
	}
	b.open[token] = e
}

// check compares the book with the state: nothing is lost, and nothing left over.
func (b *book) check(t *rapid.T, d *bpmn.Definition, s bpmn.State) {
	standing := 0
	for _, token := range s.Tokens {
		if d.Elements[token.Element].Kind == bpmn.ParallelGateway {
			continue
		}
		standing++
		if e := b.open[token.ID]; e == nil || e.ID != token.Element {
			t.Fatalf("a token stands at %s, and nothing was asked for", token.Element)
		}
	}
	if standing != len(b.open) {
		t.Fatalf("%d tokens stand, %d things are open", standing, len(b.open))
	}
	if (s.Ended != nil) != (b.finished == 1) || b.finished > 1 || s.Ended != nil && len(s.Tokens) > 0 {
		t.Fatalf("ended %+v, finished %d times, tokens %v", s.Ended, b.finished, s.Tokens)
	}
}

// answers are the events that a token's element can meet with.
func answers(token int64, e *bpmn.Element) []bpmn.Event {
	set := map[string]json.RawMessage{"v_" + e.ID: json.RawMessage(`1`)}
	switch e.Kind {
	case bpmn.ServiceTask:
		events := []bpmn.Event{bpmn.TaskDone{noon, token, set}}
		if len(e.Boundary) > 0 {
			events = append(events, bpmn.TaskFailed{At: noon, Token: token, Code: "REFUSED", Message: "no"}, bpmn.TimerFired{noon, token, e.ID + "T"})
		}
		return events
	case bpmn.UserTask:
		return []bpmn.Event{bpmn.UserDone{noon, token, set}}
	case bpmn.MessageCatch:
		return []bpmn.Event{bpmn.MessageCame{noon, token, set}}
	default:
		return []bpmn.Event{bpmn.CallEnded{At: noon, Token: token, Variables: set}}
	}
}

// stored takes a state through its JSON.
func stored(t *rapid.T, s bpmn.State) bpmn.State {
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back bpmn.State
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

func TestRandomRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := randomProcess(t)
		b := &book{open: map[int64]*bpmn.Element{}}
		pick := json.RawMessage(fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "pick")))
		var s bpmn.State
		var event bpmn.Event = bpmn.Begin{At: noon, Variables: map[string]json.RawMessage{"pick": pick}}
		var past []bpmn.Event
		answered := int64(0)
		for range 500 {
			text, _ := json.Marshal(s)
			next, effects, err := d.Step(s, event)
			if err != nil {
				t.Fatalf("%+v: %v", event, err)
			}
			if after, _ := json.Marshal(s); string(after) != string(text) {
				t.Fatalf("the state given has changed from %s to %s", text, after)
			}
			fromStore, sameEffects, err := d.Step(stored(t, s), event)
			if err != nil || !reflect.DeepEqual(stored(t, fromStore), stored(t, next)) || !reflect.DeepEqual(sameEffects, effects) {
				t.Fatalf("a stored state goes another way: %+v, %+v, %v", fromStore, next, err)
			}
			s = next
			b.enter(t, answered, effects)
			b.check(t, d, s)
			past = append(past, event)
			again := rapid.SampledFrom(past).Draw(t, "again") // late or twice
			if same, effects, err := d.Step(s, again); err != nil || len(effects) > 0 || !reflect.DeepEqual(same, s) {
				t.Fatalf("a stale %+v changed something: %v, %v", again, effects, err)
			}
			if s.Ended != nil {
				break
			}
			answered, event = b.draw(t)
		}
		if s.Ended == nil || s.Ended.Error != "" || s.Ended.At != "end" {
			t.Fatalf("ended %+v with %v", s.Ended, s.Tokens)
		}
	})
}

// draw takes something that is open and an event for it. A timer withdraws its task by an
// effect; every other event answers it.
func (b *book) draw(t *rapid.T) (answered int64, e bpmn.Event) {
	tokens := make([]int64, 0, len(b.open))
	for token := range b.open {
		tokens = append(tokens, token)
	}
	slices.Sort(tokens)
	if len(tokens) == 0 {
		t.Fatal("the run goes on, and nothing is open")
	}
	token := rapid.SampledFrom(tokens).Draw(t, "token")
	e = rapid.SampledFrom(answers(token, b.open[token])).Draw(t, "event")
	if _, ok := e.(bpmn.TimerFired); ok {
		return 0, e
	}
	return token, e
}

// stance is where a run stands, whatever its tokens are called.
func stance(s bpmn.State) string {
	var at []string
	for _, token := range s.Tokens {
		at = append(at, token.Element+"<"+token.Flow)
	}
	sort.Strings(at)
	vars, _ := json.Marshal(s.Variables)
	return fmt.Sprint(at, string(vars), s.Ended != nil)
}

func TestBranchesDoNotMindTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := randomProcess(t)
		step := func(s bpmn.State, e bpmn.Event) bpmn.State {
			next, _, err := d.Step(s, e)
			if err != nil {
				t.Fatal(err)
			}
			return next
		}
		s := step(bpmn.State{}, bpmn.Begin{At: noon, Variables: map[string]json.RawMessage{"pick": json.RawMessage(fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "pick")))}})
		for s.Ended == nil {
			var events []bpmn.Event
			for _, token := range s.Tokens {
				if e := d.Elements[token.Element]; e.Kind != bpmn.ParallelGateway {
					events = append(events, rapid.SampledFrom(answers(token.ID, e)).Draw(t, "event"))
				}
			}
			if len(events) > 1 {
				one, other := step(step(s, events[0]), events[1]), step(step(s, events[1]), events[0])
				if stance(one) != stance(other) {
					t.Fatalf("%+v and %+v: %s or %s", events[0], events[1], stance(one), stance(other))
				}
			}
			s = step(s, rapid.SampledFrom(events).Draw(t, "next"))
		}
	})
}

// FuzzStep throws stored states and events at the sample: nothing may panic, an error
// changes nothing, and what comes out can be stored.
func FuzzStep(f *testing.F) {
	d := mustParse(f, sample(f, "fido-provisioning.bpmn20.xml"))
	f.Add(`{"tokens":[{"id":5,"element":"openLink","since":"2026-03-01T12:00:00Z"},{"id":6,"element":"createCredential","since":"2026-03-01T12:00:00Z"}],"last":6,"variables":{"user":{"id":"u"}}}`, uint8(2), int64(5), `{}`, "linkExpired")
	f.Add(`{"tokens":[{"id":7,"element":"join","flow":"fromLink","since":"2026-03-01T12:00:00Z"},{"id":8,"element":"createCredential","since":"2026-03-01T12:00:00Z"}],"last":8}`, uint8(1), int64(8), `{"fidoCredential":{}}`, "")
	f.Add(`{}`, uint8(0), int64(0), `{"user":{"name":"alice"}}`, "")
	f.Fuzz(func(t *testing.T, state string, kind uint8, token int64, variables, name string) {
		var s bpmn.State
		var vars map[string]json.RawMessage
		if json.Unmarshal([]byte(state), &s) != nil || json.Unmarshal([]byte(variables), &vars) != nil {
			return
		}
		events := []bpmn.Event{
			bpmn.Begin{noon, vars},
			bpmn.TaskDone{noon, token, vars},
			bpmn.UserDone{noon, token, vars},
			bpmn.TimerFired{noon, token, name},
			bpmn.TaskFailed{At: noon, Token: token, Code: name},
			bpmn.MessageCame{noon, token, vars},
			bpmn.CallEnded{At: noon, Token: token, Variables: vars},
			bpmn.Cancel{time.Time{}, name},
		}
		before, err := json.Marshal(s)
		if err != nil {
			return
		}
		next, effects, err := d.Step(s, events[int(kind)%len(events)])
		if after, _ := json.Marshal(s); string(after) != string(before) {
			t.Fatalf("the state given has changed from %s to %s", before, after)
		}
		if err != nil && (effects != nil || !reflect.DeepEqual(next, s)) {
			t.Fatalf("%v, and yet something happened", err)
		}
		if _, err := json.Marshal(next); err != nil {
			t.Fatalf("the state cannot be stored: %v", err)
		}
		if err == nil && len(effects) > 0 {
			if _, _, err := d.Step(next, bpmn.Cancel{}); err != nil {
				t.Fatalf("the state does not fit: %v", err)
			}
		}
	})
}

package bpmn_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/bpmn"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// process wraps the elements of a process.
func process(elements string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="https://example.com">
<error id="err" errorCode="SORRY"/><message id="msg" name="hello"/>
<process id="p" name="P" isExecutable="true">
` + elements + `
</process></definitions>`
}

// flow is a sequence flow; when is its condition, empty for none.
func flow(from, to, when string) string {
	condition := ""
	if when != "" {
		condition = "<conditionExpression><![CDATA[" + when + "]]></conditionExpression>"
	}
	return fmt.Sprintf(`<sequenceFlow id="%s-%s" sourceRef="%s" targetRef="%s">%s</sequenceFlow>`, from, to, from, to, condition)
}

func service(id string) string {
	return fmt.Sprintf(`<serviceTask id="%s" flowable:delegateExpression="${doTask}"><extensionElements>
<flowable:field name="text"><flowable:expression>Hello ${who}</flowable:expression></flowable:field></extensionElements></serviceTask>`, id)
}

// straight is the simplest process that does something.
var straight = process(`<startEvent id="start"/>` + service("work") + `<endEvent id="end"/>` + flow("start", "work", "") + flow("work", "end", ""))

func parse(t testing.TB, text string) *bpmn.Definition {
	t.Helper()
	d, err := bpmn.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func samples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*")
	if err != nil || len(files) < 3 {
		t.Fatalf("samples: %v, %v", files, err)
	}
	all := map[string][]byte{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = text
	}
	return all
}

// What the usual editors write is read.
func TestSamples(t *testing.T) {
	for name, text := range samples(t) {
		d, err := bpmn.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d.Elements[d.Start] == nil || d.Elements[d.Start].Kind != bpmn.StartEvent || len(d.Order) != len(d.Elements) {
			t.Errorf("%s: start %q of %d elements", name, d.Start, len(d.Elements))
		}
	}
	d := parse(t, string(samples(t)["fido-provisioning.bpmn20.xml"]))
	create := d.Elements["createCredential"]
	if w := create.Work; w.Task != "hermodFidoCreateCredentialTask" || !w.Async || w.Retries != 3 || len(w.Params) != 4 {
		t.Errorf("create: %+v", w)
	}
	if !slices.Equal(create.Boundary, []string{"createFailed"}) || d.Elements["createFailed"].ErrorCode != "HERMOD_ERROR_DEVICE" {
		t.Errorf("boundary: %v, %+v", create.Boundary, d.Elements["createFailed"])
	}
	if f := d.Elements["openLink"].Form; f == nil || f.Key != "plugout" || f.Assignee.String() != "${user.name}" {
		t.Errorf("form: %+v", f)
	}
	if d.Diagram == nil || len(d.Diagram.Shapes) != len(d.Elements) || len(d.Diagram.Edges) != len(d.Flows) {
		t.Errorf("diagram: %+v", d.Diagram)
	}
}

// Whatever is outside the subset is refused, with its element, line and what to do
// instead.
func TestParseRefusals(t *testing.T) {
	spoil := func(old, new string) string { return strings.Replace(straight, old, new, 1) }
	end := `<endEvent id="end"/>`
	for _, test := range []struct{ name, text, element, says string }{
		{"script task", spoil(end, end+`<scriptTask id="x"/>`), "x", "scriptTask"},
		{"inclusive gateway", spoil(end, end+`<inclusiveGateway id="x"/>`), "x", "inclusiveGateway"},
		{"event sub-process", spoil(end, end+`<subProcess id="x" triggeredByEvent="true"/>`), "x", "subProcess"},
		{"several instances", spoil(`</extensionElements></serviceTask>`, `</extensionElements><multiInstanceLoopCharacteristics/></serviceTask>`), "work", "multiInstance"},
		{"timer that repeats", spoil(end, end+`<boundaryEvent id="x" attachedToRef="work"><timerEventDefinition><timeCycle>R3/PT1M</timeCycle></timerEventDefinition></boundaryEvent>`+flow("x", "end", "")), "x", "repeats"},
		{"boundary that does not interrupt", spoil(end, end+`<boundaryEvent id="x" attachedToRef="work" cancelActivity="false"><errorEventDefinition/></boundaryEvent>`+flow("x", "end", "")), "x", "interrupt"},
		{"boundary at nothing", spoil(end, end+`<boundaryEvent id="x" attachedToRef="none"><errorEventDefinition/></boundaryEvent>`+flow("x", "end", "")), "x", ""},
		{"two starts", spoil(end, end+`<startEvent id="x"/>`+flow("x", "work", "")), "x", "start"},
		{"no start", spoil(`<startEvent id="start"/>`, ""), "", ""},
		{"no way there", spoil(end, end+service("x")+flow("x", "end", "")), "x", ""},
		{"no way on", spoil(flow("work", "end", ""), ""), "work", ""},
		{"a flow to nothing", spoil(`targetRef="end"`, `targetRef="none"`), "work-end", ""},
		{"an id twice", spoil(end, end+`<endEvent id="end"/>`), "end", ""},
		{"no expression", spoil(`flowable:delegateExpression="${doTask}"`, ""), "work", ""},
		{"a class", spoil(`flowable:delegateExpression="${doTask}"`, `flowable:class="com.example.Do"`), "work", "class"},
		{"a broken expression", spoil("Hello ${who}", "Hello ${who"), "work", ""},
		{"a call in an expression", spoil("Hello ${who}", "Hello ${who.trim()}"), "work", ""},
		{"no XML", "process", "", ""},
		{"another root", "<a/>", "", ""},
		{"entities", strings.Replace(straight, "?>", `?><!DOCTYPE a [<!ENTITY b "c">]>`, 1), "", ""},
		{"nothing", "", "", ""},
		{"too long", straight + strings.Repeat(" ", 1<<20), "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := bpmn.Parse([]byte(test.text))
			if err == nil || d != nil {
				t.Fatalf("accepted as %+v, error %v", d, err)
			}
			if test.element == "" {
				return
			}
			var all bpmn.DefinitionErrors
			if !errors.As(err, &all) {
				t.Fatalf("got %T: %v", err, err)
			}
			if !slices.ContainsFunc(all, func(e *bpmn.DefinitionError) bool {
				return e.Element == test.element && e.Line > 0 && strings.Contains(e.Error(), test.says)
			}) {
				t.Errorf("got %v, want one about %s that says %q", err, test.element, test.says)
			}
		})
	}
}

// All problems of a file are told at once.
func TestAllProblemsAreTold(t *testing.T) {
	text := strings.Replace(straight, `<endEvent id="end"/>`, `<endEvent id="end"/><scriptTask id="x"/><inclusiveGateway id="y"/>`, 1)
	_, err := bpmn.Parse([]byte(text))
	if err == nil || !strings.Contains(err.Error(), "scriptTask") || !strings.Contains(err.Error(), "inclusiveGateway") {
		t.Errorf("got %v", err)
	}
}

func TestExpressions(t *testing.T) {
	vars := map[string]json.RawMessage{
		"n": json.RawMessage("7"), "s": json.RawMessage(`"text"`), "b": json.RawMessage("true"), "no": json.RawMessage("null"),
		"o": json.RawMessage(`{"name":"alice","list":[1,"two"]}`), "e": json.RawMessage(`""`),
	}
	for written, want := range map[string]bool{
		"${b}": true, "${!b}": false, "${not b}": false, "${n == 7}": true, "${n eq 7}": true, "${n != 7}": false, "${n ne 7}": false,
		"${n > 6}": true, "${n < 7}": false, "${n >= 7}": true, "${n le 7}": true, "${n gt 7}": false, "${s == 'text'}": true,
		`${s == "other"}`: false, "${b && n == 7}": true, "${b and n == 8}": false, "${n == 8 || b}": true, "${n == 8 or !b}": false,
		"${empty e}": true, "${empty no}": true, "${empty missing}": true, "${empty s}": false, "${missing == null}": true,
		"${o.name == 'alice'}": true, "${o.list[1] == 'two'}": true, "${o.list[9] == null}": true, "${o.other.deeper == null}": true,
		"${(n == 7 || n == 8) && b}": true, "${n == 7 || n == 8 && !b}": true,
	} {
		c, err := bpmn.ParseCondition(written)
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		if got, err := c.Holds(vars); err != nil || got != want {
			t.Errorf("%s: got %t, %v", written, got, err)
		}
	}
	for _, written := range []string{"${s}", "${n}", "${missing}", "${s > 1}", "${o > 1}"} {
		c, err := bpmn.ParseCondition(written)
		if err != nil {
			continue
		}
		if _, err := c.Holds(vars); err == nil {
			t.Errorf("%s is a yes or a no", written)
		}
	}
	for _, written := range []string{"${", "${}", "${a +}", "${a = 1}", "${a.b()}", "${'a}", "${a[}", "${(a}", "${" + strings.Repeat("(", 10_000)} {
		if c, err := bpmn.ParseCondition(written); err == nil || c != nil {
			t.Errorf("%.20s was taken", written)
		}
	}
	for written, want := range map[string]string{"a": "a", "${n}": "7", "Hello ${o.name}, ${n}": "Hello alice, 7", "${missing}": ""} {
		template, err := bpmn.ParseTemplate(written)
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		if got, err := template.TextValue(vars); err != nil || got != want {
			t.Errorf("%s: got %q, %v", written, got, err)
		}
	}
}

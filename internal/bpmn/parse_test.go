package bpmn_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/bpmn"
)

// header and footer make a file of the body of a process, whose first line is line 4.
const (
	header = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">
  <error id="refused" errorCode="REFUSED"/><error id="late" errorCode="LATE"/><error id="noCode"/><message id="m" name="parcel"/><message id="m0"/><signal id="sig"/>
  <process id="p">
`
	footer = `
  </process>
</definitions>
`
)

func file(body string) []byte { return []byte(header + body + footer) }

func mustParse(t testing.TB, text []byte) *bpmn.Definition {
	t.Helper()
	d, err := bpmn.Parse(text)
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, text)
	}
	return d
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestParseFlowable(t *testing.T) {
	d := mustParse(t, sample(t, "fido-provisioning.bpmn20.xml"))
	if d.ID != "fidoProvisioning" || d.Name != "Security key for a user" || d.Start != "start" || len(d.Warnings) > 0 {
		t.Errorf("id %q, name %q, start %q, warnings %v", d.ID, d.Name, d.Start, d.Warnings)
	}
	create := d.Elements["createCredential"]
	if w := create.Work; w.Task != "hermodFidoCreateCredentialTask" || !w.Async || w.Retries != 3 || w.RetryEvery != 10*time.Second || len(w.Params) != 4 {
		t.Errorf("work of createCredential: %+v", w)
	}
	if w := d.Elements["getOptions"].Work; w.Async || w.Retries != -1 || w.RetryEvery != 0 {
		t.Errorf("work of getOptions: %+v", w)
	}
	if s, ok := create.Work.Params[0].Value.Literal(); !ok || s != "hermod" {
		t.Errorf("messagingServer = %q, literal %v", s, ok)
	}
	link := d.Elements["openLink"]
	if f := link.Form; f.Key != "plugout" || f.Assignee.String() != "${user.name}" {
		t.Errorf("form of openLink: %+v", f)
	}
	if got := d.Elements[link.Boundary[0]]; got.Kind != bpmn.BoundaryTimer || got.Timer.Duration.String() != "PT10M" || got.AttachedTo != "openLink" {
		t.Errorf("timer: %+v", got)
	}
	if got := d.Elements["createFailed"].ErrorCode; got != "HERMOD_ERROR_DEVICE" {
		t.Errorf("boundary error catches %q", got)
	}
	if d.Diagram == nil || d.Diagram.Shapes["start"] != (bpmn.Bounds{X: 60, Y: 215, Width: 30, Height: 30}) || len(d.Diagram.Edges["toLink"]) != 3 {
		t.Errorf("diagram: %+v", d.Diagram)
	}
}

// TestPlugoutForm: the form with a link to a desk has the fields it is about, whether or not
// the file writes them, and nobody fills them in.
func TestPlugoutForm(t *testing.T) {
	written := sample(t, "fido-provisioning.bpmn20.xml")
	named := bytes.Replace(written, []byte(`flowable:formKey="plugout">`), []byte(`flowable:formKey="plugout"><extensionElements>
		<flowable:formProperty id="note" type="string"/>
		<flowable:formProperty id="plugoutUrl" name="Link" default="${theLink}" required="true"/></extensionElements>`), 1)
	for _, c := range []struct {
		text []byte
		want []string // names and defaults
	}{
		{written, []string{"plugoutUrl ${plugoutUrl}", "fidoSession ${fidoSession}"}},
		{named, []string{"note ", "plugoutUrl ${theLink}", "fidoSession ${fidoSession}"}},
	} {
		var got []string
		for _, f := range mustParse(t, c.text).Elements["openLink"].Form.Fields {
			got = append(got, f.Name+" "+f.Default.String())
			if about := f.Name != "note"; f.ReadOnly != about || f.Required {
				t.Errorf("field: %+v", f)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestParseCamunda(t *testing.T) {
	d := mustParse(t, sample(t, "key-by-post.bpmn"))
	field := d.Elements["StartEvent_1"].Form.Fields[0]
	if field.Type != bpmn.EnumField || !field.Required || len(field.Options) != 2 || field.Default.String() != "nfc" {
		t.Errorf("field: %+v", field)
	}
	w := d.Elements["Activity_create"].Work
	if !w.Async || w.Retries != 2 || w.RetryEvery != time.Minute || w.Params[1].Name != "origin" || w.Params[1].Value.String() != "https://${rp}" {
		t.Errorf("work: %+v", w)
	}
	if m := d.Elements["Event_delivered"].Message; m != "keyDelivered" {
		t.Errorf("message %q", m)
	}
	call := d.Elements["Activity_tell"].Call
	if call.Process != "tellUser" || len(call.In) != 2 || len(call.Out) != 1 || call.In[0].Source.String() != "${model}" || call.Out[0].Target != "told" {
		t.Errorf("call: %+v", call)
	}
	if g := d.Elements["Gateway_1"]; g.Default != "Flow_4" || !reflect.DeepEqual(g.Outgoing, []string{"Flow_again", "Flow_4", "Flow_failed"}) {
		t.Errorf("gateway: %+v", g)
	}
	if d.Diagram != nil {
		t.Error("a diagram out of nothing")
	}
}

func TestParseBpmnIO(t *testing.T) {
	d := mustParse(t, sample(t, "approval.bpmn"))
	f := d.Elements["approve"].Form
	if f.Role != "helpdesk" || len(f.Fields) != 2 || f.Fields[0].Type != bpmn.BooleanField || !f.Fields[1].ReadOnly {
		t.Errorf("form: %+v", f)
	}
}

// good is the process that the refusals spoil.
const good = `    <startEvent id="start"/>
    <serviceTask id="work" flowable:delegateExpression="${workTask}"><extensionElements>
      <flowable:field name="a"><flowable:string>1</flowable:string></flowable:field></extensionElements></serviceTask>
    <boundaryEvent id="caught" attachedToRef="work"><errorEventDefinition errorRef="refused"/></boundaryEvent>
    <exclusiveGateway id="choice" default="else"/>
    <userTask id="ask"><extensionElements><flowable:formProperty id="answer" type="string"/></extensionElements></userTask>
    <boundaryEvent id="timer" attachedToRef="ask"><timerEventDefinition><timeDuration>PT5M</timeDuration></timerEventDefinition></boundaryEvent>
    <intermediateCatchEvent id="catch"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>
    <callActivity id="call" calledElement="other"/>
    <endEvent id="end"/>
    <endEvent id="bad"><errorEventDefinition errorRef="refused"/></endEvent>
    <sequenceFlow id="f1" sourceRef="start" targetRef="work"/>
    <sequenceFlow id="f2" sourceRef="work" targetRef="choice"/>
    <sequenceFlow id="f3" sourceRef="caught" targetRef="bad"/>
    <sequenceFlow id="f4" sourceRef="choice" targetRef="ask"><conditionExpression>${empty answer}</conditionExpression></sequenceFlow>
    <sequenceFlow id="else" sourceRef="choice" targetRef="catch"/>
    <sequenceFlow id="f5" sourceRef="ask" targetRef="end"/>
    <sequenceFlow id="f6" sourceRef="timer" targetRef="end"/>
    <sequenceFlow id="f7" sourceRef="catch" targetRef="call"/>
    <sequenceFlow id="f8" sourceRef="call" targetRef="end"/>`

func TestRefusals(t *testing.T) {
	if d := mustParse(t, file(good)); len(d.Warnings) > 0 {
		t.Fatalf("the good file has warnings: %v", d.Warnings)
	}
	const workTag = `<serviceTask id="work" flowable:delegateExpression="${workTask}">`
	tests := []struct {
		name, old, new string
		element, want  string // in the problem
		silent         bool   // there is nothing to say about what to do instead
	}{
		{"script task", `<callActivity id="call" calledElement="other"/>`, `<scriptTask id="call"/>`, "call", "scripts are not run", false},
		{"plain task", `<callActivity id="call" calledElement="other"/>`, `<task id="call"/>`, "call", "neither a person nor a program", false},
		{"send task", `<callActivity id="call" calledElement="other"/>`, `<sendTask id="call"/>`, "call", "sends a message", false},
		{"receive task", `<callActivity id="call" calledElement="other"/>`, `<receiveTask id="call"/>`, "call", "waits for a message", false},
		{"sub-process", `<callActivity id="call" calledElement="other"/>`, `<subProcess id="call" triggeredByEvent="true"/>`, "call", "process inside the process", false},
		{"ad-hoc", `<callActivity id="call" calledElement="other"/>`, `<adHocSubProcess id="call"/>`, "call", "no order", false},
		{"transaction", `<callActivity id="call" calledElement="other"/>`, `<transaction id="call"/>`, "call", "transaction", false},
		{"decision", `<callActivity id="call" calledElement="other"/>`, `<businessRuleTask id="call"/>`, "call", "decision tables", false},
		{"unheard of", `<callActivity id="call" calledElement="other"/>`, `<magic id="call"/>`, "call", "not read here", false},
		{"inclusive gateway", `<exclusiveGateway id="choice" default="else"/>`, `<inclusiveGateway id="choice"/>`, "choice", "several flows", false},
		{"event-based gateway", `<exclusiveGateway id="choice" default="else"/>`, `<eventBasedGateway id="choice"/>`, "choice", "several events", false},
		{"throw event", `<callActivity id="call" calledElement="other"/>`, `<intermediateThrowEvent id="call"/>`, "call", "throws", false},

		{"multi-instance", workTag, workTag + `<multiInstanceLoopCharacteristics/>`, "work", "several times", false},
		{"loop", workTag, workTag + `<standardLoopCharacteristics/>`, "work", "repeats itself", false},
		{"compensation", `<serviceTask id="work"`, `<serviceTask id="work" isForCompensation="true"`, "work", "compensation", false},
		{"Java class", `flowable:delegateExpression="${workTask}"`, `flowable:class="org.example.Work"`, "work", "Java class", false},
		{"method", `flowable:delegateExpression="${workTask}"`, `flowable:expression="${a.b()}"`, "work", "calls a method", false},
		{"nothing to do", ` flowable:delegateExpression="${workTask}"`, ``, "work", "what to do", false},
		{"external", `flowable:delegateExpression="${workTask}"`, `camunda:type="external" camunda:topic="t"`, "work", "engine's own kind", false},
		{"expression for the task", `"${workTask}"`, `"${a.b}"`, "work", "more than a name", false},
		{"listener", `<flowable:field name="a">`, `<flowable:executionListener event="start"/><flowable:field name="a">`, "work", "aside", false},
		{"field twice", `</extensionElements></serviceTask>`, `<flowable:field name="a"/></extensionElements></serviceTask>`, "work", "twice", false},
		{"field without a name", `name="a"`, `name=""`, "work", "without a name", false},
		{"field with two values", `name="a">`, `name="a" stringValue="x">`, "work", "several values", false},
		{"field with a bad expression", `<flowable:string>1</flowable:string>`, `<flowable:expression>${a + 1}</flowable:expression>`, "work", "no arithmetic", false},
		{"error field as an expression", `name="a"><flowable:string>1</flowable:string>`, `name="errorTypeField"><flowable:expression>${x}</flowable:expression>`, "work", "does not name a variable", false},
		{"retries", `<flowable:field name="a">`, `<flowable:failedJobRetryTimeCycle>PT5M,PT10M</flowable:failedJobRetryTimeCycle><flowable:field name="a">`, "work", "R3/PT10S", false},
		{"camunda output", `<flowable:field name="a">`, `<camunda:inputOutput><camunda:outputParameter name="x">1</camunda:outputParameter></camunda:inputOutput><flowable:field name="a">`, "work", "outputParameter", false},
		{"camunda list", `<flowable:field name="a">`, `<camunda:inputOutput><camunda:inputParameter name="x"><camunda:list/></camunda:inputParameter></camunda:inputOutput><flowable:field name="a">`, "work", "list, map or script", false},
		{"camunda 8", `<flowable:field name="a">`, `<zeebe:taskDefinition type="x"/><flowable:field name="a">`, "work", "Camunda 8", false},

		{"field name", `id="answer"`, `id="the-answer"`, "ask", "letters, digits and _", true},
		{"field named as an operator", `id="answer"`, `id="empty"`, "ask", "no word of expressions", true},
		{"field type", `type="string"/>`, `type="user"/>`, "ask", "unknown type user", false},
		{"field default", `type="string"/>`, `type="long" default="many"/>`, "ask", "cannot have its default", false},
		{"enum without values", `type="string"/>`, `type="enum"/>`, "ask", "without values", false},
		{"field for another variable", `type="string"/>`, `type="string" variable="other"/>`, "ask", "sets the variable other", false},
		{"unreadable field", `type="string"/>`, `type="string" readable="false"/>`, "ask", "may not be seen", false},
		{"unchecked constraint", `<flowable:formProperty id="answer" type="string"/>`, `<camunda:formData><camunda:formField id="answer" type="string"><camunda:validation><camunda:constraint name="minlength" config="2"/></camunda:validation></camunda:formField></camunda:formData>`, "ask", "minlength", false},
		{"form key", `<userTask id="ask"`, `<userTask id="ask" flowable:formKey="embedded:app:x.html"`, "ask", "form key", false},
		{"two groups", `<userTask id="ask"`, `<userTask id="ask" flowable:candidateGroups="a,b"`, "ask", "several candidate groups", false},
		{"candidate users", `<userTask id="ask"`, `<userTask id="ask" flowable:candidateUsers="a"`, "ask", "several people", false},
		{"skipped", `<userTask id="ask"`, `<userTask id="ask" flowable:skipExpression="${x}"`, "ask", "skip", false},
		{"bad assignee", `<userTask id="ask"`, `<userTask id="ask" flowable:assignee="${user.getName()}"`, "ask", "cannot be called", false},

		{"not interrupting", `<boundaryEvent id="timer"`, `<boundaryEvent cancelActivity="false" id="timer"`, "timer", "does not interrupt", false},
		{"cycle", `<timeDuration>PT5M</timeDuration>`, `<timeCycle>R3/PT5M</timeCycle>`, "timer", "repeats", false},
		{"no time", `<timeDuration>PT5M</timeDuration>`, ``, "timer", "no time", false},
		{"two times", `<timeDuration>PT5M</timeDuration>`, `<timeDuration>PT5M</timeDuration><timeDate>2026-01-01T00:00:00Z</timeDate>`, "timer", "or two", false},
		{"bad duration", `PT5M`, `5 minutes`, "timer", "is not a duration", true},
		{"months", `PT5M`, `P1M`, "timer", "no fixed length", true},
		{"bad date", `<timeDuration>PT5M</timeDuration>`, `<timeDate>tomorrow</timeDate>`, "timer", "RFC 3339", true},
		{"boundary signal", `<timerEventDefinition><timeDuration>PT5M</timeDuration></timerEventDefinition>`, `<signalEventDefinition signalRef="sig"/>`, "timer", "signals", false},
		{"boundary nothing", `<timerEventDefinition><timeDuration>PT5M</timeDuration></timerEventDefinition>`, ``, "timer", "does not say what for", false},
		{"boundary at a gateway", `attachedToRef="ask"`, `attachedToRef="choice"`, "timer", "at a exclusiveGateway", false},
		{"boundary at nothing", `attachedToRef="ask"`, `attachedToRef="gone"`, "timer", "at no task", false},
		{"flow to a boundary event", `sourceRef="ask" targetRef="end"`, `sourceRef="ask" targetRef="timer"`, "timer", "leads to it", false},
		{"same error twice", good[strings.Index(good, `    <exclusiveGateway`):strings.Index(good, `    <userTask`)], `    <exclusiveGateway id="choice" default="else"/><boundaryEvent id="again" attachedToRef="work"><errorEventDefinition errorRef="refused"/></boundaryEvent><sequenceFlow id="f9" sourceRef="again" targetRef="end"/>` + "\n", "again", "same errors as caught", false},
		{"unknown error", `<endEvent id="bad"><errorEventDefinition errorRef="refused"/>`, `<endEvent id="bad"><errorEventDefinition errorRef="gone"/>`, "bad", "not in the file", false},
		{"end error without one", `<endEvent id="bad"><errorEventDefinition errorRef="refused"/>`, `<endEvent id="bad"><errorEventDefinition/>`, "bad", "does not say which", false},
		{"error without code", `<endEvent id="bad"><errorEventDefinition errorRef="refused"/>`, `<endEvent id="bad"><errorEventDefinition errorRef="noCode"/>`, "noCode", "without a code", false},
		{"terminate", `<endEvent id="bad"><errorEventDefinition errorRef="refused"/>`, `<endEvent id="bad"><terminateEventDefinition/>`, "bad", "ends every branch", false},
		{"unknown message", `messageRef="m"`, `messageRef="gone"`, "catch", "not in the file", false},
		{"message without name", `messageRef="m"`, `messageRef="m0"`, "m0", "without a name", false},
		{"catch a timer", `<messageEventDefinition messageRef="m"/>`, `<timerEventDefinition/>`, "catch", "timers are at a task", false},
		{"catch nothing", `<messageEventDefinition messageRef="m"/>`, ``, "catch", "what it waits for", false},
		{"start by message", `<startEvent id="start"/>`, `<startEvent id="start"><messageEventDefinition messageRef="m"/></startEvent>`, "start", "between tasks", false},

		{"call by expression", `calledElement="other"`, `calledElement="${x}"`, "call", "does not name the process", false},
		{"call of a version", `calledElement="other"`, `calledElement="other" camunda:calledElementBinding="deployment"`, "call", "version", false},
		{"bad target", `<callActivity id="call" calledElement="other"/>`, `<callActivity id="call" calledElement="other"><extensionElements><flowable:in source="a" target="b-c"/></extensionElements></callActivity>`, "call", "letters, digits and _", true},
		{"no source", `<callActivity id="call" calledElement="other"/>`, `<callActivity id="call" calledElement="other"><extensionElements><flowable:out target="b"/></extensionElements></callActivity>`, "call", "needs a source", true},

		{"second start", `<endEvent id="end"/>`, `<endEvent id="end"/><startEvent id="start2"/><sequenceFlow id="f9" sourceRef="start2" targetRef="end"/>`, "start2", "second start", false},
		{"no start", `<startEvent id="start"/>`, ``, "p", "no start event", false},
		{"flow into the start", `sourceRef="ask" targetRef="end"`, `sourceRef="ask" targetRef="start"`, "start", "leads to it", false},
		{"flow out of the end", `sourceRef="ask" targetRef="end"/>`, `sourceRef="ask" targetRef="end"/><sequenceFlow id="f9" sourceRef="end" targetRef="call"/>`, "end", "leaves it", false},
		{"dangling flow", `sourceRef="call" targetRef="end"`, `sourceRef="call" targetRef="gone"`, "f8", "leads to nowhere", false},
		{"flow from nothing", `sourceRef="call" targetRef="end"`, `targetRef="end"`, "f8", "leads from nowhere", false},
		{"flow to the other process", `sourceRef="call" targetRef="end"`, `sourceRef="call" targetRef="refused"`, "f8", "no element of this process", false},
		{"no way on", `<sequenceFlow id="f8" sourceRef="call" targetRef="end"/>`, ``, "call", "no flow leaves it", false},
		{"two ways on", `<sequenceFlow id="f8" sourceRef="call" targetRef="end"/>`, `<sequenceFlow id="f8" sourceRef="call" targetRef="end"/><sequenceFlow id="f9" sourceRef="call" targetRef="bad"/>`, "call", "several flows", false},
		{"unreachable", `<endEvent id="end"/>`, `<endEvent id="end"/><userTask id="island"/><sequenceFlow id="f9" sourceRef="island" targetRef="end"/>`, "island", "never reached", false},
		{"endless", `sourceRef="call" targetRef="end"`, `sourceRef="call" targetRef="catch"`, "call", "never leads to an end", false},
		{"condition behind a task", `sourceRef="call" targetRef="end"/>`, `sourceRef="call" targetRef="end"><conditionExpression>${x}</conditionExpression></sequenceFlow>`, "f8", "condition behind", false},
		{"default at a task", `<userTask id="ask"`, `<userTask id="ask" default="f5"`, "ask", "default flow", false},
		{"default elsewhere", `default="else"`, `default="f8"`, "choice", "does not leave it", false},
		{"no default", ` default="else"`, ``, "else", "no condition and is not the default", false},
		{"default with condition", `default="else"`, `default="f4"`, "f4", "default and has a condition", false},
		{"bad condition", `${empty answer}`, `${answer = 1}`, "f4", "no assignment", false},
		{"condition of text", `${empty answer}`, `answer`, "f4", "one expression", false},
		{"condition that cannot be true", `${empty answer}`, `${'yes'}`, "f4", "where true or false belongs", false},
		{"scripted condition", `<conditionExpression>`, `<conditionExpression language="javascript">`, "f4", "script", false},
		{"id twice", `<endEvent id="end"/>`, `<endEvent id="end"/><dataObject id="ask"/>`, "ask", "already that of", false},
		{"bad id", `<endEvent id="end"/>`, `<endEvent id="end"/><userTask id="a b"/>`, "a b", "no id", false},
		{"second process", `<endEvent id="end"/>`, `<endEvent id="end"/></process><process id="p2">`, "p2", "second process", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(good, tt.old) {
				t.Fatalf("there is no %q to spoil", tt.old)
			}
			text := file(strings.Replace(good, tt.old, tt.new, 1))
			d, err := bpmn.Parse(text)
			if d != nil || err == nil {
				t.Fatalf("Parse = %v, %v", d, err)
			}
			line := lineOf(string(text), tt.element)
			for _, p := range problems(t, err) {
				if p.Element == tt.element && strings.Contains(p.Problem, tt.want) {
					if p.Line != line {
						t.Errorf("line %d, want %d: %v", p.Line, line, p)
					}
					if (p.Instead == "") != tt.silent {
						t.Errorf("instead = %q", p.Instead)
					}
					return
				}
			}
			t.Errorf("no problem of %s with %q in:\n%v", tt.element, tt.want, err)
		})
	}
}

// lineOf is the line in which an id stands, the last of them if twice.
func lineOf(text, id string) int {
	return 1 + strings.Count(text[:strings.LastIndex(text, ` id="`+id+`"`)], "\n")
}

func problems(t *testing.T, err error) bpmn.DefinitionErrors {
	t.Helper()
	var all bpmn.DefinitionErrors
	var one *bpmn.DefinitionError
	if !errors.As(err, &all) || !errors.As(err, &one) || len(all) == 0 {
		t.Fatalf("%T %v is no DefinitionErrors", err, err)
	}
	return all
}

func TestFileRefusals(t *testing.T) {
	whole := string(file(good))
	tests := []struct{ name, text, want string }{
		{"empty", "", "no element"},
		{"not XML", "process", "no element"},
		{"broken", whole[:len(whole)-20], "not XML"},
		{"other root", "<html/>", "no BPMN 2.0 file"},
		{"BPMN 1", strings.Replace(whole, "20100524", "20070101", 1), "no BPMN 2.0 file"},
		{"document type", `<!DOCTYPE a [<!ENTITY e "e">]>` + whole, "document type"},
		{"entity", strings.Replace(whole, `<endEvent id="end"/>`, `<endEvent id="end">&e;</endEvent>`, 1), "not XML"},
		{"latin 1", `<?xml version="1.0" encoding="ISO-8859-1"?>` + whole, `"ISO-8859-1"`},
		{"not UTF-8", strings.Replace(whole, "good", "g\xffod", 1) + "<!-- \xff -->", "not UTF-8"},
		{"too large", whole + strings.Repeat(" ", 1<<20), "larger than"},
		{"too deep", strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40), "deeper than"},
		{"too many", strings.Replace(whole, good, good+strings.Repeat(`<group/>`, 2000), 1), "more than 2000"},
		{"attribute twice", strings.Replace(whole, `<process id="p">`, `<process id="p" name="a" name="b">`, 1), "twice"},
		{"undeclared prefix", strings.Replace(whole, ` xmlns:flowable="http://flowable.org/bpmn"`, "", 1), "declared nowhere"},
		{"no process", `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>`, "no process"},
		{"not executable", strings.Replace(whole, `<process id="p">`, `<process id="p" isExecutable="false">`, 1), "isExecutable"},
		{"two roots", whole + whole, "second root"},
	}
	for _, tt := range tests {
		d, err := bpmn.Parse([]byte(tt.text))
		if d != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Parse = %v, %v; want %q", tt.name, d, err, tt.want)
		}
	}
}

func TestUTF8Spellings(t *testing.T) {
	for _, before := range []string{"\ufeff", `<?xml version="1.0" encoding="utf-8"?>`, "\ufeff<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", "<!-- drawn by hand -->"} {
		mustParse(t, append([]byte(before), file(good)...))
	}
}

func TestAllProblemsAreTold(t *testing.T) {
	d, err := bpmn.Parse(file(strings.Repeat("<scriptTask id=\"x\"/>\n", 80)))
	if got := problems(t, err); d != nil || len(got) != 50 {
		t.Errorf("%d problems, want 50", len(got))
	}
	_, err = bpmn.Parse(file(strings.NewReplacer(`PT5M`, `soon`, `messageRef="m"`, ``, `calledElement="other"`, ``).Replace(good)))
	got := problems(t, err)
	if len(got) != 3 {
		t.Fatalf("problems: %v", err)
	}
	for i, want := range []string{"timer", "catch", "call"} {
		if got[i].Element != want {
			t.Errorf("problem %d is %v, want one of %s", i, got[i], want)
		}
	}
}

func TestWarnings(t *testing.T) {
	const join = `<startEvent id="start"/><exclusiveGateway id="x" default="b"/><parallelGateway id="join"/><endEvent id="end"/>
		<sequenceFlow id="s" sourceRef="start" targetRef="x"/><sequenceFlow id="a" sourceRef="x" targetRef="join"><conditionExpression>${a}</conditionExpression></sequenceFlow>
		<sequenceFlow id="b" sourceRef="x" targetRef="join"/><sequenceFlow id="e" sourceRef="join" targetRef="end"/>`
	const unjoined = `<startEvent id="start"/><parallelGateway id="fork"/><userTask id="twice"/><endEvent id="end"/>
		<sequenceFlow id="s" sourceRef="start" targetRef="fork"/><sequenceFlow id="a" sourceRef="fork" targetRef="twice"/>
		<sequenceFlow id="b" sourceRef="fork" targetRef="twice"/><sequenceFlow id="e" sourceRef="twice" targetRef="end"/>`
	tests := []struct{ name, body, element, want string }{
		{"join behind a choice", join, "join", "wait here for ever"},
		{"branches run together", unjoined, "end", "done twice"},
		{"no default", strings.Replace(strings.Replace(good, ` default="else"`, "", 1), `targetRef="catch"/>`, `targetRef="catch"><conditionExpression>${x}</conditionExpression></sequenceFlow>`, 1), "choice", "no default"},
		{"text that looks like an expression", strings.Replace(good, `<flowable:string>1`, `<flowable:string>${x}`, 1), "work", "is not an expression"},
		{"error fields and boundary error", strings.Replace(good, `name="a">`, `name="errorTypeField" stringValue="e"/><flowable:field name="a">`, 1), "caught", "does not get the errors"},
		{"unknown attribute", strings.Replace(good, `<userTask id="ask"`, `<userTask id="ask" flowable:dueDate="x"`, 1), "ask", "dueDate"},
	}
	for _, tt := range tests {
		d := mustParse(t, file(tt.body))
		if len(d.Warnings) == 0 || d.Warnings[0].Element != tt.element || !strings.Contains(d.Warnings[0].Problem, tt.want) {
			t.Errorf("%s: warnings %v, want one at %s with %q", tt.name, d.Warnings, tt.element, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file(good))
	for _, name := range []string{"fido-provisioning.bpmn20.xml", "key-by-post.bpmn", "approval.bpmn"} {
		f.Add(sample(f, name))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := bpmn.Parse(text)
		if (d == nil) == (err == nil) {
			t.Fatalf("Parse = %v, %v", d, err)
		}
		if d == nil {
			problems(t, err)
			return
		}
		// What can be read can be begun and drawn.
		s, effects, err := d.Step(bpmn.State{}, bpmn.Begin{Variables: map[string]json.RawMessage{}})
		if err != nil || len(effects) == 0 || s.Last == 0 {
			t.Fatalf("Begin: %v, %v", effects, err)
		}
		wellFormed(t, bpmn.Draw(d, bpmn.Picture{}))
		d.Diagram = nil
		wellFormed(t, bpmn.Draw(d, bpmn.Picture{}))
	})
}

func BenchmarkParse(b *testing.B) {
	text := sample(b, "fido-provisioning.bpmn20.xml")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bpmn.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

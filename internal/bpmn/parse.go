package bpmn

import (
	"errors"
	"fmt"
	"unicode"
)

// maxIDBytes bounds an id.
const maxIDBytes = 128

// Parse reads a file of BPMN 2.0 with one process that can be run. Further processes may
// stand in it only if they are marked isExecutable="false": they are somebody else's and
// drawn for people.
//
// The error is [DefinitionErrors]: everything that is wrong, by line, at most fifty
// problems. What is read all right and probably not meant is told in the definition's
// Warnings.
func Parse(file []byte) (*Definition, error) {
	root, err := readXML(file)
	if err != nil {
		var problem *DefinitionError
		if !errors.As(err, &problem) {
			problem = &DefinitionError{Problem: err.Error()}
		}
		return nil, DefinitionErrors{problem}
	}
	r := &reader{
		ids:      make(map[string]*node),
		messages: make(map[string]*node),
		errors:   make(map[string]*node),
		refused:  make(map[string]bool),
		nodes:    make(map[string]*node),
		d:        &Definition{Elements: make(map[string]*Element), Flows: make(map[string]*Flow)},
	}
	r.definitions(root)
	if len(r.problems) > 0 {
		return nil, DefinitionErrors(inOrder(r.problems))
	}
	r.d.Warnings = inOrder(r.warnings)
	return r.d, nil
}

// reader turns a tree into a definition and collects what is wrong with it.
type reader struct {
	problems, warnings []*DefinitionError

	ids              map[string]*node // everything of the standard that has an id
	messages, errors map[string]*node
	refused          map[string]bool // ids of elements that are not in d because they were refused
	nodes            map[string]*node
	flows            []*Flow // in the file's order

	d *Definition
}

func (r *reader) refuse(n *node, problem, instead string) {
	r.problems = append(r.problems, &DefinitionError{n.label(), n.line, problem, instead})
}

func (r *reader) warn(n *node, problem, instead string) {
	r.warnings = append(r.warnings, &DefinitionError{n.label(), n.line, problem, instead})
}

func (r *reader) definitions(root *node) {
	if !root.is("definitions") {
		r.refuse(root, "is no BPMN 2.0 file: its root is not definitions of "+modelSpace, notBPMN)
		return
	}
	r.collectIDs(root)
	var processes []*node
	for _, n := range root.kids {
		switch {
		case n.name.Space == zeebeSpace:
			r.refuse(n, zeebe.problem, zeebe.instead)
		case n.name.Space != modelSpace:
		case n.is("process"):
			processes = append(processes, n)
		case n.is("message"):
			r.messages[n.attr("id")] = n
		case n.is("error"):
			r.errors[n.attr("id")] = n
		case !beside[n.name.Local]:
			r.refuseKind(n)
		}
	}
	p := r.executable(root, processes)
	if p == nil {
		return
	}
	r.process(p)
	r.check(p)
	r.diagram(root)
}

// collectIDs finds every id, and those that stand twice.
func (r *reader) collectIDs(n *node) {
	if n.name.Space == modelSpace {
		if id := n.attr("id"); id != "" {
			if first := r.ids[id]; first != nil {
				r.refuse(n, fmt.Sprintf("the id is already that of the %s in line %d", first.name.Local, first.line), "give it one of its own")
			} else {
				r.ids[id] = n
			}
		}
	}
	for _, k := range n.kids {
		r.collectIDs(k)
	}
}

// executable returns the one process that is to be run.
func (r *reader) executable(root *node, processes []*node) *node {
	var found *node
	for _, p := range processes {
		switch {
		case p.attr("isExecutable") == "false":
		case found == nil:
			found = p
		default:
			r.refuse(p, "is a second process that can be run; "+found.label()+" is the first", "put each into a file of its own, and call it by a call activity")
		}
	}
	switch {
	case found != nil:
	case len(processes) > 0:
		r.refuse(processes[0], `is marked isExecutable="false"`, "mark it executable in the editor")
	default:
		r.refuse(root, "has no process", "draw one")
	}
	return found
}

func (r *reader) process(n *node) {
	r.d.ID, r.d.Name = n.attr("id"), n.attr("name")
	r.d.Documentation = documentation(n)
	r.checkID(n)
	r.extensions(n)
	for _, k := range n.kids {
		switch {
		case k.name.Space == zeebeSpace:
			r.refuse(k, zeebe.problem, zeebe.instead)
		case k.name.Space != modelSpace || drawing[k.name.Local]:
		case k.is("extensionElements"): // read with the process
		case k.is("sequenceFlow"):
			r.flow(k)
		case readers[k.name.Local] != nil:
			r.element(k)
		default:
			r.refuseKind(k)
			r.refused[k.attr("id")] = true
		}
	}
}

// checkID refuses an id that does not fit into addresses and pictures. XML Schema has
// ids begin with a letter and go on without spaces and colons.
func (r *reader) checkID(n *node) bool {
	id := n.attr("id")
	ok := id != "" && len(id) <= maxIDBytes
	for i, c := range id {
		letter := c == '_' || unicode.IsLetter(c)
		ok = ok && (letter || i > 0 && (c == '-' || c == '.' || unicode.IsDigit(c)))
	}
	if !ok {
		r.refuse(n, "has no id, or one that is none", fmt.Sprintf("begin with a letter or _, go on with letters, digits, -, . and _, at most %d bytes", maxIDBytes))
	}
	return ok
}

func documentation(n *node) string {
	if d := n.kid("documentation"); d != nil {
		return d.text()
	}
	return ""
}

// flow reads a sequence flow. Whether its ends are there is checked when all are read.
func (r *reader) flow(n *node) {
	if !r.checkID(n) {
		return
	}
	r.extensions(n)
	f := &Flow{ID: n.attr("id"), Name: n.attr("name"), From: n.attr("sourceRef"), To: n.attr("targetRef"), Line: n.line}
	if c := n.kid("conditionExpression"); c != nil {
		f.Condition = r.condition(n, c)
	}
	if r.nodes[f.ID] == nil { // else its id stands twice, which is told already
		r.nodes[f.ID] = n
		r.d.Flows[f.ID] = f
		r.flows = append(r.flows, f)
	}
}

func (r *reader) condition(flow, n *node) *Condition {
	if l := n.attr("language"); l != "" || n.ext("resource") != "" {
		r.refuse(flow, "its condition is a script", "write an expression like ${answer == 'yes'}")
		return nil
	}
	c, err := ParseCondition(n.text())
	if err != nil {
		r.refuseExpression(flow, "condition", err)
	}
	return c
}

// element reads a node of the process.
func (r *reader) element(n *node) {
	id := n.attr("id")
	if !r.checkID(n) || r.d.Elements[id] != nil || r.nodes[id] != nil {
		return // told already
	}
	r.extensions(n)
	e := &Element{ID: id, Name: n.attr("name"), Line: n.line, Documentation: documentation(n)}
	before := len(r.problems)
	r.kids(n)
	if n.attr("isForCompensation") == "true" {
		r.refuse(n, "is for compensation", hints["compensateEventDefinition"].instead)
	}
	readers[n.name.Local](r, n, e)
	r.nodes[id] = n
	if e.Kind == "" {
		if len(r.problems) == before {
			r.refuseKind(n)
		}
		r.refused[id] = true
		return
	}
	r.d.Elements[id] = e
	r.d.Order = append(r.d.Order, id)
	if e.Kind == StartEvent {
		if first := r.d.Elements[r.d.Start]; first != nil {
			r.refuse(n, "is a second start event; "+first.ID+" is the first", "begin with one, and choose by an exclusive gateway")
		} else {
			r.d.Start = id
		}
	}
}

// kids refuses what stands in an element and changes what it does.
func (r *reader) kids(n *node) {
	for _, k := range n.kids {
		switch {
		case k.name.Space == zeebeSpace:
			r.refuse(n, zeebe.problem, zeebe.instead)
		case k.name.Space != modelSpace || quietKids[k.name.Local]:
		case k.is("extensionElements"):
		case kidsOf[n.name.Local] == k.name.Local || n.is("boundaryEvent") && k.is("timerEventDefinition"):
			r.extensions(k)
		default:
			hint := hintFor(k.name.Local)
			r.refuse(n, "has a "+k.name.Local+": "+hint.problem, hint.instead)
		}
	}
}

// template reads a template that belongs to n.
func (r *reader) template(n *node, what, s string) Template {
	t, err := ParseTemplate(s)
	if err != nil {
		r.refuseExpression(n, what, err)
	}
	return t
}

func (r *reader) refuseExpression(n *node, what string, err error) {
	var e *ExpressionError
	if !errors.As(err, &e) {
		r.refuse(n, what+": "+err.Error(), "")
		return
	}
	instead := e.Instead
	e.Instead = ""
	r.refuse(n, what+": "+e.Error(), instead)
}

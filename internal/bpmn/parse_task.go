package bpmn

import (
	"regexp"
	"strconv"
	"strings"
)

// local is a reference without the prefix of its namespace: what it refers to is in the
// same file.
func local(ref string) string {
	return ref[strings.LastIndexByte(ref, ':')+1:]
}

var (
	delegate = regexp.MustCompile(`^[$#]\{\s*([A-Za-z_]\w{0,63})\s*\}$`)
	retries  = regexp.MustCompile(`^R(\d{1,2})/(P\S+)$`)
)

const delegateHint = "set its delegate expression, such as ${daFidoGetCreationOptionsTask}"

func (r *reader) serviceTask(n *node, e *Element) {
	e.Kind = ServiceTask
	w := &Work{Retries: -1}
	e.Work = w
	switch m := delegate.FindStringSubmatch(n.ext("delegateExpression")); {
	case m != nil:
		w.Task = m[1]
	case n.ext("delegateExpression") != "":
		r.refuse(n, "its delegate expression is more than a name", delegateHint)
	case !r.hasProblem(n):
		r.refuse(n, "does not say what to do", delegateHint)
	}
	w.Async = n.ext("async") == "true" || n.ext("asyncBefore") == "true"
	x := n.kid("extensionElements")
	if x == nil {
		return
	}
	r.params(n, x, w)
	for _, k := range x.extKids("failedJobRetryTimeCycle") {
		m := retries.FindStringSubmatch(k.text())
		if m == nil {
			r.refuse(n, "failedJobRetryTimeCycle is not like R3/PT10S", "say how often, and how long after each other")
			continue
		}
		if _, err := parseDuration(m[2]); err != nil {
			r.refuse(n, "failedJobRetryTimeCycle: "+m[2]+" "+err.Error(), "")
		}
		w.Retries, _ = strconv.Atoi(m[1]) // two digits
	}
}

// params reads the parameters of a service task in the manner of any of the engines.
func (r *reader) params(n, x *node, w *Work) {
	for _, k := range x.extKids("field") {
		r.param(n, w, Param{k.attr("name"), r.fieldValue(n, k), k.line})
	}
	for _, io := range x.extKids("inputOutput") {
		if len(io.extKids("outputParameter")) > 0 {
			r.refuse(n, "outputParameter: is not set", "name the variable in the task's own parameter")
		}
		for _, k := range io.extKids("inputParameter") {
			if len(k.kids) > 0 {
				r.refuse(n, "parameter "+k.attr("name")+" is a list, map or script", "give it text or an expression")
				continue
			}
			r.param(n, w, Param{k.attr("name"), r.template(n, "parameter "+k.attr("name"), k.text()), k.line})
		}
	}
}

func (r *reader) param(n *node, w *Work, p Param) {
	if CheckName(p.Name) != nil {
		r.refuse(n, "has a parameter without a name, or its name is none: "+strconv.Quote(p.Name), "use letters, digits and _")
		return
	}
	for _, other := range w.Params {
		if other.Name == p.Name {
			r.refuse(n, "has the parameter "+p.Name+" twice", "remove one")
			return
		}
	}
	if IsErrorField(p.Name) {
		name, plain := p.Value.Literal()
		if !plain || name != "" && CheckName(name) != nil {
			r.refuse(n, p.Name+" does not name a variable", "write a name, not an expression")
		}
	}
	w.Params = append(w.Params, p)
}

// fieldValue reads the value of a field: text as it is, or an expression.
func (r *reader) fieldValue(n, field *node) Template {
	what := "parameter " + field.attr("name")
	var found []Template
	asText := func(s string) {
		if strings.Contains(s, "${") {
			r.warn(n, what+" is text, in which ${…} is not an expression", "set it as an expression")
		}
		found = append(found, Text(s))
	}
	if s := field.attr("stringValue"); s != "" {
		asText(s)
	}
	if s := field.attr("expression"); s != "" {
		found = append(found, r.template(n, what, s))
	}
	for _, k := range field.extKids("string") {
		asText(k.text())
	}
	for _, k := range field.extKids("expression") {
		found = append(found, r.template(n, what, k.text()))
	}
	switch len(found) {
	case 0:
		return Template{}
	case 1:
	default:
		r.refuse(n, what+" has several values", "leave one")
	}
	return found[0]
}

func (r *reader) callActivity(n *node, e *Element) {
	e.Kind = CallActivity
	c := &Call{Process: n.attr("calledElement")}
	e.Call = c
	if !isPlain(c.Process) {
		r.refuse(n, "does not name the process it calls", "write the process's id, not an expression")
	}
	if t := n.ext("calledElementType"); t != "" && t != "key" {
		r.refuse(n, "calls by "+t, "call by key: the process's id")
	}
	if b := n.ext("calledElementBinding"); b != "" && b != "latest" {
		r.refuse(n, "calls the version by "+b, "choose latest: the version in force is called")
	}
	if x := n.kid("extensionElements"); x != nil {
		c.In, c.Out = r.mappings(n, x.extKids("in")), r.mappings(n, x.extKids("out"))
		ins, outs := len(x.extKids("in")), len(x.extKids("out"))
		if c.In == nil && outs > 0 && ins == 0 {
			c.In = []Mapping{}
		}
		if c.Out == nil && ins > 0 && outs == 0 {
			c.Out = []Mapping{}
		}
	}
	if n.ext("inheritVariables") == "true" {
		c.In = nil
	}
}

// mappings reads in or out of a call. Nil means all variables.
func (r *reader) mappings(n *node, kids []*node) []Mapping {
	var found []Mapping
	all := false
	for _, k := range kids {
		target := k.attr("target")
		source, expr := k.attr("source"), k.attr("sourceExpression")
		switch {
		case k.attr("variables") == "all":
			all = true
			continue
		case k.attr("businessKey") != "":
			r.warn(n, "the business key is not read here and changes nothing", "map it to a variable")
			continue
		case (source == "") == (expr == ""):
			r.refuse(n, k.name.Local+" needs a source or a source expression", "")
		case source != "" && CheckName(source) != nil:
			r.refuse(n, k.name.Local+": source "+source+": "+errName.Error(), "")
		case CheckName(target) != nil:
			r.refuse(n, k.name.Local+": target "+strconv.Quote(target)+": "+errName.Error(), "")
		default:
			if source != "" {
				expr = "${" + source + "}"
			}
			found = append(found, Mapping{r.template(n, k.name.Local, expr), target})
		}
	}
	if all && len(found) > 0 {
		r.refuse(n, "maps all variables and some", "remove one or the other")
	}
	return found
}

package bpmn

// readers read one kind of element each, and set the element's Kind unless it is refused
// for what it is.
var readers = map[string]func(*reader, *node, *Element){
	"startEvent":             (*reader).startEvent,
	"endEvent":               (*reader).endEvent,
	"boundaryEvent":          (*reader).boundaryEvent,
	"intermediateCatchEvent": (*reader).catchEvent,
	"serviceTask":            (*reader).serviceTask,
	"userTask":               (*reader).userTask,
	"callActivity":           (*reader).callActivity,
	"exclusiveGateway":       (*reader).exclusiveGateway,
	"parallelGateway":        (*reader).parallelGateway,
}

func (r *reader) startEvent(n *node, e *Element) {
	e.Kind = StartEvent
	if f := r.form(n); f.Key != "" || len(f.Fields) > 0 {
		e.Form = f
	}
}

func (r *reader) endEvent(n *node, e *Element) {
	e.Kind = EndEvent
	if x := n.kid("errorEventDefinition"); x != nil {
		e.Kind = ErrorEnd
		if x.attr("errorRef") == "" {
			r.refuse(n, "throws an error and does not say which", "choose an error with a code")
			return
		}
		e.ErrorCode = r.errorCode(n, x)
	}
}

// errorCode returns the code of the error that x refers to.
func (r *reader) errorCode(n, x *node) string {
	ref := x.attr("errorRef")
	declared := r.errors[local(ref)]
	if declared == nil {
		r.refuse(n, "refers to the error "+ref+", which is not in the file", "choose one that is")
		return ""
	}
	code := declared.attr("errorCode")
	if code == "" {
		r.refuse(declared, "is an error without a code", "give it one, such as HERMOD_ERROR_TIMEOUT")
	}
	return code
}

func (r *reader) boundaryEvent(n *node, e *Element) {
	e.AttachedTo = local(n.attr("attachedToRef"))
	if n.attr("cancelActivity") == "false" {
		r.refuse(n, "does not interrupt its task", "let it interrupt, or do the other work in a branch of a parallel gateway")
	}
	timer, failure := n.kid("timerEventDefinition"), n.kid("errorEventDefinition")
	switch {
	case timer != nil && failure != nil:
		r.refuse(n, "is for a timer and an error", "draw two boundary events")
	case timer != nil:
		e.Kind = BoundaryTimer
		e.Timer = r.timer(n, timer)
	case failure != nil:
		e.Kind = BoundaryError
		if failure.attr("errorRef") != "" {
			e.ErrorCode = r.errorCode(n, failure)
		}
	case !r.hasProblem(n):
		r.refuse(n, "does not say what for", "make it a boundary timer or a boundary error")
	}
}

// hasProblem reports whether the last problem found is one of n.
func (r *reader) hasProblem(n *node) bool {
	return len(r.problems) > 0 && r.problems[len(r.problems)-1].Line == n.line
}

func (r *reader) timer(n, x *node) *Timer {
	t := &Timer{}
	if x.kid("timeCycle") != nil {
		r.refuse(n, "its timer repeats", "use a duration, and lead a flow back to the task")
		return t
	}
	duration, date := x.kid("timeDuration"), x.kid("timeDate")
	switch {
	case (duration == nil) == (date == nil):
		r.refuse(n, "its timer has no time, or two", "give it a duration such as PT10M, or a date")
	case duration != nil:
		t.Duration = r.when(n, duration, func(s string) error { _, err := parseDuration(s); return err })
	default:
		t.Date = r.when(n, date, func(s string) error { _, err := parseDate(s); return err })
	}
	return t
}

// when reads a time, which check judges where it is a literal.
func (r *reader) when(n, x *node, check func(string) error) Template {
	t := r.template(n, "timer", x.text())
	if s, ok := t.Literal(); ok {
		if err := check(s); err != nil {
			r.refuse(n, "its timer's "+x.name.Local+" "+err.Error(), "")
		}
	}
	return t
}

func (r *reader) catchEvent(n *node, e *Element) {
	x := n.kid("messageEventDefinition")
	if x == nil {
		if !r.hasProblem(n) {
			r.refuse(n, "does not say what it waits for", "make it catch a message")
		}
		return
	}
	e.Kind = MessageCatch
	declared := r.messages[local(x.attr("messageRef"))]
	switch {
	case declared == nil:
		r.refuse(n, "waits for a message that is not in the file", "choose one that is")
	case !isPlain(declared.attr("name")):
		r.refuse(declared, "is a message without a name, or its name is an expression", "give it a name")
	default:
		e.Message = declared.attr("name")
	}
}

// isPlain reports whether s is text without an expression.
func isPlain(s string) bool {
	t, err := ParseTemplate(s)
	_, plain := t.Literal()
	return err == nil && plain && s != ""
}

func (r *reader) exclusiveGateway(n *node, e *Element) {
	e.Kind, e.Default = ExclusiveGateway, local(n.attr("default"))
}

func (r *reader) parallelGateway(_ *node, e *Element) { e.Kind = ParallelGateway }

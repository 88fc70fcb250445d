package bpmn

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
)

// meaning says what an event does to a run in state s: nil where it does nothing. It
// changes nothing itself.
func (d *Definition) meaning(s State, e Event) (func(*run), error) {
	switch e := e.(type) {
	case Begin:
		if err := checkVariables(e, 0, "", e.Variables); err != nil || s.Last > 0 || s.Ended != nil {
			return nil, err
		}
		return func(r *run) { r.start(e) }, nil
	case Cancel:
		if s.Ended != nil {
			return nil, nil
		}
		return func(r *run) {
			r.withdrawAll()
			r.finish(Ended{Message: e.Reason})
		}, nil
	case TaskDone:
		return d.answer(s, e, answer{e.At, e.Token, ServiceTask, e.Outputs}, (*run).done)
	case UserDone:
		return d.answer(s, e, answer{e.At, e.Token, UserTask, e.Values}, (*run).done)
	case MessageCame:
		return d.answer(s, e, answer{e.At, e.Token, MessageCatch, e.Variables}, (*run).done)
	case TaskFailed:
		return d.answer(s, e, answer{e.At, e.Token, ServiceTask, nil}, func(r *run, t Token, el *Element, _ map[string]json.RawMessage) {
			r.taskFailed(t, el, e)
		})
	case CallEnded:
		return d.answer(s, e, answer{e.At, e.Token, CallActivity, e.Variables}, func(r *run, t Token, el *Element, variables map[string]json.RawMessage) {
			r.callEnded(t, el, variables, e)
		})
	case TimerFired:
		return d.timerFired(s, e)
	default:
		return nil, &EventError{Event: e, Problem: "is no event"}
	}
}

// answer is what the events have in common that end a token's stay.
type answer struct {
	at        time.Time
	token     int64
	kind      Kind // of the element that it is an answer to
	variables map[string]json.RawMessage
}

// answer finds the token that an event is about and has it ended by end.
func (d *Definition) answer(s State, e Event, a answer, end func(*run, Token, *Element, map[string]json.RawMessage)) (func(*run), error) {
	i, err := find(s, e, a.token)
	if err != nil || i < 0 {
		return nil, err
	}
	t := s.Tokens[i]
	el := d.Elements[t.Element]
	if el.Kind != a.kind {
		return nil, &EventError{e, t.ID, t.Element, "is no answer to a " + string(el.Kind)}
	}
	if failed, ok := e.(TaskFailed); ok && failed.Code == "" {
		return nil, &EventError{e, t.ID, t.Element, "an error needs a code"}
	}
	if err := checkVariables(e, t.ID, t.Element, a.variables); err != nil {
		return nil, err
	}
	if err := el.Form.allows(e, t, a.variables); err != nil {
		return nil, err
	}
	return func(r *run) {
		r.at = a.at
		r.s.Tokens = slices.Delete(r.s.Tokens, i, i+1)
		end(r, t, el, a.variables)
	}, nil
}

// find returns the place of a token, or -1 if it is not there any more.
func find(s State, e Event, token int64) (int, error) {
	if token <= 0 || token > s.Last {
		return -1, &EventError{Event: e, Token: token, Problem: "the run never had this token"}
	}
	if s.Ended != nil {
		return -1, nil
	}
	return slices.IndexFunc(s.Tokens, func(t Token) bool { return t.ID == token }), nil
}

func (d *Definition) timerFired(s State, e TimerFired) (func(*run), error) {
	i, err := find(s, e, e.Token)
	if err != nil || i < 0 {
		return nil, err
	}
	t := s.Tokens[i]
	timer := d.Elements[e.Element]
	if timer == nil || timer.Kind != BoundaryTimer || timer.AttachedTo != t.Element {
		return nil, &EventError{e, t.ID, t.Element, "it has no timer of this name"}
	}
	return func(r *run) {
		r.at = e.At
		r.withdraw(t)
		r.s.Tokens = slices.Delete(r.s.Tokens, i, i+1)
		r.leaveBy(timer)
	}, nil
}

// checkVariables refuses what could not be stored, or spoken of by an expression.
func checkVariables(e Event, token int64, at string, variables map[string]json.RawMessage) error {
	for name, v := range variables {
		if CheckName(name) != nil {
			return &EventError{e, token, at, "a variable has a name that expressions cannot speak of"}
		}
		if len(v) > 0 && !json.Valid(v) {
			return &EventError{e, token, at, "variable " + name + " is not JSON"}
		}
	}
	return nil
}

// allows refuses values that a person was not asked for. A form with a key is a page of
// the program, which is trusted to know.
func (f *Form) allows(e Event, t Token, values map[string]json.RawMessage) error {
	if f == nil || f.Key != "" {
		return nil
	}
	for name := range values {
		if !slices.ContainsFunc(f.Fields, func(field Field) bool { return field.Name == name && !field.ReadOnly }) {
			return &EventError{e, t.ID, t.Element, "the form has no field " + name + " to fill in"}
		}
	}
	return nil
}

func (r *run) start(e Begin) {
	r.at = e.At
	r.set(e.Variables)
	el := r.d.Elements[r.d.Start]
	token := r.next()
	r.moved(token, el, MoveEntered, "", "")
	r.leave(token, el)
}

// set sets variables, and shares nothing with those given.
func (r *run) set(variables map[string]json.RawMessage) {
	for name, v := range variables {
		if len(v) == 0 {
			v = json.RawMessage("null")
		}
		r.s.Variables[name] = bytes.Clone(v)
	}
}

// done lets a branch go on from what has come to its good end.
func (r *run) done(t Token, e *Element, variables map[string]json.RawMessage) {
	if e.Work != nil {
		for _, name := range errorFields {
			delete(r.s.Variables, e.Work.literal(name))
		}
	}
	r.set(variables)
	r.leave(t.ID, e)
}

// errorFields are the parameters by which a service task has its errors told in variables
// instead of thrown: their code, what a party outside called them, and their message.
var errorFields = []string{"errorTypeField", "errorStatusField", "errorMessageField"}

// IsErrorField reports whether a service task's parameter names a variable that its
// errors are told in. Every task may have those, whatever its work is.
func IsErrorField(param string) bool { return slices.Contains(errorFields, param) }

// tellsErrors reports whether errors are told in variables.
func (w *Work) tellsErrors() bool {
	return slices.ContainsFunc(errorFields, func(name string) bool { return w.literal(name) != "" })
}

// literal returns the text of a parameter; empty if it is missing or an expression.
func (w *Work) literal(name string) string {
	for _, p := range w.Params {
		if p.Name == name {
			s, _ := p.Value.Literal()
			return s
		}
	}
	return ""
}

func (r *run) taskFailed(t Token, e *Element, failed TaskFailed) {
	if !e.Work.tellsErrors() {
		r.raise(t.ID, e, failed.Code, failed.Message)
		return
	}
	for i, told := range []string{failed.Code, failed.Status, failed.Message} {
		if field := e.Work.literal(errorFields[i]); field != "" {
			r.s.Variables[field] = value{kind: text, text: told}.json()
		}
	}
	r.moved(t.ID, e, MoveFailed, "", failed.Code+": "+failed.Message)
	r.leave(t.ID, e)
}

func (r *run) callEnded(t Token, e *Element, variables map[string]json.RawMessage, ended CallEnded) {
	if e.Call.Out != nil && (ended.Error == "" || variables != nil) {
		mapped, err := mapVariables(e.Call.Out, variables)
		if err != nil {
			r.raise(t.ID, e, CodeExpression, err.Error())
			return
		}
		variables = mapped
	}
	if ended.Error != "" {
		r.set(variables)
		r.raise(t.ID, e, ended.Error, ended.Message)
		return
	}
	r.done(t, e, variables)
}

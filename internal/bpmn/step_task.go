package bpmn

import (
	"encoding/json"
	"fmt"
)

// begin has the work begun that a token stays for. Everything is evaluated before
// anything is asked for: where an expression makes no sense, the element ends with an
// error and nothing has to be taken back.
func (r *run) begin(t Token, e *Element) {
	effect, err := r.request(t, e)
	var timers []Effect
	if err == nil {
		timers, err = r.timers(t, e)
	}
	if err != nil {
		r.raise(t.ID, e, CodeExpression, err.Error())
		return
	}
	r.s.Tokens = append(r.s.Tokens, t)
	r.effects = append(r.effects, effect)
	r.effects = append(r.effects, timers...)
}

// request makes the effect that asks for what an element is about.
func (r *run) request(t Token, e *Element) (Effect, error) {
	switch e.Kind {
	case ServiceTask:
		params := make(map[string]json.RawMessage, len(e.Work.Params))
		for _, p := range e.Work.Params {
			v, err := p.Value.Value(r.s.Variables)
			if err != nil {
				return nil, fmt.Errorf("parameter %s: %w", p.Name, err)
			}
			params[p.Name] = v
		}
		return DoTask{Token: t.ID, Element: e, Params: params}, nil
	case UserTask:
		return r.ask(t, e)
	case MessageCatch:
		return Await{Token: t.ID, Element: e, Message: e.Message}, nil
	case CallActivity:
		if e.Call.In == nil {
			return StartCall{Token: t.ID, Element: e, Process: e.Call.Process, Variables: r.s.clone().Variables}, nil
		}
		in, err := mapVariables(e.Call.In, r.s.Variables)
		if err != nil {
			return nil, err
		}
		return StartCall{Token: t.ID, Element: e, Process: e.Call.Process, Variables: in}, nil
	default:
		return nil, fmt.Errorf("there is nothing to do at a %s", e.Kind) // Parse lets none be there
	}
}

func (r *run) ask(t Token, e *Element) (Effect, error) {
	assignee, err := e.Form.Assignee.TextValue(r.s.Variables)
	if err != nil {
		return nil, fmt.Errorf("assignee: %w", err)
	}
	defaults := make(map[string]json.RawMessage)
	for _, f := range e.Form.Fields {
		if f.Default.IsZero() {
			continue
		}
		v, err := f.Default.Value(r.s.Variables)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		defaults[f.Name] = f.typed(v)
	}
	return AskUser{Token: t.ID, Element: e, Assignee: assignee, Defaults: defaults}, nil
}

// timers makes the effects that set the timers at an element.
func (r *run) timers(t Token, e *Element) ([]Effect, error) {
	var effects []Effect
	for _, id := range e.Boundary {
		b := r.d.Elements[id]
		if b.Kind != BoundaryTimer {
			continue
		}
		due, err := b.Timer.due(r)
		if err != nil {
			return nil, fmt.Errorf("timer %s: %w", b.ID, err)
		}
		due.Token, due.Element = t.ID, b
		effects = append(effects, due)
	}
	return effects, nil
}

func (t *Timer) due(r *run) (SetTimer, error) {
	if !t.Date.IsZero() {
		s, err := t.Date.TextValue(r.s.Variables)
		if err != nil {
			return SetTimer{}, err
		}
		at, err := parseDate(s)
		return SetTimer{Due: at}, err
	}
	s, err := t.Duration.TextValue(r.s.Variables)
	if err != nil {
		return SetTimer{}, err
	}
	d, err := parseDuration(s)
	return SetTimer{Due: r.at.Add(d)}, err
}

func mapVariables(mappings []Mapping, from map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	to := make(map[string]json.RawMessage, len(mappings))
	for _, m := range mappings {
		v, err := m.Source.Value(from)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", m.Target, err)
		}
		to[m.Target] = v
	}
	return to, nil
}

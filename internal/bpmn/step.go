package bpmn

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

const (
	// maxPassed is how many elements a run passes for one event. More is a loop in which
	// nothing happens.
	maxPassed = 10_000
	// maxTokens is how many tokens a run has at once. More is a fork in a loop.
	maxTokens = 1_000
)

// Step applies an event to a run and returns its new state, and what to do about it, in
// order. The state given is not changed, and the new one shares nothing with it, or with
// the event, that could be.
//
// An event for a token that is not there any more, because it came late or twice, changes
// nothing: the same state, no effects and no error. So does every event after the end, and
// a second [Begin]. An event that makes no sense is an [*EventError], and the state is
// returned as it was.
func (d *Definition) Step(s State, e Event) (State, []Effect, error) {
	if err := d.fits(s, e); err != nil {
		return s, nil, err
	}
	apply, err := d.meaning(s, e)
	if err != nil || apply == nil {
		return s, nil, err
	}
	r := &run{d: d, s: s.clone(), effects: make([]Effect, 0, 8)}
	apply(r)
	r.drain()
	return r.s, r.effects, nil
}

// run is one step under way.
type run struct {
	d       *Definition
	s       State
	at      time.Time
	effects []Effect
	queue   []*Flow // to be taken, in order
	passed  int
	lastEnd string // the end event that was reached last
}

// clone copies a state, with one buffer for all variables.
func (s State) clone() State {
	size := 0
	for _, v := range s.Variables {
		size += len(v)
	}
	buffer := make([]byte, 0, size)
	variables := make(map[string]json.RawMessage, len(s.Variables)+4)
	for name, v := range s.Variables {
		from := len(buffer)
		buffer = append(buffer, v...)
		variables[name] = buffer[from:len(buffer):len(buffer)]
	}
	s.Variables = variables
	s.Tokens = append(make([]Token, 0, len(s.Tokens)+2), s.Tokens...)
	return s
}

// fits checks that a state can be one of this definition: that of another version may be
// not.
func (d *Definition) fits(s State, e Event) error {
	var before int64
	for _, t := range s.Tokens {
		el := d.Elements[t.Element]
		switch {
		case t.ID <= before || t.ID > s.Last:
			return &EventError{e, t.ID, t.Element, "the state is damaged: its tokens are out of order"}
		case el == nil || !el.stays():
			return &EventError{e, t.ID, t.Element, "no run of this definition can stand there"}
		case el.Kind == ParallelGateway && !slices.Contains(el.Incoming, t.Flow):
			return &EventError{e, t.ID, t.Element, "it came by a flow that does not lead there"}
		}
		before = t.ID
	}
	return nil
}

// stays reports whether a token can stay at e until something happens.
func (e *Element) stays() bool {
	switch e.Kind {
	case ServiceTask, UserTask, MessageCatch, CallActivity:
		return true
	case ParallelGateway:
		return len(e.Incoming) > 1
	default:
		return false
	}
}

// drain takes the flows that wait to be taken, and those that they lead to.
func (r *run) drain() {
	for len(r.queue) > 0 && r.s.Ended == nil {
		f := r.queue[0]
		r.queue = r.queue[1:]
		to := r.d.Elements[f.To]
		r.passed++
		switch {
		case r.passed > maxPassed:
			r.fail(to, CodeLoop, fmt.Sprintf("%d elements were passed without anything happening", maxPassed))
		case len(r.s.Tokens) >= maxTokens:
			r.fail(to, CodeLoop, fmt.Sprintf("there are more than %d branches", maxTokens))
		default:
			r.enter(to, f.ID)
		}
	}
	if r.s.Ended == nil {
		r.settle()
	}
}

// settle ends a run in which nothing is left to happen.
func (r *run) settle() {
	if len(r.s.Tokens) == 0 {
		r.finish(Ended{At: r.lastEnd})
		return
	}
	for _, t := range r.s.Tokens {
		if r.d.Elements[t.Element].Kind != ParallelGateway {
			return
		}
	}
	at := r.d.Elements[r.s.Tokens[0].Element]
	r.fail(at, CodeStuck, "every branch that is left waits at a join, and none can reach it any more")
}

// enter lets a branch come to an element by a flow.
func (r *run) enter(e *Element, flow string) {
	t := Token{ID: r.next(), Element: e.ID, Since: r.at}
	r.moved(t.ID, e, MoveEntered, flow, "")
	switch e.Kind {
	case EndEvent:
		r.moved(t.ID, e, MoveLeft, "", "")
		r.lastEnd = e.ID
	case ErrorEnd:
		r.moved(t.ID, e, MoveFailed, "", e.ErrorCode)
		r.fail(e, e.ErrorCode, e.Name)
	case ParallelGateway:
		r.join(t, e, flow)
	case ExclusiveGateway:
		r.choose(t, e)
	default:
		r.begin(t, e)
	}
}

// leave lets a branch go on from an element by every flow there is.
func (r *run) leave(token int64, e *Element) {
	r.moved(token, e, MoveLeft, "", "")
	for _, f := range e.Outgoing {
		r.queue = append(r.queue, r.d.Flows[f])
	}
}

// join lets a branch wait until there is one for each incoming flow (BPMN 2.0.2, 13.4.1).
func (r *run) join(t Token, e *Element, flow string) {
	if len(e.Incoming) < 2 {
		r.leave(t.ID, e)
		return
	}
	t.Flow = flow
	r.s.Tokens = append(r.s.Tokens, t)
	come := make([]int, 0, len(e.Incoming)) // places in Tokens, the first for each flow
	for _, in := range e.Incoming {
		i := slices.IndexFunc(r.s.Tokens, func(t Token) bool { return t.Element == e.ID && t.Flow == in })
		if i < 0 {
			return
		}
		come = append(come, i)
	}
	slices.Sort(come)
	for _, i := range come[:len(come)-1] {
		r.moved(r.s.Tokens[i].ID, e, MoveLeft, "", "")
	}
	last := r.s.Tokens[come[len(come)-1]].ID
	for _, i := range slices.Backward(come) {
		r.s.Tokens = slices.Delete(r.s.Tokens, i, i+1)
	}
	r.leave(last, e)
}

// choose takes the first flow whose condition holds, or the default (BPMN 2.0.2, 13.4.2).
func (r *run) choose(t Token, e *Element) {
	var fallback *Flow
	for _, id := range e.Outgoing {
		f := r.d.Flows[id]
		if id == e.Default {
			fallback = f
			continue
		}
		if f.Condition == nil {
			r.take(t, e, f, "")
			return
		}
		yes, err := f.Condition.Holds(r.s.Variables)
		if err != nil {
			r.moved(t.ID, e, MoveFailed, f.ID, err.Error())
			r.fail(e, CodeExpression, err.Error())
			return
		}
		if yes {
			r.take(t, e, f, f.Condition.String()+" holds")
			return
		}
	}
	if fallback != nil {
		r.take(t, e, fallback, "no condition holds")
		return
	}
	const none = "no condition holds, and there is no default flow"
	r.moved(t.ID, e, MoveFailed, "", none)
	r.fail(e, CodeNoFlow, none)
}

func (r *run) take(t Token, e *Element, f *Flow, why string) {
	r.moved(t.ID, e, MoveLeft, "", why)
	r.queue = append(r.queue, f)
}

// raise ends a task with an error: whose token is gone already. The boundary error at the
// task that names the code catches it, or the one that names none.
func (r *run) raise(token int64, e *Element, code, message string) {
	r.moved(token, e, MoveFailed, "", code+": "+message)
	var catch *Element
	for _, id := range e.Boundary {
		b := r.d.Elements[id]
		if b.Kind == BoundaryError && (b.ErrorCode == code || b.ErrorCode == "") {
			catch = b
			if b.ErrorCode == code {
				break
			}
		}
	}
	if catch == nil {
		r.fail(e, code, message)
		return
	}
	r.leaveBy(catch)
}

// leaveBy goes on by a boundary event.
func (r *run) leaveBy(b *Element) {
	token := r.next()
	r.moved(token, b, MoveEntered, "", "")
	r.leave(token, b)
}

// fail ends the run with an error.
func (r *run) fail(at *Element, code, message string) {
	r.withdrawAll()
	r.finish(Ended{At: at.ID, Error: code, Message: message})
}

func (r *run) finish(ended Ended) {
	r.s.Ended = &ended
	r.queue = nil
	r.effects = append(r.effects, Finish{ended})
}

func (r *run) withdrawAll() {
	for _, t := range r.s.Tokens {
		r.withdraw(t)
	}
	r.s.Tokens = nil
}

// withdraw interrupts a token, which is taken away by the caller.
func (r *run) withdraw(t Token) {
	e := r.d.Elements[t.Element]
	if e.Kind != ParallelGateway { // nothing was begun for what waits at a join
		r.effects = append(r.effects, Withdraw{t.ID, e})
	}
	r.moved(t.ID, e, MoveInterrupted, "", "")
}

func (r *run) next() int64 {
	r.s.Last++
	return r.s.Last
}

func (r *run) moved(token int64, e *Element, what Move, flow, text string) {
	r.effects = append(r.effects, Moved{Token: token, Element: e, What: what, Flow: flow, Text: text})
}

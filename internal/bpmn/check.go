package bpmn

import (
	"fmt"
	"slices"
)

// check joins flows and elements, and refuses what does not hold together. Questions
// about the whole are asked only where every part is good: what is unreachable because
// something before it was refused would only be noise.
func (r *reader) check(process *node) {
	for _, f := range r.flows {
		r.connect(f)
	}
	for _, id := range r.d.Order {
		r.attach(r.d.Elements[id])
	}
	for _, id := range r.d.Order {
		e := r.d.Elements[id]
		r.checkFlows(e)
		if e.Kind == ExclusiveGateway {
			r.checkChoice(e)
		}
		r.checkErrorFields(e)
	}
	if r.d.Start == "" && len(r.refused) == 0 {
		r.refuse(process, "has no start event", "draw one")
	}
	if len(r.problems) > 0 {
		return
	}
	r.checkReach()
	if len(r.problems) == 0 {
		r.explore()
	}
}

func (r *reader) connect(f *Flow) {
	n := r.nodes[f.ID]
	ends := []struct{ what, id string }{{"from", local(f.From)}, {"to", local(f.To)}}
	f.From, f.To = ends[0].id, ends[1].id
	for _, end := range ends {
		switch {
		case r.d.Elements[end.id] != nil || end.id != "" && r.refused[end.id]:
		case end.id == "" || r.ids[end.id] == nil:
			r.refuse(n, "leads "+end.what+" nowhere", "draw it from one element to another, or remove it")
		default:
			r.refuse(n, fmt.Sprintf("leads %s %s, which is no element of this process", end.what, end.id), "call the other process by a call activity")
		}
	}
	if from := r.d.Elements[f.From]; from != nil {
		from.Outgoing = append(from.Outgoing, f.ID)
	}
	if to := r.d.Elements[f.To]; to != nil {
		to.Incoming = append(to.Incoming, f.ID)
	}
}

// attach joins a boundary event and its task.
func (r *reader) attach(e *Element) {
	if e.Kind != BoundaryTimer && e.Kind != BoundaryError {
		return
	}
	n := r.nodes[e.ID]
	host := r.d.Elements[e.AttachedTo]
	switch {
	case host == nil && r.refused[e.AttachedTo]:
		return
	case host == nil:
		r.refuse(n, "is at no task of this process", "put it at a service task, user task or call activity")
		return
	case host.Kind != ServiceTask && host.Kind != UserTask && host.Kind != CallActivity:
		r.refuse(n, fmt.Sprintf("is at a %s", host.Kind), "put it at a service task, user task or call activity")
		return
	case host.Kind == UserTask && e.Kind == BoundaryError && e.ErrorCode != "" && e.ErrorCode != CodeExpression:
		r.warn(n, "catches an error that a user task never has", "lead the form's answer into an exclusive gateway")
	}
	for _, other := range host.Boundary {
		if b := r.d.Elements[other]; e.Kind == BoundaryError && b.Kind == BoundaryError && b.ErrorCode == e.ErrorCode {
			r.refuse(n, "catches the same errors as "+other, "remove one")
		}
	}
	host.Boundary = append(host.Boundary, e.ID)
}

// checkFlows checks how many flows come to an element and leave it. That something comes
// is a question of reach.
func (r *reader) checkFlows(e *Element) {
	n := r.nodes[e.ID]
	switch e.Kind {
	case StartEvent, BoundaryTimer, BoundaryError:
		if len(e.Incoming) > 0 {
			r.refuse(n, "has a flow that leads to it", "lead it to the element after it")
		}
	}
	switch {
	case e.Kind == EndEvent || e.Kind == ErrorEnd:
		if len(e.Outgoing) > 0 {
			r.refuse(n, "has a flow that leaves it", "use an intermediate element, or remove the flow")
		}
		return
	case len(e.Outgoing) == 0:
		r.refuse(n, "no flow leaves it", "lead it to an end event")
	case len(e.Outgoing) > 1 && e.Kind != ParallelGateway && e.Kind != ExclusiveGateway:
		r.refuse(n, "several flows leave it", "put a parallel or an exclusive gateway behind it")
	}
	if def := local(n.attr("default")); def != "" && e.Kind != ExclusiveGateway {
		r.refuse(n, "has a default flow", "defaults are for exclusive gateways")
	}
	for _, id := range e.Outgoing {
		if r.d.Flows[id].Condition != nil && e.Kind != ExclusiveGateway {
			r.refuse(r.nodes[id], fmt.Sprintf("has a condition behind a %s", e.Kind), "put an exclusive gateway before it")
		}
	}
}

// checkChoice checks the flows out of an exclusive gateway. One without a condition that
// is not marked as default is refused: engines do not agree on what it means.
func (r *reader) checkChoice(e *Element) {
	n := r.nodes[e.ID]
	if e.Default != "" {
		f := r.d.Flows[e.Default]
		switch {
		case f == nil || f.From != e.ID:
			r.refuse(n, "its default flow "+e.Default+" does not leave it", "mark one that does")
		case f.Condition != nil:
			r.refuse(r.nodes[f.ID], "is the default and has a condition", "remove the condition, or the mark")
		}
	}
	conditions := 0
	for _, id := range e.Outgoing {
		f := r.d.Flows[id]
		if f.Condition != nil || hasCondition(r.nodes[id]) {
			conditions++
		} else if id != e.Default && len(e.Outgoing) > 1 {
			r.refuse(r.nodes[id], "has no condition and is not the default", "give it a condition, or mark it as the default flow of "+e.ID)
		}
	}
	if conditions > 0 && conditions == len(e.Outgoing) {
		r.warn(n, "has no default flow: where no condition holds, the run fails with "+CodeNoFlow, "mark one flow as the default")
	}
}

// hasCondition reports whether a flow has one in the file, if only a bad one.
func hasCondition(n *node) bool { return n.kid("conditionExpression") != nil }

func (r *reader) checkErrorFields(e *Element) {
	if e.Work == nil || !e.Work.tellsErrors() {
		return
	}
	for _, id := range e.Boundary {
		if b := r.d.Elements[id]; b.Kind == BoundaryError && b.ErrorCode != CodeExpression {
			r.warn(r.nodes[id], "does not get the errors of "+e.ID+", which names fields for them", "remove the fields, or the boundary event")
		}
	}
}

// next returns where a run can go from an element.
func (d *Definition) next(id string) []string {
	e := d.Elements[id]
	to := slices.Clone(e.Boundary)
	for _, f := range e.Outgoing {
		to = append(to, d.Flows[f].To)
	}
	return to
}

// checkReach refuses elements that the start does not lead to, and those that lead to
// no end.
func (r *reader) checkReach() {
	before := make(map[string][]string)
	var ends []string
	for _, id := range r.d.Order {
		for _, to := range r.d.next(id) {
			before[to] = append(before[to], id)
		}
		if k := r.d.Elements[id].Kind; k == EndEvent || k == ErrorEnd {
			ends = append(ends, id)
		}
	}
	fromStart := spread([]string{r.d.Start}, r.d.next)
	toEnd := spread(ends, func(id string) []string { return before[id] })
	for _, id := range r.d.Order {
		switch {
		case !fromStart[id]:
			r.refuse(r.nodes[id], "is never reached from the start", "lead a flow to it, or remove it")
		case !toEnd[id]:
			r.refuse(r.nodes[id], "never leads to an end", "lead a way out of the loop to an end event")
		}
	}
}

// spread returns what can be reached, in any number of steps.
func spread(from []string, next func(string) []string) map[string]bool {
	seen := make(map[string]bool)
	queue := slices.Clone(from)
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if !seen[id] {
			seen[id] = true
			queue = append(queue, next(id)...)
		}
	}
	return seen
}

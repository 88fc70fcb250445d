// Package bpmn reads processes drawn in BPMN 2.0 and says what happens next in one: a
// subset of the standard that is refused outside its bounds rather than guessed at.
//
//	d, err := bpmn.Parse(xml)                        // err tells element, line and what to use instead
//	...
//	state, effects, err := d.Step(bpmn.State{}, bpmn.Begin{Variables: vars})
//	// carry out effects; what comes of them is the next event
//	state, effects, err = d.Step(state, bpmn.TaskDone{Token: token, Outputs: outputs})
//
// What there is: start, end, error end; service tasks, synchronous or not; user tasks
// with a form; parallel and exclusive gateways, the latter with conditions; boundary
// timers and boundary errors, both interrupting; intermediate events that catch a
// message; calls of another process. Attributes and elements of the usual editors'
// engines (flowable, activiti, camunda) that say what a task does are understood.
//
// [Definition.Step] is a pure function: the same definition, state and event always
// give the same new state and effects. There is no clock, no storage and no
// concurrency: times are in events, and whoever stores a state sees to it that one
// event at a time is applied to it. A [Definition] is safe for concurrent use, and not
// to be changed.
package bpmn

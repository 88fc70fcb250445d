package process_test

import (
	"fmt"
	"strings"

	"bestow.dev/internal/bpmn"
)

// drawing is a definition under construction: what a file would say, in Go.
type drawing struct{ *bpmn.Definition }

// draw begins a definition of elements; "start" and "end" are there already.
func draw(id string, elements ...*bpmn.Element) drawing {
	d := drawing{&bpmn.Definition{
		ID: id, Name: "The process " + id, Start: "start",
		Elements: make(map[string]*bpmn.Element), Flows: make(map[string]*bpmn.Flow),
	}}
	for _, e := range append([]*bpmn.Element{{ID: "start", Kind: bpmn.StartEvent}, {ID: "end", Kind: bpmn.EndEvent}}, elements...) {
		e.Line = len(d.Order) + 1
		d.Elements[e.ID] = e
		d.Order = append(d.Order, e.ID)
		if at := d.Elements[e.AttachedTo]; at != nil {
			at.Boundary = append(at.Boundary, e.ID)
		}
	}
	return d
}

// flow leads along a path such as "start a b end".
func (d drawing) flow(paths ...string) drawing {
	for _, path := range paths {
		ids := strings.Fields(path)
		for i, to := range ids[1:] {
			f := &bpmn.Flow{ID: fmt.Sprintf("f%d", len(d.Flows)+1), From: ids[i], To: to}
			d.Flows[f.ID] = f
			d.Elements[f.From].Outgoing = append(d.Elements[f.From].Outgoing, f.ID)
			d.Elements[f.To].Incoming = append(d.Elements[f.To].Incoming, f.ID)
		}
	}
	return d
}

// inLine is a definition of elements one after the other.
func inLine(id string, elements ...*bpmn.Element) drawing {
	path := "start"
	for _, e := range elements {
		path += " " + e.ID
	}
	return draw(id, elements...).flow(path + " end")
}

// service is a service task that ${task} does; params are names and templates in turn.
func service(id, task string, params ...string) *bpmn.Element {
	w := &bpmn.Work{Task: task, Retries: -1}
	for i := 0; i < len(params); i += 2 {
		w.Params = append(w.Params, bpmn.Param{Name: params[i], Value: template(params[i+1])})
	}
	return &bpmn.Element{ID: id, Kind: bpmn.ServiceTask, Work: w}
}

func template(text string) bpmn.Template {
	t, err := bpmn.ParseTemplate(text)
	if err != nil {
		panic(err)
	}
	return t
}

func async(e *bpmn.Element) *bpmn.Element {
	e.Work.Async = true
	return e
}

// person is a user task with fields.
func person(id string, fields ...bpmn.Field) *bpmn.Element {
	return &bpmn.Element{ID: id, Name: "Please do " + id, Kind: bpmn.UserTask, Form: &bpmn.Form{Fields: fields}}
}

func gateway(id string) *bpmn.Element { return &bpmn.Element{ID: id, Kind: bpmn.ParallelGateway} }

func timer(id, at, duration string) *bpmn.Element {
	return &bpmn.Element{ID: id, Kind: bpmn.BoundaryTimer, AttachedTo: at, Timer: &bpmn.Timer{Duration: template(duration)}}
}

func catches(id, at, code string) *bpmn.Element {
	return &bpmn.Element{ID: id, Kind: bpmn.BoundaryError, AttachedTo: at, ErrorCode: code}
}

func calls(id, process string) *bpmn.Element {
	return &bpmn.Element{ID: id, Kind: bpmn.CallActivity, Call: &bpmn.Call{Process: process}}
}

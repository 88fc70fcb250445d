package processes

import (
	"html/template"
	"strings"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/console"
	"bestow.dev/internal/process"
)

// draw draws a process for a page, with words in the operator's language for people who
// do not see it.
func draw(o *console.Operator, d *bpmn.Definition, p bpmn.Picture) template.HTML {
	p.Unstyled = true
	p.Description = describe(o.Language, d, p)
	return template.HTML(bpmn.Draw(d, p)) // it escapes what is in it, and has no script
}

// describe says in words what marks say in colours.
func describe(lang string, d *bpmn.Definition, p bpmn.Picture) string {
	var parts []string
	for _, m := range []bpmn.Mark{bpmn.MarkStanding, bpmn.MarkFailed, bpmn.MarkInterrupted, bpmn.MarkPassed} {
		var names []string
		for _, id := range d.Order {
			if p.Marks[id] == m {
				names = append(names, nameOf(d, id))
			}
		}
		if len(names) > 0 {
			parts = append(parts, texts["mark."+string(m)].In(lang)+": "+strings.Join(names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// nameOf is what people call an element: its name, or its id if it has none.
func nameOf(d *bpmn.Definition, id string) string {
	if e := d.Elements[id]; e != nil && strings.TrimSpace(e.Name) != "" {
		return strings.Join(strings.Fields(e.Name), " ")
	}
	return id
}

// pictureOf is where a run stands: what its timeline tells, and what needs help now.
func pictureOf(run *process.Run, entries []process.Entry, jobs []process.Job) bpmn.Picture {
	p := bpmn.Picture{Marks: map[string]bpmn.Mark{}, Flows: map[string]bool{}}
	for _, e := range entries {
		p.Show(e.Element, bpmn.Move(e.Kind), e.Flow)
	}
	for _, t := range run.State.Tokens {
		p.Marks[t.Element] = bpmn.MarkStanding
	}
	for _, j := range jobs {
		if j.State == process.JobIncident {
			p.Marks[j.Element] = bpmn.MarkFailed
		}
	}
	if e := run.State.Ended; e != nil && e.Error != "" {
		p.Marks[e.At] = bpmn.MarkFailed
	}
	for id, m := range p.Marks {
		if m == bpmn.MarkStanding && run.Status != process.Running {
			p.Marks[id] = bpmn.MarkInterrupted
		}
	}
	delete(p.Marks, "")
	return p
}

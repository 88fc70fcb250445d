package processes

import (
	"html/template"
	"strings"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/console"
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

package bpmn

import (
	"strings"
	"unicode/utf8"
)

// element draws an element, with a title that is seen when the pointer rests on it.
func (p *pen) element(e *Element) {
	b := p.g.Shapes[e.ID]
	class := "element " + string(e.Kind)
	title := e.called() + " (" + e.Kind.words() + ")"
	if m := p.at.Marks[e.ID]; m.words() != "" { // no other class than ours
		class += " " + string(m)
		title += ": " + m.words()
	}
	if e.Documentation != "" {
		title += "\n" + e.Documentation
	}
	p.printf(`<g class="%s" data-element="%s"><title>%s</title>`, class, esc(e.ID), esc(title))
	switch e.Kind {
	case ServiceTask, UserTask, CallActivity:
		p.task(e, b)
	case ParallelGateway, ExclusiveGateway:
		p.gateway(e, b)
	default:
		p.event(e, b)
	}
	p.out.WriteString("</g>\n")
}

// words tells a kind to people.
func (k Kind) words() string {
	switch k {
	case StartEvent:
		return "start"
	case EndEvent:
		return "end"
	case ErrorEnd:
		return "end with an error"
	case ServiceTask:
		return "service task"
	case UserTask:
		return "user task"
	case ParallelGateway:
		return "parallel gateway"
	case ExclusiveGateway:
		return "exclusive gateway"
	case BoundaryTimer:
		return "timer"
	case BoundaryError:
		return "error caught"
	case MessageCatch:
		return "waits for a message"
	default:
		return "call of another process"
	}
}

func (p *pen) task(e *Element, b Bounds) {
	p.printf(`<rect class="shape" x="%s" y="%s" width="%s" height="%s" rx="6"/>`, num(b.X), num(b.Y), num(b.Width), num(b.Height))
	p.printf(`<g class="icon" transform="translate(%s %s)">%s</g>`, num(b.X+6), num(b.Y+6), icons[e.Kind])
	perLine := max(6, int((b.Width-12)/6.2))
	lines := wrap(e.called(), perLine, max(1, int((b.Height-26)/14)))
	c := b.center()
	p.lines(lines, Point{c.X, c.Y + 8 - float64(len(lines)-1)*7}, "name")
}

// icons tell the kinds of tasks apart, and of events, in a square of 16.
var icons = map[Kind]string{
	ServiceTask:   `<circle cx="7" cy="7" r="4"/><path d="M7 0v3M7 11v3M0 7h3M11 7h3M2 2l2 2M10 10l2 2M2 12l2-2M10 4l2-2"/>`,
	UserTask:      `<circle cx="7" cy="4" r="3"/><path d="M1 14c0-8 12-8 12 0z"/>`,
	CallActivity:  `<rect x="1" y="1" width="12" height="12" rx="2"/><path d="M7 4v6M4 7h6"/>`,
	BoundaryTimer: `<circle cx="8" cy="8" r="6"/><path d="M8 4v4l3 2"/>`,
	BoundaryError: `<path d="M3 13 6 4l4 6 3-7-3 9-4-6z"/>`,
	ErrorEnd:      `<path d="M3 13 6 4l4 6 3-7-3 9-4-6z"/>`,
	MessageCatch:  `<path d="M2 4h12v8H2zl6 5 6-5"/>`,
}

func (p *pen) gateway(e *Element, b Bounds) {
	c := b.center()
	p.printf(`<path class="shape" d="M%s %s %s %s %s %s %s %sz"/>`,
		num(c.X), num(b.Y), num(b.X+b.Width), num(c.Y), num(c.X), num(b.Y+b.Height), num(b.X), num(c.Y))
	r := min(b.Width, b.Height) / 5
	if e.Kind == ParallelGateway {
		p.printf(`<path class="sign" d="M%s %sv%sM%s %sh%s"/>`, num(c.X), num(c.Y-r), num(2*r), num(c.X-r), num(c.Y), num(2*r))
	} else {
		p.printf(`<path class="sign" d="M%s %sl%s %sM%s %sl%s %s"/>`,
			num(c.X-r), num(c.Y-r), num(2*r), num(2*r), num(c.X+r), num(c.Y-r), num(-2*r), num(2*r))
	}
	p.below(e, b)
}

func (p *pen) event(e *Element, b Bounds) {
	c, r := b.center(), min(b.Width, b.Height)/2
	p.printf(`<circle class="shape" cx="%s" cy="%s" r="%s"/>`, num(c.X), num(c.Y), num(r))
	if e.AttachedTo != "" || e.Kind == MessageCatch {
		p.printf(`<circle class="ring" cx="%s" cy="%s" r="%s"/>`, num(c.X), num(c.Y), num(max(r-3, 1)))
	}
	if icon := icons[e.Kind]; icon != "" {
		size := r * 1.1
		p.printf(`<g class="icon" transform="translate(%s %s) scale(%s)">%s</g>`, num(c.X-size/2), num(c.Y-size/2), num(size/16), icon)
	}
	p.below(e, b)
}

// below writes an element's name under it, if it has one.
func (p *pen) below(e *Element, b Bounds) {
	if e.Name == "" {
		return
	}
	if host, ok := p.g.Shapes[e.AttachedTo]; ok { // beside it: its flow and its task are in the way
		y := b.Y + b.Height + 2
		if b.center().Y < host.center().Y {
			y = b.Y + 6
		}
		p.lines(wrap(e.called(), 18, 3), Point{b.X + b.Width + 3, y}, "label beside")
		return
	}
	p.lines(wrap(e.called(), 18, 3), Point{b.center().X, b.Y + b.Height + 14}, "label")
}

// lines writes lines of text below each other, centred.
func (p *pen) lines(lines []string, at Point, class string) {
	p.printf(`<text class="%s" y="%s">`, class, num(at.Y))
	for i, line := range lines {
		dy := "0"
		if i > 0 {
			dy = "14"
		}
		p.printf(`<tspan x="%s" dy="%s">%s</tspan>`, num(at.X), dy, esc(line))
	}
	p.out.WriteString("</text>")
}

// wrap breaks text into at most so many lines of about so many characters. What does not
// fit ends in an ellipsis; all of it is in the element's title.
func wrap(s string, width, lines int) []string {
	var wrapped []string
	line := ""
	for _, word := range strings.Fields(s) {
		for utf8.RuneCountInString(word) > width { // a word without a place to break it
			if line != "" {
				wrapped, line = append(wrapped, line), ""
			}
			runes := []rune(word)
			wrapped, word = append(wrapped, string(runes[:width])), string(runes[width:])
		}
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			wrapped, line = append(wrapped, line), word
		}
	}
	if line != "" {
		wrapped = append(wrapped, line)
	}
	if len(wrapped) > lines {
		wrapped = wrapped[:lines]
		wrapped[lines-1] += "…"
	}
	return wrapped
}

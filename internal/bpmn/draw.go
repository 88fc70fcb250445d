package bpmn

import (
	"bytes"
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// style is what a picture looks like where the page says nothing else.
//
//go:embed draw.css
var style string

// Style is the style sheet of pictures, as [Draw] writes it into them.
func Style() string { return style }

// margin is around everything, for labels below events at the edge too.
const margin = 40

// Draw draws a process as SVG, as its file has it drawn or laid out anew, with what at
// says of a run. Elements have the class of their kind and of their mark, and their id in
// data-element; flows have theirs in data-flow. There is no script in it, and nothing
// that is loaded from elsewhere.
func Draw(d *Definition, at Picture) []byte {
	g := d.Diagram
	if g == nil {
		g = layOut(d)
	}
	p := &pen{d: d, g: g, at: at}
	p.open()
	for _, taken := range []bool{false, true} { // those taken on top
		for _, id := range d.Order {
			for _, f := range d.Elements[id].Outgoing {
				if at.Flows[f] == taken {
					p.flow(d.Flows[f])
				}
			}
		}
	}
	for _, id := range d.Order {
		if d.Elements[id].AttachedTo == "" {
			p.element(d.Elements[id])
		}
	}
	for _, id := range d.Order { // on top of their tasks
		if d.Elements[id].AttachedTo != "" {
			p.element(d.Elements[id])
		}
	}
	p.out.WriteString("</svg>\n")
	return p.out.Bytes()
}

type pen struct {
	d   *Definition
	g   *Diagram
	at  Picture
	out bytes.Buffer
}

func (p *pen) printf(format string, args ...any) { fmt.Fprintf(&p.out, format, args...) }

// esc escapes text for XML. What XML has no place for is left out.
func esc(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' || r == '\ufffe' || r == '\uffff' {
			return ' '
		}
		return r
	}, s)
	return escaper.Replace(s)
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// num writes a coordinate with at most one digit after the point.
func num(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

func (p *pen) open() {
	low, high := p.extent()
	w, h := high.X-low.X+2*margin, high.Y-low.Y+2*margin
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" class="bpmn" role="img" aria-label="%s" viewBox="%s %s %s %s" width="%s" height="%s">`+"\n",
		esc(p.title()), num(low.X-margin), num(low.Y-margin), num(w), num(h), num(w), num(h))
	p.printf("<title>%s</title>\n<desc>%s</desc>\n", esc(p.title()), esc(p.description()))
	if !p.at.Unstyled {
		p.printf("<style>\n%s</style>\n", style)
	}
	for _, class := range []string{"arrow", "arrow taken"} {
		p.printf(`<defs><marker id="bpmn-%s" viewBox="0 0 10 10" refX="9" refY="5" markerUnits="userSpaceOnUse" markerWidth="11" markerHeight="11" orient="auto"><path class="%s" d="M0 1 10 5 0 9z"/></marker></defs>`+"\n",
			strings.ReplaceAll(class, " ", "-"), class)
	}
}

// extent returns the corners of everything.
func (p *pen) extent() (low, high Point) {
	low, high = Point{math.Inf(1), math.Inf(1)}, Point{math.Inf(-1), math.Inf(-1)}
	grow := func(x, y float64) {
		low = Point{min(low.X, x), min(low.Y, y)}
		high = Point{max(high.X, x), max(high.Y, y)}
	}
	for _, b := range p.g.Shapes {
		grow(b.X, b.Y)
		grow(b.X+b.Width, b.Y+b.Height)
	}
	for _, points := range p.g.Edges {
		for _, at := range points {
			grow(at.X, at.Y)
		}
	}
	return low, high
}

func (p *pen) title() string {
	switch {
	case p.at.Title != "":
		return p.at.Title
	case p.d.Name != "":
		return p.d.Name
	default:
		return p.d.ID
	}
}

// description says in words what the marks say in colours.
func (p *pen) description() string {
	if p.at.Description != "" {
		return p.at.Description
	}
	var parts []string
	for _, m := range []Mark{MarkStanding, MarkFailed, MarkInterrupted, MarkPassed} {
		var names []string
		for _, id := range p.d.Order {
			if p.at.Marks[id] == m {
				names = append(names, p.d.Elements[id].called())
			}
		}
		if len(names) > 0 {
			parts = append(parts, m.words()+": "+strings.Join(names, ", "))
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("A process of %d elements.", len(p.d.Order))
	}
	text := strings.Join(parts, "; ") + "."
	return strings.ToUpper(text[:1]) + text[1:]
}

// called is an element's name, or else its id.
func (e *Element) called() string {
	if name := strings.Join(strings.Fields(e.Name), " "); name != "" {
		return name
	}
	return e.ID
}

func (p *pen) flow(f *Flow) {
	points := p.g.Edges[f.ID]
	class, arrow := "flow", "bpmn-arrow"
	if p.at.Flows[f.ID] {
		class, arrow = "flow taken", "bpmn-arrow-taken"
	}
	p.printf(`<g class="%s" data-flow="%s">`, class, esc(f.ID))
	if f.Condition != nil {
		p.printf("<title>%s</title>", esc(f.Condition.String()))
	}
	p.printf(`<polyline marker-end="url(#%s)" points="`, arrow)
	for i, at := range points {
		if i > 0 {
			p.out.WriteByte(' ')
		}
		p.printf("%s,%s", num(at.X), num(at.Y))
	}
	p.out.WriteString(`"/>`)
	from := p.d.Elements[f.From]
	if from.Default == f.ID {
		p.slash(points)
	}
	if f.Name != "" {
		p.flowName(f.Name, points)
	}
	p.out.WriteString("</g>\n")
}

// flowName writes a flow's name: over a line that lies, across one that stands.
func (p *pen) flowName(name string, points []Point) {
	at := middle(points)
	p.lines(wrap(name, 18, 2), Point{at.X, at.Y - 5}, "label")
}

// slash marks a default flow near where it begins.
func (p *pen) slash(points []Point) {
	a, b := points[0], points[1]
	length := math.Hypot(b.X-a.X, b.Y-a.Y)
	if length == 0 {
		return
	}
	step := min(12, length/2) / length
	x, y := a.X+(b.X-a.X)*step, a.Y+(b.Y-a.Y)*step
	p.printf(`<path class="default" d="M%s %s l6 -10"/>`, num(x-3), num(y+5))
}

// middle is halfway along a line.
func middle(points []Point) Point {
	total := 0.0
	for i := 1; i < len(points); i++ {
		total += distance(points[i-1], points[i])
	}
	half := total / 2
	for i := 1; i < len(points); i++ {
		length := distance(points[i-1], points[i])
		if length > 0 && half <= length {
			part := half / length
			a, b := points[i-1], points[i]
			return Point{a.X + (b.X-a.X)*part, a.Y + (b.Y-a.Y)*part}
		}
		half -= length
	}
	return points[0]
}

func distance(a, b Point) float64 { return math.Hypot(b.X-a.X, b.Y-a.Y) }

package bpmn

import (
	"math"
	"strconv"
)

// maxCoordinate bounds a drawing, in the editor's units.
const maxCoordinate = 100_000

// diagram reads where everything is drawn. A drawing that leaves out an element, or has
// no numbers, is none: then a picture is laid out anew.
func (r *reader) diagram(root *node) {
	d := &Diagram{Shapes: make(map[string]Bounds), Edges: make(map[string][]Point)}
	good, drawn := true, false
	var walk func(*node)
	walk = func(n *node) {
		of := local(n.attr("bpmnElement"))
		switch {
		case n.name.Space == diSpace && n.name.Local == "BPMNShape" && r.d.Elements[of] != nil:
			drawn = true
			b, ok := bounds(n)
			d.Shapes[of], good = b, good && ok
		case n.name.Space == diSpace && n.name.Local == "BPMNEdge" && r.d.Flows[of] != nil:
			p, ok := waypoints(n)
			d.Edges[of], good = p, good && ok
		}
		for _, k := range n.kids {
			walk(k)
		}
	}
	for _, n := range root.kids {
		if n.name.Space == diSpace {
			walk(n)
		}
	}
	if good && len(d.Shapes) == len(r.d.Elements) && len(d.Edges) == len(r.d.Flows) {
		r.d.Diagram = d
	} else if drawn {
		r.warnings = append(r.warnings, &DefinitionError{
			Problem: "the diagram leaves out an element or a flow, or has no numbers; it is laid out anew",
			Instead: "export it from the editor again",
		})
	}
}

func bounds(shape *node) (Bounds, bool) {
	for _, k := range shape.kids {
		if k.name.Space == dcSpace && k.name.Local == "Bounds" {
			b := Bounds{coordinate(k, "x"), coordinate(k, "y"), coordinate(k, "width"), coordinate(k, "height")}
			good := isDrawn(b.X) && isDrawn(b.Y) && isDrawn(b.Width) && isDrawn(b.Height)
			return b, good && b.Width > 0 && b.Height > 0
		}
	}
	return Bounds{}, false
}

func waypoints(edge *node) ([]Point, bool) {
	var points []Point
	for _, k := range edge.kids {
		if k.name.Space == ddiSpace && k.name.Local == "waypoint" {
			p := Point{coordinate(k, "x"), coordinate(k, "y")}
			if !isDrawn(p.X) || !isDrawn(p.Y) {
				return nil, false
			}
			points = append(points, p)
		}
	}
	return points, len(points) >= 2
}

func coordinate(n *node, name string) float64 {
	f, err := strconv.ParseFloat(n.attr(name), 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

// isDrawn is false for what is no number too: it compares with nothing.
func isDrawn(f float64) bool { return math.Abs(f) <= maxCoordinate }

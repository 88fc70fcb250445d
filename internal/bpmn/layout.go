package bpmn

import "slices"

// The measures of a drawing that is laid out here, in the units of the usual editors.
const (
	taskWidth, taskHeight = 120, 80
	eventSize             = 36
	gatewaySize           = 46
	columnWidth           = taskWidth + 60
	rowHeight             = taskHeight + 50
)

// layOut makes a drawing for a definition that has none. Each element stands in a column
// after those that lead to it, by the longest way, and each branch in a row of its own.
func layOut(d *Definition) *Diagram {
	l := layout{d: d, column: make(map[string]int), row: make(map[string]int), lanes: make(map[int]int)}
	l.columns()
	l.rows()
	drawn := &Diagram{Shapes: make(map[string]Bounds), Edges: make(map[string][]Point)}
	for _, id := range d.Order {
		drawn.Shapes[id] = l.shape(d.Elements[id])
	}
	for _, id := range d.Order {
		drawn.attach(d, d.Elements[id])
	}
	l.edges(drawn)
	return drawn
}

type layout struct {
	d           *Definition
	column, row map[string]int
	lanes       map[int]int     // lines that stand in the gap before a column
	back        map[string]bool // flows that lead back
	taken       map[[2]int]bool // columns and rows in which something stands
}

// columns gives each element the length of the longest way to it. Elements are taken in
// the order in which a walk leaves them, reversed: then all that lead to one come first,
// but for the flows that close a loop.
func (l *layout) columns() {
	order, back := l.walk()
	l.back = back
	for _, id := range slices.Backward(order) {
		e := l.d.Elements[id]
		for _, b := range e.Boundary {
			l.column[b] = l.column[id]
		}
		for _, f := range e.Outgoing {
			if to := l.d.Flows[f].To; !back[f] {
				l.column[to] = max(l.column[to], l.column[id]+1)
			}
		}
	}
}

// walk walks through the process in depth, without recursion: a chain may be long. It
// returns the elements in the order in which they are left, and the flows that lead back.
func (l *layout) walk() (left []string, back map[string]bool) {
	type step struct {
		id   string
		next int
	}
	back = make(map[string]bool)
	open, seen := map[string]bool{l.d.Start: true}, map[string]bool{l.d.Start: true}
	stack := []step{{l.d.Start, 0}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		e := l.d.Elements[top.id]
		i := top.next
		top.next++
		to := ""
		switch {
		case i < len(e.Boundary):
			to = e.Boundary[i]
		case i < len(e.Boundary)+len(e.Outgoing):
			f := e.Outgoing[i-len(e.Boundary)]
			if to = l.d.Flows[f].To; open[to] {
				back[f] = true
			}
		default:
			open[top.id] = false
			left = append(left, top.id)
			stack = stack[:len(stack)-1]
			continue
		}
		if !seen[to] {
			seen[to], open[to] = true, true
			stack = append(stack, step{to, 0})
		}
	}
	return left, back
}

// rows gives the first branch of an element its own row, and the others the nearest row
// below that is free from there on.
func (l *layout) rows() {
	l.taken = make(map[[2]int]bool)
	placed := make(map[string]bool)
	type branch struct {
		id  string
		row int
	}
	queue := []branch{{l.d.Start, 0}}
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		if placed[b.id] {
			continue
		}
		e := l.d.Elements[b.id]
		placed[b.id] = true
		if e.AttachedTo == "" {
			for l.taken[[2]int{l.column[b.id], b.row}] {
				b.row++
			}
			l.taken[[2]int{l.column[b.id], b.row}] = true
		}
		l.row[b.id] = b.row
		row := b.row
		for _, f := range e.Outgoing {
			if !l.back[f] {
				queue = append(queue, branch{l.d.Flows[f].To, row})
				row++
			}
		}
		for i, id := range e.Boundary {
			queue = append(queue, branch{id, b.row + 1 + i})
		}
	}
}

func (l *layout) shape(e *Element) Bounds {
	w, h := float64(taskWidth), float64(taskHeight)
	switch e.Kind {
	case ServiceTask, UserTask, CallActivity:
	case ParallelGateway, ExclusiveGateway:
		w, h = gatewaySize, gatewaySize
	default:
		w, h = eventSize, eventSize
	}
	x := float64(l.column[e.ID]*columnWidth) + (taskWidth-w)/2
	y := float64(l.row[e.ID]*rowHeight) + (taskHeight-h)/2
	return Bounds{x, y, w, h}
}

// attach puts the boundary events of a task on its lower edge.
func (g *Diagram) attach(d *Definition, e *Element) {
	at := g.Shapes[e.ID]
	for i, id := range e.Boundary {
		x := at.X + at.Width*float64(i+1)/float64(len(e.Boundary)+1) - eventSize/2
		g.Shapes[d.Elements[id].ID] = Bounds{x, at.Y + at.Height - eventSize/2, eventSize, eventSize}
	}
}

// edges draws the flows at right angles, around the elements in between; those that lead
// back run below everything.
func (l *layout) edges(g *Diagram) {
	bottom := 0.0
	for _, b := range g.Shapes {
		bottom = max(bottom, b.Y+b.Height)
	}
	bottom += 40 // below labels
	for _, id := range l.d.Order {
		for _, f := range l.d.Elements[id].Outgoing {
			from, to := g.Shapes[id], g.Shapes[l.d.Flows[f].To]
			if l.back[f] {
				g.Edges[f] = []Point{from.below(), {from.center().X, bottom}, {to.center().X, bottom}, to.below()}
				bottom += 24
				continue
			}
			g.Edges[f] = l.forward(l.d.Elements[id], l.d.Flows[f].To, g)
		}
	}
}

// forward draws a flow that leads on: along its own row, or that of its target, whichever
// is free, or else between the rows.
func (l *layout) forward(e *Element, target string, g *Diagram) []Point {
	from, to := g.Shapes[e.ID], g.Shapes[target]
	column, toColumn := l.column[e.ID], l.column[target]
	end := Point{to.X, to.center().Y}
	if e.AttachedTo != "" {
		start, x := from.below(), l.lane(toColumn)
		y := float64(l.row[e.AttachedTo]*rowHeight+taskHeight) + 36
		return []Point{start, {start.X, y}, {x, y}, {x, end.Y}, end}
	}
	start := Point{from.X + from.Width, from.center().Y}
	switch row := l.row[e.ID]; {
	case l.free(row, column, toColumn) && start.Y == end.Y:
		return []Point{start, end}
	case l.free(row, column, toColumn):
		x := l.lane(toColumn)
		return []Point{start, {x, start.Y}, {x, end.Y}, end}
	case l.free(l.row[target], column, toColumn):
		x := l.lane(column + 1)
		return []Point{start, {x, start.Y}, {x, end.Y}, end}
	default:
		x, y, last := l.lane(column+1), float64(row*rowHeight+taskHeight)+24, l.lane(toColumn)
		return []Point{start, {x, start.Y}, {x, y}, {last, y}, {last, end.Y}, end}
	}
}

// lane returns a place for a line that stands, in the gap before a column: the next one,
// so that lines in one gap do not run into each other.
func (l *layout) lane(column int) float64 {
	n := l.lanes[column]
	l.lanes[column]++
	apart := [...]float64{0, 9, -9, 18, -18}
	return float64(column*columnWidth) - 34 + apart[n%len(apart)]
}

// free reports whether nothing stands in a row between two columns.
func (l *layout) free(row, after, before int) bool {
	for column := after + 1; column < before; column++ {
		if l.taken[[2]int{column, row}] {
			return false
		}
	}
	return true
}

func (b Bounds) center() Point { return Point{b.X + b.Width/2, b.Y + b.Height/2} }
func (b Bounds) below() Point  { return Point{b.X + b.Width/2, b.Y + b.Height} }

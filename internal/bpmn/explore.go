package bpmn

import (
	"slices"
	"strings"
)

// maxExplored bounds how much of the ways for a run to stand is looked at, in tokens. A
// process that has more gets no warnings about its joins.
const maxExplored = 200_000

// marking is where tokens are, data aside: flows with a token on them, sorted, one entry
// for each token.
type marking []string

func (m marking) key() string { return strings.Join(m, " ") }

// explore plays the process through, with every choice and every boundary event, and
// warns of joins at which a run can wait for ever, and of branches that run into each
// other.
func (r *reader) explore() {
	first := marking{r.d.Elements[r.d.Start].Outgoing[0]}
	seen := map[string]bool{first.key(): true}
	queue := []marking{first}
	stuck, doubled := make(map[string]bool), make(map[string]bool)
	explored := 0
	for len(queue) > 0 {
		m := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if flow := twice(m); flow != "" {
			doubled[r.d.Flows[flow].To] = true
			continue // further on it only gets worse
		}
		if explored += 1 + len(m)*len(m); explored > maxExplored {
			return
		}
		following, moved := r.d.follow(m)
		if !moved && len(m) > 0 {
			stuck[r.d.Flows[m[0]].To] = true
		}
		for _, f := range following {
			if key := f.key(); !seen[key] {
				seen[key] = true
				queue = append(queue, f)
			}
		}
	}
	for _, id := range r.d.Order {
		if stuck[id] {
			r.warn(r.nodes[id], "a run can wait here for ever: there is a way on which no branch comes by one of the flows", "join only branches of the same parallel gateway, and leave one by an error end event")
		}
		if doubled[id] {
			r.warn(r.nodes[id], "two branches can come here by one flow, and it is done twice", "join them by a parallel gateway before")
		}
	}
}

// twice returns a flow that has two tokens on it.
func twice(m marking) string {
	for i := 1; i < len(m); i++ {
		if m[i] == m[i-1] {
			return m[i]
		}
	}
	return ""
}

// follow returns the markings that can come after m by one element's step. An error end
// is an end of everything. False says that m cannot move at all.
func (d *Definition) follow(m marking) (following []marking, moved bool) {
	for i, flow := range m {
		to := d.Elements[d.Flows[flow].To]
		if to.Kind == ErrorEnd {
			moved = true
			continue
		}
		rest, ok := take(m, i, to)
		if !ok {
			continue
		}
		moved = true
		for _, out := range d.ways(to) {
			next := slices.Concat(rest, out)
			slices.Sort(next)
			following = append(following, next)
		}
	}
	return following, moved
}

// take takes from m the tokens that an element needs, of which that at place i is one.
func take(m marking, i int, to *Element) (marking, bool) {
	if to.Kind != ParallelGateway {
		return slices.Delete(slices.Clone(m), i, i+1), true
	}
	rest := slices.Clone(m)
	for _, in := range to.Incoming {
		j := slices.Index(rest, in)
		if j < 0 {
			return nil, false
		}
		rest = slices.Delete(rest, j, j+1)
	}
	return rest, true
}

// ways returns the flows by which an element can be left, together or one or the other.
func (d *Definition) ways(e *Element) []marking {
	if e.Kind == ExclusiveGateway {
		var ways []marking
		for _, out := range e.Outgoing {
			ways = append(ways, marking{out})
		}
		return ways
	}
	ways := []marking{slices.Clone(e.Outgoing)}
	for _, b := range e.Boundary {
		ways = append(ways, slices.Clone(d.Elements[b].Outgoing))
	}
	return ways
}

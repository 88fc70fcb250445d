package policy

import "slices"

// clash finds the limits that leave nothing: single ones, pairs, and then those that
// only together with more than one other leave nothing. Those before index from are
// taken as known: what is found has one of the others in it.
func clash(limits []placed, from int) []Conflict {
	var found []Conflict
	add := func(c *Conflict) {
		if c != nil && !slices.ContainsFunc(found, c.sameRules) {
			found = append(found, *c)
		}
	}
	for _, group := range byAspect(limits) {
		before := len(found)
		for n, i := range group {
			if i < from {
				continue
			}
			add(alone(&limits[i]))
			for _, j := range group[:n] {
				add(between(&limits[j], &limits[i]))
			}
		}
		if len(found) == before && group[len(group)-1] >= from {
			add(among(limits, group))
		}
	}
	return found
}

// byAspect sorts limits by what they are about, in the order in which they come, and
// returns their indices.
func byAspect(limits []placed) [][]int {
	var groups [][]int
	index := make(map[aspect]int)
	for i, l := range limits {
		n, ok := index[l.of]
		if !ok {
			n = len(groups)
			index[l.of] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], i)
	}
	return groups
}

// severity is that of a conflict between the limits: a policy that monitors refuses
// nothing yet.
func severity(limits ...*placed) Severity {
	if slices.ContainsFunc(limits, func(l *placed) bool { return !l.enforced }) {
		return SeverityWarning
	}
	return SeverityConflict
}

// alone tells of a limit that leaves nothing by itself.
func alone(l *placed) *Conflict {
	if l.only == nil || len(l.only) > 0 {
		return nil
	}
	return &Conflict{severity(l), []Ref{l.ref}, l.says() + ": nothing can pass"}
}

// between tells of two limits of the same aspect that do not go together.
func between(a, b *placed) *Conflict {
	if a.ref == b.ref {
		return nil // one rule's own limits are of its own making
	}
	switch {
	case len(a.only) > 0 && len(b.only) > 0 && !overlap(a.only, b.only),
		covers(b.never, a.only), covers(a.never, b.only),
		covers(b.never, a.some), covers(a.never, b.some),
		overlap(a.all, b.never), overlap(a.never, b.all):
		return &Conflict{severity(a, b), []Ref{a.ref, b.ref}, a.says() + "; " + b.says() + ": nothing can be both"}
	case a.of == ofKeyIdentifier && a.some != nil && b.some != nil && !overlap(a.some, b.some):
		return &Conflict{SeverityWarning, []Ref{a.ref, b.ref}, a.says() + "; " + b.says() + ": only a path with a certificate of each can pass"}
	}
	return nil
}

// covers reports whether never has all of the values, of which there are some.
func covers(never, values []string) bool {
	return len(values) > 0 && len(never) > 0 && len(without(values, never)) == 0
}

// among tells of limits of the same aspect no two of which are at odds, but all of
// them: those in force, or, as a warning, those that monitor as well.
func among(limits []placed, group []int) *Conflict {
	var inForce, all []*placed
	for _, i := range group {
		all = append(all, &limits[i])
		if limits[i].enforced {
			inForce = append(inForce, &limits[i])
		}
	}
	if c := exhausted(inForce); c != nil || len(inForce) == len(all) {
		return c
	}
	return exhausted(all)
}

// exhausted tells of limits that together leave nothing.
func exhausted(limits []*placed) *Conflict {
	var never, left []string
	for _, l := range limits {
		never = append(never, l.never...)
		switch {
		case l.only == nil:
		case left == nil:
			left = l.only
		default:
			left = slices.DeleteFunc(slices.Clone(left), func(v string) bool { return !slices.Contains(l.only, v) })
		}
	}
	empty := covers(never, left) || left != nil && len(left) == 0
	for _, l := range limits {
		empty = empty || covers(never, l.some)
	}
	if !empty {
		return nil
	}
	c := &Conflict{Severity: severity(limits...)}
	for _, l := range limits {
		if !slices.Contains(c.Rules, l.ref) {
			c.Rules = append(c.Rules, l.ref)
		}
	}
	c.Words = "together they leave no " + string(limits[0].of) + ": " + every(names(c.Rules), "rules")
	return c
}

// says tells what a limit leaves.
func (l *placed) says() string {
	text := l.ref.String()
	switch of := " " + string(l.of) + " "; {
	case l.only != nil:
		text += " leaves" + of + either(l.only, "values")
	case l.some != nil:
		text += " takes" + of + either(l.some, "values")
	case l.all != nil:
		text += " takes" + of + every(l.all, "values")
	default:
		text += " denies" + of + either(l.never, "values")
	}
	if l.why != "" {
		text += " (" + l.why + ")"
	}
	return text
}

package mds

import (
	"slices"
	"strings"
	"time"

	"bestow.dev/metadata"
)

// ChangeKind says what became of a model.
type ChangeKind string

// The kinds, the gravest first.
const (
	ChangeRevoked     ChangeKind = "revoked"     // it is not to be trusted any more
	ChangeCompromised ChangeKind = "compromised" // keys or user verification are not safe
	ChangeUpdate      ChangeKind = "update"      // there is newer firmware
	ChangeRestored    ChangeKind = "restored"    // it was revoked or compromised, and is not any more
	ChangeStatus      ChangeKind = "status"      // another status, such as a new certification
)

// Change is a model whose status changed from one BLOB to the next.
type Change struct {
	Model       string          `json:"model"` // AAGUID, AAID or key identifier
	Description string          `json:"description,omitempty"`
	Kind        ChangeKind      `json:"kind"`
	Was         metadata.Status `json:"was,omitempty"` // empty: it had none
	Is          metadata.Status `json:"is,omitempty"`
}

// Changes tell what the BLOB in force changed.
type Changes struct {
	Added   int      `json:"added"`   // models that the one before did not have
	Removed int      `json:"removed"` // models that only the one before had
	Changed int      `json:"changed"` // models whose status changed
	Models  []Change `json:"models,omitempty"`
}

// maxChanges is how many models are named; the gravest come first.
const maxChanges = 200

// compare tells what changed from one BLOB to the next, judged at one time (step 8). A
// new model counts as changed if it comes with a defect. Against no BLOB all is new,
// and nothing changed.
func compare(before, after *metadata.BLOB, at time.Time) Changes {
	if before == nil {
		return Changes{Added: len(after.Entries)}
	}
	var c Changes
	had := make(map[string]*metadata.Entry, len(before.Entries))
	for _, e := range before.Entries {
		had[e.Name()] = e
	}
	for _, e := range after.Entries {
		old, known := had[e.Name()]
		delete(had, e.Name())
		if !known {
			c.Added++
		}
		if change, ok := changeOf(old, e, at); ok {
			c.Changed++
			c.Models = append(c.Models, change)
		}
	}
	c.Removed = len(had)
	order := []ChangeKind{ChangeRevoked, ChangeCompromised, ChangeUpdate, ChangeRestored, ChangeStatus}
	slices.SortStableFunc(c.Models, func(a, b Change) int {
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
	c.Models = c.Models[:min(len(c.Models), maxChanges)]
	return c
}

func changeOf(old, e *metadata.Entry, at time.Time) (Change, bool) {
	was, is := old.StatusAt(at), e.StatusAt(at)
	c := Change{Model: e.Name(), Description: description(e), Was: current(was), Is: current(is)}
	switch {
	case is.Revoked && !was.Revoked:
		c.Kind = ChangeRevoked
	case is.Compromised && len(is.Defects) > len(was.Defects):
		c.Kind = ChangeCompromised
	case old == nil:
		return Change{}, false
	case is.UpdateAvailable && !was.UpdateAvailable:
		c.Kind = ChangeUpdate
	case is.Sound() && !was.Sound():
		c.Kind = ChangeRestored
	case c.Was != c.Is:
		c.Kind = ChangeStatus
	default:
		return Change{}, false
	}
	return c, true
}

func current(s *metadata.Standing) metadata.Status {
	if s.Current == nil {
		return ""
	}
	return s.Current.Status
}

func description(e *metadata.Entry) string {
	if e.Statement == nil {
		return ""
	}
	return e.Statement.Description
}

// of returns the models of one kind, for the log.
func (c *Changes) of(kind ChangeKind) string {
	var names []string
	for _, m := range c.Models {
		if m.Kind == kind {
			names = append(names, m.Model)
		}
	}
	return strings.Join(names, " ")
}

package processes

import (
	"context"
	"slices"
	"time"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/console"
	"bestow.dev/internal/process"
)

// step is a line of a run's timeline as people read it.
type step struct {
	Number  int64
	At      time.Time
	Kind    string // an entry's, or "passed" for what was entered and left at once
	Class   string // "good", "bad", or "plain"
	Name    string // of the element; empty for the run itself
	Texts   []string
	Attempt int
	Actor   console.Party
}

// passed is the kind of a step that was over as soon as it began: a gateway's, an event's.
const passed = "passed"

// addTimeline makes steps of the entries, the newest first.
func (p *runPage) addTimeline(ctx context.Context, names *console.Names) error {
	var steps []step
	for i, e := range p.entries {
		p.callsProcesses = p.callsProcesses || e.Kind == process.EntryCalled
		if i > 0 && isPassing(p.entries[i-1], e) {
			last := &steps[len(steps)-1]
			last.Kind, last.Class = passed, classOf(passed)
			last.Texts = withText(last.Texts, e.Text)
			continue
		}
		actor, err := names.Actor(ctx, e.Actor)
		if err != nil {
			return err
		}
		s := step{Number: e.Seq, At: e.At, Kind: string(e.Kind), Class: classOf(string(e.Kind)), Attempt: e.Attempt, Actor: actor, Texts: withText(nil, e.Text)}
		if e.Element != "" {
			s.Name = nameOf(p.definition, e.Element)
		}
		steps = append(steps, s)
	}
	slices.Reverse(steps)
	if len(steps) > entriesShown && !p.allIsWanted {
		p.Hidden = len(steps) - entriesShown
		steps = steps[:entriesShown]
	}
	p.Timeline = steps
	return nil
}

// isPassing reports whether an element was entered and, with the next entry, left.
func isPassing(before, e process.Entry) bool {
	return before.Kind == process.EntryKind(bpmn.MoveEntered) && e.Kind == process.EntryKind(bpmn.MoveLeft) &&
		before.Element == e.Element && before.Token == e.Token && before.At.Equal(e.At)
}

func withText(texts []string, text string) []string {
	if text == "" {
		return texts
	}
	return append(texts, text)
}

func classOf(kind string) string {
	switch kind {
	case string(process.EntryIncident), string(process.EntryFault), string(bpmn.MoveFailed):
		return "bad"
	case string(bpmn.MoveLeft), passed, string(process.EntryTaskDone):
		return "good"
	default:
		return "plain"
	}
}

package bpmn

// Mark is how an element looks in a picture of a run.
type Mark string

// The marks. Their names are the CSS classes of what has them.
const (
	MarkPassed      Mark = "passed"
	MarkStanding    Mark = "standing" // something is under way here
	MarkFailed      Mark = "failed"
	MarkInterrupted Mark = "interrupted"
)

// words tells a mark to people.
func (m Mark) words() string {
	switch m {
	case MarkPassed:
		return "done"
	case MarkStanding:
		return "under way"
	case MarkFailed:
		return "failed"
	case MarkInterrupted:
		return "interrupted"
	default:
		return ""
	}
}

// Picture says what a drawing shows beside the definition. The zero value shows the
// definition alone.
type Picture struct {
	// Title and Description are read to people who do not see the picture. Empty means the
	// definition's name, and a sentence on where the run stands.
	Title, Description string

	Marks map[string]Mark // by element
	Flows map[string]bool // flows that were taken

	// Unstyled leaves the style out, for a page that has [Style] in a sheet of its own: one
	// that allows no style within.
	Unstyled bool
}

// Show adds what happened at an element, and the flow it was entered by, if any. What
// happened later counts more; a failure stays to be seen.
func (p *Picture) Show(element string, what Move, flow string) {
	if p.Marks == nil {
		p.Marks, p.Flows = make(map[string]Mark), make(map[string]bool)
	}
	if flow != "" && what == MoveEntered {
		p.Flows[flow] = true
	}
	switch what {
	case MoveEntered:
		p.Marks[element] = MarkStanding
	case MoveLeft:
		if p.Marks[element] != MarkFailed {
			p.Marks[element] = MarkPassed
		}
	case MoveInterrupted:
		p.Marks[element] = MarkInterrupted
	case MoveFailed:
		p.Marks[element] = MarkFailed
	}
}

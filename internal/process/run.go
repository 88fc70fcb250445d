package process

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
)

// Run is one run of a process.
type Run struct {
	ID         string
	Tenant     string
	Definition string // the process's id
	Version    int    // of the definition; it stays the same
	Status     Status
	Subject    string      // user id of whom it is for; empty for nobody
	Starter    audit.Actor // who started it
	Via, Ref   string      // through which door, under which request

	// Parent and ParentJob are the run that called it and the job of the call; empty if
	// none did. Root is the run at the top of all calls, itself if it was not called, and
	// Depth how many calls it is away from it.
	Parent, ParentJob string
	Root              string
	Depth             int

	State    bpmn.State
	Revision int64 // rises with each step

	busy bool // somebody waits for a job that has just been made

	// Incidents is how many of its jobs need somebody's help; filled in when read.
	Incidents int

	Created, Updated time.Time
	Ended            time.Time // zero while it runs
}

// Status is where a run is in its life.
type Status string

// The statuses of a run. Only a running one changes.
const (
	Running   Status = "running"
	Completed Status = "completed" // it came to an end event
	Failed    Status = "failed"    // it ended with an error
	Cancelled Status = "cancelled"
)

// statusOf returns the status that an end means.
func statusOf(e *bpmn.Ended) Status {
	switch {
	case e == nil:
		return Running
	case e.Error != "":
		return Failed
	case e.At == "":
		return Cancelled
	}
	return Completed
}

// token returns a living token of the run.
func (r *Run) token(id int64) (bpmn.Token, bool) {
	for _, t := range r.State.Tokens {
		if t.ID == id {
			return t, true
		}
	}
	return bpmn.Token{}, false
}

// Entry is one line of a run's timeline.
type Entry struct {
	Seq     int64 // from 1, no gaps
	At      time.Time
	Kind    EntryKind
	Element string // id in the definition; empty for the run itself
	Token   int64
	Flow    string // by which an element was entered
	Text    string // for people; never a secret or a link
	Attempt int    // of a job; zero for what is none's
	Actor   string // who did it, as kind:id; empty for the process itself
}

// EntryKind is what an entry of the timeline tells of.
type EntryKind string

// The kinds of entries. The moves of package bpmn (entered, left, interrupted, failed)
// are kinds too.
const (
	EntryStarted   EntryKind = "started"
	EntryEnded     EntryKind = "ended"
	EntryNote      EntryKind = "note"      // of a handler
	EntryWaiting   EntryKind = "waiting"   // work whose outcome comes later
	EntryFault     EntryKind = "fault"     // work that will be tried again
	EntryIncident  EntryKind = "incident"  // work that needs somebody's help
	EntryRetried   EntryKind = "retried"   // by an operator
	EntrySkipped   EntryKind = "skipped"   // by an operator
	EntryTaskGiven EntryKind = "task"      // of a person
	EntryTaskDone  EntryKind = "task_done" // by a person
	EntryCalled    EntryKind = "called"    // another process
)

// maxVariableBytes bounds the variables of a run, as JSON.
const maxVariableBytes = 1 << 20

// checkVariables judges variables that come from outside, and what a run would hold.
func checkVariables(vars map[string]json.RawMessage) error {
	size := 0
	for name, v := range vars {
		if err := bpmn.CheckName(name); err != nil {
			return ErrVariables.At(name).Saying("%s", err.Error())
		}
		if !json.Valid(v) || !utf8.Valid(v) {
			return ErrVariables.At(name).Saying("The variable %s is not JSON.", name)
		}
		size += len(name) + len(v)
	}
	if size > maxVariableBytes {
		return ErrVariables.Saying("The variables of a run have more than %d bytes.", maxVariableBytes)
	}
	return nil
}

package bpmn

import (
	"encoding/json"
	"time"
)

// State is where one run of a process stands. Its zero value has not begun. It is JSON
// as it is stored, and its names never change.
type State struct {
	Tokens    []Token                    `json:"tokens,omitempty"`
	Variables map[string]json.RawMessage `json:"variables,omitempty"`
	Last      int64                      `json:"last,omitempty"` // highest token id given
	Ended     *Ended                     `json:"ended,omitempty"`
}

// Token is one place where a run stands: a task under way, or a branch that waits at a
// join. A branch that goes on gets a new token, so that what is heard of an old one late
// or twice can be told from what is heard of the new.
type Token struct {
	ID      int64     `json:"id"`
	Element string    `json:"element"`
	Flow    string    `json:"flow,omitempty"` // it came by, at a join
	Since   time.Time `json:"since"`
}

// Ended says how a run ended.
type Ended struct {
	At      string `json:"at,omitempty"`      // end event, or element that failed; empty if it was cancelled
	Error   string `json:"error,omitempty"`   // code of an error that nothing caught, or of an error end
	Message string `json:"message,omitempty"` // for people
}

// The codes of errors that come out of the process itself. A boundary error at a task
// catches the first of them, if it was the task's; the others end the run.
const (
	CodeExpression = "EXPRESSION" // an expression came to something that makes no sense
	CodeNoFlow     = "NO_FLOW"    // no condition of an exclusive gateway holds, and it has no default
	CodeLoop       = "LOOP"       // more than 10,000 elements were passed without anything happening
	CodeStuck      = "STUCK"      // all branches wait at joins, for tokens that cannot come
	// CodeCancelled is for CallEnded where the called process was cancelled.
	CodeCancelled = "CANCELLED"
)

// Event is something that happened to a run, at a time: one of [Begin], [TaskDone],
// [TaskFailed], [UserDone], [TimerFired], [MessageCame], [CallEnded] and [Cancel].
type Event interface{ event() }

// Begin starts a run with variables.
type Begin struct {
	At        time.Time
	Variables map[string]json.RawMessage
}

// TaskDone says that a service task has done its work, and sets variables. Those that
// its error fields name are cleared: a repeated task tells of its
// last try.
type TaskDone struct {
	At      time.Time
	Token   int64
	Outputs map[string]json.RawMessage
}

// TaskFailed says that a service task ended with a BPMN error. Where the task has the
// parameters errorTypeField, errorStatusField or errorMessageField, the variables they
// name are set and the task ends normally; else a boundary error catches it, or it ends the run.
type TaskFailed struct {
	At      time.Time
	Token   int64
	Code    string
	Status  string // what a party outside called it; empty: nothing
	Message string
}

// UserDone says that a person has completed a user task, and sets variables: those of
// the form's fields that may be written. A form with a key is a page of the program, and
// sets what it likes.
type UserDone struct {
	At     time.Time
	Token  int64
	Values map[string]json.RawMessage
}

// TimerFired says that the boundary timer Element at the task of Token is due.
type TimerFired struct {
	At      time.Time
	Token   int64
	Element string
}

// MessageCame says that a message that was awaited has come, and sets variables.
type MessageCame struct {
	At        time.Time
	Token     int64
	Variables map[string]json.RawMessage
}

// CallEnded says that a called process has ended, with its variables: well, if Error is
// empty. Where it was cancelled, Error is CodeCancelled. What is mapped out of it comes
// back either way, so that whoever catches the error knows more of it; nil for a process
// whose variables nobody knows.
type CallEnded struct {
	At             time.Time
	Token          int64
	Variables      map[string]json.RawMessage
	Error, Message string
}

// Cancel ends a run, whatever it is at.
type Cancel struct {
	At     time.Time
	Reason string // for people
}

func (Begin) event()       {}
func (TaskDone) event()    {}
func (TaskFailed) event()  {}
func (UserDone) event()    {}
func (TimerFired) event()  {}
func (MessageCame) event() {}
func (CallEnded) event()   {}
func (Cancel) event()      {}

// Effect is something for the caller to carry out: one of [DoTask], [AskUser],
// [SetTimer], [Await], [StartCall], [Withdraw], [Moved] and [Finish].
type Effect interface{ effect() }

// DoTask has a service task's work done. TaskDone or TaskFailed follows.
type DoTask struct {
	Token   int64
	Element *Element
	Params  map[string]json.RawMessage // resolved
}

// AskUser gives somebody a task. UserDone follows.
type AskUser struct {
	Token    int64
	Element  *Element
	Assignee string                     // user name; empty: see the form
	Defaults map[string]json.RawMessage // of the form's fields, resolved
}

// SetTimer has TimerFired follow at Due, unless the token is withdrawn or done before.
type SetTimer struct {
	Token   int64
	Element *Element // the boundary timer
	Due     time.Time
}

// Await has MessageCame follow when a message comes.
type Await struct {
	Token   int64
	Element *Element
	Message string
}

// StartCall starts another process. CallEnded follows.
type StartCall struct {
	Token     int64
	Element   *Element
	Process   string
	Variables map[string]json.RawMessage
}

// Withdraw says that whatever was begun for a token is over: its job, its user's task,
// its timers, the message it awaits, the process it called. What still comes of it
// comes to nothing. A token that was answered by TaskDone, TaskFailed, UserDone,
// MessageCame or CallEnded is over without it, and its timers are with it.
type Withdraw struct {
	Token   int64
	Element *Element
}

// Moved tells of a step, for the picture and the timeline.
type Moved struct {
	Token   int64
	Element *Element
	What    Move
	Flow    string // by which it was entered; empty where there is none
	Text    string // for people: a condition's verdict, an error's message
}

// Move is what happened at an element.
type Move string

// The moves.
const (
	MoveEntered     Move = "entered"
	MoveLeft        Move = "left"
	MoveInterrupted Move = "interrupted"
	MoveFailed      Move = "failed"
)

// Finish says that the run has ended. It is the last effect there is of a run.
type Finish struct{ Ended Ended }

func (DoTask) effect()    {}
func (AskUser) effect()   {}
func (SetTimer) effect()  {}
func (Await) effect()     {}
func (StartCall) effect() {}
func (Withdraw) effect()  {}
func (Moved) effect()     {}
func (Finish) effect()    {}

package process

import (
	"context"
	"encoding/json"
	"time"
)

// Handler does the work of one kind of service task. It may be called more than once
// for the same work, after a crash for instance: [Work.Key] is the same each time, and
// what it does with it has to come out the same. It is called from several goroutines at
// once.
//
// What it writes in our own database, with the context it is given, becomes lasting together
// with its outcome, or not at all, and then it may be called again at once. So it writes last,
// and has reached nobody else by then: from its first write on it holds up others.
type Handler interface {
	// Check judges a task's parameters when a definition is deployed: the names that are
	// there, and the values of those that are literals. Its error is for people.
	Check(params map[string]string) error

	// Do does the work. A [*TaskError] is an outcome that the process may deal with;
	// any other error is a fault, and Do is called again after a while.
	Do(ctx context.Context, w Work) (Result, error)
}

// Waker is a [Handler] whose work may end later than Do returns.
type Waker interface {
	Handler

	// Wake looks how work that waits has come along: because something was heard of it,
	// or because its time to look has come. A Result that waits again goes on waiting.
	Wake(ctx context.Context, w Work, wait Wait) (Result, error)
}

// Work is one service task to be done.
type Work struct {
	Tenant   string
	Instance string // id of the run
	Element  string // id of the task in its definition
	Key      string // names this work, and no other, for ever: an idempotency key
	Attempt  int    // from 1
	Actor    string // who started the run, such as "operator:alice"
	Subject  string // user id of whom the run is for; empty for nobody

	Params    map[string]json.RawMessage // resolved
	Variables map[string]json.RawMessage // of the run; for reading
	Now       time.Time
}

// Result is what came of work.
type Result struct {
	// Outputs are variables to set, by name: once the work is over.
	Outputs map[string]json.RawMessage
	// Secrets are variables to set, too: links, codes. They are kept apart from the
	// others and gone when the run has ended. Handlers are given them, and whoever a task
	// is for sees them in its form; listings and the timeline never show them.
	Secrets map[string]json.RawMessage
	// Wait, if set, says that the work is not over: the outcome comes later.
	Wait *Wait
	// Note is for the timeline, in words that people understand; never a secret or link.
	Note string
}

// Wait is work whose outcome comes later. No thread waits: it is a row.
type Wait struct {
	// Key is what news of it are found by: the messaging server and the command, for
	// instance. Whatever of the tenant waits under the same key hears the same news.
	Key string
	// Look is when to look without news. Zero: only news end it.
	Look time.Time
	// Data is the handler's own, at most 64 KiB; no secrets.
	Data json.RawMessage
	// Unheard says that there can be no news yet: what is waited for begins with the
	// transaction that stores the wait. Otherwise it is looked at again without delay.
	Unheard bool `json:"-"`
}

// TaskError is an outcome of a task that the process may deal with: a BPMN error, or
// the error fields of the task.
type TaskError struct {
	Type    string // such as HERMOD_ERROR_TIMEOUT
	Status  string // what the other side called it, such as PIN_BLOCKED; empty: nothing
	Message string // for people
}

// Error returns the text for the log.
func (e *TaskError) Error() string { return e.Type + ": " + e.Message }

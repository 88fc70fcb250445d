package process

import (
	"context"
	"time"
)

// Event is something that happened to a run, for those who are to be told of it.
type Event struct {
	Kind       EventKind
	Time       time.Time
	Tenant     string
	Run        string
	Definition string
	Version    int
	Subject    string // user id; empty for nobody
	Task       string // of a person's task
	Job        string // of an incident
	Status     Status // of the run
	Text       string // for people; never a secret or a link
}

// EventKind says what an event tells of.
type EventKind string

// The kinds of events.
const (
	RunStarted   EventKind = "run.started"
	RunEnded     EventKind = "run.ended"
	TaskGiven    EventKind = "task.given"
	TaskDone     EventKind = "task.done"
	IncidentMade EventKind = "incident.made"
)

// Listener hears of what happens, inside the transaction in which it happens: what it
// stores with the context it is given becomes lasting with it, or not at all. It may be
// called again for the same events, after what it stored was undone; it does not wait,
// call anybody, or keep the context. An error of it undoes the whole.
type Listener interface {
	Hear(ctx context.Context, events []Event) error
}

// tell returns what has the listener told of events; nil if there is nothing to tell.
func (s *Service) tell(events []Event) func(context.Context) error {
	if s.listener == nil || len(events) == 0 {
		return nil
	}
	return func(ctx context.Context) error { return s.listener.Hear(ctx, events) }
}

// eventOf begins an event about a run.
func eventOf(r *Run, kind EventKind, at time.Time) Event {
	return Event{
		Kind: kind, Time: at, Tenant: r.Tenant, Run: r.ID, Definition: r.Definition, Version: r.Version,
		Subject: r.Subject, Status: r.Status,
	}
}

package process

import (
	"context"
	"slices"
	"strings"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/tenant"
)

// Course is where things have come to since a person was given a task: what goes on beside
// it and, once it is over, after it.
type Course struct {
	// Task has its values as long as the run has them.
	Task Task

	// Works are the service tasks that the task's own run has come to so far, in order. A
	// repeated one is there once for each time.
	Works []WorkDone

	// Status is that of the run at the top of all calls, and EndCode and EndText why it
	// ended if it did not end well: an error's code, and words of the definition or of
	// what failed.
	Status           Status
	EndCode, EndText string

	// Busy says that something is being done that needs nobody, so that there is news soon.
	Busy bool

	// Next is the id of the oldest other open task of the same person in the same run or
	// those that it calls or is called by; empty for none.
	Next string
}

// WorkDone is a service task of a run: what there is to say of it to the person whose task
// goes on beside it.
type WorkDone struct {
	Element string // id in the definition
	Task    string // as in [bpmn.Work]
	State   WorkState
	Code    string // of an error; empty unless it failed
	Message string // for people
}

// WorkState is how far the work of a service task is.
type WorkState string

// The states of a service task's work.
const (
	WorkBusy      WorkState = "busy"      // under way, or put off
	WorkStuck     WorkState = "stuck"     // somebody has to help
	WorkSucceeded WorkState = "succeeded" // the run has gone on with what came of it
	WorkFailed    WorkState = "failed"    // with an outcome that the process may deal with
	WorkWithdrawn WorkState = "withdrawn" // the run has gone on without it
)

// Course tells whoever may do a task, or did it, how things go on: also when the task is
// over, so that a page can show what came of it and lead to the next one. To everybody
// else there is no such task. Errors: process.user_task_unknown.
func (s *Service) Course(ctx context.Context, by tenant.Authority, id string) (*Course, error) {
	t, err := s.taskFor(ctx, by, id)
	if err != nil {
		return nil, err
	}
	switch mine, err := s.may(ctx, by, t); {
	case err != nil:
		return nil, err
	case !mine:
		return nil, ErrTaskUnknown
	}
	if err := s.revealTask(ctx, t); err != nil {
		return nil, err
	}
	c := &Course{Task: *t}
	if c.Works, err = s.works(ctx, t); err != nil {
		return nil, err
	}
	root, err := s.store.Run(ctx, t.Tenant, t.Root)
	if err != nil {
		return nil, err
	}
	c.Status = root.Status
	if e := root.State.Ended; e != nil {
		c.EndCode, c.EndText = e.Error, e.Message
	}
	if c.Busy, err = s.goesOn(ctx, t); err != nil {
		return nil, err
	}
	c.Next, err = s.nextTask(ctx, by, t)
	return c, err
}

// works reads from the timeline what became of the service tasks of a task's run.
func (s *Service) works(ctx context.Context, t *Task) ([]WorkDone, error) {
	d, err := s.definition(ctx, t.Tenant, t.Definition, t.Version)
	if err != nil {
		return nil, err
	}
	var works []WorkDone
	at := make(map[int64]int) // by token
	for after := int64(0); ; {
		entries, err := s.store.Timeline(ctx, t.Tenant, t.Run, after, maxPage)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			e := &entries[i]
			after = e.Seq
			element := d.Elements[e.Element]
			if element == nil || element.Kind != bpmn.ServiceTask || e.Token == 0 {
				continue
			}
			if _, known := at[e.Token]; !known {
				at[e.Token] = len(works)
				works = append(works, WorkDone{Element: e.Element, Task: element.Work.Task, State: WorkBusy})
			}
			works[at[e.Token]].heard(e)
		}
		if len(entries) < maxPage {
			return works, nil
		}
	}
}

// heard takes in what an entry of the timeline says.
func (w *WorkDone) heard(e *Entry) {
	switch e.Kind {
	case EntryKind(bpmn.MoveLeft):
		if w.State != WorkFailed { // it may go on all the same, by its error fields
			w.State = WorkSucceeded
		}
	case EntryKind(bpmn.MoveFailed):
		w.State = WorkFailed
		w.Code, w.Message, _ = strings.Cut(e.Text, ": ")
	case EntryKind(bpmn.MoveInterrupted):
		w.State = WorkWithdrawn
	case EntryIncident:
		w.State = WorkStuck
	case EntryRetried, EntrySkipped:
		w.State = WorkBusy
	}
}

// goesOn reports whether a task's run, or the one at the top, has something done.
func (s *Service) goesOn(ctx context.Context, t *Task) (bool, error) {
	for _, run := range slices.Compact([]string{t.Run, t.Root}) {
		jobs, err := s.store.Jobs(ctx, t.Tenant, run)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(jobs, busy) {
			return true, nil
		}
	}
	return false, nil
}

// busy reports whether a job is being done, or soon will be. A call that waits has a run
// of its own, which may wait for anybody.
func busy(j Job) bool {
	switch j.Kind {
	case WorkJob:
		return j.State != JobIncident
	case CallJob, ReturnJob:
		return j.State == JobReady || j.State == JobDelayed
	}
	return false
}

// nextTask returns the id of the oldest other open task that belongs to the same person
// and the same run, or one above or below it, and that by may do.
func (s *Service) nextTask(ctx context.Context, by tenant.Authority, t *Task) (string, error) {
	if t.Assignee == "" {
		return "", nil
	}
	q := TaskQuery{Tenant: t.Tenant, Assignee: t.Assignee, Limit: maxPage}
	for {
		tasks, err := s.store.Tasks(ctx, q)
		if err != nil {
			return "", err
		}
		for i := range tasks {
			next := &tasks[i]
			if next.ID == t.ID || next.Root != t.Root {
				continue
			}
			if mine, err := s.may(ctx, by, next); err != nil || mine {
				return next.ID, err
			}
		}
		if len(tasks) < maxPage {
			return "", nil
		}
		last := &tasks[len(tasks)-1]
		q.AfterTime, q.AfterID = last.Created, last.ID
	}
}

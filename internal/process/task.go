package process

import (
	"context"
	"encoding/json"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/tenant"
)

// Task is something that a run asks of a person.
type Task struct {
	ID         string
	Tenant     string
	Run        string
	Root       string // see Run
	Definition string // of the run
	Version    int
	Token      int64
	Element    string
	Name       string // for people
	State      TaskState

	// Assignee is the user id of whom it is for; empty if it is for a role, or for nobody
	// who is known. AssigneeName is the user name that the process asked for, if any.
	Assignee, AssigneeName string
	Role                   string // which operators and API clients may do it; empty: see Assignee

	// TakenBy is who is doing a task of a role, as kind:id; empty for nobody.
	TakenBy string

	// Form is what is asked for: the definition says it, no row does. Values are what
	// stands in it from the start.
	Form   bpmn.Form
	Values map[string]json.RawMessage

	Created time.Time
	Ended   time.Time // zero while it is open
	DoneBy  string    // as kind:id
}

// TaskState is where a task is in its life.
type TaskState string

// The states of a task. Only an open one changes.
const (
	TaskOpen      TaskState = "open"
	TaskCompleted TaskState = "completed"
	TaskWithdrawn TaskState = "withdrawn" // the run has gone on without it
)

// TaskPage is tasks, the oldest first, without their values. Next is the cursor of the
// page after it, empty on the last.
type TaskPage struct {
	Tasks []Task
	Next  string
}

// TaskFilter says which open tasks are wanted.
type TaskFilter struct {
	Assignee string // user id; empty for all
	Role     string // empty for all
	Run      string // empty for all
	After    string // a page's Next; empty begins
	Limit    int    // 1 to 1000; zero means 100
}

// Tasks returns a page of open tasks. A user sees their own, whatever they ask for, and in
// the session of a link those alone that it reaches; others need process.run. Errors: process.cursor, process.limit.
func (s *Service) Tasks(ctx context.Context, by tenant.Authority, f TaskFilter) (*TaskPage, error) {
	if by.Actor.Kind == audit.User && by.Tenant != "" {
		f.Assignee, f.Role = by.Actor.ID, ""
	} else if err := by.Require(tenant.ScopeProcessRun, ""); err != nil {
		return nil, err
	}
	limit, err := pageLimit(f.Limit)
	if err != nil {
		return nil, err
	}
	q := TaskQuery{Tenant: by.Tenant, Assignee: f.Assignee, Role: f.Role, Run: f.Run, Limit: limit + 1}
	if q.AfterTime, q.AfterID, err = readCursor(f.After); err != nil {
		return nil, err
	}
	tasks, err := s.store.Tasks(ctx, q)
	if err != nil {
		return nil, err
	}
	page := &TaskPage{}
	if len(tasks) > limit {
		tasks = tasks[:limit]
		last := tasks[limit-1]
		page.Next = cursor(last.Created, last.ID)
	}
	for i := range tasks {
		t := &tasks[i]
		t.Values = nil
		if by.Session != "" {
			if mine, err := s.may(ctx, by, t); err != nil {
				return nil, err
			} else if !mine {
				continue
			}
		}
		if err := s.fillForm(ctx, t); err != nil {
			return nil, err
		}
		page.Tasks = append(page.Tasks, *t)
	}
	return page, nil
}

// Task returns a task as whoever may do it sees it: with its values, links and other
// secrets among them. To anybody else with process.run it is shown without values; to
// everybody else there is no such task. Errors: process.user_task_unknown.
func (s *Service) Task(ctx context.Context, by tenant.Authority, id string) (*Task, error) {
	t, err := s.taskFor(ctx, by, id)
	if err != nil {
		return nil, err
	}
	mine, err := s.may(ctx, by, t)
	if err != nil {
		return nil, err
	}
	if !mine {
		t.Values = nil
		return t, nil
	}
	return t, s.revealTask(ctx, t)
}

// revealTask puts the secrets into a task's values.
func (s *Service) revealTask(ctx context.Context, t *Task) error {
	secrets, err := s.store.Secrets(ctx, t.Root)
	if err != nil {
		return err
	}
	t.Values = reveal(t.Values, secrets)
	return nil
}

// taskFor returns a task that by may know of.
func (s *Service) taskFor(ctx context.Context, by tenant.Authority, id string) (*Task, error) {
	if by.Tenant == "" {
		return nil, tenant.ErrDenied
	}
	t, err := s.store.Task(ctx, by.Tenant, id)
	if err != nil {
		return nil, err
	}
	mine, err := s.may(ctx, by, t)
	if err != nil {
		return nil, err
	}
	if !mine && by.Require(tenant.ScopeProcessRun, "") != nil {
		return nil, ErrTaskUnknown
	}
	return t, s.fillForm(ctx, t)
}

// fillForm sets the form of a task as its definition has it.
func (s *Service) fillForm(ctx context.Context, t *Task) error {
	d, err := s.definition(ctx, t.Tenant, t.Definition, t.Version)
	if err != nil {
		return err
	}
	if e := d.Elements[t.Element]; e != nil && e.Form != nil {
		t.Form = *e.Form
	}
	return nil
}

// TakeTask has by do a task of a role, so that nobody else does. Errors:
// process.user_task_unknown, process.user_task_over, process.user_task_taken;
// authority.denied for a task that is not by's to do.
func (s *Service) TakeTask(ctx context.Context, by tenant.Authority, id string) error {
	return s.takeTask(ctx, by, id, by.Actor.String(), "process.task_taken")
}

// GiveTaskBack undoes TakeTask. Errors: those of TakeTask.
func (s *Service) GiveTaskBack(ctx context.Context, by tenant.Authority, id string) error {
	return s.takeTask(ctx, by, id, "", "process.task_given_back")
}

func (s *Service) takeTask(ctx context.Context, by tenant.Authority, id, taker, action string) error {
	t, err := s.taskFor(ctx, by, id)
	if err != nil {
		return err
	}
	if err := s.mustDo(ctx, by, t); err != nil {
		return err
	}
	return s.store.TakeTask(ctx, by.Tenant, id, by.Actor.String(), taker, taskEvent(by, s.clock(), action, t))
}

// CompleteTask hands in a task's form and has the run go on. It returns once what the
// process does at once is done, or after ten seconds, and tells how the run stands then.
//
// Only the assignee may, or for a task of a role whoever holds the role and shares it
// with nobody who has taken it. A form that is not filled in as it should be changes
// nothing. Errors: process.user_task_unknown, process.user_task_over,
// process.user_task_taken, process.form; authority.denied for a task that is not by's to
// do, process.self for one of a role in a run for themselves.
func (s *Service) CompleteTask(ctx context.Context, by tenant.Authority, id string, values map[string]json.RawMessage) (*Run, error) {
	t, err := s.taskFor(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if err := s.mustDo(ctx, by, t); err != nil {
		return nil, err
	}
	if t.State != TaskOpen {
		return nil, ErrTaskOver
	}
	values, err = readForm(&t.Form, values)
	if err != nil {
		return nil, err
	}
	defer s.steps.follow(t.Run)()
	run, err := s.store.Run(ctx, by.Tenant, t.Run)
	if err != nil {
		return nil, err
	}
	if t.Role != "" { // nobody decides for the house what they have asked for
		if err := s.refuseOwn(ctx, by, run.Subject); err != nil {
			return nil, err
		}
	}
	now := s.clock()
	run, err = s.move(ctx, run, &move{
		token: t.Token,
		event: func(at time.Time, _ *Run) (bpmn.Event, error) {
			return bpmn.UserDone{At: at, Token: t.Token, Values: values}, nil
		},
		complete: &Completion{Task: t.ID, By: by.Actor.String(), At: now},
		entries:  []Entry{{At: now, Kind: EntryTaskDone, Element: t.Element, Token: t.Token, Actor: by.Actor.String()}},
		events:   []audit.Event{taskEvent(by, now, "process.task_completed", t)},
	})
	if err != nil {
		return nil, taskOver(err)
	}
	return s.settled(ctx, run)
}

// taskOver turns the end of a task's run into the end of the task.
func taskOver(err error) error {
	if isFault(err, ErrRunEnded) {
		return ErrTaskOver.Because(err)
	}
	return err
}

func taskEvent(by tenant.Authority, at time.Time, action string, t *Task) audit.Event {
	e := by.Event(at, action)
	e.Ref, e.User = t.Run, t.Assignee
	e.Detail = map[string]string{"task": t.ID, "element": t.Element}
	return e
}

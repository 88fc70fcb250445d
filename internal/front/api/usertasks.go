package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

// UserTask is something that a run asks of a person.
type UserTask struct {
	ID         string              `json:"id"`
	Run        string              `json:"run" doc:"Id of the run"`
	Definition string              `json:"definition" doc:"Key of the process"`
	Version    int                 `json:"version"`
	Element    string              `json:"element"`
	Name       string              `json:"name"`
	State      string              `json:"state" enum:"open,completed,withdrawn"`
	User       string              `json:"user,omitempty" doc:"Id of the user it is for; left out if it is for a role, or for nobody who is known"`
	UserName   string              `json:"userName,omitempty" doc:"The login name that the process asked for, if it did"`
	Role       string              `json:"role,omitempty" doc:"Operators who hold it may do the task, and API clients that may do all that it may"`
	TakenBy    string              `json:"takenBy,omitempty" doc:"Who is doing a task of a role"`
	Form       taskForm            `json:"form"`
	Values     map[string]variable `json:"values,omitempty" doc:"What stands in the form from the start: for those alone who may do the task, and not in lists"`
	Created    time.Time           `json:"created"`
	Ended      *time.Time          `json:"ended,omitempty"`
	DoneBy     string              `json:"doneBy,omitempty"`
}

// taskForm is what a person is asked for.
type taskForm struct {
	Key    string      `json:"key,omitempty" doc:"Names a page of the program; left out for one made of fields"`
	Fields []formField `json:"fields" nullable:"false"`
}

type formField struct {
	Name     string       `json:"name"`
	Label    string       `json:"label,omitempty"`
	Type     string       `json:"type" enum:"string,text,long,boolean,date,enum"`
	Required bool         `json:"required"`
	ReadOnly bool         `json:"readOnly"`
	Options  []formOption `json:"options,omitempty" nullable:"false" doc:"Of an enum"`
}

type formOption struct {
	Value string `json:"value"`
	Label string `json:"label,omitempty"`
}

func fromField(f *bpmn.Field) formField {
	out := formField{Name: f.Name, Label: f.Label, Type: string(f.Type), Required: f.Required, ReadOnly: f.ReadOnly}
	for _, o := range f.Options {
		out.Options = append(out.Options, formOption(o))
	}
	return out
}

func fromTask(t *process.Task) UserTask {
	return UserTask{
		ID: t.ID, Run: t.Run, Definition: t.Definition, Version: t.Version, Element: t.Element, Name: t.Name, State: string(t.State),
		User: t.Assignee, UserName: t.AssigneeName, Role: t.Role, TakenBy: t.TakenBy,
		Form: taskForm{Key: t.Form.Key, Fields: each(t.Form.Fields, fromField)}, Values: t.Values,
		Created: t.Created, Ended: unlessZero(t.Ended), DoneBy: t.DoneBy,
	}
}

// TaskPath is the path parameter of calls about one task of a person.
type TaskPath struct {
	ID string `path:"id" doc:"The task's id"`
}

type taskQuery struct {
	Paging
	User string `query:"user" doc:"Id of the user they are for"`
	Role string `query:"role" doc:"The role they are for"`
	Run  string `query:"run" doc:"Id of a run"`
}

type taskCompletion struct {
	TaskPath
	Body struct {
		Values map[string]variable `json:"values,omitempty" doc:"What was filled in, by field"`
	}
}

func (f *front) userTasks() {
	run := scopes(tenant.ScopeProcessRun)
	handle(f, huma.Operation{
		OperationID: "list-user-tasks", Method: http.MethodGet, Path: "/user-tasks", Tags: inProcesses,
		Summary: "Open tasks of people, the oldest first", Security: run,
	}, f.listTasks)
	handle(f, huma.Operation{
		OperationID: "get-user-task", Method: http.MethodGet, Path: "/user-tasks/{id}", Tags: inProcesses,
		Summary: "One task of a person", Security: run,
	}, f.getTask)
	handle(f, huma.Operation{
		OperationID: "take-user-task", Method: http.MethodPost, Path: "/user-tasks/{id}/take", Tags: inProcesses,
		Summary: "Do a task of a role, so that nobody else does", Security: run,
		Description: "For clients that may do all that the role may.",
	}, f.takeTask)
	handle(f, huma.Operation{
		OperationID: "give-back-user-task", Method: http.MethodPost, Path: "/user-tasks/{id}/give-back", Tags: inProcesses,
		Summary: "Leave a task that was taken to others", Security: run,
	}, f.giveTaskBack)
	handle(f, huma.Operation{
		OperationID: "complete-user-task", Method: http.MethodPost, Path: "/user-tasks/{id}/complete", Tags: inProcesses,
		Summary: "Hand in the form of a task of a role, and have the run go on", Security: run,
		Description: "The answer tells how the run stands then, without its variables. A task that is for a user is theirs to do: make a link to it.",
	}, f.completeTask)
	f.taskLinks()
}

func (f *front) listTasks(ctx context.Context, by tenant.Authority, in *taskQuery) (*answer[page[UserTask]], error) {
	found, err := f.Processes.Tasks(ctx, by, process.TaskFilter{
		Assignee: in.User, Role: in.Role, Run: in.Run, After: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return &answer[page[UserTask]]{pageOf(found.Tasks, found.Next, fromTask)}, nil
}

func (f *front) getTask(ctx context.Context, by tenant.Authority, in *TaskPath) (*answer[UserTask], error) {
	t, err := f.Processes.Task(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	return &answer[UserTask]{fromTask(t)}, nil
}

func (f *front) takeTask(ctx context.Context, by tenant.Authority, in *TaskPath) (*answer[UserTask], error) {
	if err := f.Processes.TakeTask(ctx, by, in.ID); err != nil {
		return nil, err
	}
	return f.getTask(ctx, by, in)
}

func (f *front) giveTaskBack(ctx context.Context, by tenant.Authority, in *TaskPath) (*answer[UserTask], error) {
	if err := f.Processes.GiveTaskBack(ctx, by, in.ID); err != nil {
		return nil, err
	}
	return f.getTask(ctx, by, in)
}

func (f *front) completeTask(ctx context.Context, by tenant.Authority, in *taskCompletion) (*answer[ProcessRun], error) {
	r, err := f.Processes.CompleteTask(ctx, by, in.ID, in.Body.Values)
	if err != nil {
		return nil, err
	}
	out := fromRun(r)
	out.Variables = nil // who may do a task may not always see the run
	return &answer[ProcessRun]{out}, nil
}

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/tenant"
)

// freshTaskLink is a link to a task with what opens it.
type freshTaskLink struct {
	ID      string    `json:"id"`
	Task    string    `json:"task" doc:"The task's id"`
	User    string    `json:"user" doc:"Id of the user whom the task is for"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Secret  string    `json:"secret" doc:"Good once; it cannot be had again"`
	Link    string    `json:"link,omitempty" doc:"The page of the task with the secret, for the user alone"`
}

type newTaskLink struct {
	TaskPath
	Body struct {
		LifeSeconds int `json:"lifeSeconds,omitempty" minimum:"60" maximum:"604800" doc:"24 hours if left out"`
	}
}

func (f *front) taskLinks() {
	handle(f, huma.Operation{
		OperationID: "create-user-task-link", Method: http.MethodPost, Path: "/user-tasks/{id}/links", Tags: inProcesses,
		DefaultStatus: http.StatusCreated,
		Summary:       "A link by which the user whom a task is for does it without signing in",
		Description:   "Good once, in one browser. An earlier link to the task is void from then on. Nobody makes one for themselves (process.self).",
		Security:      scopes(tenant.ScopeProcessRun),
	}, f.createTaskLink)
}

func (f *front) createTaskLink(ctx context.Context, by tenant.Authority, in *newTaskLink) (*answer[freshTaskLink], error) {
	made, err := f.Processes.CreateTaskLink(ctx, by, in.ID, seconds(in.Body.LifeSeconds))
	if err != nil {
		return nil, err
	}
	l := &made.Link
	fresh := freshTaskLink{ID: l.ID, Task: l.Task, User: l.User, Created: l.Created, Expires: l.Expires, Secret: made.Secret}
	if f.TaskURL != "" {
		fresh.Link = f.TaskURL + made.Secret
	}
	return &answer[freshTaskLink]{fresh}, nil
}

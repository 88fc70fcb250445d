package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

// ProcessRun is one run of a process.
type ProcessRun struct {
	ID         string              `json:"id"`
	Definition string              `json:"definition" doc:"Key of the process"`
	Version    int                 `json:"version" doc:"Of the definition; a run stays with it"`
	Status     string              `json:"status" enum:"running,completed,failed,cancelled"`
	User       string              `json:"user,omitempty" doc:"Id of the user it is for; left out for nobody"`
	StartedBy  string              `json:"startedBy" doc:"Such as client:idm"`
	Via        string              `json:"via,omitempty" doc:"The door it was started through"`
	CalledBy   string              `json:"calledBy,omitempty" doc:"The run that called it"`
	Incidents  int                 `json:"incidents" doc:"How many of its jobs need somebody's help"`
	At         []string            `json:"at,omitempty" nullable:"false" doc:"Elements where it stands; not in lists"`
	Error      string              `json:"error,omitempty" doc:"Code of the error that it ended with; not in lists"`
	Message    string              `json:"message,omitempty" doc:"Why it ended so, for people; not in lists"`
	Variables  map[string]variable `json:"variables,omitempty" doc:"By name, secret ones as (secret); not in lists"`
	Created    time.Time           `json:"created"`
	Updated    time.Time           `json:"updated"`
	Ended      *time.Time          `json:"ended,omitempty"`
}

// variable is a value of a process: any JSON.
type variable = json.RawMessage

func fromRun(r *process.Run) ProcessRun {
	out := ProcessRun{
		ID: r.ID, Definition: r.Definition, Version: r.Version, Status: string(r.Status), User: r.Subject,
		StartedBy: r.Starter.String(), Via: r.Via, CalledBy: r.Parent, Incidents: r.Incidents,
		Variables: r.State.Variables, Created: r.Created, Updated: r.Updated, Ended: unlessZero(r.Ended),
	}
	for _, t := range r.State.Tokens {
		out.At = append(out.At, t.Element)
	}
	if e := r.State.Ended; e != nil {
		out.Error, out.Message = e.Error, e.Message
	}
	return out
}

// RunPath is the path parameter of calls about one run.
type RunPath struct {
	ID string `path:"id" doc:"The run's id"`
}

// subject names whom a run is for by one of its members.
type subject struct {
	ID   string `json:"id,omitempty" doc:"Ours"`
	Name string `json:"name,omitempty" doc:"Login name"`
}

type newRun struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"What the caller calls this start: to start twice with one key is to start once, and the answer tells how that run stands. Another start with it is refused with process.idempotency"`
	Body           struct {
		Definition string              `json:"definition" doc:"Key of the process; its newest version is taken"`
		User       *subject            `json:"user,omitempty" doc:"Whom it is for, by id or name; left out for nobody"`
		Variables  map[string]variable `json:"variables,omitempty" doc:"By name. The variable user is whom it is for, and set by no caller"`
	}
}

type runQuery struct {
	Paging
	Definition string `query:"definition" doc:"Key of a process"`
	Status     string `query:"status" enum:"running,completed,failed,cancelled"`
	User       string `query:"user" doc:"Id of the user they are for"`
	Incidents  bool   `query:"incidents" doc:"Only those that need somebody's help"`
}

type runCancel struct {
	RunPath
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"For people"`
	}
}

type runMessage struct {
	RunPath
	Body struct {
		Name      string              `json:"name" minLength:"1" doc:"Of the message, as the definition has it"`
		Variables map[string]variable `json:"variables,omitempty" doc:"To set, by name"`
	}
}

func (f *front) processRuns() {
	run := scopes(tenant.ScopeProcessRun)
	handle(f, huma.Operation{
		OperationID: "list-process-runs", Method: http.MethodGet, Path: "/process-runs", Tags: inProcesses,
		Summary: "Runs of processes, the newest first", Security: run,
	}, f.listRuns)
	handle(f, huma.Operation{
		OperationID: "start-process-run", Method: http.MethodPost, Path: "/process-runs", Tags: inProcesses, DefaultStatus: http.StatusCreated,
		Summary: "Start a process", Security: run,
		Description: "It is answered once what the process does at once is done, or after ten seconds. " +
			"Nobody starts one for themselves (process.self), unless it is self-service.",
	}, f.startRun)
	handle(f, huma.Operation{
		OperationID: "get-process-run", Method: http.MethodGet, Path: "/process-runs/{id}", Tags: inProcesses,
		Summary: "One run with its variables", Security: run,
	}, f.getRun)
	handle(f, huma.Operation{
		OperationID: "get-process-run-timeline", Method: http.MethodGet, Path: "/process-runs/{id}/timeline", Tags: inProcesses,
		Summary: "What happened in a run, in order", Security: run,
	}, f.getTimeline)
	handle(f, huma.Operation{
		OperationID: "get-process-run-picture", Method: http.MethodGet, Path: "/process-runs/{id}/picture", Tags: inProcesses,
		Summary: "The process as it is drawn, with where the run came by and stands", Security: run,
		Responses: answersWith(mediaSVG, "The picture"),
	}, f.drawRun)
	handle(f, huma.Operation{
		OperationID: "cancel-process-run", Method: http.MethodPost, Path: "/process-runs/{id}/cancel", Tags: inProcesses,
		Summary: "End a run, whatever it is at, and the runs that it called", Security: run,
	}, f.cancelRun)
	handle(f, huma.Operation{
		OperationID: "deliver-process-message", Method: http.MethodPost, Path: "/process-runs/{id}/messages", Tags: inProcesses,
		Summary: "Hand a run the message that it waits for", Security: run,
	}, f.deliverMessage)
}

func (f *front) listRuns(ctx context.Context, by tenant.Authority, in *runQuery) (*answer[page[ProcessRun]], error) {
	found, err := f.Processes.Runs(ctx, by, process.RunFilter{
		Definition: in.Definition, Status: process.Status(in.Status), Subject: in.User, Incidents: in.Incidents,
		After: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return &answer[page[ProcessRun]]{pageOf(found.Runs, found.Next, fromRun)}, nil
}

func (f *front) startRun(ctx context.Context, by tenant.Authority, in *newRun) (*created[ProcessRun], error) {
	start := process.Start{Definition: in.Body.Definition, Variables: in.Body.Variables, Key: in.IdempotencyKey}
	if who := in.Body.User; who != nil {
		if (who.ID == "") == (who.Name == "") {
			return nil, errRequest.At("user").Saying("user: name the user by id or name, and one of them only.")
		}
		start.Subject, start.SubjectName = who.ID, who.Name
	}
	r, err := f.Processes.Start(ctx, by, start)
	if err != nil {
		return nil, err
	}
	return &created[ProcessRun]{Prefix + "/process-runs/" + r.ID, fromRun(r)}, nil
}

// answerRun answers with a run, or why there is none.
func answerRun(r *process.Run, err error) (*answer[ProcessRun], error) {
	if err != nil {
		return nil, err
	}
	return &answer[ProcessRun]{fromRun(r)}, nil
}

func (f *front) getRun(ctx context.Context, by tenant.Authority, in *RunPath) (*answer[ProcessRun], error) {
	return answerRun(f.Processes.GetRun(ctx, by, in.ID))
}

func (f *front) cancelRun(ctx context.Context, by tenant.Authority, in *runCancel) (*answer[ProcessRun], error) {
	return answerRun(f.Processes.Cancel(ctx, by, in.ID, in.Body.Reason))
}

func (f *front) deliverMessage(ctx context.Context, by tenant.Authority, in *runMessage) (*answer[ProcessRun], error) {
	return answerRun(f.Processes.Deliver(ctx, by, in.ID, in.Body.Name, in.Body.Variables))
}

func (f *front) drawRun(ctx context.Context, by tenant.Authority, in *RunPath) (*picture, error) {
	d, at, err := f.Processes.Drawing(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	return svg(bpmn.Draw(d, at)), nil
}

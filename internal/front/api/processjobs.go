package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

// ProcessJob is something that a run is to have done.
type ProcessJob struct {
	ID      string     `json:"id"`
	Element string     `json:"element" doc:"What it is for"`
	Kind    string     `json:"kind" enum:"work,timer,call,return,stop" doc:"Work of a service task, a timer, or the call of another process and what follows it"`
	State   string     `json:"state" enum:"ready,delayed,waiting,incident" doc:"A delayed one failed and is tried again; one in an incident failed too often"`
	Attempt int        `json:"attempt" doc:"How often it was tried since it last came along"`
	Due     *time.Time `json:"due,omitempty" doc:"Left out where only news or somebody's help moves it"`
	Fault   string     `json:"fault,omitempty" doc:"Why it failed last, for people"`
	Created time.Time  `json:"created"`
}

func fromJob(j *process.Job) ProcessJob {
	out := ProcessJob{
		ID: j.ID, Element: j.Element, Kind: string(j.Kind), State: string(j.State), Attempt: j.Attempt, Fault: j.Fault, Created: j.Created,
	}
	if j.State != process.JobIncident && j.Due.Before(process.Never) {
		out.Due = unlessZero(j.Due)
	}
	return out
}

// jobList is all jobs of a run.
type jobList struct {
	Items []ProcessJob `json:"items" nullable:"false" doc:"The oldest first"`
}

// JobPath is the path parameter of calls about one job.
type JobPath struct {
	ID string `path:"id" doc:"The job's id"`
}

type jobSkip struct {
	JobPath
	Body struct {
		Outputs map[string]variable `json:"outputs,omitempty" doc:"Variables that the task would have set, by name"`
	}
}

func (f *front) processJobs() {
	run := scopes(tenant.ScopeProcessRun)
	handle(f, huma.Operation{
		OperationID: "list-process-jobs", Method: http.MethodGet, Path: "/process-runs/{id}/jobs", Tags: inProcesses,
		Summary: "What a run is to have done: what waits, what failed and why", Security: run,
	}, f.listJobs)
	handle(f, huma.Operation{
		OperationID: "retry-process-job", Method: http.MethodPost, Path: "/process-jobs/{id}/retry", Tags: inProcesses,
		Summary: "Try a job again that has failed too often", Security: run,
	}, f.retryJob)
	handle(f, huma.Operation{
		OperationID: "skip-process-job", Method: http.MethodPost, Path: "/process-jobs/{id}/skip", Tags: inProcesses,
		Summary: "Go on as if a service task that has failed too often were done", Security: run,
	}, f.skipJob)
}

func (f *front) listJobs(ctx context.Context, by tenant.Authority, in *RunPath) (*answer[jobList], error) {
	jobs, err := f.Processes.Jobs(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	return &answer[jobList]{jobList{each(jobs, fromJob)}}, nil
}

func (f *front) retryJob(ctx context.Context, by tenant.Authority, in *JobPath) (*nothing, error) {
	return &nothing{}, f.Processes.Retry(ctx, by, in.ID)
}

func (f *front) skipJob(ctx context.Context, by tenant.Authority, in *jobSkip) (*answer[ProcessRun], error) {
	return answerRun(f.Processes.Skip(ctx, by, in.ID, in.Body.Outputs))
}

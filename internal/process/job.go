package process

import (
	"encoding/json"
	"time"
)

// Job is something that a run is to have done: a row, whoever does it.
type Job struct {
	ID     string // and the idempotency key of its work
	Tenant string
	Run    string
	Token  int64
	// Element is what it is for: the task, the boundary timer, the call.
	Element string
	Kind    JobKind
	State   JobState
	Sync    bool // whoever caused it waits for it

	// Due is when it is to be done, and while somebody does it, when their claim is void.
	Due time.Time
	// Claim is how often it was claimed; a later claim makes an earlier one void.
	// ClaimedBy is the node that does it; empty for none.
	Claim     int64
	ClaimedBy string
	// Attempt is how often it was tried since it last came along.
	Attempt int

	Params json.RawMessage // resolved parameters of a service task; variables of a call
	Wait   *Wait           // of work whose outcome comes later
	News   int64           // how often there was news of it
	Fault  string          // why it failed last, for people

	Created time.Time
}

// JobKind is a kind of job.
type JobKind string

// The kinds of jobs.
const (
	WorkJob   JobKind = "work"   // a service task
	TimerJob  JobKind = "timer"  // a boundary timer
	CallJob   JobKind = "call"   // a process to start, or one that was started
	ReturnJob JobKind = "return" // a called process that has ended: its caller is to hear of it
	StopJob   JobKind = "stop"   // a called process whose caller has gone on: it is to be cancelled
)

// JobState is where a job is in its life.
type JobState string

// The states of a job. One that is done is no more.
const (
	JobReady    JobState = "ready"
	JobDelayed  JobState = "delayed"  // it failed and is tried again at its time
	JobWaiting  JobState = "waiting"  // its outcome comes later
	JobIncident JobState = "incident" // somebody has to help
)

// Never is a time that does not come: of jobs that only news or an operator move.
var Never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// JobClaim is the right to do a job, until it is void.
type JobClaim struct {
	Job    string
	Number int64
}

func (j *Job) claim() JobClaim { return JobClaim{j.ID, j.Claim} }

const (
	// lease is how long a claim holds unless it is renewed: what a node that died was
	// doing is done by another after it.
	lease      = 30 * time.Second
	renewEvery = lease / 3

	// workTime is how long a handler may take. What takes longer is a wait.
	workTime = 2 * time.Minute

	defaultRetries = 5
)

// delays are how long to wait after the first fault, the second and so on; the last
// counts for all later ones.
var delays = [...]time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}

// delayAfter returns how long to wait after an attempt, from 1, that failed.
func delayAfter(attempt int) time.Duration {
	return delays[min(max(attempt, 1), len(delays))-1]
}

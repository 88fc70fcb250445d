package process

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	"bestow.dev/internal/audit"
)

// Store is what a [Service] asks of storage. Methods that change something do it in one
// transaction with the events they are given, or not at all; they join the transaction
// of the context, if there is one. After it is lasting they wake up those who wait for it
// ([WakeJobs], [WakeRun]).
type Store interface {
	DefinitionStore
	RunStore
	JobStore
	TaskStore

	// Together runs fn such that all that it writes, here and in other stores of the same
	// database, becomes lasting together or not at all. The transaction begins with the first
	// write; before it fn may take its time. fn may run more than once. Apply or PostponeJob
	// ends it: an error of theirs undoes all, and may be heard from Together alone.
	Together(ctx context.Context, fn func(ctx context.Context) error) error

	// Begun reports whether ctx is in a transaction that has begun, and HasRoom whether one may
	// take the time of more work: it holds up nobody but who wants the same rows. Within it
	// Together is a part that can fail alone, and what ends that part ends nothing else.
	Begun(ctx context.Context) bool
	HasRoom(ctx context.Context) bool
}

// The keys under which the store wakes up.
const (
	// WakeJobs says that there may be a job to do.
	WakeJobs = "process/jobs"
	// WakeRun, followed by the id of a run, says that it has changed.
	WakeRun = "process/run/"
)

// DefinitionStore keeps definitions. A version that is stored never changes.
type DefinitionStore interface {
	// AddDefinition stores v as the next version of its key, and returns it. If the newest
	// version has the same digest and settings, that one is returned, added is false and
	// there is no event.
	AddDefinition(ctx context.Context, v *Version, e func(v *Version) audit.Event) (stored *Version, added bool, err error)

	// Definition returns a version with its text; the newest for version zero. Errors:
	// process.definition_unknown.
	Definition(ctx context.Context, tenant, key string, version int) (*Version, error)

	// Newest returns the newest version of a key without its text. It may be from memory:
	// what was deployed on another node is seen a second later at the latest, and what was
	// deployed here at once. Errors: process.definition_unknown.
	Newest(ctx context.Context, tenant, key string) (*Version, error)

	// Definitions returns the newest version of each key without its text, by key.
	Definitions(ctx context.Context, tenant string) ([]Version, error)

	// Versions returns the versions of a key without their text, the newest first.
	Versions(ctx context.Context, tenant, key string) ([]Version, error)
}

// Beginning is what a run that begins has beside itself.
type Beginning struct {
	// Key is what its starter calls this start; empty for none. Request is a hash of what
	// was asked for.
	Key     string
	Request [sha256.Size]byte
}

// Change is one step of a run, and all that comes of it.
type Change struct {
	// Run is what to store. Its Revision is the one that the change was made from; the
	// stored one is higher by one.
	Run *Run

	// Begin is set if the run is new.
	Begin *Beginning

	// Spend is the job that the change comes from: it goes. Nil for none.
	Spend *JobClaim

	// Calls is the [CallJob] that a new run comes from: it waits from then on. Nil for none.
	Calls *JobClaim

	// Complete is the person's task that the change comes from; nil for none.
	Complete *Completion

	// Clear are tokens whose jobs go and whose tasks are over: before anything is added.
	// A call among the jobs becomes a [StopJob]. If the run has ended, all its tokens are
	// cleared, and if nobody called it, the secrets are removed.
	Clear []int64

	// Alone says of a run that has ended that nothing was under way but what the change
	// comes from: there is nothing to clear.
	Alone bool

	Jobs    []Job
	Tasks   []Task
	Secrets map[string]json.RawMessage // by reference
	Entries []Entry                    // without Seq

	// Return is the [CallJob] of the run's caller, which becomes a [ReturnJob] that is due; empty
	// for none.
	Return string

	Events []audit.Event

	// Also is called with the transaction's context, after all that is above. It may be called
	// more than once; an error of it undoes everything. Nil for nothing.
	Also func(ctx context.Context) error

	// With are changes of other runs that come of this one: what it calls begins, its caller
	// goes on. They are stored after it, in this order.
	With []*Change
}

// JobLease says whom a claim is for, and until when it holds unless it is renewed.
type JobLease struct {
	Node  string
	Until time.Time
}

// Completion is a task that a person has completed.
type Completion struct {
	Task string
	By   string // as kind:id
	At   time.Time
}

// Caller is a run that waits for one that it has called.
type Caller struct {
	Run   *Run
	Token int64    // which waits
	Call  JobClaim // of the [CallJob], which nobody is at
}

// RunQuery selects runs of a tenant.
type RunQuery struct {
	Tenant     string
	Definition string // empty for all
	Status     Status // empty for all
	Subject    string // user id; empty for all
	Parent     string // run that called them; empty for all
	Incidents  bool   // only those with incidents

	// BeforeTime and BeforeID are where the page before ended; zero begins.
	BeforeTime time.Time
	BeforeID   string
	Limit      int
}

// RunStore keeps runs, their timelines and their secrets.
type RunStore interface {
	// Apply stores a change. A run that begins with a key that its starter has used is
	// not stored: the run that is there is returned, with the hash of its request.
	// Errors: [ErrStale] if the stored run, or one of c.With, has another revision or has ended;
	// [ErrClaimLost] if the claim of c.Spend or c.Calls is void; process.user_task_over if the task
	// of c.Complete is not open, process.user_task_taken if somebody else has taken it.
	Apply(ctx context.Context, c *Change) (before *Run, request [sha256.Size]byte, err error)

	// Run returns a run. Errors: process.run_unknown.
	Run(ctx context.Context, tenant, id string) (*Run, error)

	// CalledRun returns the run that was started by the job of a call; nil for none.
	CalledRun(ctx context.Context, tenant, job string) (*Run, error)

	// Caller returns who waits at the job of a call for the process that was called to end;
	// nil if nobody does.
	Caller(ctx context.Context, tenant, job string) (*Caller, error)

	// Runs returns the runs that q selects without their state, the newest first.
	Runs(ctx context.Context, q RunQuery) ([]Run, error)

	// Timeline returns up to limit entries of a run after the given number, in order.
	Timeline(ctx context.Context, tenant, run string, after int64, limit int) ([]Entry, error)

	// Secrets returns, by reference, the secrets of a run and of those that it called and
	// that called it.
	Secrets(ctx context.Context, root string) (map[string]json.RawMessage, error)

	// PurgeRuns removes up to limit runs that ended before the given time, with all that
	// belongs to them, and returns how many. A run that was called goes with none of it
	// before its caller has heard of its end.
	PurgeRuns(ctx context.Context, before time.Time, limit int) (int, error)
}

// JobQuery says which jobs to claim.
type JobQuery struct {
	At    time.Time
	Lease time.Duration // after which the claim is void and anyone may claim again
	Node  string
	Limit int
}

// Postponement is what becomes of a claimed job that is not done.
type Postponement struct {
	Claim   JobClaim
	Tenant  string
	Run     string
	State   JobState
	Due     time.Time
	Attempt int
	Wait    *Wait  // nil: as it is
	Fault   string // for people

	// Heard is how much news of the job was known when it was looked at. If there was
	// more since, it is due at At.
	Heard int64
	At    time.Time

	Entries []Entry
	Events  []audit.Event
	Also    func(ctx context.Context) error // as in [Change]
}

// News is that something was heard of what waits under a key.
type News struct {
	Tenant, Key string
	At          time.Time // when they are due

	// Lease, if set, claims those that nobody looks at. Claimed is called with them once that
	// is lasting; it is quick.
	Lease   *JobLease
	Claimed func([]Job)
}

// Revival makes a job whose state is an incident ready again.
type Revival struct {
	Tenant, Run, Job string
	At               time.Time
	Entries          []Entry
	Events           []audit.Event
}

// JobStore keeps jobs.
type JobStore interface {
	// ClaimJobs claims jobs that are due, the earliest first, and counts an attempt for
	// each. No job is claimed by two nodes at a time.
	ClaimJobs(ctx context.Context, q JobQuery) ([]Job, error)

	// RenewJobs has claims hold until the given time and returns those that were not void.
	RenewJobs(ctx context.Context, claims []JobClaim, until time.Time) ([]JobClaim, error)

	// NextJob returns when the next job is due, or its claim void; the zero time if there
	// is none.
	NextJob(ctx context.Context) (time.Time, error)

	// PostponeJob gives a claimed job back. Errors: [ErrClaimLost].
	PostponeJob(ctx context.Context, p *Postponement) error

	// EndJob removes a claimed job that nothing comes of. Errors: [ErrClaimLost].
	EndJob(ctx context.Context, c JobClaim) error

	// ReviveJob makes a job that needs help ready. Errors: process.no_incident.
	ReviveJob(ctx context.Context, r *Revival) error

	// Job returns a job. Errors: process.job_unknown.
	Job(ctx context.Context, tenant, id string) (*Job, error)

	// Jobs returns the jobs of a run, the oldest first.
	Jobs(ctx context.Context, tenant, run string) ([]Job, error)

	// News makes the jobs that wait under a key due, and returns how many there are. It
	// writes nothing if there are none.
	News(ctx context.Context, n News) (int, error)

	// Busy returns a run, and reports whether it has jobs that somebody waits for. Errors:
	// process.run_unknown.
	Busy(ctx context.Context, tenant, run string) (r *Run, busy bool, err error)
}

// TaskQuery selects open tasks of a tenant.
type TaskQuery struct {
	Tenant   string
	Assignee string // user id; empty for all
	Role     string // empty for all
	Run      string // empty for all

	// AfterTime and AfterID are where the page before ended; zero begins.
	AfterTime time.Time
	AfterID   string
	Limit     int
}

// TaskStore keeps people's tasks and the links to them.
type TaskStore interface {
	// Task returns a task. Errors: process.user_task_unknown.
	Task(ctx context.Context, tenant, id string) (*Task, error)

	// Tasks returns the open tasks that q selects, the oldest first.
	Tasks(ctx context.Context, q TaskQuery) ([]Task, error)

	// TakeTask notes who has taken an open task, if nobody else has; an empty by gives
	// back what from has taken. Errors: process.user_task_unknown, process.user_task_over,
	// process.user_task_taken.
	TakeTask(ctx context.Context, tenant, id, from, by string, e audit.Event) error

	// AddTaskLink stores a link; an earlier one of the task is void from then on, and the
	// session that it opened ends. Errors: process.user_task_unknown,
	// process.user_task_over.
	AddTaskLink(ctx context.Context, l *TaskLink, e audit.Event) error

	// TaskLink returns a link by the hash of its secret. Errors: process.link_unknown.
	TaskLink(ctx context.Context, secret [sha256.Size]byte) (*TaskLink, error)

	// OpenTaskLink spends a link whose task is open, and opens its session. Of concurrent
	// calls one succeeds. Errors: process.link_unknown, process.link_spent,
	// process.link_expired, process.user_task_over.
	OpenTaskLink(ctx context.Context, o *Opening, e audit.Event) error

	// TaskSession returns the link whose session has that hash. Errors:
	// process.session_unknown, also if its user is locked.
	TaskSession(ctx context.Context, session string) (*TaskLink, error)

	// EndTaskSession ends the session that has that hash. Errors: process.session_unknown.
	EndTaskSession(ctx context.Context, session string, e audit.Event) error
}

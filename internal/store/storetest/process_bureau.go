package storetest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store"
)

// bureau is a process store with what its tests need.
type bureau struct {
	process.Store
	t  testing.TB
	db *store.DB
}

func newBureau(t testing.TB, db *store.DB) *bureau {
	u := &credential.User{ID: "alice", Tenant: "acme", Name: "alice", DisplayName: "Alice", Handle: []byte("a"), Created: noon, Updated: noon}
	check(t, db.CreateUser(t.Context(), u, event("acme", "user.created")))
	return &bureau{Store: db.Process(), t: t, db: db}
}

// newRun is a run of alice's that has begun and stands at token 1.
func newRun(id string) *process.Run {
	return &process.Run{
		ID: id, Tenant: "acme", Definition: "p", Version: 1, Status: process.Running, Subject: "alice",
		Starter: audit.Actor{Kind: audit.Client, ID: "idm"}, Via: "api", Ref: "r", Root: id, Created: noon, Updated: noon,
		State: bpmn.State{
			Tokens: []bpmn.Token{{ID: 1, Element: "a", Since: noon}}, Last: 1,
			Variables: map[string]json.RawMessage{"v": json.RawMessage(`{"x":[1,"\u0000"]}`)},
		},
	}
}

func newJob(id, run string, kind process.JobKind) process.Job {
	return process.Job{
		ID: id, Tenant: "acme", Run: run, Token: 1, Element: "a", Kind: kind, State: process.JobReady, Due: noon, Created: noon,
	}
}

func newTask(id, run string) process.Task {
	return process.Task{
		ID: id, Tenant: "acme", Run: run, Root: run, Definition: "p", Version: 1, Token: 1, Element: "u", Name: "Do it",
		State: process.TaskOpen, Assignee: "alice", Values: map[string]json.RawMessage{"f": json.RawMessage(`1`)}, Created: noon,
	}
}

// begin stores a run that begins, as change makes it.
func (b *bureau) begin(r *process.Run, change func(c *process.Change)) {
	b.t.Helper()
	c := &process.Change{
		Run: r, Begin: &process.Beginning{}, Entries: []process.Entry{{At: noon, Kind: process.EntryStarted}},
		Events: []audit.Event{event("acme", "started "+r.ID)},
	}
	if change != nil {
		change(c)
	}
	before, _, err := b.Apply(b.t.Context(), c)
	check(b.t, err)
	if before != nil {
		b.t.Fatalf("run %s was there already", before.ID)
	}
}

// step stores the next step of a run, as change makes it.
func (b *bureau) step(id string, change func(c *process.Change)) error {
	b.t.Helper()
	r := b.run(id)
	r.Updated = noon.Add(time.Minute)
	c := &process.Change{Run: r, Entries: []process.Entry{{At: noon, Kind: process.EntryNote, Text: "a step"}}}
	change(c)
	_, _, err := b.Apply(b.t.Context(), c)
	return err
}

func (b *bureau) run(id string) *process.Run {
	b.t.Helper()
	r, err := b.Run(b.t.Context(), "acme", id)
	check(b.t, err)
	return r
}

// claim claims all that is due at a time.
func (b *bureau) claim(at time.Time) map[string]process.Job {
	b.t.Helper()
	jobs, err := b.ClaimJobs(b.t.Context(), process.JobQuery{At: at, Lease: 30 * time.Second, Node: "n", Limit: 100})
	check(b.t, err)
	all := make(map[string]process.Job)
	for _, j := range jobs {
		all[j.ID] = j
	}
	return all
}

// wantJobs checks the jobs of a run, as "id kind state".
func (b *bureau) wantJobs(run string, want ...string) {
	b.t.Helper()
	jobs, err := b.Jobs(b.t.Context(), "acme", run)
	check(b.t, err)
	var got []string
	for _, j := range jobs {
		got = append(got, fmt.Sprint(j.ID, " ", j.Kind, " ", j.State))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		b.t.Errorf("run %s has the jobs %q, want %q", run, got, want)
	}
}

func claimOf(j process.Job) *process.JobClaim { return &process.JobClaim{Job: j.ID, Number: j.Claim} }

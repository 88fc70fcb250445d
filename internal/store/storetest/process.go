package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store"
)

// processTests are the promises of process.Store.
var processTests = []test{
	{"versions of definitions", testDefinitions},
	{"a run comes back as it was", testRunRoundTrip},
	{"pages of a timeline", testTimelinePages},
	{"a step from an old revision", testStaleStep},
	{"a key starts one run", testStartKey},
	{"what a step comes from", testCauses},
	{"what a step clears", testClear},
	{"a call and its return", testCall},
	{"a step that means something for other runs", testWith},
	{"a step that is heard", testHeard},
	{"listing runs", testListRuns},
	{"claims of jobs", testClaimJobs},
	{"claims by several at once", testClaimRace},
	{"postponing", testPostpone},
	{"news", testNews},
	{"incidents", testIncidents},
	{"who waits for a run", testBusy},
	{"people's tasks", testTasks},
	{"links of tasks", testTaskLinks},
	{"purging runs", testPurgeRuns},
	{"erasing whom a run is for", testEraseSubject},
	{"wake-ups of processes", testProcessWakes},
}

func testDefinitions(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	ctx := t.Context()
	add := func(text string, change func(*process.Version)) (*process.Version, bool) {
		t.Helper()
		v := &process.Version{
			Tenant: "acme", Key: "p", Name: "P", XML: []byte(text), Digest: sha256.Sum256([]byte(text)), Deployed: noon,
			DeployedBy: audit.Actor{Kind: audit.Operator, ID: "root"},
		}
		change(v)
		stored, added, err := b.AddDefinition(ctx, v, func(v *process.Version) audit.Event { return event("acme", fmt.Sprint("deployed ", v.Version)) })
		check(t, err)
		return stored, added
	}
	same := func(*process.Version) {}
	first, added := add("one", same)
	got, err := b.Definition(ctx, "acme", "p", 0)
	check(t, err)
	if !added || first.Version != 1 {
		t.Errorf("the first is version %d, added %v", first.Version, added)
	}
	wantEqual(t, got, first)
	if again, added := add("one", same); added || again.Version != 1 {
		t.Errorf("the same again is version %d, added %v", again.Version, added)
	}
	add("one", func(v *process.Version) { v.SelfService = true })
	add("two", func(v *process.Version) { v.Forced = true })
	add("one", func(v *process.Version) { v.Key = "a" })
	old, err := b.Definition(ctx, "acme", "p", 1)
	check(t, err)
	wantEqual(t, old, first)
	newest, err := b.Definitions(ctx, "acme")
	check(t, err)
	if len(newest) != 2 || newest[0].Key != "a" || newest[1].Version != 3 || newest[1].XML != nil || !newest[1].Forced {
		t.Errorf("the newest are %+v", newest)
	}
	last, err := b.Newest(ctx, "acme", "p")
	check(t, err)
	wantEqual(t, *last, newest[1])
	_, err = b.Newest(ctx, "beta", "p")
	wantError(t, err, process.ErrDefinitionUnknown)
	all, err := b.Versions(ctx, "acme", "p")
	check(t, err)
	if len(all) != 3 || all[0].Version != 3 || !all[1].SelfService {
		t.Errorf("the versions are %+v", all)
	}
	_, err = b.Definition(ctx, "acme", "p", 4)
	wantError(t, err, process.ErrDefinitionUnknown)
	_, err = b.Definition(ctx, "beta", "p", 0)
	wantError(t, err, process.ErrDefinitionUnknown)
	wantActions(t, db, "acme", "user.created", "deployed 1", "deployed 2", "deployed 3", "deployed 1")
}

func testRunRoundTrip(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	want := newRun("r1")
	b.begin(want, func(c *process.Change) {
		c.Secrets = map[string]json.RawMessage{"secret:1": json.RawMessage(`"s"`)}
		j := newJob("j1", "r1", process.WorkJob)
		j.Sync, j.Params = true, json.RawMessage(`{"p":1}`)
		c.Jobs = []process.Job{j}
		c.Tasks = []process.Task{newTask("t1", "r1")}
	})
	want.Revision = 1
	wantEqual(t, b.run("r1"), want)
	j, err := b.Job(t.Context(), "acme", "j1")
	check(t, err)
	wantJob := newJob("j1", "r1", process.WorkJob)
	wantJob.Sync, wantJob.Params = true, json.RawMessage(`{"p":1}`)
	wantEqual(t, *j, wantJob)
	task, err := b.Task(t.Context(), "acme", "t1")
	check(t, err)
	wantEqual(t, *task, newTask("t1", "r1"))
	secrets, err := b.Secrets(t.Context(), "r1")
	check(t, err)
	wantEqual(t, secrets, map[string]json.RawMessage{"secret:1": json.RawMessage(`"s"`)})

	// The timeline goes on from step to step.
	many := make([]process.Entry, 20)
	for i := range many {
		many[i] = process.Entry{At: noon, Kind: process.EntryNote, Element: "a", Token: 1, Flow: "f", Text: fmt.Sprint("n", i, "\x00"), Attempt: i, Actor: "user:a"}
	}
	check(t, b.step("r1", func(c *process.Change) { c.Entries = many }))
	entries, err := b.Timeline(t.Context(), "acme", "r1", 0, 100)
	check(t, err)
	if len(entries) != 21 || entries[0].Kind != process.EntryStarted {
		t.Fatalf("the timeline has %d entries and begins with %+v", len(entries), entries[0])
	}
	for i, e := range entries[1:] {
		want := many[i]
		want.Seq, want.Text = int64(i+2), fmt.Sprint("n", i, "\uFFFD")
		wantEqual(t, e, want)
	}
	page, err := b.Timeline(t.Context(), "acme", "r1", 5, 3)
	check(t, err)
	if len(page) != 3 || page[0].Seq != 6 {
		t.Errorf("the page after 5 is %+v", page)
	}
	if none, err := b.Timeline(t.Context(), "beta", "r1", 0, 100); err != nil || len(none) != 0 {
		t.Errorf("another tenant reads %+v (%v)", none, err)
	}
	_, err = b.Run(t.Context(), "beta", "r1")
	wantError(t, err, process.ErrRunUnknown)
	_, err = b.Job(t.Context(), "beta", "j1")
	wantError(t, err, process.ErrJobUnknown)
	_, err = b.Task(t.Context(), "beta", "t1")
	wantError(t, err, process.ErrTaskUnknown)
	wantActions(t, db, "acme", "user.created", "started r1")
}

func testStaleStep(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), nil)
	check(t, b.step("r1", func(c *process.Change) { c.Run.State.Last = 7 }))
	for name, spoil := range map[string]func(*process.Change){
		"old": func(c *process.Change) { c.Run.Revision-- },
		"new": func(c *process.Change) { c.Run.Revision++ },
	} {
		err := b.step("r1", func(c *process.Change) {
			spoil(c)
			c.Jobs, c.Events = []process.Job{newJob("j-"+name, "r1", process.WorkJob)}, []audit.Event{event("acme", name)}
		})
		wantError(t, err, process.ErrStale)
		wantError(t, b.step("r1", spoil), process.ErrStale) // with nothing that comes of it
	}
	b.wantJobs("r1")
	ended := func(c *process.Change) {
		c.Run.Status, c.Run.Ended = process.Completed, noon.Add(time.Minute)
		c.Run.State = bpmn.State{Last: 7, Ended: &bpmn.Ended{At: "end"}}
	}
	check(t, b.step("r1", ended))
	if r := b.run("r1"); r.Status != process.Completed || r.Revision != 3 || r.State.Last != 7 || !r.Ended.Equal(noon.Add(time.Minute)) {
		t.Errorf("the run is %+v", r)
	}
	wantError(t, b.step("r1", func(*process.Change) {}), process.ErrStale)
	wantActions(t, db, "acme", "user.created", "started r1")
}

func testStartKey(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	begin := func(r *process.Run, key string, request byte) (*process.Run, [sha256.Size]byte) {
		t.Helper()
		c := &process.Change{
			Run: r, Begin: &process.Beginning{Key: key, Request: [sha256.Size]byte{request}}, Jobs: []process.Job{newJob("j-"+r.ID, r.ID, process.WorkJob)},
		}
		before, hash, err := b.Apply(t.Context(), c)
		check(t, err)
		return before, hash
	}
	if before, _ := begin(newRun("r1"), "k", 1); before != nil {
		t.Error("the first was there")
	}
	before, hash := begin(newRun("r2"), "k", 2)
	if before == nil || before.ID != "r1" || hash != [sha256.Size]byte{1} {
		t.Errorf("the second is %+v with hash %x, want the first", before, hash[0])
	}
	_, err := b.Run(t.Context(), "acme", "r2")
	wantError(t, err, process.ErrRunUnknown)
	other := newRun("r3")
	other.Starter.ID = "another"
	if before, _ := begin(other, "k", 1); before != nil {
		t.Error("the key of another starter counted")
	}
	for _, id := range []string{"r4", "r5"} {
		if before, _ := begin(newRun(id), "", 1); before != nil {
			t.Error("a start without key was taken for another")
		}
	}
}

// testCauses: a step that comes from a job or a task takes it, or does not happen.
func testCauses(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), func(c *process.Change) {
		c.Jobs = []process.Job{newJob("j1", "r1", process.WorkJob)}
		c.Tasks = []process.Task{newTask("t1", "r1")}
	})
	job := b.claim(noon)["j1"]
	wantError(t, b.step("r1", func(c *process.Change) { c.Spend = &process.JobClaim{Job: "j1", Number: job.Claim - 1} }), process.ErrClaimLost)
	check(t, b.step("r1", func(c *process.Change) { c.Spend = claimOf(job) }))
	wantError(t, b.step("r1", func(c *process.Change) { c.Spend = claimOf(job) }), process.ErrClaimLost)

	complete := func(by string) error {
		return b.step("r1", func(c *process.Change) { c.Complete = &process.Completion{Task: "t1", By: by, At: noon} })
	}
	check(t, b.TakeTask(t.Context(), "acme", "t1", "user:alice", "user:alice", event("acme", "taken")))
	wantError(t, complete("user:bob"), process.ErrTaskTaken)
	check(t, complete("user:alice"))
	wantError(t, complete("user:alice"), process.ErrTaskOver)
	task, err := b.Task(t.Context(), "acme", "t1")
	check(t, err)
	if task.State != process.TaskCompleted || task.DoneBy != "user:alice" || !task.Ended.Equal(noon) {
		t.Errorf("the task is %+v", task)
	}
	if r := b.run("r1"); r.Revision != 3 {
		t.Errorf("the run has revision %d, want 3: refused steps left something", r.Revision)
	}
}

func testClear(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), func(c *process.Change) {
		other := newJob("j2", "r1", process.WorkJob)
		other.Token = 2
		later := newTask("t2", "r1")
		later.Token = 2
		c.Jobs = []process.Job{newJob("j1", "r1", process.TimerJob), other}
		c.Tasks = []process.Task{newTask("t1", "r1"), later}
		c.Secrets = map[string]json.RawMessage{"secret:1": json.RawMessage(`1`)}
	})
	check(t, b.step("r1", func(c *process.Change) {
		c.Clear = []int64{1}
		c.Jobs = []process.Job{newJob("j3", "r1", process.WorkJob)} // of the same token, and newer
	}))
	b.wantJobs("r1", "j2 work ready", "j3 work ready")
	open := func(want ...string) {
		t.Helper()
		tasks, err := b.Tasks(t.Context(), process.TaskQuery{Tenant: "acme", Limit: 10})
		check(t, err)
		var got []string
		for _, task := range tasks {
			got = append(got, task.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("open tasks are %q, want %q", got, want)
		}
	}
	open("t2")
	check(t, b.step("r1", func(c *process.Change) { c.Run.Status, c.Run.Ended = process.Cancelled, noon }))
	b.wantJobs("r1")
	open()
	secrets, err := b.Secrets(t.Context(), "r1")
	check(t, err)
	if len(secrets) != 0 {
		t.Errorf("%d secrets are left of a run that has ended", len(secrets))
	}
}

func testCall(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), func(c *process.Change) { c.Jobs = []process.Job{newJob("j1", "r1", process.CallJob)} })
	child := newRun("r2")
	child.Parent, child.ParentJob, child.Root, child.Depth = "r1", "j1", "r1", 1
	job := b.claim(noon)["j1"]
	void := &process.Change{Run: child, Begin: &process.Beginning{}, Calls: &process.JobClaim{Job: "j1", Number: job.Claim + 1}}
	_, _, err := b.Apply(t.Context(), void)
	wantError(t, err, process.ErrClaimLost)
	if none, err := b.CalledRun(t.Context(), "acme", "j1"); none != nil || err != nil {
		t.Errorf("a call that was not made has the run %+v (%v)", none, err)
	}
	wakes(t, db, process.WakeRun+"r1", "the call that it made", func() {
		b.begin(child, func(c *process.Change) {
			c.Calls = claimOf(job)
			c.Secrets = map[string]json.RawMessage{"secret:1": json.RawMessage(`1`)}
		})
	})
	b.wantJobs("r1", "j1 call waiting")
	got, err := b.CalledRun(t.Context(), "acme", "j1")
	check(t, err)
	wantEqual(t, got, b.run("r2"))

	// It ends, and its caller hears of it. Its secrets stay, for its caller.
	end := func(c *process.Change) { c.Run.Status, c.Run.Ended, c.Return = process.Completed, noon, "j1" }
	check(t, b.step("r2", end))
	b.wantJobs("r1", "j1 return ready")
	if secrets, err := b.Secrets(t.Context(), "r1"); err != nil || len(secrets) != 1 {
		t.Errorf("%d secrets (%v) are there for the caller, want one", len(secrets), err)
	}

	// A call whose caller goes on first is to be stopped; its end is nothing to anybody.
	b.begin(newRun("r3"), func(c *process.Change) { c.Jobs = []process.Job{newJob("j3", "r3", process.CallJob)} })
	child = newRun("r4")
	child.Parent, child.ParentJob, child.Root = "r3", "j3", "r3"
	job = b.claim(noon)["j3"]
	b.begin(child, func(c *process.Change) { c.Calls = claimOf(job) })
	check(t, b.step("r3", func(c *process.Change) { c.Run.Status, c.Run.Ended = process.Cancelled, noon }))
	b.wantJobs("r3", "j3 stop ready")
	job = b.claim(noon.Add(time.Hour))["j3"]
	check(t, b.step("r4", func(c *process.Change) {
		c.Run.Status, c.Run.Ended, c.Return = process.Cancelled, noon, "j3"
		c.Spend = claimOf(job)
	}))
	b.wantJobs("r3")
}

// testHeard: what a listener stores is one with the step.
func testHeard(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), nil)
	refused := errors.New("refused")
	err := b.step("r1", func(c *process.Change) {
		c.Also = func(ctx context.Context) error {
			return errors.Join(db.Record(ctx, event("acme", "heard")), refused)
		}
	})
	wantError(t, err, refused)
	check(t, b.step("r1", func(c *process.Change) {
		c.Also = func(ctx context.Context) error { return db.Record(ctx, event("acme", "heard at last")) }
	}))
	if r := b.run("r1"); r.Revision != 2 {
		t.Errorf("the run has revision %d, want 2", r.Revision)
	}
	wantActions(t, db, "acme", "user.created", "started r1", "heard at last")
}

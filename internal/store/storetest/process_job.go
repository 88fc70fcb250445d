package storetest

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store"
)

func testClaimJobs(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), func(c *process.Change) {
		early, late := newJob("early", "r1", process.WorkJob), newJob("late", "r1", process.WorkJob)
		early.Due, late.Due = noon.Add(-time.Minute), noon.Add(time.Minute)
		owned := newJob("owned", "r1", process.WorkJob)
		owned.Claim, owned.ClaimedBy, owned.Attempt, owned.Due = 1, "me", 1, noon.Add(30*time.Second)
		c.Jobs = []process.Job{late, newJob("now", "r1", process.WorkJob), early, owned}
	})
	next := func(want time.Time) {
		t.Helper()
		if got, err := b.NextJob(t.Context()); err != nil || !got.Equal(want) {
			t.Errorf("the next job is at %v (%v), want %v", got, err, want)
		}
	}
	next(noon.Add(-time.Minute))
	jobs, err := b.ClaimJobs(t.Context(), process.JobQuery{At: noon, Lease: 20 * time.Second, Node: "n1", Limit: 1})
	check(t, err)
	if len(jobs) != 1 || jobs[0].ID != "early" || jobs[0].Claim != 1 || jobs[0].Attempt != 1 || jobs[0].ClaimedBy != "n1" || !jobs[0].Due.Equal(noon.Add(20*time.Second)) {
		t.Fatalf("claimed %+v, want the earliest", jobs)
	}
	early := jobs[0]
	if got := b.claim(noon); len(got) != 1 || got["now"].ID == "" {
		t.Errorf("claimed %+v, want what is due", got)
	}
	next(noon.Add(20 * time.Second))

	// A claim that is renewed holds; one that ran out is another's.
	claims := []process.JobClaim{*claimOf(early), {Job: "owned", Number: 1}, {Job: "now", Number: 7}, {Job: "gone", Number: 1}}
	renewed, err := b.RenewJobs(t.Context(), claims, noon.Add(time.Hour))
	check(t, err)
	wantEqual(t, renewed, claims[:2])
	got := b.claim(noon.Add(time.Minute))
	if len(got) != 2 || got["now"].Claim != 2 || got["now"].Attempt != 2 || got["late"].Claim != 1 {
		t.Errorf("claimed %+v, want the one whose claim ran out and the late one", got)
	}
	wantError(t, b.EndJob(t.Context(), process.JobClaim{Job: "now", Number: 1}), process.ErrClaimLost)
	check(t, b.EndJob(t.Context(), *claimOf(got["now"])))
	check(t, b.EndJob(t.Context(), *claimOf(early)))
	b.wantJobs("r1", "late work ready", "owned work ready")
}

// testClaimRace: no job is claimed twice, whoever asks at the same time.
func testClaimRace(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	const jobs, nodes = 50, 5
	b.begin(newRun("r1"), func(c *process.Change) {
		for i := range jobs {
			c.Jobs = append(c.Jobs, newJob(fmt.Sprint("j", i), "r1", process.WorkJob))
		}
	})
	var (
		mu      sync.Mutex
		claimed = make(map[string]int)
		all     sync.WaitGroup
	)
	for n := range nodes {
		all.Go(func() {
			for range jobs {
				got, err := b.ClaimJobs(t.Context(), process.JobQuery{At: noon, Lease: time.Minute, Node: fmt.Sprint("n", n), Limit: 3})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, j := range got {
					claimed[j.ID]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(claimed) != jobs {
		t.Errorf("%d jobs were claimed, want %d", len(claimed), jobs)
	}
	for id, n := range claimed {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
}

// putOff postpones a claimed job of r1, as change makes it.
func (b *bureau) putOff(j process.Job, change func(p *process.Postponement)) error {
	b.t.Helper()
	p := &process.Postponement{
		Claim: *claimOf(j), Tenant: "acme", Run: j.Run, State: process.JobDelayed, Due: noon.Add(time.Hour), At: noon.Add(time.Second),
		Attempt: j.Attempt, Heard: j.News, Fault: "no\x00",
	}
	change(p)
	return b.PostponeJob(b.t.Context(), p)
}

func testPostpone(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), func(c *process.Change) { c.Jobs = []process.Job{newJob("j1", "r1", process.WorkJob)} })
	job := b.claim(noon)["j1"]
	lost := job
	lost.Claim++
	err := b.putOff(lost, func(p *process.Postponement) {
		p.Entries, p.Events = []process.Entry{{At: noon, Kind: process.EntryFault}}, []audit.Event{event("acme", "lost")}
	})
	wantError(t, err, process.ErrClaimLost)
	wait := &process.Wait{Key: "k", Look: noon.Add(time.Hour), Data: json.RawMessage(`{"d":1}`)}
	check(t, b.putOff(job, func(p *process.Postponement) {
		p.Wait, p.State, p.Attempt = wait, process.JobWaiting, 0
		p.Entries, p.Events = []process.Entry{{At: noon, Kind: process.EntryWaiting}}, []audit.Event{event("acme", "put off")}
	}))
	got, err := b.Job(t.Context(), "acme", "j1")
	check(t, err)
	want := newJob("j1", "r1", process.WorkJob)
	want.State, want.Claim, want.Due, want.Wait, want.Fault = process.JobWaiting, 1, noon.Add(time.Hour), wait, "no\uFFFD"
	wantEqual(t, *got, want)
	if r := b.run("r1"); r.Revision != 1 {
		t.Errorf("postponing made revision %d of the run", r.Revision)
	}
	// What it waits for stays if nothing is said of it.
	check(t, b.putOff(b.claim(noon.Add(time.Hour))["j1"], func(*process.Postponement) {}))
	got, err = b.Job(t.Context(), "acme", "j1")
	check(t, err)
	wantEqual(t, got.Wait, wait)
	entries, err := b.Timeline(t.Context(), "acme", "r1", 0, 10)
	check(t, err)
	if len(entries) != 2 || entries[1].Seq != 2 || entries[1].Kind != process.EntryWaiting {
		t.Errorf("the timeline is %+v", entries)
	}
	wantActions(t, db, "acme", "user.created", "started r1", "put off")
}

func testNews(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), func(c *process.Change) { c.Jobs = []process.Job{newJob("j1", "r1", process.WorkJob)} })
	wait := func(p *process.Postponement) { p.Wait, p.State = &process.Wait{Key: "k"}, process.JobWaiting }
	check(t, b.putOff(b.claim(noon)["j1"], wait))
	news := func(tenant, key string, want int) {
		t.Helper()
		if n, err := b.News(t.Context(), process.News{Tenant: tenant, Key: key, At: noon.Add(time.Minute)}); err != nil || n != want {
			t.Errorf("news of %s/%s reached %d (%v), want %d", tenant, key, n, err, want)
		}
	}
	news("acme", "other", 0)
	news("beta", "k", 0)
	news("acme", "", 0)
	if got := b.claim(noon.Add(time.Minute)); len(got) != 0 {
		t.Errorf("%+v is due without news", got)
	}
	news("acme", "k", 1)
	job := b.claim(noon.Add(time.Minute))["j1"]
	if job.News != 1 {
		t.Fatalf("the job is %+v, want one news of it", job)
	}
	// News while it is looked at leave the claim alone, and have it looked at again.
	news("acme", "k", 1)
	if got := b.claim(noon.Add(time.Minute)); len(got) != 0 {
		t.Errorf("%+v was claimed twice", got)
	}
	check(t, b.putOff(job, wait))
	job, ok := b.claim(noon.Add(time.Second))["j1"]
	if !ok || job.News != 2 {
		t.Errorf("after news while it was looked at the job is %+v", job)
	}
	check(t, b.putOff(job, wait))
	if got := b.claim(noon.Add(time.Minute)); len(got) != 0 {
		t.Errorf("%+v is due, and all news of it were heard", got)
	}
}

func testIncidents(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), func(c *process.Change) { c.Jobs = []process.Job{newJob("j1", "r1", process.WorkJob)} })
	revive := func(tenant string) error {
		return b.ReviveJob(t.Context(), &process.Revival{
			Tenant: tenant, Run: "r1", Job: "j1", At: noon.Add(time.Minute), Entries: []process.Entry{{At: noon, Kind: process.EntryRetried}},
			Events: []audit.Event{event("acme", "retried")},
		})
	}
	job := b.claim(noon)["j1"]
	wantError(t, revive("acme"), process.ErrNoIncident)
	check(t, b.putOff(job, func(p *process.Postponement) { p.State, p.Due = process.JobIncident, process.Never }))
	if r := b.run("r1"); r.Incidents != 1 {
		t.Errorf("the run has %d incidents, want one", r.Incidents)
	}
	wantError(t, revive("beta"), process.ErrNoIncident)
	check(t, revive("acme"))
	wantError(t, b.EndJob(t.Context(), *claimOf(job)), process.ErrClaimLost)
	if j := b.claim(noon.Add(time.Minute))["j1"]; j.State != process.JobReady || j.Attempt != 1 {
		t.Errorf("the job is %+v, want it ready for a first try", j)
	}
	entries, err := b.Timeline(t.Context(), "acme", "r1", 0, 10)
	check(t, err)
	if len(entries) != 2 {
		t.Errorf("the timeline is %+v", entries)
	}
	wantActions(t, db, "acme", "user.created", "started r1", "retried")
}

func testBusy(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), func(c *process.Change) {
		sync := newJob("sync", "r1", process.WorkJob)
		sync.Sync = true
		c.Jobs = []process.Job{sync, newJob("async", "r1", process.WorkJob)}
	})
	busy := func(want bool) {
		t.Helper()
		r, got, err := b.Busy(t.Context(), "acme", "r1")
		check(t, err)
		if got != want {
			t.Errorf("busy is %v, want %v", got, want)
		}
		wantEqual(t, r, b.run("r1"))
	}
	_, _, err := b.Busy(t.Context(), "beta", "r1")
	wantError(t, err, process.ErrRunUnknown)
	busy(true)
	job := b.claim(noon)["sync"]
	busy(true)
	check(t, b.putOff(job, func(*process.Postponement) {}))
	busy(false)
}

func testPurgeRuns(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	for _, id := range []string{"running", "old", "young", "caller"} {
		b.begin(newRun(id), func(c *process.Change) {
			c.Jobs = []process.Job{newJob("j-"+id, id, process.CallJob)}
			c.Tasks = []process.Task{newTask("t-"+id, id)}
		})
	}
	child := newRun("child")
	child.Parent, child.ParentJob, child.Root = "caller", "j-caller", "caller"
	job := b.claim(noon)["j-caller"]
	b.begin(child, func(c *process.Change) { c.Calls = claimOf(job) })
	end := func(id string, at time.Time) {
		t.Helper()
		check(t, b.step(id, func(c *process.Change) { c.Run.Status, c.Run.Ended, c.Return = process.Completed, at, c.Run.ParentJob }))
	}
	end("old", noon)
	end("young", noon.Add(time.Hour))
	end("child", noon)
	purge := func(limit, want int) {
		t.Helper()
		if n, err := b.PurgeRuns(t.Context(), noon.Add(time.Hour), limit); err != nil || n != want {
			t.Errorf("%d runs were removed (%v), want %d", n, err, want)
		}
	}
	purge(10, 1) // the child's caller has not heard of it yet
	_, err := b.Run(t.Context(), "acme", "old")
	wantError(t, err, process.ErrRunUnknown)
	_, err = b.Task(t.Context(), "acme", "t-old")
	wantError(t, err, process.ErrTaskUnknown)
	job = b.claim(noon.Add(time.Minute))["j-caller"]
	check(t, b.step("caller", func(c *process.Change) { c.Spend = claimOf(job) }))
	end("caller", noon)
	purge(1, 1)
	purge(1, 1)
	purge(1, 0)
	b.run("young")
	b.run("running")
}

// testEraseSubject: what is about a person goes with them; a task that was theirs in the
// run of another stays, for somebody else.
func testEraseSubject(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	others := newRun("others")
	others.Subject = ""
	for _, r := range []*process.Run{newRun("theirs"), others} {
		b.begin(r, func(c *process.Change) {
			c.Jobs = []process.Job{newJob("j-"+r.ID, r.ID, process.WorkJob)}
			c.Tasks = []process.Task{newTask("t-"+r.ID, r.ID)}
		})
	}
	check(t, db.EraseUser(t.Context(), credential.UserErasure{Tenant: "acme", ID: "alice"}, event("acme", "user.erased")))
	_, err := b.Run(t.Context(), "acme", "theirs")
	wantError(t, err, process.ErrRunUnknown)
	_, err = b.Job(t.Context(), "acme", "j-theirs")
	wantError(t, err, process.ErrJobUnknown)
	task, err := b.Task(t.Context(), "acme", "t-others")
	check(t, err)
	if task.Assignee != "" || task.State != process.TaskOpen {
		t.Errorf("the task is %+v", task)
	}
}

func testProcessWakes(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	wakes(t, db, process.WakeJobs, "a job", func() {
		b.begin(newRun("r1"), func(c *process.Change) { c.Jobs = []process.Job{newJob("j1", "r1", process.WorkJob)} })
	})
	wakesNot(t, db, process.WakeJobs, "a job that is claimed already", func() {
		b.begin(newRun("r2"), func(c *process.Change) {
			mine := newJob("j2", "r2", process.WorkJob)
			mine.Claim, mine.ClaimedBy, mine.Due = 1, "me", noon.Add(time.Minute)
			c.Jobs = []process.Job{mine}
		})
	})
	wakes(t, db, process.WakeRun+"r1", "a step", func() { check(t, b.step("r1", func(*process.Change) {})) })
	wakesNot(t, db, process.WakeRun+"r1", "a step that was not taken", func() { b.step("r1", func(c *process.Change) { c.Run.Revision-- }) })
	check(t, b.step("r2", func(c *process.Change) { c.Jobs = []process.Job{newJob("j3", "r2", process.CallJob)} }))
	call := b.claim(noon)
	wakes(t, db, process.WakeRun+"r2", "a process that it called", func() {
		child := newRun("r3")
		child.Parent, child.ParentJob, child.Root, child.Depth = "r2", "j3", "r2", 1
		b.begin(child, func(c *process.Change) { c.Calls = claimOf(call["j3"]) })
	})
	check(t, b.putOff(call["j1"], func(p *process.Postponement) {
		p.Wait, p.State, p.Due = &process.Wait{Key: "k"}, process.JobWaiting, process.Never
	}))
	wakes(t, db, process.WakeJobs, "news", func() { b.News(t.Context(), process.News{Tenant: "acme", Key: "k", At: noon}) })
}

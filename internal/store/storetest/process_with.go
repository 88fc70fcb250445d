package storetest

import (
	"testing"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store"
)

// testWith: what a step means for other runs is stored with it or not at all.
func testWith(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	call := newJob("j1", "r1", process.CallJob)
	call.State, call.Due = process.JobWaiting, process.Never
	child := newRun("r2")
	child.Parent, child.ParentJob, child.Root, child.Depth = "r1", "j1", "r1", 1
	begin := &process.Change{
		Run: child, Begin: &process.Beginning{}, Jobs: []process.Job{newJob("j2", "r2", process.WorkJob)},
		Entries: []process.Entry{{At: noon, Kind: process.EntryStarted}}, Events: []audit.Event{event("acme", "started r2")},
	}
	if nobody, err := b.Caller(t.Context(), "acme", "j1"); nobody != nil || err != nil {
		t.Errorf("%+v (%v) waits for a call that was not made", nobody, err)
	}
	wakes(t, db, process.WakeRun+"r2", "its begin", func() {
		b.begin(newRun("r1"), func(c *process.Change) { c.Jobs, c.With = []process.Job{call}, []*process.Change{begin} })
	})
	b.wantJobs("r1", "j1 call waiting")
	b.wantJobs("r2", "j2 work ready")
	caller, err := b.Caller(t.Context(), "acme", "j1")
	check(t, err)
	wantEqual(t, caller.Run, b.run("r1"))
	if want := (process.JobClaim{Job: "j1"}); caller.Call != want || caller.Token != 1 {
		t.Errorf("%+v at token %d waits, want %+v at 1", caller.Call, caller.Token, want)
	}
	if nobody, err := b.Caller(t.Context(), "other", "j1"); nobody != nil || err != nil {
		t.Errorf("%+v (%v) waits for another tenant", nobody, err)
	}

	// The caller goes on with the end of the called one: not where it has moved since it was read,
	// and not where the call is not as it was.
	job := b.claim(noon)["j2"]
	end := func(spend process.JobClaim, revision int64) error {
		r := *caller.Run
		r.Revision = revision
		back := &process.Change{
			Run: &r, Spend: &spend, Jobs: []process.Job{newJob("j3", "r1", process.WorkJob)},
			Entries: []process.Entry{{At: noon, Kind: process.EntryNote}}, Events: []audit.Event{event("acme", "went on r1")},
		}
		return b.step("r2", func(c *process.Change) {
			c.Run.Status, c.Run.Ended, c.Spend, c.With = process.Completed, noon, claimOf(job), []*process.Change{back}
			c.Events = []audit.Event{event("acme", "ended r2")}
		})
	}
	wantError(t, end(caller.Call, caller.Run.Revision-1), process.ErrStale)
	wantError(t, end(process.JobClaim{Job: "j1", Number: 7}, caller.Run.Revision), process.ErrStale)
	b.wantJobs("r1", "j1 call waiting")
	b.wantJobs("r2", "j2 work ready")
	check(t, end(caller.Call, caller.Run.Revision))
	b.wantJobs("r1", "j3 work ready")
	b.wantJobs("r2")
	if r := b.run("r2"); r.Status != process.Completed {
		t.Errorf("the called run is %s", r.Status)
	}
	if nobody, err := b.Caller(t.Context(), "acme", "j1"); nobody != nil || err != nil {
		t.Errorf("%+v (%v) waits for a call that is over", nobody, err)
	}
	wantActions(t, db, "acme", "user.created", "started r1", "started r2", "ended r2", "went on r1")
}

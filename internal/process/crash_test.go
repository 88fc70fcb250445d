package process_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/internal/process"
	"bestow.dev/internal/store/storetest"
)

// mortal is a store whose server dies: at the n-th transaction, before it or right after
// its commit. From then on nothing reaches the database.
type mortal struct {
	process.Store
	left  atomic.Int64
	after bool // the last transaction is committed, and nobody hears of it
	dead  atomic.Bool
}

var errDead = errors.New("the server is dead")

// gathered marks the context of a Together that is counted as a whole.
type gathered struct{}

// Together is one transaction: a server that dies after it dies when it is committed, and one
// that dies before it does so where it ends.
func (m *mortal) Together(ctx context.Context, fn func(ctx context.Context) error) error {
	if !m.after {
		return m.Store.Together(ctx, fn)
	}
	return m.transact(ctx, func() error { return m.Store.Together(context.WithValue(ctx, gathered{}, true), fn) })
}

// transact runs one transaction, or dies of it.
func (m *mortal) transact(ctx context.Context, fn func() error) error {
	if ctx.Value(gathered{}) != nil {
		return fn()
	}
	if m.dead.Load() {
		return errDead
	}
	if m.left.Add(-1) > 0 {
		return fn()
	}
	if m.dead.Swap(true) {
		return errDead
	}
	if m.after {
		return errors.Join(fn(), errDead)
	}
	return errDead
}

func (m *mortal) Apply(ctx context.Context, c *process.Change) (r *process.Run, h [sha256.Size]byte, err error) {
	err = m.transact(ctx, func() (err error) { r, h, err = m.Store.Apply(ctx, c); return err })
	return r, h, err
}

func (m *mortal) ClaimJobs(ctx context.Context, q process.JobQuery) (jobs []process.Job, err error) {
	err = m.transact(ctx, func() (err error) { jobs, err = m.Store.ClaimJobs(ctx, q); return err })
	if err != nil {
		return nil, err
	}
	return jobs, nil
}

func (m *mortal) PostponeJob(ctx context.Context, p *process.Postponement) error {
	return m.transact(ctx, func() error { return m.Store.PostponeJob(ctx, p) })
}

func (m *mortal) EndJob(ctx context.Context, c process.JobClaim) error {
	return m.transact(ctx, func() error { return m.Store.EndJob(ctx, c) })
}

func (m *mortal) Run(ctx context.Context, tenant, id string) (*process.Run, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	return m.Store.Run(ctx, tenant, id)
}

// journey is a process with a bit of everything.
func journey(w *world) {
	w.deploy(
		inLine("child", service("c", "desk")),
		draw("p", service("a", "desk"), gateway("fork"), person("u"), async(service("b", "desk")), gateway("join"),
			calls("k", "child"), service("w", "waitTask", "duration", "PT1M"), service("z", "desk")).
			flow("start a fork u join k w z end", "fork b join"),
	)
	w.desk.on("b", func(_ process.Work, wait *process.Wait) (process.Result, error) {
		if wait == nil {
			return process.Result{Wait: &process.Wait{Key: "letter", Look: w.clock.now().Add(time.Minute)}}, nil
		}
		return process.Result{Outputs: vars("b", true)}, nil
	})
}

// travel has s carry the journey as far as it comes, and reports whether it arrived. It
// does what people and time do as well.
func travel(w *world, s *process.Service) bool {
	ctx := context.Background()
	r, err := s.Start(ctx, enroller(), process.Start{Definition: "p", Subject: "id-of-alice", Key: "the journey"})
	if err != nil {
		return false
	}
	for range 20 {
		if _, err := s.RunDue(ctx); err != nil {
			return false
		}
		page, err := s.Tasks(ctx, user("alice"), process.TaskFilter{})
		if err != nil {
			return false
		}
		for _, task := range page.Tasks {
			if _, err := s.CompleteTask(ctx, user("alice"), task.ID, nil); err != nil {
				return false
			}
		}
		if r, err = s.GetRun(ctx, operator(), r.ID); err != nil {
			return false
		}
		if r.Status != process.Running {
			return true
		}
		w.clock.move(time.Minute)
	}
	return false
}

// TestCrash kills the server at every transaction of a run, once before it is committed
// and once after, and has another one take over. The run ends as it would have, each step
// is taken once, and a handler that is called again is given the key it knows.
func TestCrash(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := int64(1); ; n++ {
			w := newWorld(t, storetest.SQLite)
			journey(w)
			m := &mortal{Store: w.db.Process(), after: after}
			m.left.Store(n)
			alive := travel(w, w.node(func(c *process.Config) { c.Store = m }))
			name := fmt.Sprintf("transaction %d, committed %v", n, after)
			if !alive {
				w.clock.move(time.Minute) // claims of the dead run out
				if !travel(w, w.Service) {
					t.Fatalf("%s: the run did not end", name)
				}
			}
			wantJourney(t, w, name)
			if !m.dead.Load() {
				if n < 10 {
					t.Errorf("only %d transactions were there to die of", n-1)
				}
				break
			}
		}
	}
}

// wantJourney checks that the one run of the journey went as it should.
func wantJourney(t *testing.T, w *world, name string) {
	t.Helper()
	page, err := w.Runs(t.Context(), operator(), process.RunFilter{})
	check(t, err)
	if len(page.Runs) != 2 {
		t.Fatalf("%s: there are %d runs, want the run and the one it called", name, len(page.Runs))
	}
	for _, r := range page.Runs {
		if r.Status != process.Completed || r.Incidents != 0 {
			t.Errorf("%s: %s is %s with %d incidents", name, r.Definition, r.Status, r.Incidents)
		}
		kinds := w.kinds(r.ID)
		slices.Sort(kinds)
		for i := 1; i < len(kinds); i++ {
			if kinds[i] == kinds[i-1] && kinds[i] != "fault:" && kinds[i][:5] != "fault" && kinds[i] != "left:join" && kinds[i] != "entered:join" {
				t.Errorf("%s: %s happened twice", name, kinds[i])
			}
		}
		jobs, err := w.Jobs(t.Context(), operator(), r.ID)
		check(t, err)
		if len(jobs) != 0 {
			t.Errorf("%s: %s has ended and has the jobs %+v", name, r.Definition, jobs)
		}
	}
	for _, element := range []string{"a", "b", "c", "z"} {
		keys := make(map[string]bool)
		for _, work := range w.desk.asked(element) {
			keys[work.Key] = true
		}
		if len(keys) != 1 {
			t.Errorf("%s: the work of %s has %d keys, want one", name, element, len(keys))
		}
	}
	counts := make(map[string]int)
	for _, a := range w.actions() {
		counts[a]++
	}
	if counts["process.started"] != 2 || counts["process.ended"] != 2 || counts["process.task_completed"] != 1 {
		t.Errorf("%s: the trail counts %v", name, counts)
	}
}

// TestTwoNodes: two servers share the work of one database, one of them dies, and every
// run ends as it should.
func TestTwoNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		const runs = 60
		w := newWorld(t, open)
		w.deploy(inLine("p", async(service("a", "desk")), service("b", "desk"), async(service("c", "desk"))))
		m := &mortal{Store: w.db.Process()}
		m.left.Store(runs) // it dies in the middle of it
		frail := w.node(func(c *process.Config) { c.Store, c.Now = m, time.Now })
		sound := w.node(func(c *process.Config) { c.Now = time.Now })
		ids := make(map[string]bool)
		for range runs {
			ids[w.start("p").ID] = true
		}
		var all sync.WaitGroup
		ctx, end := context.WithCancel(t.Context())
		all.Go(func() { frail.Run(ctx) })
		eventually(t, m.dead.Load)
		end() // what it was storing when it died is stored, or is not
		all.Wait()
		expireClaims(t, w)
		ctx, stop := context.WithCancel(t.Context())
		all.Go(func() { sound.Run(ctx) })
		eventually(t, func() bool {
			page, err := w.Runs(t.Context(), operator(), process.RunFilter{Status: process.Completed, Limit: 1000})
			check(t, err)
			return len(page.Runs) == runs
		})
		stop()
		all.Wait()
		for id := range ids {
			w.want(w.get(id), process.Completed, "a", "true", "b", "true", "c", "true")
			for _, e := range []string{"left:a", "left:b", "left:c", "ended:end"} {
				w.wantEntry(id, e, 1)
			}
		}
	})
}

// expireClaims has the claims of the dead run out at once.
func expireClaims(t *testing.T, w *world) {
	t.Helper()
	s := w.db.Process()
	q := process.JobQuery{At: time.Now().Add(time.Minute), Lease: -time.Minute, Node: "undertaker", Limit: 1000}
	_, err := s.ClaimJobs(t.Context(), q)
	check(t, err)
}

// eventually waits until ok, and looks again whenever the scheduler comes by.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute) // not a time that anything takes: a busy machine may
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 2 minutes")
		}
		<-tick.C
	}
}

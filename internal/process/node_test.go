package process_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/process"
	"bestow.dev/internal/store/storetest"
)

// running has the world's service do jobs beside the test, and returns what ends it.
func (w *world) running() (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	eventually(w.t.(*testing.T), w.IsOpen)
	return func() { cancel(); <-done }
}

// TestSynchronous: whoever starts a run is told how it stands once what it does at once
// is done; what is async, or waits, keeps nobody.
func TestSynchronous(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", service("a", "desk"), service("b", "desk"), person("u"), service("c", "desk"), async(service("d", "desk"))),
		inLine("q", service("a", "desk"), service("w", "waitTask", "duration", "PT1H")))
	hold := make(chan struct{})
	w.desk.on("d", func(process.Work, *process.Wait) (process.Result, error) {
		<-hold
		return process.Result{Outputs: vars("d", true)}, nil
	})
	stop := w.running()
	defer stop()
	r := w.start("p")
	w.want(r, process.Running, "a", "true", "b", "true")
	r, err := w.CompleteTask(t.Context(), user("alice"), w.task(r.ID).ID, nil)
	check(t, err)
	w.want(r, process.Running, "c", "true", "d", "")
	close(hold)
	eventually(t, func() bool { return w.get(r.ID).Status == process.Completed })
	w.want(w.start("q"), process.Running, "a", "true")
}

// TestCallerLeaves: a caller who does not wait is told that the run has begun.
func TestCallerLeaves(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", service("a", "desk")))
	ctx, leave := context.WithCancel(t.Context())
	hold := make(chan struct{})
	w.desk.on("a", func(process.Work, *process.Wait) (process.Result, error) {
		leave() // the run is stored by now
		<-hold
		return process.Result{}, nil
	})
	stop := w.running()
	defer stop()
	r, err := w.Start(ctx, enroller(), process.Start{Definition: "p", Subject: "id-of-alice"})
	check(t, err)
	w.want(r, process.Running)
	close(hold)
	eventually(t, func() bool { return w.get(r.ID).Status == process.Completed })
}

// untilCut is a handler that works until it is told to stop, the first time.
type untilCut struct {
	first sync.Once
	begun chan struct{} // closed when it has begun
}

func (*untilCut) Check(map[string]string) error { return nil }

func (u *untilCut) Do(ctx context.Context, w process.Work) (process.Result, error) {
	cut := false
	u.first.Do(func() {
		close(u.begun)
		<-ctx.Done()
		cut = true
	})
	switch {
	case cut:
		return process.Result{}, ctx.Err()
	case w.Attempt != 1:
		return process.Result{}, &process.TaskError{Type: "TWICE"}
	}
	return process.Result{Outputs: vars("done", true)}, nil
}

// TestStopping: work that the end of a server cuts off is another's at once, and has cost
// no try.
func TestStopping(t *testing.T) {
	u := &untilCut{begun: make(chan struct{})}
	w := newWorld(t, storetest.SQLite, func(c *process.Config) { c.Handlers["long"] = u })
	w.Grace(time.Millisecond)
	w.deploy(inLine("p", async(service("a", "long"))))
	stop := w.running()
	r := w.start("p")
	<-u.begun
	stop()
	w.want(w.settle(r.ID), process.Completed, "done", "true")
}

// TestWaitingCostsNoGoroutine has a thousand runs wait.
func TestWaitingCostsNoGoroutine(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", async(service("w", "waitTask", "duration", "P1D"))))
	stop := w.running()
	defer stop()
	w.start("p")
	settled := func(n int) func() bool {
		return func() bool {
			waiting := 0
			page, err := w.Runs(t.Context(), operator(), process.RunFilter{Limit: 1000})
			check(t, err)
			for _, r := range page.Runs {
				jobs, err := w.Jobs(t.Context(), operator(), r.ID)
				check(t, err)
				if len(jobs) == 1 && jobs[0].State == process.JobWaiting && jobs[0].ClaimedBy == "" && jobs[0].Due.After(w.clock.now()) {
					waiting++
				}
			}
			return waiting == n
		}
	}
	eventually(t, settled(1))
	before := runtime.NumGoroutine()
	for range 999 {
		w.start("p")
	}
	eventually(t, settled(1000))
	eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 })
}

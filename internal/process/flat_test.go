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

// A run that waits is rows and nothing else: no goroutine, and no memory of its own. One
// that has ended is not even that. `make bench` does it with 50,000.
func TestRunsCostNoMemory(t *testing.T) {
	w := newWorld(t, storetest.SQLite, func(c *process.Config) { c.Now, c.Handlers["nothing"] = time.Now, nothing{} })
	w.deploy(inLine("p", service("a", "nothing"), person("ask"), service("b", "nothing")))
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- w.Run(ctx) }()
	defer func() { cancel(); <-ran }()
	for !w.IsOpen() {
		runtime.Gosched()
	}
	w.manyRuns(500)
	heap, goroutines := live(), runtime.NumGoroutine()
	w.manyRuns(1500)
	// What is done with a job tells first, and ends then.
	for until := time.Now().Add(2 * time.Minute); runtime.NumGoroutine() > goroutines && time.Now().Before(until); {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines after 2,000 runs, %d after 500", n, goroutines)
	}
	const slack = 2 << 20
	if now := live(); now > heap+slack {
		t.Errorf("%d bytes live after 2,000 runs, %d after 500", now, heap)
	}
	page, err := w.Tasks(ctx, operator(), process.TaskFilter{Limit: 1000})
	check(t, err)
	if len(page.Tasks) != 1000 {
		t.Errorf("%d tasks wait, want half of the runs'", len(page.Tasks))
	}
}

// manyRuns starts n runs, and has every second one completed.
func (w *world) manyRuns(n int) {
	w.t.Helper()
	next := make(chan bool)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for complete := range next {
				r, err := w.Start(w.t.Context(), enroller(), process.Start{Definition: "p", Subject: "id-of-alice"})
				if err != nil || r.Status != process.Running {
					w.t.Errorf("the run is %+v (%v)", r, err)
					continue
				}
				if !complete {
					continue
				}
				page, err := w.Tasks(w.t.Context(), operator(), process.TaskFilter{Run: r.ID})
				if err != nil || len(page.Tasks) != 1 {
					w.t.Errorf("tasks: %+v (%v)", page, err)
					continue
				}
				if r, err = w.CompleteTask(w.t.Context(), user("alice"), page.Tasks[0].ID, nil); err != nil || r.Status != process.Completed {
					w.t.Errorf("the run is %+v (%v)", r, err)
				}
			}
		})
	}
	for i := range n {
		next <- i%2 == 0
	}
	close(next)
	all.Wait()
}

// live is what the heap holds after garbage collection.
func live() uint64 {
	for range 3 { // what a first cycle frees, the next ones give back
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

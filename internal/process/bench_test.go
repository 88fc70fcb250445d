package process_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/internal/process"
	"bestow.dev/internal/store/storetest"
)

// nothing is a service task that does nothing.
type nothing struct{}

func (nothing) Check(map[string]string) error { return nil }

func (nothing) Do(context.Context, process.Work) (process.Result, error) {
	return process.Result{}, nil
}

// BenchmarkRun has 32 callers start a process of six elements, four of them synchronous
// service tasks that do nothing, and wait for its end: five transactions each, two of
// them with an event of the audit trail. The floor beside it is BenchmarkGroupCommit of
// package store: one tiny row a transaction.
func BenchmarkRun(b *testing.B) {
	for name, open := range map[string]storetest.Open{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) { benchmarkRun(b, open) })
	}
}

func benchmarkRun(b *testing.B, open storetest.Open) {
	const starters = 32
	w := newWorld(b, open, func(c *process.Config) {
		c.Now, c.Handlers["nothing"] = time.Now, nothing{}
	})
	w.deploy(inLine("p", service("a", "nothing"), service("b", "nothing"), service("c", "nothing"), service("d", "nothing")))
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error)
	go func() { ran <- w.Run(ctx) }()
	for !w.IsOpen() {
		runtime.Gosched()
	}
	var failed atomic.Int32
	b.SetParallelism(starters / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := w.Start(ctx, enroller(), process.Start{Definition: "p", Subject: "id-of-alice"})
			if err != nil || r.Status != process.Completed {
				failed.Add(1)
				b.Errorf("the run is %+v (%v)", r, err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
	cancel()
	<-ran
}

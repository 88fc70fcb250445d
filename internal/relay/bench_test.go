package relay_test

import (
	"context"
	"encoding/json"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

// BenchmarkCommand has 32 agents, each with a session of its own, take commands
// through their life: sent, listed, fetched, answered and reported, each step
// durable. The relay runs, so that callbacks are delivered beside it. The agents'
// signing shares the machine and is counted.
func BenchmarkCommand(b *testing.B) {
	const agents = 32
	w := newWorld(b, func(_ *relay.Client, c *relay.Config) { c.Now, c.Caller = nil, discard{} })
	w.clock.at = time.Now()
	ctx, cancel := context.WithCancel(b.Context())
	ran := make(chan error)
	go func() { ran <- w.Run(ctx) }()
	desks := make(chan *agent, agents)
	for range agents {
		r := w.startSession(86400, 60)
		a := w.open(r)
		check(b, a.answer(r.Destinations[0].Message, plugout.StatusOK, startResponse))
		desks <- a
	}
	var failed atomic.Int32
	b.SetParallelism(agents / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		a := <-desks
		for pb.Next() {
			if err := a.oneCommand(ctx); err != nil {
				failed.Add(1)
				b.Error(err)
				return
			}
		}
		desks <- a
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
	cancel()
	<-ran
}

// oneCommand sends a create command to a's box and answers it.
func (a *agent) oneCommand(ctx context.Context) error {
	w := a.w
	_, err := w.Send(ctx, w.by(), w.idm, relay.Command{
		Type: plugout.FIDOCreateCredential, Header: header(600, 120, a.Box), Object: json.RawMessage(createObject),
	})
	if err != nil {
		return err
	}
	items, err := w.Messages(ctx, a.Desktop, relay.MaxWait)
	if err != nil {
		return err
	}
	m, err := w.Fetch(ctx, a.Desktop, items[0].MessageID)
	if err != nil {
		return err
	}
	p := a.payload(m, plugout.StatusOK, credential)
	p.IssuedAt = time.Now().Unix()
	return a.post(m.MessageID, p)
}

// discard takes every callback.
type discard struct{}

func (discard) Call(context.Context, relay.Call) error     { return nil }
func (discard) Alive(context.Context, *relay.Client) error { return nil }

// BenchmarkIdlePolls reports what a poll that waits costs in memory, its goroutine
// included and without the connection it came over.
func BenchmarkIdlePolls(b *testing.B) {
	const polls = 1000
	for b.Loop() {
		looked := &countingStore{}
		w := newWorld(b, func(_ *relay.Client, c *relay.Config) {
			looked.Store = c.Store
			c.Store = looked
		})
		_, a := w.started(86400)
		looked.waiting.Store(0)
		before, goroutines := memory(), runtime.NumGoroutine()
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan struct{}, polls)
		for range polls {
			go func() {
				w.Messages(ctx, a.Desktop, relay.MaxWait)
				done <- struct{}{}
			}()
		}
		for looked.waiting.Load() < polls {
			runtime.Gosched()
		}
		b.ReportMetric(float64(memory()-before)/polls, "B/poll")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/polls, "goroutines/poll")
		cancel()
		for range polls {
			<-done
		}
	}
}

// countingStore counts how often it was asked what waits in a box.
type countingStore struct {
	relay.Store
	waiting atomic.Int32
}

func (s *countingStore) Waiting(ctx context.Context, box string, now time.Time) (*relay.Box, []relay.Waiting, error) {
	defer s.waiting.Add(1)
	return s.Store.Waiting(ctx, box, now)
}

// memory returns the bytes of heap and stacks in use.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// Package hostile makes inputs that are meant to be expensive, and measures what reading
// them costs. It is for the tests of readers.
//
// Memory is what decides: bytes allocated are the same on every machine. Time is printed
// and decides nothing, since a slow machine is no fault of the reader's.
package hostile

import (
	"runtime"
	"testing"
	"time"
)

// Input is an input, and what is wrong with it.
type Input struct {
	Name string
	Data []byte
}

// What a reader may allocate: so many times the input's length, and a sum that is for
// every input, however short.
const (
	Factor   = 16
	Constant = 64 << 10
)

// Limit returns how many bytes the reader of an input of n bytes may allocate.
func Limit(n int) uint64 { return Factor*uint64(n) + Constant }

// Check reads every input and fails where reading one allocates more than [Limit]. It
// prints which of them took longest. The caller's test must not run beside others.
func Check(t *testing.T, inputs []Input, read func(data []byte)) {
	t.Helper()
	var slowest, hungriest Input
	var longest time.Duration
	var most float64
	for _, in := range inputs {
		bytes, took := Cost(func() { read(in.Data) })
		if bytes > Limit(len(in.Data)) {
			t.Errorf("%s: %d bytes of input cost %d bytes of memory, more than %d", in.Name, len(in.Data), bytes, Limit(len(in.Data)))
		}
		if took > longest {
			slowest, longest = in, took
		}
		if share := float64(bytes) / float64(Limit(len(in.Data))); share > most {
			hungriest, most = in, share
		}
	}
	t.Logf("%d inputs; slowest: %s, %d bytes in %s; hungriest: %s, %.0f %% of the limit",
		len(inputs), slowest.Name, len(slowest.Data), longest.Round(time.Microsecond), hungriest.Name, 100*most)
}

// Cost runs f a few times, and returns the least it allocated and took. The first run may
// fill caches that stay.
func Cost(f func()) (bytes uint64, took time.Duration) {
	for i := range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		f()
		d := time.Since(start)
		runtime.ReadMemStats(&after)
		b := after.TotalAlloc - before.TotalAlloc
		if i == 0 || b < bytes {
			bytes = b
		}
		if i == 0 || d < took {
			took = d
		}
	}
	return bytes, took
}

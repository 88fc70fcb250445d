package fronttest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// told is a test that keeps its errors and ends when it is told.
type told struct {
	testing.TB
	errors  []string
	cleanup []func()
}

func (t *told) Errorf(format string, args ...any) {
	t.errors = append(t.errors, fmt.Sprintf(format, args...))
}

func (t *told) Cleanup(f func()) { t.cleanup = append(t.cleanup, f) }

// end does what is left to do, and returns the errors.
func (t *told) end() string {
	for _, f := range t.cleanup {
		f()
	}
	return strings.Join(t.errors, "\n")
}

func TestLog(t *testing.T) {
	clean := &told{}
	l := NewLog(clean, "sesame", "Bearer ")
	l.Logger().Debug("opened", "by", "alice")
	if got := l.String(); !strings.Contains(got, "opened") || !strings.Contains(got, "by=alice") {
		t.Errorf("the log is %q", got)
	}
	if got := clean.end(); got != "" {
		t.Errorf("of a log without secrets: %s", got)
	}

	leaky := &told{}
	NewLog(leaky, "sesame", "Bearer ").Logger().Debug("opened", "by", "sesame")
	if got, want := leaky.end(), `the log holds "sesame"`; got != want {
		t.Errorf("of a log with a secret: %q, want %q", got, want)
	}

	// What is forgotten for its length was looked at.
	long := &told{}
	l = NewLog(long, "sesame")
	l.Logger().Info("sesame")
	l.Logger().Info("sesame")
	for range 3 {
		l.Logger().Info(strings.Repeat("a", maxLogBytes))
	}
	if strings.Contains(l.String(), "sesame") {
		t.Error("nothing was forgotten")
	}
	if got, want := long.end(), `the log holds "sesame"`; got != want {
		t.Errorf("of a long log: %q, want %q", got, want)
	}

	var all Log
	all.Logger().Info("first")
	for range 3 {
		all.Logger().Info(strings.Repeat("a", maxLogBytes))
	}
	if !strings.Contains(all.String(), "first") {
		t.Error("a log without secrets has forgotten something")
	}
}

func TestClock(t *testing.T) {
	at := time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)
	c := NewClock(at)
	c.Later(time.Minute)
	if got, want := c.Now(), at.Add(time.Minute); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

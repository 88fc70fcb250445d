package fronttest

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Clock is a time that the test turns.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock makes a clock that stands still at a time.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Later turns the clock on.
func (c *Clock) Later(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Log is what was logged, by many at once. The zero Log is empty and keeps everything.
type Log struct {
	mu      sync.Mutex
	text    bytes.Buffer
	secrets []string
	held    []string // secrets that were in what is forgotten
}

// maxLogBytes is how much a log with secrets keeps, since a fuzzer writes for long.
const maxLogBytes = 1 << 20

// NewLog makes a log that fails the test at its end if it was told any of the secrets.
func NewLog(t testing.TB, secrets ...string) *Log {
	l := &Log{secrets: secrets}
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.look()
		for _, no := range l.held {
			t.Errorf("the log holds %q", no)
		}
	})
	return l
}

// look finds secrets in the text.
func (l *Log) look() {
	for _, no := range l.secrets {
		if bytes.Contains(l.text.Bytes(), []byte(no)) && !slices.Contains(l.held, no) {
			l.held = append(l.held, no)
		}
	}
}

// Logger writes to the log, whatever the level.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write implements [io.Writer].
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.secrets) > 0 && l.text.Len() > maxLogBytes {
		l.look()
		l.text.Reset()
	}
	return l.text.Write(b)
}

// String is what was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Body is the body of a request: a string as it is, anything else as JSON; nil for none.
func Body(t testing.TB, v any) io.Reader {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return strings.NewReader(v)
	}
	text, err := json.Marshal(v)
	check(t, err)
	return bytes.NewReader(text)
}

package demo

import (
	"fmt"
	"io"
	"time"
)

// timeline prints the story as it happens: who called whom, for what, how long it
// took, and below it what was checked. It is for one goroutine.
type timeline struct {
	out   io.Writer
	steps int
}

// The parties of the story, named as their owners would name them.
const (
	you             = "you"
	identityManager = "identity manager"
	desk            = "desktop agent"
	securityKey     = "security key"
	alicesBrowser   = "Alice's browser"
	website         = "website"
	taskPages       = "task pages"
	digitalAccess   = "Digital Access"
	ourAPI          = "Bestow API"
	bestow          = "Bestow"
)

func (t *timeline) header() {
	fmt.Fprintf(t.out, "\n  %3s  %-16s   %-16s %-58s %9s\n", "", "who", "calls", "for", "took")
	fmt.Fprintf(t.out, "  %s\n", ruler)
}

const ruler = "─────────────────────────────────────────────────────────────────────────────────────────────────────────────"

// step is one line of the story, begun by [timeline.begin].
type step struct {
	t       *timeline
	from    string
	to      string
	what    string
	started time.Time
}

// begin starts the clock of a step. Nothing is printed until it is done or failed.
func (t *timeline) begin(from, to, what string) *step {
	return &step{t: t, from: from, to: to, what: what, started: time.Now()}
}

// done prints the step with the time it took, and what was checked in it.
func (s *step) done(checked ...string) {
	s.print("", checked)
}

// failed prints the step as the one that went wrong and returns err with its name.
func (s *step) failed(err error) error {
	s.print("FAILED", nil)
	return fmt.Errorf("%s → %s, %s: %w", s.from, s.to, s.what, err)
}

func (s *step) print(instead string, checked []string) {
	s.t.steps++
	took := instead
	if took == "" {
		took = brief(time.Since(s.started))
	}
	fmt.Fprintf(s.t.out, "  %2d.  %-16s → %-16s %-58s %9s\n", s.t.steps, s.from, s.to, s.what, took)
	for _, c := range checked {
		fmt.Fprintf(s.t.out, "  %40s ✓ %s\n", "", c)
	}
}

// brief returns d with the digits a person reads.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}

package process

import (
	"context"
	"time"

	"bestow.dev/internal/bpmn"
)

// ParseBy has definitions come from elsewhere than their text, for tests that draw them
// in Go.
func (s *Service) ParseBy(parse func([]byte) (*bpmn.Definition, error)) { s.parse = parse }

// IsOpen reports whether the service does jobs.
func (s *Service) IsOpen() bool { return s.hands.isOpen() }

// Grace sets how long work under way may take once the service is to stop.
func (s *Service) Grace(d time.Duration) { s.grace = d }

// Hold takes the turn at a run, for which others wait as long as it is held.
func (s *Service) Hold(r *Run) (release func()) {
	s.steps.atMost = time.Hour
	_, leave := s.steps.enter(context.Background(), r)
	return func() { leave(nil) }
}

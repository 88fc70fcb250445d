package credential

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Notice tells that a credential was added for a person by somebody. A person who
// did not expect it should ask.
type Notice struct {
	Tenant       string
	RelyingParty string
	User         User
	Credential   Credential
	Self         bool // the person did it, in a browser session of theirs
}

// Limits of notices under way.
const (
	maxNotices    = 64
	noticeTimeout = 30 * time.Second
)

// notices sends notices beside the calls that cause them.
type notices struct {
	send func(ctx context.Context, n Notice) error
	log  *slog.Logger

	mu      sync.Mutex
	running int
	idle    chan struct{} // closed when running falls to zero; nil while nobody waits
}

// tell begins to send n and returns. When too many are under way it drops n and
// says so in the log.
func (s *notices) tell(n Notice) {
	if s.send == nil {
		return
	}
	s.mu.Lock()
	full := s.running >= maxNotices
	if !full {
		s.running++
	}
	s.mu.Unlock()
	if full {
		s.failed(n, errors.New("too many notices are under way"))
		return
	}

	// Not the caller's context: its deadline is about its own answer, and its
	// transaction has ended.
	ctx, cancel := context.WithTimeout(context.Background(), noticeTimeout)
	go func() {
		defer s.done()
		defer cancel()
		if err := s.send(ctx, n); err != nil {
			s.failed(n, err)
		}
	}()
}

func (s *notices) failed(n Notice, err error) {
	s.log.Warn("notice of a new credential was not delivered",
		"tenant", n.Tenant, "user", n.User.ID, "credential", n.Credential.ID, "error", err)
}

func (s *notices) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if s.running == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// wait returns when no notice is under way.
func (s *notices) wait(ctx context.Context) error {
	s.mu.Lock()
	if s.running == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package relay

import (
	"context"
	"errors"
	"time"

	"bestow.dev/internal/plugout"
)

// MaxWait is how long a poll may wait for a message.
const MaxWait = 30 * time.Second

// Messages returns the open messages of the box that d has opened, oldest first. If
// there are none it waits for one, up to wait, at most [MaxWait]; and then returns
// none. While it waits it holds no connection to the database.
//
// Errors: relay.session_wrong; relay.session_gone, also when the session ends
// while it waits; the context's, if that ends.
func (s *Service) Messages(ctx context.Context, d Desktop, wait time.Duration) ([]plugout.MessageItem, error) {
	wait = min(wait, MaxWait)
	// The clock on the wall may be set meanwhile. Set forward it costs a call; set back
	// it must not hold this one, so that the time that has really passed counts too.
	until, began := s.clock().Add(wait), time.Now()
	// First waiting, then looking, so that nothing falls between.
	woken, cancel := s.wakeups.Wait(WakeBox + d.Box)
	defer cancel()
	var timer *time.Timer
	for {
		box, items, err := s.visible(ctx, d)
		if err != nil || len(items) > 0 {
			return items, err
		}
		now := s.clock()
		rest := min(until.Sub(now), box.Expires.Sub(now), wait-time.Since(began))
		if rest <= 0 {
			return nil, nil
		}
		if timer == nil {
			timer = time.NewTimer(rest)
			defer timer.Stop()
		} else {
			timer.Reset(rest)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return nil, s.stillOpen(ctx, d)
		case <-woken:
		}
	}
}

// stillOpen reports whether the session that d has waited for is still there.
func (s *Service) stillOpen(ctx context.Context, d Desktop) error {
	_, err := s.enter(ctx, d)
	return err
}

// visible returns the box that d has opened and the messages it may see now.
func (s *Service) visible(ctx context.Context, d Desktop) (*Box, []plugout.MessageItem, error) {
	if !isID(d.Box) {
		return nil, nil, ErrSessionGone
	}
	box, waiting, err := s.store.Waiting(ctx, d.Box, s.clock())
	if err != nil {
		return nil, nil, err
	}
	if err := s.admit(box, d); err != nil {
		return nil, nil, err
	}
	items := make([]plugout.MessageItem, 0, len(waiting))
	for _, w := range waiting {
		if box.shows(w.Type) {
			items = append(items, plugout.MessageItem{
				MessageID: w.Message, Type: w.Type, Location: s.messageURL(box.ID, w.Message), Expires: w.Expires,
			})
		}
	}
	return box, items, nil
}

// Fetch returns one message of the box that d has opened, as often as it is asked to until the
// message is answered.
//
// Errors: relay.session_wrong, relay.session_gone; relay.message_unknown, also for
// a message that may not be seen yet; relay.message_timed_out;
// relay.message_withdrawn for one that was answered or cancelled.
func (s *Service) Fetch(ctx context.Context, d Desktop, message string) (*plugout.CommandMessage, error) {
	m, err := s.delivery(ctx, d, message)
	if err != nil {
		if errors.Is(err, ErrMessageAnswered) {
			return nil, ErrMessageWithdrawn.Saying("The message has been answered.")
		}
		return nil, err
	}
	c := &m.Command
	return &plugout.CommandMessage{
		Version: plugout.Version, BoxID: m.Box.ID, MessageID: m.Message, Type: c.Type, Requester: c.Client,
		Issued: c.Issued, Expires: c.Deadline, Nonce: c.Nonce, Format: c.Format,
		SignatureKey: plugout.KeyAttestation, Command: c.Object,
	}, nil
}

// delivery returns an open message of the box that d has opened.
func (s *Service) delivery(ctx context.Context, d Desktop, message string) (*Delivery, error) {
	if !isID(message) {
		if _, err := s.enter(ctx, d); err != nil {
			return nil, err
		}
		return nil, ErrMessageUnknown
	}
	if !isID(d.Box) {
		return nil, ErrSessionGone
	}
	m, err := s.store.Delivery(ctx, d.Box, message)
	if err != nil && (m == nil || !errors.Is(err, ErrMessageUnknown)) {
		return nil, err
	}
	// Whether there is such a message is told to nobody but the one at the box.
	if err := s.admit(&m.Box, d); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return m, s.open(m)
}

// open says why a message can no longer be answered, or not yet be seen.
func (s *Service) open(m *Delivery) error {
	c := &m.Command
	switch {
	case c.State == InProgress && c.Deadline.After(s.clock()):
		if !m.Box.shows(c.Type) {
			return ErrMessageUnknown
		}
		return nil
	case c.State == InProgress || c.Status == plugout.StatusTimeout:
		return ErrMessageTimedOut
	case c.AnsweredBy == m.Message:
		return ErrMessageAnswered
	}
	return ErrMessageWithdrawn
}

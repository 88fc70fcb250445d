package agent

import (
	"context"
	"errors"
	"time"

	"bestow.dev/internal/plugout"
)

// closeTimeout bounds the farewell to the relay.
const closeTimeout = 5 * time.Second

// idlePause keeps the agent from asking in a tight loop when the relay lists nothing
// but messages that have been dealt with.
const idlePause = time.Second

// Report is what came of a session.
type Report struct {
	// Commands are those that were answered, in their order.
	Commands []CommandReport
}

// CommandReport is what came of one command.
type CommandReport struct {
	Type   plugout.CommandType
	Status plugout.Status

	// Dropped says that the relay did not want the answer any more.
	Dropped bool
}

// Good reports whether every command was answered with OK in time.
func (r *Report) Good() bool {
	for _, c := range r.Commands {
		if c.Status != plugout.StatusOK || c.Dropped {
			return false
		}
	}
	return true
}

// session is one redeemed link.
type session struct {
	*Agent
	box       *box
	keys      *keyRing
	relay     string // host, as the allow list knows it
	matchCode string // empty where none is asked for
	start     plugout.SessionStartCommand
	requester string
	done      map[string]bool // ids of messages that have been dealt with
	over      bool            // the requester ended the session, or there is no more to do
	report    Report
}

// Open follows a link. It returns when the session has ended, in whichever way; the
// report then says what came of each command.
//
// An error is an [*Error], or that of ctx: the session could not be opened or could
// not go on. When ctx ends, the session is closed on the relay, so that what is still
// open there need not wait. [CodeNotTrusted] comes before anything is sent.
func (a *Agent) Open(ctx context.Context, link plugout.Link) (*Report, error) {
	if a.config.Signer == nil {
		return nil, ErrNotInstalled
	}
	relay := link.Host()
	if !a.config.Trust.AllowsHost(relay) {
		return nil, a.failed(relay, &Error{Code: CodeNotTrusted, Text: "relay " + relay + " is not on the allow list of this desk"})
	}
	s := &session{
		Agent: a,
		box:   &box{url: link.BoxURL, http: a.http, now: a.now},
		keys:  newKeyRing(a.config.Keys),
		relay: relay,
		done:  map[string]bool{},
	}
	defer a.http.CloseIdleConnections()
	a.tell(Event{Phase: PhaseOpening, Relay: relay})
	opened, err := s.redeem(ctx, link.Token)
	if err != nil {
		return nil, a.failed(relay, err)
	}
	a.tell(Event{Phase: PhaseOpened, Relay: relay})

	err = s.run(ctx, opened)
	if err != nil && !errors.Is(err, errEnded) {
		s.farewell(ctx)
		return &s.report, a.failed(relay, err)
	}
	if err == nil {
		s.farewell(ctx)
	}
	a.tell(Event{Phase: PhaseEnded, Relay: relay})
	return &s.report, nil
}

// failed tells err and returns it.
func (a *Agent) failed(relay string, err error) error {
	if p, ok := errors.AsType[passing](err); ok {
		err = &Error{Code: CodeUnreachable, Text: "the relay cannot be reached", Err: p.err}
	}
	a.tell(Event{Phase: PhaseFailed, Relay: relay, Code: CodeOf(err), Text: err.Error()})
	return err
}

func (s *session) redeem(ctx context.Context, token string) (*plugout.SessionResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	var opened *plugout.SessionResponse
	err := s.retry(ctx, func() (err error) {
		opened, err = s.box.redeem(ctx, token, s.client())
		return err
	})
	return opened, err
}

// run serves the session until it ends: errEnded if the relay ended it, nil if this
// side may.
func (s *session) run(ctx context.Context, opened *plugout.SessionResponse) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.box.until(opened.Expires), errEnded)
	defer cancel()
	if err := s.serve(ctx, opened.Messages, plugout.SessionStart); err != nil {
		return expired(ctx, err)
	}
	if opened.MatchCode {
		if err := s.match(ctx); err != nil {
			return expired(ctx, err)
		}
	}
	return expired(ctx, s.loop(ctx))
}

// expired turns a failure that came of the session's own end into that.
func expired(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(context.Cause(ctx), errEnded) {
		return errEnded
	}
	return err
}

// match asks whether the form shows the same code, and tells the relay.
func (s *session) match(ctx context.Context) error {
	s.matchCode = plugout.MatchCode(plugout.Link{BoxURL: s.box.url}.BoxID(), s.box.session)
	s.tell(Event{Phase: PhaseMatch, Relay: s.relay, MatchCode: s.matchCode})
	err := s.config.Prompt.Match(ctx, Match{
		Relay:     s.relay,
		Requester: s.requester,
		UserID:    legible(s.start.UserID),
		Title:     legible(s.start.Title),
		Code:      s.matchCode,
	})
	switch {
	case errors.Is(err, ErrDiffers):
		return &Error{Code: CodeNotMatching, Text: "the codes differ: somebody else may have opened this session, so it has been closed"}
	case err != nil:
		return declined(ctx, err)
	}
	if err := s.retry(ctx, func() error { return s.box.confirm(ctx) }); err != nil {
		return err
	}
	s.tell(Event{Phase: PhaseMatched, Relay: s.relay})
	return nil
}

// declined turns a refusal of the person into an Error; when ctx itself has ended,
// nobody declined.
func declined(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{Code: CodeDeclined, Text: "declined at the desk", Err: err}
}

// loop serves the messages that are there, then waits for others.
func (s *session) loop(ctx context.Context) error {
	for {
		var messages []plugout.MessageItem
		err := s.retry(ctx, func() (err error) {
			messages, err = s.box.list(ctx, pollWait)
			return err
		})
		if err != nil {
			return err
		}
		fresh := s.fresh(messages)
		for _, m := range fresh {
			if err := s.serveOne(ctx, m); err != nil || s.over {
				return err
			}
		}
		if len(messages) > 0 && len(fresh) == 0 {
			if err := s.pause(ctx, idlePause); err != nil {
				return err
			}
		}
	}
}

// serve serves those of messages that are of one type.
func (s *session) serve(ctx context.Context, messages []plugout.MessageItem, only plugout.CommandType) error {
	for _, m := range s.fresh(messages) {
		if m.Type != only {
			continue
		}
		if err := s.serveOne(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// fresh returns the messages that have not been dealt with.
func (s *session) fresh(messages []plugout.MessageItem) []plugout.MessageItem {
	var out []plugout.MessageItem
	for _, m := range messages {
		if !s.done[m.MessageID] {
			out = append(out, m)
		}
	}
	return out
}

// serveOne fetches a message, does what it says and answers it.
func (s *session) serveOne(ctx context.Context, item plugout.MessageItem) error {
	s.done[item.MessageID] = true
	var m *plugout.CommandMessage
	err := s.retry(ctx, func() (err error) {
		m, err = s.box.fetch(ctx, item.MessageID)
		return err
	})
	if errors.Is(err, errTooOld) {
		return nil
	}
	if err != nil {
		return err
	}
	s.tell(Event{Phase: PhaseCommand, Command: m.Type, MessageID: m.MessageID})

	working, cancel := context.WithTimeoutCause(ctx, workTime(s.box.until(m.Expires)), errTimeOver)
	r := s.do(working, m)
	cancel()
	if err := ctx.Err(); err != nil {
		return err // the session is over, or the person left and farewell says so
	}
	if r.status == "" {
		s.drop(m, r)
		return nil
	}
	return s.answer(ctx, m, r)
}

// workTime is how much of the time that is left may be worked; the rest is for the
// answer to travel.
func workTime(left time.Duration) time.Duration { return left - min(left/4, 2*time.Second) }

// drop notes a command that gets no answer, because nobody waits for one.
func (s *session) drop(m *plugout.CommandMessage, r reply) {
	s.report.Commands = append(s.report.Commands, CommandReport{Type: m.Type, Status: plugout.StatusTimeout, Dropped: true})
	s.tell(Event{Phase: PhaseDropped, Command: m.Type, MessageID: m.MessageID, Status: plugout.StatusTimeout, Text: r.text})
	s.config.Prompt.Say(r.text)
}

// answer signs and posts r, and tries again as long as the message is open: an answer
// that was posted twice counts once.
func (s *session) answer(ctx context.Context, m *plugout.CommandMessage, r reply) error {
	mediaType, body, err := s.sign(m, r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.box.until(m.Expires), errTooOld)
	defer cancel()
	err = s.retry(ctx, func() error { return s.box.answer(ctx, m.MessageID, mediaType, body) })
	if err != nil && errors.Is(context.Cause(ctx), errTooOld) {
		err = errTooOld
	}
	done := CommandReport{Type: m.Type, Status: r.status, Dropped: errors.Is(err, errTooOld) || errors.Is(err, errEnded)}
	if err != nil && !done.Dropped {
		return err
	}
	s.report.Commands = append(s.report.Commands, done)
	phase := PhaseAnswered
	if done.Dropped {
		phase = PhaseDropped
	}
	s.tell(Event{Phase: phase, Command: m.Type, MessageID: m.MessageID, Status: r.status, Text: r.text})
	if r.text != "" {
		s.config.Prompt.Say(r.text)
	}
	if m.Type == plugout.SessionEnd || m.Type == plugout.FIDOCreateCredential && s.config.Once {
		s.over = true
	}
	if errors.Is(err, errTooOld) {
		return nil
	}
	return err
}

// sign makes the answer's body. A caller may ask for plain JSON, which proves nothing
// and which the relay refuses unless it was told otherwise.
func (s *session) sign(m *plugout.CommandMessage, r reply) (mediaType string, body []byte, err error) {
	payload, err := r.payload(m, s.box.relayNow())
	if err != nil {
		return "", nil, err
	}
	if m.Format == plugout.FormatJSON {
		return plugout.MediaTypeJSON, payload, nil
	}
	body, err = s.config.Signer.Sign(payload)
	if err != nil {
		return "", nil, err
	}
	return plugout.MediaTypeJOSE, body, nil
}

// farewell closes the session on the relay as well as it can. It is sent even after
// ctx has ended, which is when it matters most.
func (s *session) farewell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = s.box.close(ctx) // the session's own end does the same, later
}

package provision

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/relay"
)

// This file has what is common to the tasks that wait for a desk's answer.

const (
	// lookEvery is how often the relay is asked without news, where callbacks are lost.
	lookEvery = 5 * time.Second

	// patience is how long after a command's life a relay that cannot be reached is
	// waited for.
	patience = 30 * time.Second
)

// question is a command for a desk.
type question struct {
	kind       plugout.CommandType
	externalID string
	object     json.RawMessage
	nonce      string
	keySet     string // name of the attestation keys; empty: the relay's word counts
}

// asked is what a wait remembers of a question.
type asked struct {
	Server  string `json:"server"`
	Command string `json:"command"`
	Message string `json:"message"`
	Nonce   string `json:"nonce"`
	KeySet  string `json:"keySet,omitempty"`

	Session string    `json:"session"` // the command that started it
	Begun   bool      `json:"begun"`   // the session is known to have started
	Start   time.Time `json:"start"`   // when it has to have started by
	Sent    time.Time `json:"sent"`
	Until   time.Time `json:"until"` // when the command is forgotten
}

// ask posts a question to the session's box, and waits.
func (s *Service) ask(ctx context.Context, g given, q question) (process.Result, error) {
	session, reached, m, err := s.sessionOf(ctx, g)
	if err != nil {
		return process.Result{}, err
	}
	if q.keySet != "" {
		// Before anybody is asked to touch a key for nothing.
		if _, err := m.keySet(q.keySet); err != nil {
			return process.Result{}, err
		}
	}
	sent, err := reached.Send(ctx, acting(g.Work), session.command(q.kind, q.externalID, q.object))
	if isRefused(err, "SESSION_ENDED", "NO_SUCH_DESTINATION") {
		return process.Result{}, s.whyOver(ctx, g, session, reached, err)
	}
	if err != nil {
		return process.Result{}, relayError(g.Work, err)
	}
	a := asked{
		Server: m.Name, Command: sent.ID, Message: sent.Message, Nonce: q.nonce, KeySet: q.keySet, Session: session.CommandID,
		Start: g.Now.Add(time.Duration(session.Start) * time.Second),
		Sent:  g.Now, Until: g.Now.Add(time.Duration(session.Lifespan)*time.Second + patience),
	}
	wait, err := a.wait(g.Now)
	if err != nil {
		return process.Result{}, err
	}
	wait.Unheard = sent.Unheard
	return process.Result{Wait: wait, Note: "command " + sent.ID + " waits for the desk"}, nil
}

// whyOver says why a session takes no command: what is known of its start, or what the
// relay answered.
func (s *Service) whyOver(ctx context.Context, g given, session *sessionVariable, reached Messaging, refused error) error {
	k, err := reached.Poll(ctx, acting(g.Work), session.CommandID)
	if _, answered := errors.AsType[*Refusal](err); err != nil && !answered {
		return relayError(g.Work, err)
	}
	if err == nil && k.Final() && k.Status != plugout.StatusOK {
		return commandError(k)
	}
	return relayError(g.Work, refused)
}

// wait is the wait for the answer, looked for a while after now.
func (a *asked) wait(now time.Time) (*process.Wait, error) {
	data, err := json.Marshal(a)
	return &process.Wait{Key: newsKey(a.Server, a.Command), Look: now.Add(lookEvery), Data: data}, err
}

// newsKey is what news of a command are found by.
func newsKey(server, command string) string { return "hermod/" + server + "/" + command }

// hear looks how a question has come along, and returns the device's response, or a wait
// that goes on. A callback is a hint: what counts is what the relay says now.
func (s *Service) hear(ctx context.Context, g given, wait process.Wait) (json.RawMessage, *process.Wait, error) {
	var a asked
	if err := json.Unmarshal(wait.Data, &a); err != nil {
		return nil, nil, err
	}
	m, reached, err := s.server(ctx, g.Tenant, a.Server)
	if err != nil {
		return nil, nil, err
	}
	k, err := reached.Poll(ctx, acting(g.Work), a.Command)
	if err == nil && !k.Final() {
		err = a.sessionStarts(ctx, g, reached)
	}
	if err == nil && k.Status == plugout.StatusSessionNotStarted {
		k, err = a.whyNotStarted(ctx, g, reached, k)
	}
	_, answered := errors.AsType[*Refusal](err)
	_, decided := errors.AsType[*process.TaskError](err)
	switch {
	case decided:
		return nil, nil, err
	case answered:
		return nil, nil, relayError(g.Work, err)
	case err != nil && g.Now.After(a.Until):
		return nil, nil, outcome(HermodConnection, ErrUnreachable)
	case err != nil:
		// The command goes on without us, and so does the wait.
		s.log.WarnContext(ctx, "a relay could not be asked", "messagingServer", a.Server, "command", a.Command, "error", err)
		again, err := a.wait(g.Now)
		return nil, again, err
	case !k.Final() && g.Now.After(a.Until):
		return nil, nil, &process.TaskError{Type: HermodTimeout, Status: "TIMEOUT", Message: "TIMEOUT: the command's life is over"}
	case !k.Final():
		again, err := a.wait(g.Now)
		return nil, again, err
	case k.Status != plugout.StatusOK:
		return nil, nil, commandError(k)
	}
	response, err := a.response(m, k, g.Now)
	return response, nil, err
}

// sessionStarts looks whether the session has started in time. A relay ends what waits in
// one that has not; where it does not, we need not wait for the long timeout either.
func (a *asked) sessionStarts(ctx context.Context, g given, reached Messaging) error {
	if a.Begun || g.Now.Before(a.Start) {
		return nil
	}
	k, err := reached.Poll(ctx, acting(g.Work), a.Session)
	if isRefused(err, "NO_SUCH_COMMAND") {
		return nil // forgotten; the command tells by itself
	}
	switch {
	case err != nil:
		return err
	case k.Status == plugout.StatusOK:
		a.Begun = true
	case k.Final():
		return commandError(k)
	}
	return nil
}

// whyNotStarted returns how the session start ended, where it is known and says more than
// the question k, which is told only that there is no session: the answer to the start may
// have been forged.
func (a *asked) whyNotStarted(ctx context.Context, g given, reached Messaging, k *Known) (*Known, error) {
	start, err := reached.Poll(ctx, acting(g.Work), a.Session)
	switch {
	case isRefused(err, "NO_SUCH_COMMAND"):
		return k, nil
	case err != nil:
		return nil, err
	case start.Final() && start.Status != plugout.StatusOK:
		return start, nil
	}
	return k, nil
}

// response takes the device's response out of a command that went well. Where a set of
// attestation keys was named, only what was signed with one of them counts.
func (a *asked) response(m *MessagingServer, k *Known, now time.Time) (json.RawMessage, error) {
	if a.KeySet == "" {
		return k.Response, nil
	}
	set, err := m.keySet(a.KeySet)
	if err != nil {
		return nil, err
	}
	answer, err := a.verified(set, k, now)
	if err != nil {
		return nil, outcome(HermodJWTSignature, err)
	}
	return answer.Response, nil
}

var (
	errUnsigned = errors.New("the answer is not signed")
	errIssued   = errors.New("the answer is dated before the question, or after now")
	errNotOK    = errors.New("what was signed is not the outcome that the relay tells")
)

// verified returns the answer that was signed.
func (a *asked) verified(set *plugout.KeySet, k *Known, now time.Time) (*plugout.Answer, error) {
	if k.JWS == "" {
		return nil, errUnsigned
	}
	jws, err := plugout.ParseJWS([]byte(k.JWS))
	if err != nil {
		return nil, err
	}
	if _, err := set.Verify(jws); err != nil {
		return nil, err
	}
	answer, err := plugout.ParseAnswer(jws.Payload)
	if err != nil {
		return nil, err
	}
	// It came at a time that only the relay knows: after the question, which may have been
	// posted up to a life before Sent if it was posted again after a crash, and before now.
	issued := time.Unix(answer.IssuedAt, 0)
	earliest := a.Sent.Add(a.Sent.Sub(a.Until))
	if issued.Before(earliest.Add(-plugout.MaxIssueTimeSkew)) || issued.After(now.Add(plugout.MaxIssueTimeSkew)) {
		return nil, errIssued
	}
	if err := answer.Check(plugout.Expectation{MessageID: a.Message, Nonce: a.Nonce, Now: issued}); err != nil {
		return nil, err
	}
	if answer.Status != plugout.StatusOK || k.State != relay.Completed {
		return nil, errNotOK
	}
	return answer, nil
}

// Heard says that something was heard of a command of another server, whichever of the
// tenant's it is: whoever waits for it looks at once. A command that nobody waits for is
// nothing. What was heard is not looked at: anybody can say anything.
func (s *Service) Heard(ctx context.Context, tenantName, command string) error {
	if _, err := relay.ParseCommandID(command); err != nil {
		return nil
	}
	servers, err := s.store.MessagingServers(ctx, tenantName)
	if err != nil {
		return err
	}
	for _, m := range servers {
		if m.IsInternal() {
			continue
		}
		if err := s.news(ctx, tenantName, newsKey(m.Name, command)); err != nil {
			return err
		}
	}
	return nil
}

// Ended hears of the end of a command of our own relay, inside the transaction that ends
// it: whoever waits for the command of a messaging server of ours looks at it once that is
// lasting. The commands of other clients are nothing to us.
func (s *Service) Ended(ctx context.Context, c *relay.Stored) error {
	name, ours := strings.CutPrefix(c.Client, localPrefix)
	if !ours || c.Type == plugout.SessionStart || c.Type == plugout.SessionEnd { // no task waits for these
		return nil
	}
	return s.news(ctx, c.Tenant, newsKey(name, c.ID.String()))
}

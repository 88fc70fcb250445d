package provision

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/tenant"
)

// Tested is what came of trying a setting.
type Tested struct {
	Reached bool   // somebody answered
	LetIn   bool   // and takes our secret
	State   string // that a relay says it is in, such as "UP"; empty: it does not say
	Problem string // for people; empty if all is well
}

// TestConnection asks the relying party that a connection leads to whether we are let in.
// It needs admin. Errors: authority.denied,
// connection.unknown; secrets.…; what came of the test is none.
func (s *Service) TestConnection(ctx context.Context, by tenant.Authority, name string) (*Tested, error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, err
	}
	access, err := s.connection(ctx, by.Tenant, name)
	if err != nil {
		return nil, err
	}
	err = access.Ask(ctx)
	s.log.InfoContext(ctx, "a connection was tested", "connection", name, "by", by.Actor.String(), "error", err)
	return tested("", err), nil
}

// TestMessagingServer asks a relay whether we are let in, with a command that does not
// exist, and then for its state. It needs admin. Errors: authority.denied,
// messaging_server.unknown; secrets.…; what came of the test is none.
func (s *Service) TestMessagingServer(ctx context.Context, by tenant.Authority, name string) (*Tested, error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, err
	}
	_, reached, err := s.server(ctx, by.Tenant, name)
	if err != nil {
		return nil, err
	}
	state, err := reached.Ask(ctx, by)
	s.log.InfoContext(ctx, "a messaging server was tested", "messagingServer", name, "by", by.Actor.String(), "error", err)
	return tested(state, err), nil
}

func tested(state string, err error) *Tested {
	t := &Tested{Reached: true, LetIn: true, State: state}
	if err == nil {
		return t
	}
	r, answered := errors.AsType[*Refusal](err)
	t.LetIn, t.Reached = false, answered || errors.Is(err, ErrAnswer)
	switch {
	case answered && (r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden):
		t.Problem = "The server does not take our secret."
	case answered:
		t.Problem = "The server answered " + r.Error() + "."
	case t.Reached:
		t.Problem = "The server answered, but not as a server of this kind does. Is the URL right?"
	default:
		t.Problem = "The server cannot be reached. Are host, port and its certificate right?"
	}
	return t
}

// Desk is where a session with a desk is, for the form beside its link.
type Desk struct {
	State     DeskState
	MatchCode string      // to be compared with what the agent shows; empty: none
	Client    *relay.Desk // who opened the link; nil: nobody yet
	Problem   string      // why it is over; begins with what the other side called it

	// Error is the type of the outcome that it failed with; empty: it is not over, or
	// nothing has come of it for the process yet.
	Error string
}

// DeskState is where a session is.
type DeskState string

// The states of a session.
const (
	DeskWaiting   DeskState = "waiting"   // for the link to be followed
	DeskConnected DeskState = "connected" // it was followed
	DeskCreating  DeskState = "creating"  // and the desk is asked for a credential
	DeskDone      DeskState = "done"      // the credential was made
	DeskFailed    DeskState = "failed"    // it was not followed, or the session is over, or nothing was made
)

// Desk tells where the session is that a variable of a run holds. It needs no scope: who
// may see the form may see this. Errors: messaging_server.unknown; provision.answer for a
// variable that is no session; provision.unreachable.
func (s *Service) Desk(ctx context.Context, by tenant.Authority, session json.RawMessage) (*Desk, error) {
	var v sessionVariable
	if json.Unmarshal(session, &v) != nil || v.CommandID == "" {
		return nil, ErrAnswer.Saying("This is no session.")
	}
	_, reached, err := s.server(ctx, by.Tenant, v.Server)
	if err != nil {
		return nil, err
	}
	k, err := reached.Poll(ctx, by, v.CommandID)
	if _, answered := errors.AsType[*Refusal](err); answered {
		return &Desk{State: DeskFailed, Problem: string(plugout.StatusSessionEnded)}, nil
	}
	if err != nil {
		return nil, err
	}
	d := &Desk{State: DeskWaiting, MatchCode: k.MatchCode, Client: k.Desk}
	switch {
	case k.Status == plugout.StatusOK:
		d.State = DeskConnected
	case k.Final():
		d.State, d.Problem = DeskFailed, commandError(k).Message
	}
	return d, nil
}

// startTask is the task that begins a session, and createTask the one that has a
// credential made in it.
const (
	startTask  = "hermodFidoStartConnectionTask"
	createTask = "hermodFidoCreateCredentialTask"
)

// DeskOf tells where the session is that a person's task is about, whose form has it in a
// field ([bpmn.PlugoutSessionField]), and what has come of the credential that is made
// beside it. It needs no scope: who may see the course of a task may see this. Errors:
// those of [Service.Desk].
func (s *Service) DeskOf(ctx context.Context, by tenant.Authority, c *process.Course) (*Desk, error) {
	made := creation(c.Works)
	switch {
	case made == nil:
	case made.State == process.WorkSucceeded:
		return &Desk{State: DeskDone}, nil
	case made.State == process.WorkFailed:
		return &Desk{State: DeskFailed, Error: made.Code, Problem: made.Message}, nil
	case made.State == process.WorkWithdrawn:
		return &Desk{State: DeskFailed, Problem: string(plugout.StatusSessionEnded)}, nil
	}
	d, err := s.Desk(ctx, by, c.Task.Values[bpmn.PlugoutSessionField])
	if err == nil && made != nil && d.State == DeskConnected {
		d.State = DeskCreating
	}
	return d, err
}

// creation returns the last work that has a credential made in the last session that was
// begun; nil for none.
func creation(works []process.WorkDone) *process.WorkDone {
	for i := len(works) - 1; i >= 0; i-- {
		switch works[i].Task {
		case createTask:
			return &works[i]
		case startTask:
			return nil
		}
	}
	return nil
}

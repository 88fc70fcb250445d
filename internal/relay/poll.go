package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/tenant"
)

// Poll returns what is known of a command, until its lifespan is over. A command
// past its deadline has ended, whether or not a timer has said so.
//
// Errors: relay.no_such_command, also for a command of another client.
func (s *Service) Poll(ctx context.Context, by tenant.Authority, client *Client, id CommandID) (*Report, error) {
	c, err := s.own(ctx, by, client, id)
	if err != nil {
		return nil, err
	}
	if c.State == InProgress && !c.Deadline.After(s.clock()) {
		if err := s.expireWithSession(ctx, c); err != nil {
			return nil, err
		}
		if c, err = s.own(ctx, by, client, id); err != nil {
			return nil, err
		}
	}
	return s.report(c), nil
}

// Cancel ends a command that is in progress. If it made a box, the box closes.
//
// Errors: relay.no_such_command; relay.command_final.
func (s *Service) Cancel(ctx context.Context, by tenant.Authority, client *Client, id CommandID) error {
	c, err := s.own(ctx, by, client, id)
	if err != nil {
		return err
	}
	if c.State != InProgress {
		return ErrCommandFinal
	}
	now := s.clock()
	if !c.Deadline.After(now) {
		if err := s.expireWithSession(ctx, c); err != nil {
			return err
		}
		return ErrCommandFinal
	}
	shut := s.closing(by, "", now, actionClosed, plugout.StatusSessionNotStarted)
	won, _, err := s.store.Finish(ctx, &Finish{
		Command: id, Only: BeforeDeadline, State: Cancelled,
		Ending: Ending{Status: plugout.StatusCancelledByRequester, Ended: now},
		Close:  &shut, EndedEvent: ended(by), Told: s.ended,
	})
	if err == nil && !won {
		return ErrCommandFinal
	}
	return err
}

// own returns a living command of the client.
func (s *Service) own(ctx context.Context, by tenant.Authority, client *Client, id CommandID) (*Stored, error) {
	if by.Tenant == "" || by.Tenant != client.Tenant {
		return nil, tenant.ErrDenied
	}
	c, err := s.store.Command(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.Tenant != client.Tenant || c.Client != client.ID || !c.Lifespan.After(s.clock()) {
		return nil, ErrNoSuchCommand
	}
	return c, nil
}

func (s *Service) report(c *Stored) *Report {
	r := &Report{Receipt: *s.receipt(c)}
	if c.State != InProgress {
		r.Outcome = s.outcome(c)
	}
	return r
}

// outcome tells how a command ended.
func (s *Service) outcome(c *Stored) *Outcome {
	o := &Outcome{
		ID: c.ID, Tenant: c.Tenant, Client: c.Client, Type: c.Type, ExternalID: c.ExternalID,
		State: c.State, Status: c.Status, Ended: c.Ended,
		Signature: c.Remarks.Signature, MatchCode: c.Remarks.MatchCode, Desk: c.Remarks.Desk, Error: c.Remarks.Error,
	}
	for i, d := range c.Destinations {
		if i == 0 || d.Message == c.AnsweredBy {
			o.Destination = s.destination(d)
		}
	}
	if c.Signed {
		o.JWS = string(c.Answer)
	}
	if c.Status == plugout.StatusOK {
		o.Response = response(c)
	} else if o.Error == nil {
		o.Error = explain(c)
	}
	return o
}

// response takes the device's response out of its answer, which was found good.
func response(c *Stored) json.RawMessage {
	payload := c.Answer
	if c.Signed {
		jws, err := plugout.ParseJWS(c.Answer)
		if err != nil {
			return nil
		}
		payload = jws.Payload
	}
	if len(payload) == 0 {
		return nil
	}
	answer, err := plugout.ParseAnswer(payload)
	if err != nil {
		return nil
	}
	return answer.Response
}

// explain gives the relay's own words for a command that did not succeed.
func explain(c *Stored) *OutcomeError {
	words := map[plugout.Status]string{
		plugout.StatusTimeout:              fmt.Sprintf("no answer within %d s", c.Timeout.Sub(c.Issued)/time.Second),
		plugout.StatusSessionNotStarted:    "the session was not started",
		plugout.StatusSessionEnded:         "the session ended before the answer",
		plugout.StatusCancelledByRequester: "cancelled by the requester",
		plugout.StatusUserCancelled:        "the match code was not confirmed",
	}
	return &OutcomeError{Code: string(c.Status), Message: words[c.Status]}
}

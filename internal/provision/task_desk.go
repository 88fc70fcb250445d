package provision

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/relay"
)

// This file has the tasks that open and close a session with a desk.

// sessionVariable is the variable of a session. It opens nothing: the link does.
type sessionVariable struct {
	Server    string `json:"server"`
	CommandID string `json:"commandId"`
	Box       string `json:"bid"`

	// Seconds, as they were when the session was started, so that a command that is sent
	// again is the same although the settings have changed.
	Lifespan int64 `json:"lifespan"`
	Timeout  int64 `json:"timeout"`
	Start    int64 `json:"sessionStart"`
}

// maxStarts is how many session starts whose link was lost are ended for one work.
const maxStarts = 16

// startConnection opens a session: its link goes to the person at the desk. It does not
// wait for anybody to follow it.
func (s *Service) startConnection() *task {
	return &task{
		ours: s.ourServer,
		shape: shape{
			required: []string{"messagingServer"},
			optional: []string{"userid", "title"},
			fields:   map[string]string{"plugoutUrlField": "plugoutUrl", "sessionField": "fidoSession"},
		},
		do: func(ctx context.Context, g given) (process.Result, error) {
			name, err := g.text("messagingServer")
			if err != nil {
				return process.Result{}, err
			}
			object, err := startObject(g)
			if err != nil {
				return process.Result{}, err
			}
			m, reached, err := s.server(ctx, g.Tenant, name)
			if err != nil {
				return process.Result{}, err
			}
			sent, err := s.start(ctx, g, m, reached, object)
			if err != nil {
				return process.Result{}, err
			}
			session, err := json.Marshal(sessionVariable{
				Server: m.Name, CommandID: sent.ID, Box: sent.Box,
				Lifespan: int64(m.Lifespan / time.Second), Timeout: int64(m.Timeout / time.Second), Start: int64(m.SessionStart / time.Second),
			})
			if err != nil {
				return process.Result{}, err
			}
			return process.Result{
				Outputs: map[string]json.RawMessage{g.field("sessionField"): session},
				Secrets: map[string]json.RawMessage{g.field("plugoutUrlField"): quoted(sent.Link)},
				Note:    "session " + sent.ID + " at " + m.Name + " waits " + wholeSeconds(m.SessionStart) + " s for its link to be followed",
			}, nil
		},
	}
}

func startObject(g given) (json.RawMessage, error) {
	user, err := g.optionalText("userid")
	if err != nil {
		return nil, err
	}
	title, err := g.optionalText("title")
	if err != nil {
		return nil, err
	}
	return json.Marshal(plugout.SessionStartCommand{UserID: user, Title: title, Require: []string{plugout.CapabilityFIDO2}})
}

// start posts the session start. A relay shows a link once. Where the work was done before
// and its link was lost with the node that did it, the relay knows the command again and
// shows none: that session is ended, and the next one has the next id.
func (s *Service) start(ctx context.Context, g given, m *MessagingServer, reached Messaging, object json.RawMessage) (*Sent, error) {
	lifespan, timeout := int64(m.Lifespan/time.Second), int64(m.SessionStart/time.Second)
	for n := 1; n <= maxStarts; n++ {
		sent, err := reached.Send(ctx, acting(g.Work), relay.Command{
			Type: plugout.SessionStart,
			Header: relay.Header{
				Lifespan: &lifespan, Timeout: &timeout, To: []string{relay.ToTemporary},
				ExternalID: g.Key + "/session/" + strconv.Itoa(n),
			},
			Object: object,
		})
		if isRefused(err, "DUPLICATE_EXTERNAL_ID") {
			continue // the settings have changed since; that session ends by itself
		}
		if err != nil {
			return nil, relayError(g.Work, err)
		}
		if sent.Link != "" {
			return sent, nil
		}
		err = reached.Cancel(ctx, acting(g.Work), sent.ID)
		if _, answered := errors.AsType[*Refusal](err); err != nil && !answered {
			return nil, relayError(g.Work, err)
		}
	}
	return nil, ErrUnreachable.Saying("The links of %d sessions were lost.", maxStarts)
}

func isRefused(err error, codes ...string) bool {
	r, ok := errors.AsType[*Refusal](err)
	for _, code := range codes {
		if ok && r.Code == code {
			return true
		}
	}
	return false
}

// endSession closes a session, as is good manners where no more commands follow. One that
// is over is closed.
func (s *Service) endSession() *task {
	return &task{
		ours:  s.ourServer,
		shape: shape{required: []string{"messagingServer"}, fields: map[string]string{"sessionField": ""}},
		do: func(ctx context.Context, g given) (process.Result, error) {
			session, reached, _, err := s.sessionOf(ctx, g)
			if err != nil {
				return process.Result{}, err
			}
			_, err = reached.Send(ctx, acting(g.Work), session.command(plugout.SessionEnd, g.Key+"/end", nil))
			if err != nil && !isRefused(err, "SESSION_ENDED", "NO_SUCH_DESTINATION") {
				return process.Result{}, relayError(g.Work, err)
			}
			return process.Result{Note: "session " + session.CommandID + " ended"}, nil
		},
	}
}

// sessionOf returns the session that a work names, and the relay that it is at.
func (s *Service) sessionOf(ctx context.Context, g given) (*sessionVariable, Messaging, *MessagingServer, error) {
	name, err := g.text("messagingServer")
	if err != nil {
		return nil, nil, nil, err
	}
	raw, err := g.variable("sessionField")
	if err != nil {
		return nil, nil, nil, err
	}
	var v sessionVariable
	if json.Unmarshal(raw, &v) != nil || v.CommandID == "" || v.Box == "" || v.Timeout <= 0 || v.Lifespan < v.Timeout {
		return nil, nil, nil, badParameter("sessionField", "names a variable that is no session")
	}
	if v.Server != name {
		return nil, nil, nil, badParameter("messagingServer", "is %s, and the session is at %s", name, v.Server)
	}
	m, reached, err := s.server(ctx, g.Tenant, name)
	return &v, reached, m, err
}

// command is a command for the session's box.
func (v *sessionVariable) command(t plugout.CommandType, externalID string, object json.RawMessage) relay.Command {
	return relay.Command{
		Type:   t,
		Header: relay.Header{Lifespan: &v.Lifespan, Timeout: &v.Timeout, To: []string{v.Box}, ExternalID: externalID},
		Object: object,
	}
}

package outbound

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"bestow.dev/internal/provision"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/tenant"
)

// messaging is a relay of another server.
type messaging struct {
	servers *Servers
	base    string // ends in /command
	token   string
}

// Messaging implements [provision.Dialer].
func (s *Servers) Messaging(m *provision.MessagingServer, token string) (provision.Messaging, error) {
	return &messaging{s, m.URL, token}, nil
}

func (m *messaging) call(ctx context.Context, x exchange) error {
	x.header = map[string]string{"X-Api-Key": m.token}
	return m.servers.do(ctx, x)
}

// Send implements [provision.Messaging].
func (m *messaging) Send(ctx context.Context, _ tenant.Authority, c relay.Command) (*provision.Sent, error) {
	kind, err := relay.KindOf(c.Type)
	if err != nil {
		return nil, err
	}
	if len(c.Object) == 0 {
		c.Object = json.RawMessage("{}")
	}
	header := struct {
		Lifespan   *int64   `json:"lifespan,omitempty"`
		Timeout    *int64   `json:"timeout,omitempty"`
		To         []string `json:"to,omitempty"`
		ExternalID string   `json:"externalId,omitempty"`
	}{c.Header.Lifespan, c.Header.Timeout, c.Header.To, c.Header.ExternalID}
	var answer struct {
		ID           string `json:"commandId"`
		Destinations []struct {
			Box     string `json:"bid"`
			Message string `json:"mid"`
			Link    string `json:"uri"`
		} `json:"destinations"`
	}
	err = m.call(ctx, exchange{
		method: http.MethodPost, url: m.base + "/" + kind.Name, into: &answer,
		body: map[string]any{"commandHeader": header, kind.Object: c.Object},
	})
	if err != nil {
		return nil, err
	}
	sent := &provision.Sent{ID: answer.ID}
	if len(answer.Destinations) > 0 {
		d := answer.Destinations[0]
		sent.Box, sent.Message, sent.Link = d.Box, d.Message, d.Link
	}
	if sent.ID == "" || sent.Box == "" {
		return nil, provision.ErrAnswer
	}
	return sent, nil
}

// Poll implements [provision.Messaging].
func (m *messaging) Poll(ctx context.Context, _ tenant.Authority, id string) (*provision.Known, error) {
	var members map[string]json.RawMessage
	err := m.call(ctx, exchange{method: http.MethodGet, url: m.base + "/" + url.PathEscape(id), into: &members})
	if err != nil {
		return nil, err
	}
	return known(members)
}

// known reads what a relay tells of a command: the members of a callback. The device's
// response has a name of its own for each type.
func known(members map[string]json.RawMessage) (*provision.Known, error) {
	whole, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	var d relay.Document
	if err := strictjson.Decode(whole, &d); err != nil {
		return nil, provision.ErrAnswer.Because(err)
	}
	if d.State == "" || d.State != relay.InProgress && d.Status == "" {
		return nil, provision.ErrAnswer
	}
	k := &provision.Known{State: d.State, Status: d.Status, JWS: d.JWS, MatchCode: d.MatchCode, Desk: d.Client}
	if d.Signature != nil {
		k.Signature = d.Signature.State
	}
	if d.Error != nil {
		k.Message, k.Detail = short(d.Error.Message, maxMessageBytes), short(d.Error.Detail, maxCodeBytes)
	}
	if kind, err := relay.KindOf(d.CommandType); err == nil {
		k.Response = members[kind.Response]
	}
	return k, nil
}

// Cancel implements [provision.Messaging].
func (m *messaging) Cancel(ctx context.Context, _ tenant.Authority, id string) error {
	return m.call(ctx, exchange{method: http.MethodDelete, url: m.base + "/" + url.PathEscape(id)})
}

// Ask implements [provision.Messaging]: a command that does not exist is unknown to whoever
// is let in.
func (m *messaging) Ask(ctx context.Context, by tenant.Authority) (string, error) {
	_, err := m.Poll(ctx, by, "1")
	if r, ok := errors.AsType[*provision.Refusal](err); err != nil && (!ok || r.Status != http.StatusNotFound) {
		return "", err
	}
	var health struct {
		Status string `json:"status"`
	}
	base := strings.TrimSuffix(m.base, "/command")
	if err := m.servers.do(ctx, exchange{method: http.MethodGet, url: base + "/health", into: &health}); err != nil {
		return "", nil // a relay of another make may not say
	}
	return short(health.Status, maxCodeBytes), nil
}

package relay

import (
	"encoding/json"

	"bestow.dev/internal/plugout"
)

// This file is the one place of the callback's shape, which nobody publishes: where
// real traffic says otherwise, it is corrected here.

// Document is the body of a callback, and the outcome part of a poll's answer.
type Document struct {
	CommandID   string               `json:"commandId"`
	CommandType plugout.CommandType  `json:"commandType"`
	ExternalID  string               `json:"externalId,omitempty"`
	State       State                `json:"state"`
	Status      plugout.Status       `json:"status"`
	Destination *DocumentDestination `json:"destination,omitempty"`
	Signature   *Signature           `json:"signature,omitempty"`
	MatchCode   string               `json:"matchCode,omitempty"`
	Client      *Desk                `json:"client,omitempty"`
	JWS         string               `json:"jws,omitempty"`
	Error       *OutcomeError        `json:"error,omitempty"`

	// ResponseName and Response are written as one more member of the document.
	ResponseName string          `json:"-"`
	Response     json.RawMessage `json:"-"`
}

// DocumentDestination names the message that was answered or has expired.
type DocumentDestination struct {
	To  string `json:"to"`
	Box string `json:"bid"`
	ID  string `json:"mid,omitempty"`
}

// Document returns o in the shape of a callback.
func (o *Outcome) Document() Document {
	d := Document{
		CommandID:   o.ID.String(),
		CommandType: o.Type,
		ExternalID:  o.ExternalID,
		State:       o.State,
		Status:      o.Status,
		Signature:   o.Signature,
		MatchCode:   o.MatchCode,
		Client:      o.Desk,
		JWS:         o.JWS,
		Error:       o.Error,
		Response:    o.Response,
	}
	if o.Destination.Box != "" {
		d.Destination = &DocumentDestination{To: o.Destination.To, Box: o.Destination.Box, ID: o.Destination.Message}
	}
	if kind, err := KindOf(o.Type); err == nil {
		d.ResponseName = kind.Response
	}
	return d
}

// MarshalJSON writes the response under its own name, behind the other members.
func (d Document) MarshalJSON() ([]byte, error) {
	type plain Document
	out, err := json.Marshal(plain(d))
	if err != nil || d.ResponseName == "" || len(d.Response) == 0 {
		return out, err
	}
	name, err := json.Marshal(d.ResponseName)
	if err != nil {
		return nil, err
	}
	out = append(out[:len(out)-1], ',')
	out = append(append(out, name...), ':')
	out = append(append(out, d.Response...), '}')
	return out, nil
}

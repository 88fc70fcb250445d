package hermod

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/strictjson"
)

// seconds is a whole number that clients also write as text.
type seconds int64

// UnmarshalJSON takes 300 and "300".
func (s *seconds) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return errSeconds
	}
	*s = seconds(n)
	return nil
}

// header is the commandHeader of a request.
type header struct {
	Lifespan   *seconds `json:"lifespan"`
	Timeout    *seconds `json:"timeout"`
	To         []string `json:"to"`
	ExternalID string   `json:"externalId"`
}

func (h header) domain() relay.Header {
	return relay.Header{
		Lifespan:   (*int64)(h.Lifespan),
		Timeout:    (*int64)(h.Timeout),
		To:         h.To,
		ExternalID: h.ExternalID,
	}
}

// parseCommand reads the body of a command of the given kind: a commandHeader, and
// the command object under the name that the kind has.
func parseCommand(body []byte, kind relay.Kind) (relay.Command, error) {
	var members map[string]json.RawMessage
	if err := strictjson.Decode(body, &members); err != nil {
		return relay.Command{}, errInvalidJSON.Because(err)
	}
	for name := range members {
		if name != "commandHeader" && name != kind.Object {
			return relay.Command{}, relay.ErrInvalidCommand.At(printable(name)).Saying("This command has a commandHeader and a %s, nothing else.", kind.Object)
		}
	}
	object, ok := members[kind.Object]
	if !ok {
		return relay.Command{}, relay.ErrInvalidCommand.At(kind.Object).Saying("%s is missing.", kind.Object)
	}
	var h header
	if raw, ok := members["commandHeader"]; ok {
		if err := strictjson.Decode(raw, &h, strictjson.DisallowUnknown()); err != nil {
			return relay.Command{}, relay.ErrInvalidHeader.At("commandHeader").Saying("commandHeader is not valid: lifespan and timeout are whole seconds, to is a list of text, externalId is text.").Because(err)
		}
	}
	return relay.Command{Type: kind.Type, Header: h.domain(), Object: object}, nil
}

// printable shortens a member's name for an error.
func printable(name string) string {
	const most = 64
	if len(name) > most {
		name = name[:most]
	}
	return strings.ToValidUTF8(name, "�")
}

// receiptDocument answers an accepted command.
type receiptDocument struct {
	CommandID    string                `json:"commandId"`
	Destinations []destinationDocument `json:"destinations"`
	CommandType  plugout.CommandType   `json:"commandType"`
	State        relay.State           `json:"state"`
	FQDN         string                `json:"fqdn"`
	ExternalID   string                `json:"externalId,omitempty"`
}

type destinationDocument struct {
	To       string `json:"to"`
	Box      string `json:"bid"`
	URI      string `json:"uri,omitempty"` // only for a new temporary box
	Message  string `json:"mid,omitempty"`
	Location string `json:"location,omitempty"`
}

func fromReceipt(r *relay.Receipt) receiptDocument {
	d := receiptDocument{
		CommandID:    r.ID.String(),
		Destinations: []destinationDocument{},
		CommandType:  r.Type,
		State:        r.State,
		FQDN:         r.FQDN,
		ExternalID:   r.ExternalID,
	}
	for _, to := range r.Destinations {
		d.Destinations = append(d.Destinations, destinationDocument{
			To: to.To, Box: to.Box, URI: to.URI, Message: to.Message, Location: to.Location,
		})
	}
	return d
}

// fromReport returns the receipt together with the members that the callback has.
func fromReport(r *relay.Report) (any, error) {
	receipt := fromReceipt(&r.Receipt)
	if r.Outcome == nil {
		return receipt, nil
	}
	all := map[string]json.RawMessage{}
	for _, part := range []any{r.Outcome.Document(), receipt} {
		text, err := json.Marshal(part)
		if err != nil {
			return nil, err
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			return nil, err
		}
		maps.Copy(all, members)
	}
	return all, nil
}

package hermod

import (
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/strictjson"
)

// header is the commandHeader of a request.
type header struct {
	Lifespan   json.RawMessage `json:"lifespan"`
	Timeout    json.RawMessage `json:"timeout"`
	To         []string        `json:"to"`
	ExternalID string          `json:"externalId"`
}

// parseHeader reads a commandHeader.
func parseHeader(raw json.RawMessage) (relay.Header, error) {
	var h header
	if err := strictjson.Decode(raw, &h, strictjson.DisallowUnknown()); err != nil {
		bad := relay.ErrInvalidHeader.At("commandHeader")
		if e, ok := errors.AsType[*strictjson.Error](err); ok && e.Path != "" {
			bad = bad.At(e.Path)
		}
		return relay.Header{}, bad.Saying("The commandHeader is not valid: %s.", strings.TrimPrefix(err.Error(), "json: ")).Because(err)
	}
	lifespan, err := seconds("lifespan", h.Lifespan)
	if err != nil {
		return relay.Header{}, err
	}
	timeout, err := seconds("timeout", h.Timeout)
	if err != nil {
		return relay.Header{}, err
	}
	return relay.Header{Lifespan: lifespan, Timeout: timeout, To: h.To, ExternalID: h.ExternalID}, nil
}

// seconds reads a whole number, which clients also write as text: 300 and "300".
// Absent and null are nil.
func seconds(name string, raw json.RawMessage) (*int64, error) {
	text := string(raw)
	if text == "" || text == "null" {
		return nil, nil
	}
	if len(text) > 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || text[0] == '+' {
		return nil, relay.ErrInvalidHeader.At(name).Saying("%s is a whole number of seconds.", name)
	}
	return &n, nil
}

// parseCommand reads the body of a command of the given kind: a commandHeader, and
// the command object under the name that the kind has.
func parseCommand(body []byte, kind relay.Kind) (relay.Command, error) {
	var members map[string]json.RawMessage
	if err := strictjson.Decode(body, &members); err != nil {
		return relay.Command{}, notJSON(err)
	}
	if members == nil { // null
		return relay.Command{}, errInvalidJSON
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
	c := relay.Command{Type: kind.Type, Object: object}
	raw, ok := members["commandHeader"]
	if !ok {
		return c, nil
	}
	var err error
	c.Header, err = parseHeader(raw)
	return c, err
}

// notJSON says where a body is wrong. What strictjson says of it quotes no value.
func notJSON(err error) error {
	return errInvalidJSON.Saying("The body is not a JSON object that can be taken: %s.", strings.TrimPrefix(err.Error(), "json: ")).Because(err)
}

// printable shortens a member's name for an error.
func printable(name string) string {
	const most = 64
	if len(name) > most {
		name = name[:most]
	}
	return strings.ToValidUTF8(name, "�")
}

// errorDocument is the body of every refusal.
type errorDocument struct {
	Error     string `json:"error"`
	Message   string `json:"message,omitempty"`
	Field     string `json:"field,omitempty"` // the offending member, if there is one
	RequestID string `json:"requestId"`
}

// healthDocument answers whether commands can be taken.
type healthDocument struct {
	Status string `json:"status"`
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

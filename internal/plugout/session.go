package plugout

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// Client says what program is at the desk. All of it is claimed, nothing proven.
type Client struct {
	App     string `json:"app"`     // such as "bestow-agent"
	Version string `json:"version"` // of the app
	OS      string `json:"os"`      // such as "linux", "windows", "darwin"
}

// SessionRequest redeems the code of a link: POST <box>/session.
type SessionRequest struct {
	Token  string `json:"token"`
	Client Client `json:"client"`
}

// SessionResponse answers it with 201.
type SessionResponse struct {
	// Session is the bearer secret of every later call: 256 random bits, base64url.
	Session string    `json:"session"`
	Expires time.Time `json:"expires"`

	// Messages are the open messages, oldest first.
	Messages []MessageItem `json:"messages"`

	// MatchCode says that the person has to compare the code of [MatchCode] with
	// the one on the form, and that POST <box>/session/confirm is awaited before a
	// create command is listed. False: there is nothing to compare.
	MatchCode bool `json:"matchCode,omitempty"`
}

// MessageList answers GET <box>.
type MessageList struct {
	Messages []MessageItem `json:"messages"`
}

// MessageItem is an open message in a list.
type MessageItem struct {
	MessageID string      `json:"mid"`
	Type      CommandType `json:"type"`
	Location  string      `json:"location"` // for information: the agent derives the address from the link
	Expires   time.Time   `json:"expires"`
}

// CommandMessage is one command as fetched: GET <box>/<mid>.
type CommandMessage struct {
	Version      int             `json:"v"`
	BoxID        string          `json:"bid"`
	MessageID    string          `json:"mid"`
	Type         CommandType     `json:"type"`
	Requester    string          `json:"requester"` // the client id of the caller that issued it
	Issued       time.Time       `json:"issued"`
	Expires      time.Time       `json:"expires"` // after this an answer is dropped
	Nonce        string          `json:"nonce"`
	Format       string          `json:"responseformat"`       // [FormatJWS] or [FormatJSON]
	SignatureKey string          `json:"responsesignaturekey"` // [KeyAttestation]
	Command      json.RawMessage `json:"command"`              // the command object as posted
}

// Values of CommandMessage.Format and SignatureKey.
const (
	FormatJWS      = "jws"
	FormatJSON     = "json" // unsigned, for tests
	KeyAttestation = "ATTESTATION"
)

// maxClientText bounds each member of [Client], in bytes.
const maxClientText = 64

// ParseSessionRequest reads the body of POST <box>/session.
//
// Errors: [ReasonTooLarge], [ReasonMalformed].
func ParseSessionRequest(body []byte) (*SessionRequest, error) {
	var r SessionRequest
	if err := decode(body, MaxRequestBytes, &r); err != nil {
		return nil, err
	}
	r.Token = strings.ToLower(r.Token)
	if !isUUID(r.Token) {
		return nil, refuse(ReasonMalformed, "token is not a UUID")
	}
	for _, text := range []string{r.Client.App, r.Client.Version, r.Client.OS} {
		if len(text) > maxClientText || !printable(text) {
			return nil, refuse(ReasonMalformed, "client is described by text that is too long or not printable")
		}
	}
	return &r, nil
}

// ParseSessionResponse reads what the relay answers to a session request.
//
// Errors: [ReasonTooLarge], [ReasonMalformed].
func ParseSessionResponse(body []byte) (*SessionResponse, error) {
	var r SessionResponse
	if err := decode(body, MaxMessageBytes, &r); err != nil {
		return nil, err
	}
	// It becomes a header value, so its alphabet matters.
	if len(r.Session) < 22 || len(r.Session) > 512 || !isToken68(r.Session) {
		return nil, refuse(ReasonMalformed, "session secret is missing or not a bearer token")
	}
	if r.Expires.IsZero() {
		return nil, refuse(ReasonMalformed, "session has no expiry")
	}
	if err := checkItems(r.Messages); err != nil {
		return nil, err
	}
	return &r, nil
}

// ParseMessageList reads the list of open messages.
//
// Errors: [ReasonTooLarge], [ReasonMalformed].
func ParseMessageList(body []byte) (*MessageList, error) {
	var l MessageList
	if err := decode(body, MaxMessageBytes, &l); err != nil {
		return nil, err
	}
	if err := checkItems(l.Messages); err != nil {
		return nil, err
	}
	return &l, nil
}

func checkItems(items []MessageItem) error {
	for _, m := range items {
		if !isUUID(m.MessageID) || m.Type == "" || m.Expires.IsZero() {
			return refuse(ReasonMalformed, "a listed message lacks its id, type or expiry")
		}
	}
	return nil
}

// ParseCommandMessage reads one command.
//
// Errors: [ReasonTooLarge], [ReasonMalformed], [ReasonVersion].
func ParseCommandMessage(body []byte) (*CommandMessage, error) {
	var m CommandMessage
	if err := decode(body, MaxMessageBytes, &m); err != nil {
		return nil, err
	}
	switch {
	case m.Version != Version:
		return nil, refuse(ReasonVersion, "message version %d", m.Version)
	case !isUUID(m.BoxID) || !isUUID(m.MessageID):
		return nil, refuse(ReasonMalformed, "message lacks its box or message id")
	case m.Type == "" || m.Nonce == "" || m.Expires.IsZero():
		return nil, refuse(ReasonMalformed, "message lacks its type, nonce or expiry")
	case m.Format != FormatJWS && m.Format != FormatJSON:
		return nil, refuse(ReasonMalformed, "response format %q", m.Format)
	}
	return &m, nil
}

// isToken68 reports whether s may stand after "Bearer " (RFC 7235, section 2.1).
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return s != ""
}

// printable reports whether s is text without control characters.
func printable(s string) bool {
	for _, r := range s {
		if r < 0x20 || r == utf8.RuneError || 0x7f <= r && r < 0xa0 {
			return false
		}
	}
	return true
}

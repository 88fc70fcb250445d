package plugout

import (
	"crypto/subtle"
	"encoding/json"
	"time"
)

// MaxIssueTimeSkew is how far an answer's iat may be from the relay's clock, to
// either side.
const MaxIssueTimeSkew = 5 * time.Minute

// Answer is the payload of an agent's answer: POST <box>/<mid>.
type Answer struct {
	Version   int             `json:"v"`
	MessageID string          `json:"mid"`
	Nonce     string          `json:"nonce"`
	IssuedAt  int64           `json:"iat"` // seconds since 1970
	Status    Status          `json:"status"`
	Response  json.RawMessage `json:"response,omitempty"` // only when Status is OK
	Error     *AnswerError    `json:"error,omitempty"`    // only when it is not
}

// AnswerError says more about an outcome that is not OK.
type AnswerError struct {
	Message string `json:"message"`
	CTAP    string `json:"ctap,omitempty"` // status byte of the security key, such as "0x32"
}

// ParseAnswer reads the payload of an answer. A good result says that it has the
// right shape; [Answer.Check] decides whether it answers the message.
//
// Errors: [ReasonTooLarge], [ReasonMalformed].
func ParseAnswer(payload []byte) (*Answer, error) {
	var a Answer
	if err := decode(payload, MaxAnswerBytes, &a); err != nil {
		return nil, err
	}
	if a.MessageID == "" || a.Nonce == "" || a.Status == "" {
		return nil, refuse(ReasonMalformed, "answer lacks mid, nonce or status")
	}
	return &a, nil
}

// Expectation is what the answer to a message must fit.
type Expectation struct {
	MessageID string
	Nonce     string
	Now       time.Time
}

// Check decides whether a answers the message that want describes. It returns nil,
// or a [*Refusal] with [ReasonVersion], [ReasonMessageID], [ReasonNonce],
// [ReasonIssueTime] or [ReasonStatus].
func (a *Answer) Check(want Expectation) error {
	if a.Version != Version {
		return refuse(ReasonVersion, "answer version %d", a.Version)
	}
	if !equal(a.MessageID, want.MessageID) {
		return refuse(ReasonMessageID, "answer is for another message")
	}
	if want.Nonce == "" || !equal(a.Nonce, want.Nonce) {
		return refuse(ReasonNonce, "answer does not carry the nonce of the message")
	}
	// Compared in seconds, so that a huge iat cannot overflow a Duration.
	skew, limit := want.Now.Unix(), int64(MaxIssueTimeSkew/time.Second)
	if a.IssuedAt < skew-limit || a.IssuedAt > skew+limit {
		return refuse(ReasonIssueTime, "answer is dated more than %v from now", MaxIssueTimeSkew)
	}
	if !a.Status.FromDevice() {
		return refuse(ReasonStatus, "an agent does not answer %q", a.Status)
	}
	if a.Status == StatusOK && a.Error != nil || a.Status != StatusOK && a.Response != nil {
		return refuse(ReasonStatus, "status %s with the member of the other outcome", a.Status)
	}
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

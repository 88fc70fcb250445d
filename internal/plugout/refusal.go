package plugout

import (
	"errors"
	"fmt"
)

// A Reason says why a document of this wire was refused. Its values are stable.
type Reason string

// The reasons.
const (
	ReasonMalformed   Reason = "malformed"    // not the document it should be
	ReasonTooLarge    Reason = "too_large"    // above the limit for its kind
	ReasonLink        Reason = "link"         // not a plugout link that may be followed
	ReasonAlgorithm   Reason = "algorithm"    // a signature algorithm that is not accepted
	ReasonUnknownKey  Reason = "unknown_key"  // no active key of that name in the key set
	ReasonSignature   Reason = "signature"    // the signature does not verify
	ReasonVersion     Reason = "version"      // a document version that is not known
	ReasonMessageID   Reason = "message_id"   // answers another message
	ReasonNonce       Reason = "nonce"        // does not carry the message's nonce
	ReasonIssueTime   Reason = "issue_time"   // iat too far from now
	ReasonStatus      Reason = "status"       // a status that an agent may not send
	ReasonUnusableKey Reason = "unusable_key" // a key that does not fit the algorithms of this wire
)

// A Refusal reports that a document was read and refused. It never quotes a
// secret: tokens, session secrets and links do not enter it.
type Refusal struct {
	Reason Reason
	Detail string // for the log and for people
}

// Error returns the detail with its reason.
func (r *Refusal) Error() string { return "plugout: " + string(r.Reason) + ": " + r.Detail }

// ReasonOf returns the reason of the [Refusal] in err's chain, or "" if there is
// none.
func ReasonOf(err error) Reason {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Reason
	}
	return ""
}

func refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

package relay

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"bestow.dev/internal/plugout"
)

// Never is when a profile box expires.
var Never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// BoxKind says how long a box lives and who may address it.
type BoxKind string

// The kinds of box.
const (
	SessionBox   BoxKind = "session" // temporary, made by a session start
	TemporaryBox BoxKind = "tmp"     // temporary, made by any other command
	ProfileBox   BoxKind = "profile" // a user's, for good
)

// Box is a message box as stored.
type Box struct {
	ID     string
	Tenant string
	Client string // that made it
	Group  string
	Kind   BoxKind
	User   string    // only of a profile box
	By     CommandID // the command that made it

	TokenHash   []byte // SHA-256; empty once the token is dead for good
	SessionHash []byte // SHA-256; empty until the box is opened
	Desk        Desk   // who opened it
	AnswerKey   string // thumbprint of the key that every answer must be signed with; empty: none yet
	MatchCode   bool   // a create command waits for the person's confirmation

	Created   time.Time
	StartBy   time.Time // when the box closes unless the command that made it was answered
	Expires   time.Time
	Redeemed  time.Time // these four are zero until it happens
	Started   time.Time // the command that made it was answered
	Confirmed time.Time
	Closed    time.Time

	// Open is how many messages in it are not answered; filled in only where a
	// command is about to be added.
	Open int
}

// Over reports whether the box takes no more part in anything at the time now.
func (b *Box) Over(now time.Time) bool {
	if !b.Closed.IsZero() || !b.Expires.After(now) {
		return true
	}
	return b.Started.IsZero() && !b.StartBy.After(now)
}

// Deadline returns when a command of type t in b is over if nobody answers it until
// timeout, and with which status. Where two ends fall together the timeout comes
// first.
func (b *Box) Deadline(t plugout.CommandType, timeout time.Time) (time.Time, plugout.Status) {
	end, status := timeout, plugout.StatusTimeout
	if t == plugout.FIDOCreateCredential && b.MatchCode && b.Confirmed.IsZero() {
		// A code that nobody confirms counts as a prompt that was declined.
		status = plugout.StatusUserCancelled
	}
	if b.Expires.Before(end) {
		end, status = b.Expires, plugout.StatusSessionEnded
	}
	if b.Started.IsZero() && b.StartBy.Before(end) {
		end, status = b.StartBy, plugout.StatusSessionNotStarted
	}
	return end, status
}

// shows reports whether the agent may see a command of type t in b now.
func (b *Box) shows(t plugout.CommandType) bool {
	if b.Kind == SessionBox && b.Started.IsZero() && t != plugout.SessionStart {
		return false
	}
	return t != plugout.FIDOCreateCredential || !b.MatchCode || !b.Confirmed.IsZero()
}

// opensWith reports whether token is the one of b's link.
func (b *Box) opensWith(token string) bool { return isHashOf(b.TokenHash, token) }

// isHashOf reports in constant time whether hash is that of secret.
func isHashOf(hash []byte, secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(hash, sum[:]) == 1
}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

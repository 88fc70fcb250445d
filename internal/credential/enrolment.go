package credential

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// Invitation lets the person it was given to open one session in which they may
// register a credential. Who holds its secret is taken for that person.
type Invitation struct {
	ID           string
	Tenant       string
	RelyingParty string
	User         UserID
	Secret       [sha256.Size]byte // SHA-256 of the secret
	Additional   bool              // for a user who has a credential already
	State        InvitationState
	Actor        audit.Actor // who invited
	Via, Ref     string
	Created      time.Time
	Expires      time.Time
	Ended        time.Time // zero while open
}

// InvitationState is where an invitation is in its life. An open one whose time has
// passed is expired.
type InvitationState string

// The states of an invitation. Only an open one changes.
const (
	InvitationOpen      InvitationState = "open"
	InvitationSpent     InvitationState = "spent"
	InvitationCancelled InvitationState = "cancelled"
)

// open returns nil if the invitation may be spent at now.
func (i *Invitation) open(now time.Time) error {
	switch {
	case i.State == InvitationSpent:
		return ErrInvitationSpent
	case i.State == InvitationCancelled:
		return ErrInvitationCancelled
	case !now.Before(i.Expires):
		return ErrInvitationExpired
	}
	return nil
}

// Purpose says what a browser session may do.
type Purpose string

// The purposes of a session.
const (
	// Enrol may register one credential for its user, and after that sign in as them.
	Enrol Purpose = "enrol"
	// Visit belongs to nobody yet and may only sign in.
	Visit Purpose = "visit"
	// SignedIn may see its user's own credentials.
	SignedIn Purpose = "signed_in"
	// ConsoleVisit is a Visit that may only sign in to the console.
	ConsoleVisit Purpose = "console_visit"
	// Console may do what its user's role says, at the time it is asked: see
	// [Service.Operator].
	Console Purpose = "console"
	// TaskVisit is a Visit that may only sign in to the tasks of processes.
	TaskVisit Purpose = "task_visit"
	// Tasks says who its user is, for the tasks that processes have for them, and may do
	// nothing here: see [Service.Person].
	Tasks Purpose = "tasks"
)

// Session is a browser's session on the pages. It is bound to one relying party and,
// unless it is a visit, to one user.
type Session struct {
	// ID is the SHA-256 of the cookie's value, in hexadecimal. It names the session
	// and does not open it.
	ID           string
	Tenant       string
	RelyingParty string
	Purpose      Purpose
	User         UserID      // empty for a visit
	UserName     string      // filled in when read
	DisplayName  string      // filled in when read
	Role         tenant.Role // its user's now, empty for none; filled in when read
	Invitation   string      // the one that opened it; empty for none
	Additional   bool        // what Invitation says; filled in when read
	Address      string
	Created      time.Time
	Expires      time.Time
	Idle         time.Time // when it ends unless it is used before; zero: at Expires alone
	Ended        time.Time // zero while it may be used
	Registered   time.Time // when it registered its credential; zero before
	Credential   ID        // the credential registered, or signed in with
}

// sessionID returns the id of the session whose cookie has the given value.
func sessionID(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return hex.EncodeToString(sum[:])
}

// secretBytes is the length of invitation secrets and cookie values.
const secretBytes = 32

// newSecret returns a fresh secret in base64url.
func newSecret(rand io.Reader) (string, error) {
	var b [secretBytes]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

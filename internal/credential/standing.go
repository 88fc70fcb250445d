package credential

import (
	"time"

	"bestow.dev/webauthn"
)

// Standing says more closely than [State] how a credential stands. It hangs on the
// state: each goes with one, and what knows states alone loses nothing by it.
type Standing string

// The standings. Plain goes with both states; Initial is active, all others are suspended.
const (
	Plain             Standing = ""
	Initial           Standing = "initial"            // to be used for the first time, which makes it plain
	TemporarilyLocked Standing = "temporarily_locked" // until a time, at which it is active again
	FailureLocked     Standing = "failure_locked"     // something about its use was wrong
	ResetCode         Standing = "reset_code"         // waits for a code of its owner's
	AdminChanged      Standing = "admin_changed"      // waits for its owner to change it
	Archived          Standing = "archived"           // for good: it only can be deleted
)

// state returns the state that s goes with; empty for both, and false for no standing.
func (s Standing) state() (State, bool) {
	switch s {
	case Plain:
		return "", true
	case Initial:
		return Active, true
	case TemporarilyLocked, FailureLocked, ResetCode, AdminChanged, Archived:
		return Suspended, true
	}
	return "", false
}

// Asked is what the options of a registration asked for, as they were sent. Zero members
// asked for nothing, or are not known.
type Asked struct {
	Attestation      webauthn.Conveyance       `json:"attestation,omitempty"`
	ResidentKey      webauthn.ResidentKey      `json:"residentKey,omitempty"`
	UserVerification webauthn.UserVerification `json:"userVerification,omitempty"`
}

// askedFor returns what options asked for.
func askedFor(o *webauthn.CreationOptions) Asked {
	a := Asked{Attestation: o.Attestation}
	if s := o.AuthenticatorSelection; s != nil {
		a.ResidentKey, a.UserVerification = s.ResidentKey, s.UserVerification
	}
	return a
}

// lapse ends a suspension whose time is over at now. What is stored stays until the next
// change or use.
func (c *Credential) lapse(now time.Time) {
	if c.State == Suspended && !c.Until.IsZero() && !now.Before(c.Until) {
		c.State, c.Standing, c.Reason, c.Until = Active, Plain, "", time.Time{}
	}
}

func lapse(list []Credential, now time.Time) {
	for i := range list {
		list[i].lapse(now)
	}
}

// ExternalOrID returns the id that the system a credential came from gave it, or ours.
func (c *Credential) ExternalOrID() string {
	if c.ExternalID != "" {
		return c.ExternalID
	}
	return string(c.ID)
}

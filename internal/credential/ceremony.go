package credential

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// CeremonyID is our own identifier of a ceremony. It may be shown to callers; it
// opens nothing.
type CeremonyID string

// CeremonyKind says what a ceremony is for. A challenge of one kind is unknown to
// the other.
type CeremonyKind string

// The kinds of ceremony.
const (
	Registration   CeremonyKind = "registration"
	Authentication CeremonyKind = "authentication"
)

// CeremonyState is where a ceremony is in its life.
type CeremonyState string

// The states of a ceremony. Only an open one changes. Expired is never stored: it
// is an open ceremony whose time has passed.
const (
	CeremonyOpen      CeremonyState = "open"
	CeremonySucceeded CeremonyState = "succeeded"
	CeremonyFailed    CeremonyState = "failed"
	CeremonyExpired   CeremonyState = "expired"
)

// Ceremony is options that were given out and await an answer.
type Ceremony struct {
	ID           CeremonyID
	Tenant       string
	RelyingParty string
	Kind         CeremonyKind
	State        CeremonyState
	User         UserID            // empty where whoever answers says who they are
	Challenge    [sha256.Size]byte // SHA-256 of the challenge
	Options      json.RawMessage   // as sent
	Terms        Terms
	RequestID    string // the caller's own id; empty for none

	// Actor and Session are who began it, and who alone may finish it.
	Actor   audit.Actor
	Session string
	Address string // the caller's network address, where it is a browser
	Via     string
	Ref     string

	Created time.Time
	Expires time.Time
	Ended   time.Time // zero while open

	Outcome    string // code of the refusal, once failed
	Credential ID     // what it made or was answered with, once succeeded
}

// Terms are what the one who began a ceremony asked for beside the options: each
// narrows the policy of the relying party.
type Terms struct {
	AAGUIDs []string `json:"aaguids,omitempty"` // models accepted; empty: as the policy says
	Trusted bool     `json:"trusted,omitempty"` // only a trusted attestation will do
	Self    bool     `json:"self,omitempty"`    // with Trusted: or self attestation
	Decoy   bool     `json:"decoy,omitempty"`   // for a name that is nobody's: nothing can answer it

	// Policies are further ones of the tenant that have to be met, beside those of the
	// relying party.
	Policies []string `json:"policies,omitempty"`

	// ShownName is what the options call the user in place of the login name.
	ShownName string `json:"shownName,omitempty"`

	// Conditional is for a credential that the client makes without asking its user.
	// It alone widens something, which the relying party's policy has allowed.
	Conditional bool `json:"conditional,omitempty"`

	// Name is what the credential is to be called. It decides nothing.
	Name string `json:"name,omitempty"`
}

// MayFinish reports whether by is who began the ceremony.
func (c *Ceremony) MayFinish(by tenant.Authority) bool {
	return c.Tenant == by.Tenant && c.Actor == by.Actor && c.Session == by.Session
}

// StateAt returns the state as it is at now.
func (c *Ceremony) StateAt(now time.Time) CeremonyState {
	if c.State == CeremonyOpen && !now.Before(c.Expires) {
		return CeremonyExpired
	}
	return c.State
}

// open returns nil if the ceremony may still be finished at now.
func (c *Ceremony) open(now time.Time) error {
	switch c.StateAt(now) {
	case CeremonyOpen:
		return nil
	case CeremonyExpired:
		return ErrCeremonyExpired
	}
	return ErrCeremonyUsed
}

// Limits of what callers call things.
const (
	maxRequestIDChars = 255
	maxRefChars       = 255
)

// CeremonyKey finds a ceremony by the challenge that its answer carries or, where RequestID
// is not empty, by the request that the answer is brought for.
type CeremonyKey struct {
	Tenant       string
	RelyingParty string
	Kind         CeremonyKind
	Challenge    [sha256.Size]byte
	RequestID    string
}

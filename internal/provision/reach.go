package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/tenant"
)

// DigitalAccess is a relying party that provisions credentials for an identity manager.
// Every method may return a [*Refusal] for what the other side answered; any other error
// means that there is no answer now.
type DigitalAccess interface {
	// Options returns creation options for a user, by login name.
	Options(ctx context.Context, by tenant.Authority, user string) (*Options, error)

	// Store hands in what a security key made, and returns the credential's id.
	Store(ctx context.Context, by tenant.Authority, c NewCredential) (id string, err error)

	// HasStored reports whether the credential with that id was stored by us, for that
	// user, and is theirs.
	HasStored(ctx context.Context, by tenant.Authority, user, id string) (bool, error)

	// Ask tells whether we are let in.
	Ask(ctx context.Context) error
}

// Options are creation options for one user, good for one credential.
type Options struct {
	PublicKey json.RawMessage
	Expires   time.Time // zero: it was not said
	Origin    string    // that the client data has to name; empty: it was not said
}

// NewCredential is what a security key made, for a user.
type NewCredential struct {
	User       string // login name
	Name       string // what to call the credential; empty: nothing
	ID         string // base64url, as the credential says itself
	Credential json.RawMessage
}

// Messaging is a relay. Every method may return a [*Refusal] for what it answered; any
// other error means that there is no answer now.
type Messaging interface {
	// Send posts a command.
	Send(ctx context.Context, by tenant.Authority, c relay.Command) (*Sent, error)

	// Poll returns what is known of a command.
	Poll(ctx context.Context, by tenant.Authority, id string) (*Known, error)

	// Cancel ends a command that is in progress, and the session that it starts.
	Cancel(ctx context.Context, by tenant.Authority, id string) error

	// Ask tells whether we are let in, and the state that the relay says it is in.
	Ask(ctx context.Context, by tenant.Authority) (state string, err error)
}

// Sent is a command that was accepted.
type Sent struct {
	ID      string
	Box     string
	Message string
	Link    string // a secret; empty if the box is not new, or the command was sent before

	// Unheard says that nothing can have been heard of it: it is stored in the transaction
	// of whoever sent it.
	Unheard bool
}

// Known is what a relay knows of a command.
type Known struct {
	State     relay.State
	Status    plugout.Status // empty while it is in progress
	Response  json.RawMessage
	JWS       string
	Signature relay.SignatureState // empty: there was no answer
	MatchCode string
	Message   string // says more where the status is not OK
	Detail    string
	Desk      *relay.Desk
}

// Final reports whether the command is over.
func (k *Known) Final() bool { return k.State != relay.InProgress }

// Refusal is what another server answered: it was reached, and does not do this.
type Refusal struct {
	Status  int    // of HTTP
	Code    string // in its words, such as "NO_SUCH_COMMAND"
	Reason  string // more of it; empty for nothing
	Message string // for people
}

// Error returns what was answered.
func (r *Refusal) Error() string {
	name := r.Code
	if name == "" {
		name = strconv.Itoa(r.Status)
	}
	if r.Reason != "" {
		name += " (" + r.Reason + ")"
	}
	if r.Message == "" {
		return fmt.Sprintf("%s: %s", name, http.StatusText(r.Status))
	}
	return name + ": " + r.Message
}

// Dialer makes what tasks reach other servers with.
type Dialer interface {
	DigitalAccess(c *Connection, secret string) (DigitalAccess, error)
	Messaging(m *MessagingServer, token string) (Messaging, error)
}

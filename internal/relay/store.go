package relay

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/plugout"
)

// Stored is a command as stored.
type Stored struct {
	ID         CommandID
	Tenant     string
	Client     string
	Type       plugout.CommandType
	ExternalID string
	Request    [sha256.Size]byte // hash of what the client sent
	Object     json.RawMessage
	Nonce      string
	Format     string    // [plugout.FormatJWS] or [plugout.FormatJSON]
	Session    CommandID // the command that made the box it waits in; zero for that command itself
	Callback   bool      // its client wants to be told of the outcome

	Issued   time.Time
	Timeout  time.Time
	Lifespan time.Time

	// Deadline is when the command ends by itself, and AtDeadline how. Both may
	// change while it waits: a session that starts takes its own end away.
	Deadline   time.Time
	AtDeadline plugout.Status

	Destinations []StoredDestination

	State State
	Ending
}

// StoredDestination is one message of a command.
type StoredDestination struct {
	To      string `json:"to"`
	Box     string `json:"bid"`
	Message string `json:"mid,omitempty"` // empty: the relay itself carried the command out
}

// Ending is how a command ended, as stored. All of it is zero until then.
type Ending struct {
	Status     plugout.Status
	Ended      time.Time
	AnsweredBy string // id of the message that was answered
	Answer     []byte // the answer as received
	Signed     bool   // it is a compact JWS, otherwise JSON
	Remarks    Remarks
}

// Remarks are the parts of an outcome that nothing is decided by.
type Remarks struct {
	Signature *Signature    `json:"signature,omitempty"`
	MatchCode string        `json:"matchCode,omitempty"`
	Desk      *Desk         `json:"client,omitempty"`
	Error     *OutcomeError `json:"error,omitempty"`
}

// Delivery is one message with what decides over it.
type Delivery struct {
	// Box lacks Group, User, TokenHash, Created, Redeemed and Open.
	Box Box

	// Command has its ids, Client, Type, Object, Nonce, Format, Issued, Deadline,
	// State, Status and AnsweredBy.
	Command Stored

	Message string
}

// Waiting is an open message in a list.
type Waiting struct {
	Message string
	Type    plugout.CommandType
	Expires time.Time
}

// Draft is a command about to be stored.
type Draft struct {
	Command Stored
	At      time.Time

	// NewBox is the temporary box that the command makes, and that its one message
	// goes into. Nil: the boxes are found by Targets.
	NewBox *Box

	// Targets say which boxes are meant. The store loads each, holds it against
	// other changes until the end of the transaction, and calls Place.
	Targets []Target

	// Place judges the boxes and finishes the command: its deadline, session and
	// destinations. It may be called more than once. An error of it is returned and
	// nothing is stored. Nil if NewBox is set.
	Place func(boxes []PlacedBox, command *Stored) error

	// Closings are made of what Place has left to be closed: boxes that a command
	// which the relay itself carries out ends. Nil: none.
	Closings func() []Closing

	AcceptedEvent func(command *Stored) audit.Event // of the command as it is stored

	// Told is as in [Closing], if the command is stored as one that has ended.
	Told func(ctx context.Context, command *Stored) error
}

// Target is a box by its id, or every profile box of a user within a group.
type Target struct {
	To     string // as the client wrote it
	Tenant string
	Box    string
	Group  string // with User
	User   string
}

// PlacedBox is a box that a target means.
type PlacedBox struct {
	To  string
	Box Box
}

// Closing ends a box and every command that waits in it and nowhere else.
type Closing struct {
	Box    string
	At     time.Time
	Status plugout.Status // of those commands whose own deadline has not come

	ClosedEvent func(b *Box) audit.Event    // of the box
	EndedEvent  func(c *Stored) audit.Event // of each command

	// Told is called for each command that it ends, with the transaction's context. An
	// error of it undoes everything. Nil for nothing.
	Told func(ctx context.Context, c *Stored) error
}

// Condition says when a command may still end in the way that is asked for.
type Condition int

// The conditions. All demand that it is in progress.
const (
	WhileOpen      Condition = iota // whatever the time
	BeforeDeadline                  // its deadline is later than the ending
	AfterDeadline                   // its deadline is not later than the ending
)

// Finish ends one command.
type Finish struct {
	Command CommandID
	Only    Condition
	State   State
	Ending

	// Box says what becomes of the box that was answered in; nil: nothing.
	Box *BoxChange

	// Close closes a box as well; one without an id closes the box that the command
	// made, if it made one. Nil: none is closed.
	Close *Closing

	EndedEvent func(c *Stored) audit.Event
	Told       func(ctx context.Context, c *Stored) error // as in [Closing], of this command
}

// BoxChange is what an answer does to its box.
type BoxChange struct {
	Box string

	// AnswerKey is the key that the answer was signed with, which becomes the key of
	// the box. Empty: it stays as it is.
	AnswerKey string

	// Start says that the command that made the box is answered: the deadlines of
	// the others are no longer bound to it.
	Start bool

	// Profile makes the box a profile box of that user. Empty: it stays what it is.
	Profile string
}

// Redeem opens a box.
type Redeem struct {
	Box         string
	At          time.Time
	SessionHash []byte
	Desk        Desk
	OpenedEvent func(b *Box) audit.Event

	// Twice closes the box if it has been opened before.
	Twice Closing
}

// Redeemed is what came of a [Redeem].
type Redeemed int

// The outcomes of redeeming.
const (
	RedeemedNow   Redeemed = iota // the box is open
	RedeemedTwice                 // it was open, and is closed now
	RedeemedLate                  // it is over; nothing was changed
)

// Claim is a callback that the caller of ClaimCallbacks is to deliver.
type Claim struct {
	Command CommandID
	Tenant  string
	Client  string
	Number  int64 // which claim of this callback it is; a later one makes it void
	Tries   int   // tries that failed before
}

// ClaimQuery says which callbacks to claim.
type ClaimQuery struct {
	At    time.Time
	Lease time.Duration // after which the claim is void and anyone may claim again
	Limit int
	Not   []Recipient // clients to leave out
}

// Recipient is whom a callback goes to.
type Recipient struct{ Tenant, Client string }

// Store keeps commands, boxes and callbacks. Methods that change something do it
// in one transaction with the events they are given, and wake up those who wait
// for it ([WakeBox], [WakeCallbacks]) after it is lasting.
//
// A callback becomes due in the transaction that ends its command, if the command
// wants one. It is not delivered before that of the command's session.
type Store interface {
	// Ping reports whether the database answers.
	Ping(ctx context.Context) error

	// AddCommand stores a command. If the client has a living command with the same
	// external id, nothing is stored: repeated is true, and the command returned is
	// the one that is there. A command whose State is final is stored with its
	// callback. An id that is taken is not an error: the command gets another one
	// from nextID.
	// Errors: those of d.Place; relay.no_such_destination for a target without a box.
	AddCommand(ctx context.Context, d *Draft, nextID func() CommandID) (stored *Stored, repeated bool, err error)

	// Command returns a command with its destinations. Errors:
	// relay.no_such_command.
	Command(ctx context.Context, id CommandID) (*Stored, error)

	// Finish ends a command if its condition holds, and reports whether it did. If
	// the box has another answer key by now, it does nothing and reports rekeyed.
	Finish(ctx context.Context, f *Finish) (won, rekeyed bool, err error)

	// Close ends a box that is not closed yet, and reports whether it did.
	Close(ctx context.Context, c *Closing) (bool, error)

	// Box returns a box. Errors: relay.session_gone if there is none.
	Box(ctx context.Context, id string) (*Box, error)

	// Redeemable returns a box, nil if there is none, and how many wrong tokens came from
	// address since the given time, at least.
	Redeemable(ctx context.Context, box, address string, since time.Time) (*Box, int, error)

	// AddWrongToken counts one. Counting starts anew when the first one counted is
	// older than since.
	AddWrongToken(ctx context.Context, address string, at, since time.Time) error

	// Redeem opens a box, once.
	Redeem(ctx context.Context, r *Redeem) (Redeemed, error)

	// Waiting returns a box and its open messages whose deadline is later than now,
	// oldest first. Errors: relay.session_gone if there is no such box.
	Waiting(ctx context.Context, box string, now time.Time) (*Box, []Waiting, error)

	// Delivery returns a message of a box. Errors: relay.session_gone if there is no
	// such box, and relay.message_unknown with the box alone if there is no such
	// message in it.
	Delivery(ctx context.Context, box, message string) (*Delivery, error)

	// Confirm notes that the person confirmed the match code of a box that is opened,
	// not over and not yet confirmed, and sets the deadlines of its commands anew.
	// It reports whether it did.
	Confirm(ctx context.Context, box string, at time.Time, confirmed func(b *Box) audit.Event) (bool, error)

	// Due returns the commands in progress whose deadline is not later than now,
	// earliest first. In place of a command that ends because its session did not
	// start it returns that session's start, once.
	Due(ctx context.Context, now time.Time, limit int) ([]CommandID, error)

	// NextDeadline returns the earliest deadline of a command in progress; the zero
	// time if there is none.
	NextDeadline(ctx context.Context) (time.Time, error)

	// ClaimCallbacks claims callbacks that are due. No callback is claimed by two
	// nodes at a time.
	ClaimCallbacks(ctx context.Context, q ClaimQuery) ([]Claim, error)

	// NextCallback returns when the next callback becomes due or its claim void; the
	// zero time if there is none.
	NextCallback(ctx context.Context) (time.Time, error)

	// EndCallback removes a callback whose delivery has ended, well or not, if the
	// claim is not void.
	EndCallback(ctx context.Context, c Claim, e audit.Event) error

	// DelayCallback notes a try that failed and when the next one is due, if the
	// claim is not void.
	DelayCallback(ctx context.Context, c Claim, next time.Time) error

	// PurgeRelay removes up to limit of each: commands past their lifespan without a
	// callback to deliver, boxes that are over and in which nothing is open, and counts of wrong tokens
	// older than a day. It returns how many rows are gone.
	PurgeRelay(ctx context.Context, now time.Time, limit int) (int, error)
}

// Call is one try to deliver a callback.
type Call struct {
	Client  *Client
	Command CommandID
	Name    string // last segment of the callback's path
	Body    []byte // JSON
}

// Caller makes callbacks. Its errors never hold a URL or credentials.
type Caller interface {
	// Call delivers a callback. Nil means that the client has taken it.
	Call(ctx context.Context, c Call) error
	// Alive asks whether the client takes callbacks.
	Alive(ctx context.Context, c *Client) error
}

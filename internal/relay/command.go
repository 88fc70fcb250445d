package relay

import (
	"encoding/json"
	"strconv"
	"time"

	"bestow.dev/internal/plugout"
)

// Kind is what is fixed about a type of command: how the world spells it, and
// whether it goes to a device at all.
type Kind struct {
	Type     plugout.CommandType
	Name     string // last segment of the command's and the callback's path
	Object   string // member of the request that holds the command object
	Response string // member of the callback that holds the device's response
}

// kinds lists the commands this relay takes. PIN reset commands are not among
// them: they are for smart cards.
var kinds = []Kind{
	{plugout.SessionStart, "sessionstart", "sessionStartCommand", "sessionStartResponse"},
	{plugout.SessionEnd, "sessionend", "sessionEndCommand", "sessionEndResponse"},
	{plugout.FIDOGetInfo, "fidogetinfo", "fidoGetInfoCommand", "fidoGetInfoResponse"},
	{plugout.FIDOCreateCredential, "fidocreatecredential", "fidoCreateCredentialCommand", "fidoCreateCredentialResponse"},
	{plugout.Ping, "ping", "pingCommand", "pingResponse"},
	{plugout.Provision, "provision", "provCommand", "provResponse"},
	{plugout.Certificate, "certificate", "certCommand", "certResponse"},
	{plugout.Authenticate, "authenticate", "authCommand", "authResponse"},
	{plugout.Sign, "sign", "signCommand", "signResponse"},
	{plugout.Delete, "delete", "deleteCommand", "deleteResponse"},
}

// Kinds returns the commands this relay takes, in the order they are documented.
func Kinds() []Kind { return append([]Kind(nil), kinds...) }

// KindNamed returns the kind with the given path segment. Errors:
// relay.unknown_command.
func KindNamed(name string) (Kind, error) {
	for _, k := range kinds {
		if k.Name == name {
			return k, nil
		}
	}
	return Kind{}, ErrUnknownCommand
}

// KindOf returns the kind of a type. Errors: relay.unknown_command.
func KindOf(t plugout.CommandType) (Kind, error) {
	for _, k := range kinds {
		if k.Type == t {
			return k, nil
		}
	}
	return Kind{}, ErrUnknownCommand
}

// CommandID names a command. It is positive, made by us, and grows with time.
type CommandID int64

// String returns the id in decimal digits, as it stands on every wire.
func (id CommandID) String() string { return strconv.FormatInt(int64(id), 10) }

// ParseCommandID reads a command id. Errors: relay.no_such_command, because an id
// that is none of ours names no command.
func ParseCommandID(text string) (CommandID, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != text {
		return 0, ErrNoSuchCommand
	}
	return CommandID(n), nil
}

// Destinations that are not the id of a box.
const (
	// ToTemporary asks for a new temporary box and its link.
	ToTemporary = "@tmp"

	// ToUser, followed by a user id, stands for every profile box of that user in
	// the client's group.
	ToUser = "@user/"
)

// Bounds and defaults of a header, and what a box and a command may hold.
const (
	DefaultLifespan = 300 * time.Second
	MaxLifespan     = 86400 * time.Second

	MaxDestinations     = 32 // boxes that one command may go to
	MaxOpenMessages     = 32 // unanswered messages in one box
	MaxExternalIDBytes  = 255
	MaxNonceBytes       = 256
	maxObjectBytes      = 252 << 10 // so that the message around it stays below plugout.MaxMessageBytes
	maxDestinationBytes = 512
)

// Header is what every command says about itself.
type Header struct {
	// Lifespan is how long the command can be polled, Timeout how long it can be
	// answered, both in whole seconds from when it is accepted. Nil Lifespan is
	// [DefaultLifespan], nil Timeout the lifespan.
	// 1 <= Timeout <= Lifespan <= 86400.
	Lifespan, Timeout *int64

	// To lists where the command goes: one temporary box, new ([ToTemporary]) or by
	// its id; or profile boxes, by their ids or by [ToUser]. Empty: [ToTemporary].
	To []string

	// ExternalID is the client's own id, unique among its living commands: sent
	// again with the same command it returns the first one. Empty: none.
	ExternalID string
}

// Command is what a client sends.
type Command struct {
	Type   plugout.CommandType
	Header Header

	// Object is the command object. It reaches the device as it stands. Empty: {}.
	Object json.RawMessage
}

// State is where a command is in its life. All but [InProgress] are final.
type State string

// The states.
const (
	InProgress State = "IN_PROGRESS" // waits for a device
	Completed  State = "COMPLETED"   // a valid answer with status OK
	Failed     State = "FAILED"      // the device answered with an error, or its answer failed validation
	TimedOut   State = "TIMEOUT"     // nobody answered in time
	Cancelled  State = "CANCELLED"   // by its client, or with its session
)

// Receipt is what a client gets for a command.
type Receipt struct {
	ID           CommandID
	Type         plugout.CommandType
	ExternalID   string
	State        State
	FQDN         string // host of the relay's public URL
	Destinations []Destination
	Repeated     bool // it was sent before
}

// Destination is one box that a command went to.
type Destination struct {
	To       string // as the client wrote it
	Box      string // id of the box
	URI      string // the plugout link, with its secret token; only in the receipt of a new temporary box
	Message  string // id of the message; empty for a command that the relay itself carries out
	Location string // URL of the message; empty like Message
}

// Report is what polling tells: the receipt, and the outcome once there is one.
type Report struct {
	Receipt
	Outcome *Outcome // nil while the command is in progress
}

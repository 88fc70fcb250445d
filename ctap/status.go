package ctap

import (
	"errors"
	"fmt"
)

// Command is the first byte of a request (CTAP 2.1 §6).
type Command byte

// The commands this package sends, or a software key answers.
const (
	CommandMakeCredential       Command = 0x01
	CommandGetAssertion         Command = 0x02
	CommandGetInfo              Command = 0x04
	CommandClientPIN            Command = 0x06
	CommandReset                Command = 0x07
	CommandGetNextAssertion     Command = 0x08
	CommandCredentialManagement Command = 0x0A
	CommandSelection            Command = 0x0B
)

// String returns the specification's name of the command.
func (c Command) String() string {
	switch c {
	case CommandMakeCredential:
		return "makeCredential"
	case CommandGetAssertion:
		return "getAssertion"
	case CommandGetInfo:
		return "getInfo"
	case CommandClientPIN:
		return "clientPIN"
	case CommandReset:
		return "reset"
	case CommandGetNextAssertion:
		return "getNextAssertion"
	case CommandCredentialManagement:
		return "credentialManagement"
	case CommandSelection:
		return "selection"
	}
	return fmt.Sprintf("command %02X", byte(c))
}

// Status is the first byte of an answer (CTAP 2.1 §8.2). As an error it is what
// [errors.Is] is asked with:
//
//	if errors.Is(err, ctap.StatusPINBlocked) { ... }
type Status byte

// The status codes. Their names are the specification's without CTAP1_ERR_ and
// CTAP2_ERR_.
const (
	StatusOK                     Status = 0x00
	StatusInvalidCommand         Status = 0x01
	StatusInvalidParameter       Status = 0x02
	StatusInvalidLength          Status = 0x03
	StatusInvalidSeq             Status = 0x04
	StatusTimeout                Status = 0x05
	StatusChannelBusy            Status = 0x06
	StatusLockRequired           Status = 0x0A
	StatusInvalidChannel         Status = 0x0B
	StatusCBORUnexpectedType     Status = 0x11
	StatusInvalidCBOR            Status = 0x12
	StatusMissingParameter       Status = 0x14
	StatusLimitExceeded          Status = 0x15
	StatusFPDatabaseFull         Status = 0x17
	StatusLargeBlobStorageFull   Status = 0x18
	StatusCredentialExcluded     Status = 0x19
	StatusProcessing             Status = 0x21
	StatusInvalidCredential      Status = 0x22
	StatusUserActionPending      Status = 0x23
	StatusOperationPending       Status = 0x24
	StatusNoOperations           Status = 0x25
	StatusUnsupportedAlgorithm   Status = 0x26
	StatusOperationDenied        Status = 0x27
	StatusKeyStoreFull           Status = 0x28
	StatusNoOperationPending     Status = 0x2A
	StatusUnsupportedOption      Status = 0x2B
	StatusInvalidOption          Status = 0x2C
	StatusKeepAliveCancel        Status = 0x2D
	StatusNoCredentials          Status = 0x2E
	StatusUserActionTimeout      Status = 0x2F
	StatusNotAllowed             Status = 0x30
	StatusPINInvalid             Status = 0x31
	StatusPINBlocked             Status = 0x32
	StatusPINAuthInvalid         Status = 0x33
	StatusPINAuthBlocked         Status = 0x34
	StatusPINNotSet              Status = 0x35
	StatusPUATRequired           Status = 0x36
	StatusPINPolicyViolation     Status = 0x37
	StatusPINTokenExpired        Status = 0x38
	StatusRequestTooLarge        Status = 0x39
	StatusActionTimeout          Status = 0x3A
	StatusUPRequired             Status = 0x3B
	StatusUVBlocked              Status = 0x3C
	StatusIntegrityFailure       Status = 0x3D
	StatusInvalidSubcommand      Status = 0x3E
	StatusUVInvalid              Status = 0x3F
	StatusUnauthorizedPermission Status = 0x40
	StatusOther                  Status = 0x7F
)

var statusNames = map[Status]string{
	StatusOK:                     "OK",
	StatusInvalidCommand:         "INVALID_COMMAND",
	StatusInvalidParameter:       "INVALID_PARAMETER",
	StatusInvalidLength:          "INVALID_LENGTH",
	StatusInvalidSeq:             "INVALID_SEQ",
	StatusTimeout:                "TIMEOUT",
	StatusChannelBusy:            "CHANNEL_BUSY",
	StatusLockRequired:           "LOCK_REQUIRED",
	StatusInvalidChannel:         "INVALID_CHANNEL",
	StatusCBORUnexpectedType:     "CBOR_UNEXPECTED_TYPE",
	StatusInvalidCBOR:            "INVALID_CBOR",
	StatusMissingParameter:       "MISSING_PARAMETER",
	StatusLimitExceeded:          "LIMIT_EXCEEDED",
	StatusFPDatabaseFull:         "FP_DATABASE_FULL",
	StatusLargeBlobStorageFull:   "LARGE_BLOB_STORAGE_FULL",
	StatusCredentialExcluded:     "CREDENTIAL_EXCLUDED",
	StatusProcessing:             "PROCESSING",
	StatusInvalidCredential:      "INVALID_CREDENTIAL",
	StatusUserActionPending:      "USER_ACTION_PENDING",
	StatusOperationPending:       "OPERATION_PENDING",
	StatusNoOperations:           "NO_OPERATIONS",
	StatusUnsupportedAlgorithm:   "UNSUPPORTED_ALGORITHM",
	StatusOperationDenied:        "OPERATION_DENIED",
	StatusKeyStoreFull:           "KEY_STORE_FULL",
	StatusNoOperationPending:     "NO_OPERATION_PENDING",
	StatusUnsupportedOption:      "UNSUPPORTED_OPTION",
	StatusInvalidOption:          "INVALID_OPTION",
	StatusKeepAliveCancel:        "KEEPALIVE_CANCEL",
	StatusNoCredentials:          "NO_CREDENTIALS",
	StatusUserActionTimeout:      "USER_ACTION_TIMEOUT",
	StatusNotAllowed:             "NOT_ALLOWED",
	StatusPINInvalid:             "PIN_INVALID",
	StatusPINBlocked:             "PIN_BLOCKED",
	StatusPINAuthInvalid:         "PIN_AUTH_INVALID",
	StatusPINAuthBlocked:         "PIN_AUTH_BLOCKED",
	StatusPINNotSet:              "PIN_NOT_SET",
	StatusPUATRequired:           "PUAT_REQUIRED",
	StatusPINPolicyViolation:     "PIN_POLICY_VIOLATION",
	StatusPINTokenExpired:        "PIN_TOKEN_EXPIRED",
	StatusRequestTooLarge:        "REQUEST_TOO_LARGE",
	StatusActionTimeout:          "ACTION_TIMEOUT",
	StatusUPRequired:             "UP_REQUIRED",
	StatusUVBlocked:              "UV_BLOCKED",
	StatusIntegrityFailure:       "INTEGRITY_FAILURE",
	StatusInvalidSubcommand:      "INVALID_SUBCOMMAND",
	StatusUVInvalid:              "UV_INVALID",
	StatusUnauthorizedPermission: "UNAUTHORIZED_PERMISSION",
	StatusOther:                  "OTHER",
}

// String returns the specification's name, such as PIN_INVALID, or the code in
// hexadecimal where it has none.
func (s Status) String() string {
	if name, ok := statusNames[s]; ok {
		return name
	}
	return fmt.Sprintf("STATUS_%02X", byte(s))
}

// Error returns the name.
func (s Status) Error() string { return s.String() }

// StatusError is the refusal of a key.
type StatusError struct {
	Command Command // what was asked of the key
	Code    Status  // what it answered; never StatusOK
}

// Error names the command and the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("ctap: %s: %s", e.Command, e.Code)
}

// Unwrap returns the Code, so that [errors.Is] finds it.
func (e *StatusError) Unwrap() error { return e.Code }

// Is reports whether target is a StatusError with the same code.
func (e *StatusError) Is(target error) bool {
	t, ok := target.(*StatusError)
	return ok && t.Code == e.Code
}

// StatusOf returns the status in err's chain: of a key's refusal, or of a refusal
// of this package's own that stands for one. It reports false where there is none.
func StatusOf(err error) (Status, bool) {
	return errors.AsType[Status](err)
}

// ErrAnswer is returned for an answer that no conforming key gives: not canonical
// CBOR, a member missing or of the wrong type, another RP ID than the one asked for.
var ErrAnswer = errors.New("ctap: the key's answer is malformed")

// A refusal is this package's own, made before a key is asked; Unwrap gives the
// status a key would have answered.
type refusal struct {
	status Status
	text   string
}

func (r *refusal) Error() string { return "ctap: " + r.text }
func (r *refusal) Unwrap() error { return r.status }

// Refusals of this package itself. Each has the named status as well.
var (
	// ErrAlgorithm: the key supports none of the algorithms offered; UNSUPPORTED_ALGORITHM.
	ErrAlgorithm error = &refusal{StatusUnsupportedAlgorithm, "the key supports none of the algorithms offered"}
	// ErrResidentKey: a discoverable credential is required and the key makes none; UNSUPPORTED_OPTION.
	ErrResidentKey error = &refusal{StatusUnsupportedOption, "the key does not make discoverable credentials"}
	// ErrCredProtect: the protection level is to be enforced and the key does not know it; UNSUPPORTED_OPTION.
	ErrCredProtect error = &refusal{StatusUnsupportedOption, "the key does not protect credentials as asked"}
	// ErrUserVerification: verification is required and the key has no means to verify anybody; UNSUPPORTED_OPTION.
	ErrUserVerification error = &refusal{StatusUnsupportedOption, "the key cannot verify its user"}
	// ErrPINNotSet: verification is required and the key has no PIN yet; PIN_NOT_SET.
	ErrPINNotSet error = &refusal{StatusPINNotSet, "the key has no PIN yet"}
	// ErrPINChange: the key wants another PIN before it does anything else; PIN_POLICY_VIOLATION.
	ErrPINChange error = &refusal{StatusPINPolicyViolation, "the key's PIN has to be changed first"}
	// ErrPINLength: a PIN is too short, too long, not UTF-8 or ends in a zero byte; PIN_POLICY_VIOLATION.
	ErrPINLength error = &refusal{StatusPINPolicyViolation, "the PIN does not have a permitted length or form"}
	// ErrPINProtocol: the key and this package share no PIN protocol; UNSUPPORTED_OPTION.
	ErrPINProtocol error = &refusal{StatusUnsupportedOption, "the key speaks no PIN protocol that is known here"}
	// ErrTooLarge: a request does not fit the key's largest message; REQUEST_TOO_LARGE.
	ErrTooLarge error = &refusal{StatusRequestTooLarge, "the request is larger than the key takes"}
	// ErrPINOnce: the one PIN that [PINOnce] had was wrong; PIN_INVALID.
	ErrPINOnce error = &refusal{StatusPINInvalid, "the PIN is wrong, and there is no other to try"}
)

package plugout

// A Status is the outcome of a command as callers see it.
type Status string

// The statuses. The first group is what an agent may answer; the second is set by
// the relay.
const (
	StatusOK                 Status = "OK"
	StatusUserCancelled      Status = "USER_CANCELLED"
	StatusUnsupported        Status = "UNSUPPORTED"
	StatusNoAuthenticator    Status = "NO_AUTHENTICATOR"
	StatusCredentialExcluded Status = "CREDENTIAL_EXCLUDED"
	StatusPINNotSet          Status = "PIN_NOT_SET"
	StatusPINInvalid         Status = "PIN_INVALID"
	StatusPINBlocked         Status = "PIN_BLOCKED"
	StatusUVFailed           Status = "UV_FAILED"
	StatusKeyStoreFull       Status = "KEY_STORE_FULL"
	StatusDeviceError        Status = "DEVICE_ERROR"

	StatusTimeout              Status = "TIMEOUT"
	StatusSessionNotStarted    Status = "SESSION_NOT_STARTED"
	StatusSessionEnded         Status = "SESSION_ENDED"
	StatusCancelledByRequester Status = "CANCELLED_BY_REQUESTER"
	StatusInvalidResponse      Status = "INVALID_RESPONSE"
)

// FromDevice reports whether an agent may answer with s.
func (s Status) FromDevice() bool {
	switch s {
	case StatusOK, StatusUserCancelled, StatusUnsupported, StatusNoAuthenticator, StatusCredentialExcluded,
		StatusPINNotSet, StatusPINInvalid, StatusPINBlocked, StatusUVFailed, StatusKeyStoreFull, StatusDeviceError:
		return true
	}
	return false
}

// A CommandType names a command in a message.
type CommandType string

// The commands of the wire. The agent serves the first five and answers all others
// with [StatusUnsupported].
const (
	SessionStart         CommandType = "SESSION_START"
	SessionEnd           CommandType = "SESSION_END"
	FIDOGetInfo          CommandType = "FIDO_GET_INFO"
	FIDOCreateCredential CommandType = "FIDO_CREATE_CREDENTIAL"
	Ping                 CommandType = "PING"

	Provision     CommandType = "PROVISION"
	Certificate   CommandType = "CERTIFICATE"
	Authenticate  CommandType = "AUTHENTICATE"
	Sign          CommandType = "SIGN"
	Delete        CommandType = "DELETE"
	StartPINReset CommandType = "START_PIN_RESET"
	EndPINReset   CommandType = "END_PIN_RESET"
)

package ctap

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// The numbers, once more and by hand (CTAP 2.1 §8.2).
func TestStatusNumbers(t *testing.T) {
	names := map[byte]string{
		0x00: "OK", 0x01: "INVALID_COMMAND", 0x02: "INVALID_PARAMETER", 0x03: "INVALID_LENGTH", 0x04: "INVALID_SEQ",
		0x05: "TIMEOUT", 0x06: "CHANNEL_BUSY", 0x0A: "LOCK_REQUIRED", 0x0B: "INVALID_CHANNEL",
		0x11: "CBOR_UNEXPECTED_TYPE", 0x12: "INVALID_CBOR", 0x14: "MISSING_PARAMETER", 0x15: "LIMIT_EXCEEDED",
		0x17: "FP_DATABASE_FULL", 0x18: "LARGE_BLOB_STORAGE_FULL", 0x19: "CREDENTIAL_EXCLUDED",
		0x21: "PROCESSING", 0x22: "INVALID_CREDENTIAL", 0x23: "USER_ACTION_PENDING", 0x24: "OPERATION_PENDING",
		0x25: "NO_OPERATIONS", 0x26: "UNSUPPORTED_ALGORITHM", 0x27: "OPERATION_DENIED", 0x28: "KEY_STORE_FULL",
		0x2A: "NO_OPERATION_PENDING", 0x2B: "UNSUPPORTED_OPTION", 0x2C: "INVALID_OPTION", 0x2D: "KEEPALIVE_CANCEL",
		0x2E: "NO_CREDENTIALS", 0x2F: "USER_ACTION_TIMEOUT", 0x30: "NOT_ALLOWED", 0x31: "PIN_INVALID",
		0x32: "PIN_BLOCKED", 0x33: "PIN_AUTH_INVALID", 0x34: "PIN_AUTH_BLOCKED", 0x35: "PIN_NOT_SET",
		0x36: "PUAT_REQUIRED", 0x37: "PIN_POLICY_VIOLATION", 0x38: "PIN_TOKEN_EXPIRED", 0x39: "REQUEST_TOO_LARGE",
		0x3A: "ACTION_TIMEOUT", 0x3B: "UP_REQUIRED", 0x3C: "UV_BLOCKED", 0x3D: "INTEGRITY_FAILURE",
		0x3E: "INVALID_SUBCOMMAND", 0x3F: "UV_INVALID", 0x40: "UNAUTHORIZED_PERMISSION", 0x7F: "OTHER",
		0xE5: "STATUS_E5",
	}
	for code, want := range names {
		if got := Status(code).String(); got != want {
			t.Errorf("%02X is %s, want %s", code, got, want)
		}
	}
	if want := len(names) - 1; len(statusNames) != want {
		t.Errorf("%d names, want %d", len(statusNames), want)
	}
}

func TestCommandNumbers(t *testing.T) {
	names := map[byte]string{
		0x01: "makeCredential", 0x02: "getAssertion", 0x04: "getInfo", 0x06: "clientPIN", 0x07: "reset",
		0x08: "getNextAssertion", 0x0A: "credentialManagement", 0x0B: "selection", 0x55: "command 55",
	}
	for code, want := range names {
		if got := Command(code).String(); got != want {
			t.Errorf("%02X is %s, want %s", code, got, want)
		}
	}
}

func TestErrorsAreFound(t *testing.T) {
	refused := fmt.Errorf("try: %w", &StatusError{Command: CommandClientPIN, Code: StatusPINInvalid})
	if !errors.Is(refused, StatusPINInvalid) || errors.Is(refused, StatusPINBlocked) {
		t.Error("errors.Is does not tell statuses apart")
	}
	if !errors.Is(refused, &StatusError{Code: StatusPINInvalid}) || errors.Is(refused, &StatusError{Code: StatusOther}) {
		t.Error("errors.Is does not tell status errors apart")
	}
	if got := refused.Error(); got != "try: ctap: clientPIN: PIN_INVALID" {
		t.Errorf("text %q", got)
	}
	for err, want := range map[error]Status{
		refused:             StatusPINInvalid,
		ErrAlgorithm:        StatusUnsupportedAlgorithm,
		ErrResidentKey:      StatusUnsupportedOption,
		ErrCredProtect:      StatusUnsupportedOption,
		ErrUserVerification: StatusUnsupportedOption,
		ErrPINNotSet:        StatusPINNotSet,
		ErrPINChange:        StatusPINPolicyViolation,
		ErrPINLength:        StatusPINPolicyViolation,
		ErrPINProtocol:      StatusUnsupportedOption,
		ErrTooLarge:         StatusRequestTooLarge,
		ErrPINOnce:          StatusPINInvalid,
	} {
		if got, ok := StatusOf(err); !ok || got != want {
			t.Errorf("%v: %v %v, want %v", err, got, ok, want)
		}
	}
	for _, err := range []error{nil, context.Canceled, ErrAnswer} {
		if status, ok := StatusOf(err); ok {
			t.Errorf("%v has status %v", err, status)
		}
	}
}

package cose

import (
	"errors"
	"fmt"
)

// ErrSignature reports a signature that does not verify. It says no more: why a
// signature is wrong is nobody's business.
var ErrSignature = errors.New("cose: signature does not verify")

// KeyReason says why a key was refused.
type KeyReason string

// The reasons.
const (
	// KeyMalformed: the encoding is no CTAP2 canonical CBOR map. Err of the
	// [KeyError] tells more.
	KeyMalformed KeyReason = "malformed"
	// KeyParameters: a parameter is missing, of a wrong type, or has no place in a
	// credential key.
	KeyParameters KeyReason = "parameters"
	// KeyUnsupported: the algorithm or key type is one this package cannot verify.
	KeyUnsupported KeyReason = "unsupported"
	// KeyMismatch: algorithm, key type and curve do not belong together.
	KeyMismatch KeyReason = "mismatch"
	// KeyValue: a point, modulus or exponent that no honest key has.
	KeyValue KeyReason = "value"
)

// KeyError reports a key, or a pairing of key and algorithm, that was refused. It
// never quotes the key.
type KeyError struct {
	// Reason is the cause, for programs.
	Reason KeyReason
	// Detail is a few words for the log.
	Detail string
	// Err is what lay beneath, if anything did.
	Err error
}

// Error returns the text for the log.
func (e *KeyError) Error() string { return "cose: " + e.Detail }

// Unwrap returns the cause.
func (e *KeyError) Unwrap() error { return e.Err }

func refuse(reason KeyReason, format string, args ...any) *KeyError {
	return &KeyError{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

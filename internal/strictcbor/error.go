package strictcbor

import "fmt"

// Reason says what is wrong with CBOR that was refused.
type Reason string

// The reasons. Where an item has several faults, Malformed is told before
// Duplicate, and Duplicate before unsorted keys.
const (
	// Malformed: no well-formed CBOR item: cut short, a length beyond the input, a
	// reserved head, text that is not UTF-8, or nested deeper than [MaxDepth].
	Malformed Reason = "malformed"
	// Trailing: bytes follow the item.
	Trailing Reason = "trailing"
	// Duplicate: a map has the same key twice.
	Duplicate Reason = "duplicate"
	// NotCanonical: well-formed, but not in CTAP2 canonical form: an indefinite
	// length, an integer or length not as short as can be, unsorted map keys, a tag,
	// a float, or a simple value other than false, true and null.
	NotCanonical Reason = "not_canonical"
	// Mismatch: good CBOR that does not fit the Go value given to [Unmarshal].
	Mismatch Reason = "mismatch"
)

// Error reports CBOR that was refused. It never quotes the input.
type Error struct {
	// Reason is the cause, for programs.
	Reason Reason
	// Offset is the byte at which the fault was found.
	Offset int
	// Detail is a few words for the log.
	Detail string
	// Err is what lay beneath, if anything did.
	Err error
}

// Error returns the text for the log.
func (e *Error) Error() string {
	return fmt.Sprintf("cbor: %s at byte %d", e.Detail, e.Offset)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

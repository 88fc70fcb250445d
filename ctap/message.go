package ctap

import (
	"bytes"
	"context"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Limits on what a key may answer. A message over USB has at most 7609 bytes, over
// NFC 65535; compound attestation nests deepest.
const (
	maxAnswerBytes = 64 << 10
	maxNesting     = 8
	maxElements    = 1024
)

// encoder writes CTAP2 canonical CBOR; decoder reads what may be a member of it.
// What decoder lets pass and encoder would write otherwise is not canonical.
var (
	encoder = must(cbor.CTAP2EncOptions().EncMode())
	decoder = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		IntDec:           cbor.IntDecConvertSignedOrFail,
		MaxNestedLevels:  maxNesting,
		MaxArrayElements: maxElements,
		MaxMapPairs:      maxElements,
	}.DecMode())
)

func must[M any](mode M, err error) M {
	if err != nil {
		panic("ctap: " + err.Error()) // a constant of ours is wrong
	}
	return mode
}

// call sends one command and returns the CBOR of its answer. params is nil for a
// command that takes none.
func call(ctx context.Context, dev Device, cmd Command, params any, keepAlive func(KeepAlive)) ([]byte, error) {
	request := []byte{byte(cmd)}
	if params != nil {
		body, err := encoder.Marshal(params)
		if err != nil {
			return nil, fmt.Errorf("ctap: encode %s: %w", cmd, err)
		}
		request = append(request, body...)
	}
	answer, err := dev.Exchange(ctx, request, keepAlive)
	if err != nil {
		return nil, fmt.Errorf("ctap: %s: %w", cmd, err)
	}
	if len(answer) == 0 || len(answer) > maxAnswerBytes {
		return nil, malformed(cmd, "%d bytes", len(answer))
	}
	if status := Status(answer[0]); status != StatusOK {
		refused := &StatusError{Command: cmd, Code: status}
		if status == StatusKeepAliveCancel && ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %w", refused, context.Cause(ctx))
		}
		return nil, refused
	}
	return answer[1:], nil
}

func malformed(cmd Command, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrAnswer, cmd, fmt.Sprintf(format, args...))
}

// fields reads the members of one map and remembers the first that is not as it
// should be. A member that is absent reads as the zero value; need says which may not be.
type fields struct {
	cmd     Command
	members map[any]any
	err     error
}

// parse reads the one map that an answer consists of.
func parse(cmd Command, data []byte) (*fields, error) {
	value, err := canonical(data)
	if err != nil {
		return nil, malformed(cmd, "%v", err)
	}
	members, ok := value.(map[any]any)
	if !ok {
		return nil, malformed(cmd, "no CBOR map")
	}
	return &fields{cmd: cmd, members: members}, nil
}

// canonical decodes data, which must be one item in CTAP2 canonical form.
func canonical(data []byte) (any, error) {
	var value any
	if err := decoder.Unmarshal(data, &value); err != nil {
		return nil, err
	}
	again, err := encoder.Marshal(value)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, data) {
		return nil, fmt.Errorf("CBOR is not in canonical form")
	}
	return value, nil
}

// need fails unless every key is present.
func (f *fields) need(keys ...int64) {
	for _, key := range keys {
		if _, ok := f.members[key]; !ok {
			f.fail("member %02X is missing", key)
		}
	}
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = malformed(f.cmd, format, args...)
	}
}

// member returns the member with the given key as a T.
func member[T any](f *fields, key any) T {
	var zero T
	value, ok := f.members[key]
	if !ok {
		return zero
	}
	typed, ok := value.(T)
	if !ok {
		f.fail("member %v is of type %T", key, value)
		return zero
	}
	return typed
}

// number returns an unsigned number that fits an int.
func (f *fields) number(key any, most int64) int64 {
	n := member[int64](f, key)
	if n < 0 || n > most {
		f.fail("member %v is out of range", key)
		return 0
	}
	return n
}

// list returns the elements of an array of T.
func list[T any](f *fields, key any) []T {
	elements := member[[]any](f, key)
	if len(elements) == 0 {
		return nil
	}
	typed := make([]T, len(elements))
	for i, element := range elements {
		t, ok := element.(T)
		if !ok {
			f.fail("member %v holds a %T", key, element)
			return nil
		}
		typed[i] = t
	}
	return typed
}

// inner returns the map below key, to be read by the same rules. What goes wrong in
// it is to be carried back with take.
func (f *fields) inner(key any) *fields {
	return &fields{cmd: f.cmd, members: member[map[any]any](f, key)}
}

// each returns the maps in the array below key.
func (f *fields) each(key any) []*fields {
	maps := list[map[any]any](f, key)
	all := make([]*fields, len(maps))
	for i, members := range maps {
		all[i] = &fields{cmd: f.cmd, members: members}
	}
	return all
}

// take makes a failure of inner one of f.
func (f *fields) take(inner *fields) {
	if f.err == nil {
		f.err = inner.err
	}
}

// texts returns a map of text to T.
func texts[T any](f *fields, key any) map[string]T {
	members := member[map[any]any](f, key)
	if members == nil {
		return nil
	}
	typed := make(map[string]T, len(members))
	for name, value := range members {
		n, okName := name.(string)
		v, okValue := value.(T)
		if !okName || !okValue {
			f.fail("member %v holds a %T for a %T", key, value, name)
			return nil
		}
		typed[n] = v
	}
	return typed
}

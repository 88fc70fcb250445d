package strictcbor

import "github.com/fxamacker/cbor/v2"

// MaxDepth is how many maps and arrays may be nested in one another.
const MaxDepth = 8

// Check reads exactly one data item at the front of data and returns its length.
// What follows the item is not looked at. On failure n is 0 and err an [*Error].
func Check(data []byte) (n int, err error) {
	rest, err := cbor.UnmarshalFirst(data, new(any))
	if err != nil {
		return 0, &Error{Reason: Malformed, Detail: err.Error(), Err: err}
	}
	return len(data) - len(rest), nil
}

// CheckAll is [Check] for data that holds one item and nothing else.
func CheckAll(data []byte) error {
	n, err := Check(data)
	if err != nil {
		return err
	}
	if n < len(data) {
		return &Error{Reason: Trailing, Offset: n, Detail: "bytes follow the item"}
	}
	return nil
}

// Unmarshal checks data with [CheckAll] and decodes it into v.
func Unmarshal(data []byte, v any) error {
	if err := CheckAll(data); err != nil {
		return err
	}
	return cbor.Unmarshal(data, v)
}

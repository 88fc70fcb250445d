package webauthn

import (
	"fmt"

	"bestow.dev/cose"
	"bestow.dev/internal/strictcbor"
	"bestow.dev/internal/strictjson"
)

// byteStrings returns the elements of an array of byte strings; not nil if it is empty.
func byteStrings(item strictcbor.Item) ([][]byte, bool) {
	if item.Kind() != strictcbor.Array {
		return nil, false
	}
	list := make([][]byte, 0, item.Len())
	for e := range item.Elements() {
		b, ok := e.Bytes()
		if !ok {
			return nil, false
		}
		list = append(list, b)
	}
	return list, true
}

// algorithmNumber returns a COSE algorithm number.
func algorithmNumber(item strictcbor.Item) (cose.Algorithm, bool) {
	n, ok := item.Int()
	alg := cose.Algorithm(n)
	return alg, ok && int64(alg) == n
}

// readable returns an item as a value that encoding/json shows to people. Byte
// strings become base64url; the keys of maps become text.
func readable(item strictcbor.Item) any {
	switch item.Kind() {
	case strictcbor.Uint, strictcbor.Nint:
		if n, ok := item.Int(); ok {
			return n
		}
		return "out of range"
	case strictcbor.Bytes:
		b, _ := item.Bytes()
		return strictjson.EncodeBase64URL(b)
	case strictcbor.Text:
		s, _ := item.Text()
		return s
	case strictcbor.Array:
		list := make([]any, 0, item.Len())
		for e := range item.Elements() {
			list = append(list, readable(e))
		}
		return list
	case strictcbor.Map:
		object := make(map[string]any, item.Len())
		for k, v := range item.Entries() {
			object[fmt.Sprint(readable(k))] = readable(v)
		}
		return object
	}
	if b, ok := item.Bool(); ok {
		return b
	}
	return nil
}

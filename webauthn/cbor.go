package webauthn

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"bestow.dev/cose"
	"bestow.dev/internal/strictjson"
)

// Major types of CBOR (RFC 8949 §3.1).
const (
	majorUint  = 0
	majorNint  = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
)

// Simple values (RFC 8949 §3.3), head included.
const (
	simpleFalse = 0xf4
	simpleTrue  = 0xf5
)

// The functions below read items that strictcbor.Check has passed: they rely on
// definite, minimal lengths that fit the data.

// major returns the major type of the item that starts with b.
func major(b byte) byte { return b >> 5 }

// cborHead returns the argument of the item at the front of data and what follows its head.
func cborHead(data []byte) (argument uint64, rest []byte) {
	switch info := data[0] & 0x1f; info {
	case 24:
		return uint64(data[1]), data[2:]
	case 25:
		return uint64(binary.BigEndian.Uint16(data[1:])), data[3:]
	case 26:
		return uint64(binary.BigEndian.Uint32(data[1:])), data[5:]
	case 27:
		return binary.BigEndian.Uint64(data[1:]), data[9:]
	default:
		return uint64(info), data[1:]
	}
}

// cborBytes returns the content of a byte string.
func cborBytes(item []byte) ([]byte, bool) {
	if major(item[0]) != majorBytes {
		return nil, false
	}
	_, content := cborHead(item)
	return content, true
}

// cborText returns the content of a text string.
func cborText(item []byte) (string, bool) {
	if major(item[0]) != majorText {
		return "", false
	}
	_, content := cborHead(item)
	return string(content), true
}

// cborInt returns an integer that fits 63 bits.
func cborInt(item []byte) (int64, bool) {
	argument, _ := cborHead(item)
	if argument > 1<<63-1 {
		return 0, false
	}
	switch major(item[0]) {
	case majorUint:
		return int64(argument), true
	case majorNint:
		return -1 - int64(argument), true
	}
	return 0, false
}

// cborMember is a member of a map whose keys are text.
type cborMember struct {
	name  string
	value []byte // one item
}

// cborMap returns the members of a map whose keys are all text, in their order.
func cborMap(item []byte) ([]cborMember, bool) {
	if major(item[0]) != majorMap {
		return nil, false
	}
	count, rest := cborHead(item)
	members := make([]cborMember, 0, count)
	for range count {
		n := cborLen(rest)
		name, ok := cborText(rest[:n])
		if !ok {
			return nil, false
		}
		rest = rest[n:]
		n = cborLen(rest)
		members = append(members, cborMember{name, rest[:n:n]})
		rest = rest[n:]
	}
	return members, true
}

// cborArray returns the elements of an array, each one item.
func cborArray(item []byte) ([][]byte, bool) {
	if major(item[0]) != majorArray {
		return nil, false
	}
	count, rest := cborHead(item)
	elements := make([][]byte, 0, count)
	for range count {
		n := cborLen(rest)
		elements = append(elements, rest[:n:n])
		rest = rest[n:]
	}
	return elements, true
}

// cborLen returns the length of the item at the front of data.
func cborLen(data []byte) int {
	argument, rest := cborHead(data)
	n := len(data) - len(rest)
	items := uint64(0)
	switch major(data[0]) {
	case majorBytes, majorText:
		return n + int(argument)
	case majorArray:
		items = argument
	case majorMap:
		items = 2 * argument
	}
	for range items {
		n += cborLen(data[n:])
	}
	return n
}

// cborBytesArray returns the elements of an array of byte strings; not nil if it is empty.
func cborBytesArray(item []byte) ([][]byte, bool) {
	elements, ok := cborArray(item)
	if !ok {
		return nil, false
	}
	for i, e := range elements {
		if elements[i], ok = cborBytes(e); !ok {
			return nil, false
		}
	}
	return elements, true
}

// cborAlgorithm returns a COSE algorithm number.
func cborAlgorithm(item []byte) (cose.Algorithm, bool) {
	n, ok := cborInt(item)
	alg := cose.Algorithm(n)
	return alg, ok && int64(alg) == n
}

// cborToJSON returns an item as a value that encoding/json shows to people. Byte
// strings become base64url; the keys of maps become text.
func cborToJSON(item []byte) any {
	argument, content := cborHead(item)
	switch major(item[0]) {
	case majorUint:
		return argument
	case majorNint:
		if argument > 1<<63-1 {
			return "-1-" + strconv.FormatUint(argument, 10)
		}
		return -1 - int64(argument)
	case majorBytes:
		return Bytes(content)
	case majorText:
		return string(content)
	case majorArray:
		elements, _ := cborArray(item)
		list := make([]any, len(elements))
		for i, e := range elements {
			list[i] = cborToJSON(e)
		}
		return list
	case majorMap:
		object := make(map[string]any, argument)
		for range argument {
			n := cborLen(content)
			key := cborToJSON(content[:n])
			if b, ok := key.(Bytes); ok {
				key = strictjson.EncodeBase64URL(b)
			}
			content = content[n:]
			n = cborLen(content)
			object[fmt.Sprint(key)] = cborToJSON(content[:n])
			content = content[n:]
		}
		return object
	}
	switch item[0] {
	case simpleFalse:
		return false
	case simpleTrue:
		return true
	}
	return nil
}

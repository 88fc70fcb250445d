package strictcbor

import (
	"bytes"
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// Check reads exactly one data item at the front of data and returns its length.
// What follows the item is not looked at, so Check finds where a COSE key ends
// inside authenticator data.
//
// On failure n is 0 and err an [*Error], with any reason but Trailing and Mismatch.
// Nothing is allocated for a length that the input merely claims.
func Check(data []byte) (n int, err error) {
	c := checker{data: data}
	if fault := c.item(0); fault != nil {
		return 0, fault
	}
	return c.pos, nil
}

// CheckAll is [Check] for data that holds one item and nothing else; anything more
// is refused with reason Trailing.
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

// checker walks over data once. pos is the next byte to read, items how many were read.
type checker struct {
	data       []byte
	pos, items int
}

func fault(reason Reason, offset int, detail string) *Error {
	return &Error{Reason: reason, Offset: offset, Detail: detail}
}

// item reads one data item. depth is the number of maps and arrays around it.
func (c *checker) item(depth int) *Error {
	start := c.pos
	if c.items++; c.items > MaxItems {
		return fault(Malformed, start, "there are too many items")
	}
	kind, argument, err := c.head()
	if err != nil {
		return err
	}
	switch kind {
	case Bytes, Text:
		return c.content(kind, argument)
	case Array, Map:
		if depth == MaxDepth {
			return fault(Malformed, start, "maps and arrays are nested too deeply")
		}
		if kind == Array {
			return c.array(argument, depth+1)
		}
		return c.pairs(argument, depth+1)
	default: // an integer or simple value is all head
		return nil
	}
}

// head reads the initial byte and the argument of an item (RFC 8949 §3).
func (c *checker) head() (Kind, uint64, *Error) {
	start := c.pos
	if start == len(c.data) {
		return 0, 0, fault(Malformed, start, "an item is missing")
	}
	kind, info := Kind(c.data[start]>>5), c.data[start]&0x1f
	c.pos++

	switch {
	case info > 27 && info < 31:
		return 0, 0, fault(Malformed, start, "a head uses a reserved value")
	case info == 31 && (kind < Bytes || kind > Map):
		return 0, 0, fault(Malformed, start, "a break or indefinite length where none can be")
	case info == 31:
		return 0, 0, fault(NotCanonical, start, "a length is indefinite")
	case kind == tag:
		return 0, 0, fault(NotCanonical, start, "a tag")
	case kind == Simple && info > 24:
		return 0, 0, fault(NotCanonical, start, "a floating-point number")
	case kind == Simple && (info < simpleFalse || info > simpleNull):
		return 0, 0, fault(NotCanonical, start, "a simple value other than false, true and null")
	case info < 24:
		return kind, uint64(info), nil
	}

	width := 1 << (info - 24)
	if len(c.data)-c.pos < width {
		return 0, 0, fault(Malformed, start, "a head is cut short")
	}
	var wide [8]byte
	copy(wide[8-width:], c.data[c.pos:c.pos+width])
	c.pos += width
	argument := binary.BigEndian.Uint64(wide[:])

	// Shortest form: the value would not have fitted half the width.
	if (width == 1 && argument < 24) || (width > 1 && argument>>(4*width) == 0) {
		return 0, 0, fault(NotCanonical, start, "an integer or length is not as short as can be")
	}
	return kind, argument, nil
}

// content skips the content of a byte or text string.
func (c *checker) content(kind Kind, length uint64) *Error {
	start := c.pos
	if length > uint64(len(c.data)-start) {
		return fault(Malformed, start, "a string is longer than the input")
	}
	c.pos += int(length)
	if kind == Text && !utf8.Valid(c.data[start:c.pos]) {
		return fault(Malformed, start, "text is not UTF-8")
	}
	return nil
}

// array reads the elements of an array. A count that the input does not bear out ends
// with the input.
func (c *checker) array(count uint64, depth int) *Error {
	for range count {
		if err := c.item(depth); err != nil {
			return err
		}
	}
	return nil
}

// pairs reads the entries of a map. Keys in canonical order can hold no duplicate
// but a neighbour, so only a map that is refused anyway is searched for one.
func (c *checker) pairs(count uint64, depth int) *Error {
	start := c.pos
	var previous []byte
	var unsorted *Error
	for i := range count {
		at := c.pos
		if err := c.item(depth); err != nil {
			return err
		}
		key := c.data[at:c.pos]
		if i > 0 && unsorted == nil {
			switch order := compareKeys(previous, key); {
			case order == 0:
				return fault(Duplicate, at, "a map has the same key twice")
			case order > 0:
				unsorted = fault(NotCanonical, at, "the keys of a map are not sorted")
			}
		}
		previous = key
		if err := c.item(depth); err != nil {
			return err
		}
	}
	if unsorted == nil {
		return nil
	}
	if at, found := findDuplicate(c.data[start:c.pos], count); found {
		return fault(Duplicate, start+at, "a map has the same key twice")
	}
	return unsorted
}

// compareKeys orders two encoded keys as CTAP2 does: the lower major type first,
// then the shorter, then bytewise (CTAP 2.1 §8).
func compareKeys(a, b []byte) int {
	if x, y := a[0]>>5, b[0]>>5; x != y {
		return int(x) - int(y)
	}
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return bytes.Compare(a, b)
}

// findDuplicate tells at which offset of entries, the checked content of a map of so
// many entries, a key stands that stood before.
func findDuplicate(entries []byte, count uint64) (offset int, found bool) {
	keys := make([]placed, 0, count)
	for rest := entries; len(rest) > 0; {
		n := length(rest)
		keys = append(keys, placed{key: rest[:n], offset: len(entries) - len(rest)})
		rest = rest[n:]
		rest = rest[length(rest):]
	}
	slices.SortStableFunc(keys, func(a, b placed) int { return compareKeys(a.key, b.key) })
	for i := 1; i < len(keys); i++ {
		if bytes.Equal(keys[i-1].key, keys[i].key) {
			return keys[i].offset, true
		}
	}
	return 0, false
}

// placed is a key and where it stands.
type placed struct {
	key    []byte
	offset int
}

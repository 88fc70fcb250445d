package strictcbor

import (
	"encoding/binary"
	"iter"
	"math"
)

// Kind is the major type of a data item (RFC 8949 §3.1).
type Kind uint8

// The kinds that canonical CBOR can hold.
const (
	Uint   Kind = 0
	Nint   Kind = 1 // a negative integer
	Bytes  Kind = 2
	Text   Kind = 3
	Array  Kind = 4
	Map    Kind = 5
	tag    Kind = 6
	Simple Kind = 7 // false, true or null
)

// The simple values that are taken, as the low five bits of the initial byte.
const (
	simpleFalse = 20
	simpleTrue  = 21
	simpleNull  = 22
)

// Item is one data item that was checked. Its methods tell what it holds without
// copying: their slices point into the data it was parsed from. A method that asks
// for another kind than the item is returns false, or yields nothing.
//
// The zero Item is no item; only Raw and Exists may be called on it.
type Item struct{ raw []byte }

// Parse checks data with [CheckAll] and returns the item it holds.
func Parse(data []byte) (Item, error) {
	if err := CheckAll(data); err != nil {
		return Item{}, err
	}
	return Item{data}, nil
}

// ParseFirst checks the item at the front of data with [Check], and returns it and
// what follows it.
func ParseFirst(data []byte) (first Item, rest []byte, err error) {
	n, err := Check(data)
	if err != nil {
		return Item{}, nil, err
	}
	return Item{data[:n:n]}, data[n:], nil
}

// Exists reports whether there is an item at all.
func (i Item) Exists() bool { return len(i.raw) > 0 }

// Raw returns the item's encoding.
func (i Item) Raw() []byte { return i.raw }

// Kind returns the item's major type.
func (i Item) Kind() Kind { return Kind(i.raw[0] >> 5) }

// Int returns an integer that fits an int64.
func (i Item) Int() (int64, bool) {
	argument, _ := head(i.raw)
	if argument > math.MaxInt64 {
		return 0, false
	}
	switch i.Kind() {
	case Uint:
		return int64(argument), true
	case Nint:
		return -1 - int64(argument), true
	default:
		return 0, false
	}
}

// Bytes returns the content of a byte string.
func (i Item) Bytes() ([]byte, bool) {
	if i.Kind() != Bytes {
		return nil, false
	}
	_, content := head(i.raw)
	return content, true
}

// Text returns the content of a text string.
func (i Item) Text() (string, bool) {
	if i.Kind() != Text {
		return "", false
	}
	_, content := head(i.raw)
	return string(content), true
}

// Bool returns false or true.
func (i Item) Bool() (value, ok bool) {
	info := i.raw[0] & 0x1f
	return info == simpleTrue, i.Kind() == Simple && info != simpleNull
}

// Null reports whether the item is null.
func (i Item) Null() bool { return i.Kind() == Simple && i.raw[0]&0x1f == simpleNull }

// Len returns the number of elements of an array or entries of a map; 0 for others.
func (i Item) Len() int {
	if k := i.Kind(); k != Array && k != Map {
		return 0
	}
	count, _ := head(i.raw)
	return int(count) // a checked count is smaller than the input
}

// Elements yields the elements of an array.
func (i Item) Elements() iter.Seq[Item] {
	return func(yield func(Item) bool) {
		if i.Kind() != Array {
			return
		}
		_, rest := head(i.raw)
		for len(rest) > 0 {
			n := length(rest)
			if !yield(Item{rest[:n:n]}) {
				return
			}
			rest = rest[n:]
		}
	}
}

// Entries yields the keys and values of a map, in canonical order.
func (i Item) Entries() iter.Seq2[Item, Item] {
	return func(yield func(key, value Item) bool) {
		if i.Kind() != Map {
			return
		}
		_, rest := head(i.raw)
		for len(rest) > 0 {
			k := length(rest)
			v := k + length(rest[k:])
			if !yield(Item{rest[:k:k]}, Item{rest[k:v:v]}) {
				return
			}
			rest = rest[v:]
		}
	}
}

// GetInt returns the value that a map has under an integer key.
func (i Item) GetInt(key int64) (value Item, ok bool) {
	for k, v := range i.Entries() {
		if n, isInt := k.Int(); isInt && n == key {
			return v, true
		}
	}
	return Item{}, false
}

// GetText returns the value that a map has under a text key.
func (i Item) GetText(key string) (value Item, ok bool) {
	for k, v := range i.Entries() {
		if k.Kind() != Text {
			continue
		}
		if _, content := head(k.raw); string(content) == key {
			return v, true
		}
	}
	return Item{}, false
}

// head returns the argument of the checked item at the front of data, and what
// follows its head.
func head(data []byte) (argument uint64, rest []byte) {
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

// length returns the length of the checked item at the front of data.
func length(data []byte) int {
	argument, rest := head(data)
	n := len(data) - len(rest)
	switch Kind(data[0] >> 5) {
	case Bytes, Text:
		n += int(argument)
	case Array:
		for range argument {
			n += length(data[n:])
		}
	case Map:
		for range 2 * argument {
			n += length(data[n:])
		}
	}
	return n
}

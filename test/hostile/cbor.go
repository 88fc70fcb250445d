package hostile

import (
	"bytes"
	"encoding/binary"
)

// CBOR returns items of about n bytes, each of which put around a hostile value. around
// gets a data item and returns the whole input; nil takes the item for the whole.
func CBOR(n int, around func(item []byte) []byte) []Input {
	if around == nil {
		around = func(item []byte) []byte { return item }
	}
	var all []Input
	for _, v := range cborItems(n) {
		all = append(all, Input{v.Name, around(v.Data)})
	}
	return all
}

// Major types of RFC 8949 §3.1.
const (
	majorUint  = 0
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
)

// cborItems are the items of about n bytes.
func cborItems(n int) []Input {
	list := func(item ...byte) []byte {
		count := n / len(item)
		return append(head(majorArray, uint64(count)), bytes.Repeat(item, count)...)
	}
	claim := func(major byte) []byte { return append(head(major, 1<<40), make([]byte, n)...) }
	return []Input{
		{"arrays without end", bytes.Repeat([]byte{0x81}, n)},
		{"maps without end", bytes.Repeat([]byte{0xa1}, n)},
		{"an array that claims to be long", claim(majorArray)},
		{"a map that claims to be long", claim(majorMap)},
		{"a string that claims to be long", claim(majorText)},
		{"bytes that claim to be long", claim(majorBytes)},
		{"zeros", list(0)},
		{"nulls", list(0xf6)},
		{"empty arrays", list(0x80)},
		{"empty maps", list(0xa0)},
		{"empty strings", list(0x60)},
		{"empty byte strings", list(0x40)},
		{"short byte strings", list(0x41, 0)},
		{"maps of one entry", list(0xa1, 0, 0)},
		{"arrays 6 deep", list(0x81, 0x81, 0x81, 0x81, 0x81, 0x80)},
		{"entries", entries(n, false)},
		{"entries in another order", entries(n, true)},
		{"a key twice", append(head(majorMap, uint64(n/2)), make([]byte, n/2*2)...)},
		{"a long text", append(head(majorText, uint64(n)), bytes.Repeat([]byte("a"), n)...)},
		{"long bytes", append(head(majorBytes, uint64(n)), make([]byte, n)...)},
		{"a long key", append(append(append(head(majorMap, 1), head(majorText, uint64(n))...), bytes.Repeat([]byte("a"), n)...), 0)},
	}
}

// entries is a map from numbers to numbers.
func entries(n int, reversed bool) []byte {
	const width = 6 // key of five bytes, value of one
	count := n / width
	b := head(majorMap, uint64(count))
	for i := range count {
		if reversed {
			i = count - 1 - i
		}
		b = append(append(b, head(majorUint, uint64(1<<16+i))...), 0)
	}
	return b
}

// head is the head of an item, as short as can be.
func head(major byte, n uint64) []byte {
	b := []byte{major << 5}
	switch {
	case n < 24:
		b[0] |= byte(n)
	case n < 1<<8:
		b = append(b, byte(n))
		b[0] |= 24
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(b, uint16(n))
		b[0] |= 25
	case n < 1<<32:
		b = binary.BigEndian.AppendUint32(b, uint32(n))
		b[0] |= 26
	default:
		b = binary.BigEndian.AppendUint64(b, n)
		b[0] |= 27
	}
	return b
}

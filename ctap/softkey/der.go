package softkey

import "slices"

// Writing of DER (X.690), by hand and from the rules. Each function returns one
// encoded element.

// The tags of universal types that attestation needs; those of types that hold other
// elements have the bit for that.
const (
	derInteger    = 0x02
	derOctets     = 0x04
	derNull       = 0x05
	derEnumerated = 0x0A
	derSequence   = 0x30
	derSet        = 0x31
)

// der writes an element of a universal type.
func der(tag byte, content ...[]byte) []byte {
	return tagged([]byte{tag}, slices.Concat(content...))
}

// derNumber writes an INTEGER or ENUMERATED that is not negative.
func derNumber(tag byte, n uint32) []byte {
	b := []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	if b[0]&0x80 != 0 { // it would be negative
		b = slices.Concat([]byte{0}, b)
	}
	return der(tag, b)
}

// derExplicit writes an element under a context-specific tag: in one byte up to 30,
// after that in groups of seven bits.
func derExplicit(tag uint32, element []byte) []byte {
	const contextConstructed = 0xA0
	if tag < 31 {
		return tagged([]byte{contextConstructed | byte(tag)}, element)
	}
	groups := []byte{byte(tag & 0x7F)}
	for tag >>= 7; tag > 0; tag >>= 7 {
		groups = slices.Concat([]byte{0x80 | byte(tag&0x7F)}, groups)
	}
	return tagged(slices.Concat([]byte{contextConstructed | 31}, groups), element)
}

// tagged puts tag and length before content.
func tagged(tag, content []byte) []byte {
	n := len(content)
	var length []byte
	switch {
	case n < 0x80:
		length = []byte{byte(n)}
	case n <= 0xFF:
		length = []byte{0x81, byte(n)}
	default:
		length = []byte{0x82, byte(n >> 8), byte(n)} // nothing here is longer
	}
	return slices.Concat(tag, length, content)
}

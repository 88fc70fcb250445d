package hostile

import "bytes"

// DER returns elements of about n bytes, each of which put around a hostile element.
// around gets an element and returns the whole input; nil takes the element for the whole.
func DER(n int, around func(element []byte) []byte) []Input {
	if around == nil {
		around = func(element []byte) []byte { return element }
	}
	const sequence, context = 0x30, 0xa0
	nested := []byte{}
	for len(nested) < n {
		nested = Element(sequence, nested)
	}
	var known, tags []byte
	for tag := byte(0); len(tags) < n; tag++ {
		tags = append(tags, Element(context|tag%31, []byte{5, 0})...)
	}
	for len(known) < n {
		known = append(known, Element(context|1, Element(0x31, []byte{2, 1, 2}))...) // purpose: sign
	}
	purposes := Element(context|1, Element(0x31, bytes.Repeat([]byte{2, 1, 2}, n/3)))
	long := []byte{sequence, 0x84, 0x7f, 0xff, 0xff, 0xff}
	tagged := append([]byte{0xbf}, bytes.Repeat([]byte{0xff}, n)...)
	return []Input{
		{"sequences in sequences", around(nested)},
		{"nulls", around(bytes.Repeat([]byte{5, 0}, n/2))},
		{"tags in turn", around(tags)},
		{"a tag again and again", around(known)},
		{"many elements of a set", around(purposes)},
		{"a length that claims more", around(append(long, make([]byte, n)...))},
		{"a tag without end", around(tagged)},
		{"long bytes", around(Element(4, make([]byte, n)))},
		{"a long number", around(Element(2, bytes.Repeat([]byte{0x7f}, n)))},
	}
}

// Element is a DER element: a tag of one byte, a length and the content.
func Element(tag byte, content []byte) []byte {
	b := []byte{tag}
	switch n := len(content); {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 0x100:
		b = append(b, 0x81, byte(n))
	case n < 0x10000:
		b = append(b, 0x82, byte(n>>8), byte(n))
	default:
		b = append(b, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, content...)
}

package strictjson

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// text is a string of the JSON text: what stands between its quotes.
type text struct {
	span
	escaped bool
}

// content returns the string itself, which was checked.
func (t text) content(data []byte) []byte {
	if !t.escaped {
		return data[t.start:t.end]
	}
	var s string
	if err := json.Unmarshal(data[t.start-1:t.end+1], &s); err != nil {
		panic("strictjson: a string that was checked does not decode") // the fuzz test looks for one
	}
	return []byte(s)
}

// str reads a string, which starts at pos.
func (s *scanner) str() (text, *Error) {
	s.pos++
	t := text{span: span{start: s.pos}}
	for {
		plain := s.pos
		for plain < len(s.data) && isPlain[s.data[plain]] {
			plain++
		}
		s.pos = plain
		if s.pos == len(s.data) {
			return text{}, s.refuse(Syntax, s.pos, "a string does not end")
		}
		switch c := s.data[s.pos]; {
		case c == '"':
			t.end = s.pos
			s.pos++
			return t, nil
		case c == '\\':
			t.escaped = true
			if err := s.escape(); err != nil {
				return text{}, err
			}
		case c < ' ':
			return text{}, s.refuse(Syntax, s.pos, "a control character in a string")
		default:
			r, size := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return text{}, s.refuse(Encoding, s.pos, "not UTF-8")
			}
			s.pos += size
		}
	}
}

// isPlain has the bytes that stand in a string for themselves alone.
var isPlain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// escape reads what starts with a backslash: both halves of a surrogate pair, if it
// is one.
func (s *scanner) escape() *Error {
	start := s.pos
	s.pos += 2
	if s.pos > len(s.data) {
		return s.refuse(Syntax, start, "a string does not end")
	}
	switch s.data[start+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
	default:
		return s.refuse(Syntax, start, "no escape starts like this")
	}
	unit, ok := s.hex4()
	if !ok {
		return s.refuse(Syntax, start, "an escape lacks digits")
	}
	if unit < 0xd800 || unit > 0xdfff {
		return nil
	}
	if unit <= 0xdbff && bytes.HasPrefix(s.data[s.pos:], []byte(`\u`)) {
		s.pos += 2
		if low, ok := s.hex4(); ok && low >= 0xdc00 && low <= 0xdfff {
			return nil
		}
	}
	return s.refuse(Encoding, start, "half of a surrogate pair")
}

// hex4 reads four hexadecimal digits.
func (s *scanner) hex4() (unit uint16, ok bool) {
	if len(s.data)-s.pos < 4 {
		return 0, false
	}
	for _, c := range s.data[s.pos : s.pos+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		unit = unit<<4 | uint16(c)
	}
	s.pos += 4
	return unit, true
}

package strictjson

import "bytes"

// scanner walks over a JSON text (RFC 8259) once, along the shape of the Go value it
// is meant for.
type scanner struct {
	data                          []byte
	pos                           int // next byte to read
	maxDepth, maxValues           int
	disallowUnknown, disallowNull bool

	values  int                 // read so far
	names   [][]byte            // names of the members of all open objects, the innermost last
	spare   map[string]struct{} // an empty set, left by an object that had one
	foreign []span              // names that differ from a field's in case only
}

// span is a piece of the text, end excluded.
type span struct{ start, end int }

func (s *scanner) refuse(reason Reason, offset int, detail string) *Error {
	return &Error{Reason: reason, Offset: int64(offset), Detail: detail}
}

// scan checks the whole text. (It returns an error, not an *Error, so that nil is nil.)
func (s *scanner) scan(top *shape) error {
	var names [24][]byte
	s.names = names[:0]
	s.space()
	if top.to != nil { // the pointer that Decode was given is not one to set to nil
		top = top.to
	}
	if s.peek() == 'n' && !top.nullable {
		return s.refuse(Null, s.pos, "null where a value belongs")
	}
	if err := s.value(top, 0); err != nil {
		return err
	}
	s.space()
	if s.pos < len(s.data) {
		return s.refuse(Trailing, s.pos, "something follows the value")
	}
	return nil
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte; 0, which no token starts with, at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// value reads one value. depth is the number of objects and arrays around it.
func (s *scanner) value(want *shape, depth int) *Error {
	start, nullable := s.pos, want.nullable
	if s.values++; s.values > s.maxValues {
		return s.refuse(Size, start, "there are too many values")
	}
	for want.to != nil {
		want = want.to
	}
	switch c := s.peek(); {
	case c == '{' || c == '[':
		if depth >= s.maxDepth {
			return s.refuse(Depth, start, "objects and arrays are nested too deeply")
		}
		s.pos++
		if c == '{' {
			return s.object(want, depth+1)
		}
		return s.array(want, depth+1)
	case c == '"':
		text, err := s.str()
		if err != nil {
			return err
		}
		if want.isBytes && !isBase64URL(text.content(s.data)) {
			return s.refuse(Base64URL, start, notBase64URL)
		}
		return nil
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		if s.disallowNull && !nullable {
			return s.refuse(Null, start, "null where a value belongs")
		}
		return s.literal("null")
	case start == len(s.data):
		return s.refuse(Syntax, start, "the text ends too early")
	default:
		return s.refuse(Syntax, start, "no value starts like this")
	}
}

func (s *scanner) literal(word string) *Error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(word)) {
		return s.refuse(Syntax, s.pos, "no value starts like this")
	}
	s.pos += len(word)
	return nil
}

// number reads a number: no sign but minus, no leading zeros, digits on both sides of
// a point.
func (s *scanner) number() *Error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return s.refuse(Syntax, s.pos, "a number lacks digits")
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return s.refuse(Syntax, s.pos, "a number lacks digits")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.refuse(Syntax, s.pos, "a number lacks digits")
		}
	}
	return nil
}

// digits skips digits and reports whether there were any.
func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos]-'0' <= 9 {
		s.pos++
	}
	return s.pos > start
}

// array reads what follows a '['.
func (s *scanner) array(want *shape, depth int) *Error {
	elem := want.elem
	if elem == nil {
		elem = opaque
	}
	s.space()
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for i := 0; ; i++ {
		s.space()
		if err := s.value(elem, depth); err != nil {
			return err.inElement(i)
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.refuse(Syntax, s.pos, "a comma or ] belongs here")
		}
	}
}

// object reads what follows a '{'.
func (s *scanner) object(want *shape, depth int) *Error {
	s.space()
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	seen := members{first: len(s.names)}
	for {
		s.space()
		name, member, err := s.name(want, &seen)
		if err != nil {
			return err
		}
		s.space()
		if s.peek() != ':' {
			return s.refuse(Syntax, s.pos, "a colon belongs here")
		}
		s.pos++
		s.space()
		if err := s.value(member, depth); err != nil {
			return err.inMember(name)
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			s.names = s.names[:seen.first]
			s.recycle(seen.set)
			return nil
		default:
			return s.refuse(Syntax, s.pos, "a comma or } belongs here")
		}
	}
}

// name reads the name of a member of an object meant for want. It returns the name
// and the shape of the member's value.
func (s *scanner) name(want *shape, seen *members) ([]byte, *shape, *Error) {
	start := s.pos
	if s.peek() != '"' {
		return nil, nil, s.refuse(Syntax, start, "the name of a member belongs here")
	}
	text, err := s.str()
	if err != nil {
		return nil, nil, err
	}
	name := text.content(s.data)
	if !s.add(seen, name) {
		return nil, nil, s.refuse(Duplicate, start, "the member is there twice").inMember(name)
	}
	if !want.isStruct {
		if want.elem != nil {
			return name, want.elem, nil
		}
		return name, opaque, nil
	}
	if field, ok := want.fields[string(name)]; ok {
		return name, field, nil
	}
	if s.disallowUnknown {
		return nil, nil, s.refuse(Unknown, start, "there is no such member").inMember(name)
	}
	if want.differsInCase(string(name)) {
		s.foreign = append(s.foreign, text.span)
	}
	return name, opaque, nil
}

// members knows the names of one open object: those from first on in the scanner's
// names and, once they are many, a set.
type members struct {
	first int
	set   map[string]struct{}
}

// manyMembers is where comparing one by one stops being the faster way. It also keeps
// an object of a hundred thousand members from costing their square.
const manyMembers = 24

// add adds a name to the object m, and reports whether it was not there.
func (s *scanner) add(m *members, name []byte) bool {
	if m.set != nil {
		if _, ok := m.set[string(name)]; ok {
			return false
		}
		m.set[string(name)] = struct{}{}
		return true
	}
	names := s.names[m.first:]
	for _, other := range names {
		if bytes.Equal(other, name) {
			return false
		}
	}
	s.names = append(s.names, name)
	if len(names) < manyMembers {
		return true
	}
	if m.set, s.spare = s.spare, nil; m.set == nil {
		m.set = make(map[string]struct{}, 4*manyMembers)
	}
	for _, n := range s.names[m.first:] {
		m.set[string(n)] = struct{}{}
	}
	return true
}

// recycle keeps the set of a closed object for the next one that needs a set. Large ones
// are not kept: to empty one takes as long as it once was large.
func (s *scanner) recycle(set map[string]struct{}) {
	if set != nil && len(set) <= 4*manyMembers {
		clear(set)
		s.spare = set
	}
}

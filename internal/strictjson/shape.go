package strictjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// shape is what the scanner has to know of a Go type.
type shape struct {
	isStruct bool
	isBytes  bool              // [Bytes]
	nullable bool              // null has a meaning: the type has a nil, or decodes itself
	to       *shape            // of a pointer
	fields   map[string]*shape // of a struct, by name of the member
	elem     *shape            // of a map, slice or array
}

// opaque is the shape of a type that takes anything, or decodes itself.
var opaque = &shape{nullable: true}

// shapes keeps the shape of each type that was decoded into.
var shapes sync.Map // of reflect.Type to *shape

func shapeOf(t reflect.Type) *shape {
	if t == nil {
		return opaque // json.Unmarshal will refuse it
	}
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	s := shaper{}.shape(t)
	shapes.Store(t, s)
	return s
}

// shaper holds the shapes made so far, unfinished ones included: types can contain
// themselves.
type shaper map[reflect.Type]*shape

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	bytesType       = reflect.TypeFor[Bytes]()
)

func (m shaper) shape(t reflect.Type) *shape {
	if known, ok := m[t]; ok {
		return known
	}
	s := new(shape)
	m[t] = s
	switch pointer := reflect.PointerTo(t); {
	case t == bytesType:
		s.isBytes, s.nullable = true, true
		return s
	case pointer.Implements(jsonUnmarshaler), pointer.Implements(textUnmarshaler):
		s.nullable = true
		return s
	}
	switch t.Kind() {
	case reflect.Pointer:
		s.to, s.nullable = m.shape(t.Elem()), true
	case reflect.Struct:
		s.isStruct, s.fields = true, m.fields(t)
	case reflect.Map, reflect.Slice:
		s.elem, s.nullable = m.shape(t.Elem()), true
	case reflect.Array:
		s.elem = m.shape(t.Elem())
	case reflect.Interface:
		s.nullable = true
	}
	return s
}

// candidate is a field that may answer to a name.
type candidate struct {
	shape  *shape
	depth  int // of embedding
	tagged bool
	tie    bool // another is as good: neither counts
}

// fields finds the members of a struct by the rules of encoding/json: the least
// embedded field has the name, then the tagged one; where two are left, none.
func (m shaper) fields(t reflect.Type) map[string]*shape {
	best := make(map[string]candidate)
	m.collect(t, 0, best, map[reflect.Type]bool{})
	fields := make(map[string]*shape, len(best))
	for name, c := range best {
		if !c.tie {
			fields[name] = c.shape
		}
	}
	return fields
}

func (m shaper) collect(t reflect.Type, depth int, best map[string]candidate, inside map[reflect.Type]bool) {
	if inside[t] {
		return
	}
	inside[t] = true
	defer delete(inside, t)

	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		if tag == "-" {
			continue
		}
		name, _, _ := strings.Cut(tag, ",")
		if embedded, ok := embeddedStruct(f); ok && name == "" {
			m.collect(embedded, depth+1, best, inside)
			continue
		}
		if !f.IsExported() {
			continue
		}
		c := candidate{shape: m.shape(f.Type), depth: depth, tagged: name != ""}
		if name == "" {
			name = f.Name
		}
		if old, ok := best[name]; ok {
			c = better(old, c)
		}
		best[name] = c
	}
}

func better(a, b candidate) candidate {
	switch {
	case a.depth != b.depth:
		if a.depth < b.depth {
			return a
		}
		return b
	case a.tagged != b.tagged:
		if a.tagged {
			return a
		}
		return b
	default:
		a.tie = true
		return a
	}
}

// embeddedStruct returns the struct type that f embeds, if it does.
func embeddedStruct(f reflect.StructField) (reflect.Type, bool) {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t, f.Anonymous && t.Kind() == reflect.Struct
}

// differsInCase reports whether name is that of a field but for the case of its
// letters, as encoding/json understands it.
func (s *shape) differsInCase(name string) bool {
	for field := range s.fields {
		if strings.EqualFold(field, name) {
			return true
		}
	}
	return false
}

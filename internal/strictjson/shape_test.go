package strictjson_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"bestow.dev/internal/strictjson"
)

type (
	left      struct{ Both, Left, Near string }
	right     struct{ Both, Right string }
	middle    struct{ Both string }
	wraps     struct{ *middle }
	tagged    struct{ Chosen string }
	untagged  struct{ Other string }
	Outer     struct{ Inner *struct{ Left string } }
	hidesPath struct {
		Away string `json:"-"`
		Seen string
	}
	Selfish struct {
		*Selfish
		Self string
	}
)

// Which names a struct has is for encoding/json to say.
func TestNamesOfFields(t *testing.T) {
	types := []any{
		&struct{ left }{},
		&struct {
			left
			right
		}{}, // Both is ambiguous: nobody has it
		&struct {
			left
			right
			Both string
		}{},
		&struct {
			left
			wraps
		}{}, // the nearer Both wins
		&struct {
			wraps
			left
		}{},
		&struct {
			tagged
			Named struct{ Chosen string } `json:"Chosen"`
		}{},
		&struct {
			tagged
			untagged `json:"Chosen"`
		}{},
		&struct {
			Chosen string
			B      string `json:"Chosen"`
		}{},
		&struct {
			B      string `json:"Chosen"`
			Chosen string
		}{},
		&struct{ *left }{},
		&struct{ *Outer }{},
		&struct {
			hidesPath
			_ string
		}{},
		&Selfish{},
		&struct {
			Named string `json:",omitempty"`
			Text  int    `json:"text,string"`
		}{},
	}
	names := []string{"Both", "Left", "Right", "Near", "Inner", "Outer", "Chosen", "Other", "B", "Named", "Away", "Seen", "-", "_", "Self", "selfish", "left", "Text", "text", "untagged"}
	for _, v := range types {
		typ := reflect.TypeOf(v).Elem()
		for _, name := range names {
			quoted, _ := json.Marshal(name)
			text := append(append([]byte{'{'}, quoted...), ":null}"...)

			strict := json.NewDecoder(bytes.NewReader(text))
			strict.DisallowUnknownFields()
			want := strict.Decode(reflect.New(typ).Interface()) == nil && spelled(typ, name)
			err := strictjson.Decode(text, reflect.New(typ).Interface(), strictjson.DisallowUnknown())
			if got := err == nil; got != want {
				t.Errorf("%v: member %s taken: %v, want %v", typ, name, got, want)
			}
		}
	}
}

// spelled reports whether a name that encoding/json matches to a field is spelled as
// that field's: such a name is there when the struct is written.
func spelled(typ reflect.Type, name string) bool {
	v := reflect.New(typ)
	fill(v.Elem(), 0)
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return false
	}
	_, ok := members[name]
	return ok
}

// fill makes every string non-empty and every embedded pointer non-nil, so that all
// members are written.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString("x")
		}
	case reflect.Pointer:
		if depth < 3 && v.CanSet() {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth)
		}
	}
}

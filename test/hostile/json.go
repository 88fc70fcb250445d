package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// JSON returns texts of about n bytes, each of which put around a hostile value. around
// gets a JSON value and returns the whole text; nil takes the value for the whole.
func JSON(n int, around func(value string) []byte) []Input {
	if around == nil {
		around = func(value string) []byte { return []byte(value) }
	}
	var all []Input
	for _, v := range jsonValues(n) {
		all = append(all, Input{v.Name, around(string(v.Data))})
	}
	return all
}

// InMember returns a function that puts a value into a good JSON object, in place of the
// member of that name or as one more.
func InMember(t testing.TB, good []byte, name string) func(value string) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(good, &members); err != nil {
		t.Fatal(err)
	}
	delete(members, name)
	others, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	start := string(others[:len(others)-1])
	if len(members) > 0 {
		start += ","
	}
	return func(value string) []byte { return fmt.Appendf(nil, "%s%q:%s}", start, name, value) }
}

// jsonValues are the values of about n bytes.
func jsonValues(n int) []Input {
	repeat := func(s string) []byte { return []byte(strings.Repeat(s, n/len(s))) }
	list := func(s string) []byte { return fmt.Appendf(nil, "[%s%s]", repeat(s+","), s) }
	return []Input{
		{"arrays without end", repeat("[")},
		{"objects without end", repeat(`{"a":`)},
		{"arrays 30 deep", list(strings.Repeat("[", 29) + strings.Repeat("]", 29))},
		{"zeros", list("0")},
		{"nulls", list("null")},
		{"empty arrays", list("[]")},
		{"empty objects", list("{}")},
		{"empty strings", list(`""`)},
		{"short strings", list(`"ab"`)},
		{"strings of one escape", list(`"\u00e9"`)},
		{"objects of one member", list(`{"a":0}`)},
		{"objects of 25 members", list(members(25, `0`))},
		{"members", membersOf(n, `0`)},
		{"members that are objects", membersOf(n, `{}`)},
		{"a member twice", repeated(n)},
		{"a member twice, at the end", twiceAtTheEnd(n)},
		{"a long name", fmt.Appendf(nil, `{"%s":0}`, repeat("a"))},
		{"a long name of escapes", fmt.Appendf(nil, `{"%s":0}`, repeat(`\u00e9`))},
		{"long names that begin alike", longNames(n)},
		{"a long string", fmt.Appendf(nil, `"%s"`, repeat("a"))},
		{"a long string of escapes", fmt.Appendf(nil, `"%s"`, repeat(`\u00e9`))},
		{"a long string that does not end", fmt.Appendf(nil, `"%s`, repeat("a"))},
		{"a long number", fmt.Appendf(nil, `1%s`, repeat("0"))},
		{"a long exponent", fmt.Appendf(nil, `1e%s`, repeat("9"))},
		{"white space", append(repeat(" "), '0')},
	}
}

// members is an object of count members.
func members(count int, value string) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, `,"%s":%s`, name(i), value)
	}
	return "{" + b.String()[1:] + "}"
}

// name is a short name, different for each i.
func name(i int) string { return fmt.Sprintf("%x", i) }

func membersOf(n int, value string) []byte {
	b := bytes.NewBufferString(`{"x":0`)
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(b, `,"%s":%s`, name(i), value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

func repeated(n int) []byte {
	return fmt.Appendf(nil, `{%s"a":0}`, strings.Repeat(`"a":0,`, n/6))
}

func twiceAtTheEnd(n int) []byte {
	b := membersOf(n, `0`)
	return append(b[:len(b)-1], `,"0":0}`...)
}

func longNames(n int) []byte {
	b := bytes.NewBufferString(`{"x":0`)
	long := strings.Repeat("a", 1000)
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(b, `,"%s%x":0`, long, i)
	}
	b.WriteByte('}')
	return b.Bytes()
}

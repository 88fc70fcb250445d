package strictcbor

import (
	"math"
	"testing"
)

func parse(t *testing.T, digits string) Item {
	t.Helper()
	i, err := Parse(unhex(t, digits))
	if err != nil {
		t.Fatalf("Parse(%s): %v", digits, err)
	}
	return i
}

func TestItemInt(t *testing.T) {
	tests := []struct {
		cbor string
		want int64
		ok   bool
	}{
		{"00", 0, true},
		{"17", 23, true},
		{"18ff", 255, true},
		{"190100", 256, true},
		{"1a00010000", 65536, true},
		{"1b7fffffffffffffff", math.MaxInt64, true},
		{"1b8000000000000000", 0, false},
		{"20", -1, true},
		{"390100", -257, true},
		{"3b7fffffffffffffff", math.MinInt64, true},
		{"3b8000000000000000", 0, false},
		{"4101", 0, false},
		{"f5", 0, false},
	}
	for _, tt := range tests {
		if got, ok := parse(t, tt.cbor).Int(); got != tt.want || ok != tt.ok {
			t.Errorf("%s: Int() = %d, %v, want %d, %v", tt.cbor, got, ok, tt.want, tt.ok)
		}
	}
}

func TestItemOtherKinds(t *testing.T) {
	for _, digits := range []string{"00", "20", "4101", "6161", "8101", "a10102", "f4", "f5", "f6"} {
		i := parse(t, digits)
		if _, ok := i.Bytes(); ok != (digits == "4101") {
			t.Errorf("%s: Bytes() ok = %v", digits, ok)
		}
		if _, ok := i.Text(); ok != (digits == "6161") {
			t.Errorf("%s: Text() ok = %v", digits, ok)
		}
		if v, ok := i.Bool(); ok != (digits == "f4" || digits == "f5") || v != (digits == "f5") {
			t.Errorf("%s: Bool() = %v, %v", digits, v, ok)
		}
		if i.Null() != (digits == "f6") {
			t.Errorf("%s: Null() = %v", digits, i.Null())
		}
		if n := i.Len(); (n == 1) != (digits == "8101" || digits == "a10102") {
			t.Errorf("%s: Len() = %d", digits, n)
		}
		for range i.Elements() {
			if digits != "8101" {
				t.Errorf("%s: has elements", digits)
			}
		}
		for range i.Entries() {
			if digits != "a10102" {
				t.Errorf("%s: has entries", digits)
			}
		}
	}
	if (Item{}).Exists() {
		t.Error("the zero Item exists")
	}
}

func TestItemMap(t *testing.T) {
	m := parse(t, "a5 01 02 03 26 20 4101 6161 82f4a10081f6 626162 60")
	var keys string
	for k, v := range m.Entries() {
		keys += string(k.Raw()) + "|"
		if !v.Exists() {
			t.Errorf("key %x has no value", k.Raw())
		}
	}
	if want := "\x01|\x03|\x20|aa|bab|"; keys != want {
		t.Errorf("keys %q, want %q", keys, want)
	}
	if m.Len() != 5 {
		t.Errorf("Len() = %d, want 5", m.Len())
	}
	if v, ok := m.GetInt(-1); !ok || string(v.Raw()) != "\x41\x01" {
		t.Errorf("GetInt(-1) = %x, %v", v.Raw(), ok)
	}
	if v, ok := m.GetInt(2); ok || v.Exists() {
		t.Errorf("GetInt(2) = %x, %v, want nothing", v.Raw(), ok)
	}
	v, ok := m.GetText("a")
	if !ok || v.Kind() != Array || v.Len() != 2 {
		t.Errorf("GetText(a) = %x, %v", v.Raw(), ok)
	}
	if v, ok := m.GetText("c"); ok || v.Exists() {
		t.Errorf("GetText(c) = %x, %v, want nothing", v.Raw(), ok)
	}
	count := 0
	for e := range v.Elements() {
		if count++; e.Kind() == Map {
			break
		}
	}
	if count != 2 {
		t.Errorf("%d elements until the map, want 2", count)
	}
	for range m.Entries() {
		break // must not go on
	}
}

func TestUnmarshal(t *testing.T) {
	var key struct {
		Kty int64  `cbor:"1,keyasint"`
		Alg int64  `cbor:"3,keyasint"`
		X   []byte `cbor:"-2,keyasint"`
	}
	if err := Unmarshal(unhex(t, "a4 01 02 03 26 20 01 21 4105"), &key); err != nil {
		t.Fatal(err)
	}
	if key.Kty != 2 || key.Alg != -7 || string(key.X) != "\x05" {
		t.Errorf("got %+v", key)
	}

	var statement struct {
		Alg string `cbor:"alg"`
	}
	tests := []struct {
		name, cbor string
		into       any
		want       Reason
	}{
		{"member of another case", "a1 63416c67 6161", &statement, ""}, // unknown, so ignored
		{"not canonical", "a1 01 1802", &key, NotCanonical},
		{"twice", "a2 0102 0102", &key, Duplicate},
		{"more", "a000", &key, Trailing},
		{"cut", "a1", &key, Malformed},
		{"text for a number", "a1 01 6161", &key, Mismatch},
		{"number for text", "a1 63616c67 01", &statement, Mismatch},
		{"array for a map", "80", &statement, Mismatch},
		{"number too large", "1bffffffffffffffff", new(int64), Mismatch},
		{"number too large for any", "1bffffffffffffffff", new(any), Mismatch},
		{"eight levels", "8181818181818181" + "00", new(any), ""},
	}
	for _, tt := range tests {
		err := Unmarshal(unhex(t, tt.cbor), tt.into)
		if got := reasonOf(t, err); got != tt.want {
			t.Errorf("%s: Unmarshal(%s) = %v, want reason %q", tt.name, tt.cbor, err, tt.want)
		}
	}
	if statement.Alg != "" {
		t.Errorf("Alg = %q: a member of another case was taken", statement.Alg)
	}
}

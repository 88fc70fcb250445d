package strictcbor

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatalf("hex %q: %v", digits, err)
	}
	return b
}

// reasonOf returns the reason of a refusal; "" for nil.
func reasonOf(t testing.TB, err error) Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error %v (%T) is no *Error", err, err)
	}
	return e.Reason
}

func TestCheckAll(t *testing.T) {
	nested := func(levels int) string { return strings.Repeat("81", levels) + "00" }
	tests := []struct {
		name, cbor string
		want       Reason // empty: accepted
	}{
		{"zero", "00", ""},
		{"largest in the head", "17", ""},
		{"smallest of one byte", "1818", ""},
		{"largest of one byte", "18ff", ""},
		{"smallest of two bytes", "190100", ""},
		{"smallest of four bytes", "1a00010000", ""},
		{"smallest of eight bytes", "1b0000000100000000", ""},
		{"largest integer", "1bffffffffffffffff", ""},
		{"smallest integer", "3bffffffffffffffff", ""},
		{"minus one", "20", ""},
		{"empty byte string", "40", ""},
		{"byte string", "43010203", ""},
		{"empty text", "60", ""},
		{"text", "63c3bc61", ""},
		{"false, true, null", "83f4f5f6", ""},
		{"empty array", "80", ""},
		{"empty map", "a0", ""},
		{"keys by major type, length, bytes", "a8 00 f6 17 f6 1818 f6 20 f6 40 f6 4100 f6 6161 f6 626161 f6", ""},
		{"keys that are arrays, by length", "a2 820102 f4 811903e8 f4", ""},
		{"fmt, attStmt, authData", "a3 63666d74 646e6f6e65 6761747453746d74 a0 686175746844617461 40", ""},
		{"eight levels", nested(8), ""},

		{"nothing", "", Malformed},
		{"nine levels", nested(9), Malformed},
		{"nine levels of maps", strings.Repeat("a100", 9) + "00", Malformed},
		{"reserved 28", "1c", Malformed},
		{"reserved 29", "5d", Malformed},
		{"reserved 30", "fe", Malformed},
		{"lone break", "ff", Malformed},
		{"indefinite integer", "1f", Malformed},
		{"head cut short", "1901", Malformed},
		{"head without argument", "18", Malformed},
		{"byte string cut short", "4301 02", Malformed},
		{"byte string of 2⁶⁴-1 bytes", "5bffffffffffffffff00", Malformed},
		{"text of 2⁶³ bytes", "7b800000000000000000", Malformed},
		{"array of 2⁶⁴-1 elements", "9bffffffffffffffff00", Malformed},
		{"array cut short", "8201", Malformed},
		{"map of 2⁶³ entries", "bb800000000000000000", Malformed},
		{"map cut short", "a20001", Malformed},
		{"map without its last value", "a1 00", Malformed},
		{"text that is not UTF-8", "62c328", Malformed},
		{"text with a surrogate", "63eda080", Malformed},

		{"a second item", "0000", Trailing},
		{"bytes after a map", "a0ff", Trailing},

		{"key twice", "a2 01f4 01f5", Duplicate},
		{"key twice, text", "a2 6161f4 6161f5", Duplicate},
		{"key twice, deep inside", "a1 00 81 a2 01f4 01f5", Duplicate},
		{"key twice, apart and unsorted", "a3 02f4 01f4 02f4", Duplicate},
		{"key twice, after unsorted", "a4 03f4 02f4 05f4 05f4", Duplicate},
		{"key that is an array twice", "a2 8101f4 8101f4", Duplicate},

		{"one too wide", "1817", NotCanonical},
		{"two too wide", "1900ff", NotCanonical},
		{"four too wide", "1a0000ffff", NotCanonical},
		{"eight too wide", "1b00000000ffffffff", NotCanonical},
		{"negative too wide", "3800", NotCanonical},
		{"length too wide", "580141", NotCanonical},
		{"count too wide", "980100", NotCanonical},
		{"key too wide", "a1 1801 00", NotCanonical},
		{"indefinite bytes", "5f4100ff", NotCanonical},
		{"indefinite text", "7f6161ff", NotCanonical},
		{"indefinite array", "9f00ff", NotCanonical},
		{"indefinite map", "bf0000ff", NotCanonical},
		{"tag", "c000", NotCanonical},
		{"self-described", "d9d9f700", NotCanonical},
		{"bignum", "c2420100", NotCanonical},
		{"half float", "f93c00", NotCanonical},
		{"float", "fa3f800000", NotCanonical},
		{"double", "fb3ff0000000000000", NotCanonical},
		{"undefined", "f7", NotCanonical},
		{"simple 0", "e0", NotCanonical},
		{"simple 255", "f8ff", NotCanonical},
		{"keys not by value", "a2 02f4 01f4", NotCanonical},
		{"keys not by major type", "a2 20f4 00f4", NotCanonical},
		{"keys not by length", "a2 626161f4 6162f4", NotCanonical},
		{"keys that are arrays, by bytes", "a2 811903e8 f4 820102 f4", NotCanonical},
		{"keys by bytes alone", "a3 6761747453746d74 a0 63666d74 60 686175746844617461 40", NotCanonical},
		{"unsorted deep inside", "81 a1 00 a2 02f4 01f4", NotCanonical},

		{"malformed before duplicate", "a3 01f4 02f4 ff", Malformed},
		{"malformed after unsorted", "a3 02f4 01f4 03 ff", Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := unhex(t, tt.cbor)
			err := CheckAll(data)
			if got := reasonOf(t, err); got != tt.want {
				t.Errorf("CheckAll(%x) = %v, want reason %q", data, err, tt.want)
			}
			item, err := Parse(data)
			if (err == nil) != (tt.want == "") || item.Exists() != (err == nil) {
				t.Errorf("Parse(%x) = %x, %v, want reason %q", data, item.Raw(), err, tt.want)
			}
		})
	}
}

func TestCheckFindsTheEnd(t *testing.T) {
	tests := []struct {
		cbor, rest string
	}{
		{"00", "ff"},
		{"a10102", "a0"},
		{"43010203", "0405"},
		{"8201a103f6", ""},
	}
	for _, tt := range tests {
		item, rest := unhex(t, tt.cbor), unhex(t, tt.rest)
		data := append(append([]byte{}, item...), rest...)
		if n, err := Check(data); n != len(item) || err != nil {
			t.Errorf("Check(%x) = %d, %v, want %d", data, n, err, len(item))
		}
		first, after, err := ParseFirst(data)
		if err != nil || string(first.Raw()) != string(item) || string(after) != string(rest) {
			t.Errorf("ParseFirst(%x) = %x, %x, %v", data, first.Raw(), after, err)
		}
	}
}

func TestRefusalTellsNothing(t *testing.T) {
	if n, err := Check(unhex(t, "820018")); n != 0 || err == nil {
		t.Errorf("Check = %d, %v, want 0 and an error", n, err)
	}
	if first, rest, err := ParseFirst(unhex(t, "820018")); first.Exists() || rest != nil || err == nil {
		t.Errorf("ParseFirst = %v, %x, %v, want nothing and an error", first, rest, err)
	}
}

func TestOffset(t *testing.T) {
	tests := []struct {
		cbor string
		want int
	}{
		{"82001817", 2},
		{"a201f401f5", 3},
		{"a302f401f402f4", 5},
		{"0000", 1},
	}
	for _, tt := range tests {
		e, ok := errors.AsType[*Error](CheckAll(unhex(t, tt.cbor)))
		if !ok || e.Offset != tt.want {
			t.Errorf("CheckAll(%s) = %v, want byte %d", tt.cbor, e, tt.want)
		}
	}
}

// A length that the input only claims must cost nothing.
func TestCheckAllocatesNothing(t *testing.T) {
	good := unhex(t, "a5010203262001215820"+strings.Repeat("11", 32)+"225820"+strings.Repeat("22", 32))
	if n := testing.AllocsPerRun(100, func() { _, _ = Check(good) }); n > 0 {
		t.Errorf("Check of a good key allocates %v times", n)
	}
	claims := unhex(t, "9bffffffffffffffff00")
	if n := testing.AllocsPerRun(100, func() { _, _ = Check(claims) }); n > 1 {
		t.Errorf("Check of a huge claim allocates %v times, want the error alone", n)
	}
}

// Many unsorted keys must not cost the square of their number.
func TestManyUnsortedKeys(t *testing.T) {
	const count = MaxItems/2 - 1
	data := []byte{0xb9, count >> 8, count & 0xff}
	for i := range count {
		key := count - 1 - i
		switch {
		case key < 24:
			data = append(data, byte(key), 0xf6)
		case key < 256:
			data = append(data, 0x18, byte(key), 0xf6)
		default:
			data = append(data, 0x19, byte(key>>8), byte(key), 0xf6)
		}
	}
	if got := reasonOf(t, CheckAll(data)); got != NotCanonical {
		t.Errorf("reason %q, want %q", got, NotCanonical)
	}
}

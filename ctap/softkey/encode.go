package softkey

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// Writing of CTAP2 canonical CBOR (CTAP 2.1 §8), by hand and from the rules. Each
// function returns one encoded item.

// The major types.
const (
	majorUint  = 0
	majorNeg   = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
	majorTag   = 6
	majorOther = 7
)

// head returns the first bytes of an item: its major type and a number, in as few
// bytes as it fits.
func head(major byte, n uint64) []byte {
	first := major << 5
	switch {
	case n < 24:
		return []byte{first | byte(n)}
	case n <= 0xFF:
		return []byte{first | 24, byte(n)}
	case n <= 0xFFFF:
		return []byte{first | 25, byte(n >> 8), byte(n)}
	case n <= 0xFFFFFFFF:
		return []byte{first | 26, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	out := []byte{first | 27}
	for shift := 56; shift >= 0; shift -= 8 {
		out = append(out, byte(n>>shift))
	}
	return out
}

func cborInt(n int64) []byte {
	if n < 0 {
		return head(majorNeg, uint64(-1-n))
	}
	return head(majorUint, uint64(n))
}

func cborBytes(b []byte) []byte { return append(head(majorBytes, uint64(len(b))), b...) }

func cborText(s string) []byte { return append(head(majorText, uint64(len(s))), s...) }

func cborBool(on bool) []byte {
	if on {
		return []byte{0xF5}
	}
	return []byte{0xF4}
}

func cborArray(items ...[]byte) []byte {
	out := head(majorArray, uint64(len(items)))
	for _, item := range items {
		out = append(out, item...)
	}
	return out
}

// member is one pair of a map, both encoded. One without value is left out.
type member struct{ key, value []byte }

func at(key int64, value []byte) member      { return member{cborInt(key), value} }
func named(name string, value []byte) member { return member{cborText(name), value} }
func when(given bool, m member) member       { return member{m.key, onlyIf(given, m.value)} }
func onlyIf(given bool, value []byte) []byte {
	if given {
		return value
	}
	return nil
}

// cborMap sorts its members: the order of the encoded keys, byte by byte, puts lower
// major types first, then shorter keys.
func cborMap(members ...member) []byte {
	present := slices.DeleteFunc(slices.Clone(members), func(m member) bool { return m.value == nil })
	slices.SortFunc(present, func(a, b member) int { return bytes.Compare(a.key, b.key) })
	out := head(majorMap, uint64(len(present)))
	for _, m := range present {
		out = append(append(out, m.key...), m.value...)
	}
	return out
}

// cborAny encodes the values that attestation statements are made of.
func cborAny(value any) []byte {
	switch v := value.(type) {
	case int64:
		return cborInt(v)
	case string:
		return cborText(v)
	case []byte:
		return cborBytes(v)
	case bool:
		return cborBool(v)
	case [][]byte:
		items := make([][]byte, len(v))
		for i, item := range v {
			items[i] = cborBytes(item)
		}
		return cborArray(items...)
	case map[string]any:
		var members []member
		for _, name := range slices.Sorted(maps.Keys(v)) {
			members = append(members, named(name, cborAny(v[name])))
		}
		return cborMap(members...)
	case []any:
		items := make([][]byte, len(v))
		for i, item := range v {
			items[i] = cborAny(item)
		}
		return cborArray(items...)
	}
	panic(fmt.Sprintf("softkey: no CBOR for a %T", value))
}

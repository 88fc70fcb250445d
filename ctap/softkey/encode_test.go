package softkey

import (
	"encoding/hex"
	"testing"
)

// Known encodings: those of RFC 8949, appendix A, and the order of keys of CTAP 2.1 §8.
func TestEncoding(t *testing.T) {
	tests := []struct {
		got  []byte
		want string
	}{
		{cborInt(0), "00"},
		{cborInt(23), "17"},
		{cborInt(24), "1818"},
		{cborInt(255), "18ff"},
		{cborInt(256), "190100"},
		{cborInt(65535), "19ffff"},
		{cborInt(65536), "1a00010000"},
		{cborInt(4294967295), "1affffffff"},
		{cborInt(4294967296), "1b0000000100000000"},
		{cborInt(1<<63 - 1), "1b7fffffffffffffff"},
		{cborInt(-1), "20"},
		{cborInt(-24), "37"},
		{cborInt(-25), "3818"},
		{cborInt(-257), "390100"},
		{cborInt(-1 << 63), "3b7fffffffffffffff"},
		{cborBytes(nil), "40"},
		{cborBytes([]byte{1, 2}), "420102"},
		{cborText("IETF"), "6449455446"},
		{cborBool(false), "f4"},
		{cborBool(true), "f5"},
		{cborArray(), "80"},
		{cborArray(cborInt(1), cborText("a")), "82016161"},
		{cborMap(), "a0"},
		{cborMap(named("bb", cborInt(1)), named("c", cborInt(2)), at(-1, cborInt(3)), at(10, cborInt(4)), at(24, cborInt(5)), at(1, nil)), "a50a041818052003616302626262" + "01"},
		{cborAny(map[string]any{"x5c": [][]byte{{1}}, "alg": int64(-7), "l": []any{true, "t"}, "m": map[string]any{}}), "a4616c82f56174616da063616c672663783563814101"},
	}
	for _, test := range tests {
		if got := hex.EncodeToString(test.got); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

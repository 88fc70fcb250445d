package strictjson_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"

	"bestow.dev/internal/strictjson"
	"pgregory.net/rapid"
)

func TestDecodeBase64URL(t *testing.T) {
	tests := []struct {
		name, text, want string
		ok               bool
	}{
		{"nothing", "", "", true},
		{"one byte", "AQ", "\x01", true},
		{"two bytes", "AQI", "\x01\x02", true},
		{"three bytes", "AQID", "\x01\x02\x03", true},
		{"whole alphabet", "-_-_", "\xfb\xff\xbf", true},
		{"one character", "A", "", false},
		{"five characters", "AQIDB", "", false},
		{"padding", "AQ==", "", false},
		{"padding of one", "AQI=", "", false},
		{"standard alphabet, +", "+A", "", false},
		{"standard alphabet, /", "/w", "", false},
		{"bits left of two", "AR", "", false},
		{"bits left of three", "AQJ", "", false},
		{"line feed", "AQ\nID", "", false},
		{"carriage return", "AQ\rID", "", false},
		{"line break at the end", "AQID\n", "", false},
		{"space", "AQ ID", "", false},
		{"NUL", "AQI\x00", "", false},
		{"not ASCII", "AQIÄ", "", false},
	}
	for _, tt := range tests {
		got, err := strictjson.DecodeBase64URL(tt.text)
		if (err == nil) != tt.ok || string(got) != tt.want || (got == nil) == tt.ok {
			t.Errorf("%s: DecodeBase64URL(%q) = %q, %v, want %q, ok %v", tt.name, tt.text, got, err, tt.want, tt.ok)
		}
		if err != nil && reasonOf(t, err) != strictjson.Base64URL {
			t.Errorf("%s: reason %q", tt.name, reasonOf(t, err))
		}
		var b strictjson.Bytes
		quoted, _ := json.Marshal(tt.text)
		if err := json.Unmarshal(quoted, &b); (err == nil) != tt.ok || string(b) != tt.want {
			t.Errorf("%s: json.Unmarshal(%s) = %q, %v", tt.name, quoted, b, err)
		}
	}
}

func TestBytesUnmarshalJSON(t *testing.T) {
	tests := []struct {
		text string
		want strictjson.Reason
	}{
		{`"AQ"`, ""},
		{`"\u0041Q"`, ""},
		{`null`, ""},
		{`""`, ""},
		{`"AQ=="`, strictjson.Base64URL},
		{`17`, strictjson.Type},
		{`[1,2]`, strictjson.Type},
		{`{}`, strictjson.Type},
		{`true`, strictjson.Type},
		{`"`, strictjson.Type},
		{``, strictjson.Type},
	}
	for _, tt := range tests {
		b := strictjson.Bytes("before")
		err := b.UnmarshalJSON([]byte(tt.text))
		if got := reasonOf(t, err); got != tt.want {
			t.Errorf("UnmarshalJSON(%s) = %v, want reason %q", tt.text, err, tt.want)
		}
		if (err != nil || tt.text == "null") && string(b) != "before" {
			t.Errorf("UnmarshalJSON(%s) left %q", tt.text, b)
		}
	}
}

func TestBytesMarshalJSON(t *testing.T) {
	tests := []struct {
		bytes strictjson.Bytes
		want  string
	}{
		{nil, `null`},
		{strictjson.Bytes{}, `""`},
		{strictjson.Bytes{0xfb, 0xff}, `"-_8"`},
	}
	for _, tt := range tests {
		if got, err := json.Marshal(tt.bytes); err != nil || string(got) != tt.want {
			t.Errorf("Marshal(%x) = %s, %v, want %s", []byte(tt.bytes), got, err, tt.want)
		}
	}
}

func TestBase64URLRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		text := strictjson.EncodeBase64URL(b)
		if got, err := strictjson.DecodeBase64URL(text); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("DecodeBase64URL(%q) = %x, %v, want %x", text, got, err, b)
		}
	})
}

// Whatever text is taken is the one text for its bytes.
func TestBase64URLIsCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z0-9_\-+/=\n]{0,12}`).Draw(t, "text")
		b, err := strictjson.DecodeBase64URL(text)
		strict, strictErr := base64.RawURLEncoding.Strict().DecodeString(text)
		switch {
		case err == nil && strictjson.EncodeBase64URL(b) != text:
			t.Fatalf("%q decodes to %x, which is %q", text, b, strictjson.EncodeBase64URL(b))
		case err == nil && (strictErr != nil || !bytes.Equal(b, strict)):
			t.Fatalf("%q decodes to %x; encoding/base64 says %x, %v", text, b, strict, strictErr)
		case err != nil && strictErr == nil && !bytes.ContainsAny([]byte(text), "\r\n"):
			t.Fatalf("%q refused: %v", text, err)
		}
	})
}

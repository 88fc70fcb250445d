package strictjson_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"unicode/utf8"

	"bestow.dev/internal/strictjson"
	"pgregory.net/rapid"
)

// vectors returns the JSON in the WebAuthn examples: client data, and whole
// responses. In CI they have to be there.
func vectors(t testing.TB) [][]byte {
	t.Helper()
	dir := os.Getenv("BESTOW_VECTORS")
	if dir == "" {
		dir = "../../../shared/vectors"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "webauthn-l3", "*.json"))
	if len(files) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatalf("no vectors in %s", dir)
		}
		t.Logf("no vectors in %s: going without", dir)
		return nil
	}
	var found [][]byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Cases []struct {
				Response json.RawMessage
			}
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, c := range doc.Cases {
			var response struct {
				Response struct {
					ClientDataJSON string
				}
			}
			if err := json.Unmarshal(c.Response, &response); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			clientData, err := base64.RawURLEncoding.DecodeString(response.Response.ClientDataJSON)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			found = append(found, c.Response, clientData)
		}
	}
	return found
}

func TestVectorsAreTaken(t *testing.T) {
	all := vectors(t)
	if all == nil {
		t.Skip("the vectors are not on this machine")
	}
	for _, data := range all {
		var c collected
		if err := strictjson.Decode(data, &c, strictjson.DisallowNull()); err != nil {
			t.Errorf("Decode(%s) = %v", data, err)
		}
	}
}

// judge holds Decode to its promises for any input, with encoding/json as the second
// opinion.
func judge(t interface{ Fatalf(string, ...any) }, data []byte) {
	var got any
	err := strictjson.Decode(data, &got)
	var want any
	second := json.Unmarshal(data, &want)

	if err == nil {
		if second != nil || !utf8.Valid(data) || !reflect.DeepEqual(got, want) {
			t.Fatalf("Decode(%q) = %v; encoding/json: %v, %v", data, got, want, second)
		}
	} else {
		e, ok := errors.AsType[*strictjson.Error](err)
		if !ok || e.Offset < 0 || e.Offset > int64(len(data)) || got != nil && e.Reason != strictjson.Type {
			t.Fatalf("Decode(%q) = %v, %#v", data, got, err)
		}
		syntax := e.Reason == strictjson.Syntax || e.Reason == strictjson.Trailing
		if syntax && second == nil || e.Reason == strictjson.Type && second == nil {
			t.Fatalf("Decode(%q) = %v, but encoding/json takes it", data, err)
		}
	}

	// Into a struct: what is taken at all says the same as a map of its members does.
	var into struct {
		Type string           `json:"type"`
		ID   strictjson.Bytes `json:"id"`
		Sub  *struct {
			N int `json:"n"`
		} `json:"sub"`
	}
	if strictjson.Decode(data, &into) != nil || err != nil {
		return
	}
	members, ok := got.(map[string]any)
	if !ok {
		return // null
	}
	if s, _ := members["type"].(string); s != into.Type {
		t.Fatalf("Decode(%q): type %q, but the member is %v", data, into.Type, members["type"])
	}
	if s, _ := members["id"].(string); s != strictjson.EncodeBase64URL(into.ID) {
		t.Fatalf("Decode(%q): id %x, but the member is %v", data, into.ID, members["id"])
	}
	if _, ok := members["sub"].(map[string]any); ok != (into.Sub != nil) {
		t.Fatalf("Decode(%q): sub %v, but the member is %v", data, into.Sub, members["sub"])
	}
}

// anyValue draws a value that JSON can carry.
func anyValue(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Float64().AsAny(),
		rapid.Int32().AsAny(),
		rapid.Bool().AsAny(),
		rapid.Just[any](nil),
		rapid.String().AsAny(),
	}
	if depth > 0 {
		inner := rapid.Deferred(func() *rapid.Generator[any] { return anyValue(depth - 1) })
		name := rapid.OneOf(rapid.SampledFrom([]string{"type", "Type", "id", "sub", "n", "N"}), rapid.String())
		kinds = append(kinds, rapid.SliceOfN(inner, 0, 10).AsAny(), rapid.MapOfN(name, inner, 0, 40).AsAny())
	}
	return rapid.OneOf(kinds...)
}

func TestWhatIsEncodedIsAccepted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data, err := json.Marshal(anyValue(3).Draw(t, "value"))
		if err != nil {
			t.Fatalf("%v", err)
		}
		var got any
		if err := strictjson.Decode(data, &got); err != nil {
			t.Fatalf("Decode(%s) = %v", data, err)
		}
		judge(t, data)
	})
}

func TestWhatIsSpoiltIsJudgedAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data, err := json.Marshal(anyValue(2).Draw(t, "value"))
		if err != nil {
			t.Fatalf("%v", err)
		}
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			i := rapid.IntRange(0, len(data)-1).Draw(t, "at")
			c := rapid.SampledFrom([]byte(`{}[]",:\u0e-. n`+"\x00\xc3\xff")).Draw(t, "byte")
			if rapid.Bool().Draw(t, "replace") {
				data[i] = c
			} else {
				data = append(append(data[:i:i], c), data[i:]...)
			}
		}
		judge(t, data)
	})
}

func FuzzDecode(f *testing.F) {
	for _, data := range vectors(f) {
		f.Add(data)
	}
	for _, text := range []string{clientData, `{"type":"a","Type":"b","\u0054ype":"c"}`, `{"id":"AQ","sub":{"N":1,"n":2}}`, `["\ud83d\ude00","\ud83d"]`, `[-1.5e+7,0,null,true]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) { judge(t, data) })
}

func FuzzDecodeBase64URL(f *testing.F) {
	for _, text := range []string{"", "AQ", "AQI", "AQID", "AR", "A-_", "A\n", "AQ=="} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := strictjson.DecodeBase64URL(text)
		if (err == nil) != (b != nil) {
			t.Fatalf("DecodeBase64URL(%q) = %x, %v", text, b, err)
		}
		if err == nil && strictjson.EncodeBase64URL(b) != text {
			t.Fatalf("DecodeBase64URL(%q) = %x, which is %q", text, b, strictjson.EncodeBase64URL(b))
		}
	})
}

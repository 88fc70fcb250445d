package provision

import (
	"encoding/json"
	"testing"

	"bestow.dev/internal/process"
)

// fuzzed is work with these parameters and variables.
func fuzzed(s shape, params, variables map[string]json.RawMessage) given {
	return given{process.Work{Key: "job", Params: params, Variables: variables}, s}
}

func FuzzCreateObject(f *testing.F) {
	f.Add([]byte(`{"publicKey":{"challenge":"3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo"},"origin":"https://login.example.com"}`))
	f.Add([]byte(`{"challenge":"3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo","rp":{"id":"login.example.com"}}`))
	s := shape{fields: map[string]string{"creationOptionsField": "options"}}
	f.Fuzz(func(t *testing.T, options []byte) {
		if !json.Valid(options) {
			return // variables are JSON
		}
		object, nonce, err := createObject(fuzzed(s, nil, map[string]json.RawMessage{"options": options}))
		if (object == nil) != (err != nil) || (nonce == "") != (err != nil) {
			t.Errorf("%s, %q with %v", object, nonce, err)
		}
		if err == nil && !isJSONObject(object) {
			t.Errorf("no object: %s", object)
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add([]byte(`{"X-Tenant":"acme"}`))
	f.Add([]byte(`"X-Tenant: acme\nAccept: text/plain"`))
	f.Fuzz(func(t *testing.T, headers []byte) {
		if !json.Valid(headers) {
			return
		}
		into := map[string]string{}
		if fuzzed(shape{}, map[string]json.RawMessage{"headers": headers}, nil).headers(into) != nil {
			return
		}
		for name, value := range into {
			if !headerName.MatchString(name) || !isText(value, maxURLBytes) {
				t.Errorf("%q: %q", name, value)
			}
		}
	})
}

func FuzzClientOfToken(f *testing.F) {
	f.Add("aWRtOmtleQ==")
	f.Add("aWRtOmtleQ")
	f.Fuzz(func(t *testing.T, token string) {
		if id, ok := clientOfToken(token); ok && id == "" {
			t.Error("a token of nobody")
		}
	})
}

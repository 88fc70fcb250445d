package verify_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"bestow.dev/internal/verify"
	"bestow.dev/webauthn"
)

// FuzzCase holds a Judge to its promise: whatever comes in, one verdict comes out.
func FuzzCase(f *testing.F) {
	for _, c := range []object{registrationCase(f), authenticationCase(f), authenticationCase(f, testAppID)} {
		f.Add(encode(f, c))
	}
	f.Add([]byte(`{"schema":"uaf-case/1","id":"u"}`))
	f.Add([]byte(`{"schema":"webauthn-case/1","response":"` + "\xff" + `"}`))
	f.Add([]byte(strings.Repeat(`{"response":`, 40)))
	judge := verify.Judge{TPMVendors: []string{"id:00000000"}}
	f.Fuzz(func(t *testing.T, text []byte) {
		v := judge.Case(text)
		line := v.Line()
		if bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Fatalf("not one line: %q", line)
		}
		var back struct {
			Schema, Verdict, Reason string
			Warnings                []string
			Registration            *json.RawMessage
			Authentication          *json.RawMessage
		}
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		found := back.Registration != nil || back.Authentication != nil
		switch v.Outcome {
		case verify.Accept:
			if back.Reason != "" || !found || back.Warnings == nil {
				t.Fatalf("accepted: %s", line)
			}
		case verify.Reject:
			if back.Reason == "" || v.Step == "" || v.Detail == "" || found {
				t.Fatalf("refused: %s", line)
			}
		case verify.Error:
			known := []webauthn.Reason{webauthn.ReasonJSONMalformed, webauthn.ReasonJSONBase64URL}
			if !slices.Contains(known, v.Reason) || v.Detail == "" || found {
				t.Fatalf("no case: %s%s", line, v.Trace)
			}
		default:
			t.Fatalf("verdict %q", v.Outcome)
		}
		if c, err := verify.ReadCase(text); (c == nil) != (err != nil) || (err != nil) != (v.Outcome == verify.Error) {
			t.Fatalf("read as %+v, %v; judged: %s", c, err, line)
		}
		if again := judge.Case(text); !bytes.Equal(again.Line(), line) {
			t.Fatalf("judged again: %s\nbefore: %s", again.Line(), line)
		}
	})
}

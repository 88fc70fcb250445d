package conformance_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

// FuzzHTTP sends nearly valid requests: one of the four, with one value of its body
// replaced or taken out. Whatever comes of it is answered with a document, is no fault of
// ours, and if it is refused leaves users and credentials as they were.
func FuzzHTTP(f *testing.F) {
	w := newWorld(f)
	for which := range uint8(len(requests)) {
		for where := range uint16(12) {
			for _, with := range []string{"", `null`, `-1`, `{"a":[]}`, `"AA=="`, "\"\\u0000\"", `"AA"`} {
				f.Add(which, where, []byte(with))
			}
		}
	}
	root := tenant.LocalOperator("lab", "root")
	count := func(t *testing.T) credential.Counts {
		n, err := w.svc.Counts(t.Context(), root)
		check(t, err)
		return n
	}
	f.Fuzz(func(t *testing.T, which uint8, where uint16, with []byte) {
		path, valid := requests[int(which)%len(requests)](t, w)
		body := spoilt(must(json.Marshal(valid)), int(where), with)
		before := count(t)
		r := httptest.NewRequest("POST", prefix+path, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		out := httptest.NewRecorder()
		w.server.Config.Handler.ServeHTTP(out, r)
		answered := reply{out.Code, out.Header(), out.Body.Bytes()}
		if status := answered.member("status"); out.Code >= 500 || status != "ok" && status != "failed" {
			t.Fatalf("%s %s: %d %s", path, body, out.Code, out.Body)
		}
		if after := count(t); out.Code >= 400 && after != before {
			t.Fatalf("%s %s: refused with %d, and %+v became %+v", path, body, out.Code, before, after)
		}
		w.now = w.now.Add(6 * time.Minute) // ceremonies expire, so that their number stays bounded
		if w.now.After(now.AddDate(0, 6, 0)) {
			w.now = now // before certificates do
		}
	})
}

// requests make a valid request each, and where it goes.
var requests = []func(*testing.T, *world) (string, map[string]any){
	func(_ *testing.T, w *world) (string, map[string]any) {
		return "/attestation/options", w.creationRequest(map[string]any{"username": "lena"})
	},
	func(t *testing.T, w *world) (string, map[string]any) {
		body, _ := w.create(t, w.ask(t, "/attestation/options", w.creationRequest(nil)), full)
		return "/attestation/result", body
	},
	func(t *testing.T, w *world) (string, map[string]any) {
		return "/assertion/options", map[string]any{"username": "lena", "userVerification": "required", "extensions": probe}
	},
	func(t *testing.T, w *world) (string, map[string]any) {
		u := w.enrolled(t, full)
		return "/assertion/result", w.assert(t, u.options(t, "preferred"), u.key, honest)
	},
}

// spoilt returns text with the value at a place, counted from the outside in, replaced by
// with, or if with is empty taken out. What with is no JSON stands there as it is.
func spoilt(text []byte, where int, with []byte) []byte {
	var root any
	if json.Unmarshal(text, &root) != nil {
		return with
	}
	mark := json.RawMessage(`"the place that is spoilt"`)
	places := 0
	var walk func(v any) any
	walk = func(v any) any {
		here := places
		places++
		if here == where {
			return mark
		}
		if object, ok := v.(map[string]any); ok {
			for _, name := range slices.Sorted(maps.Keys(object)) {
				object[name] = walk(object[name])
				if raw, ok := object[name].(json.RawMessage); ok && len(with) == 0 && bytes.Equal(raw, mark) {
					delete(object, name)
				}
			}
		}
		return v
	}
	return bytes.Replace(must(json.Marshal(walk(root))), mark, with, 1)
}

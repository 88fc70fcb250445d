package onewelcome_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
)

// FuzzHTTP sends nearly valid requests: one of those that a back end sends, with one
// value of its body, or one part of its path, replaced or taken out. Whatever comes of it
// is answered with a document, is no fault of ours, and if it is refused leaves users and
// credentials as they were.
func FuzzHTTP(f *testing.F) {
	w := newWorld(f)
	d := newDesk(f, softkey.AttestNone)
	d.Keep = ctap.Discouraged // the key has room for a few only
	w.policy(object{"name": "low", "deviceType": "any", "syncedPasskeys": "denied"})
	for which := range uint8(len(operations)) {
		for where := range uint16(5) {
			for _, with := range []string{"", `null`, `-1`, `{"a":[]}`, "\"\\u0000\""} {
				f.Add(which, where, []byte(with))
				f.Add(which, where+inPath, []byte(with))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, where uint16, with []byte) {
		w.t = t
		q := operations[int(which)%len(operations)](w, d)
		path, body := q.path, q.text(t)
		if where >= inPath {
			path = spoiltPath(path, int(where-inPath), string(with))
		} else {
			body = spoilt(body, int(where), with)
		}
		before := w.all()
		r := httptest.NewRequest(q.method, prefix, bytes.NewReader(body))
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(prefix+path, "?")
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+q.key)
		out := httptest.NewRecorder()
		w.server.Config.Handler.ServeHTTP(out, r)
		if out.Code >= 500 {
			t.Fatalf("%s %s %s: %d %s", q.method, path, body, out.Code, out.Body)
		}
		if text := out.Body.Bytes(); len(text) > 0 && out.Code != http.StatusTemporaryRedirect && !json.Valid(text) {
			t.Fatalf("%s %s: %d with a body that is no JSON: %q", q.method, path, out.Code, text)
		}
		if after := w.all(); out.Code >= 400 && after != before {
			t.Fatalf("%s %s %s: refused with %d, and %+v became %+v", q.method, path, body, out.Code, before, after)
		}
		w.Later(2 * time.Minute) // ceremonies expire, so that their number stays bounded
	})
}

func (w *world) all() credential.Counts {
	w.t.Helper()
	n, err := w.svc.Counts(w.t.Context(), w.root)
	check(w.t, err)
	return n
}

// inPath is what where begins at when it is the path that is spoilt.
const inPath = 1 << 15

func (q request) text(t testing.TB) []byte {
	t.Helper()
	if q.body == nil {
		return nil
	}
	text, err := json.Marshal(q.body)
	check(t, err)
	return text
}

// operations make a valid request each, and what it takes.
var operations = []func(w *world, d *desk) request{
	func(w *world, _ *desk) request {
		return request{method: "POST", path: "/attestation/options?wrap=publicKey", body: object{
			"userId": b64([]byte("lena")), "username": "lena", "displayName": "Lena", "rpId": site, "attestation": "direct", "excludeCredentials": true,
			"authenticatorSelection": object{"authenticatorAttachment": "platform", "residentKey": "required", "requireResidentKey": true, "userVerification": "required"},
			"pubKeyCredParams":       []any{object{"type": "public-key", "alg": -7}}, "policies": []string{"low"}, "timeout": 60000,
			"extensions": object{"credProps": true, "credentialProtectionPolicy": "userVerificationRequired", "enforceCredentialProtectionPolicy": true, "largeBlob": object{"support": "preferred"}},
		}, key: key("every")}
	},
	func(w *world, d *desk) request {
		options, o := w.options("shop", object{"username": "lena"})
		body := d.create(w.t, options)
		body["userId"], body["transactionId"], body["rpId"], body["credentialName"] = o.User.ID, o.TransactionID, site, "Blue"
		return request{method: "POST", path: "/attestation/verify", body: body, key: key("shop")}
	},
	func(w *world, d *desk) request {
		options, _ := w.options("shop", object{"username": "lena"})
		return request{method: "POST", path: "/attestation/verify", body: object{"credential": d.create(w.t, options)}, key: key("shop")}
	},
	func(*world, *desk) request {
		return request{method: "POST", path: "/assertion/options", body: object{
			"userId": "AAAA", "rpId": site, "userVerification": "required", "policies": []string{"low"}, "timeout": 60000, "extensions": object{"largeBlob": object{"read": true}},
		}, key: key("every")}
	},
	func(w *world, d *desk) request {
		r := w.enrolled("shop", "", "lena", d)
		body := d.Get(w.t, w.asked("shop", object{"userId": r.text("userId")}))
		body["userId"] = r.text("userId")
		return request{method: "POST", path: "/assertion/verify", body: body, key: key("shop")}
	},
	func(w *world, d *desk) request {
		r := w.enrolled("shop", "", "lena", d)
		return request{method: "GET", path: "/users/" + r.text("userId") + "/credentials?rpId=" + site, key: key("shop")}
	},
	func(w *world, d *desk) request {
		r := w.enrolled("shop", "", "lena", d)
		path := "/users/" + r.text("userId") + "/credentials/" + r.text("credential.credentialId")
		return request{method: "PATCH", path: path, body: object{"name": "Blue", "state": "suspended", "reason": "lost"}, key: key("shop")}
	},
	func(w *world, d *desk) request {
		r := w.enrolled("shop", "", "lena", d)
		return request{method: "DELETE", path: "/users/" + r.text("userId") + "/credentials/" + r.text("credential.credentialId"), key: key("shop")}
	},
	func(w *world, d *desk) request {
		return request{method: "DELETE", path: "/users/" + w.enrolled("shop", "", "lena", d).text("userId"), key: key("every")}
	},
	func(*world, *desk) request {
		return request{method: "PUT", path: "/authenticator-policies/low", body: object{
			"name": "low", "description": "x", "deviceType": "platform", "userVerification": "required", "syncedPasskeys": "denied", "usernameless": "off",
			"minCertificationLevel": "L1", "allowedAaguids": []string{otherModel}, "deniedAaguids": []string{thisModel},
			"allowedKeyIdentifiers": []string{"0123456789abcdef0123456789abcdef01234567"}, "allowedAlgorithms": []int{-7}, "onViolation": "warn",
		}, key: key("boss")}
	},
	func(*world, *desk) request {
		return request{method: "POST", path: "/authenticator-policies", body: object{"name": "low", "userVerification": "required", "allowedAaguids": []string{thisModel}}, key: key("boss")}
	},
	func(*world, *desk) request {
		return request{method: "DELETE", path: "/authenticator-policies/nobody", key: key("boss")}
	},
	func(*world, *desk) request {
		return request{method: "PUT", path: "/relying-parties/new.example", body: object{
			"rpId": "new.example", "rpName": "New", "origins": []string{"https://new.example"}, "topOrigins": []string{"https://portal.example"},
			"ceremonyTTLSeconds": 60, "defaultPolicies": []string{"low"}, "metadata": object{"mds": true}, "allowSubdomains": false,
		}, key: key("boss")}
	},
	func(*world, *desk) request {
		return request{method: "GET", path: "/relying-parties/" + site, key: key("boss")}
	},
}

// spoilt returns text with the value at a place, counted from the outside in, replaced by
// with, or if with is empty taken out. What with is no JSON stands there as it is.
func spoilt(text []byte, where int, with []byte) []byte {
	if len(text) == 0 {
		return with
	}
	var root any
	if json.Unmarshal(text, &root) != nil {
		return with
	}
	const mark = `"the place that is spoilt"`
	places := 0
	var walk func(v any) any
	walk = func(v any) any {
		here := places
		places++
		if here == where {
			return json.RawMessage(mark)
		}
		switch v := v.(type) {
		case map[string]any:
			for _, name := range names(v) {
				if v[name] = walk(v[name]); len(with) == 0 && isMark(v[name], mark) {
					delete(v, name)
				}
			}
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		}
		return v
	}
	root = walk(root)
	out, err := json.Marshal(root)
	if err != nil {
		return with
	}
	return bytes.Replace(out, []byte(mark), with, 1)
}

func isMark(v any, mark string) bool {
	raw, ok := v.(json.RawMessage)
	return ok && string(raw) == mark
}

func names(v map[string]any) []string {
	var all []string
	for name := range v {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// spoiltPath replaces one part of a path, counted from its end.
func spoiltPath(path string, where int, with string) string {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '?' })
	if len(parts) == 0 {
		return path
	}
	old := parts[len(parts)-1-where%len(parts)]
	i := strings.LastIndex(path, old)
	return path[:i] + with + path[i+len(old):]
}

package nevis_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/nevis"
	"bestow.dev/internal/tenant"
)

// credentialsOfAll selects every credential.
var credentialsOfAll credential.CredentialQuery

// nearly makes requests that are almost good: a good one, with one thing in it spoilt.
type nearly struct {
	paths  []string
	bodies []string
	rand   *rand.Rand
}

// junk is what a value is spoilt with.
var junk = []any{
	nil, true, 0, -1, 1e300, "", "x", "\x00", strings.Repeat("A", 1024), "AA==", "a b", "none", "archived", "00000000-0000-0000-0000-000000000000",
	[]any{},
	[]any{nil},
	map[string]any{},
	map[string]any{"": map[string]any{}},
}

// spoil changes one value below v, somewhere.
func (n *nearly) spoil(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 || n.rand.IntN(8) == 0 {
			return junk[n.rand.IntN(len(junk))]
		}
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		name := names[n.rand.IntN(len(names))]
		if n.rand.IntN(6) == 0 {
			delete(v, name)
		} else {
			v[name] = n.spoil(v[name])
		}
		return v
	case string:
		if n.rand.IntN(2) == 0 && v != "" { // one character of it
			at := n.rand.IntN(len(v))
			return v[:at] + string("A_=-\n"[n.rand.IntN(5)]) + v[at+1:]
		}
	}
	return junk[n.rand.IntN(len(junk))]
}

func (n *nearly) next() (method, path string, body []byte) {
	method = []string{"POST", "POST", "POST", "POST", "GET", "PATCH", "DELETE"}[n.rand.IntN(7)]
	path = n.paths[n.rand.IntN(len(n.paths))]
	text := n.bodies[n.rand.IntN(len(n.bodies))]
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return method, path, []byte(text)
	}
	for range n.rand.IntN(3) {
		v = n.spoil(v)
	}
	body, _ = json.Marshal(v)
	return method, path, body
}

// FuzzHTTP sends what a fuzzer, or the generator by its seed, made of good requests:
// whatever it is, it is answered with a document, never as a fault of ours, and nothing
// is stored that was refused.
func FuzzHTTP(f *testing.F) {
	var k tokens
	w := newWorld(f, withTokens(&k, nevis.TokenModes{}))
	w.user("alice")
	d := newDesk(f)
	w.enrolled("alice", d)
	item := w.list(ofUser("alice"))[0]
	one := ofUser("alice") + "/" + item["extId"].(string)
	text := func(v any) string {
		b, err := json.Marshal(v)
		check(f, err)
		return string(b)
	}
	paths := []string{
		fido + "/attestation/options", fido + "/attestation/result", fido + "/assertion/options", fido + "/assertion/result", fido + "/status",
		ofUser("alice"), one, idm + "/clients/100/fido2", ofUser("alice") + "?stateName=active&limit=1",
		idm + "/clients/100/fido2?sortBy=created_DESC&offset=1&returnTotalResultCount=true",
	}
	bodies := []string{
		text(registering("alice")), text(signingIn("alice")), text(signingIn("")), created, signedIn,
		text(newDesk(f).create(f, w.options("/attestation/options", registering("alice")).body)),
		text(d.get(f, w.options("/assertion/options", signingIn("alice")).body)),
		`{"fido2SessionId":"5b0f6d0e-6a55-4a4b-9d36-4d1f5f0f7b11"}`, `{"sessionId":"x"}`, text(creating(item)),
		`{"stateName":"tmp-locked","modificationComment":"c","userFriendlyName":"n","version":0}`, text(map[string]any{"authenticator": item["authenticator"]}),
		`{`, ``, `[]`, `{"username":"a","username":"b"}`,
	}
	for i := range uint64(40) {
		f.Add(i, uint8(0), []byte(nil))
	}
	for i, body := range bodies {
		f.Add(uint64(0), uint8(1+i%len(paths)), []byte(body))
	}
	token := k.until("alice", w.Now().AddDate(1000, 0, 0))
	calls := 0
	f.Fuzz(func(t *testing.T, seed uint64, which uint8, body []byte) {
		method, path := "POST", ""
		if which == 0 {
			n := &nearly{paths: paths, bodies: bodies, rand: rand.New(rand.NewPCG(seed, 0))}
			method, path, body = n.next()
		} else {
			path = paths[(int(which)-1)%len(paths)]
		}
		before, err := w.svc.CountCredentials(t.Context(), w.root, credentialsOfAll)
		check(t, err)
		r := httptest.NewRequest(method, path, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.SetBasicAuth("nevisauth", secret)
		if seed%5 == 4 {
			r.Header.Set("X-Sec-Token", token)
		}
		out := httptest.NewRecorder()
		w.server.Config.Handler.ServeHTTP(out, r)
		if out.Code >= 500 {
			t.Fatalf("%s %s: %d %s", method, path, out.Code, out.Body)
		}
		if answer := out.Body.Bytes(); len(answer) > 0 && !json.Valid(answer) {
			t.Fatalf("%d with a body that is no JSON: %q", out.Code, answer)
		}
		after, err := w.svc.CountCredentials(t.Context(), w.root, credentialsOfAll)
		check(t, err)
		refused := out.Code >= 400 || bytes.Contains(out.Body.Bytes(), []byte(`"status":"failed"`))
		if refused && after != before {
			t.Fatalf("%s %s: refused, and %d credentials became %d", method, path, before, after)
		}
		w.Later(tenant.DefaultChallengeLife / 8) // so that open ceremonies make room
		if calls++; calls%5000 == 0 {
			_, err := w.svc.Purge(t.Context())
			check(t, err)
		}
	})
}

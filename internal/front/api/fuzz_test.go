package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// nothingBreaks sends what a fuzzer made of a good request: whatever it is, it is
// answered with a document, and never as a fault of ours.
func (w *world) nothingBreaks(t *testing.T, r *http.Request) {
	t.Helper()
	r.SetBasicAuth("idm", secret)
	out := httptest.NewRecorder()
	w.server.Config.Handler.ServeHTTP(out, r)
	if out.Code >= 500 {
		t.Fatalf("%d %s", out.Code, out.Body)
	}
	if body := out.Body.Bytes(); len(body) > 0 && !json.Valid(body) {
		t.Fatalf("%d with a body that is no JSON: %q", out.Code, body)
	}
}

// posts are the paths that take a body, and where a registration and an
// authentication are open.
func (w *world) posts() []string {
	registration, _ := w.begin("idm", "registrations", map[string]any{"user": named("alice")})
	authentication, _ := w.begin("idm", "authentications", nil)
	w.deploy(badge)
	run := w.start("alice")
	return []string{
		"/process-runs", "/process-runs/" + run + "/messages", "/user-tasks/" + w.openTask(run) + "/complete",
		"/users", "/registrations", "/registrations/" + registration + "/finish",
		"/authentications", "/authentications/" + authentication + "/finish",
	}
}

func FuzzPost(f *testing.F) {
	w := newWorld(f)
	w.user("alice")
	id, options := w.begin("idm", "registrations", map[string]any{"user": named("alice")})
	answer, err := json.Marshal(map[string]any{"response": newDesk(f).Create(f, options), "name": "Office key"})
	check(f, err)
	paths := append(w.posts(), "/registrations/"+id+"/finish")
	for i, body := range []string{
		`{"definition":"badge","user":{"name":"alice"},"variables":{"why":"new here","list":[1,null,{"a":0.5}]}}`,
		`{"name":"keyPosted","variables":{"parcel":"77"}}`,
		`{"values":{"approved":true,"why":null}}`,
		`{"name":"bob","displayName":"Bob","handle":"AQID"}`,
		`{"relyingParty":"login.example.com","user":{"name":"alice"},"requestId":"r","algorithms":[-7],"aaguids":["9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"],"extensions":{"credProps":true},"lifeSeconds":60,"hints":["security-key"]}`,
		`{"response":{"id":"AA","rawId":"AA","type":"public-key","clientExtensionResults":{},"response":{"clientDataJSON":"e30","attestationObject":"oA"}},"name":"x"}`,
		`{"relyingParty":"login.example.com","user":{"handle":"AQID"},"hideUnknown":true}`,
		`{"response":{"id":"AA","rawId":"AA","type":"public-key","clientExtensionResults":{},"response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":null}}}`,
		string(answer),
	} {
		f.Add(uint8(i), []byte(body))
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		r := httptest.NewRequest("POST", "/api/v1"+paths[int(which)%len(paths)], bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w.nothingBreaks(t, r)
	})
}

func FuzzQuery(f *testing.F) {
	w := newWorld(f)
	w.user("alice")
	paths := []string{"/users", "/credentials", "/audit-events", "/relying-parties", "/registrations", "/users/x", "/credentials/x", "/process-runs", "/user-tasks", "/process-definitions", "/process-runs/x/timeline"}
	for i, query := range []string{
		"search=ali&locked=false&limit=3&cursor=YWxpY2U", "relyingParty=login.example.com&credentialId=AAAA&state=",
		"order=newest&since=2026-03-02T10:15:00Z&until=2026-03-02T10:15:00%2B01:00&action=user.&cursor=9", "cursor=YQ",
		"relyingParty=login.example.com&requestId=%00", "", "name=%ff",
		"status=running&incidents=true&user=x&definition=badge", "role=enroller&run=x&cursor=MTc3MjQ0NjUwMDAwMCBB", "limit=1", "after=3&limit=2",
	} {
		f.Add(uint8(i), query)
	}
	f.Fuzz(func(t *testing.T, which uint8, query string) {
		r := httptest.NewRequest("GET", "/api/v1"+paths[int(which)%len(paths)], nil)
		r.URL.RawQuery = query
		w.nothingBreaks(t, r)
	})
}

func FuzzChange(f *testing.F) {
	w := newWorld(f)
	alice := w.user("alice")
	c := w.enrolled("alice", newDesk(f)).text(f, "id")
	f.Add(true, []byte(`{"name":"Alicia","displayName":"A"}`))
	f.Add(true, []byte(`{"locked":false}`))
	f.Add(false, []byte(`{"name":"Lent key","state":"suspended","reason":"lent","version":1}`))
	f.Fuzz(func(t *testing.T, user bool, body []byte) {
		path := "/credentials/" + c
		if user {
			path = "/users/" + alice
		}
		r := httptest.NewRequest("PATCH", "/api/v1"+path, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w.nothingBreaks(t, r)
	})
}

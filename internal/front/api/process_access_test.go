package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
)

// jsonOf reads JSON as a value to be sent.
func jsonOf(t testing.TB, text string) any {
	t.Helper()
	var v any
	check(t, json.Unmarshal([]byte(text), &v))
	return v
}

// Which scope opens which call about processes: as TestScopes does for the others. A
// narrow client has all scopes at one relying party, and processes are the tenant's.
func TestProcessScopes(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.deploy(badge)
	_, job := w.stuck("alice")
	run := w.start("alice")
	task := w.openTask(run)
	clients := []string{"runner", "deployer", "enroller", "auditor", "users", "narrow", "admin"}
	var (
		running = []string{"runner", "enroller", "admin"}
		looking = []string{"runner", "deployer", "enroller", "admin"}
		role    = []string{"enroller", "admin"}
		admin   = []string{"admin"}
	)
	for _, tt := range []struct {
		method, path string
		body         any
		may          []string
	}{
		{"GET", "/process-definitions", nil, looking},
		{"GET", "/process-definitions/badge", nil, looking},
		{"GET", "/process-definitions/badge/versions", nil, looking},
		{"GET", "/process-definitions/badge/xml", nil, looking},
		{"GET", "/process-definitions/badge/picture", nil, looking},
		{"POST", "/process-definitions", brief, []string{"deployer", "admin"}},
		{"GET", "/process-runs", nil, running},
		{"POST", "/process-runs", map[string]any{"definition": "badge"}, running},
		{"POST", "/process-runs", map[string]any{"definition": "badge", "user": named("nobody")}, running},
		{"GET", "/process-runs/" + run, nil, running},
		{"GET", "/process-runs/" + run + "/timeline", nil, running},
		{"GET", "/process-runs/" + run + "/jobs", nil, running},
		{"GET", "/process-runs/" + run + "/picture", nil, running},
		{"POST", "/process-runs/" + run + "/messages", map[string]any{"name": "x"}, running},
		{"POST", "/process-runs/nothing/cancel", map[string]any{}, running},
		{"POST", "/process-jobs/nothing/retry", nil, running},
		{"POST", "/process-jobs/" + job + "/skip", map[string]any{}, running},
		{"GET", "/user-tasks", nil, running},
		{"POST", "/user-tasks/" + task + "/links", map[string]any{}, running},
		{"GET", "/connections", nil, admin},
		{"GET", "/connections/nothing", nil, admin},
		{"PUT", "/connections/x", map[string]any{"url": "internal:"}, admin},
		{"DELETE", "/connections/nothing", nil, admin},
		{"POST", "/connections/nothing/test", nil, admin},
		{"GET", "/messaging-servers", nil, admin},
		{"GET", "/messaging-servers/nothing", nil, admin},
		{"PUT", "/messaging-servers/x", map[string]any{"url": "internal:"}, admin},
		{"DELETE", "/messaging-servers/nothing", nil, admin},
		{"POST", "/messaging-servers/nothing/test", nil, admin},
	} {
		for _, client := range clients {
			r := w.do(client, tt.method, tt.path, tt.body, func(r *http.Request) {
				if tt.path == "/process-definitions" {
					asXML(r)
				}
			})
			if may := r.status != http.StatusForbidden; may != slices.Contains(tt.may, client) || r.status >= 500 {
				t.Errorf("%s %s as %s: %d %s", tt.method, tt.path, client, r.status, r.body)
			}
		}
	}
	// Tasks are there for whoever may do them or sees all, and for others there are none.
	for _, client := range clients {
		for _, tt := range []struct {
			method, call string
			may          []string
		}{{"GET", "", running}, {"POST", "/take", role}, {"POST", "/give-back", role}} {
			want := http.StatusNotFound
			switch {
			case slices.Contains(tt.may, client):
				want = http.StatusOK
			case slices.Contains(running, client):
				want = http.StatusForbidden
			}
			if r := w.do(client, tt.method, "/user-tasks/"+task+tt.call, nil); r.status != want {
				t.Errorf("%s %q as %s: %d %s, want %d", tt.method, tt.call, client, r.status, r.body, want)
			}
		}
	}
}

package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.deploy(badge)
	r := w.must(http.StatusCreated, "runner", "POST", "/process-runs", map[string]any{
		"definition": "badge", "user": map[string]any{"id": alice}, "variables": map[string]any{"why": "new here", "nothing": nil, "list": []int{1, 2}},
	})
	run := r.object(t)
	id := run["id"].(string)
	if r.header.Get("Location") != "/api/v1/process-runs/"+id || run["status"] != "running" || run["user"] != alice || run["definition"] != "badge" ||
		run["version"] != 1.0 || run["startedBy"] != "client:runner" || run["via"] != "api" || fmt.Sprint(run["at"]) != "[approve]" {
		t.Errorf("started: %s", r.body)
	}
	if v := run["variables"].(map[string]any); v["why"] != "new here" || v["user"].(map[string]any)["name"] != "alice" || fmt.Sprint(v["list"]) != "[1 2]" {
		t.Errorf("variables: %v", v)
	}

	w.must(http.StatusOK, "enroller", "POST", "/user-tasks/"+w.openTask(id)+"/complete", map[string]any{"values": map[string]any{"approved": true}})
	w.due()
	shown := w.must(http.StatusOK, "runner", "GET", "/process-runs/"+id, nil)
	if v := shown.object(t)["variables"].(map[string]any); v["plugoutUrl"] != "(secret)" || v["approved"] != true {
		t.Errorf("variables: %v", v)
	}
	picture := w.must(http.StatusOK, "runner", "GET", "/process-runs/"+id+"/picture", nil)
	drawn(t, picture)
	if text := string(picture.body); !strings.Contains(text, "Under way: Open the link") && !strings.Contains(text, "Under way: hand") {
		t.Errorf("the picture does not say where it stands: %.600s", text)
	}

	w.Later(time.Hour)
	w.due()
	refused(t, w.do("runner", "POST", "/process-runs/"+id+"/messages", map[string]any{"name": "keyLost"}), http.StatusConflict, "process.message")
	refused(t, w.do("runner", "POST", "/process-runs/"+id+"/messages", map[string]any{"name": "keyPosted", "variables": map[string]any{"9": 1}}), http.StatusBadRequest, "process.variables")
	w.stamps.Store(true)
	w.must(http.StatusOK, "runner", "POST", "/process-runs/"+id+"/messages", map[string]any{"name": "keyPosted", "variables": map[string]any{"parcel": "77"}})
	w.due()
	over := w.must(http.StatusOK, "runner", "GET", "/process-runs/"+id, nil).object(t)
	if v := over["variables"].(map[string]any); over["status"] != "completed" || v["parcel"] != "77" || v["stamped"] != true || over["ended"] == nil {
		t.Errorf("over: %v", over)
	}
	refused(t, w.do("runner", "POST", "/process-runs/"+id+"/messages", map[string]any{"name": "keyPosted"}), http.StatusConflict, "process.run_ended")
	refused(t, w.do("runner", "POST", "/process-runs/"+id+"/cancel", map[string]any{}), http.StatusConflict, "process.run_ended")
}

// TestTimeline: what happened is read part by part, to its end.
func TestTimeline(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.deploy(badge)
	path := "/process-runs/" + w.approved("alice") + "/timeline"
	whole := w.must(http.StatusOK, "runner", "GET", path, nil)
	kinds := field(t, whole, "kind")
	if kinds[0] != "started" || !slices.Contains(kinds, "task_done") || !slices.Contains(field(t, whole, "actor"), "client:enroller") {
		t.Errorf("timeline: %s", whole.body)
	}
	var parts []string
	for after := 0; ; {
		items := w.must(http.StatusOK, "runner", "GET", fmt.Sprintf("%s?after=%d&limit=2", path, after), nil).items(t)
		if len(items) == 0 {
			break
		}
		for _, item := range items {
			entry := item.(map[string]any)
			if after++; entry["seq"] != float64(after) {
				t.Fatalf("entry %d has seq %v", after, entry["seq"])
			}
			parts = append(parts, entry["kind"].(string))
		}
	}
	if !slices.Equal(parts, kinds) {
		t.Errorf("in parts %q, whole %q", parts, kinds)
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?after=-1", "?after=x", "?cursor=x"} {
		refused(t, w.do("runner", "GET", path+query, nil), http.StatusBadRequest, "request.invalid")
	}
}

func TestRunRefusals(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.user("dora")
	w.deploy(badge)
	operator := func(r *http.Request) { r.Header.Set("Bestow-Operator", "Alice") }
	none := func(*http.Request) {}
	for _, tt := range []struct {
		name, client string
		body         any
		change       func(*http.Request)
		status       int
		code         string
	}{
		{"unknown process", "runner", map[string]any{"definition": "nothing"}, none, http.StatusNotFound, "process.definition_unknown"},
		{"unknown process, no right", "auditor", map[string]any{"definition": "nothing"}, none, http.StatusForbidden, "authority.denied"},
		{"unknown name", "runner", map[string]any{"definition": "badge", "user": named("nobody")}, none, http.StatusNotFound, "process.subject_unknown"},
		{"unknown id", "runner", map[string]any{"definition": "badge", "user": map[string]any{"id": "nobody"}}, none, http.StatusNotFound, "process.subject_unknown"},
		{"unknown name, no right", "auditor", map[string]any{"definition": "badge", "user": named("nobody")}, none, http.StatusForbidden, "authority.denied"},
		{"nobody named", "runner", map[string]any{"definition": "badge", "user": map[string]any{}}, none, http.StatusBadRequest, "request.invalid"},
		{"named twice", "runner", map[string]any{"definition": "badge", "user": map[string]any{"id": alice, "name": "alice"}}, none, http.StatusBadRequest, "request.invalid"},
		{"another member", "runner", map[string]any{"definition": "badge", "user": map[string]any{"handle": "AQID"}}, none, http.StatusBadRequest, "request.invalid"},
		{"no process", "runner", map[string]any{}, none, http.StatusBadRequest, "request.invalid"},
		{"name of a variable", "runner", map[string]any{"definition": "badge", "variables": map[string]any{"no name": 1}}, none, http.StatusBadRequest, "process.variables"},
		{"another user for the tasks", "runner", map[string]any{"definition": "badge", "user": named("alice"), "variables": map[string]any{"user": map[string]any{"name": "dora"}}}, none, http.StatusBadRequest, "process.variables"},
		{"for the client itself", "dora", map[string]any{"definition": "badge", "user": named("dora")}, none, http.StatusForbidden, "process.self"},
		{"for whoever ordered it", "runner", map[string]any{"definition": "badge", "user": named("alice")}, operator, http.StatusForbidden, "process.self"},
		{"long key", "runner", map[string]any{"definition": "badge"}, keyed(strings.Repeat("x", 201)), http.StatusBadRequest, "request.invalid"},
		{"another tenant's", "globex", map[string]any{"definition": "badge"}, none, http.StatusNotFound, "process.definition_unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refused(t, w.do(tt.client, "POST", "/process-runs", tt.body, tt.change), tt.status, tt.code)
		})
	}
	if runs := w.must(http.StatusOK, "runner", "GET", "/process-runs", nil).items(t); len(runs) != 0 {
		t.Errorf("there are runs: %v", runs)
	}

	id := w.start("alice")
	for _, client := range []string{"runner", "globex"} {
		path := "/process-runs/" + id
		if client == "runner" {
			path = "/process-runs/nothing"
		}
		for _, sub := range []string{"", "/timeline", "/jobs", "/picture"} {
			refused(t, w.do(client, "GET", path+sub, nil), http.StatusNotFound, "process.run_unknown")
		}
		refused(t, w.do(client, "POST", path+"/cancel", map[string]any{}), http.StatusNotFound, "process.run_unknown")
		refused(t, w.do(client, "POST", path+"/messages", map[string]any{"name": "x"}), http.StatusNotFound, "process.run_unknown")
	}
	refused(t, w.do("runner", "POST", "/process-runs/"+id+"/cancel", map[string]any{"reason": strings.Repeat("x", 501)}), http.StatusBadRequest, "request.invalid")
	over := w.must(http.StatusOK, "runner", "POST", "/process-runs/"+id+"/cancel", map[string]any{"reason": "lost interest"}).object(t)
	if over["status"] != "cancelled" || over["message"] != "lost interest" || over["ended"] == nil {
		t.Errorf("cancelled: %v", over)
	}
}

// TestIdempotency: who does not know whether a start arrived makes it again.
func TestIdempotency(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.deploy(badge)
	body := map[string]any{"definition": "badge", "user": named("alice"), "variables": map[string]any{"why": "new here"}}
	first := w.must(http.StatusCreated, "runner", "POST", "/process-runs", body, keyed("ticket 4711"))
	id := first.text(t, "id")
	w.must(http.StatusOK, "enroller", "POST", "/user-tasks/"+w.openTask(id)+"/take", nil)

	again := w.must(http.StatusCreated, "runner", "POST", "/process-runs", body, keyed("ticket 4711"))
	if again.text(t, "id") != id || again.header.Get("Location") != first.header.Get("Location") {
		t.Errorf("again: %s", again.body)
	}
	body["user"] = map[string]any{"id": alice} // the same, said otherwise
	if got := w.must(http.StatusCreated, "runner", "POST", "/process-runs", body, keyed("ticket 4711")).text(t, "id"); got != id {
		t.Errorf("by id it is another run")
	}
	body["variables"] = map[string]any{"why": "another"}
	refused(t, w.do("runner", "POST", "/process-runs", body, keyed("ticket 4711")), http.StatusConflict, "process.idempotency")
	// Keys are each client's own, and none is no key.
	for _, more := range []struct{ client, key string }{{"enroller", "ticket 4711"}, {"runner", "ticket 4712"}, {"runner", ""}, {"runner", ""}} {
		if got := w.must(http.StatusCreated, more.client, "POST", "/process-runs", body, keyed(more.key)).text(t, "id"); got == id {
			t.Errorf("%s with key %q got the first run", more.client, more.key)
		}
	}
	if got := w.pages("runner", "/process-runs", "id", "2"); len(got) != 5 {
		t.Errorf("there are %d runs", len(got))
	}
}

func TestRunList(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.user("bob")
	w.deploy(badge)
	w.deploy(brief)
	var all []string
	for range 3 {
		all = append(all, w.start("alice"))
		w.Later(time.Second)
	}
	bobs := w.start("bob")
	w.Later(time.Second)
	done := w.must(http.StatusCreated, "runner", "POST", "/process-runs", map[string]any{"definition": "brief"}).text(t, "id")
	w.Later(time.Second)
	broken, _ := w.stuck("bob")
	newest := []string{broken, done, bobs, all[2], all[1], all[0]}
	for query, want := range map[string][]string{
		"":                                    newest,
		"definition=brief":                    {done},
		"status=completed":                    {done},
		"user=" + alice:                       {all[2], all[1], all[0]},
		"incidents=true":                      {broken},
		"user=" + alice + "&status=completed": {},
		"definition=nothing":                  {},
		"status=running&definition=badge":     {broken, bobs, all[2], all[1], all[0]},
	} {
		for _, size := range []string{"1", "2", "100"} {
			if got := w.pages("runner", "/process-runs?"+query, "id", size); !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%s in pages of %s: got %q, want %q", query, size, got, want)
			}
		}
	}
	for query, code := range map[string]string{
		"cursor=x": "process.cursor", "cursor=YQ": "process.cursor", "limit=0": "request.invalid", "limit=1001": "request.invalid",
		"status=over": "request.invalid", "incidents=some": "request.invalid", "who=alice": "request.invalid",
	} {
		refused(t, w.do("runner", "GET", "/process-runs?"+query, nil), http.StatusBadRequest, code)
	}
}

func TestJobs(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.deploy(badge)
	run, job := w.stuck("alice")
	j := w.must(http.StatusOK, "runner", "GET", "/process-runs/"+run+"/jobs", nil).items(t)[0].(map[string]any)
	if j["element"] != "stamp" || j["kind"] != "work" || j["attempt"] != 1.0 || j["fault"] == "" || j["due"] != nil {
		t.Errorf("job: %v", j)
	}
	if text := string(w.must(http.StatusOK, "runner", "GET", "/process-runs/"+run+"/picture", nil).body); !strings.Contains(text, "Failed: stamp") {
		t.Errorf("the picture does not show the incident: %.500s", text)
	}
	w.must(http.StatusNoContent, "runner", "POST", "/process-jobs/"+job+"/retry", nil)
	refused(t, w.do("runner", "POST", "/process-jobs/"+job+"/retry", nil), http.StatusConflict, "process.no_incident")
	refused(t, w.do("runner", "POST", "/process-jobs/"+job+"/skip", map[string]any{}), http.StatusConflict, "process.no_incident")
	w.due() // it fails again
	for _, client := range []string{"runner", "globex"} {
		id := job
		if client == "runner" {
			id = "nothing"
		}
		refused(t, w.do(client, "POST", "/process-jobs/"+id+"/retry", nil), http.StatusNotFound, "process.job_unknown")
		refused(t, w.do(client, "POST", "/process-jobs/"+id+"/skip", map[string]any{}), http.StatusNotFound, "process.job_unknown")
	}
	refused(t, w.do("runner", "POST", "/process-jobs/"+job+"/skip", map[string]any{"outputs": map[string]any{"no name": 1}}), http.StatusBadRequest, "process.variables")
	over := w.must(http.StatusOK, "runner", "POST", "/process-jobs/"+job+"/skip", map[string]any{"outputs": map[string]any{"stamped": "by hand"}}).object(t)
	if over["status"] != "completed" || over["variables"].(map[string]any)["stamped"] != "by hand" {
		t.Errorf("skipped: %v", over)
	}
	refused(t, w.do("runner", "POST", "/process-jobs/"+job+"/skip", map[string]any{}), http.StatusNotFound, "process.job_unknown")

	run = w.start("alice")
	w.must(http.StatusOK, "enroller", "POST", "/user-tasks/"+w.openTask(run)+"/complete", map[string]any{"values": map[string]any{"approved": true}})
	w.due()
	timer := w.must(http.StatusOK, "runner", "GET", "/process-runs/"+run+"/jobs", nil).items(t)[0].(map[string]any)
	if timer["kind"] != "timer" || timer["element"] != "skipped" || timer["due"] == nil {
		t.Errorf("timer: %v", timer)
	}
}

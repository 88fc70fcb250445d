package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/tenant"
)

func TestUserTasks(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.deploy(badge)
	run := w.start("alice")
	id := w.openTask(run)
	path := "/user-tasks/" + id

	// Who may not do it sees what it is, and nothing that stands in it.
	shown := w.must(http.StatusOK, "runner", "GET", path, nil).object(t)
	if shown["run"] != run || shown["name"] != "Approve it" || shown["role"] != "enroller" || shown["state"] != "open" ||
		shown["definition"] != "badge" || shown["values"] != nil {
		t.Errorf("to runner: %v", shown)
	}
	fields := shown["form"].(map[string]any)["fields"].([]any)
	if f := fields[0].(map[string]any); len(fields) != 2 || f["name"] != "approved" || f["type"] != "boolean" || f["required"] != true {
		t.Errorf("fields: %v", fields)
	}
	for _, call := range []string{"/take", "/give-back"} {
		refused(t, w.do("runner", "POST", path+call, nil), http.StatusForbidden, "authority.denied")
	}
	good := map[string]any{"values": map[string]any{"approved": true}}
	refused(t, w.do("runner", "POST", path+"/complete", good), http.StatusForbidden, "authority.denied")

	if v := w.must(http.StatusOK, "enroller", "GET", path, nil).object(t)["values"]; fmt.Sprint(v) != "map[why:new here]" {
		t.Errorf("to enroller: %v", v)
	}
	if by := w.must(http.StatusOK, "enroller", "POST", path+"/take", nil).text(t, "takenBy"); by != "client:enroller" {
		t.Errorf("taken by %q", by)
	}
	refused(t, w.do("helpdesk", "POST", path+"/take", nil), http.StatusConflict, "process.user_task_taken")
	refused(t, w.do("helpdesk", "POST", path+"/give-back", nil), http.StatusConflict, "process.user_task_taken")
	refused(t, w.do("helpdesk", "POST", path+"/complete", good), http.StatusConflict, "process.user_task_taken")
	if by := w.must(http.StatusOK, "enroller", "POST", path+"/give-back", nil).text(t, "takenBy"); by != "" {
		t.Errorf("given back, and taken by %q", by)
	}

	for _, values := range []map[string]any{nil, {"approved": "perhaps"}, {"approved": true, "more": 1}} {
		refused(t, w.do("helpdesk", "POST", path+"/complete", map[string]any{"values": values}), http.StatusBadRequest, "process.form")
	}
	done := w.must(http.StatusOK, "helpdesk", "POST", path+"/complete", good).object(t)
	if done["id"] != run || done["status"] != "running" || done["variables"] != nil {
		t.Errorf("completed: %v", done)
	}
	refused(t, w.do("helpdesk", "POST", path+"/complete", good), http.StatusConflict, "process.user_task_over")
	refused(t, w.do("helpdesk", "POST", path+"/take", nil), http.StatusConflict, "process.user_task_over")
	refused(t, w.do("runner", "POST", path+"/links", map[string]any{}), http.StatusConflict, "process.user_task_over")
	if over := w.must(http.StatusOK, "runner", "GET", path, nil).object(t); over["state"] != "completed" || over["doneBy"] != "client:helpdesk" || over["ended"] == nil {
		t.Errorf("over: %v", over)
	}

	// The next is the user's own: nobody else does it, whatever they may do.
	w.due()
	hand := w.openTask(run)
	if task := w.must(http.StatusOK, "admin", "GET", "/user-tasks/"+hand, nil).object(t); task["user"] != alice || task["values"] != nil {
		t.Errorf("the user's: %v", task)
	}
	refused(t, w.do("admin", "POST", "/user-tasks/"+hand+"/complete", map[string]any{}), http.StatusForbidden, "authority.denied")
	for _, client := range []string{"runner", "globex"} {
		id := hand
		if client == "runner" {
			id = "nothing"
		}
		refused(t, w.do(client, "GET", "/user-tasks/"+id, nil), http.StatusNotFound, "process.user_task_unknown")
		for _, call := range []string{"/take", "/give-back"} {
			refused(t, w.do(client, "POST", "/user-tasks/"+id+call, nil), http.StatusNotFound, "process.user_task_unknown")
		}
		for _, call := range []string{"/complete", "/links"} {
			refused(t, w.do(client, "POST", "/user-tasks/"+id+call, map[string]any{}), http.StatusNotFound, "process.user_task_unknown")
		}
	}
}

func TestTaskList(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.user("bob")
	w.deploy(badge)
	theirs := w.approved("alice")
	var roles []string
	for range 3 {
		w.Later(time.Second)
		roles = append(roles, w.start("bob"))
	}
	for query, want := range map[string][]string{
		"":                append([]string{theirs}, roles...),
		"user=" + alice:   {theirs},
		"role=enroller":   roles,
		"role=auditor":    nil,
		"run=" + roles[1]: roles[1:2],
	} {
		for _, size := range []string{"1", "2", "100"} {
			if got := w.pages("runner", "/user-tasks?"+query, "run", size); !slices.Equal(got, want) {
				t.Errorf("%s in pages of %s: got %q, want %q", query, size, got, want)
			}
		}
	}
	refused(t, w.do("runner", "GET", "/user-tasks?cursor=x", nil), http.StatusBadRequest, "process.cursor")
	refused(t, w.do("runner", "GET", "/user-tasks?limit=1001", nil), http.StatusBadRequest, "request.invalid")
}

// TestTaskLink: the link is answered once, to whoever asks for it, and opens the task.
func TestTaskLink(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.user("dora")
	w.deploy(badge)
	run := w.approved("alice")
	id := w.openTask(run)
	r := w.must(http.StatusCreated, "runner", "POST", "/user-tasks/"+id+"/links", map[string]any{"lifeSeconds": 600})
	made := r.object(t)
	given, _ := made["secret"].(string)
	expires, err := time.Parse(time.RFC3339, made["expires"].(string))
	check(t, err)
	if made["link"] != "https://id.example.com/task#"+given || made["task"] != id || made["user"] != alice ||
		!expires.Equal(w.Now().Add(10*time.Minute)) || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("made: %s", r.body)
	}
	for _, path := range []string{"/user-tasks/" + id, "/user-tasks", "/process-runs/" + run, "/process-runs/" + run + "/timeline", "/audit-events"} {
		if r := w.must(http.StatusOK, "admin", "GET", path, nil); bytes.Contains(r.body, []byte(given)) {
			t.Errorf("GET %s shows the secret of the link: %s", path, r.body)
		}
	}
	opened, err := w.runs.RedeemTaskLink(t.Context(), given, tenant.Authority{Via: "enrol"})
	check(t, err)
	if opened.Link.Task != id {
		t.Errorf("it opens %s", opened.Link.Task)
	}

	refused(t, w.do("runner", "POST", "/user-tasks/"+id+"/links", map[string]any{"lifeSeconds": 59}), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("runner", "POST", "/user-tasks/"+id+"/links", map[string]any{"lifeSeconds": 604801}), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("runner", "POST", "/user-tasks/"+w.openTask(w.start("alice"))+"/links", map[string]any{}), http.StatusConflict, "process.link_nobody")
	own := w.openTask(w.approved("dora"))
	refused(t, w.do("dora", "POST", "/user-tasks/"+own+"/links", map[string]any{}), http.StatusForbidden, "process.self")
	refused(t, w.do("runner", "POST", "/user-tasks/"+own+"/links", map[string]any{}, func(r *http.Request) { r.Header.Set("Bestow-Operator", "dora") }),
		http.StatusForbidden, "process.self")
}

// TestRunsSecret: what a run keeps secret is in no answer, whoever asks.
func TestRunsSecret(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.deploy(badge)
	run := w.approved("alice")
	task := w.openTask(run)
	for _, path := range []string{
		"/process-runs", "/process-runs/" + run, "/process-runs/" + run + "/timeline", "/process-runs/" + run + "/jobs",
		"/process-runs/" + run + "/picture", "/user-tasks", "/user-tasks/" + task, "/audit-events",
	} {
		body := string(w.must(http.StatusOK, "admin", "GET", path, nil).body)
		if strings.Contains(body, deskLink) || strings.Contains(body, "secret:") {
			t.Errorf("GET %s: %s", path, body)
		}
	}
	over := string(w.must(http.StatusOK, "admin", "POST", "/process-runs/"+run+"/cancel", map[string]any{}).body)
	if strings.Contains(over, deskLink) || strings.Contains(over, "secret:") || !strings.Contains(over, "(secret)") {
		t.Errorf("cancelled: %s", over)
	}
}

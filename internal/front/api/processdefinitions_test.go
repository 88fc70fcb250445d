package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestDefinitions(t *testing.T) {
	w := newWorld(t)
	first := w.deploy(badge).object(t)
	if first["key"] != "badge" || first["version"] != 1.0 || first["name"] != "A badge & a key" || first["added"] != true ||
		first["deployedBy"] != "client:deployer" || first["selfService"] != false || len(first["digest"].(string)) != 64 {
		t.Errorf("deployed: %v", first)
	}
	// What leads nowhere yet is told, and refuses nothing.
	warnings, _ := first["warnings"].([]any)
	if len(warnings) != 1 {
		t.Fatalf("warnings: %v", first["warnings"])
	}
	if at := warnings[0].(map[string]any); at["element"] != "stamp" || at["problem"] != "there is no connection stamps yet" || at["line"] != 27.0 {
		t.Errorf("warning: %v", at)
	}
	w.must(http.StatusOK, "admin", "PUT", "/connections/stamps", map[string]any{"url": "internal:" + site})
	again := w.deploy(badge).object(t)
	if again["added"] != false || again["version"] != 1.0 || len(again["warnings"].([]any)) != 0 {
		t.Errorf("again: %v", again)
	}
	second := strings.Replace(badge, "A badge", "Another badge", 1)
	if v := w.must(http.StatusOK, "deployer", "POST", "/process-definitions?selfService=true", second, asXML).object(t); v["version"] != 2.0 || v["selfService"] != true {
		t.Errorf("second: %v", v)
	}
	w.deploy(brief)

	if got := w.pages("runner", "/process-definitions", "key", "1"); !slices.Equal(got, []string{"badge", "brief"}) {
		t.Errorf("definitions: %q", got)
	}
	if got := w.pages("deployer", "/process-definitions/badge/versions", "name", "1"); !slices.Equal(got, []string{"Another badge & a key", "A badge & a key"}) {
		t.Errorf("versions: %q", got)
	}
	if v := w.must(http.StatusOK, "runner", "GET", "/process-definitions/badge", nil).object(t); v["version"] != 2.0 {
		t.Errorf("newest: %v", v)
	}
	if v := w.must(http.StatusOK, "runner", "GET", "/process-definitions/badge?version=1", nil).object(t); v["version"] != 1.0 || v["digest"] != first["digest"] {
		t.Errorf("first: %v", v)
	}
	file := w.must(http.StatusOK, "runner", "GET", "/process-definitions/badge/xml?version=1", nil)
	if string(file.body) != badge || file.header.Get("Content-Type") != "application/xml" {
		t.Errorf("file: %s %.100s", file.header.Get("Content-Type"), file.body)
	}
	picture := w.must(http.StatusOK, "runner", "GET", "/process-definitions/badge/picture", nil)
	if !strings.HasPrefix(string(picture.body), "<svg ") || !strings.Contains(string(picture.body), "Another badge &amp; a key") {
		t.Errorf("picture: %.200s", picture.body)
	}
	drawn(t, picture)
	if n := strings.Count(string(w.must(http.StatusOK, "auditor", "GET", "/audit-events?action=process.deployed", nil).body), `"action"`); n != 3 {
		t.Errorf("%d deployments are in the audit trail", n)
	}
}

// drawn checks what goes with a picture.
func drawn(t *testing.T, r reply) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Type": "image/svg+xml", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if strings.Contains(string(r.body), "<script") {
		t.Errorf("a script is in it: %s", r.body)
	}
}

// What is wrong with a definition is said by element and line, with what to do instead.
func TestDefinitionRefusals(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name, from, to string
		code           string
		element        string
		line           float64
		problem        string
		instead        bool
	}{
		{"unknown element", `<endEvent id="end"/>`, `<endEvent id="end"/><inclusiveGateway id="x"/>`, "process.definition", "x", 34, "inclusiveGateway", true},
		{"flow to nothing", `targetRef="stamp"`, `targetRef="stamps"`, "process.definition", "f5", 26, "leads", true},
		{"no XML", badge, "greetings", "process.definition", "", 1, "has no element", true},
		{"unknown task", "${stampTask}", "${stampsTask}", "process.task_unknown", "stamp", 27, "there is no task ${stampsTask}", false},
		{"parameters", "${stampTask}", "${waitTask}", "process.parameters", "stamp", 27, "duration", false},
		{"not asynchronous", "${stampTask}", "${hermodFidoCreateCredentialTask}", "process.not_async", "stamp", 27, "set Async", false},
		{
			"called process", `<serviceTask id="link" flowable:delegateExpression="${linkTask}"/>`, `<callActivity id="link" calledElement="nothing"/>`,
			"process.call_unknown", "link", 14, `there is no process "nothing"`, false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(badge, tt.from, tt.to, 1)
			r := w.do("deployer", "POST", "/process-definitions", text, asXML)
			refused(t, r, http.StatusBadRequest, tt.code)
			problems, _ := r.object(t)["problems"].([]any)
			if len(problems) == 0 {
				t.Fatalf("no problems: %s", r.body)
			}
			p := problems[0].(map[string]any)
			element, _ := p["element"].(string)
			problem, _ := p["problem"].(string)
			instead, _ := p["instead"].(string)
			if element != tt.element || p["line"] != tt.line || !strings.Contains(problem, tt.problem) || (instead != "") != tt.instead {
				t.Errorf("got %v", p)
			}
		})
	}
	// One refusal may be overridden, and that is kept.
	notAsync := strings.Replace(badge, "${stampTask}", "${hermodFidoCreateCredentialTask}", 1)
	if v := w.must(http.StatusOK, "deployer", "POST", "/process-definitions?force=true", notAsync, asXML).object(t); v["forced"] != true {
		t.Errorf("forced: %v", v)
	}

	// All that is wrong is said at once.
	twice := strings.NewReplacer(`targetRef="stamp"`, `targetRef="x"`, `sourceRef="wait"`, `sourceRef="y"`).Replace(badge)
	r := w.do("deployer", "POST", "/process-definitions", twice, asXML)
	refused(t, r, http.StatusBadRequest, "process.definition")
	if problems, _ := r.object(t)["problems"].([]any); len(problems) < 2 {
		t.Errorf("problems: %s", r.body)
	}

	for _, path := range []string{"", "/versions", "/xml", "/picture"} {
		refused(t, w.do("runner", "GET", "/process-definitions/nothing"+path, nil), http.StatusNotFound, "process.definition_unknown")
	}
	refused(t, w.do("runner", "GET", "/process-definitions/badge?version=7", nil), http.StatusNotFound, "process.definition_unknown")
	refused(t, w.do("runner", "GET", "/process-definitions/badge?version=0", nil), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("globex", "GET", "/process-definitions/badge", nil), http.StatusNotFound, "process.definition_unknown")
}

func TestDefinitionBodies(t *testing.T) {
	w := newWorld(t)
	refused(t, w.do("deployer", "POST", "/process-definitions", brief), http.StatusUnsupportedMediaType, "request.not_xml")
	refused(t, w.do("deployer", "POST", "/process-definitions", map[string]any{"xml": brief}), http.StatusUnsupportedMediaType, "request.not_xml")
	refused(t, w.do("deployer", "POST", "/process-definitions", "", asXML), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("deployer", "POST", "/process-definitions?force=perhaps", brief, asXML), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("deployer", "POST", "/process-definitions?forced=true", brief, asXML), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("deployer", "POST", "/process-definitions", brief+strings.Repeat(" ", 1<<20), asXML), http.StatusRequestEntityTooLarge, "request.too_large")
	long := brief + strings.Repeat(" ", 1<<20-len(brief))
	text := func(r *http.Request) { r.Header.Set("Content-Type", "text/xml; charset=utf-8") }
	w.must(http.StatusOK, "deployer", "POST", "/process-definitions", long, text)
	// XML is for this call alone.
	refused(t, w.do("runner", "POST", "/process-runs", brief, asXML), http.StatusUnsupportedMediaType, "request.not_json")
}

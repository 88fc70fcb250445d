package processes

import (
	"io/fs"
	"regexp"
	"slices"
	"testing"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/page"
	"bestow.dev/internal/process"
)

var verbs = regexp.MustCompile(`%[a-z]`)

// TestTexts: every text is there in every language, with the same verbs; what is asked
// for is there, and what is there is asked for.
func TestTexts(t *testing.T) {
	for _, all := range []page.Texts{texts, faultTexts} {
		for key, text := range all {
			if en, de := verbs.FindAllString(text.EN, -1), verbs.FindAllString(text.DE, -1); text.EN == "" || text.DE == "" || !slices.Equal(en, de) {
				t.Errorf("%s: %q and %q", key, text.EN, text.DE)
			}
		}
	}
	used := map[string]bool{"definitions.menu": true, "runs.menu": true, "tasks.menu": true}
	asked := func(key string) {
		used[key] = true
		if _, ok := texts[key]; !ok {
			t.Errorf("there is no text %s", key)
		}
	}
	names, err := fs.Glob(assets, "assets/*.html")
	if err != nil || len(names) == 0 {
		t.Fatalf("templates %v, %v", names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(assets, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bt "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			asked(m[1])
		}
	}
	for _, title := range []string{"definitions", "definition", "deploy", "start", "runs", "run", "tasks", "task"} {
		asked(title + ".title")
	}
	for _, s := range []process.Status{process.Running, process.Completed, process.Failed, process.Cancelled} {
		asked("status." + string(s))
	}
	for _, m := range []bpmn.Mark{bpmn.MarkStanding, bpmn.MarkPassed, bpmn.MarkFailed, bpmn.MarkInterrupted} {
		asked("mark." + string(m))
	}
	for _, k := range []process.EntryKind{
		process.EntryStarted, process.EntryEnded, process.EntryNote, process.EntryWaiting, process.EntryFault, process.EntryIncident, process.EntryRetried,
		process.EntrySkipped, process.EntryTaskGiven, process.EntryTaskDone, process.EntryCalled, passed,
		process.EntryKind(bpmn.MoveEntered), process.EntryKind(bpmn.MoveLeft), process.EntryKind(bpmn.MoveInterrupted), process.EntryKind(bpmn.MoveFailed),
	} {
		asked("entry." + string(k))
	}
	for _, k := range []process.JobKind{process.WorkJob, process.TimerJob, process.CallJob, process.ReturnJob, process.StopJob} {
		asked("job." + string(k))
	}
	for _, s := range []process.JobState{process.JobReady, process.JobDelayed, process.JobWaiting, process.JobIncident} {
		asked("jobstate." + string(s))
	}
	for _, s := range []process.TaskState{process.TaskCompleted, process.TaskWithdrawn} {
		asked("taskstate." + string(s))
	}
	for _, kind := range []string{"client", "operator", "user", "visitor", "device", "system"} {
		asked("actor." + kind)
	}
	for key := range texts {
		if !used[key] {
			t.Errorf("nobody asks for %s", key)
		}
	}
}

// TestReadVariables: lines become variables, JSON where they are that.
func TestReadVariables(t *testing.T) {
	got, err := readVariables("a = 1\r\n\n b=two words = more\nc = {\"x\": true}\nd =\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "1", "b": `"two words = more"`, "c": `{"x": true}`, "d": `""`} {
		if string(got[name]) != want {
			t.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
	for _, bad := range []string{"a", "= 1", "a=1\na=2"} {
		if _, err := readVariables(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

package task_test

import (
	"net/http"
	"strings"
	"testing"

	"bestow.dev/processes"
)

// The shipped form with an invitation offers it as a link, to its assignee.
func TestInvitation(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	for _, d := range processes.With("browser-invitation") {
		w.deploy(d.XML)
	}
	id := w.task(w.start("browser-invitation", alice).ID, alice)
	b := w.browser()
	b.open(w.link(id)).want(http.StatusCreated)
	shown := b.get("/task/"+id).want(http.StatusOK,
		"Where to register it", `<a class="button" href="`+origin+`/enrol#`, `target="_blank" rel="noopener noreferrer"`, "Open the page", ">Next<")
	if n := strings.Count(shown, "/enrol#"); n != 1 {
		t.Errorf("the link is there %d times", n)
	}
}

// What is no https link, or stands in another form, stays text.
func TestOnlyLinksAreOffered(t *testing.T) {
	const linked = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="urn:test">
	<process id="linked" name="A link" isExecutable="true">
		<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="look"/>
		<userTask id="look" name="Look there" flowable:formKey="invitation"><extensionElements>
			<flowable:formProperty id="where" type="string" default="https://example.com/page?a=1" writable="false"/>
		</extensionElements></userTask>
		<sequenceFlow id="f2" sourceRef="look" targetRef="end"/><endEvent id="end"/>
	</process>
</definitions>`
	for _, c := range []struct {
		name, before, after string
		want                bool
	}{
		{"untouched", "", "", true},
		{"another form", `flowable:formKey="invitation"`, "", false},
		{"a field to fill in", ` writable="false"`, "", false},
		{"http", "https://", "http://", false},
		{"a script", "https://example.com/page?a=1", "javascript:alert(1)", false},
		{"a user", "https://", "https://bank.example@", false},
		{"no host", "https://example.com", "https://", false},
		{"no link", "https://example.com/page?a=1", "the second floor", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			alice := w.user("alice")
			w.deploy([]byte(strings.Replace(linked, c.before, c.after, 1)))
			b := w.browser()
			id := w.task(w.start("linked", alice).ID, alice)
			b.open(w.link(id)).want(http.StatusCreated)
			if got := strings.Contains(b.get("/task/"+id).want(http.StatusOK, "Look there"), `class="button"`); got != c.want {
				t.Errorf("a link is offered: %v", got)
			}
		})
	}
}

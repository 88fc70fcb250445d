package process_test

import (
	"fmt"
	"testing"
	"time"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store/storetest"
)

// beside is a form beside work in the background, again and again until the work is done
// well, and a thank-you at the end.
func beside() drawing {
	failing := async(service("create", "desk"))
	again := &bpmn.Element{ID: "again", Kind: bpmn.ExclusiveGateway}
	return draw(
		"p", gateway("fork"), person("form"), failing, gateway("join"), again, person("thanks"),
		catches("caught", "create", "NOT_NOW"), timer("late", "form", "PT1H"), &bpmn.Element{ID: "over", Name: "Too late", Kind: bpmn.ErrorEnd, ErrorCode: "LATE"},
		person("retry"),
	).flow("start again fork form join thanks end", "fork create join", "late over", "caught retry over")
}

func course(t *testing.T, w *world, task string) *process.Course {
	t.Helper()
	c, err := w.Course(t.Context(), user("alice"), task)
	check(t, err)
	return c
}

func wantCourse(t *testing.T, c *process.Course, want string) {
	t.Helper()
	got := fmt.Sprintf("%s %s busy=%t", c.Task.State, c.Status, c.Busy)
	for _, done := range c.Works {
		got += fmt.Sprintf(" %s:%s:%s", done.Element, done.State, done.Code)
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCourse(t *testing.T) {
	for _, early := range []bool{true, false} {
		w := newWorld(t, storetest.SQLite)
		w.desk.on("create", func(process.Work, *process.Wait) (process.Result, error) {
			if w.clock.now().Before(noon.Add(time.Minute)) {
				return process.Result{Wait: &process.Wait{Key: "k", Look: noon.Add(time.Minute)}}, nil
			}
			return process.Result{}, nil
		})
		w.deploy(beside())
		r := w.settle(w.start("p").ID)
		form := w.task(r.ID).ID
		wantCourse(t, course(t, w, form), "open running busy=true create:busy:")
		next := func() {
			t.Helper()
			_, err := w.CompleteTask(t.Context(), user("alice"), form, nil)
			check(t, err)
		}
		if early {
			next()
			wantCourse(t, course(t, w, form), "completed running busy=true create:busy:")
		}
		w.clock.move(time.Minute)
		w.settle(r.ID)
		if !early {
			wantCourse(t, course(t, w, form), "open running busy=false create:succeeded:")
			next()
		}
		c := course(t, w, form)
		wantCourse(t, c, "completed running busy=false create:succeeded:")
		thanks := w.task(r.ID).ID
		if c.Next != thanks {
			t.Errorf("next is %q, want %s", c.Next, thanks)
		}
		_, err := w.Course(t.Context(), user("bob"), form)
		wantCode(t, err, process.ErrTaskUnknown)
		_, err = w.Course(t.Context(), operator(), form)
		wantCode(t, err, process.ErrTaskUnknown)
		_, err = w.CompleteTask(t.Context(), user("alice"), thanks, nil)
		check(t, err)
		wantCourse(t, course(t, w, form), "completed completed busy=false create:succeeded:")
	}
}

// Work that fails leads elsewhere, and a task that nobody does is withdrawn.
func TestCourseOfFailures(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.desk.on("create", func(process.Work, *process.Wait) (process.Result, error) {
		return process.Result{}, &process.TaskError{Type: "NOT_NOW", Message: "PIN_BLOCKED: the key is locked"}
	})
	w.deploy(beside())
	run := w.start("p")
	form := w.task(run.ID).ID
	w.settle(run.ID)
	c := course(t, w, form)
	wantCourse(t, c, "open running busy=false create:failed:NOT_NOW")
	if got := c.Works[0].Message; got != "PIN_BLOCKED: the key is locked" {
		t.Errorf("the message is %q", got)
	}
	if c.Next == "" || c.Next == form {
		t.Errorf("next is %q, want the retry", c.Next)
	}
	w.clock.move(time.Hour)
	w.settle(run.ID)
	c = course(t, w, form)
	wantCourse(t, c, "withdrawn failed busy=false create:failed:NOT_NOW")
	if c.EndCode != "LATE" || c.EndText != "Too late" {
		t.Errorf("it ended with %s, %s", c.EndCode, c.EndText)
	}

	w.desk.on("create", func(process.Work, *process.Wait) (process.Result, error) { panic("no") })
	run = w.start("p")
	form = w.task(run.ID).ID
	for range 5 {
		w.settle(run.ID)
		wantCourse(t, course(t, w, form), map[bool]string{
			true: "open running busy=true create:busy:", false: "open running busy=false create:stuck:",
		}[len(w.incidents(run.ID)) == 0])
		w.clock.move(10 * time.Minute)
		if len(w.incidents(run.ID)) > 0 {
			break
		}
	}
}

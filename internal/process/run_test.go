package process_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/process"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

func TestRunInLine(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", service("a", "desk", "greeting", "Hello ${name}"), service("b", "setVariableTask", "name", "c", "value", "${a}")))
	r := w.start("p", "name", "world")
	w.want(r, process.Running)
	w.want(w.settle(r.ID), process.Completed, "a", "true", "c", "true", "name", `"world"`)
	works := w.desk.asked("a")
	if len(works) != 1 || string(works[0].Params["greeting"]) != `"Hello world"` || works[0].Subject != "id-of-alice" ||
		works[0].Actor != "operator:erin" || works[0].Attempt != 1 || works[0].Key == "" {
		t.Errorf("the task was asked for as %+v", works)
	}
	for _, e := range []string{"started:", "entered:a", "left:a", "entered:b", "left:b", "left:end", "ended:end"} {
		w.wantEntry(r.ID, e, 1)
	}
	if got := strings.Join(w.actions(), " "); got != "process.deployed process.started process.ended" {
		t.Errorf("the trail has %s", got)
	}
}

func TestStart(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", person("u")))
	start := func(by tenant.Authority, change func(*process.Start)) (*process.Run, error) {
		in := process.Start{Definition: "p", Subject: "id-of-alice", Key: "k", Variables: vars("a", 1)}
		change(&in)
		return w.Start(t.Context(), by, in)
	}
	first, err := start(enroller(), func(*process.Start) {})
	check(t, err)
	again, err := start(enroller(), func(*process.Start) {})
	check(t, err)
	if again.ID != first.ID {
		t.Error("the same key started a second run")
	}
	_, err = start(enroller(), func(in *process.Start) { in.Variables = vars("a", 2) })
	wantCode(t, err, process.ErrIdempotency)
	_, err = start(enroller(), func(in *process.Start) { in.Definition = "q" })
	wantCode(t, err, process.ErrDefinitionUnknown)
	_, err = start(enroller(), func(in *process.Start) { in.Subject = "nobody" })
	wantCode(t, err, process.ErrSubject)
	_, err = start(enroller(), func(in *process.Start) { in.Variables = vars("not a name", 1) })
	wantCode(t, err, process.ErrVariables)
	_, err = start(enroller(), func(in *process.Start) {
		in.Variables = map[string]json.RawMessage{"a": json.RawMessage("\"\xff\"")}
	})
	wantCode(t, err, process.ErrVariables)
	_, err = start(enroller(), func(in *process.Start) { in.Variables = vars("a", strings.Repeat("x", 1<<20)) })
	wantCode(t, err, process.ErrVariables)
	// Whom it is for is in the variables, and what the starter says is not believed.
	bob := json.RawMessage(`{"id":"id-of-bob","name":"bob"}`)
	_, err = start(enroller(), func(in *process.Start) { in.Variables = map[string]json.RawMessage{"user": bob} })
	wantCode(t, err, process.ErrVariables)
	if got := string(first.State.Variables["user"]); got != `{"id":"id-of-alice","name":"alice"}` {
		t.Errorf("the run is for %s", got)
	}
	_, err = start(user("alice"), func(*process.Start) {})
	wantCode(t, err, tenant.ErrDenied)
	nobody := enroller()
	nobody.Scopes = nil
	_, err = start(nobody, func(*process.Start) {})
	wantCode(t, err, tenant.ErrDenied)
}

// TestNobodyForThemselves: whoever may start processes is refused one for the user that
// they are, or say they are, unless it is self-service.
func TestNobodyForThemselves(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", person("u")))
	in := process.Start{Definition: "p", Subject: "id-of-alice"}
	for name, spoil := range map[string]func(*tenant.Authority){
		"a name":             func(by *tenant.Authority) { by.Actor.ID = "Alice" },
		"a local user":       func(by *tenant.Authority) { by.Actor.ID = "local:alice" },
		"an operator":        func(by *tenant.Authority) { by.Actor.ID = "user:id-of-alice" },
		"an id":              func(by *tenant.Authority) { by.Actor.ID = "id-of-alice" },
		"a claimed operator": func(by *tenant.Authority) { by.Claimed = " alice " },
	} {
		by := enroller()
		spoil(&by)
		if _, err := w.Start(t.Context(), by, in); !errors.Is(err, process.ErrOwn) {
			t.Errorf("%s: got %v, want process.self", name, err)
		}
	}
	_, err := w.Start(t.Context(), enroller(), in)
	check(t, err)

	// Nor does a run for nobody say in its variables whom it is for.
	_, err = w.Start(t.Context(), enroller(), process.Start{Definition: "p", Variables: vars("user", map[string]string{"name": "erin"})})
	wantCode(t, err, process.ErrVariables)

	// The same text as self-service is another version.
	d, err := w.Deploy(t.Context(), operator(), process.Deploy{XML: []byte("The process p"), SelfService: true})
	check(t, err)
	if !d.Added || d.Version.Version != 2 {
		t.Errorf("got version %d (%v), want a second one", d.Version.Version, d.Added)
	}
	_, err = w.Start(t.Context(), user("alice"), in)
	check(t, err)
	_, err = w.Start(t.Context(), user("bob"), in)
	wantCode(t, err, tenant.ErrDenied)
}

func TestDeploy(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	try := func(d drawing, force bool) (*process.Deployed, error) {
		return w.Deploy(t.Context(), operator(), process.Deploy{XML: w.register(d), Force: force})
	}
	first, err := try(inLine("p", service("a", "desk")), false)
	check(t, err)
	again, err := try(inLine("p", service("a", "desk")), false)
	check(t, err)
	if !first.Added || again.Added || again.Version.Version != 1 {
		t.Errorf("the same text is version %d, added %v", again.Version.Version, again.Added)
	}
	_, err = try(inLine("q", service("a", "nothing")), true)
	wantCode(t, err, process.ErrHandlerUnknown)
	_, err = try(inLine("q", service("a", "waitTask", "duration", "soon")), true)
	wantCode(t, err, process.ErrParameters)
	_, err = try(inLine("q", calls("a", "nothing")), true)
	wantCode(t, err, process.ErrCallUnknown)
	_, err = w.Deploy(t.Context(), operator(), process.Deploy{XML: []byte("nonsense")})
	wantCode(t, err, process.ErrDefinition)
	_, err = w.Deploy(t.Context(), enroller(), process.Deploy{XML: []byte("The process p")})
	wantCode(t, err, tenant.ErrDenied)

	for i, name := range mustBeAsync {
		waits := inLine(fmt.Sprint("q", i), service("a", name))
		_, err = try(waits, false)
		wantCode(t, err, process.ErrNotAsync)
		forced, err := try(waits, true)
		check(t, err)
		if !forced.Version.Forced {
			t.Errorf("%s: a version that was forced does not say so", name)
		}
		good, err := try(inLine(fmt.Sprint("r", i), async(service("a", name))), true)
		check(t, err)
		if good.Version.Forced {
			t.Errorf("%s: a version that needed no force says that it did", name)
		}
	}
}

// mustBeAsync are the tasks that wait for somebody who needs the form behind them.
var mustBeAsync = []string{"hermodFidoCreateCredentialTask", "hermodFidoGetInfoTask", "bestowAwaitEnrolmentTask"}

// TestVersions: runs end with the version that they began with.
func TestVersions(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", person("u"), service("a", "desk")))
	old := w.start("p")
	changed := inLine("p", person("u"), service("b", "desk"))
	changed.Name = "The process p, changed"
	w.deploy(changed)
	fresh := w.start("p")
	for _, r := range []*process.Run{old, fresh} {
		_, err := w.CompleteTask(t.Context(), user("alice"), w.task(r.ID).ID, nil)
		check(t, err)
	}
	w.want(w.settle(old.ID), process.Completed, "a", "true", "b", "")
	w.want(w.settle(fresh.ID), process.Completed, "a", "", "b", "true")
}

func TestFaults(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	a := service("a", "desk")
	a.Work.Retries = 2
	w.deploy(inLine("p", a, service("b", "desk")))
	w.desk.on("a", func(process.Work, *process.Wait) (process.Result, error) { panic("a secret in a panic") })
	r := w.start("p")
	for i, delay := range []time.Duration{0, 5 * time.Second, 30 * time.Second} {
		w.clock.move(delay - time.Millisecond)
		w.settle(r.ID)
		if n := len(w.desk.asked("a")); delay > 0 && n != i {
			t.Errorf("%d tries before the time of try %d", n, i+1)
		}
		w.clock.move(time.Millisecond)
		w.settle(r.ID)
	}
	jobs := w.incidents(r.ID)
	if len(jobs) != 1 || len(w.desk.asked("a")) != 3 {
		t.Fatalf("%d incidents after %d tries, want one after 3", len(jobs), len(w.desk.asked("a")))
	}
	if strings.Contains(jobs[0].Fault, "secret") {
		t.Errorf("the explanation tells of the panic: %s", jobs[0].Fault)
	}
	w.clock.move(24 * time.Hour)
	w.want(w.settle(r.ID), process.Running, "a", "")
	page, err := w.Runs(t.Context(), enroller(), process.RunFilter{Incidents: true})
	check(t, err)
	if len(page.Runs) != 1 || page.Runs[0].Incidents != 1 {
		t.Errorf("runs with incidents are %+v", page.Runs)
	}

	// Retried, it fails anew; mended, it goes on.
	check(t, w.Retry(t.Context(), enroller(), jobs[0].ID))
	w.settle(r.ID)
	wantCode(t, w.Retry(t.Context(), enroller(), jobs[0].ID), process.ErrNoIncident)
	w.desk.on("a", nil)
	w.clock.move(5 * time.Second)
	w.want(w.settle(r.ID), process.Completed, "a", "true", "b", "true")
	keys := make(map[string]bool)
	for _, work := range w.desk.asked("a") {
		keys[work.Key] = true
	}
	if len(keys) != 1 {
		t.Errorf("one work has the keys %v", keys)
	}
	w.wantEntry(r.ID, "incident:a", 1)
	w.wantEntry(r.ID, "retried:a", 1)
	if got := strings.Join(w.actions(), " "); got != "process.deployed process.started process.incident process.retried process.ended" {
		t.Errorf("the trail has %s", got)
	}
}

// TestRetryInterval: a definition that says how often a task is tried again says when.
func TestRetryInterval(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	a := service("a", "desk")
	a.Work.Retries, a.Work.RetryEvery = 3, 10*time.Second
	w.deploy(inLine("p", a))
	w.desk.on("a", func(process.Work, *process.Wait) (process.Result, error) { return process.Result{}, errors.New("no") })
	r := w.start("p")
	w.settle(r.ID)
	for i := 1; i <= 3; i++ {
		w.clock.move(10*time.Second - time.Millisecond)
		w.settle(r.ID)
		if n := len(w.desk.asked("a")); n != i {
			t.Errorf("%d tries before the time of try %d", n, i+1)
		}
		w.clock.move(time.Millisecond)
		w.settle(r.ID)
		if n := len(w.desk.asked("a")); n != i+1 {
			t.Errorf("%d tries at the time of try %d", n, i+1)
		}
	}
	if jobs := w.incidents(r.ID); len(jobs) != 1 {
		t.Errorf("%d incidents after the last try, want one", len(jobs))
	}
}

func TestSkip(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	a := service("a", "desk")
	a.Work.Retries = 0
	w.deploy(inLine("p", a, service("b", "desk")))
	w.desk.on("a", func(process.Work, *process.Wait) (process.Result, error) { return process.Result{}, errors.New("no") })
	r := w.start("p")
	w.settle(r.ID)
	job := w.incidents(r.ID)[0].ID
	_, err := w.Skip(t.Context(), user("alice"), job, nil)
	wantCode(t, err, tenant.ErrDenied)
	_, err = w.Skip(t.Context(), enroller(), job, vars("user", "bob"))
	wantCode(t, err, process.ErrVariables)
	_, err = w.Skip(t.Context(), enroller(), job, vars("a", "by hand"))
	check(t, err)
	w.want(w.settle(r.ID), process.Completed, "a", `"by hand"`, "b", "true")
	w.wantEntry(r.ID, "skipped:a", 1)
	_, err = w.Skip(t.Context(), enroller(), job, nil)
	wantCode(t, err, process.ErrJobUnknown)
}

// TestTaskErrors: an outcome that the process may deal with is no fault.
func TestTaskErrors(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(
		draw("caught", service("a", "desk"), catches("oops", "a", "TIMEOUT"), service("b", "desk")).flow("start a end", "oops b end"),
		inLine("uncaught", service("a", "desk")),
		inLine("fields", service("a", "desk", "errorTypeField", "why"), service("b", "desk")),
	)
	w.desk.on("a", func(process.Work, *process.Wait) (process.Result, error) {
		return process.Result{}, &process.TaskError{Type: "TIMEOUT", Message: "nobody came"}
	})
	w.want(w.settle(w.start("caught").ID), process.Completed, "b", "true")
	w.want(w.settle(w.start("fields").ID), process.Completed, "b", "true", "why", `"TIMEOUT"`)
	failed := w.settle(w.start("uncaught").ID)
	w.want(failed, process.Failed)
	if e := failed.State.Ended; e == nil || e.Error != "TIMEOUT" {
		t.Errorf("it ended as %+v", e)
	}
}

func TestTimer(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(draw("p", person("u"), timer("late", "u", "PT10M"), service("a", "desk")).flow("start u end", "late a end"))
	r, done := w.start("p"), w.start("p")
	_, err := w.CompleteTask(t.Context(), user("alice"), w.task(done.ID).ID, nil)
	check(t, err)
	task := w.task(r.ID)
	w.clock.move(10*time.Minute - time.Millisecond)
	w.want(w.settle(r.ID), process.Running)
	w.clock.move(time.Millisecond)
	w.want(w.settle(r.ID), process.Completed, "a", "true")
	w.want(w.get(done.ID), process.Completed, "a", "")
	_, err = w.CompleteTask(t.Context(), user("alice"), task.ID, nil)
	wantCode(t, err, process.ErrTaskOver)
}

func TestWaits(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", async(service("a", "desk")), service("b", "waitTask", "duration", "PT1H")))
	answered := false
	w.desk.on("a", func(_ process.Work, wait *process.Wait) (process.Result, error) {
		if wait != nil && answered {
			return process.Result{Outputs: vars("a", string(wait.Data)), Note: "it was answered"}, nil
		}
		return process.Result{Wait: &process.Wait{Key: "letter/7", Look: w.clock.now().Add(time.Minute), Data: json.RawMessage(`{"n":7}`)}}, nil
	})
	looked := func(want int) {
		t.Helper()
		if n := len(w.desk.asked("a")); n != want {
			t.Errorf("it was asked for %d times, want %d", n, want)
		}
	}
	r := w.start("p")
	w.settle(r.ID)
	looked(2) // once to do it, and once because news may have come before the wait was stored
	check(t, w.News(t.Context(), "acme", "letter/8"))
	check(t, w.News(t.Context(), "other", "letter/7"))
	w.settle(r.ID)
	looked(2)
	check(t, w.News(t.Context(), "acme", "letter/7"))
	w.settle(r.ID)
	looked(3)
	answered = true // and nobody tells
	w.clock.move(time.Minute)
	w.want(w.settle(r.ID), process.Running, "a", `"{\"n\":7}"`)
	looked(4)
	w.clock.move(time.Hour)
	w.want(w.settle(r.ID), process.Completed)
	w.wantEntry(r.ID, "waiting:a", 1)
	w.wantEntry(r.ID, "note:a", 1)
}

// TestNewsForSeveral: whatever waits under one key hears of it, in this tenant.
func TestNewsForSeveral(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", async(service("a", "desk"))))
	came := false
	w.desk.on("a", func(process.Work, *process.Wait) (process.Result, error) {
		if came {
			return process.Result{}, nil
		}
		return process.Result{Wait: &process.Wait{Key: "letter"}}, nil
	})
	one, other := w.start("p"), w.start("p")
	w.want(w.settle(one.ID), process.Running)
	came = true
	check(t, w.News(t.Context(), "acme", "letter"))
	w.want(w.settle(one.ID), process.Completed)
	w.want(w.get(other.ID), process.Completed)
}

// TestNewsWhileLooking: what is heard of a wait while its handler looks is not lost.
func TestNewsWhileLooking(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", async(service("a", "desk"))))
	looks := 0
	w.desk.on("a", func(_ process.Work, wait *process.Wait) (process.Result, error) {
		if wait != nil {
			looks++
		}
		switch looks {
		case 1:
			// The outcome was read, and then it changed.
			check(t, w.News(t.Context(), "acme", "letter"))
		case 2:
			return process.Result{}, nil
		}
		return process.Result{Wait: &process.Wait{Key: "letter"}}, nil
	})
	w.want(w.settle(w.start("p").ID), process.Completed)
}

func TestCalls(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("child", service("c", "desk"), person("u")), inLine("p", calls("k", "child"), service("b", "desk")))
	r := w.settle(w.start("p", "in", 1).ID)
	page, err := w.Runs(t.Context(), operator(), process.RunFilter{Definition: "child"})
	check(t, err)
	if len(page.Runs) != 1 || page.Runs[0].Parent != r.ID || page.Runs[0].Subject != "id-of-alice" {
		t.Fatalf("runs of the called process are %+v", page.Runs)
	}
	child := page.Runs[0].ID
	_, err = w.CompleteTask(t.Context(), user("alice"), w.task(child).ID, nil)
	check(t, err)
	w.want(w.settle(r.ID), process.Completed, "in", "1", "c", "true", "b", "true")

	// A called process goes with its caller, and fails for it.
	r = w.settle(w.start("p").ID)
	_, err = w.Cancel(t.Context(), operator(), r.ID, "not needed")
	check(t, err)
	w.want(w.settle(r.ID), process.Cancelled)
	page, err = w.Runs(t.Context(), operator(), process.RunFilter{Definition: "child", Status: process.Cancelled})
	check(t, err)
	if len(page.Runs) != 1 {
		t.Errorf("%d called runs were cancelled, want one", len(page.Runs))
	}
	r = w.settle(w.start("p").ID)
	page, err = w.Runs(t.Context(), operator(), process.RunFilter{Definition: "child", Status: process.Running})
	check(t, err)
	_, err = w.Cancel(t.Context(), operator(), page.Runs[0].ID, "")
	check(t, err)
	w.want(w.settle(r.ID), process.Failed)
}

// TestEndlessCalls: a process that calls itself comes to an end.
func TestEndlessCalls(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", calls("k", "p")))
	w.settle(w.start("p").ID)
	page, err := w.Runs(t.Context(), operator(), process.RunFilter{})
	check(t, err)
	if len(page.Runs) != 17 {
		t.Fatalf("there are %d runs, want 17", len(page.Runs))
	}
	for _, r := range page.Runs {
		if wantIncidents := r.Depth / 16; r.Incidents != wantIncidents {
			t.Errorf("the run at depth %d has %d incidents, want %d", r.Depth, r.Incidents, wantIncidents)
		}
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", person("u")))
	r := w.start("p")
	task := w.task(r.ID)
	_, err := w.Cancel(t.Context(), user("alice"), r.ID, "")
	wantCode(t, err, tenant.ErrDenied)
	_, err = w.Cancel(t.Context(), enroller(), r.ID, strings.Repeat("x", 501))
	wantCode(t, err, process.ErrReason)
	cancelled, err := w.Cancel(t.Context(), enroller(), r.ID, "a slip")
	check(t, err)
	w.want(cancelled, process.Cancelled)
	_, err = w.Cancel(t.Context(), enroller(), r.ID, "again")
	wantCode(t, err, process.ErrRunEnded)
	_, err = w.Cancel(t.Context(), enroller(), "nothing", "")
	wantCode(t, err, process.ErrRunUnknown)
	_, err = w.CompleteTask(t.Context(), user("alice"), task.ID, nil)
	wantCode(t, err, process.ErrTaskOver)
	if got := strings.Join(w.actions(), " "); got != "process.deployed process.started process.cancelled" {
		t.Errorf("the trail has %s", got)
	}
}

func TestPurge(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", service("a", "desk")), inLine("q", person("u")))
	ended, running := w.settle(w.start("p").ID), w.start("q")
	w.clock.move(30 * 24 * time.Hour)
	if n, err := w.Purge(t.Context()); n != 0 || err != nil {
		t.Errorf("%d runs were removed (%v) before their time", n, err)
	}
	w.clock.move(time.Millisecond)
	if n, err := w.Purge(t.Context()); n != 1 || err != nil {
		t.Errorf("%d runs were removed (%v), want one", n, err)
	}
	_, err := w.GetRun(t.Context(), operator(), ended.ID)
	wantCode(t, err, process.ErrRunUnknown)
	w.want(w.get(running.ID), process.Running)
}

// TestRunsAbout: a person's record has the runs that are for them, of their tenant.
func TestRunsAbout(t *testing.T) {
	w := newWorld(t, storetest.SQLite)
	w.deploy(inLine("p", service("a", "desk")))
	first := w.start("p", "n", 1)
	w.clock.move(time.Second)
	second := w.start("p", "n", 2)
	w.want(w.settle(first.ID), process.Completed)
	_, err := w.Start(t.Context(), enroller(), process.Start{Definition: "p"}) // for nobody
	check(t, err)
	about := func(tenantName, user string) []process.Run {
		t.Helper()
		runs, err := w.RunsAbout(t.Context(), tenantName, user)
		check(t, err)
		return runs
	}
	runs := about("acme", "id-of-alice")
	if len(runs) != 2 || runs[0].ID != second.ID || runs[1].ID != first.ID || string(runs[1].State.Variables["n"]) != "1" || runs[1].Ended.IsZero() {
		t.Errorf("runs about alice: %+v", runs)
	}
	for _, other := range [][2]string{{"other", "id-of-alice"}, {"acme", "id-of-bob"}, {"acme", ""}} {
		if runs := about(other[0], other[1]); len(runs) != 0 {
			t.Errorf("runs about %q: %+v", other, runs)
		}
	}
}

package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/process"
	"bestow.dev/internal/process/builtin"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// desk does the service tasks of the tests, and remembers what it was asked to do. A
// task without a plan succeeds and sets a variable of its element's name.
type desk struct {
	mu    sync.Mutex
	works []process.Work
	plan  map[string]func(w process.Work, wait *process.Wait) (process.Result, error) // by element
}

func (d *desk) Check(map[string]string) error { return nil }

func (d *desk) Do(_ context.Context, w process.Work) (process.Result, error) { return d.answer(w, nil) }

func (d *desk) Wake(_ context.Context, w process.Work, wait process.Wait) (process.Result, error) {
	return d.answer(w, &wait)
}

func (d *desk) answer(w process.Work, wait *process.Wait) (process.Result, error) {
	d.mu.Lock()
	d.works = append(d.works, w)
	plan := d.plan[w.Element]
	d.mu.Unlock()
	if plan != nil {
		return plan(w, wait)
	}
	return process.Result{Outputs: vars(w.Element, true)}, nil
}

// on has the task of an element done by fn from now on.
func (d *desk) on(element string, fn func(w process.Work, wait *process.Wait) (process.Result, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan[element] = fn
}

// asked returns the works of an element so far.
func (d *desk) asked(element string) []process.Work {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []process.Work
	for _, w := range d.works {
		if w.Element == element {
			all = append(all, w)
		}
	}
	return all
}

// vars are variables, by names and values in turn.
func vars(pairs ...any) map[string]json.RawMessage {
	all := make(map[string]json.RawMessage)
	for i := 0; i < len(pairs); i += 2 {
		text, err := json.Marshal(pairs[i+1])
		if err != nil {
			panic(err)
		}
		all[pairs[i].(string)] = text
	}
	return all
}

// atlas is the definitions of a test, by the text that stands for each.
type atlas struct {
	mu  sync.Mutex
	all map[string]*bpmn.Definition
}

func (a *atlas) parse(text []byte) (*bpmn.Definition, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := a.all[string(text)]; d != nil {
		return d, nil
	}
	return nil, bpmn.DefinitionErrors{{Line: 1, Problem: "there is nothing like it"}}
}

// world is a service with its database, a desk, a clock and a user, alice.
type world struct {
	*process.Service
	t     testing.TB
	db    *store.DB
	clock *clock
	desk  *desk
	atlas *atlas
}

func newWorld(t testing.TB, open storetest.Open, change ...func(*process.Config)) *world {
	t.Helper()
	w := &world{
		t: t, db: open(t), clock: &clock{at: noon},
		desk:  &desk{plan: make(map[string]func(process.Work, *process.Wait) (process.Result, error))},
		atlas: &atlas{all: make(map[string]*bpmn.Definition)},
	}
	w.Service = w.node(change...)
	for _, name := range []string{"alice", "bob"} {
		u := &credential.User{ID: credential.UserID("id-of-" + name), Tenant: "acme", Name: name, DisplayName: name, Handle: []byte(name), Created: noon, Updated: noon}
		check(t, w.db.CreateUser(t.Context(), u, audit.Event{Tenant: "acme", Time: noon, Action: "user.created"}))
	}
	return w
}

// node is another service over the same database, as another server would be.
func (w *world) node(change ...func(*process.Config)) *process.Service {
	w.t.Helper()
	handlers := builtin.Handlers()
	for _, name := range append(mustBeAsync, "desk") {
		handlers[name] = w.desk
	}
	c := process.Config{Store: w.db.Process(), People: w.db.People(), Wakeups: w.db.Hub(), Handlers: handlers, Now: w.clock.now}
	for _, f := range change {
		f(&c)
	}
	s, err := process.New(c)
	check(w.t, err)
	s.ParseBy(w.atlas.parse)
	return s
}

// operator may do everything with processes; enroller may run them.
func operator() tenant.Authority { return tenant.LocalOperator("acme", "root") }

func enroller() tenant.Authority {
	return tenant.Authority{
		Tenant: "acme", Actor: audit.Actor{Kind: audit.Operator, ID: "erin"}, Via: "console",
		Scopes: []tenant.Scope{tenant.ScopeProcessRun},
	}
}

func user(name string) tenant.Authority {
	return tenant.Authority{Tenant: "acme", Actor: audit.Actor{Kind: audit.User, ID: "id-of-" + name}, Via: "enrol"}
}

// register lets a drawing be found by its name.
func (w *world) register(d drawing) []byte {
	w.atlas.mu.Lock()
	defer w.atlas.mu.Unlock()
	w.atlas.all[d.Name] = d.Definition
	return []byte(d.Name)
}

func (w *world) deploy(drawings ...drawing) {
	w.t.Helper()
	for _, d := range drawings {
		_, err := w.Deploy(w.t.Context(), operator(), process.Deploy{XML: w.register(d)})
		check(w.t, err)
	}
}

// start starts a process for alice.
func (w *world) start(id string, variables ...any) *process.Run {
	w.t.Helper()
	r, err := w.Start(w.t.Context(), enroller(), process.Start{Definition: id, Subject: "id-of-alice", Variables: vars(variables...)})
	check(w.t, err)
	return r
}

// settle does what is due and returns how the run stands then.
func (w *world) settle(id string) *process.Run {
	w.t.Helper()
	_, err := w.RunDue(w.t.Context())
	check(w.t, err)
	return w.get(id)
}

func (w *world) get(id string) *process.Run {
	w.t.Helper()
	r, err := w.GetRun(w.t.Context(), operator(), id)
	check(w.t, err)
	return r
}

// wantStatus checks how a run stands, and variables by names and JSON in turn; an empty
// JSON wants it not to be there.
func (w *world) want(r *process.Run, status process.Status, variables ...string) {
	w.t.Helper()
	if r.Status != status {
		w.t.Errorf("the run is %s (%+v), want %s", r.Status, r.State.Ended, status)
	}
	for i := 0; i < len(variables); i += 2 {
		if got := string(r.State.Variables[variables[i]]); got != variables[i+1] {
			w.t.Errorf("%s is %s, want %s", variables[i], got, variables[i+1])
		}
	}
}

// kinds are the timeline of a run, as kind:element.
func (w *world) kinds(run string) []string {
	w.t.Helper()
	entries, err := w.Timeline(w.t.Context(), operator(), run, 0, 1000)
	check(w.t, err)
	var all []string
	for i, e := range entries {
		if e.Seq != int64(i+1) {
			w.t.Errorf("entry %d has number %d", i+1, e.Seq)
		}
		all = append(all, string(e.Kind)+":"+e.Element)
	}
	return all
}

// wantEntry checks how often something stands in the timeline of a run.
func (w *world) wantEntry(run, entry string, times int) {
	w.t.Helper()
	all := w.kinds(run)
	n := 0
	for _, e := range all {
		if e == entry {
			n++
		}
	}
	if n != times {
		w.t.Errorf("%s is in the timeline %d times, want %d: %v", entry, n, times, all)
	}
}

// actions are the actions of the audit trail about processes, in order.
func (w *world) actions() []string {
	w.t.Helper()
	events, err := w.db.AuditEvents(w.t.Context(), audit.Query{Tenant: "acme", Action: "process.", Limit: 1000})
	check(w.t, err)
	_, _, err = audit.Verify(w.t.Context(), w.db, "acme")
	check(w.t, err)
	var all []string
	for _, e := range events {
		all = append(all, e.Action)
	}
	return all
}

// incidents are the jobs of a run that need help.
func (w *world) incidents(run string) []process.Job {
	w.t.Helper()
	jobs, err := w.Jobs(w.t.Context(), operator(), run)
	check(w.t, err)
	return slices.DeleteFunc(jobs, func(j process.Job) bool { return j.State != process.JobIncident })
}

// task is the one open task of a run.
func (w *world) task(run string) process.Task {
	w.t.Helper()
	page, err := w.Tasks(w.t.Context(), operator(), process.TaskFilter{Run: run})
	check(w.t, err)
	if len(page.Tasks) != 1 {
		w.t.Fatalf("the run has %d open tasks, want one", len(page.Tasks))
	}
	return page.Tasks[0]
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, want *fault.Error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %s", err, want.Code)
	}
}

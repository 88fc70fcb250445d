package provision_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/tenant"
)

// This file has what the tests of shipped definitions do with a run, and want of it.

// settle has everything done that is due now.
func (f *flow) settle() {
	f.t.Helper()
	for {
		expired, err := f.relay.ExpireDue(f.t.Context())
		check(f.t, err)
		called, err := f.relay.DeliverDue(f.t.Context())
		check(f.t, err)
		done, err := f.p.RunDue(f.t.Context())
		check(f.t, err)
		if expired+called+done == 0 {
			return
		}
	}
}

// open returns the ids of the elements whose tasks are open, sorted, with a space between.
func (f *flow) open() string {
	f.t.Helper()
	page, err := f.p.Tasks(f.t.Context(), f.root, process.TaskFilter{})
	check(f.t, err)
	ids := make([]string, 0, len(page.Tasks))
	for _, task := range page.Tasks {
		ids = append(ids, task.Element)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

func (f *flow) wantOpen(element string) {
	f.t.Helper()
	if got := f.open(); got != element {
		f.t.Fatalf("open tasks are %q, want %q", got, element)
	}
}

// task returns the open task of that element, as whoever may do it sees it.
func (f *flow) task(element string) (*process.Task, tenant.Authority) {
	f.t.Helper()
	f.wantOpen(element)
	page, err := f.p.Tasks(f.t.Context(), f.root, process.TaskFilter{})
	check(f.t, err)
	by := f.enroll
	if page.Tasks[0].Assignee != "" {
		by = f.alice
	}
	task, err := f.p.Task(f.t.Context(), by, page.Tasks[0].ID)
	check(f.t, err)
	return task, by
}

// value returns a text that stands in the form of the open task.
func (f *flow) value(element, field string) string {
	f.t.Helper()
	task, _ := f.task(element)
	var text string
	if err := json.Unmarshal(task.Values[field], &text); err != nil {
		f.t.Fatalf("%s: %s is %q: %v", element, field, task.Values[field], err)
	}
	return text
}

// choose hands in the form of the open task, with a choice; an empty one is Next.
func (f *flow) choose(element, choice string) {
	f.t.Helper()
	task, by := f.task(element)
	var values map[string]json.RawMessage
	if choice != "" {
		values = map[string]json.RawMessage{"choice": json.RawMessage(`"` + choice + `"`)}
	}
	_, err := f.p.CompleteTask(f.t.Context(), by, task.ID, values)
	check(f.t, err)
	f.settle()
}

// follow opens the link of the form, and returns it.
func (f *flow) follow() string {
	f.t.Helper()
	link := f.value("openLink", "plugoutUrl")
	f.desk.open(link)
	f.settle()
	return link
}

// stored has alice do at the desk what is asked for.
func (f *flow) stored() {
	f.t.Helper()
	f.follow()
	f.desk.create()
	f.settle()
	f.choose("openLink", "")
}

// answers follows the link and answers with a status of the device.
func (f *flow) answers(status plugout.Status) {
	f.t.Helper()
	f.follow()
	f.desk.answer(f.desk.next(), status, "")
	f.settle()
}

// later turns the clock and has everything done that became due.
func (f *flow) later(d time.Duration) {
	f.t.Helper()
	f.world.later(d)
	f.settle()
}

// atTheTick fails unless the task of before is open until d is over, and that of after
// then.
func (f *flow) atTheTick(d time.Duration, before, after string) {
	f.t.Helper()
	f.later(d - time.Millisecond)
	f.wantOpen(before)
	f.later(time.Millisecond)
	f.wantOpen(after)
}

// states returns those of alice's credentials, in the order that they were made.
func (f *flow) states() string {
	f.t.Helper()
	page, err := f.credentials.Credentials(f.t.Context(), f.root, credential.CredentialQuery{User: credential.ByName(alice)})
	check(f.t, err)
	states := make([]string, 0, len(page.Credentials))
	for _, c := range page.Credentials {
		states = append(states, string(c.State))
	}
	return strings.Join(states, " ")
}

// wantEnd fails unless the run has ended so and has left nothing behind.
func (f *flow) wantEnd(at, fault, states string) {
	f.t.Helper()
	ctx := f.t.Context()
	run, err := f.p.GetRun(ctx, f.root, f.id)
	check(f.t, err)
	if ended := run.State.Ended; ended == nil || ended.At != at || ended.Error != fault {
		f.t.Fatalf("the run is %s: %+v, open are %q; want %s %s", run.Status, ended, f.open(), at, fault)
	}
	if got := f.states(); got != states {
		f.t.Errorf("alice's credentials are %q, want %q", got, states)
	}
	if got := f.open(); got != "" {
		f.t.Errorf("tasks are open: %s", got)
	}
	page, err := f.p.Runs(ctx, f.root, process.RunFilter{Limit: 1000})
	check(f.t, err)
	for _, r := range page.Runs {
		jobs, err := f.p.Jobs(ctx, f.root, r.ID)
		check(f.t, err)
		if r.Status == process.Running || len(jobs) > 0 {
			f.t.Errorf("the run of %s is %s and has jobs %+v", r.Definition, r.Status, jobs)
		}
		entries, err := f.p.Timeline(ctx, f.root, r.ID, 0, 1000)
		check(f.t, err)
		f.seen.add(r.Definition, entries)
	}
	if f.desk.at.Box != "" {
		if _, err := f.relay.Messages(ctx, f.desk.at, 0); !errors.Is(err, relay.ErrSessionGone) {
			f.t.Errorf("the session at the desk goes on: %v", err)
		}
	}
	left, err := f.db.Process().Secrets(ctx, f.id)
	check(f.t, err)
	if len(left) > 0 {
		f.t.Errorf("%d secrets are left", len(left))
	}
}

// onlyOneWay are the events that a way has and the other has not. Callbacks are no part of
// the order either.
var onlyOneWay = []string{"client.access_token_issued", "relay.match_confirmed"}

// trail returns the audit trail from the run's start on: each action, with what went
// wrong.
func (f *flow) trail() string {
	f.t.Helper()
	events, err := f.db.AuditEvents(f.t.Context(), audit.Query{Tenant: "acme", Limit: 1000})
	check(f.t, err)
	started := slices.IndexFunc(events, func(e audit.Event) bool { return e.Action == "process.started" && e.Ref == f.id })
	var text strings.Builder
	for _, e := range events[started:] {
		if strings.HasPrefix(e.Action, "relay.callback") || slices.Contains(onlyOneWay, e.Action) {
			continue
		}
		fmt.Fprint(&text, e.Action)
		if e.Outcome != audit.OK {
			fmt.Fprintf(&text, " %s", e.Outcome)
		}
		text.WriteByte('\n')
	}
	return text.String()
}

func (f *flow) wantTrail(lines ...string) {
	f.t.Helper()
	if want, got := strings.Join(lines, "\n")+"\n", f.trail(); got != want {
		f.t.Errorf("the trail is\n%swant\n%s", got, want)
	}
}

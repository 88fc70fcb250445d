package process

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/fault"
)

// doing is a job under way.
type doing struct {
	s     *Service
	job   *Job
	run   *Run // nil until it is read
	spare bool
	apart bool // as in a move

	within *Work // what is to be done in the transaction of another job; nil: it has its own
	after  int   // how many jobs were done in this one's

	secrets map[string]json.RawMessage // as in a handover
	made    map[string]json.RawMessage // secrets of this job
	then    *followUps                 // what comes of it, to be started once it is stored
}

// do does the job, and returns the next one for the caller, if it is free to do one.
func (d *doing) do(ctx context.Context) (*handover, error) {
	if err := d.doAll(ctx); err != nil {
		d.dropThen()
		return nil, err
	}
	return d.then.start(d.known()), nil
}

func (d *doing) doAll(ctx context.Context) error {
	if d.job.Kind == StopJob {
		return d.stop(ctx)
	}
	if d.run == nil {
		r, err := d.s.store.Run(ctx, d.job.Tenant, d.job.Run)
		if err != nil {
			return err
		}
		d.run = r
	}
	switch d.job.Kind {
	case TimerJob:
		return d.move(ctx, &move{event: func(at time.Time, _ *Run) (bpmn.Event, error) {
			return bpmn.TimerFired{At: at, Token: d.job.Token, Element: d.job.Element}, nil
		}})
	case CallJob:
		return d.call(ctx)
	case ReturnJob:
		return d.comeBack(ctx)
	}
	for range maxConflicts {
		err := d.workTogether(ctx)
		if !errors.Is(err, ErrStale) {
			return err
		}
		d.apart = true
		if d.run, err = d.s.store.Run(ctx, d.job.Tenant, d.job.Run); err != nil {
			return err
		}
		if d.run.Status != Running {
			return ErrRunEnded
		}
	}
	return ErrBusy
}

// workTogether does a service task. What the work has written in our own database becomes
// lasting with what comes of it.
func (d *doing) workTogether(ctx context.Context) error {
	before := d.run
	alone := d.job.Attempt > 1 || d.apart // it was tried with more, and did not go well
	err := d.s.store.Together(ctx, func(ctx context.Context) error {
		d.run = before
		d.dropThen() // of an attempt that did not last
		if err := d.work(ctx); err != nil {
			return err
		}
		if !alone {
			alone = true
			d.goOn(ctx)
		}
		return nil
	})
	if err != nil {
		d.run = before
	}
	return err
}

// dropThen gives up what was to come of the job.
func (d *doing) dropThen() {
	d.then.drop()
	d.then, d.made, d.after = nil, nil, 0
}

// move applies what came of the job to its run, and ends the job.
func (d *doing) move(ctx context.Context, m *move) error {
	claim := d.job.claim()
	m.token, m.spend, m.spare, m.apart = d.job.Token, &claim, d.spare && d.s.hands.isOpen(), d.apart
	m.once = d.within != nil
	// What was done may not be done again only because the node is to stop.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	run, then, err := d.s.moveOn(ctx, d.run, m)
	if err != nil {
		return err
	}
	d.run, d.then, d.made = run, then, m.secrets
	return nil
}

// work does a service task.
func (d *doing) work(ctx context.Context) error {
	def, err := d.s.definition(ctx, d.run.Tenant, d.run.Definition, d.run.Version)
	if err != nil {
		return err
	}
	e := def.Elements[d.job.Element]
	h := d.s.handlers[e.Work.Task]
	if h == nil {
		return ErrHandlerUnknown.Saying("This server has no task ${%s}.", e.Work.Task)
	}
	if times, _ := d.retries(def); d.job.Attempt > times+1 {
		return errNoOutcome
	}
	result, err := d.callHandler(ctx, h)
	if failed, ok := errors.AsType[*TaskError](err); ok {
		return d.move(ctx, &move{event: func(at time.Time, _ *Run) (bpmn.Event, error) {
			return bpmn.TaskFailed{At: at, Token: d.job.Token, Code: code(failed), Status: failed.Status, Message: failed.Message}, nil
		}})
	}
	if err != nil {
		return err
	}
	if result.Wait != nil {
		return d.wait(ctx, h, &result)
	}
	outputs, secrets := hide(result.Outputs, result.Secrets)
	m := &move{secrets: secrets, event: func(at time.Time, _ *Run) (bpmn.Event, error) {
		return bpmn.TaskDone{At: at, Token: d.job.Token, Outputs: outputs}, nil
	}}
	if result.Note != "" {
		m.entries = []Entry{d.entry(EntryNote, result.Note)}
	}
	return d.move(ctx, m)
}

func code(e *TaskError) string {
	if e.Type == "" {
		return "ERROR"
	}
	return e.Type
}

// callHandler has the work done, or looked at, and survives it.
func (d *doing) callHandler(ctx context.Context, h Handler) (result Result, err error) {
	w, err := d.toDo(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if d.job.Wait == nil {
		return h.Do(ctx, w)
	}
	waker, ok := h.(Waker)
	if !ok {
		return Result{}, errNoWaker
	}
	return waker.Wake(ctx, w, *d.job.Wait)
}

// toDo is the job as its handler sees it, if it was not made before.
func (d *doing) toDo(ctx context.Context) (Work, error) {
	if d.within != nil {
		return *d.within, nil
	}
	return d.asWork(ctx)
}

// asWork is the job as its handler sees it: with the secrets.
func (d *doing) asWork(ctx context.Context) (Work, error) {
	params := make(map[string]json.RawMessage)
	if len(d.job.Params) > 0 {
		if err := json.Unmarshal(d.job.Params, &params); err != nil {
			return Work{}, ErrStep.Because(err)
		}
	}
	variables := d.run.State.Variables
	if hasRefs(params, d.secrets) || hasRefs(variables, d.secrets) {
		secrets, err := d.s.store.Secrets(ctx, d.run.Root)
		if err != nil {
			return Work{}, err
		}
		d.secrets = secrets
	}
	params, variables = reveal(params, d.secrets), reveal(variables, d.secrets)
	return Work{
		Tenant: d.run.Tenant, Instance: d.run.ID, Element: d.job.Element, Key: d.job.ID, Attempt: d.job.Attempt,
		Actor: d.run.Starter.String(), Subject: d.run.Subject, Params: params, Variables: variables, Now: d.s.clock(),
	}, nil
}

func (d *doing) entry(kind EntryKind, text string) Entry {
	return Entry{
		At: d.s.clock(), Kind: kind, Element: d.job.Element, Token: d.job.Token, Text: clip(text), Attempt: d.job.Attempt,
	}
}

// maxTextBytes bounds what one entry of a timeline says.
const maxTextBytes = 500

// clip cuts a text that is longer, and never within a character.
func clip(text string) string {
	if len(text) <= maxTextBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxTextBytes], "") + "…"
}

var (
	errNoWaker = ErrStep.Saying("The task waits, and cannot be woken. This is a fault of the program.")

	// errNoOutcome is why a job is not tried once more that a node died of, time and again.
	errNoOutcome = fault.New(fault.Internal, "process.no_outcome", "It was begun several times, and the server stopped each time before it was done.")
)

// retries is how often a job is tried again after a fault, and how long after this
// attempt. A definition that says the one says the other.
func (d *doing) retries(def *bpmn.Definition) (times int, delay time.Duration) {
	if def != nil && d.job.Kind == WorkJob {
		if e := def.Elements[d.job.Element]; e != nil && e.Work != nil && e.Work.Retries >= 0 {
			return e.Work.Retries, cmp.Or(e.Work.RetryEvery, delayAfter(d.job.Attempt))
		}
	}
	return defaultRetries, delayAfter(d.job.Attempt)
}

// giveBack has the job done by somebody else: this node is to stop. The attempt does not
// count.
func (d *doing) giveBack(ctx context.Context) error {
	now := d.s.clock()
	return d.s.store.PostponeJob(ctx, &Postponement{
		Claim: d.job.claim(), Tenant: d.job.Tenant, Run: d.job.Run, State: d.job.State, Due: now, At: now,
		Attempt: d.job.Attempt - 1, Heard: d.job.News, Fault: d.job.Fault,
	})
}

// fault puts the job off after a fault, or hands it to an operator if it was the last.
func (d *doing) fault(ctx context.Context, cause error) error {
	s, j := d.s, d.job
	var def *bpmn.Definition
	if d.run != nil {
		def, _ = s.definition(ctx, d.run.Tenant, d.run.Definition, d.run.Version) // if not, the default counts
	}
	s.log.WarnContext(ctx, "a job of a process failed", "job", j.ID, "run", j.Run, "element", j.Element,
		"kind", string(j.Kind), "attempt", j.Attempt, "error", cause)
	now, text := s.clock(), explain(cause)
	times, delay := d.retries(def)
	p := &Postponement{
		Claim: j.claim(), Tenant: j.Tenant, Run: j.Run, State: JobDelayed, Due: now.Add(delay), At: now,
		Attempt: j.Attempt, Heard: j.News, Fault: text,
	}
	if j.Attempt <= times && !errors.Is(cause, ErrStep) {
		p.Entries = []Entry{d.entry(EntryFault, text)}
		return s.store.PostponeJob(ctx, p)
	}
	p.State, p.Due = JobIncident, Never
	p.Entries = []Entry{d.entry(EntryIncident, text)}
	e := system(j.Tenant).Event(now, "process.incident")
	e.Ref, e.Outcome = j.Run, "process.incident"
	e.Detail = map[string]string{"job": j.ID, "element": j.Element, "explanation": text}
	heard := Event{Kind: IncidentMade, Time: now, Tenant: j.Tenant, Run: j.Run, Job: j.ID, Status: Running, Text: text}
	if d.run != nil {
		e.User = d.run.Subject
		heard = eventOf(d.run, IncidentMade, now)
		heard.Job, heard.Text = j.ID, text
	}
	p.Events, p.Also = []audit.Event{e}, s.tell([]Event{heard})
	return s.store.PostponeJob(ctx, p)
}

// explain says for people why a job failed. What has no words for people is in the log.
func explain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("It took longer than %s.", workTime)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Public
	}
	return "Something unexpected happened. The server's log says what, under the job's id."
}

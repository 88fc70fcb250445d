package process

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/tenant"
)

// builder turns the effects of a step into rows.
type builder struct {
	s      *Service
	ctx    context.Context
	now    time.Time
	by     *tenant.Authority
	change *Change
	run    *Run // as it will be
	heard  []Event
}

// callParams is what a call hands over.
type callParams struct {
	Process   string                     `json:"process"`
	Variables map[string]json.RawMessage `json:"variables,omitempty"`
}

func (b *builder) add(e bpmn.Effect) error {
	switch e := e.(type) {
	case bpmn.DoTask:
		return b.addJob(Job{Token: e.Token, Element: e.Element.ID, Kind: WorkJob, Sync: !e.Element.Work.Async, Due: b.now}, e.Params)
	case bpmn.SetTimer:
		return b.addJob(Job{Token: e.Token, Element: e.Element.ID, Kind: TimerJob, Due: e.Due.UTC().Truncate(time.Millisecond)}, nil)
	case bpmn.StartCall:
		b.entry(Entry{Kind: EntryCalled, Element: e.Element.ID, Token: e.Token, Text: e.Process})
		return b.addJob(Job{Token: e.Token, Element: e.Element.ID, Kind: CallJob, Sync: true, Due: b.now}, callParams{e.Process, e.Variables})
	case bpmn.AskUser:
		return b.addTask(e)
	case bpmn.Await:
		b.entry(Entry{Kind: EntryWaiting, Element: e.Element.ID, Token: e.Token, Text: "for the message " + e.Message})
	case bpmn.Withdraw:
		b.withdraw(e.Token)
	case bpmn.Moved:
		b.entry(Entry{Kind: EntryKind(e.What), Element: e.Element.ID, Token: e.Token, Flow: e.Flow, Text: e.Text})
	case bpmn.Finish:
		b.finish(e.Ended)
	}
	return nil
}

func (b *builder) entry(e Entry) {
	e.At = b.now
	b.change.Entries = append(b.change.Entries, e)
}

func (b *builder) addJob(j Job, params any) error {
	j.ID, j.Tenant, j.Run, j.State, j.Created = newID(), b.run.Tenant, b.run.ID, JobReady, b.now
	if params != nil {
		text, err := json.Marshal(params)
		if err != nil {
			return ErrStep.Because(err)
		}
		j.Params = text
	}
	b.change.Jobs = append(b.change.Jobs, j)
	return nil
}

func (b *builder) addTask(e bpmn.AskUser) error {
	t := Task{
		ID: newID(), Tenant: b.run.Tenant, Run: b.run.ID, Root: b.run.Root, Definition: b.run.Definition, Version: b.run.Version,
		Token: e.Token, Element: e.Element.ID, Name: e.Element.Name, State: TaskOpen, Values: e.Defaults, Created: b.now,
	}
	if e.Element.Form != nil {
		t.Role = e.Element.Form.Role
	}
	text := ""
	switch {
	case e.Assignee != "":
		p, ok, err := b.s.people.PersonByName(b.ctx, b.run.Tenant, e.Assignee)
		if err != nil {
			return err
		}
		t.Assignee, t.AssigneeName = p.ID, e.Assignee
		if !ok {
			text = "no user has the name that it is assigned to"
		}
	case t.Role == "":
		if t.Assignee = b.run.Subject; t.Assignee == "" {
			text = "it is assigned to nobody, and the run is for nobody"
		}
	}
	b.change.Tasks = append(b.change.Tasks, t)
	b.entry(Entry{Kind: EntryTaskGiven, Element: t.Element, Token: t.Token, Text: text})
	heard := eventOf(b.run, TaskGiven, b.now)
	heard.Task = t.ID
	b.heard = append(b.heard, heard)
	return nil
}

// withdraw takes back what was begun for a token, by this very step too.
func (b *builder) withdraw(token int64) {
	c := b.change
	c.Clear = append(c.Clear, token)
	c.Jobs = slices.DeleteFunc(c.Jobs, func(j Job) bool { return j.Token == token })
	c.Tasks = slices.DeleteFunc(c.Tasks, func(t Task) bool { return t.Token == token })
}

func (b *builder) finish(ended bpmn.Ended) {
	r := b.run
	r.Status, r.Ended = statusOf(&ended), b.now
	b.change.Jobs, b.change.Tasks = nil, nil
	b.change.Return = r.ParentJob
	text := ended.Message
	if ended.Error != "" {
		text = ended.Error + ": " + text
	}
	by := system(r.Tenant)
	entry := Entry{Kind: EntryEnded, Element: ended.At, Text: text}
	if b.by != nil {
		by, entry.Actor = *b.by, b.by.Actor.String()
	}
	b.entry(entry)
	action := "process.ended"
	if r.Status == Cancelled {
		action = "process.cancelled"
	}
	e := runEvent(by, b.now, action, r)
	e.Detail["status"] = string(r.Status)
	if r.Status == Failed {
		e.Outcome = "process.failed"
		e.Detail["error"] = ended.Error
	}
	if r.Status == Cancelled && ended.Message != "" {
		e.Detail["reason"] = ended.Message
	}
	b.change.Events = append(b.change.Events, e)
	heard := eventOf(r, RunEnded, b.now)
	heard.Text = text
	b.heard = append(b.heard, heard)
}

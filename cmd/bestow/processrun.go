package main

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/process"
)

// runDocument is a run of a process in JSON.
type runDocument struct {
	ID         string                     `json:"id"`
	Definition string                     `json:"definition"`
	Version    int                        `json:"version"`
	Status     string                     `json:"status"`
	Subject    string                     `json:"subject,omitempty"` // user id
	Starter    string                     `json:"starter"`
	Error      string                     `json:"error,omitempty"`
	Message    string                     `json:"message,omitempty"`
	Incidents  int                        `json:"incidents"`
	Created    *time.Time                 `json:"created"`
	Ended      *time.Time                 `json:"ended,omitempty"`
	At         []string                   `json:"at,omitempty"` // elements where it stands
	Variables  map[string]json.RawMessage `json:"variables,omitempty"`
	Jobs       []jobDocument              `json:"jobs,omitempty"`
	Timeline   []entryDocument            `json:"timeline,omitempty"`
}

type jobDocument struct {
	ID      string     `json:"id"`
	Element string     `json:"element"`
	Kind    string     `json:"kind"`
	State   string     `json:"state"`
	Attempt int        `json:"attempt"`
	Due     *time.Time `json:"due,omitempty"`
	Fault   string     `json:"fault,omitempty"`
}

type entryDocument struct {
	Seq     int64      `json:"seq"`
	Time    *time.Time `json:"time"`
	Kind    string     `json:"kind"`
	Element string     `json:"element,omitempty"`
	Attempt int        `json:"attempt,omitempty"`
	Actor   string     `json:"actor,omitempty"`
	Text    string     `json:"text,omitempty"`
}

func fromRun(r *process.Run) runDocument {
	doc := runDocument{
		ID: r.ID, Definition: r.Definition, Version: r.Version, Status: string(r.Status), Subject: r.Subject,
		Starter: r.Starter.String(), Incidents: r.Incidents, Created: when(r.Created), Ended: when(r.Ended),
		Variables: r.State.Variables,
	}
	for _, t := range r.State.Tokens {
		doc.At = append(doc.At, t.Element)
	}
	if e := r.State.Ended; e != nil {
		doc.Error, doc.Message = e.Error, e.Message
	}
	return doc
}

// maxTimeline is how many entries of a run are shown.
const maxTimeline = 1000

// printRun shows a run with what is to be done and what was.
func (in *invocation) printRun(l *local, r *process.Run) error {
	doc := fromRun(r)
	jobs, err := l.Processes.Jobs(in.ctx, l.by, r.ID)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		d := jobDocument{ID: j.ID, Element: j.Element, Kind: string(j.Kind), State: string(j.State), Attempt: j.Attempt, Fault: j.Fault}
		if j.State != process.JobIncident {
			d.Due = when(j.Due)
		}
		doc.Jobs = append(doc.Jobs, d)
	}
	entries, err := l.Processes.Timeline(in.ctx, l.by, r.ID, 0, maxTimeline)
	if err != nil {
		return err
	}
	for _, e := range entries {
		doc.Timeline = append(doc.Timeline, entryDocument{
			Seq: e.Seq, Time: when(e.At), Kind: string(e.Kind), Element: e.Element, Attempt: e.Attempt, Actor: e.Actor, Text: e.Text,
		})
	}
	return in.print(doc, func(w io.Writer) { doc.rows(w, r) })
}

func (doc *runDocument) rows(w io.Writer, r *process.Run) {
	row(w, "id", doc.ID)
	row(w, "process", doc.Definition+" version "+cell(doc.Version))
	row(w, "status", strings.TrimSpace(doc.Status+" "+doc.Error+" "+legible(doc.Message)))
	row(w, "started", cell(r.Created)+" by "+doc.Starter)
	row(w, "ended", r.Ended)
	row(w, "stands at", strings.Join(doc.At, ", "))
	for _, name := range slices.Sorted(maps.Keys(doc.Variables)) {
		row(w, "variable "+name, legible(string(doc.Variables[name])))
	}
	for _, j := range doc.Jobs {
		what := j.State + ": " + j.Kind + " " + j.Element
		if j.Fault != "" {
			what += ": " + legible(j.Fault)
		}
		row(w, "job "+j.ID, what)
	}
	for _, e := range doc.Timeline {
		row(w, cell(e.Time.Local().Format("15:04:05.000")), strings.Join(strings.Fields(e.Kind+" "+e.Element+" "+legible(e.Text)+" "+e.Actor), " "))
	}
}

type processListCmd struct {
	scope
	Definition string `help:"Only runs of this process." placeholder:"KEY"`
	Status     string `help:"Only those that are so." enum:",running,completed,failed,cancelled" default:"" placeholder:"STATUS"`
	Incidents  bool   `help:"Only those that need somebody's help."`
	Limit      int    `help:"How many at most." default:"100"`
}

func (processListCmd) Help() string { return "Example:\n  bestow process list --incidents" }

// Run lists runs, the newest first.
func (c processListCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		list, more, err := collectPages(c.Limit, func(after string, limit int) ([]process.Run, string, error) {
			page, err := l.Processes.Runs(in.ctx, l.by, process.RunFilter{
				Definition: c.Definition, Status: process.Status(c.Status), Incidents: c.Incidents, After: after, Limit: limit,
			})
			if err != nil {
				return nil, "", err
			}
			return page.Runs, page.Next, nil
		})
		if err != nil {
			return err
		}
		docs := []runDocument{}
		for i := range list {
			docs = append(docs, fromRun(&list[i]))
		}
		defer in.tellMore(more)
		return in.print(docs, func(w io.Writer) {
			row(w, "ID", "PROCESS", "VERSION", "STATUS", "INCIDENTS", "STARTED", "ENDED", "BY")
			for _, r := range list {
				row(w, r.ID, r.Definition, r.Version, string(r.Status), r.Incidents, r.Created, r.Ended, r.Starter.String())
			}
		})
	})
}

type processShowCmd struct {
	scope
	ID string `arg:"" help:"The run's id, as the list shows it."`
}

func (processShowCmd) Help() string {
	return "Links and other secrets among its variables are not shown.\n\nExample:\n  bestow process show 4QGFJ2YV7KX3M5T6ZB8WAHCRDN"
}

// Run shows the run.
func (c processShowCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		r, err := l.Processes.GetRun(in.ctx, l.by, c.ID)
		if err != nil {
			return err
		}
		return in.printRun(l, r)
	})
}

type processRetryCmd struct {
	scope
	Job string `arg:"" help:"The job's id, as show tells it."`
}

func (processRetryCmd) Help() string {
	return "Example:\n  bestow process retry 7TQGX3M5KZB8WAHCRDN4FJ2YVK"
}

// Run has the job tried again.
func (c processRetryCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		if err := l.Processes.Retry(in.ctx, l.by, c.Job); err != nil {
			return err
		}
		return in.done("retried", c.Job)
	})
}

type processSkipCmd struct {
	scope
	Job string            `arg:"" help:"The job's id, as show tells it."`
	Var map[string]string `help:"What the task would have set, as name=value." placeholder:"NAME=VALUE" mapsep:"none"`
}

func (processSkipCmd) Help() string {
	return "Example:\n  bestow process skip 7TQGX3M5KZB8WAHCRDN4FJ2YVK --var fidoCredentialId=none"
}

// Run has the run go on without the task.
func (c processSkipCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		outputs := map[string]json.RawMessage{}
		for name, value := range c.Var {
			outputs[name] = asVariable(value)
		}
		r, err := l.Processes.Skip(in.ctx, l.by, c.Job, outputs)
		if err != nil {
			return err
		}
		return in.printRun(l, r)
	})
}

type processCancelCmd struct {
	scope
	ID     string `arg:"" help:"The run's id."`
	Reason string `help:"Why; kept with it and in the audit trail." placeholder:"TEXT"`
}

func (processCancelCmd) Help() string {
	return "Example:\n  bestow process cancel 4QGFJ2YV7KX3M5T6ZB8WAHCRDN --reason \"started by mistake\""
}

// Run cancels the run.
func (c processCancelCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		r, err := l.Processes.Cancel(in.ctx, l.by, c.ID, c.Reason)
		if err != nil {
			return err
		}
		return in.printRun(l, r)
	})
}

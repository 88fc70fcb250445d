package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
)

// taskDocument is a person's task in JSON, without what stands in its form: links may be
// among that.
type taskDocument struct {
	ID         string          `json:"id"`
	Run        string          `json:"run"`
	Definition string          `json:"definition"`
	Version    int             `json:"version"`
	Element    string          `json:"element"`
	Name       string          `json:"name"`
	Assignee   string          `json:"assignee,omitempty"` // user id
	User       string          `json:"user,omitempty"`     // their login name
	Role       string          `json:"role,omitempty"`
	TakenBy    string          `json:"takenBy,omitempty"`
	Page       string          `json:"page,omitempty"` // of the program, in place of fields
	Fields     []fieldDocument `json:"fields,omitempty"`
	Created    *time.Time      `json:"created"`
}

type fieldDocument struct {
	Name     string         `json:"name"`
	Label    string         `json:"label,omitempty"`
	Type     bpmn.FieldType `json:"type"`
	Required bool           `json:"required,omitempty"`
	ReadOnly bool           `json:"readOnly,omitempty"`
	Options  []string       `json:"options,omitempty"`
}

func fromTask(t *process.Task, user string) taskDocument {
	doc := taskDocument{
		ID: t.ID, Run: t.Run, Definition: t.Definition, Version: t.Version, Element: t.Element, Name: t.Name,
		Assignee: t.Assignee, User: user, Role: t.Role, TakenBy: t.TakenBy, Page: t.Form.Key, Created: when(t.Created),
	}
	for _, f := range t.Form.Fields {
		d := fieldDocument{Name: f.Name, Label: f.Label, Type: f.Type, Required: f.Required, ReadOnly: f.ReadOnly}
		for _, o := range f.Options {
			d.Options = append(d.Options, o.Value)
		}
		doc.Fields = append(doc.Fields, d)
	}
	return doc
}

// whose says in a table whom a task is for.
func (d *taskDocument) whose() string {
	switch {
	case d.User != "":
		return legible(d.User)
	case d.Role != "":
		return "any " + legible(d.Role)
	}
	return ""
}

type processTasksCmd struct {
	scope
	User  string `help:"Only those of this user, by login name." placeholder:"NAME"`
	Role  string `help:"Only those that operators of this role may do." placeholder:"ROLE"`
	OfRun string `help:"Only those of this run." placeholder:"ID" name:"run"`
	Limit int    `help:"How many at most." default:"100"`
}

func (processTasksCmd) Help() string {
	return `The JSON tells what their forms ask for.

Examples:
  bestow process tasks
  bestow process tasks --user alice@example.com --json`
}

// Run lists open tasks, the oldest first.
func (c processTasksCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		filter := process.TaskFilter{Role: c.Role, Run: c.OfRun}
		if c.User != "" {
			u, err := l.Credentials.User(in.ctx, l.by, credential.ByName(c.User))
			if err != nil {
				return err
			}
			filter.Assignee = string(u.ID)
		}
		list, more, err := collectPages(c.Limit, func(after string, limit int) ([]process.Task, string, error) {
			filter.After, filter.Limit = after, limit
			page, err := l.Processes.Tasks(in.ctx, l.by, filter)
			if err != nil {
				return nil, "", err
			}
			return page.Tasks, page.Next, nil
		})
		if err != nil {
			return err
		}
		docs, err := l.taskDocuments(list)
		if err != nil {
			return err
		}
		defer in.tellMore(more)
		return in.printForeign(docs, func(w io.Writer) {
			row(w, "ID", "TASK", "FOR", "TAKEN BY", "PROCESS", "RUN", "SINCE")
			for i, d := range docs {
				row(w, d.ID, legible(d.Name), d.whose(), legible(d.TakenBy), d.Definition, d.Run, list[i].Created)
			}
		})
	})
}

// taskDocuments are tasks with the login names of whom they are for. A user who is gone
// has none.
func (l *local) taskDocuments(list []process.Task) ([]taskDocument, error) {
	docs, names := []taskDocument{}, map[string]string{"": ""}
	for i := range list {
		id := list[i].Assignee
		if _, known := names[id]; !known {
			u, err := l.Credentials.User(l.in.ctx, l.by, credential.ByID(credential.UserID(id)))
			switch {
			case err == nil:
				names[id] = u.Name
			case errors.Is(err, credential.ErrUserUnknown):
				names[id] = ""
			default:
				return nil, err
			}
		}
		docs = append(docs, fromTask(&list[i], names[id]))
	}
	return docs, nil
}

type processTaskLinkCmd struct {
	scope
	Task string        `arg:"" help:"The task's id, as bestow process tasks shows it."`
	Life time.Duration `help:"How long the link works, from a minute to seven days." default:"24h"`
}

func (processTaskLinkCmd) Help() string {
	return `Whoever opens the link may do this task, and nothing else, in place of the user whom it is
for: send it the way you would send a password. It works once, in one browser; one that
was made for the task before is void. Nobody makes one for themselves.

Example:
  bestow process task-link 7TQGX3M5KZB8WAHCRDN4FJ2YVK --life 1h`
}

// Run prints the link.
func (c processTaskLinkCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		made, err := l.Processes.CreateTaskLink(in.ctx, l.by, c.Task, c.Life)
		if err != nil {
			return err
		}
		link := l.TaskURL() + "#" + made.Secret
		doc := map[string]any{"link": link, "expires": made.Link.Expires, "task": made.Link.Task, "run": made.Link.Run}
		return in.print(doc, func(w io.Writer) {
			fmt.Fprintln(w, link)
			fmt.Fprintf(w, "It works once, until %s.\n", cell(made.Link.Expires))
		})
	})
}

type processCompleteCmd struct {
	scope
	Task string            `arg:"" help:"The task's id, as bestow process tasks shows it."`
	Var  map[string]string `help:"What to fill in, as field=value." placeholder:"FIELD=VALUE" mapsep:"none"`
}

func (processCompleteCmd) Help() string {
	return `For tasks that operators of a role may do. What is asked of a user, only they can answer:
see bestow process task-link.

Example:
  bestow process complete 7TQGX3M5KZB8WAHCRDN4FJ2YVK --var approved=true`
}

// Run hands in the form, and shows how the run stands then.
func (c processCompleteCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		t, err := l.Processes.Task(in.ctx, l.by, c.Task)
		if err != nil {
			return err
		}
		values := make(map[string]json.RawMessage)
		for name, value := range c.Var {
			values[name] = asField(t.Form.Fields, name, value)
		}
		r, err := l.Processes.CompleteTask(in.ctx, l.by, c.Task, values)
		if err != nil {
			return err
		}
		return in.printRun(l, r)
	})
}

// asField is what a field is filled in with on the command line: as JSON for a number or
// yes and no, otherwise text, however much it looks like a number.
func asField(fields []bpmn.Field, name, value string) json.RawMessage {
	i := slices.IndexFunc(fields, func(f bpmn.Field) bool { return f.Name == name })
	if i >= 0 && (fields[i].Type == bpmn.NumberField || fields[i].Type == bpmn.BooleanField) {
		return asVariable(value)
	}
	text, _ := json.Marshal(value) // a string always has a JSON form
	return text
}

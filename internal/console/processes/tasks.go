package processes

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/console"
	"bestow.dev/internal/process"
)

// taskRow is a task as a list shows it.
type taskRow struct {
	process.Task
	Process string // what the process is called
	For     console.Party
	Taken   console.Party
	Mine    bool // it is the operator's to do
	IsTaken bool // by anybody
	ByMe    bool
}

type tasksPage struct {
	Mine, Others []taskRow
	Next         string // path of the page after it; empty on the last
}

// tasks lists open tasks, the oldest first: those that the operator may do before those
// of others.
func (d *door) tasks(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	list, err := d.Processes.Tasks(r.Context(), o.By, process.TaskFilter{After: r.URL.Query().Get("after"), Limit: tasksOnPage})
	if err != nil {
		return err
	}
	rows, err := d.taskRows(r.Context(), o, list.Tasks)
	if err != nil {
		return err
	}
	var p tasksPage
	for _, row := range rows {
		if row.Mine {
			p.Mine = append(p.Mine, row)
		} else {
			p.Others = append(p.Others, row)
		}
	}
	if list.Next != "" {
		p.Next = tasksPath + "?" + url.Values{"after": {list.Next}}.Encode()
	}
	return show(w, o, console.View{Name: "tasks.html", Title: "tasks.title", Data: p})
}

func (d *door) taskRows(ctx context.Context, o *console.Operator, list []process.Task) ([]taskRow, error) {
	names := o.Names()
	var rows []taskRow
	for i := range list {
		row, err := d.taskRow(ctx, o, names, &list[i])
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (d *door) taskRow(ctx context.Context, o *console.Operator, names *console.Names, t *process.Task) (row taskRow, err error) {
	row = taskRow{Task: *t, IsTaken: t.TakenBy != "", ByMe: t.TakenBy == o.By.Actor.String()}
	row.Name = called(t.Name, t.Element)
	if row.Mine, err = d.Processes.MayDo(ctx, o.By, t); err != nil {
		return row, err
	}
	if row.For, err = names.User(ctx, t.Assignee); err != nil {
		return row, err
	}
	if t.Assignee == "" {
		row.For.Name = t.AssigneeName
	}
	if row.Taken, err = names.Actor(ctx, t.TakenBy); err != nil {
		return row, err
	}
	v, err := d.Processes.Parsed(ctx, o.By, t.Definition, t.Version)
	if err != nil {
		return row, err
	}
	row.Process = called(v.Name, t.Definition)
	return row, nil
}

type taskPage struct {
	taskRow
	Documentation string
	Fields        []field
	Given         []variable // values of a page of the program, which has no fields here
	Open          bool
	DoneByParty   console.Party
	MayLink       bool
	Link          string // made just now; shown this once
	Expires       time.Time
	Problem       *problem
}

// task shows a task: its form to whoever may do it, and to others what it is about.
func (d *door) task(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	p, err := d.taskPage(r, o)
	if err != nil {
		return err
	}
	return showTask(w, o, p)
}

func showTask(w http.ResponseWriter, o *console.Operator, p *taskPage) error {
	return show(w, o, console.View{
		Name: "task.html", Title: "task.title", Data: p, Status: p.Problem.statusOf(), Scripts: []string{console.Root + "/assets/copy.js"},
	})
}

func (d *door) taskPage(r *http.Request, o *console.Operator) (*taskPage, error) {
	ctx := r.Context()
	t, err := d.Processes.Task(ctx, o.By, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	names := o.Names()
	p := &taskPage{Open: t.State == process.TaskOpen}
	if p.taskRow, err = d.taskRow(ctx, o, names, t); err != nil {
		return nil, err
	}
	if p.DoneByParty, err = names.Actor(ctx, t.DoneBy); err != nil {
		return nil, err
	}
	parsed, err := d.Processes.Parsed(ctx, o.By, t.Definition, t.Version)
	if err != nil {
		return nil, err
	}
	if e := parsed.Elements[t.Element]; e != nil {
		p.Documentation = e.Documentation
	}
	p.MayLink = p.Open && t.Assignee != ""
	if p.Mine && p.Open {
		p.Fields = fieldsOf(&t.Form, t.Values, "")
		if t.Form.Key != "" {
			p.Given = variablesOf(t.Values)
		}
	}
	return p, nil
}

// completeTask hands in the form of a task.
func (d *door) completeTask(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	return d.act(w, r, o, func(form *bpmn.Form) error {
		_, err := d.Processes.CompleteTask(r.Context(), o.By, r.PathValue("id"), readFields(form, r.PostForm))
		return err
	})
}

// takeTask has the operator do a task of their role, so that nobody else does.
func (d *door) takeTask(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	return d.act(w, r, o, func(*bpmn.Form) error { return d.Processes.TakeTask(r.Context(), o.By, r.PathValue("id")) })
}

func (d *door) giveTaskBack(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	return d.act(w, r, o, func(*bpmn.Form) error { return d.Processes.GiveTaskBack(r.Context(), o.By, r.PathValue("id")) })
}

// act does something with a task and leads back to it. What was refused is told there,
// beside what was filled in.
func (d *door) act(w http.ResponseWriter, r *http.Request, o *console.Operator, do func(form *bpmn.Form) error) error {
	if err := console.ReadForm(w, r, maxFormBytes); err != nil {
		return err
	}
	t, err := d.Processes.Task(r.Context(), o.By, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err = do(&t.Form); err == nil {
		http.Redirect(w, r, tasksPath+"/"+url.PathEscape(t.ID), http.StatusSeeOther)
		return nil
	}
	trouble, err := refused(r, o, err)
	if err != nil {
		return err
	}
	p, err := d.taskPage(r, o)
	if err != nil {
		return err
	}
	p.Problem = trouble
	for i := range p.Fields {
		p.Fields[i].Wrong = p.Fields[i].Name == trouble.Field
	}
	if r.PostForm.Has("filled") {
		p.Fields = refilled(p.Fields, r.PostForm)
	}
	return showTask(w, o, p)
}

// linkTask makes a link for the person whom a task is for, and shows it: this once, since
// nobody keeps it.
func (d *door) linkTask(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	if err := console.ReadForm(w, r, maxFormBytes); err != nil {
		return err
	}
	hours, err := strconv.Atoi(r.PostForm.Get("hours"))
	if err != nil || hours < 1 || hours > 24*7 {
		return process.ErrLinkLife.At("hours")
	}
	made, err := d.Processes.CreateTaskLink(r.Context(), o.By, r.PathValue("id"), time.Duration(hours)*time.Hour)
	var trouble *problem
	if err != nil {
		if trouble, err = refused(r, o, err); err != nil {
			return err
		}
	}
	p, err := d.taskPage(r, o)
	if err != nil {
		return err
	}
	if p.Problem = trouble; trouble == nil {
		p.Link, p.Expires = d.TaskURL+made.Secret, made.Link.Expires
	}
	return showTask(w, o, p)
}

package processes

import (
	"bytes"
	"context"
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"unicode/utf8"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/console"
	"bestow.dev/internal/process"
)

// Limits of what a run's page shows.
const (
	entriesRead    = 1000 // at a time
	entriesMax     = 20 * entriesRead
	entriesShown   = 100
	childrenShown  = 100
	valueChars     = 2000
	secretVariable = `"(secret)"` // what GetRun has in the place of a secret
)

// runPage is a run: where it stands, what it came by, what it needs.
type runPage struct {
	Run            *process.Run
	Name           string // of the process
	Subject        console.Party
	Starter        console.Party
	Running        bool
	Stands         []string // names of the elements where it stands
	EndedAt        string
	Picture        template.HTML
	Incidents      []jobRow
	Jobs           []jobRow
	Tasks          []taskRow
	Timeline       []step
	Hidden         int // steps that are not shown
	Variables      []variable
	Children       []process.Run
	Problem        *problem
	Typed          typed
	Seen           string // names what the live part shows
	definition     *bpmn.Definition
	entries        []process.Entry
	allIsWanted    bool
	callsProcesses bool
}

// typed is what was filled in to help with an incident, or to end the run.
type typed struct{ Job, Outputs, Reason string }

type jobRow struct {
	process.Job
	Name string // of its element
	Due  bool   // it has a time at which something happens
	Skip bool   // its work can be skipped
}

type variable struct {
	Name, Value string
	Secret      bool
}

// run shows a run.
func (d *door) run(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	return d.showRun(w, r, o, nil, typed{})
}

func (d *door) showRun(w http.ResponseWriter, r *http.Request, o *console.Operator, trouble *problem, t typed) error {
	p, err := d.runPage(r.Context(), o, r.PathValue("id"), r.URL.Query().Get("timeline") == "all")
	if err != nil {
		return err
	}
	_, p.Seen, err = livePart(o, p)
	if err != nil {
		return err
	}
	p.Problem, p.Typed = trouble, t
	return show(w, o, console.View{
		Name: "run.html", Title: "run.title", Data: p, Status: trouble.statusOf(), Scripts: []string{console.Root + "/assets/run.js"},
	})
}

// runPage reads all that is known of a run.
func (d *door) runPage(ctx context.Context, o *console.Operator, id string, all bool) (*runPage, error) {
	run, err := d.Processes.GetRun(ctx, o.By, id)
	if err != nil {
		return nil, err
	}
	p := &runPage{Run: run, Running: run.Status == process.Running, Variables: variablesOf(run.State.Variables), allIsWanted: all}
	var picture bpmn.Picture
	if p.definition, picture, err = d.Processes.Drawing(ctx, o.By, id); err != nil {
		return nil, err
	}
	p.Name = called(p.definition.Name, run.Definition)
	if p.entries, err = d.entries(ctx, o, id); err != nil {
		return nil, err
	}
	jobs, err := d.Processes.Jobs(ctx, o.By, id)
	if err != nil {
		return nil, err
	}
	p.Picture = draw(o, p.definition, picture)
	p.addJobs(jobs)
	for _, t := range run.State.Tokens {
		p.Stands = append(p.Stands, nameOf(p.definition, t.Element))
	}
	if e := run.State.Ended; e != nil {
		p.EndedAt = nameOf(p.definition, e.At)
	}
	return p, d.addOthers(ctx, o, p)
}

// addOthers adds who and what else a run has to do with.
func (d *door) addOthers(ctx context.Context, o *console.Operator, p *runPage) (err error) {
	names := o.Names()
	if p.Subject, err = names.User(ctx, p.Run.Subject); err != nil {
		return err
	}
	if p.Starter, err = names.Actor(ctx, p.Run.Starter.String()); err != nil {
		return err
	}
	if err := p.addTimeline(ctx, names); err != nil {
		return err
	}
	if p.Running {
		list, err := d.Processes.Tasks(ctx, o.By, process.TaskFilter{Run: p.Run.ID, Limit: tasksOnPage})
		if err != nil {
			return err
		}
		if p.Tasks, err = d.taskRows(ctx, o, list.Tasks); err != nil {
			return err
		}
	}
	if p.callsProcesses {
		list, err := d.Processes.Runs(ctx, o.By, process.RunFilter{Parent: p.Run.ID, Limit: childrenShown})
		if err != nil {
			return err
		}
		p.Children = list.Runs
	}
	return nil
}

// entries returns the timeline of a run; of one that is endless, the beginning.
func (d *door) entries(ctx context.Context, o *console.Operator, id string) (all []process.Entry, err error) {
	for after := int64(0); len(all) < entriesMax; {
		some, err := d.Processes.Timeline(ctx, o.By, id, after, entriesRead)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) < entriesRead {
			break
		}
		after = some[len(some)-1].Seq
	}
	return all, nil
}

func (p *runPage) addJobs(jobs []process.Job) {
	for _, j := range jobs {
		row := jobRow{
			Job: j, Name: nameOf(p.definition, j.Element), Skip: j.Kind == process.WorkJob,
			Due: j.State != process.JobIncident && j.Due.Before(process.Never),
		}
		if j.State == process.JobIncident {
			p.Incidents = append(p.Incidents, row)
			continue
		}
		p.Jobs = append(p.Jobs, row)
	}
}

// variablesOf returns variables by name. What is secret is said to be there, and no more.
func variablesOf(vars map[string]json.RawMessage) (list []variable) {
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		v := vars[name]
		shown := variable{Name: name, Secret: string(v) == secretVariable}
		if !shown.Secret {
			shown.Value = indented(v)
		}
		list = append(list, shown)
	}
	return list
}

// indented is a value as people read it, cut where it is very long.
func indented(v json.RawMessage) string {
	text := plain(v)
	var b bytes.Buffer
	if text == string(v) && json.Indent(&b, v, "", "  ") == nil {
		text = b.String()
	}
	if utf8.RuneCountInString(text) > valueChars {
		text = string([]rune(text)[:valueChars]) + "…"
	}
	return text
}

package processes

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"bestow.dev/internal/console"
	"bestow.dev/internal/process"
)

// How much a page shows at once.
const (
	runsOnPage  = 50
	tasksOnPage = 50
)

type runRow struct {
	process.Run
	Name    string // of the process
	Subject console.Party
}

type runsPage struct {
	Definition, Status, User string
	Incidents                bool
	Definitions              []process.Version
	Statuses                 []process.Status
	Runs                     []runRow
	Next                     string // path of the page after it; empty on the last
	NoUser                   bool   // nobody is called as was asked
}

// runs lists runs, the newest first, those that the filters leave.
func (d *door) runs(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	query := r.URL.Query()
	p := runsPage{
		Definition: query.Get("process"), Status: query.Get("status"), User: strings.TrimSpace(query.Get("user")), Incidents: query.Has("incidents"),
		Statuses: []process.Status{process.Running, process.Completed, process.Failed, process.Cancelled},
	}
	var err error
	if p.Definitions, err = d.Processes.Definitions(r.Context(), o.By); err != nil {
		return err
	}
	f := process.RunFilter{
		Definition: p.Definition, Status: process.Status(p.Status), Incidents: p.Incidents, After: query.Get("after"), Limit: runsOnPage,
	}
	if p.User != "" {
		f.Subject, err = d.userNamed(r.Context(), o, p.User)
		p.NoUser = errors.Is(err, process.ErrSubject)
		if err != nil && !p.NoUser {
			return err
		}
	}
	if !p.NoUser {
		list, err := d.Processes.Runs(r.Context(), o.By, f)
		if err != nil {
			return err
		}
		if p.Runs, err = d.runRows(r, o, p.Definitions, list.Runs); err != nil {
			return err
		}
		if list.Next != "" {
			query.Set("after", list.Next)
			p.Next = runsPath + "?" + query.Encode()
		}
	}
	return show(w, o, console.View{Name: "runs.html", Title: "runs.title", Data: p})
}

func (d *door) runRows(r *http.Request, o *console.Operator, known []process.Version, list []process.Run) ([]runRow, error) {
	titles := make(map[string]string)
	for _, v := range known {
		titles[v.Key] = v.Name
	}
	names := o.Names()
	var rows []runRow
	for _, run := range list {
		subject, err := names.User(r.Context(), run.Subject)
		if err != nil {
			return nil, err
		}
		rows = append(rows, runRow{Run: run, Name: called(titles[run.Definition], run.Definition), Subject: subject})
	}
	return rows, nil
}

// runURL is the page of a run.
func runURL(id string) string { return runsPath + "/" + url.PathEscape(id) }

package task

import (
	"cmp"
	"html/template"
	"net/http"
	"net/url"

	"bestow.dev/internal/page"
	"bestow.dev/internal/page/signin"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

type startPage struct {
	Possible bool   // somebody can sign in
	To       string // where that leads
	Words    template.HTML
}

type listPage struct {
	Person string
	Tasks  []taskRow
	Next   string // URL of the page after it; empty: none
	SignUp bool   // signed in here, so that they may sign out here
	Words  template.HTML
}

type taskRow struct {
	Path, Name string
	Since      string
	Role       string // empty: it is theirs
	Taken      bool   // by them
	TakenElse  bool   // by somebody else
}

// start lists the tasks of who is signed in, and otherwise is where one signs in. Both hold
// what a link leads to.
func (f *front) start(w http.ResponseWriter, r *http.Request) error {
	all, err := f.people(r, false)
	if err != nil {
		return err
	}
	words, err := signin.Words(page.Language(r))
	if err != nil {
		return err
	}
	p := listPage{Words: words}
	for i := range all {
		if all[i].Name == "" {
			continue // a link is for the page that it leads to
		}
		p.Person = cmp.Or(p.Person, all[i].Name)
		p.SignUp = p.SignUp || !all[i].isOperator()
		if err := f.list(r, &all[i], &p); err != nil {
			return err
		}
	}
	if p.Person == "" {
		return show(w, r, "start.html", startPage{f.RelyingParty != "", pathBack(r.URL.Query().Get("to")), words})
	}
	return show(w, r, "list.html", p)
}

// list adds the tasks of one person to a page.
func (f *front) list(r *http.Request, who *person, p *listPage) error {
	if !who.isOperator() {
		tasks, err := f.Processes.Tasks(r.Context(), who.By, process.TaskFilter{After: r.URL.Query().Get("after")})
		if err != nil {
			return err
		}
		p.add(who, tasks.Tasks)
		if tasks.Next != "" {
			p.Next = Root + "?after=" + url.QueryEscape(tasks.Next)
		}
		return nil
	}
	for _, role := range tenant.Roles() {
		if !who.By.Covers(role) || who.By.Require(tenant.ScopeProcessRun, "") != nil {
			continue
		}
		tasks, err := f.Processes.Tasks(r.Context(), who.By, process.TaskFilter{Role: string(role)})
		if err != nil {
			return err
		}
		p.add(who, tasks.Tasks)
	}
	return nil
}

func (p *listPage) add(who *person, tasks []process.Task) {
	for i := range tasks {
		t := &tasks[i]
		p.Tasks = append(p.Tasks, taskRow{
			Path: pathOf(t.ID), Name: cmp.Or(t.Name, t.Element), Since: t.Created.UTC().Format("2006-01-02 15:04"), Role: t.Role,
			Taken: t.TakenBy == who.By.Actor.String(), TakenElse: t.TakenBy != "" && t.TakenBy != who.By.Actor.String(),
		})
	}
}

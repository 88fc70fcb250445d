package processes

import (
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"strings"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/console"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
)

// candidatesShown is how many users are offered for a name that is none.
const candidatesShown = 10

type startPage struct {
	Key         string // of the process
	Name        string
	Once        string // names this start, so that a form that is sent twice starts once
	User        string
	Candidates  []credential.User
	Fields      []field
	Variables   string
	SelfService bool
	Problem     *problem
}

func (d *door) startForm(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	p, form, err := d.startPage(r, o)
	if err != nil {
		return err
	}
	p.Once, p.User = rand.Text(), r.URL.Query().Get("user")
	p.Fields = fieldsOf(form, nil, "")
	return show(w, o, console.View{Name: "start.html", Title: "start.title", Data: p})
}

// startPage returns what the form of a process has before anything is filled in.
func (d *door) startPage(r *http.Request, o *console.Operator) (startPage, *bpmn.Form, error) {
	v, err := d.Processes.Definition(r.Context(), o.By, r.PathValue("key"), 0)
	if err != nil {
		return startPage{}, nil, err
	}
	parsed, err := d.Processes.Parsed(r.Context(), o.By, v.Key, v.Version)
	if err != nil {
		return startPage{}, nil, err
	}
	p := startPage{Key: v.Key, Name: called(v.Name, v.Key), SelfService: v.SelfService}
	return p, parsed.Elements[parsed.Start].Form, nil
}

// called is a name, or what stands for it where there is none.
func called(name, otherwise string) string {
	if name = strings.TrimSpace(name); name != "" {
		return name
	}
	return otherwise
}

func (d *door) start(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	if err := console.ReadForm(w, r, maxFormBytes); err != nil {
		return err
	}
	p, form, err := d.startPage(r, o)
	if err != nil {
		return err
	}
	p.Once, p.User, p.Variables = r.PostForm.Get("once"), strings.TrimSpace(r.PostForm.Get("user")), r.PostForm.Get("variables")
	if picked := r.PostForm.Get("pick"); picked != "" {
		p.User = picked
	}
	run, err := d.startBy(r, o, &p, form)
	if err == nil {
		http.Redirect(w, r, runURL(run.ID), http.StatusSeeOther)
		return nil
	}
	if errors.Is(err, process.ErrSubject) {
		if p.Candidates, err = d.candidates(r, o, p.User); err != nil {
			return err
		}
		err = process.ErrSubject
	}
	if errors.Is(err, process.ErrIdempotency) {
		p.Once = rand.Text() // somebody went back and changed it: that is another start
	}
	if p.Problem, err = refused(r, o, err); err != nil {
		return err
	}
	p.Fields = fieldsOf(form, nil, p.Problem.Field)
	p.Fields = refilled(p.Fields, r.PostForm)
	return show(w, o, console.View{Name: "start.html", Title: "start.title", Data: p, Status: p.Problem.status})
}

// startBy starts the process with what was filled in.
func (d *door) startBy(r *http.Request, o *console.Operator, p *startPage, form *bpmn.Form) (*process.Run, error) {
	in := process.Start{Definition: p.Key, SubjectName: p.User, Key: p.Once}
	var err error
	if in.Variables, err = readVariables(p.Variables); err != nil {
		return nil, err
	}
	maps.Copy(in.Variables, readFields(form, r.PostForm))
	return d.Processes.Start(r.Context(), o.By, in)
}

// candidates are users whose name has what was typed in it.
func (d *door) candidates(r *http.Request, o *console.Operator, name string) ([]credential.User, error) {
	list, err := d.Credentials.Users(r.Context(), o.By, credential.UserQuery{Search: name, Limit: candidatesShown})
	if err != nil {
		return nil, err
	}
	return list.Users, nil
}

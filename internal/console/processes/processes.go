// Package processes is the pages of the console about identity processes: definitions and
// their pictures, runs and where they stand, incidents and what can be done about them, and
// the tasks of people.
//
//	err := processes.Add(c, processes.Config{Processes: service, Credentials: users, TaskURL: "https://id.example.com/task#"})
//
// Who may do what is decided by [process.Service]; a page shows a button where the call
// behind it would be let in. Everything works without scripts: they keep a run's page
// up to date, and copy a link.
package processes

import (
	"context"
	"embed"
	"errors"
	"net/http"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/console"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/page"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

//go:embed assets
var assets embed.FS

var pages = page.Parse(assets, texts, "assets/*.html")

// Where the pages are.
const (
	definitionsPath = console.Root + "/processes"
	deployPath      = console.Root + "/deploy"
	runsPath        = console.Root + "/runs"
	tasksPath       = console.Root + "/tasks"
)

// Config is what the pages are made of.
type Config struct {
	Processes   *process.Service    // required
	Credentials *credential.Service // required; it knows users by their names

	// Wakeups say when a run has changed. Nil: an open page looks by itself now and then.
	Wakeups process.Wakeups

	// TaskURL is what the secret of a link to a task is put behind, such as
	// https://id.example.com/task#. Required.
	TaskURL string
}

type door struct{ Config }

// Add adds the pages to c. It returns an error if cfg is incomplete.
func Add(c *console.Console, cfg Config) error {
	if cfg.Processes == nil || cfg.Credentials == nil || cfg.TaskURL == "" {
		return errors.New("processes: processes, credentials and the URL of tasks are required")
	}
	for _, name := range []string{"processes.css", "run.js", "copy.js"} {
		content, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return err
		}
		c.AddAsset(name, content)
	}
	c.AddAsset("bpmn.css", []byte(bpmn.Style())) // pages allow no style within them
	c.AddWords(faultTexts)
	d := &door{cfg}
	for _, p := range []console.Page{
		{Pattern: "GET " + definitionsPath, Menu: texts["definitions.menu"], Serve: d.definitions},
		{Pattern: "GET " + definitionsPath + "/{key}", Serve: d.definition},
		{Pattern: "GET " + definitionsPath + "/{key}/xml", Serve: d.definitionText},
		{Pattern: "GET " + definitionsPath + "/{key}/start", Serve: d.startForm},
		{Pattern: "POST " + definitionsPath + "/{key}/start", Serve: d.start},
		{Pattern: "GET " + deployPath, Scope: tenant.ScopeProcessDeploy, Serve: d.deployForm},
		{Pattern: "POST " + deployPath, Scope: tenant.ScopeProcessDeploy, Serve: d.deploy},
		{Pattern: "GET " + runsPath, Menu: texts["runs.menu"], Serve: d.runs},
		{Pattern: "GET " + runsPath + "/{id}", Serve: d.run},
		{Pattern: "GET " + runsPath + "/{id}/live", Background: true, Serve: d.live},
		{Pattern: "POST " + runsPath + "/{id}/retry", Serve: d.retry},
		{Pattern: "POST " + runsPath + "/{id}/skip", Serve: d.skip},
		{Pattern: "POST " + runsPath + "/{id}/end", Serve: d.end},
		{Pattern: "GET " + tasksPath, Menu: texts["tasks.menu"], Serve: d.tasks},
		{Pattern: "GET " + tasksPath + "/{id}", Serve: d.task},
		{Pattern: "POST " + tasksPath + "/{id}", Serve: d.completeTask},
		{Pattern: "POST " + tasksPath + "/{id}/take", Serve: d.takeTask},
		{Pattern: "POST " + tasksPath + "/{id}/back", Serve: d.giveTaskBack},
		{Pattern: "POST " + tasksPath + "/{id}/link", Serve: d.linkTask},
	} {
		if p.Scope == "" {
			p.Scope = tenant.ScopeProcessRun // each role that deploys may run, too
		}
		if err := c.Add(p); err != nil {
			return err
		}
	}
	return nil
}

// show answers with a page of ours.
func show(w http.ResponseWriter, o *console.Operator, v console.View) error {
	v.Pages = pages
	v.Styles = []string{console.Root + "/assets/bpmn.css", console.Root + "/assets/processes.css"}
	return o.Show(w, v)
}

// problem is a refusal that a page tells of, beside what was filled in.
type problem struct {
	Words  string // in the operator's language
	Detail string // what the refusal says itself; empty if that is no more
	Field  string // the form's field it is about; empty for none
	Code   string
	status int
}

// refused returns what to tell of an error that the person can do something about. It
// returns the error itself if it is none of these.
func refused(r *http.Request, o *console.Operator, err error) (*problem, error) {
	f := fault.From(err)
	switch f.Kind {
	case fault.Invalid, fault.Conflict:
	case fault.Denied, fault.NotFound:
		if !errors.Is(err, process.ErrOwn) && !errors.Is(err, process.ErrSubject) && !errors.Is(err, process.ErrJobUnknown) {
			return nil, err
		}
	default:
		return nil, err
	}
	// Its text may quote what was typed, which is nobody's business in a log.
	web.Log(r.Context()).InfoContext(r.Context(), "refused", "code", f.Code, "kind", f.Kind.String())
	p := &problem{Words: o.Words(err), Field: f.Field, Code: f.Code, status: web.StatusOf(f)}
	if f.Kind == fault.Invalid && f.Public != p.Words {
		p.Detail = f.Public
	}
	return p, nil
}

// statusOf is the answer's status for a page with or without a problem.
func (p *problem) statusOf() int {
	if p == nil {
		return http.StatusOK
	}
	return p.status
}

// userNamed returns the id of the user with a login name. Errors: process.subject_unknown.
func (d *door) userNamed(ctx context.Context, o *console.Operator, name string) (string, error) {
	u, err := d.Credentials.User(ctx, o.By, credential.ByName(name))
	if errors.Is(err, credential.ErrUserUnknown) {
		return "", process.ErrSubject
	}
	if err != nil {
		return "", err
	}
	return string(u.ID), nil
}

// maxFormBytes bounds what a form of ours brings, a definition of 1 MiB included.
const maxFormBytes = 3 << 20

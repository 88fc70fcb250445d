// Package settings is the pages of the console about what the tasks of processes reach:
// connections to relying parties, and messaging servers. They are for administrators.
//
//	err := settings.Add(c, settings.Config{Provision: service})
//
// A secret goes in and never comes out: a page says whether one is known, and no more.
package settings

import (
	"embed"
	"errors"
	"net/http"
	"net/url"

	"bestow.dev/internal/console"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/page"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

//go:embed assets
var assets embed.FS

var pages = page.Parse(assets, texts, "assets/*.html")

// Where the pages are.
const (
	listPath       = console.Root + "/settings"
	connectionPath = listPath + "/connection"
	serverPath     = listPath + "/messaging"
)

// Config is what the pages are made of.
type Config struct {
	Provision *provision.Service // required
}

type door struct{ Config }

// Add adds the pages to c. It returns an error if cfg is incomplete.
func Add(c *console.Console, cfg Config) error {
	if cfg.Provision == nil {
		return errors.New("settings: provision is required")
	}
	style, err := assets.ReadFile("assets/settings.css")
	if err != nil {
		return err
	}
	c.AddAsset("settings.css", style)
	c.AddWords(faultTexts)
	d := &door{cfg}
	for _, p := range []console.Page{
		{Pattern: "GET " + listPath, Menu: texts["settings.menu"], Serve: d.list},
		{Pattern: "GET " + connectionPath, Serve: d.connection},
		{Pattern: "POST " + connectionPath, Serve: d.putConnection},
		{Pattern: "POST " + connectionPath + "/test", Serve: d.testConnection},
		{Pattern: "POST " + connectionPath + "/delete", Serve: d.deleteConnection},
		{Pattern: "GET " + serverPath, Serve: d.server},
		{Pattern: "POST " + serverPath, Serve: d.putServer},
		{Pattern: "POST " + serverPath + "/test", Serve: d.testServer},
		{Pattern: "POST " + serverPath + "/delete", Serve: d.deleteServer},
	} {
		p.Scope = tenant.ScopeAdmin
		if err := c.Add(p); err != nil {
			return err
		}
	}
	return nil
}

type listPage struct {
	Connections []*provision.Connection
	Servers     []*provision.MessagingServer
	Deleted     string // what was deleted just now
}

// list shows all connections and messaging servers.
func (d *door) list(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	p := listPage{Deleted: r.URL.Query().Get("deleted")}
	var err error
	if p.Connections, err = d.Provision.Connections(r.Context(), o.By); err != nil {
		return err
	}
	if p.Servers, err = d.Provision.MessagingServers(r.Context(), o.By); err != nil {
		return err
	}
	return show(w, o, console.View{Name: "list.html", Title: "settings.title", Data: p})
}

func show(w http.ResponseWriter, o *console.Operator, v console.View) error {
	v.Pages = pages
	v.Styles = []string{console.Root + "/assets/settings.css"}
	return o.Show(w, v)
}

// named leads to a setting's page.
func named(path, name, more string) string {
	return path + "?" + url.Values{"name": {name}}.Encode() + more
}

// problem is a refusal that a page tells of, beside what was filled in.
type problem struct {
	Words  string // in the operator's language
	Detail string // what the refusal says itself; empty if that is no more
	Field  string // the setting's field it is about; empty for none
	status int
}

// Is reports whether the problem is about a field. No problem is about none.
func (p *problem) Is(field string) bool { return p != nil && p.Field == field }

func (p *problem) statusOf() int {
	if p == nil {
		return http.StatusOK
	}
	return p.status
}

// refused returns what to tell of an error that the person can do something about. It
// returns the error itself if it is none of these.
func refused(r *http.Request, o *console.Operator, err error) (*problem, error) {
	f := fault.From(err)
	secrets := errors.Is(err, provision.ErrSecretsKeyMissing) || errors.Is(err, provision.ErrSecretsKeyOther) || errors.Is(err, provision.ErrSecretAltered)
	if f.Kind != fault.Invalid && f.Kind != fault.Conflict && !secrets {
		return nil, err
	}
	if secrets {
		web.LogFault(r.Context(), err) // somebody has to see to the installation
	} else {
		web.Log(r.Context()).InfoContext(r.Context(), "refused", "code", f.Code, "kind", f.Kind.String(), "field", f.Field)
	}
	p := &problem{Words: o.Words(err), Field: f.Field, status: web.StatusOf(f)}
	if f.Kind == fault.Invalid && f.Public != p.Words {
		p.Detail = f.Public
	}
	return p, nil
}

// maxFormBytes bounds a form with its files.
const maxFormBytes = 2 << 20

// Package console is the door for operators: pages under /console on which a user who
// holds a role signs in with a passkey and sees what the role lets them see.
//
// A page is a function that is given who asks, with their authority, and shows a
// template within the layout. Other doors add theirs in the same way:
//
//	c, err := console.New(console.Config{…})
//	...
//	err = c.Add(console.Page{
//		Pattern: "GET /console/tasks", Scope: tenant.ScopeProvision, Menu: page.Text{EN: "Tasks", DE: "Aufgaben"},
//		Serve: func(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
//			tasks, err := service.Tasks(r.Context(), o.By)
//			if err != nil {
//				return err
//			}
//			return o.Show(w, console.View{Pages: pages, Name: "tasks.html", Title: "tasks.title", Data: tasks})
//		},
//	})
//
// The session is a cookie of its own, good for the console alone; when it ends and what
// it may do is decided by [credential.Service], anew at each request. Nothing here
// keeps a state.
package console

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/page"
	"bestow.dev/internal/page/signin"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

//go:embed assets
var assets embed.FS

var pages = page.Parse(assets, texts, "assets/*.html")

// Root is the path of the console; every page of it is there or below.
const Root = "/console"

// Config is what the console is made of.
type Config struct {
	Credentials *credential.Service // required
	Trail       audit.Store         // required

	// Tenant and RelyingParty are where operators sign in. Empty: nobody can, and the
	// page says so.
	Tenant, RelyingParty string

	// Origin is the web origin that the console is served from, such as
	// https://id.example.com; the only one whose passkeys' answers are taken. Required.
	Origin string
}

// Page is one page of the console, or a call that a page makes.
type Page struct {
	// Pattern is a method and a path at or below [Root], as [http.ServeMux] reads it.
	Pattern string

	// Scope is what an operator needs for it, on the whole tenant; empty: any role.
	Scope tenant.Scope

	// Menu is its entry in the menu, for who has Scope. Zero: none. Its path then has no
	// wildcards.
	Menu page.Text

	// Background says that a page asks by itself: such a request keeps no session alive,
	// and without a session it is refused rather than led to the sign-in page.
	Background bool

	// Serve answers. An error that it returns is shown as a page; it has written nothing
	// then.
	Serve func(w http.ResponseWriter, r *http.Request, o *Operator) error
}

// Console is the pages. It is safe for concurrent use once all pages are added.
type Console struct {
	Config
	door    *signin.Door
	mux     *http.ServeMux
	menu    []menuEntry
	texts   page.Texts // of faults
	handler http.Handler
}

type menuEntry struct {
	label page.Text
	path  string
	scope tenant.Scope
}

// New returns the console with its own pages. It returns an error if c is incomplete.
func New(c Config) (*Console, error) {
	if c.Credentials == nil || c.Trail == nil || c.Origin == "" {
		return nil, errors.New("console: credentials, trail and origin are required")
	}
	s := &Console{Config: c, mux: http.NewServeMux(), texts: maps.Clone(texts)}
	var err error
	s.door, err = signin.New(signin.Config{
		Credentials: c.Credentials, Tenant: c.Tenant, RelyingParty: c.RelyingParty, Origin: c.Origin, Cookie: CookieName, Via: "console",
		Purpose: credential.ConsoleVisit, StartVisit: c.Credentials.StartConsoleVisit, Texts: s.texts,
	})
	if err != nil {
		return nil, err
	}
	// A cookie is not enough: what changes something comes from a page of ours.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.problem(w, r, nil, errCrossOrigin) }))
	s.handler = guard.Handler(web.Routes(s.mux, func(w http.ResponseWriter, r *http.Request, err error) { s.problem(w, r, nil, err) }))

	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"console.css", "signin.js"} {
		s.mux.HandleFunc("GET /console/assets/"+name, page.Asset(files, name))
	}
	s.mux.HandleFunc("GET /console/signin", s.signInPage)
	s.mux.HandleFunc("GET /console/session", s.session)
	s.mux.HandleFunc("POST /console/signin/begin", s.door.Called(s.door.Begin))
	s.mux.HandleFunc("POST /console/signin/finish", s.door.Called(s.door.Finish))
	s.mux.HandleFunc("POST /console/signout", s.signOut)
	for _, p := range []Page{
		{Pattern: "GET /console", Menu: texts["home.menu"], Serve: s.home},
		{Pattern: "GET /console/{$}", Serve: s.toRoot},
		{Pattern: "GET /console/users", Scope: tenant.ScopeRead, Menu: texts["users.menu"], Serve: s.users},
		{Pattern: "GET /console/users/{id}", Scope: tenant.ScopeRead, Serve: s.user},
		{Pattern: "GET /console/audit", Scope: tenant.ScopeAuditRead, Menu: texts["audit.menu"], Serve: s.audit},
		{Pattern: "GET /console/operators", Scope: tenant.ScopeAdmin, Menu: texts["operators.menu"], Serve: s.operators},
	} {
		if err := s.Add(p); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Add adds a page, before the console serves its first request. It returns an error
// for a page that is incomplete or not at its place.
func (c *Console) Add(p Page) error {
	_, path, _ := strings.Cut(p.Pattern, " ")
	switch {
	case path != Root && !strings.HasPrefix(path, Root+"/"):
		return fmt.Errorf("console: %q is not a method and a path below %s", p.Pattern, Root)
	case p.Serve == nil:
		return fmt.Errorf("console: nothing serves %s", p.Pattern)
	case p.Menu != page.Text{} && strings.Contains(path, "{"):
		return fmt.Errorf("console: the menu cannot lead to %s", path)
	}
	c.mux.HandleFunc(p.Pattern, c.admitted(p))
	if (p.Menu != page.Text{}) {
		c.menu = append(c.menu, menuEntry{p.Menu, path, p.Scope})
	}
	return nil
}

// AddAsset serves a style sheet or script at [Root]/assets/ and its name, to everybody.
// The name's ending says what it is.
func (c *Console) AddAsset(name string, content []byte) {
	c.mux.HandleFunc("GET "+Root+"/assets/"+name, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // asked again each time, so that an update is seen at once
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}

// AddWords adds what people read about faults: texts whose keys are "fault." and the code.
func (c *Console) AddWords(words page.Texts) { maps.Copy(c.texts, words) }

// ServeHTTP implements [http.Handler], for [Root] and all below it.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// toRoot leads a path with a slash at its end to the one without.
func (c *Console) toRoot(w http.ResponseWriter, r *http.Request, _ *Operator) error {
	http.Redirect(w, r, Root, http.StatusSeeOther)
	return nil
}

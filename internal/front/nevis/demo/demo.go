// Package demo is a small relying party that signs people in through the nevisFIDO front
// as a state machine does: the page of a state posts an empty form to its own address,
// gets options, has the browser answer them, and posts the answer as a form; the state
// asks the FIDO2 server and goes on to the next one.
//
//	GET  <path>            who is it
//	POST <path>            begins a session for the name
//	GET  <path>/register   the page; an empty POST gives options, a full one the outcome
//	GET  <path>/login      likewise
//	GET  <path>/ok         where both lead
//
// It is there to try an installation out, and whoever opens it may be anybody. So it
// takes a name for the truth and belongs on test data alone, which is for the roof to
// see to. Sessions live in memory and are few.
package demo

import (
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"bestow.dev/internal/page"
	"bestow.dev/internal/web"
)

//go:embed assets
var assets embed.FS

var pages = template.Must(template.ParseFS(assets, "assets/*.html"))

// Config is what the pages are made of. All is required.
type Config struct {
	Path string       // of the pages
	FIDO http.Handler // the FIDO2 server, which knows who calls
	Base string       // of its paths, such as "/nevisfido/fido2"
}

// Limits of the demonstration.
const (
	maxSessions  = 1000
	maxNameBytes = 255
	maxFormBytes = 64 << 10
)

const cookieName = "__Host-bestow-nevis-demo"

// session is a browser's.
type session struct {
	user  string // login name; empty: nobody said
	token string // of its forms
	as    string // who signed in or registered; empty: nobody yet
}

// front holds what the handlers share. It is safe for concurrent use.
type front struct {
	Config

	mu       sync.Mutex
	sessions map[string]*session
}

// Mount adds the pages to mux, beside the assets of [page.Mount]. It returns an error if
// c is incomplete.
func Mount(mux *http.ServeMux, c Config) error {
	if c.Path == "" || c.FIDO == nil || c.Base == "" {
		return errors.New("demo: path and FIDO2 server are required")
	}
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return err
	}
	f := &front{Config: c, sessions: make(map[string]*session)}
	mux.HandleFunc("GET "+c.Path, f.show("start.html"))
	mux.HandleFunc("POST "+c.Path, f.begin)
	mux.HandleFunc("GET "+c.Path+"/fido2_auth.js", page.Asset(files, "fido2_auth.js"))
	mux.HandleFunc("GET "+c.Path+"/ok", f.show("ok.html"))
	for name, s := range f.machine() {
		mux.HandleFunc("GET "+c.Path+"/"+name, f.show("state.html"))
		mux.HandleFunc("POST "+c.Path+"/"+name, f.post(s))
	}
	return nil
}

// gui is what a page shows.
type gui struct {
	Path, State string // State is that of the page: register or login
	User, As    string
	Token       string
	LastError   string
}

func (f *front) show(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.render(w, r, name, "")
	}
}

func (f *front) render(w http.ResponseWriter, r *http.Request, name, lastError string) {
	s := f.sessionOf(r)
	if s == nil {
		s = f.open(w, "")
	}
	page.Protect(w.Header(), page.OwnForms)
	if lastError != "" {
		w.WriteHeader(http.StatusUnprocessableEntity)
	}
	err := pages.ExecuteTemplate(w, name, gui{
		Path: f.Path, State: strings.TrimPrefix(r.URL.Path, f.Path+"/"), User: s.user, As: s.as, Token: s.token, LastError: lastError,
	})
	if err != nil {
		web.LogFault(r.Context(), err)
	}
}

// begin takes whoever calls for the name.
func (f *front) begin(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(w, r)
	if err != nil || !f.sessionOf(r).owns(form) || len(form.Get("name")) > maxNameBytes {
		f.render(w, r, "start.html", "The form was not ours. Try again.")
		return
	}
	f.open(w, strings.TrimSpace(form.Get("name")))
	next := "register"
	if form.Get("next") == "login" {
		next = "login"
	}
	http.Redirect(w, r, f.Path+"/"+next, http.StatusSeeOther)
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	body, err := web.ReadBody(w, r, maxFormBytes)
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(body))
}

// owns reports whether a form is one of the session's.
func (s *session) owns(form url.Values) bool {
	return s != nil && subtle.ConstantTimeCompare([]byte(form.Get("token")), []byte(s.token)) == 1
}

// open begins a session. Where there are too many, some other ends.
func (f *front) open(w http.ResponseWriter, user string) *session {
	s := &session{user: user, token: rand.Text()}
	id := rand.Text()
	f.mu.Lock()
	defer f.mu.Unlock()
	for other := range f.sessions {
		if len(f.sessions) < maxSessions {
			break
		}
		delete(f.sessions, other)
	}
	f.sessions[id] = s
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: id, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	return s
}

// sessionOf returns a copy of the caller's session; nil if there is none.
func (f *front) sessionOf(r *http.Request) *session {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sessions[cookie.Value]; s != nil {
		found := *s
		return &found
	}
	return nil
}

// signedIn notes who a session is of.
func (f *front) signedIn(r *http.Request, as string) {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sessions[cookie.Value]; s != nil {
		s.as = as
	}
}

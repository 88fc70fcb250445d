// Package task is the door for the people whom the tasks of processes are for: pages under
// /task on which they fill in a form, or open the link to their desk and see how it goes.
//
// There are three ways in. A one-time link carries a secret in the URL's fragment, which
// browsers keep to themselves: the page posts it when its person says so, and gets a
// session for that task and what follows from it. A user of the relying party signs in with
// a passkey and sees all of their tasks. And an operator who is signed in to the console
// finds the tasks of their role here. What each may do is decided by [process.Service].
//
// The pages work without scripts, but for the fragment and passkeys.
package task

import (
	"embed"
	"errors"
	"io/fs"
	"net/http"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/page"
	"bestow.dev/internal/page/signin"
	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/web"
)

//go:embed assets
var assets embed.FS

var pages = page.Parse(assets, texts, "assets/*.html")

// Root is the path of the pages; each of them is there or below.
const Root = "/task"

// Config is what the pages are made of.
type Config struct {
	Credentials *credential.Service // required
	Processes   *process.Service    // required
	Provision   *provision.Service  // required
	Wakeups     process.Wakeups     // required

	// Tenant and RelyingParty are where people sign in. Empty: nobody can, and links are
	// the only way in.
	Tenant, RelyingParty string

	// Origin is the web origin that the pages are served from, the only one whose passkeys'
	// answers are taken. Required.
	Origin string

	// OperatorCookie names the session cookie of the console. Empty: operators have no
	// tasks here.
	OperatorCookie string

	// LookEvery is how often a page that is open looks at its desk, of which nothing wakes
	// it up. Zero means two seconds.
	LookEvery time.Duration

	// Now is the clock of the brake on guessing. Nil means time.Now.
	Now func() time.Time
}

const (
	defaultLook = 2 * time.Second

	// maxGuesses is how many links that are none an address may try in a minute.
	maxGuesses = 10
)

// front holds what the handlers share. It is safe for concurrent use.
type front struct {
	Config
	door    *signin.Door
	guesses *web.FailureLimit
	streams streams
}

// New returns the pages, for [Root] and all below it. It returns an error if c is
// incomplete.
func New(c Config) (http.Handler, error) {
	if c.Credentials == nil || c.Processes == nil || c.Provision == nil || c.Wakeups == nil || c.Origin == "" {
		return nil, errors.New("task: credentials, processes, provision, wake-ups and origin are required")
	}
	if c.LookEvery == 0 {
		c.LookEvery = defaultLook
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	door, err := signin.New(signin.Config{
		Credentials: c.Credentials, Tenant: c.Tenant, RelyingParty: c.RelyingParty, Origin: c.Origin, Cookie: userCookie, Via: "task",
		Purpose: credential.TaskVisit, StartVisit: c.Credentials.StartTaskVisit, Texts: texts,
	})
	if err != nil {
		return nil, err
	}
	f := &front{Config: c, door: door, guesses: web.NewFailureLimit(maxGuesses, c.Now)}
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, name := range []string{"task.css", "task.js", "start.js"} {
		mux.HandleFunc("GET /task/assets/"+name, page.Asset(files, name))
	}
	mux.HandleFunc("GET /task", f.shown(f.start))
	mux.HandleFunc("GET /task/{$}", f.shown(toRoot))
	mux.HandleFunc("GET /task/session", f.session)
	mux.HandleFunc("POST /task/link", f.door.Called(f.openLink))
	mux.HandleFunc("POST /task/signin/begin", f.door.Called(f.door.Begin))
	mux.HandleFunc("POST /task/signin/finish", f.door.Called(f.door.Finish))
	mux.HandleFunc("POST /task/signout", f.shown(f.signOut))
	mux.HandleFunc("GET /task/{id}", f.shown(f.task))
	mux.HandleFunc("POST /task/{id}", f.shown(f.complete))
	mux.HandleFunc("POST /task/{id}/take", f.shown(f.take))
	mux.HandleFunc("POST /task/{id}/back", f.shown(f.giveBack))
	mux.HandleFunc("GET /task/{id}/events", f.door.Called(f.events))

	// A cookie is not enough: what changes something comes from a page of ours.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { problem(w, r, errCrossOrigin) }))
	return guard.Handler(web.Routes(mux, problem)), nil
}

// handler may return an error if it has written nothing.
type handler func(w http.ResponseWriter, r *http.Request) error

// shown shows the errors of a page as one; who has no session is led to the sign-in page.
func (f *front) shown(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		switch {
		case errors.Is(err, process.ErrSession):
			toSignIn(w, r)
		case err != nil:
			problem(w, r, err)
		}
	}
}

// toRoot leads a path with a slash at its end to the one without.
func toRoot(w http.ResponseWriter, r *http.Request) error {
	redirect(w, r, Root)
	return nil
}

func redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

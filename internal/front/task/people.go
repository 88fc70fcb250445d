package task

import (
	"cmp"
	"errors"
	"net/http"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

// The session cookies: of a link, and of who has signed in.
const (
	linkCookie = "__Host-bestow-task"
	userCookie = "__Host-bestow-tasks"
)

// person is one of those that a browser has a session of.
type person struct {
	By   tenant.Authority
	Name string // empty: the holder of a link
}

// isOperator reports whether p acts by a role.
func (p *person) isOperator() bool { return p.By.Actor.Kind == audit.Operator }

// people returns whom the request's cookies stand for, who has signed in first. background
// says that a page asks by itself, which keeps no session alive.
func (f *front) people(r *http.Request, background bool) ([]person, error) {
	var all []person
	for _, find := range []func(r *http.Request, background bool) (*person, error){f.user, f.linked, f.operator} {
		p, err := find(r, background)
		switch {
		case err == nil:
			all = append(all, *p)
		case errors.Is(err, credential.ErrSessionUnknown), errors.Is(err, process.ErrSession), errors.Is(err, credential.ErrNoRole):
		default:
			return nil, err
		}
	}
	return all, nil
}

// user returns who has signed in here. Errors: session.unknown.
func (f *front) user(r *http.Request, _ bool) (*person, error) {
	cookie, err := r.Cookie(userCookie)
	if err != nil {
		return nil, credential.ErrSessionUnknown
	}
	s, by, err := f.Credentials.Person(r.Context(), cookie.Value, f.door.From(r))
	if err != nil {
		return nil, err
	}
	return &person{by, cmp.Or(s.DisplayName, s.UserName)}, nil
}

// linked returns who has opened a link. Errors: process.session_unknown.
func (f *front) linked(r *http.Request, _ bool) (*person, error) {
	cookie, err := r.Cookie(linkCookie)
	if err != nil {
		return nil, process.ErrSession
	}
	by, _, err := f.Processes.TaskSession(r.Context(), cookie.Value, f.door.From(r))
	return &person{By: by}, err
}

// operator returns who has signed in to the console. Errors: session.unknown,
// operator.none.
func (f *front) operator(r *http.Request, background bool) (*person, error) {
	cookie, err := r.Cookie(f.OperatorCookie)
	if err != nil {
		return nil, credential.ErrSessionUnknown
	}
	s, by, err := f.Credentials.Operator(r.Context(), cookie.Value, f.door.From(r))
	if err != nil {
		return nil, err
	}
	if !background {
		err = f.Credentials.SessionUsed(r.Context(), s)
	}
	return &person{by, cmp.Or(s.DisplayName, s.UserName)}, err
}

// course returns the task that the request's path names with how it goes on, and the one
// whose it is. Errors: process.session_unknown where signing in may help;
// process.user_task_unknown.
func (f *front) course(r *http.Request, background bool) (*person, *process.Course, error) {
	all, err := f.people(r, background)
	if err != nil {
		return nil, nil, err
	}
	signedIn := false
	for i := range all {
		c, err := f.Processes.Course(r.Context(), all[i].By, r.PathValue("id"))
		if err == nil {
			return &all[i], c, nil
		}
		if !errors.Is(err, process.ErrTaskUnknown) {
			return nil, nil, err
		}
		signedIn = signedIn || all[i].Name != ""
	}
	if !signedIn {
		return nil, nil, process.ErrSession
	}
	return nil, nil, process.ErrTaskUnknown
}

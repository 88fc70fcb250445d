// Package signin is how people sign in with a passkey to the pages of a door: a visit is
// opened for whoever has no session, it begins and finishes an authentication, and the
// session of who has signed in takes its place in the browser.
//
// A door says what is its own, and gives the calls of its page their paths:
//
//	d, err := signin.New(signin.Config{…, Cookie: cookieName, Via: "task", Purpose: credential.TaskVisit, StartVisit: credentials.StartTaskVisit})
//	...
//	mux.HandleFunc("POST /task/signin/begin", d.Called(d.Begin))
//	mux.HandleFunc("POST /task/signin/finish", d.Called(d.Finish))
//
// The page itself is the door's, with a button that /assets/signin.js of package page
// gives its meaning to, and with what [Words] returns. So is where the page leads, and
// what the session may do there.
package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/page"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

var (
	errNothingHere = fault.New(fault.NotFound, "signin.none", "There is nothing to sign in to on this page.")
	errNoSession   = fault.New(fault.Internal, "session.missing", "Something went wrong on our side.")
)

// Config is what differs from door to door.
type Config struct {
	Credentials *credential.Service // required

	// Tenant and RelyingParty are where people sign in. Empty: nobody can.
	Tenant, RelyingParty string

	// Origin is the web origin of the pages, the only one whose passkeys' answers are
	// taken. Required.
	Origin string

	// Cookie names the session cookie; it begins with "__Host-", as [SetCookie] wants it.
	// Required.
	Cookie string

	// Via is the door's name in authorities. Required.
	Via string

	// Purpose is that of the sessions that StartVisit opens, which is a method of
	// Credentials: no other session may sign in here. Both are required.
	Purpose    credential.Purpose
	StartVisit func(ctx context.Context, tenantName, rp, address string) (*credential.OpenedSession, error)

	// Texts are what people read about faults, as [page.Texts.Fault] finds it. Required.
	Texts page.Texts
}

// Door is where one signs in. It is safe for concurrent use.
type Door struct{ Config }

// New returns the door. It returns an error if c is incomplete, or its cookie is not named
// as it has to be.
func New(c Config) (*Door, error) {
	if c.Credentials == nil || c.Origin == "" || c.Via == "" || c.Purpose == "" || c.StartVisit == nil || c.Texts == nil {
		return nil, errors.New("signin: credentials, origin, via, purpose, start of a visit and texts are required")
	}
	if !strings.HasPrefix(c.Cookie, cookiePrefix) {
		return nil, fmt.Errorf("signin: the cookie %q does not begin with %s", c.Cookie, cookiePrefix)
	}
	return &Door{c}, nil
}

// From is what an authority has from this door before it is anybody's.
func (d *Door) From(r *http.Request) tenant.Authority {
	return tenant.Authority{Via: d.Via, Ref: web.RequestID(r.Context()), Address: web.Address(r.Context())}
}

// Begin answers with the options of a passkey's authentication, within the visit that the
// request belongs to. One is opened where there is none. Errors: signin.none;
// address.limited; those of [credential.Service.BeginAuthentication].
func (d *Door) Begin(w http.ResponseWriter, r *http.Request) error {
	by, err := d.visit(w, r)
	if err != nil {
		return err
	}
	begun, err := d.Credentials.BeginAuthentication(r.Context(), by, credential.BeginAuthentication{RelyingParty: d.RelyingParty})
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, map[string]json.RawMessage{"publicKey": begun.JSON})
	return nil
}

// Finish takes the passkey's answer, and gives the browser the session of who has signed
// in. Errors: session.unknown for a request that belongs to no visit; those of reading;
// those of [credential.Service.FinishAuthentication].
func (d *Door) Finish(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Response json.RawMessage `json:"response"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	response, err := webauthn.ParseAuthenticationResponse(in.Response)
	if err != nil {
		return credential.Unreadable(err)
	}
	by, err := d.visiting(r)
	if err != nil {
		return err
	}
	done, err := d.Credentials.FinishAuthentication(r.Context(), by, credential.FinishAuthentication{
		RelyingParty: d.RelyingParty, Response: response, Origin: d.Origin,
	})
	if err != nil {
		return err
	}
	if done.Session == nil {
		return errNoSession
	}
	d.setCookie(w, done.Session)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// End ends the session that the request brings, whatever it may do, and has the browser
// forget it. To end none, or one that has ended, is no fault. It leaves the answer to the
// caller.
func (d *Door) End(w http.ResponseWriter, r *http.Request) error {
	if cookie, err := r.Cookie(d.Cookie); err == nil {
		_, by, err := d.Credentials.Session(r.Context(), cookie.Value, d.From(r))
		if err == nil {
			err = d.Credentials.EndSession(r.Context(), by)
		}
		if err != nil && !errors.Is(err, credential.ErrSessionUnknown) {
			return err
		}
	}
	DropCookie(w, d.Cookie)
	return nil
}

// visit returns the authority of a session that may sign in. One is opened where there is
// none.
func (d *Door) visit(w http.ResponseWriter, r *http.Request) (tenant.Authority, error) {
	if d.RelyingParty == "" {
		return tenant.Authority{}, errNothingHere
	}
	by, err := d.visiting(r)
	if !errors.Is(err, credential.ErrSessionUnknown) {
		return by, err
	}
	opened, err := d.StartVisit(r.Context(), d.Tenant, d.RelyingParty, web.Address(r.Context()))
	if err != nil {
		return tenant.Authority{}, err
	}
	_, by, err = d.Credentials.Session(r.Context(), opened.Cookie, d.From(r))
	if err != nil {
		return tenant.Authority{}, err
	}
	d.setCookie(w, opened)
	return by, nil
}

// visiting returns the authority of the session that r brings to sign in. Errors:
// session.unknown, also for a session that is for something else.
func (d *Door) visiting(r *http.Request) (tenant.Authority, error) {
	cookie, err := r.Cookie(d.Cookie)
	if err != nil {
		return tenant.Authority{}, credential.ErrSessionUnknown
	}
	s, by, err := d.Credentials.Session(r.Context(), cookie.Value, d.From(r))
	if err != nil {
		return tenant.Authority{}, err
	}
	if s.Purpose != d.Purpose || s.Tenant != d.Tenant || s.RelyingParty != d.RelyingParty {
		return tenant.Authority{}, credential.ErrSessionUnknown
	}
	return by, nil
}

// Called renders the errors of what a page's script calls, in the language of who asks. h
// may return one if it has written nothing.
func (d *Door) Called(h func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			d.refuse(w, r, err)
		}
	}
}

func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	web.LogFault(r.Context(), err)
	f := fault.From(err)
	if f.Kind == fault.Limited {
		w.Header().Set("Retry-After", web.RetryAfter)
	}
	web.WriteJSON(w, web.StatusOf(f), map[string]string{
		"code": f.Code, "message": d.Texts.Fault(page.Language(r), f.Code, f.Kind.String()), "requestId": web.RequestID(r.Context()),
	})
}

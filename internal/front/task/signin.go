package task

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

// openLink spends the secret of a link and opens its session.
func (f *front) openLink(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Secret string `json:"secret"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	from := tenant.Network(web.Address(r.Context()))
	if f.guesses.Exceeded(from) {
		return credential.ErrAddressLimited
	}
	opened, err := f.Processes.RedeemTaskLink(r.Context(), in.Secret, door(r))
	if errors.Is(err, process.ErrLinkUnknown) {
		f.guesses.Failed(from)
	}
	if err != nil {
		return err
	}
	setCookie(w, linkCookie, opened.Cookie, opened.Link.SessionExpires.Sub(opened.Link.Spent))
	web.WriteJSON(w, http.StatusCreated, map[string]string{"to": pathOf(opened.Link.Task)})
	return nil
}

func pathOf(task string) string { return Root + "/" + task }

// toSignIn leads to the sign-in page, and from there back to what was asked for where that
// can be asked for again.
func toSignIn(w http.ResponseWriter, r *http.Request) {
	to := Root
	if r.Method == http.MethodGet {
		to = r.URL.Path
	}
	redirect(w, r, Root+"?to="+url.QueryEscape(to))
}

// pathBack returns to if it is the page of a task, and the first page otherwise: a link
// must not have the sign-in page lead somewhere else.
func pathBack(to string) string {
	id, ok := strings.CutPrefix(to, Root+"/")
	plain := func(r rune) bool {
		return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-'
	}
	if !ok || id == "" || strings.ContainsFunc(id, func(r rune) bool { return !plain(r) }) {
		return Root
	}
	return to
}

// session tells the sign-in page whether there is nothing to sign in to: a link from
// another site comes without the cookies, a call of our own page with them.
func (f *front) session(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	all, err := f.people(r, true)
	if err != nil || len(all) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]bool{"signedIn": all[0].Name != ""})
}

// visit returns r with the authority of a session that may sign in. One is opened where
// there is none.
func (f *front) visit(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	if f.RelyingParty == "" {
		return nil, errNothingHere
	}
	visiting, err := f.visiting(r)
	if !errors.Is(err, credential.ErrSessionUnknown) {
		return visiting, err
	}
	opened, err := f.Credentials.StartTaskVisit(r.Context(), f.Tenant, f.RelyingParty, web.Address(r.Context()))
	if err != nil {
		return nil, err
	}
	_, by, err := f.Credentials.Session(r.Context(), opened.Cookie, door(r))
	if err != nil {
		return nil, err
	}
	setUserCookie(w, opened)
	return web.WithAuthority(r, by), nil
}

func setUserCookie(w http.ResponseWriter, s *credential.OpenedSession) {
	setCookie(w, userCookie, s.Cookie, s.Session.Expires.Sub(s.Session.Created))
}

// visiting returns r with the authority of the session that it brings to sign in. Errors:
// session.unknown, also for a session that is for something else.
func (f *front) visiting(r *http.Request) (*http.Request, error) {
	cookie, err := r.Cookie(userCookie)
	if err != nil {
		return nil, credential.ErrSessionUnknown
	}
	s, by, err := f.Credentials.Session(r.Context(), cookie.Value, door(r))
	if err != nil {
		return nil, err
	}
	if s.Purpose != credential.TaskVisit || s.Tenant != f.Tenant || s.RelyingParty != f.RelyingParty {
		return nil, credential.ErrSessionUnknown
	}
	return web.WithAuthority(r, by), nil
}

func (f *front) beginSignIn(w http.ResponseWriter, r *http.Request) error {
	r, err := f.visit(w, r)
	if err != nil {
		return err
	}
	begun, err := f.Credentials.BeginAuthentication(r.Context(), web.Authority(r), credential.BeginAuthentication{RelyingParty: f.RelyingParty})
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, map[string]json.RawMessage{"publicKey": begun.JSON})
	return nil
}

func (f *front) finishSignIn(w http.ResponseWriter, r *http.Request) error {
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
	r, err = f.visiting(r)
	if err != nil {
		return err
	}
	done, err := f.Credentials.FinishAuthentication(r.Context(), web.Authority(r), credential.FinishAuthentication{
		RelyingParty: f.RelyingParty, Response: response, Origin: f.Origin,
	})
	if err != nil {
		return err
	}
	if done.Session == nil {
		return fault.New(fault.Internal, "session.missing", "Something went wrong on our side.")
	}
	setUserCookie(w, done.Session)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// signOut ends the session of who signed in here, and forgets that of a link. The
// console's stays.
func (f *front) signOut(w http.ResponseWriter, r *http.Request) error {
	if cookie, err := r.Cookie(userCookie); err == nil {
		_, by, err := f.Credentials.Session(r.Context(), cookie.Value, door(r))
		if err == nil {
			err = f.Credentials.EndSession(r.Context(), by)
		}
		if err != nil && !errors.Is(err, credential.ErrSessionUnknown) {
			return err
		}
	}
	dropCookie(w, userCookie)
	dropCookie(w, linkCookie)
	redirect(w, r, Root)
	return nil
}

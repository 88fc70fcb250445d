package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/page"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

// CookieName names the session cookie, which is another than that of the enrolment
// pages. The prefix makes browsers insist on Secure, Path=/ and no Domain, so that no
// other host can set or see it.
const CookieName = "__Host-bestow-console"

func setCookie(w http.ResponseWriter, s *credential.OpenedSession) {
	http.SetCookie(w, &http.Cookie{
		Name: CookieName, Value: s.Cookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		MaxAge: int(s.Session.Expires.Sub(s.Session.Created).Seconds()),
	})
}

func dropCookie(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: CookieName, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1})
}

// signInPage is the same for everybody but for where it leads.
func (c *Console) signInPage(w http.ResponseWriter, r *http.Request) {
	lang := page.Language(r)
	data := map[string]any{"To": pathBack(r.URL.Query().Get("to")), "Possible": c.RelyingParty != ""}
	if err := write(w, http.StatusOK, lang, "signin.html", data); err != nil {
		c.problem(w, r, nil, err)
	}
}

// pathBack returns to if it is a page of the console, and the first page otherwise: a
// link must not have the sign-in page lead somewhere else.
func pathBack(to string) string {
	odd := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' } // browsers would mend these
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.ContainsFunc(to, odd) {
		return Root
	}
	if u.Path != path.Clean(u.Path) || u.Path != Root && !strings.HasPrefix(u.Path, Root+"/") || u.Path == Root+"/signin" {
		return Root
	}
	return u.RequestURI()
}

// session tells the sign-in page whether there is nothing to sign in to: a link from
// another site comes without the cookie, a call of our own page with it.
func (c *Console) session(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if o, err := c.operator(r, Page{Background: true}); o != nil && (err == nil || errors.Is(err, credential.ErrNoRole)) {
		web.WriteJSON(w, http.StatusOK, map[string]bool{"signedIn": true})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// call renders the errors of what the sign-in page calls.
func (c *Console) call(h func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			writeRefusal(w, r, err)
		}
	}
}

// visit returns r with the authority of a session that may sign in. One is opened
// where there is none.
func (c *Console) visit(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	if c.RelyingParty == "" {
		return nil, errNothingHere
	}
	visiting, err := c.visiting(r)
	if !errors.Is(err, credential.ErrSessionUnknown) {
		return visiting, err
	}
	opened, err := c.Credentials.StartConsoleVisit(r.Context(), c.Tenant, c.RelyingParty, web.Address(r.Context()))
	if err != nil {
		return nil, err
	}
	_, by, err := c.Credentials.Session(r.Context(), opened.Cookie, door(r))
	if err != nil {
		return nil, err
	}
	setCookie(w, opened)
	return web.WithAuthority(r, by), nil
}

// visiting returns r with the authority of the session that it brings to sign in.
// Errors: session.unknown, also for a session that is for something else.
func (c *Console) visiting(r *http.Request) (*http.Request, error) {
	cookie, err := r.Cookie(CookieName)
	if err != nil {
		return nil, credential.ErrSessionUnknown
	}
	s, by, err := c.Credentials.Session(r.Context(), cookie.Value, door(r))
	if err != nil {
		return nil, err
	}
	if s.Purpose != credential.ConsoleVisit || s.Tenant != c.Tenant || s.RelyingParty != c.RelyingParty {
		return nil, credential.ErrSessionUnknown
	}
	return web.WithAuthority(r, by), nil
}

func (c *Console) beginSignIn(w http.ResponseWriter, r *http.Request) error {
	r, err := c.visit(w, r)
	if err != nil {
		return err
	}
	begun, err := c.Credentials.BeginAuthentication(r.Context(), web.Authority(r), credential.BeginAuthentication{RelyingParty: c.RelyingParty})
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, map[string]json.RawMessage{"publicKey": begun.JSON})
	return nil
}

func (c *Console) finishSignIn(w http.ResponseWriter, r *http.Request) error {
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
	r, err = c.visiting(r)
	if err != nil {
		return err
	}
	done, err := c.Credentials.FinishAuthentication(r.Context(), web.Authority(r), credential.FinishAuthentication{
		RelyingParty: c.RelyingParty, Response: response, Origin: c.Origin,
	})
	if err != nil {
		return err
	}
	if done.Session == nil {
		return fault.New(fault.Internal, "session.missing", "Something went wrong on our side.")
	}
	setCookie(w, done.Session)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// signOut ends the session, whatever it may do, and leads to the sign-in page. To sign
// out twice is no fault.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(CookieName); err == nil {
		_, by, err := c.Credentials.Session(r.Context(), cookie.Value, door(r))
		if err == nil {
			err = c.Credentials.EndSession(r.Context(), by)
		}
		if err != nil && !errors.Is(err, credential.ErrSessionUnknown) {
			c.problem(w, r, nil, err)
			return
		}
	}
	dropCookie(w)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, Root+"/signin", http.StatusSeeOther)
}

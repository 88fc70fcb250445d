package console

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/page"
	"bestow.dev/internal/page/signin"
	"bestow.dev/internal/web"
)

// CookieName names the session cookie, which is another than that of the enrolment
// pages.
const CookieName = "__Host-bestow-console"

// signInPage is the same for everybody but for where it leads.
func (c *Console) signInPage(w http.ResponseWriter, r *http.Request) {
	lang := page.Language(r)
	words, err := signin.Words(lang)
	if err != nil {
		c.problem(w, r, nil, err)
		return
	}
	data := map[string]any{"To": pathBack(r.URL.Query().Get("to")), "Possible": c.RelyingParty != "", "Words": words}
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

// signOut ends the session, whatever it may do, and leads to the sign-in page. To sign
// out twice is no fault.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	if err := c.door.End(w, r); err != nil {
		c.problem(w, r, nil, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, Root+"/signin", http.StatusSeeOther)
}

package task

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/page/signin"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
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
	opened, err := f.Processes.RedeemTaskLink(r.Context(), in.Secret, f.door.From(r))
	if errors.Is(err, process.ErrLinkUnknown) {
		f.guesses.Failed(from)
	}
	if err != nil {
		return err
	}
	signin.SetCookie(w, linkCookie, opened.Cookie, opened.Link.SessionExpires.Sub(opened.Link.Spent))
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

// signOut ends the session of who signed in here, and that of a link. The console's stays.
func (f *front) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := f.door.End(w, r); err != nil {
		return err
	}
	if cookie, err := r.Cookie(linkCookie); err == nil {
		err := f.Processes.EndTaskSession(r.Context(), cookie.Value, f.door.From(r))
		if err != nil && !errors.Is(err, process.ErrSession) {
			return err
		}
	}
	signin.DropCookie(w, linkCookie)
	redirect(w, r, Root)
	return nil
}

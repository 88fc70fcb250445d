// Package enrol is the door for people: the pages on which somebody with a one-time
// link registers a passkey in their browser, signs in with it and sees their
// credentials.
//
// The link's secret is in the URL's fragment, which browsers keep to themselves:
// opening the page changes nothing and tells nobody. Start posts the secret, which
// spends it and opens a session of fifteen minutes in a __Host- cookie. What that
// session may do is decided by [credential.Service].
package enrol

import (
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"net/http"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/page"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

//go:embed assets
var assets embed.FS

var pages = template.Must(template.ParseFS(assets, "assets/*.html"))

// Config is what the pages are made of.
type Config struct {
	Credentials *credential.Service // required
	Directory   *tenant.Directory   // required

	// Tenant and RelyingParty are whom people without a link sign in to. Empty: the
	// sign-in page says that there is nothing to sign in to here.
	Tenant, RelyingParty string
}

// cookieName names the session cookie. The prefix makes browsers insist on Secure,
// Path=/ and no Domain, so that no other host can set or see it.
const cookieName = "__Host-bestow"

// front holds what the handlers share. It is safe for concurrent use.
type front struct{ Config }

// Mount adds the pages to mux, beside the assets of [page.Mount]. It returns an error if c is incomplete.
func Mount(mux *http.ServeMux, c Config) error {
	if c.Credentials == nil || c.Directory == nil {
		return errors.New("enrol: credentials and directory are required")
	}
	f := &front{c}
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return err
	}
	mux.HandleFunc("GET /{$}", f.page("start.html"))
	mux.HandleFunc("GET /enrol", f.page("enrol.html"))
	mux.HandleFunc("GET /signin", f.page("signin.html"))
	mux.HandleFunc("GET /enrol/assets/enrol.js", page.Asset(files, "enrol.js"))

	// Only a page of ours may call these: a cookie is not enough.
	guard := http.NewCrossOriginProtection()
	call := func(pattern string, h handler) {
		mux.Handle(pattern, guard.Handler(f.rendered(h)))
	}
	call("GET /enrol/session", f.session)
	call("POST /enrol/start", f.start)
	call("POST /enrol/registration/begin", f.inSession(f.beginRegistration))
	call("POST /enrol/registration/finish", f.inSession(f.finishRegistration))
	call("POST /enrol/authentication/begin", f.beginAuthentication)
	call("POST /enrol/authentication/finish", f.inSession(f.finishAuthentication))
	call("GET /enrol/credentials", f.inSession(f.credentials))
	call("POST /enrol/signout", f.inSession(f.signOut))
	return nil
}

// handler may return an error, which is rendered by the one table of this front.
type handler func(w http.ResponseWriter, r *http.Request) error

// sessionHandler is a handler for who brings a live session.
type sessionHandler func(w http.ResponseWriter, r *http.Request, s *credential.Session) error

func (f *front) rendered(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			writeError(w, r, err)
		}
	})
}

// inSession lets in whoever brings the cookie of a live session.
func (f *front) inSession(h sessionHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		cookie, err := r.Cookie(cookieName)
		if err != nil {
			return credential.ErrSessionUnknown
		}
		s, by, err := f.Credentials.Session(r.Context(), cookie.Value, f.door(r))
		if err != nil {
			return err
		}
		return h(w, web.WithAuthority(r, by), s)
	}
}

// door is what an authority has from this front before it is anybody's.
func (f *front) door(r *http.Request) tenant.Authority {
	return tenant.Authority{Via: "enrol", Ref: web.RequestID(r.Context()), Address: web.Address(r.Context())}
}

// setCookie gives the browser its session.
func setCookie(w http.ResponseWriter, s *credential.OpenedSession) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: s.Cookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		MaxAge: int(s.Session.Expires.Sub(s.Session.Created).Seconds()),
	})
}

func dropCookie(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1})
}

// page serves one of the pages, which are the same for everybody.
func (f *front) page(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page.Protect(w.Header(), page.NoForms)
		if err := pages.ExecuteTemplate(w, name, nil); err != nil {
			web.LogFault(r.Context(), err)
		}
	}
}

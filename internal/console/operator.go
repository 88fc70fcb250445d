package console

import (
	"cmp"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/page"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// Operator is who asks for a page. It is good for one request.
type Operator struct {
	By          tenant.Authority // what they may do, as of now
	User        credential.UserID
	Name        string // login name
	DisplayName string
	Role        tenant.Role
	Language    string // one of package page's
	Expires     time.Time

	console *Console
	path    string
}

// May reports whether the operator's role has the scope.
func (o *Operator) May(scope tenant.Scope) bool { return o.By.Require(scope, "") == nil }

// admitted lets in an operator who may see p.
func (c *Console) admitted(p Page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o, err := c.operator(r, p)
		switch {
		case errors.Is(err, credential.ErrSessionUnknown) && !p.Background:
			toSignIn(w, r)
			return
		case err != nil:
			c.problem(w, r, o, err)
			return
		}
		if err := p.Serve(w, web.WithAuthority(r, o.By), o); err != nil {
			c.problem(w, r, o, err)
		}
	}
}

// operator returns who asks for p. Beside an error it returns them if they are known
// all the same. Errors: session.unknown; operator.none; authority.denied.
func (c *Console) operator(r *http.Request, p Page) (*Operator, error) {
	cookie, err := r.Cookie(CookieName)
	if err != nil {
		return nil, credential.ErrSessionUnknown
	}
	s, by, err := c.Credentials.Operator(r.Context(), cookie.Value, c.door.From(r))
	if s == nil {
		return nil, err
	}
	o := &Operator{
		By: by, User: s.User, Name: s.UserName, DisplayName: cmp.Or(s.DisplayName, s.UserName), Role: s.Role,
		Language: page.Language(r), Expires: s.Expires, console: c, path: r.URL.Path,
	}
	if err != nil {
		return o, err
	}
	if !p.Background {
		if err := c.Credentials.SessionUsed(r.Context(), s); err != nil {
			return o, err
		}
	}
	if p.Scope != "" && !o.May(p.Scope) {
		return o, tenant.ErrDenied
	}
	return o, nil
}

// View is what is shown within the layout.
type View struct {
	Pages *page.Templates
	Name  string // of the template
	Title string // key of the title in the texts of Pages
	Data  any

	// Styles and Scripts are the page's own, modules the latter: paths of ours.
	Styles, Scripts []string

	// Status is the answer's; zero is 200.
	Status int
}

// Show answers with v, in the operator's language. It writes nothing if it returns an
// error.
func (o *Operator) Show(w http.ResponseWriter, v View) error {
	body, err := v.Pages.HTML(o.Language, v.Name, v.Data)
	if err != nil {
		return err
	}
	title, err := v.Pages.Texts.Say(o.Language, v.Title)
	if err != nil {
		return err
	}
	return write(w, cmp.Or(v.Status, http.StatusOK), o.Language, "layout.html", layout{
		Title: title, Menu: o.menu(), Person: o.DisplayName, Role: string(o.Role), Body: body,
		Styles: v.Styles, Scripts: v.Scripts,
	})
}

// layout is what stands around a page.
type layout struct {
	Title  string
	Menu   []menuItem
	Person string
	Role   string // empty: none
	Body   template.HTML

	Styles, Scripts []string
}

type menuItem struct {
	Label, Path string
	Current     bool
}

// menu is the entries that the operator's role has, nothing for who has no role.
func (o *Operator) menu() (items []menuItem) {
	for _, e := range o.console.menu {
		if o.Role.Valid() && (e.scope == "" || o.May(e.scope)) {
			below := e.path != Root && strings.HasPrefix(o.path, e.path+"/")
			items = append(items, menuItem{e.label.In(o.Language), e.path, e.path == o.path || below})
		}
	}
	return items
}

// write answers with a template of the console's own.
func write(w http.ResponseWriter, status int, lang, name string, data any) error {
	text, err := pages.HTML(lang, name, data)
	if err != nil {
		return err
	}
	page.Protect(w.Header(), page.OwnForms)
	w.Header().Set("Content-Language", lang)
	w.Header().Add("Vary", "Accept-Language")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the peer may be gone; there is nobody to tell
	return nil
}

// toSignIn leads to the sign-in page, and from there back to what was asked for where
// that can be asked for again.
func toSignIn(w http.ResponseWriter, r *http.Request) {
	to := Root
	if r.Method == http.MethodGet {
		to = r.URL.RequestURI()
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, Root+"/signin?to="+url.QueryEscape(to), http.StatusSeeOther)
}

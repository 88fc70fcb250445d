package console

import (
	"net/http"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/page"
	"bestow.dev/internal/web"
)

var (
	errNothingHere = fault.New(fault.NotFound, "signin.none", "There is nothing to sign in to on this page.")
	errCrossOrigin = fault.New(fault.Denied, "request.cross_origin", "This was asked for by a page that is not ours.")
)

// words returns what people read about a fault: its own text where they can do
// something about it, else that of its kind.
func (c *Console) words(lang string, f *fault.Error) string {
	for _, key := range []string{"fault." + f.Code, "kind." + f.Kind.String()} {
		if text, err := c.texts.Say(lang, key); err == nil {
			return text
		}
	}
	return c.texts["kind.internal"].In(lang)
}

// Words returns what the operator reads about err, for a page that tells of it itself.
func (o *Operator) Words(err error) string { return o.console.words(o.Language, fault.From(err)) }

// problem answers with a page about err. o is who asked; nil for nobody who is known.
func (c *Console) problem(w http.ResponseWriter, r *http.Request, o *Operator, err error) {
	web.LogFault(r.Context(), err)
	f := fault.From(err)
	if o == nil {
		o = &Operator{Language: page.Language(r), console: c}
	}
	data := map[string]any{
		"Words": o.Words(err), "Code": f.Code, "Request": web.RequestID(r.Context()),
		"Denied": f.Kind == fault.Denied && o.Name != "", "Person": o.DisplayName, "Role": string(o.Role),
	}
	if f.Kind == fault.Limited {
		w.Header().Set("Retry-After", web.RetryAfter)
	}
	if err := o.Show(w, View{Pages: pages, Name: "problem.html", Title: "problem.title", Data: data, Status: web.StatusOf(f)}); err != nil {
		web.LogFault(r.Context(), err)
		http.Error(w, f.Public, web.StatusOf(f))
	}
}

// writeRefusal answers a call of the sign-in page.
func (c *Console) writeRefusal(w http.ResponseWriter, r *http.Request, err error) {
	web.LogFault(r.Context(), err)
	f := fault.From(err)
	if f.Kind == fault.Limited {
		w.Header().Set("Retry-After", web.RetryAfter)
	}
	web.WriteJSON(w, web.StatusOf(f), map[string]string{
		"code": f.Code, "message": c.words(page.Language(r), f), "requestId": web.RequestID(r.Context()),
	})
}

package console

import (
	"net/http"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/page"
	"bestow.dev/internal/web"
)

var errCrossOrigin = fault.New(fault.Denied, "request.cross_origin", "This was asked for by a page that is not ours.")

// Words returns what the operator reads about err, for a page that tells of it itself.
func (o *Operator) Words(err error) string {
	f := fault.From(err)
	return o.console.texts.Fault(o.Language, f.Code, f.Kind.String())
}

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

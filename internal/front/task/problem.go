package task

import (
	"net/http"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/page"
	"bestow.dev/internal/web"
)

var (
	errNothingHere = fault.New(fault.NotFound, "signin.none", "There is nothing to sign in to on this page.")
	errCrossOrigin = fault.New(fault.Denied, "request.cross_origin", "This was asked for by a page that is not ours.")
	errStreams     = fault.New(fault.Limited, "task.streams", "This page is open too often.")
)

// words returns what people read about a fault: its own text where they can do something
// about it, else that of its kind.
func words(lang string, f *fault.Error) string {
	return first(lang, "fault."+f.Code, "kind."+f.Kind.String(), "kind.internal")
}

// first returns the text of the first key that has one.
func first(lang string, keys ...string) string {
	for _, key := range keys {
		if text, ok := texts[key]; ok {
			return text.In(lang)
		}
	}
	return ""
}

// show answers with a page.
func show(w http.ResponseWriter, r *http.Request, name string, data any) error {
	return showAs(w, r, http.StatusOK, name, data)
}

func showAs(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	lang := page.Language(r)
	text, err := pages.HTML(lang, name, data)
	if err != nil {
		return err
	}
	page.Protect(w.Header(), page.OwnForms)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Content-Language", lang)
	w.Header().Add("Vary", "Accept-Language")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the peer may be gone; there is nobody to tell
	return nil
}

// problem answers with a page about err.
func problem(w http.ResponseWriter, r *http.Request, err error) {
	web.LogFault(r.Context(), err)
	f := fault.From(err)
	if f.Kind == fault.Limited {
		w.Header().Set("Retry-After", web.RetryAfter)
	}
	data := map[string]string{"Words": words(page.Language(r), f), "Code": f.Code, "Request": web.RequestID(r.Context())}
	if err := showAs(w, r, web.StatusOf(f), "problem.html", data); err != nil {
		web.LogFault(r.Context(), err)
		http.Error(w, f.Public, web.StatusOf(f))
	}
}

// writeRefusal answers what a script has called.
func writeRefusal(w http.ResponseWriter, r *http.Request, err error) {
	web.LogFault(r.Context(), err)
	f := fault.From(err)
	if f.Kind == fault.Limited {
		w.Header().Set("Retry-After", web.RetryAfter)
	}
	web.WriteJSON(w, web.StatusOf(f), map[string]string{
		"code": f.Code, "message": words(page.Language(r), f), "requestId": web.RequestID(r.Context()),
	})
}

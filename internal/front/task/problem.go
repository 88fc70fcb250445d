package task

import (
	"net/http"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/page"
	"bestow.dev/internal/web"
)

var (
	errCrossOrigin = fault.New(fault.Denied, "request.cross_origin", "This was asked for by a page that is not ours.")
	errStreams     = fault.New(fault.Limited, "task.streams", "This page is open too often.")
)

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
	data := map[string]string{
		"Words": texts.Fault(page.Language(r), f.Code, f.Kind.String()), "Code": f.Code, "Request": web.RequestID(r.Context()),
	}
	if err := showAs(w, r, web.StatusOf(f), "problem.html", data); err != nil {
		web.LogFault(r.Context(), err)
		http.Error(w, f.Public, web.StatusOf(f))
	}
}

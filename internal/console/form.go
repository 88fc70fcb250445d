package console

import (
	"errors"
	"net/http"

	"bestow.dev/internal/web"
)

// ReadForm reads a form that a page of ours sent, files included, of at most limit bytes
// in all. Errors: request.too_large, request.interrupted.
func ReadForm(w http.ResponseWriter, r *http.Request, limit int64) error {
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	err := r.ParseForm() // by itself, as a form without files that is too large passes unnoticed below
	if err == nil {
		err = r.ParseMultipartForm(limit)
	}
	if errors.Is(err, http.ErrNotMultipart) {
		return nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return web.ErrTooLarge
	}
	if err != nil {
		return web.ErrInterrupted.Because(err)
	}
	return nil
}

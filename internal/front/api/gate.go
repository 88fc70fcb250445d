package api

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// errRepeated refuses a parameter that stands twice in the query: who reads the first
// and who reads the last would disagree on what was asked.
var errRepeated = fault.New(fault.Invalid, "request.repeated", "A parameter of the query stands twice.")

// gate is passed by every operation: it finds out who calls, and reads the body
// within limits.
func (f *front) gate(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	w.Header().Set("Cache-Control", "no-store")
	admitted, err := f.admit(w, r, ctx.Operation())
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	next(humago.NewContext(ctx.Operation(), admitted, w))
}

func (f *front) admit(w http.ResponseWriter, r *http.Request, op *huma.Operation) (*http.Request, error) {
	client, err := f.callers.Caller(r)
	if err != nil {
		return nil, err
	}
	r, err = f.callers.Admit(r, client)
	if err != nil {
		return nil, err
	}
	for name, values := range r.URL.Query() {
		if len(values) > 1 {
			return nil, errRepeated.At(name)
		}
	}
	if op.RequestBody != nil {
		if err := buffer(w, r, op); err != nil {
			return nil, err
		}
	}
	return r.WithContext(context.WithValue(r.Context(), authorityKey{}, web.Authority(r))), nil
}

// buffer replaces r's body with what it holds.
func buffer(w http.ResponseWriter, r *http.Request, op *huma.Operation) error {
	wantsXML := op.RequestBody.Content[mediaXML] != nil
	switch {
	case wantsXML && !web.IsXML(r):
		return web.ErrNotXML
	case !wantsXML && !web.IsJSON(r):
		return web.ErrNotJSON
	}
	body, err := web.ReadBody(w, r, op.MaxBodyBytes-1)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

type authorityKey struct{}

// authorityOf returns the authority of the operation's caller; one that may do
// nothing outside of an operation.
func authorityOf(ctx context.Context) tenant.Authority {
	by, _ := ctx.Value(authorityKey{}).(tenant.Authority)
	return by
}

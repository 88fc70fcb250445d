package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/web"
)

// problem is a refusal (RFC 9457). Code, and the type made of it, never change once
// released.
type problem struct {
	Type      string `json:"type" format:"uri-reference" doc:"Names the cause: /api/v1/problems/ and the code"`
	Title     string `json:"title" doc:"The sort of cause"`
	Status    int    `json:"status" doc:"The HTTP status"`
	Detail    string `json:"detail" doc:"For people"`
	Code      string `json:"code" doc:"The cause, for programs" example:"user.unknown"`
	Field     string `json:"field,omitempty" doc:"The offending member or parameter, if there is one"`
	RequestID string `json:"requestId" doc:"Finds the request in the server's log"`

	// Whoever registers, or signs in, on behalf of others has to be able to tell them why.
	Decision *decision `json:"decision,omitempty" doc:"With policy.refused: what every policy made of it, rule by rule"`

	Problems []definitionProblem `json:"problems,omitempty" nullable:"false" doc:"With the refusals of a process definition: what is wrong, by line"`
}

// Error implements [huma.StatusError].
func (p *problem) Error() string { return p.Code }

// GetStatus implements [huma.StatusError].
func (p *problem) GetStatus() int { return p.Status }

// GetHeaders implements [huma.HeadersError].
func (p *problem) GetHeaders() http.Header {
	h := http.Header{}
	switch p.Status {
	case http.StatusUnauthorized:
		h.Add("WWW-Authenticate", `Basic realm="bestow", charset="UTF-8"`)
		h.Add("WWW-Authenticate", `Bearer realm="bestow"`)
	case http.StatusTooManyRequests:
		h.Set("Retry-After", web.RetryAfter)
	}
	return h
}

// ContentType implements [huma.ContentTypeFilter].
func (*problem) ContentType(string) string { return "application/problem+json" }

// titles name the sorts of cause.
var titles = map[fault.Kind]string{
	fault.Internal:        "Internal error",
	fault.Invalid:         "Invalid request",
	fault.Unauthenticated: "Not authenticated",
	fault.Denied:          "Not allowed",
	fault.NotFound:        "Not found",
	fault.Conflict:        "Conflict",
	fault.Gone:            "Gone",
	fault.Rejected:        "Refused after verification",
	fault.Limited:         "Too many requests",
	fault.Unsupported:     "Not supported",
	fault.Unavailable:     "Unavailable",
}

// problemOf tells err, and writes it to the log.
func problemOf(ctx context.Context, err error) *problem {
	web.LogFault(ctx, err)
	f := fault.From(err)
	return &problem{
		Type:      Prefix + "/problems/" + f.Code,
		Title:     titles[f.Kind],
		Status:    web.StatusOf(f),
		Detail:    f.Public,
		Code:      f.Code,
		Field:     f.Field,
		RequestID: web.RequestID(ctx),
		Decision:  decisionOf(err),
		Problems:  problemsOf(err),
	}
}

// writeProblem answers r with err where no operation does.
func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r.Context(), err)
	h := w.Header()
	for name, values := range p.GetHeaders() {
		h[name] = values
	}
	web.WriteJSON(problemWriter{w}, p.Status, p)
}

// problemWriter gives an answer the media type of problem documents.
type problemWriter struct{ http.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (w problemWriter) WriteHeader(status int) {
	w.Header().Set("Content-Type", (*problem)(nil).ContentType(""))
	w.ResponseWriter.WriteHeader(status)
}

// errRequest is a request that does not have the form the operation describes.
var errRequest = fault.New(fault.Invalid, "request.invalid", "The request does not have the form that this call asks for.")

// The OpenAPI library makes its own refusals, of requests that do not have the form an
// operation describes, through variables of its package: this is how it is told of
// ours. Nothing else in the program uses it.
func init() {
	huma.NewErrorWithContext = func(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
		return problemOf(ctx.Context(), malformed(status, errs))
	}
	huma.NewError = func(int, string, ...error) huma.StatusError { return new(problem) } // for its schema
}

// malformed names what is wrong with a request, without quoting it.
func malformed(status int, errs []error) error {
	if status >= http.StatusInternalServerError {
		return errors.Join(append(errs, fmt.Errorf("the OpenAPI library answers %d", status))...)
	}
	if len(errs) == 0 {
		return errRequest
	}
	detailer, ok := errs[0].(huma.ErrorDetailer)
	if !ok {
		return errRequest
	}
	d := detailer.ErrorDetail()
	_, field, _ := strings.Cut(d.Location, ".") // body.name, query.limit, path.id
	if field == "" {
		return errRequest.Saying("%s", d.Message)
	}
	return errRequest.At(field).Saying("%s: %s", field, d.Message)
}

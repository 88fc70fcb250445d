// Package web is what every door of Bestow shares: reading and writing JSON
// within limits, the request's id, the caller's address and authority, and the
// plain status of a fault.
//
// It translates and decides nothing. A front mounts its handlers on its own
// [http.ServeMux]; the roof wraps all of them once in [Handler].
package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/tenant"
)

// MaxBodyBytes is how long a request body may be where a front says nothing else.
const MaxBodyBytes = 256 << 10

// Faults of reading a request.
var (
	ErrTooLarge    = fault.New(fault.Invalid, "request.too_large", "The request is too large.")
	ErrNotJSON     = fault.New(fault.Invalid, "request.not_json", "Send the body as application/json.")
	ErrNotXML      = fault.New(fault.Invalid, "request.not_xml", "Send the body as application/xml.")
	ErrJSON        = fault.New(fault.Invalid, "request.json", "The body is not valid JSON for this call.")
	ErrMethod      = fault.New(fault.Invalid, "request.method", "This path does not take that method.")
	ErrNoSuchPath  = fault.New(fault.NotFound, "request.path", "There is nothing at this path.")
	ErrInterrupted = fault.New(fault.Invalid, "request.interrupted", "The body ended before it was complete.")
)

// ReadBody reads the whole body of r, at most limit bytes; zero means
// [MaxBodyBytes]. Errors: request.too_large, request.interrupted.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if limit == 0 {
		limit = MaxBodyBytes
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return body, nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, ErrTooLarge
	}
	return nil, ErrInterrupted.Because(err)
}

// ReadJSON decodes the body of r strictly into v: the content type is JSON, the
// text is valid UTF-8, no member stands twice and none is unknown.
// Errors: those of [ReadBody], request.not_json, request.json.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if !IsJSON(r) {
		return ErrNotJSON
	}
	body, err := ReadBody(w, r, 0)
	if err != nil {
		return err
	}
	if err := strictjson.Decode(body, v, strictjson.DisallowUnknown()); err != nil {
		return ErrJSON.Saying("The body is not valid JSON for this call: %s.", describe(err)).Because(err)
	}
	return nil
}

// describe says where a body is wrong without quoting it.
func describe(err error) string {
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		return e.Error()
	}
	return "it does not have the expected form"
}

// IsJSON reports whether r declares a JSON body.
func IsJSON(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "application/json"
}

// IsXML reports whether r declares an XML body (RFC 7303).
func IsXML(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (media == "application/xml" || media == "text/xml")
}

// WriteJSON answers with status and v. Answers are never cached: all of them
// speak of a moment.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // a link is shown as it is; nosniff keeps it from being read as HTML
	if err := enc.Encode(v); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // the peer may be gone; there is nobody to tell
}

// Status returns the HTTP status that a kind of fault has where a vendor's table
// says nothing else.
func Status(kind fault.Kind) int {
	switch kind {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Denied:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Gone:
		return http.StatusGone
	case fault.Rejected:
		return http.StatusUnprocessableEntity
	case fault.Limited:
		return http.StatusTooManyRequests
	case fault.Unsupported:
		return http.StatusNotImplemented
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// LogFault writes err to the request's log once, at the door: our own faults as
// errors with their cause, refusals as information.
func LogFault(ctx context.Context, err error) {
	f := fault.From(err)
	level := slog.LevelInfo
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		level = slog.LevelError
	}
	Log(ctx).Log(ctx, level, "refused", "code", f.Code, "kind", f.Kind.String(), "error", f.Error())
}

// StatusOf returns the HTTP status of f where a vendor's table says nothing else:
// that of its cause, if it is one of reading a request, and otherwise that of its kind.
func StatusOf(f *fault.Error) int {
	switch f.Code {
	case ErrTooLarge.Code:
		return http.StatusRequestEntityTooLarge
	case ErrNotJSON.Code, ErrNotXML.Code:
		return http.StatusUnsupportedMediaType
	case ErrMethod.Code:
		return http.StatusMethodNotAllowed
	default:
		return Status(f.Kind)
	}
}

type contextKey int

const (
	keyRequest contextKey = iota
	keyAuthority
)

// request is what [Handler] knows of a request.
type request struct {
	id      string
	address string
	log     *slog.Logger
}

func requestOf(ctx context.Context) request {
	r, ok := ctx.Value(keyRequest).(request)
	if !ok {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r
}

// RequestID returns the id of the request that ctx belongs to; empty outside of one.
func RequestID(ctx context.Context) string { return requestOf(ctx).id }

// Address returns the caller's address without port, as seen behind the trusted
// proxies; empty outside of a request.
func Address(ctx context.Context) string { return requestOf(ctx).address }

// Log returns the logger of the request that ctx belongs to, which carries its id.
func Log(ctx context.Context) *slog.Logger { return requestOf(ctx).log }

// WithAuthority returns r with the authority of its authenticated caller. The
// address and, where the caller gave none, the request id are filled in.
func WithAuthority(r *http.Request, a tenant.Authority) *http.Request {
	req := requestOf(r.Context())
	if a.Address == "" {
		a.Address = req.address
	}
	if a.Ref == "" {
		a.Ref = req.id
	}
	return r.WithContext(context.WithValue(r.Context(), keyAuthority, a))
}

// Authority returns the authority of r's caller; one that may do nothing if the
// caller was not authenticated.
func Authority(r *http.Request) tenant.Authority {
	a, _ := r.Context().Value(keyAuthority).(tenant.Authority)
	return a
}

// newRequestID returns a short random id.
func newRequestID() string { return rand.Text()[:16] }

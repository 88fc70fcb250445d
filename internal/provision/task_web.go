package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"bestow.dev/internal/process"
	"bestow.dev/internal/strictjson"
)

// This file has the tasks that reach what knows nothing of credentials.

// IdempotencyHeader carries the work's key, so that a server can tell a request that is
// made again.
const IdempotencyHeader = "Idempotency-Key"

var webMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

// ownHeaders are set by us and by nobody else.
var ownHeaders = []string{"host", "content-length", "connection", "transfer-encoding", "upgrade", "te", "trailer", "user-agent", "idempotency-key"}

// httpRequest makes a request. Every status is an answer; only where there is none is
// there an error.
func (s *Service) httpRequest() *task {
	return &task{
		shape: shape{
			required: []string{"method", "url"},
			optional: []string{"headers", "body"},
			fields:   map[string]string{"statusField": "httpStatus", "bodyField": "httpBody"},
		},
		literals: func(params map[string]string) error {
			if m := params["method"]; isLiteral(m) && !slices.Contains(webMethods, m) {
				return fmt.Errorf("the parameter method is one of %s", strings.Join(webMethods, ", "))
			}
			if u := params["url"]; isLiteral(u) && !MayAsk(u) {
				return errors.New("the parameter url is https, or http on this machine, without user and fragment")
			}
			return nil
		},
		do: func(ctx context.Context, g given) (process.Result, error) {
			r, err := webRequest(g)
			if err != nil {
				return process.Result{}, err
			}
			answer, err := s.web.Do(ctx, *r)
			if refused, ok := errors.AsType[*Refusal](err); ok {
				return process.Result{}, outcome(HTTPRefused, errors.New(refused.Message))
			}
			if err != nil {
				return process.Result{}, unreachable(g.Work, HTTPConnection, err)
			}
			body, err := valueOf(answer)
			if err != nil {
				return process.Result{}, outcome(HTTPRefused, err)
			}
			return process.Result{
				Outputs: map[string]json.RawMessage{
					g.field("statusField"): json.RawMessage(fmt.Sprint(answer.Status)), g.field("bodyField"): body,
				},
				Note: fmt.Sprintf("answered %d", answer.Status),
			}, nil
		},
	}
}

// MayAsk reports whether a task may ask what is at a URL: https, or http on this machine.
func MayAsk(text string) bool {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURLBytes || u.Hostname() == "" || u.Opaque != "" || u.User != nil || u.Fragment != "" {
		return false
	}
	host, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && host.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

func webRequest(g given) (*WebRequest, error) {
	r := &WebRequest{Header: map[string]string{IdempotencyHeader: g.Key}}
	var err error
	if r.Method, err = g.text("method"); err != nil {
		return nil, err
	}
	if r.URL, err = g.text("url"); err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(webMethods, r.Method):
		return nil, badParameter("method", "is none of %s", strings.Join(webMethods, ", "))
	case !MayAsk(r.URL):
		return nil, badParameter("url", "is neither https nor http on this machine")
	}
	if err := g.headers(r.Header); err != nil {
		return nil, err
	}
	if raw := g.Params["body"]; len(raw) > 0 && string(raw) != "null" {
		var text string
		r.Body = raw
		if json.Unmarshal(raw, &text) == nil {
			r.Body = []byte(text)
		} else if !slices.ContainsFunc(headerNames(r.Header), func(n string) bool { return strings.EqualFold(n, "Content-Type") }) {
			r.Header["Content-Type"] = "application/json"
		}
	}
	if len(r.Body) > MaxWebBytes {
		return nil, badParameter("body", "has more than %d bytes", MaxWebBytes)
	}
	return r, nil
}

func headerNames(h map[string]string) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	return names
}

// headerName is a token of RFC 9110 §5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$")

// headers reads the headers of a request: an object, or lines of name and value.
func (g given) headers(into map[string]string) error {
	raw := g.Params["headers"]
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	given := make(map[string]string)
	if json.Unmarshal(raw, &given) != nil {
		var lines string
		if json.Unmarshal(raw, &lines) != nil {
			return badParameter("headers", "is neither an object of texts nor lines")
		}
		clear(given)
		for line := range strings.Lines(lines) {
			if strings.TrimSpace(line) == "" {
				continue
			}
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				return badParameter("headers", "has a line without a colon")
			}
			given[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	for name, value := range given {
		if !headerName.MatchString(name) || !isText(value, maxURLBytes) {
			return badParameter("headers", "holds what is no header")
		}
		if slices.Contains(ownHeaders, strings.ToLower(name)) {
			return badParameter("headers", "holds %s, which is set by itself", name)
		}
		into[name] = value
	}
	return nil
}

var errBody = errors.New("the body of the answer is neither JSON nor text")

// valueOf is the body of an answer as the value of a variable: JSON as it is, other text
// as text, null for nothing.
func valueOf(a *WebAnswer) (json.RawMessage, error) {
	if len(a.Body) == 0 {
		return json.RawMessage("null"), nil
	}
	media, _, _ := mime.ParseMediaType(a.ContentType)
	if media == "application/json" || strings.HasSuffix(media, "+json") {
		var v json.RawMessage
		if err := strictjson.Decode(a.Body, &v, strictjson.MaxBytes(MaxWebBytes)); err != nil {
			return nil, errBody
		}
		return v, nil
	}
	if !utf8.Valid(a.Body) {
		return nil, errBody
	}
	return quoted(string(a.Body)), nil
}

// Limits of mail.
const (
	maxRecipients   = 50
	maxSubjectChars = 200
	maxMailBytes    = 64 << 10
)

// sendMail sends a message in plain text.
func (s *Service) sendMail() *task {
	return &task{
		shape: shape{required: []string{"to", "subject", "body"}},
		literals: func(params map[string]string) error {
			if s.mailer == nil {
				return errors.New("no mail is sent here: the configuration has no mail.server")
			}
			if to := params["to"]; isLiteral(to) {
				_, err := recipients(to)
				return err
			}
			return nil
		},
		do: func(ctx context.Context, g given) (process.Result, error) {
			if s.mailer == nil {
				return process.Result{}, &process.TaskError{Type: MailRefused, Message: "no mail is sent here"}
			}
			m, err := mailOf(g)
			if err != nil {
				return process.Result{}, err
			}
			err = s.mailer.Send(ctx, *m)
			if refused, ok := errors.AsType[*Refusal](err); ok {
				return process.Result{}, outcome(MailRefused, refused)
			}
			if err != nil {
				return process.Result{}, unreachable(g.Work, MailConnection, err)
			}
			return process.Result{Note: fmt.Sprintf("mail to %d", len(m.To))}, nil
		},
	}
}

func mailOf(g given) (*Mail, error) {
	m := &Mail{Key: g.Key, Date: g.Now}
	to, err := g.text("to")
	if err != nil {
		return nil, err
	}
	if m.To, err = recipients(to); err != nil {
		return nil, badParameter("to", "holds no addresses, or what is none")
	}
	if m.Subject, err = g.text("subject"); err != nil {
		return nil, err
	}
	if m.Body, err = g.text("body"); err != nil {
		return nil, err
	}
	if !isText(m.Subject, maxSubjectChars) || len(m.Body) > maxMailBytes || !utf8.ValidString(m.Body) {
		return nil, badParameter("subject", "or body is too long, or no text")
	}
	return m, nil
}

func recipients(text string) ([]mail.Address, error) {
	list, err := mail.ParseAddressList(text)
	if err != nil || len(list) > maxRecipients {
		return nil, fmt.Errorf("the parameter to is 1 to %d addresses, with commas between them", maxRecipients)
	}
	out := make([]mail.Address, 0, len(list))
	for _, a := range list {
		out = append(out, *a)
	}
	return out, nil
}

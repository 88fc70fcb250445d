package webhook

import (
	"context"
	"net/http"
	"strings"
	"time"

	"bestow.dev/internal/fault"
)

// deliver tries once to deliver and stores what came of it.
func (s *Service) deliver(ctx context.Context, w *Work) error {
	status, err := s.post(ctx, w)
	r := s.judge(w, status, err)
	s.note(ctx, w, &r.Delivery, err)
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return s.store.Settle(ctx, r)
}

// post makes the call. It returns the status of the answer, or why there was none.
func (s *Service) post(ctx context.Context, w *Work) (int, error) {
	now := s.clock()
	secrets, err := s.secrets(w, now)
	if err != nil {
		return 0, err
	}
	header, err := headers(w.Delivery.ID, now, w.Delivery.Body, secrets...)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, PostTimeout)
	defer cancel()
	return s.sender.Post(ctx, Post{URL: w.Endpoint.URL, Header: header, Body: w.Delivery.Body})
}

// secrets returns what the delivery is signed with.
func (s *Service) secrets(w *Work, now time.Time) ([]string, error) {
	place := sealPlace(w.Endpoint.ID)
	secret, err := s.sealer.Open(w.Sealed, place)
	if err != nil {
		return nil, err
	}
	all := []string{string(secret)}
	if w.Before != nil && now.Before(w.Until) {
		before, err := s.sealer.Open(w.Before, place)
		if err != nil {
			return nil, err
		}
		all = append(all, string(before))
	}
	return all, nil
}

// judge says what becomes of a delivery after a try.
func (s *Service) judge(w *Work, status int, refusal error) Result {
	now := s.clock()
	r := Result{Claim: w.Claim, Delivery: w.Delivery}
	d := &r.Delivery
	d.Attempts++
	d.Status, d.Problem, d.Due = status, problem(refusal), time.Time{}
	if refusal == nil && status >= 200 && status <= 299 {
		d.State, d.Ended = Delivered, now
		return r
	}
	if refusal == nil && status == http.StatusGone {
		// The receiver wants nothing any more, now or ever.
		d.State, d.Ended = Failed, now
		gone := *w.Endpoint
		gone.Disabled = true
		by := system(gone.Tenant)
		r.Event = s.touch(by, &gone, "webhook.disabled")
		r.Event.Detail["event"] = d.ID
		r.Disabled = &gone
		return r
	}
	due, again := nextTry(d.Attempts, now)
	if !again {
		d.State, d.Ended = Failed, now
		return r
	}
	d.Due = due
	return r
}

const maxProblemBytes = 200

// problem is why there was no answer, for operators: a fault by its code.
func problem(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if f := fault.From(err); f.Kind != fault.Internal {
		text = f.Code
	}
	return strings.ToValidUTF8(text[:min(len(text), maxProblemBytes)], "")
}

// note counts a try, and logs one that failed.
func (s *Service) note(ctx context.Context, w *Work, d *Delivery, err error) {
	about := []any{"tenant", w.Endpoint.Tenant, "webhook", w.Endpoint.Name, "event", d.ID, "type", d.Type, "try", d.Attempts, "status", d.Status}
	if err != nil {
		about = append(about, "error", err)
	}
	switch d.State {
	case Delivered:
		s.delivered.Add(1)
	case Failed:
		s.failed.Add(1)
		s.log.ErrorContext(ctx, "webhook given up; it can be redelivered", about...)
	default:
		s.delayed.Add(1)
		s.log.WarnContext(ctx, "webhook failed and will be tried again", about...)
	}
}

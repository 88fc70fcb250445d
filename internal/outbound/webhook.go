package outbound

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"bestow.dev/internal/webhook"
)

// Webhooks makes the calls of webhooks. It is safe for concurrent use.
type Webhooks struct{ http *http.Client }

var _ webhook.Sender = (*Webhooks)(nil)

// NewWebhooks returns what webhooks are called with. Zero as timeout means
// [webhook.PostTimeout]. Errors as with [New].
func NewWebhooks(c Config) (*Webhooks, error) {
	if c.Timeout == 0 {
		c.Timeout = webhook.PostTimeout
	}
	client, err := New(c)
	if err != nil {
		return nil, err
	}
	return &Webhooks{client.http}, nil
}

// Post implements [webhook.Sender].
func (w *Webhooks) Post(ctx context.Context, p webhook.Post) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(p.Body))
	if err != nil {
		return 0, errors.New("the URL is none")
	}
	r.Header.Set("User-Agent", "Bestow")
	for name, value := range p.Header {
		r.Header.Set(name, value)
	}
	resp, err := w.http.Do(r)
	if err != nil {
		return 0, bare(err)
	}
	defer resp.Body.Close()
	// What the receiver says beyond its status is of no interest.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrainBytes))
	return resp.StatusCode, nil
}

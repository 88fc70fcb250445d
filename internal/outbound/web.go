package outbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"bestow.dev/internal/mds"
	"bestow.dev/internal/provision"
)

// webTimeout bounds one request of a task where [Config] does not say.
const webTimeout = 30 * time.Second

// Web makes the requests of tasks. It is safe for concurrent use.
type Web struct{ http *http.Client }

var _ provision.Web = (*Web)(nil)

// NewWeb returns what tasks make requests with. Zero as timeout means 30 seconds. Errors
// as with [New].
func NewWeb(c Config) (*Web, error) {
	if c.Timeout == 0 {
		c.Timeout = webTimeout
	}
	client, err := New(c)
	if err != nil {
		return nil, err
	}
	client.http.CheckRedirect = withinOrigin
	return &Web{client.http}, nil
}

// Do implements [provision.Web]. Redirects are followed within the web origin that was
// asked; one that leads elsewhere is a refusal, since headers and body are for that place.
func (w *Web) Do(ctx context.Context, q provision.WebRequest) (*provision.WebAnswer, error) {
	if !provision.MayAsk(q.URL) {
		return nil, &provision.Refusal{Message: "the URL is neither https nor http on this machine"}
	}
	r, err := http.NewRequestWithContext(ctx, q.Method, q.URL, bytes.NewReader(q.Body))
	if err != nil {
		return nil, &provision.Refusal{Message: "the request is not one"}
	}
	r.Header.Set("User-Agent", "Bestow")
	for name, value := range q.Header {
		r.Header.Set(name, value)
	}
	resp, err := w.http.Do(r)
	if errors.Is(err, mds.ErrRedirect) {
		return nil, &provision.Refusal{Message: "the server sends to another place"}
	}
	if err != nil {
		return nil, provision.ErrUnreachable.Because(bare(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, provision.MaxWebBytes+1))
	if err != nil {
		return nil, provision.ErrUnreachable.Because(bare(err))
	}
	if len(body) > provision.MaxWebBytes {
		return nil, &provision.Refusal{Message: fmt.Sprintf("the answer has more than %d bytes", provision.MaxWebBytes)}
	}
	return &provision.WebAnswer{Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Body: body}, nil
}

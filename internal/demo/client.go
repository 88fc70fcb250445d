package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// client is one API client: everything it knows, it knows from the public HTTP
// interfaces.
type client struct {
	http *http.Client
	base string // https://localhost:port
	id   string
	key  string
}

// maxAnswerBytes bounds what is read from the server.
const maxAnswerBytes = 4 << 20

// callTimeout is how long one call may take before the demo gives up.
const callTimeout = 20 * time.Second

// request is one call.
type request struct {
	method, path string
	header       http.Header
	body         any // nil: none; bytes are XML, values a form; anything else is JSON
	want         int // status
	out          any // receives the answer; nil: it is dropped
}

// call makes r. Any status but the one that is wanted is an error that quotes the answer.
func (c *client) call(ctx context.Context, r request) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, mediaType, err := r.encoded()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", mediaType)
	}
	if c.key != "" {
		req.SetBasicAuth(c.id, c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return err
	}
	if resp.StatusCode != r.want {
		return fmt.Errorf("%s %s answered %s: %s", r.method, r.path, resp.Status, bytes.TrimSpace(text))
	}
	if r.out == nil {
		return nil
	}
	return json.Unmarshal(text, r.out)
}

func (r *request) encoded() (body []byte, mediaType string, err error) {
	switch b := r.body.(type) {
	case nil:
		return nil, "", nil
	case []byte:
		return b, "application/xml", nil
	case url.Values:
		return []byte(b.Encode()), "application/x-www-form-urlencoded", nil
	}
	body, err = json.Marshal(r.body)
	return body, "application/json", err
}

const apiRoot = "/api/v1"

func (c *client) get(ctx context.Context, path string, out any) error {
	return c.call(ctx, request{method: http.MethodGet, path: apiRoot + path, want: http.StatusOK, out: out})
}

func (c *client) post(ctx context.Context, path string, body, out any) error {
	return c.call(ctx, request{method: http.MethodPost, path: apiRoot + path, body: body, want: http.StatusCreated, out: out})
}

func (c *client) put(ctx context.Context, path string, body any) error {
	return c.call(ctx, request{method: http.MethodPut, path: apiRoot + path, body: body, want: http.StatusOK})
}

// list is a page of anything.
type list[T any] struct {
	Items []T `json:"items"`
}

// items returns the first page of a list, which is all there is in the demo.
func items[T any](ctx context.Context, c *client, path string, query url.Values) ([]T, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("limit", "1000")
	var page list[T]
	err := c.get(ctx, path+"?"+query.Encode(), &page)
	return page.Items, err
}

// storeCredential hands an authenticator's answer in through the Digital Access front.
func (c *client) storeCredential(ctx context.Context, userName string, answer json.RawMessage) error {
	var token struct {
		AccessToken string `json:"access_token"`
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"fido.provision"}}
	if err := c.call(ctx, request{method: http.MethodPost, path: "/oauth2/token", body: form, want: http.StatusOK, out: &token}); err != nil {
		return err
	}
	bearer := client{http: c.http, base: c.base}
	return bearer.call(ctx, request{
		method: http.MethodPost, path: "/fido/credentials", header: http.Header{"Authorization": {"Bearer " + token.AccessToken}},
		body: map[string]any{"userId": userName, "publicKeyCredential": answer}, want: http.StatusCreated,
	})
}

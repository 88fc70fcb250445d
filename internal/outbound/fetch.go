package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"bestow.dev/internal/mds"
)

const (
	// fetchTimeout bounds one fetch where [Config] does not say: a list of megabytes
	// over a slow line.
	fetchTimeout = 2 * time.Minute

	// maxRedirects is how often a fetch is sent on, within one web origin.
	maxRedirects = 5

	// maxValidator is the length of the longest ETag or date that is kept.
	maxValidator = 256
)

// Fetcher gets the documents of metadata services. It is safe for concurrent use.
type Fetcher struct{ http *http.Client }

var _ mds.Fetcher = (*Fetcher)(nil)

// NewFetcher returns a fetcher. Zero as timeout means two minutes. Errors as with [New].
func NewFetcher(c Config) (*Fetcher, error) {
	if c.Timeout == 0 {
		c.Timeout = fetchTimeout
	}
	client, err := New(c)
	if err != nil {
		return nil, err
	}
	client.http.CheckRedirect = withinOrigin
	return &Fetcher{client.http}, nil
}

// withinOrigin follows a redirect to the web origin that was asked, and to no other.
func withinOrigin(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects || r.URL.Scheme != first.Scheme || r.URL.Host != first.Host || r.URL.User != nil {
		return mds.ErrRedirect
	}
	return nil
}

// Fetch implements [mds.Fetcher].
func (f *Fetcher) Fetch(ctx context.Context, want mds.Request) (*mds.Document, error) {
	r, err := fetchRequest(ctx, want)
	if err != nil {
		return nil, err
	}
	resp, err := f.http.Do(r)
	if err != nil {
		if errors.Is(err, mds.ErrRedirect) {
			return nil, mds.ErrRedirect
		}
		return nil, mds.ErrUnreachable.Because(bare(err))
	}
	defer resp.Body.Close()
	conditional := want.ETag != "" || want.LastModified != ""
	switch {
	case resp.StatusCode == http.StatusNotModified && conditional:
		return &mds.Document{NotModified: true}, nil
	case resp.StatusCode != http.StatusOK:
		return nil, mds.ErrAnswer.Because(&StatusError{resp.StatusCode})
	case resp.ContentLength > want.MaxBytes:
		return nil, mds.ErrTooLarge.Because(fmt.Errorf("%d bytes, %d are taken", resp.ContentLength, want.MaxBytes))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, want.MaxBytes+1))
	if err != nil {
		return nil, mds.ErrUnreachable.Because(bare(err))
	}
	if int64(len(body)) > want.MaxBytes {
		return nil, mds.ErrTooLarge.Because(fmt.Errorf("more than %d bytes", want.MaxBytes))
	}
	return &mds.Document{Body: body, ETag: validator(resp, "ETag"), LastModified: validator(resp, "Last-Modified")}, nil
}

func fetchRequest(ctx context.Context, want mds.Request) (*http.Request, error) {
	u, err := url.Parse(want.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !want.PlainHTTP) {
		return nil, mds.ErrUnreachable.Because(errors.New("not a URL that is fetched"))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, want.URL, nil)
	if err != nil {
		return nil, mds.ErrUnreachable.Because(bare(err))
	}
	r.Header.Set("User-Agent", "Bestow")
	if want.ETag != "" {
		r.Header.Set("If-None-Match", want.ETag)
	}
	if want.LastModified != "" {
		r.Header.Set("If-Modified-Since", want.LastModified)
	}
	return r, nil
}

// validator returns a header that is to be sent back one day; empty for one that is too
// long or not of plain characters.
func validator(resp *http.Response, name string) string {
	v := resp.Header.Get(name)
	if len(v) > maxValidator {
		return ""
	}
	for i := range len(v) {
		if v[i] < ' ' || v[i] > '~' {
			return ""
		}
	}
	return v
}

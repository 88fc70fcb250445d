// Package outbound makes the HTTP calls that Bestow makes by itself: callbacks to
// the clients of the relay ([Client]), and fetching what metadata services publish
// ([Fetcher]).
//
//	client, err := outbound.New(outbound.Config{CAFile: "ca.pem"})
//	...
//	service, err := relay.New(relay.Config{Caller: client, …})
//
// Servers are verified against the system's roots and those of the configuration;
// there is no switch that skips it. Redirects of callbacks are not followed: one goes
// where the operator said, with the credentials that are for that place. Neither
// URLs nor credentials enter an error or a log.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"bestow.dev/internal/relay"
)

// Config says how calls are made. Its zero value is good.
type Config struct {
	// CAFile is a PEM file of authorities that are trusted beside the system's.
	// Empty: none.
	CAFile string

	// Timeout bounds one call, from dialling to the end of the answer. Zero means 10
	// seconds for [New].
	Timeout time.Duration

	// Log receives one line of debug a call. Nil discards it.
	Log *slog.Logger
}

const (
	defaultTimeout = relay.CallbackTimeout

	// idlePerHost connections to one client are kept; as many callbacks as the relay
	// has under way to one.
	idlePerHost = 16

	// maxDrainBytes of an answer are read, so that its connection can be used again.
	maxDrainBytes = 4 << 10
)

// Client makes the calls. It is safe for concurrent use.
type Client struct {
	http *http.Client
	log  *slog.Logger
}

var _ relay.Caller = (*Client)(nil)

// New returns a client.
//
// It returns an error if the CA file cannot be read or holds no certificate.
func New(c Config) (*Client, error) {
	roots, err := roots(c.CAFile)
	if err != nil {
		return nil, err
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{
		http: &http.Client{
			Transport: &http.Transport{
				Proxy:                 http.ProxyFromEnvironment,
				DialContext:           (&net.Dialer{Timeout: c.Timeout, KeepAlive: 30 * time.Second}).DialContext,
				TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout:   c.Timeout,
				ResponseHeaderTimeout: c.Timeout,
				ForceAttemptHTTP2:     true,
				MaxIdleConns:          8 * idlePerHost,
				MaxIdleConnsPerHost:   idlePerHost,
				IdleConnTimeout:       90 * time.Second,
				// What a client may say in the head of an answer that nobody reads.
				MaxResponseHeaderBytes: 16 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       c.Timeout,
		},
		log: c.Log,
	}, nil
}

// roots returns the system's authorities and those of the file; nil, which means
// the system's, if there is no file.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read CA file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s holds no certificate in PEM", file)
	}
	return pool, nil
}

// StatusError reports that a client answered a call with a status other than 2xx.
type StatusError struct{ Status int }

// Error returns the status with its name.
func (e *StatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("answered %d %s", e.Status, http.StatusText(e.Status)))
}

// Call implements [relay.Caller]: POST <callback URL>/callback/<name>. Any 2xx means
// that the client has taken it.
func (c *Client) Call(ctx context.Context, call relay.Call) error {
	r, err := request(ctx, http.MethodPost, call.Client, call.Name, call.Body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if call.Client.CallbackUser != "" {
		r.SetBasicAuth(call.Client.CallbackUser, call.Client.CallbackPassword)
	}
	started := time.Now()
	err = c.do(r)
	c.log.DebugContext(ctx, "callback", "command", call.Command.String(), "client", call.Client.ID,
		"name", call.Name, "took", time.Since(started), "error", err)
	return err
}

// Alive implements [relay.Caller]: GET <callback URL>/callback/alive, without
// credentials.
func (c *Client) Alive(ctx context.Context, client *relay.Client) error {
	r, err := request(ctx, http.MethodGet, client, "alive", nil)
	if err != nil {
		return err
	}
	return c.do(r)
}

func request(ctx context.Context, method string, client *relay.Client, name string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(client.CallbackURL, "/")+"/callback/"+name, bytes.NewReader(body))
	if err != nil {
		return nil, bare(err)
	}
	r.Header.Set("User-Agent", "Bestow")
	return r, nil
}

func (c *Client) do(r *http.Request) error {
	resp, err := c.http.Do(r)
	if err != nil {
		return bare(err)
	}
	defer resp.Body.Close()
	// What the client says beyond its status is of no interest, nor is whether all of
	// it arrives.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrainBytes))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return &StatusError{resp.StatusCode}
	}
	return nil
}

// bare returns err without the URL that net/http and net/url put around it.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() {
			return errors.New("no answer in time")
		}
		return u.Err
	}
	return err
}

package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"bestow.dev/internal/plugout"
)

// Times that calls to the relay may take. A long poll may take both together.
const (
	callTimeout = 15 * time.Second
	pollWait    = 25 * time.Second
)

// Outcomes of a call that the session loop acts on.
var (
	errEnded  = errors.New("the session is over")
	errTooOld = errors.New("the message is not open any more")
)

// passing marks a failure that may be over at the next try: the network, or a relay
// that is restarting.
type passing struct {
	err    error
	unread bool // the relay said that it did not even look at the request
}

func (p passing) Error() string { return p.err.Error() }
func (p passing) Unwrap() error { return p.err }

// newHTTPClient returns a client for relays. TLS 1.2 is the least, certificates are
// always checked, and a redirect is an answer like any other wrong one: it could
// lead to a host that nobody allowed.
func newHTTPClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			IdleConnTimeout:        time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// box is the message box of one link, from the desk's side (the wire is described in
// package plugout).
type box struct {
	url     string
	http    *http.Client
	session string // bearer secret, once redeemed
	now     func() time.Time

	// skew is what has to be added to our clock to get the relay's, in nanoseconds.
	skew atomic.Int64
}

// response is what a call brought. The body is bounded.
type response struct {
	status int
	body   []byte
}

// call makes one request. Errors that may pass are marked so.
func (b *box) call(ctx context.Context, timeout time.Duration, req request) (*response, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, req.method, b.url+req.path, bytes.NewReader(req.body))
	if err != nil {
		return nil, err
	}
	if b.session != "" {
		r.Header.Set("Authorization", "Bearer "+b.session)
	}
	if req.mediaType != "" {
		r.Header.Set("Content-Type", req.mediaType)
	}
	res, err := b.http.Do(r)
	if err != nil {
		return nil, unreachable(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, plugout.MaxMessageBytes+1))
	if err != nil {
		return nil, passing{err: fmt.Errorf("read the relay's answer: %w", cause(err))}
	}
	limited := res.StatusCode == http.StatusTooManyRequests
	if res.StatusCode >= 500 || limited {
		return nil, passing{err: fmt.Errorf("the relay answered %d", res.StatusCode), unread: limited}
	}
	if res.StatusCode < 300 {
		b.setSkew(res.Header.Get("Date"))
	}
	return &response{status: res.StatusCode, body: body}, nil
}

type request struct {
	method    string
	path      string // below the box URL
	mediaType string
	body      []byte
}

// unreachable tells a network that may come back from a certificate that will not
// become good by trying again. The URL, with the box id in it, is left out.
func unreachable(err error) error {
	err = cause(err)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &Error{Code: CodeUnreachable, Text: "the relay's certificate is not trusted", Err: err}
	}
	return passing{err: err}
}

// cause strips the method and URL that net/http puts before an error.
func cause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// redeem opens the session with the link's token. It is tried again only while the
// relay cannot have seen the token: it takes a second redemption for a stolen link and
// ends the session.
func (b *box) redeem(ctx context.Context, token string, client plugout.Client) (*plugout.SessionResponse, error) {
	body, err := json.Marshal(plugout.SessionRequest{Token: token, Client: client})
	if err != nil {
		return nil, err
	}
	var sent atomic.Bool // a byte of the request has left the desk
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { sent.Store(true) },
		WroteHeaders:     func() { sent.Store(true) },
	})
	res, err := b.call(traced, callTimeout, request{http.MethodPost, "/session", plugout.MediaTypeJSON, body})
	if err != nil {
		if p, ok := errors.AsType[passing](err); ok && sent.Load() && !p.unread {
			return nil, &Error{Code: CodeUnreachable, Text: "the relay did not answer; the link may be used up", Err: p.err}
		}
		return nil, err
	}
	switch res.status {
	case http.StatusCreated:
	case http.StatusUnauthorized:
		return nil, &Error{Code: CodeTokenWrong, Text: "the relay does not accept this link"}
	case http.StatusGone, http.StatusNotFound:
		return nil, &Error{Code: CodeLinkOver, Text: "this link was used already or has expired; ask for a new one"}
	default:
		return nil, unexpected("open the session", res)
	}
	opened, err := plugout.ParseSessionResponse(res.body)
	if err != nil {
		return nil, &Error{Code: CodeProtocol, Text: "open the session", Err: err}
	}
	b.session = opened.Session
	return opened, nil
}

// setSkew notes how far the relay's clock is from ours, by the date of an answer that
// has just come. Each answer tells, for either clock may be set during a session. A
// date has whole seconds and the way takes time, so that a difference of up to two
// seconds says nothing.
func (b *box) setSkew(date string) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return
	}
	skew := theirs.Sub(b.now())
	if skew.Abs() <= 2*time.Second {
		skew = 0
	}
	b.skew.Store(int64(skew))
}

// relayNow is the time by the relay's clock.
func (b *box) relayNow() time.Time { return b.now().Add(time.Duration(b.skew.Load())) }

// until returns how long it is to a moment of the relay's clock.
func (b *box) until(t time.Time) time.Duration { return t.Sub(b.relayNow()) }

// confirm tells the relay that the person found the codes to be the same.
func (b *box) confirm(ctx context.Context) error {
	res, err := b.call(ctx, callTimeout, request{method: http.MethodPost, path: "/session/confirm"})
	if err != nil {
		return err
	}
	return b.expect("confirm the code", res, http.StatusNoContent)
}

// list returns the open messages, oldest first; with wait it lets the relay hold the
// call until there is one.
func (b *box) list(ctx context.Context, wait time.Duration) ([]plugout.MessageItem, error) {
	path, timeout := "", callTimeout
	if wait > 0 {
		path, timeout = fmt.Sprintf("?wait=%d", int(wait.Seconds())), wait+callTimeout
	}
	res, err := b.call(ctx, timeout, request{method: http.MethodGet, path: path})
	if err != nil {
		return nil, err
	}
	if res.status == http.StatusNoContent {
		return nil, nil
	}
	if err := b.expect("list messages", res, http.StatusOK); err != nil {
		return nil, err
	}
	list, err := plugout.ParseMessageList(res.body)
	if err != nil {
		return nil, &Error{Code: CodeProtocol, Text: "list messages", Err: err}
	}
	return list.Messages, nil
}

// fetch takes one message. errTooOld: it was answered or has timed out.
func (b *box) fetch(ctx context.Context, id string) (*plugout.CommandMessage, error) {
	res, err := b.call(ctx, callTimeout, request{method: http.MethodGet, path: "/" + id})
	if err != nil {
		return nil, err
	}
	if res.status == http.StatusGone || res.status == http.StatusNotFound {
		return nil, errTooOld
	}
	if err := b.expect("fetch a message", res, http.StatusOK); err != nil {
		return nil, err
	}
	message, err := plugout.ParseCommandMessage(res.body)
	if err != nil {
		return nil, &Error{Code: CodeProtocol, Text: "fetch a message", Err: err}
	}
	if message.MessageID != id || !strings.HasSuffix(b.url, "/"+message.BoxID) {
		return nil, &Error{Code: CodeProtocol, Text: "fetch a message", Err: errors.New("it is another one, or from another box")}
	}
	return message, nil
}

// answer posts the answer to a message. A repeated answer is a lost reply to the
// first, so that 409 is as good as 202. errTooOld: it came too late.
func (b *box) answer(ctx context.Context, id, mediaType string, body []byte) error {
	res, err := b.call(ctx, callTimeout, request{http.MethodPost, "/" + id, mediaType, body})
	if err != nil {
		return err
	}
	switch res.status {
	case http.StatusConflict:
		return nil
	case http.StatusGone, http.StatusNotFound:
		return errTooOld
	}
	return b.expect("answer", res, http.StatusAccepted)
}

// close ends the session from this side. What was open becomes SESSION_ENDED.
func (b *box) close(ctx context.Context) error {
	res, err := b.call(ctx, callTimeout, request{method: http.MethodDelete, path: "/session"})
	if err != nil {
		return err
	}
	return b.expect("close the session", res, http.StatusNoContent)
}

// expect turns every status but want into an error. Not knowing the session any more
// is how a relay says that it is over.
func (b *box) expect(doing string, res *response, want int) error {
	switch res.status {
	case want:
		return nil
	case http.StatusGone, http.StatusUnauthorized, http.StatusNotFound:
		return errEnded
	}
	return unexpected(doing, res)
}

// unexpected names the status; the body is not quoted, for it is not ours to show.
func unexpected(doing string, res *response) error {
	return &Error{Code: CodeProtocol, Text: doing, Err: fmt.Errorf("the relay answered %d", res.status)}
}

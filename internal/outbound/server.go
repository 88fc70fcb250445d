package outbound

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"bestow.dev/internal/provision"
	"bestow.dev/internal/strictjson"
)

// Servers reaches the servers that connections and messaging servers name. It is safe
// for concurrent use.
type Servers struct {
	client *Client
	tokens *tokens
}

var _ provision.Dialer = (*Servers)(nil)

// NewServers returns what tasks reach other servers with. Errors as with [New].
func NewServers(c Config) (*Servers, error) {
	client, err := New(c)
	if err != nil {
		return nil, err
	}
	return &Servers{client, newTokens()}, nil
}

// maxServerAnswerBytes bounds the answer of a server: a signed answer of a device and
// what it says, with room.
const maxServerAnswerBytes = 1 << 20

// errNoJSON says that a server answered something else than it should.
var errNoJSON = errors.New("the answer is not JSON")

// exchange is one request to a server, and where its answer goes.
type exchange struct {
	method, url string
	header      map[string]string
	body        any // as JSON; nil: none
	form        string
	into        any // nil: nobody reads it
}

// answered is what a server said instead of what was asked for.
type answered struct {
	Code        string `json:"error"`
	Message     string `json:"message"`
	Description string `json:"error_description"` // of RFC 6749
	Reason      string `json:"reason"`
}

// do makes an exchange. Errors: a [*provision.Refusal] for a status from 400 on that is
// an answer; provision.unreachable for one that is none, and where there was no answer.
func (s *Servers) do(ctx context.Context, x exchange) error {
	r, err := x.request(ctx)
	if err != nil {
		return err
	}
	resp, err := s.client.http.Do(r)
	if err != nil {
		return provision.ErrUnreachable.Because(bare(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxServerAnswerBytes+1))
	switch {
	case err != nil:
		return provision.ErrUnreachable.Because(bare(err))
	case len(body) > maxServerAnswerBytes:
		return provision.ErrAnswer.Because(fmt.Errorf("more than %d bytes", maxServerAnswerBytes))
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout:
		return provision.ErrUnreachable.Because(&StatusError{resp.StatusCode})
	case resp.StatusCode >= 400:
		return refusal(resp, body)
	case resp.StatusCode > 299:
		// A redirect goes nowhere: the secret is for the place that the operator named.
		return provision.ErrAnswer.Because(&StatusError{resp.StatusCode})
	case x.into == nil:
		return nil
	case !isJSON(resp):
		return provision.ErrAnswer.Because(errNoJSON)
	}
	if err := strictjson.Decode(body, x.into); err != nil {
		return provision.ErrAnswer.Because(err)
	}
	return nil
}

func (x *exchange) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	media := ""
	switch {
	case x.form != "":
		body, media = strings.NewReader(x.form), "application/x-www-form-urlencoded"
	case x.body != nil:
		text, err := json.Marshal(x.body)
		if err != nil {
			return nil, err
		}
		body, media = bytes.NewReader(text), "application/json"
	}
	r, err := http.NewRequestWithContext(ctx, x.method, x.url, body)
	if err != nil {
		return nil, bare(err)
	}
	r.Header.Set("User-Agent", "Bestow")
	r.Header.Set("Accept", "application/json")
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	for name, value := range x.header {
		r.Header.Set(name, value)
	}
	return r, nil
}

func isJSON(resp *http.Response) bool {
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && media == "application/json"
}

// Limits of what is repeated of a server's words.
const (
	maxCodeBytes    = 64
	maxMessageBytes = 300
)

// refusal reads what a server says about why it does not do something.
func refusal(resp *http.Response, body []byte) error {
	var a answered
	if !isJSON(resp) || strictjson.Decode(body, &a) != nil {
		a = answered{}
	}
	if a.Message == "" {
		a.Message = a.Description
	}
	return &provision.Refusal{
		Status: resp.StatusCode, Code: short(a.Code, maxCodeBytes), Reason: short(a.Reason, maxCodeBytes), Message: short(a.Message, maxMessageBytes),
	}
}

// short cuts a text of somebody else, and takes out what could make a line of a log or
// timeline read as another.
func short(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

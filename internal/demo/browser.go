package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strings"
	"time"
)

// browser is the browser of the person at the desk. It has cookies and no credentials of
// an API client.
type browser struct{ client }

func newBrowser(t *http.Transport, base string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	// The page that a form leads to is opened by hand, to see where it leads.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := &http.Client{Transport: t, Jar: jar, CheckRedirect: stay}
	return &browser{client{http: c, base: base}}, nil
}

// sameOrigin is what a browser says of a call that a page of the server makes.
func sameOrigin() http.Header { return http.Header{"Sec-Fetch-Site": {"same-origin"}} }

// follow opens a one-time link. Its secret is in the fragment, which is not sent: the page
// posts it once the person presses Continue. It returns the path of the task.
func (b *browser) follow(ctx context.Context, link string) (string, error) {
	at, secret, ok := strings.Cut(link, "#")
	path, ours := strings.CutPrefix(at, b.base)
	if !ok || !ours {
		return "", errors.New("the answer holds no link to a page of this server")
	}
	if _, err := b.page(ctx, path); err != nil {
		return "", err
	}
	var opened struct {
		To string `json:"to"`
	}
	err := b.call(ctx, request{
		method: http.MethodPost, path: path + "/link", header: sameOrigin(), body: map[string]string{"secret": secret},
		want: http.StatusCreated, out: &opened,
	})
	return opened.To, err
}

// page returns the text of a page.
func (b *browser) page(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := b.ask(ctx, http.MethodGet, path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s", path, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	return string(text), err
}

func (b *browser) ask(ctx context.Context, method, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.base+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header = sameOrigin()
	return b.http.Do(req)
}

// plugoutLink finds what the button of a task's page opens.
var plugoutLink = regexp.MustCompile(`<a [^>]*id="open" href="([^"]+)"`)

// buttonOf returns where the button of a task's page leads: a link to the desktop agent.
func buttonOf(page string) (string, error) {
	found := plugoutLink.FindStringSubmatch(page)
	if found == nil {
		return "", errors.New("the page has no link to the desktop agent")
	}
	return html.UnescapeString(found[1]), nil
}

// next presses Next.
func (b *browser) next(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := b.ask(ctx, http.MethodPost, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		return fmt.Errorf("the form answered %s", resp.Status)
	}
	return nil
}

// live is what an event says of a task.
type live struct {
	State string `json:"state"`
	Title string `json:"title"`
	Text  string `json:"text"`
	Code  string `json:"code"`
	Desk  string `json:"desk"`
	Go    string `json:"go"`
}

// errStreamEnded says that a stream has to be asked for again.
var errStreamEnded = errors.New("the stream of events ended")

// until follows the events of a task until one of them will do, and asks again whenever a
// stream ends, as browsers do. A desk that failed is an error, with what the page says.
func (b *browser) until(ctx context.Context, path string, enough func(live) bool) (live, error) {
	for {
		l, err := b.stream(ctx, path, enough)
		if !errors.Is(err, errStreamEnded) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return l, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

func (b *browser) stream(ctx context.Context, path string, enough func(live) bool) (live, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := b.ask(ctx, http.MethodGet, path+"/events?wait")
	if err != nil {
		return live{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return live{}, fmt.Errorf("the events answered %s", resp.Status)
	}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var l live
		if err := json.Unmarshal([]byte(data), &l); err != nil {
			return live{}, err
		}
		switch {
		case enough(l):
			return l, nil
		case l.State == "failed":
			return l, fmt.Errorf("the page says: %s. %s", l.Title, l.Text)
		}
	}
	if ctx.Err() != nil {
		return live{}, context.Cause(ctx)
	}
	return live{}, errStreamEnded
}

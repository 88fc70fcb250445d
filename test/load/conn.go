package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// conn is one caller's connection. Its requests were written out before the clock
// starts, because the load generator shares the cores with the server.
type conn struct {
	tls *tls.Conn
	in  *bufio.Reader
}

func dial(address string, config *tls.Config) (*conn, error) {
	c, err := tls.Dial("tcp", address, config)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, nil
}

// roundTrip sends a prepared request and returns the answer.
func (c *conn) roundTrip(request []byte) (status int, body []byte, err error) {
	if _, err := c.tls.Write(request); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// prepare writes a request out as it goes over the wire.
func prepare(method, host, path string, header map[string]string, body []byte) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	for k, v := range header {
		fmt.Fprintf(&b, "%s: %s\r\n", k, v)
	}
	if body != nil {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return []byte(b.String())
}

// call is one prepared request, and what has to come back.
type call struct {
	request []byte
	want    int
	answer  []byte // set by play
}

// spent is what a round took: by the clock, and of the processors, callers included.
type spent struct{ clock, cpu time.Duration }

func (s spent) plus(other spent) spent { return spent{s.clock + other.clock, s.cpu + other.cpu} }

// play lets the callers work through calls at once and returns what that took.
// calls[i] belongs to caller i and is worked through in order.
func play(address string, config *tls.Config, calls [][]*call) (spent, error) {
	conns := make([]*conn, len(calls))
	for i := range conns {
		var err error
		if conns[i], err = dial(address, config); err != nil {
			return spent{}, err
		}
		defer conns[i].tls.Close()
	}
	errs := make([]error, len(calls))
	began, idle := time.Now(), cpuTime()
	var wg sync.WaitGroup
	for i, mine := range calls {
		wg.Go(func() {
			for _, c := range mine {
				status, body, err := conns[i].roundTrip(c.request)
				if err == nil && status != c.want {
					err = fmt.Errorf("status %d, want %d: %s", status, c.want, body)
				}
				if err != nil {
					errs[i] = err
					return
				}
				c.answer = body
			}
		})
	}
	wg.Wait()
	took := spent{time.Since(began), cpuTime() - idle}
	for _, err := range errs {
		if err != nil {
			return spent{}, err
		}
	}
	return took, nil
}

// deal gives calls to callers in turn.
func deal(callers int, calls []*call) [][]*call {
	dealt := make([][]*call, callers)
	for i, c := range calls {
		dealt[i%callers] = append(dealt[i%callers], c)
	}
	return dealt
}

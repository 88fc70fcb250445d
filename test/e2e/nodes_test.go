package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/store/pgtest"
)

// TestTwoNodes runs two servers on one PostgreSQL: a ceremony begun at one can be
// finished at either, once; an agent that waits at one learns at once of a command
// that was posted at the other; and what a killed node left is done by the one left.
func TestTwoNodes(t *testing.T) {
	engine := pgtest.URL(t)
	callbacks := listen(t)
	both := apiConfig + relayConfig(callbacks.url)[strings.Index(relayConfig(""), "fronts:"):]
	a := startOn(t, engine, both)
	b := startOn(t, engine, strings.Replace(both, "name: Acme,", "name: Acme, origins: [ \""+a.url+"\" ],", 1))

	client := basic("idm", apiSecret)
	a.must(201, request{"POST", "/api/v1/users", client, map[string]any{"name": "alice"}}, nil)
	for range 10 {
		open, ok := begin(t, a, client, "alice")
		if !ok {
			t.FailNow()
		}
		statuses := make(chan int, 4)
		var wg sync.WaitGroup
		for _, node := range []*server{a, b, a, b} {
			wg.Go(func() {
				status, text, err := finish(node, client, open)
				if err != nil || status != http.StatusCreated && status != http.StatusGone {
					t.Errorf("finish: %d %s %v", status, text, err)
				}
				statuses <- status
			})
		}
		wg.Wait()
		close(statuses)
		won := 0
		for status := range statuses {
			if status == http.StatusCreated {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d of four calls won the ceremony", won)
		}
	}

	// A long poll at one node, a command at the other.
	box := b.openBox()
	woken := make(chan time.Duration, 1)
	go func() {
		began := time.Now()
		status, text, err := b.do(request{"GET", box.path + "?wait=30", box.header(), nil})
		if err != nil || status != http.StatusOK || !strings.Contains(string(text), string(plugout.Ping)) {
			t.Errorf("poll: %d %s %v", status, text, err)
		}
		woken <- time.Since(began)
	}()
	eventually(t, "the poll has arrived", func() bool { return b.waiting() > 0 })
	var ping receipt
	a.must(200, request{"POST", "/hermod/rest/command/ping", apiKeyOf("idm", relayKey), map[string]any{
		"commandHeader": map[string]any{"lifespan": 60, "timeout": 2, "to": []string{box.id}}, "pingCommand": map[string]any{},
	}}, &ping)
	if took := <-woken; took > 10*time.Second {
		t.Errorf("the agent learned of the command after %v", took)
	}

	// The node that took the command dies; the other one times it out and calls back.
	a.kill()
	if o := callbacks.wait(t, ping.CommandID); o.State != "TIMEOUT" {
		t.Errorf("after the kill: %+v", o)
	}
	if n := callbacks.count(ping.CommandID); n != 1 {
		t.Errorf("%d callbacks", n)
	}
}

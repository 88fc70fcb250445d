package hermod_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"bestow.dev/internal/relay"
)

// poll begins a long poll and returns once it waits.
func (d *desk) poll(query string) <-chan reply {
	d.w.t.Helper()
	drain(d.w.hub.waiting)
	got := make(chan reply, 1)
	go func() {
		r, err := d.w.trySend(context.Background(), call{path: "/ms/" + d.box + query, header: d.header()})
		if err != nil {
			r.body = []byte(err.Error())
		}
		got <- r
	}()
	<-d.w.hub.waiting
	return got
}

func TestLongPoll(t *testing.T) {
	t.Run("a message wakes it at once", func(t *testing.T) {
		w := newWorld(t, settings{})
		_, d := w.started(600)
		began := time.Now()
		got := d.poll("?wait=30")
		sent := w.accepted("ping", ping(header(600, 60, d.box)))
		r := <-got
		var list struct{ Messages []struct{ Mid string } }
		if r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
		r.into(t, &list)
		if len(list.Messages) != 1 || list.Messages[0].Mid != sent.message() || time.Since(began) > 20*time.Second {
			t.Errorf("%s after %v", r.body, time.Since(began))
		}
	})
	t.Run("nothing comes", func(t *testing.T) {
		w := newWorld(t, settings{})
		_, d := w.started(600)
		for _, wait := range []string{"25", "30", "31", "86400", "10000000000", "18446744073709551615"} {
			got := d.poll("?wait=" + wait)
			w.Later(25 * time.Second)
			w.db.Hub().Wake(relay.WakeBox + d.box) // it looks again, and at the clock
			if wait != "25" {
				select {
				case r := <-got:
					t.Errorf("wait=%s: ended after 25 s: %d %s", wait, r.status, r.body)
					continue
				default:
				}
				w.Later(5 * time.Second) // no poll waits longer than 30 s
				w.db.Hub().Wake(relay.WakeBox + d.box)
			}
			if r := <-got; r.status != http.StatusNoContent || len(r.body) > 0 {
				t.Errorf("wait=%s: %d %s", wait, r.status, r.body)
			}
		}
		if r := d.do("GET", "?wait=0"); r.status != http.StatusNoContent {
			t.Errorf("wait=0: %d %s", r.status, r.body)
		}
	})
	t.Run("the session ends", func(t *testing.T) {
		w := newWorld(t, settings{})
		_, d := w.started(600)
		got := d.poll("?wait=30")
		w.accepted("sessionend", object{"commandHeader": header(60, 60, d.box), "sessionEndCommand": object{}})
		want(t, <-got, http.StatusGone, "SESSION_GONE")
	})
	t.Run("the server stops", func(t *testing.T) {
		base, stop := context.WithCancel(t.Context())
		w := newWorld(t, settings{server: func(s *httptest.Server) {
			s.Config.BaseContext = func(net.Listener) context.Context { return base }
		}})
		_, d := w.started(600)
		got := d.poll("?wait=30")
		stop()
		if r := <-got; r.status != http.StatusNoContent {
			t.Errorf("%d %s", r.status, r.body)
		}
		// What comes now is told to come again.
		r := w.send(call{path: "/command/ping", body: ping(header(60, 60)), header: asIDM})
		want(t, r, http.StatusServiceUnavailable, "UNAVAILABLE")
	})
}

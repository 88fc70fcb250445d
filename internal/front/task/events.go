package task

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"bestow.dev/internal/page"
	"bestow.dev/internal/process"
	"bestow.dev/internal/web"
)

const (
	// streamTime is how long one stream lasts, less than an answer may take. The browser
	// asks for the next by itself.
	streamTime = 45 * time.Second

	maxStreams    = 1000 // open at once, on this node
	maxStreamsOne = 6    // of them for one person
)

// events tells a page how things go on, whenever that changes: woken up by the run, and
// looking by itself for what happens at the desk. Each time it looks whether the session is
// still good.
func (f *front) events(w http.ResponseWriter, r *http.Request) error {
	p, c, err := f.course(r, true)
	if err != nil {
		return err
	}
	leave, err := f.streams.enter(p.By.Tenant + " " + p.By.Actor.String())
	if err != nil {
		return err
	}
	defer leave()
	own, cancelOwn := f.Wakeups.Wait(process.WakeRun + c.Task.Run)
	defer cancelOwn()
	top, cancelTop := f.Wakeups.Wait(process.WakeRun + c.Task.Root)
	defer cancelTop()
	ctx, cancel := context.WithTimeout(r.Context(), streamTime)
	defer cancel()

	s := stream{w: w, lang: page.Language(r)}
	s.begin()
	look := time.NewTicker(f.LookEvery)
	defer look.Stop()
	for {
		if over, err := f.tell(ctx, r, &s); over || err != nil {
			return nil // what was begun is said; the page asks again, and is told what is wrong
		}
		select {
		case <-ctx.Done():
			return nil
		case <-own:
		case <-top:
		case <-look.C:
		}
	}
}

// tell sends how things stand, if that is news, and reports whether that was the last.
func (f *front) tell(ctx context.Context, r *http.Request, s *stream) (over bool, err error) {
	p, c, err := f.course(r.WithContext(ctx), true)
	if err == nil {
		var l *live
		if l, err = f.live(ctx, s.lang, p, c); err == nil {
			return l.Go != "", s.send(l)
		}
	}
	if !errors.Is(err, process.ErrSession) && ctx.Err() == nil {
		web.LogFault(ctx, err)
	}
	return true, err
}

// stream is an answer of the type text/event-stream.
type stream struct {
	w    http.ResponseWriter
	lang string
	last string
}

func (s *stream) begin() {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // some proxies would keep events until there are many
	s.w.WriteHeader(http.StatusOK)
}

// send writes an event, unless it says what the one before it said.
func (s *stream) send(l *live) error {
	data, err := json.Marshal(l)
	if err != nil || string(data) == s.last {
		return err
	}
	s.last = string(data)
	if _, err := s.w.Write([]byte("data: " + s.last + "\n\n")); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

// streams counts the streams that are open. Its zero value has none.
type streams struct {
	mu  sync.Mutex
	all int
	by  map[string]int
}

// enter counts one for a person until leave is called. Errors: task.streams.
func (s *streams) enter(who string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams || s.by[who] >= maxStreamsOne {
		return nil, errStreams
	}
	if s.by == nil {
		s.by = make(map[string]int)
	}
	s.all++
	s.by[who]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.by[who]--; s.by[who] == 0 {
			delete(s.by, who)
		}
	}, nil
}

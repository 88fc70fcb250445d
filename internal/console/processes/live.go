package processes

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"time"

	"bestow.dev/internal/console"
	"bestow.dev/internal/page"
	"bestow.dev/internal/process"
)

// A page that is open asks for what is new, and is answered when there is something, or
// after a while.
const (
	liveTime = 20 * time.Second
	lookTime = 2 * time.Second // where nothing says that a run has changed
)

// livePart renders the part of a run's page that changes, and names what it shows.
func livePart(o *console.Operator, p *runPage) (template.HTML, string, error) {
	text, err := pages.HTML(o.Language, "live.html", p)
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256([]byte(text))
	return text, base64.RawURLEncoding.EncodeToString(sum[:12]), nil
}

// live answers with the part of a run's page that changes, once it is another than the
// one that the page has seen; or says that nothing is new. Only a page that names what it
// has seen waits.
func (d *door) live(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	query := r.URL.Query()
	woken, cancel := d.wakeups(r.PathValue("id"))
	defer cancel()
	end := time.NewTimer(liveTime)
	defer end.Stop()
	for {
		p, err := d.runPage(r.Context(), o, r.PathValue("id"), query.Get("timeline") == "all")
		if err != nil {
			return err
		}
		text, seen, err := livePart(o, p)
		if err != nil {
			return err
		}
		if seen != query.Get("seen") {
			page.Protect(w.Header(), page.OwnForms)
			w.Header().Set("X-Seen", seen)
			_, _ = w.Write([]byte(text)) // the peer may be gone; there is nobody to tell
			return nil
		}
		if !query.Has("wait") {
			return nothingNew(w)
		}
		select {
		case <-woken:
		case <-end.C:
			return nothingNew(w)
		case <-r.Context().Done():
			return nothingNew(w)
		}
	}
}

func nothingNew(w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// wakeups receives when a run may have changed.
func (d *door) wakeups(run string) (<-chan struct{}, func()) {
	if d.Wakeups != nil {
		return d.Wakeups.Wait(process.WakeRun + run)
	}
	ticker, woken, done := time.NewTicker(lookTime), make(chan struct{}), make(chan struct{})
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				select {
				case woken <- struct{}{}:
				case <-done:
					return
				}
			case <-done:
				return
			}
		}
	}()
	return woken, func() { close(done) }
}

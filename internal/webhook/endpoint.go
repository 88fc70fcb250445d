package webhook

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of what an endpoint holds.
const (
	// MaxEndpoints is how many a tenant may have: each event is a row for each.
	MaxEndpoints = 16

	maxURLBytes         = 2048
	maxDescriptionChars = 255
	maxPatterns         = 32
)

// Endpoint is where events of a tenant are sent.
type Endpoint struct {
	ID          string // ours; another one for an endpoint that is made anew
	Tenant      string
	Name        string // [A-Za-z0-9._-], 1 to 64
	Description string

	// URL is https, or http on this machine; without user, query and fragment.
	URL string

	// Events are the types it is told of: "credential.registered", "run.*", or "*".
	Events []string

	// Disabled: it is told of nothing that happens, and what it was to be told waits.
	Disabled bool

	Version   int64 // counts changes, from 1
	Created   time.Time
	Changed   time.Time
	ChangedBy string // the actor
}

// Patterns are those that mean events of a type, such as "credential.registered".
func Patterns(eventType string) [3]string {
	subject, _, _ := strings.Cut(eventType, ".")
	return [...]string{"*", subject + ".*", eventType}
}

var (
	goodName    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	goodPattern = regexp.MustCompile(`^(\*|(run|task|incident|credential|user)\.(\*|[a-z][a-z_]{0,47}))$`)
)

func (e *Endpoint) check() error {
	switch {
	case !goodName.MatchString(e.Name):
		return ErrInvalid.At("name").Saying("A name is 1 to 64 of A-Z a-z 0-9 . _ -")
	case !isText(e.Description, maxDescriptionChars):
		return ErrInvalid.At("description").Saying("The description is too long, or no plain text.")
	case !mayPost(e.URL):
		return ErrInvalid.At("url").Saying("The URL is https, or http on this machine, without user, query or fragment.")
	case len(e.Events) == 0 || len(e.Events) > maxPatterns:
		return ErrInvalid.At("events").Saying("Name 1 to %d events, such as credential.* or run.ended; * is all.", maxPatterns)
	}
	for _, pattern := range e.Events {
		if !goodPattern.MatchString(pattern) {
			return ErrInvalid.At("events").Saying("An event is *, or begins with run. task. incident. credential. or user. and ends in one name or *.")
		}
	}
	return nil
}

func isText(s string, maxChars int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxChars && !strings.ContainsFunc(s, unicode.IsControl)
}

// mayPost reports whether events may go to a URL. A query is refused because it tends to
// hold a secret, and what is in a URL is shown to operators and written to the trail.
func mayPost(text string) bool {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURLBytes || u.Hostname() == "" || u.Opaque != "" || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return false
	}
	host, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && host.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

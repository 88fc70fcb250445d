package console

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

const eventsOnPage = 50

// eventRow is an event as people read it: with the names of users that there still are.
type eventRow struct {
	audit.Event
	Who     actor
	About   person // zero for nobody, or for who acted
	Refused bool
	Details []detail
}

// actor is a party that acted.
type actor struct {
	Kind string // one of package audit's, or "visitor" for a browser that is nobody's yet
	person
}

type person struct {
	ID   string // of a user; empty: no page to lead to
	Name string // empty for a user who is gone
}

type detail struct{ Name, Value string }

type auditPage struct {
	Action, User string
	UserName     string
	Refused      bool
	Events       []eventRow
	Older        string // path of the page after it; empty on the last
}

// audit shows the trail, the newest events first.
func (c *Console) audit(w http.ResponseWriter, r *http.Request, o *Operator) error {
	query := r.URL.Query()
	p := auditPage{Action: strings.TrimSpace(query.Get("action")), User: query.Get("user"), Refused: query.Has("refused")}
	before, err := eventNumber(query.Get("before"))
	if err != nil {
		return err
	}
	events, err := tenant.AuditEvents(r.Context(), c.Trail, o.By, audit.Query{
		Action: p.Action, User: p.User, Refused: p.Refused, After: before, Newest: true, Limit: eventsOnPage + 1,
	})
	if err != nil {
		return err
	}
	if len(events) > eventsOnPage { // one more tells whether there is another page
		events = events[:eventsOnPage]
		older := url.Values{"before": {strconv.FormatInt(events[eventsOnPage-1].Seq, 10)}, "action": {p.Action}, "user": {p.User}}
		if p.Refused {
			older.Set("refused", "on")
		}
		p.Older = Root + "/audit?" + older.Encode()
	}
	if p.Events, err = c.rows(r.Context(), o.By, events); err != nil {
		return err
	}
	if p.User != "" {
		known := names{c, o.By, map[string]string{}}
		if p.UserName, err = known.of(r.Context(), p.User); err != nil {
			return err
		}
	}
	return o.Show(w, View{Pages: pages, Name: "audit.html", Title: "audit.title", Data: p})
}

// eventNumber reads where a page begins; empty is the newest event.
func eventNumber(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, credential.ErrCursor
	}
	return n, nil
}

func (c *Console) rows(ctx context.Context, by tenant.Authority, events []audit.Event) ([]eventRow, error) {
	known := names{c, by, map[string]string{}}
	var rows []eventRow
	for _, e := range events {
		row := eventRow{Event: e, Refused: e.Outcome != audit.OK}
		var err error
		if row.Who, err = known.actor(ctx, e.Actor); err != nil {
			return nil, err
		}
		if about := cmp.Or(e.User, e.OnBehalfOf); about != "" && about != row.Who.ID {
			row.About.ID = about
			if row.About.Name, err = known.of(ctx, about); err != nil {
				return nil, err
			}
		}
		for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
			row.Details = append(row.Details, detail{k, e.Detail[k]})
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// names finds what users are called; each is asked for once.
type names struct {
	console *Console
	by      tenant.Authority
	found   map[string]string
}

// actor returns a as people read it.
func (n names) actor(ctx context.Context, a audit.Actor) (actor, error) {
	id, isUser := strings.CutPrefix(a.ID, tenant.UserPrefix)
	switch {
	case a.Kind == audit.User && id == "":
		return actor{Kind: "visitor"}, nil
	case a.Kind != audit.User && !isUser:
		return actor{string(a.Kind), person{Name: a.ID}}, nil
	}
	name, err := n.of(ctx, id)
	return actor{string(a.Kind), person{id, name}}, err
}

// of returns a user's name, empty for one who is gone.
func (n names) of(ctx context.Context, id string) (string, error) {
	if name, ok := n.found[id]; ok {
		return name, nil
	}
	u, err := n.console.Credentials.User(ctx, n.by, credential.ByID(credential.UserID(id)))
	switch {
	case err == nil:
		n.found[id] = u.Name
	case errors.Is(err, credential.ErrUserUnknown):
		n.found[id] = ""
	default:
		return "", err
	}
	return n.found[id], nil
}

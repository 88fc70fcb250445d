package api

import (
	"context"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

// event is one line of the audit trail.
type event struct {
	Seq          int64             `json:"seq" doc:"1 for the tenant's first event; no gaps"`
	Time         time.Time         `json:"time"`
	Action       string            `json:"action" example:"credential.registered"`
	Actor        actor             `json:"actor"`
	OnBehalfOf   string            `json:"onBehalfOf,omitempty" doc:"User id"`
	Claimed      string            `json:"claimed,omitempty" doc:"What the client said about its own operator; not verified"`
	Via          string            `json:"via" doc:"The door it came through"`
	Ref          string            `json:"ref,omitempty" doc:"Process, command or request id"`
	RelyingParty string            `json:"relyingParty,omitempty"`
	User         string            `json:"user,omitempty" doc:"User id"`
	Credential   string            `json:"credential,omitempty" doc:"Our id of the credential"`
	Outcome      string            `json:"outcome" doc:"ok, or the code of the refusal"`
	Detail       map[string]string `json:"detail,omitempty"`
	Prev         string            `json:"prev" doc:"Hash of the event before, hexadecimal"`
	Hash         string            `json:"hash" doc:"Of this event, hexadecimal"`
}

type actor struct {
	Kind string `json:"kind" enum:"client,operator,user,device,system"`
	ID   string `json:"id"`
}

func fromEvent(e *audit.Event) event {
	return event{
		Seq: e.Seq, Time: e.Time, Action: e.Action, Actor: actor{Kind: string(e.Actor.Kind), ID: e.Actor.ID},
		OnBehalfOf: e.OnBehalfOf, Claimed: e.Claimed, Via: e.Via, Ref: e.Ref, RelyingParty: e.RelyingParty,
		User: e.User, Credential: e.Credential, Outcome: e.Outcome, Detail: e.Detail,
		Prev: hex.EncodeToString(e.Prev[:]), Hash: hex.EncodeToString(e.Hash[:]),
	}
}

type eventQuery struct {
	Paging
	Order        string    `query:"order" enum:"oldest,newest" doc:"Which comes first; the oldest if left out"`
	Action       string    `query:"action" doc:"One action, or all that begin so if it ends in a dot"`
	User         string    `query:"user" doc:"User id"`
	Credential   string    `query:"credential" doc:"Our id of the credential"`
	RelyingParty string    `query:"relyingParty"`
	Since        time.Time `query:"since" doc:"From this time on, RFC 3339"`
	Until        time.Time `query:"until" doc:"Before this time, RFC 3339"`
}

// query translates q. A page's cursor is the number of its last event.
func (q *eventQuery) query() (audit.Query, error) {
	out := audit.Query{
		Action: q.Action, User: q.User, Credential: q.Credential, RelyingParty: q.RelyingParty,
		Since: q.Since, Until: q.Until, Limit: q.Limit, Newest: q.Order == "newest",
	}
	if out.Limit == 0 {
		out.Limit = defaultPage
	}
	if q.Cursor == "" {
		return out, nil
	}
	after, err := strconv.ParseInt(q.Cursor, 10, 64)
	if err != nil || after < 1 {
		return out, credential.ErrCursor.At("cursor")
	}
	out.After = after
	return out, nil
}

func (f *front) auditEvents() {
	handle(f, huma.Operation{
		OperationID: "list-audit-events", Method: http.MethodGet, Path: "/audit-events", Tags: inAudit,
		Summary: "Who did what to which credential", Security: scopes(tenant.ScopeAuditRead),
		Description: "Events form a hash chain: prev of each is the hash of the one before.",
	}, f.listEvents)
}

func (f *front) listEvents(ctx context.Context, by tenant.Authority, in *eventQuery) (*answer[page[event]], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	events, err := tenant.AuditEvents(ctx, f.Trail, by, q)
	if err != nil {
		return nil, err
	}
	list := pageOf(events, "", fromEvent)
	if len(events) == q.Limit { // there may be more; the page after says so by being empty
		list.Next = strconv.FormatInt(events[len(events)-1].Seq, 10)
	}
	return &answer[page[event]]{list}, nil
}

package webhook

import (
	"context"
	"time"

	"bestow.dev/internal/audit"
)

// Store keeps endpoints with their sealed secrets, and deliveries. Methods that change
// something do it in one transaction with the event they are given, or not at all. What
// they return belongs to the caller.
//
// Beside what [Store.Tell] is called for, the store makes deliveries of the audit events
// that it writes, by [FromAudit] and in their transaction.
type Store interface {
	// Endpoints returns those of a tenant, by name.
	Endpoints(ctx context.Context, tenant string) ([]*Endpoint, error)

	// Endpoint returns one. Errors: webhook.unknown.
	Endpoint(ctx context.Context, tenant, name string) (*Endpoint, error)

	// AddEndpoint stores a new one. Errors: webhook.exists for a name that is taken;
	// webhook.too_many.
	AddEndpoint(ctx context.Context, e *Endpoint, sealed []byte, event audit.Event) error

	// ChangeEndpoint stores e in place of the version before. One that is not disabled
	// is served at once. Errors: webhook.version if it is at another, or gone.
	ChangeEndpoint(ctx context.Context, e *Endpoint, event audit.Event) error

	// RotateEndpoint is ChangeEndpoint with a new secret. The one it had counts until a
	// time; one that it had before that is gone.
	RotateEndpoint(ctx context.Context, r Rotation, event audit.Event) error

	// DeleteEndpoint removes one with its deliveries. Errors: webhook.unknown.
	DeleteEndpoint(ctx context.Context, tenant, name string, event audit.Event) error

	// AnySealed reports whether a sealed secret is stored, of any tenant and for any
	// purpose.
	AnySealed(ctx context.Context) (bool, error)

	// Tell makes a delivery of each event for each endpoint of its tenant that wants it,
	// due at once, and wakes [WakeDeliveries]. That a tenant has no endpoint may be from
	// memory: its first one counts a second after it was added on another node at the latest.
	Tell(ctx context.Context, events []Event) error

	// Ping makes a delivery for one endpoint, whatever it wants.
	Ping(ctx context.Context, endpoint string, e *Event, event audit.Event) error

	// Deliveries returns what a query selects, the newest first, without bodies.
	Deliveries(ctx context.Context, q DeliveryQuery) ([]Delivery, error)

	// Redeliver makes a delivery pending, with no tries and due at a time. Errors:
	// webhook.delivery_unknown.
	Redeliver(ctx context.Context, endpoint, id string, at time.Time, event audit.Event) error

	DeliveryStore
}

// DeliveryStore is what delivers.
type DeliveryStore interface {
	// NextDue returns when an endpoint has something due that nobody else is serving it
	// with; zero for none.
	NextDue(ctx context.Context) (time.Time, error)

	// ClaimEndpoints claims endpoints with something due, until a time: those whose turn
	// was longest ago first. An endpoint that is claimed is claimed by no one else.
	ClaimEndpoints(ctx context.Context, q ClaimQuery) ([]Claim, error)

	// Next renews a claim and returns the delivery that has been due the longest, and its
	// endpoint as it is now. If there is none the claim is given back and the result nil.
	// Errors: webhook.claim_lost.
	Next(ctx context.Context, c Claim, at, until time.Time) (*Work, error)

	// Settle stores what came of a try. Errors: webhook.claim_lost.
	Settle(ctx context.Context, r Result) error

	// GiveBack ends a claim. One that was lost already is no fault.
	GiveBack(ctx context.Context, c Claim, at time.Time) error

	// PurgeDeliveries removes those of events before a time, at most limit, and returns
	// how many.
	PurgeDeliveries(ctx context.Context, before time.Time, limit int) (int, error)
}

// WakeDeliveries is the key under which the store wakes who delivers.
const WakeDeliveries = "webhook/deliveries"

// Rotation is a new secret for an endpoint.
type Rotation struct {
	Endpoint *Endpoint
	Sealed   []byte
	Until    time.Time // the secret it had counts until then
}

// DeliveryQuery selects deliveries of an endpoint.
type DeliveryQuery struct {
	Endpoint string // id
	State    State  // empty: all
	Before   string // only those with a lower id; empty: all
	Limit    int
}

// ClaimQuery asks for endpoints to serve.
type ClaimQuery struct {
	At, Until time.Time
	Limit     int
}

// Claim is the right to serve an endpoint until it runs out or is taken over.
type Claim struct {
	Endpoint string // id
	Number   int64
}

// Work is one delivery to make.
type Work struct {
	Claim    Claim
	Endpoint *Endpoint
	Delivery Delivery

	// Sealed is the endpoint's secret, and Before the one that counts until Until; nil
	// for none.
	Sealed, Before []byte
	Until          time.Time
}

// Result is what came of a try.
type Result struct {
	Claim    Claim
	Delivery Delivery // as it is from now on; its body is not looked at

	// Disabled is the endpoint where it is to be disabled, as it is from now on, with
	// the event that tells of it. Nil: it stays as it is.
	Disabled *Endpoint
	Event    audit.Event
}

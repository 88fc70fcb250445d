package storetest

import (
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
)

// relayTests are the promises of relay.Store.
var relayTests = []test{
	{"a command comes back as it was", testCommandRoundTrip},
	{"a living external id is one command", testExternalID},
	{"the external id of what is refused", testExternalIDOfRefused},
	{"an id that is taken is replaced", testTakenID},
	{"targets and their boxes", testTargets},
	{"a command that is refused leaves nothing", testRefusedCommand},
	{"a command that was carried out", testCarriedOut},
	{"conditions of an end", testFinishConditions},
	{"an end that closes the box", testFinishCloses},
	{"an answer and the key of its box", testAnswerKey},
	{"a start unbinds what waits", testStartUnbinds},
	{"a box becomes a profile box", testProfile},
	{"closing a box", testCloseBox},
	{"redeeming", testRedeem},
	{"confirming", testConfirm},
	{"counting wrong tokens", testWrongTokens},
	{"what waits in a box", testWaiting},
	{"deliveries", testDeliveries},
	{"what is due", testDue},
	{"claims of callbacks", testClaims},
	{"the order of callbacks", testCallbackOrder},
	{"purging", testPurgeRelay},
	{"wake-ups follow the commit", testRelayWakes},
}

// counter gives ids to commands.
type counter struct{ last relay.CommandID }

func (c *counter) next() relay.CommandID {
	c.last++
	return c.last
}

// desk is a relay store with what its tests need.
type desk struct {
	relay.Store
	t   testing.TB
	ids counter
}

func newDesk(t testing.TB, db *store.DB) *desk { return &desk{Store: db.Relay(), t: t} }

// sent is a command of idm, a minute to answer and ten to poll, on its way.
func sent(name string) *relay.Draft {
	return &relay.Draft{
		At: noon,
		Command: relay.Stored{
			Tenant: "acme", Client: "idm", Type: plugout.Ping, Request: sha256.Sum256([]byte(name)),
			Object: json.RawMessage(`{"name": "` + name + `"}`), Nonce: "nonce-" + name, Format: plugout.FormatJWS, Callback: true,
			Issued: noon, Timeout: noon.Add(time.Minute), Lifespan: noon.Add(10 * time.Minute),
			Deadline: noon.Add(time.Minute), AtDeadline: plugout.StatusTimeout, State: relay.InProgress,
		},
		AcceptedEvent: func(*relay.Stored) audit.Event { return event("acme", "accepted "+name) },
	}
}

func newBox(name string, kind relay.BoxKind) *relay.Box {
	hash := sha256.Sum256([]byte("token " + name))
	return &relay.Box{
		ID: name, Tenant: "acme", Client: "idm", Group: "g", Kind: kind, TokenHash: hash[:],
		Created: noon, StartBy: noon.Add(time.Minute), Expires: noon.Add(10 * time.Minute),
	}
}

// into has the command go into new box of that name.
func into(d *relay.Draft, b *relay.Box) *relay.Draft {
	d.NewBox = b
	d.Command.Destinations = []relay.StoredDestination{{To: relay.ToTemporary, Box: b.ID, Message: "m-" + d.Command.Nonce}}
	return d
}

// behind has the command go into boxes that are there.
func behind(d *relay.Draft, targets ...relay.Target) *relay.Draft {
	d.Targets = targets
	d.Place = func(boxes []relay.PlacedBox, c *relay.Stored) error {
		c.Destinations = nil
		for _, b := range boxes {
			c.Destinations = append(c.Destinations, relay.StoredDestination{To: b.To, Box: b.Box.ID, Message: "m-" + c.Nonce + b.Box.ID})
			c.Deadline, c.AtDeadline = b.Box.Deadline(c.Type, c.Timeout)
			c.Session = b.Box.By
		}
		return nil
	}
	return d
}

func boxTarget(id string) relay.Target { return relay.Target{To: id, Tenant: "acme", Box: id} }

func (d *desk) add(draft *relay.Draft) *relay.Stored {
	d.t.Helper()
	c, repeated, err := d.AddCommand(d.t.Context(), draft, d.ids.next)
	check(d.t, err)
	if repeated {
		d.t.Fatal("the command was there already")
	}
	return c
}

func (d *desk) get(id relay.CommandID) *relay.Stored {
	d.t.Helper()
	c, err := d.Command(d.t.Context(), id)
	check(d.t, err)
	return c
}

func (d *desk) box(id string) *relay.Box {
	d.t.Helper()
	b, err := d.Box(d.t.Context(), id)
	check(d.t, err)
	return b
}

// ending is how a command ends with a status at a time.
func ending(id relay.CommandID, status plugout.Status, at time.Time) *relay.Finish {
	return &relay.Finish{
		Command: id, State: relay.StateOf(plugout.Ping, status), Ending: relay.Ending{Status: status, Ended: at},
		EndedEvent: func(c *relay.Stored) audit.Event { return event("acme", "ended "+string(c.Status)) },
	}
}

func shut(box string, status plugout.Status, at time.Time) *relay.Closing {
	return &relay.Closing{
		Box: box, At: at, Status: status,
		ClosedEvent: func(b *relay.Box) audit.Event { return event("acme", "closed "+b.ID) },
		EndedEvent:  func(c *relay.Stored) audit.Event { return event("acme", "ended "+string(c.Status)) },
	}
}

func (d *desk) finish(f *relay.Finish) (won, rekeyed bool) {
	d.t.Helper()
	won, rekeyed, err := d.Finish(d.t.Context(), f)
	check(d.t, err)
	return won, rekeyed
}

func (d *desk) wantStatus(id relay.CommandID, want plugout.Status) {
	d.t.Helper()
	if c := d.get(id); c.Status != want || (want == "") != (c.State == relay.InProgress) {
		d.t.Errorf("command %d is %s %q, want %q", id, c.State, c.Status, want)
	}
}

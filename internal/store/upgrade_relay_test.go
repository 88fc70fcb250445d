package store_test

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

// The rows of package relay: a session that is open, its start with an answer and a
// callback to deliver, and a create command that waits in it.

func thenCommand(id relay.CommandID, kind plugout.CommandType) relay.Stored {
	return relay.Stored{
		ID: id, Tenant: "acme", Client: "idm", Type: kind, ExternalID: "proc/1", Request: sha256.Sum256([]byte("request")),
		Object: json.RawMessage(`{"nonce":"n"}`), Nonce: "n", Format: plugout.FormatJWS, Callback: true,
		Issued: then, Timeout: then.Add(2 * time.Minute), Lifespan: then.Add(10 * time.Minute),
		Deadline: then.Add(10 * time.Second), AtDeadline: plugout.StatusSessionNotStarted,
		Destinations: []relay.StoredDestination{{To: relay.ToTemporary, Box: "b1", Message: "m1"}},
		State:        relay.InProgress,
	}
}

func thenBox() *relay.Box {
	return &relay.Box{
		ID: "b1", Tenant: "acme", Client: "idm", Group: "smartid", Kind: relay.SessionBox, By: 1041,
		TokenHash: []byte("hash of the token, of 32 bytes.."), MatchCode: true,
		Created: then, StartBy: then.Add(10 * time.Second), Expires: then.Add(10 * time.Minute),
	}
}

func thenDesk() relay.Desk {
	return relay.Desk{App: "bestow-agent", Version: "1", OS: "linux", Address: "192.0.2.1"}
}

// thenEnding is how the session's start was answered.
func thenEnding() relay.Ending {
	desk := thenDesk()
	return relay.Ending{
		Status: plugout.StatusOK, Ended: then.Add(2 * time.Second), AnsweredBy: "m1", Answer: []byte("a.b.c"), Signed: true,
		Remarks: relay.Remarks{Signature: &relay.Signature{State: relay.SignatureValid, KeyID: "k"}, MatchCode: "0042", Desk: &desk},
	}
}

// thenWaiting is the create command as the box's start has left it.
func thenWaiting() relay.Stored {
	c := thenCommand(1043, plugout.FIDOCreateCredential)
	c.ExternalID, c.Session, c.Deadline, c.AtDeadline = "proc/2", 1041, c.Timeout, plugout.StatusUserCancelled
	c.Destinations = []relay.StoredDestination{{To: "b1", Box: "b1", Message: "m2"}}
	return c
}

func thenRelayEvent(action string) func(*relay.Stored) audit.Event {
	return func(*relay.Stored) audit.Event { return thenEvent(action) }
}

func thenBoxEvent(action string) func(*relay.Box) audit.Event {
	return func(*relay.Box) audit.Event { return thenEvent(action) }
}

func writeRelayRows(t *testing.T, db *store.DB) {
	ctx, r := t.Context(), db.Relay()
	id := relay.CommandID(1041)
	next := func() relay.CommandID { return id }
	start := thenCommand(1041, plugout.SessionStart)
	_, _, err := r.AddCommand(ctx, &relay.Draft{
		Command: start, At: then, NewBox: thenBox(), AcceptedEvent: thenRelayEvent("relay.command_accepted"),
	}, next)
	check(t, err)
	session := sha256.Sum256([]byte("session"))
	_, err = r.Redeem(ctx, &relay.Redeem{
		Box: "b1", At: then.Add(time.Second), SessionHash: session[:], Desk: thenDesk(), OpenedEvent: thenBoxEvent("relay.session_opened"),
	})
	check(t, err)
	_, _, err = r.Finish(ctx, &relay.Finish{
		Command: 1041, State: relay.Completed, Ending: thenEnding(), Box: &relay.BoxChange{Box: "b1", AnswerKey: "thumbprint", Start: true},
		EndedEvent: thenRelayEvent("relay.command_ended"),
	})
	check(t, err)
	id = 1043
	waiting := thenWaiting()
	_, _, err = r.AddCommand(ctx, &relay.Draft{
		Command: waiting, At: then.Add(3 * time.Second), Targets: []relay.Target{{To: "b1", Tenant: "acme", Box: "b1"}},
		Place:         func([]relay.PlacedBox, *relay.Stored) error { return nil },
		AcceptedEvent: thenRelayEvent("relay.command_accepted"),
	}, next)
	check(t, err)
	check(t, r.AddWrongToken(ctx, "192.0.2.9", then, then.Add(-time.Minute)))
}

func findRelayRows(t *testing.T, db *store.DB) {
	ctx, r := t.Context(), db.Relay()
	start := thenCommand(1041, plugout.SessionStart)
	start.State, start.Ending = relay.Completed, thenEnding()
	for _, want := range []relay.Stored{start, thenWaiting()} {
		got, err := r.Command(ctx, want.ID)
		check(t, err)
		same(t, got, &want)
	}
	box, session := thenBox(), sha256.Sum256([]byte("session"))
	box.SessionHash, box.Desk, box.AnswerKey = session[:], thenDesk(), "thumbprint"
	box.Redeemed, box.Started = then.Add(time.Second), then.Add(2*time.Second)
	got, err := r.Box(ctx, "b1")
	check(t, err)
	same(t, got, box)
	_, list, err := r.Waiting(ctx, "b1", then.Add(time.Minute))
	check(t, err)
	same(t, list, []relay.Waiting{{Message: "m2", Type: plugout.FIDOCreateCredential, Expires: then.Add(2 * time.Minute)}})
	_, wrong, err := r.Redeemable(ctx, "b1", "192.0.2.9", then.Add(-time.Minute))
	check(t, err)
	same(t, wrong, 1)

	// What waits is answered, and what is to be delivered is delivered, in order.
	won, _, err := r.Finish(ctx, &relay.Finish{
		Command: 1043, Only: relay.BeforeDeadline, State: relay.Completed,
		Ending:     relay.Ending{Status: plugout.StatusOK, Ended: then.Add(time.Minute)},
		EndedEvent: thenRelayEvent("relay.command_ended"),
	})
	check(t, err)
	same(t, won, true)
	claims, err := r.ClaimCallbacks(ctx, relay.ClaimQuery{At: then.Add(time.Minute), Lease: time.Minute, Limit: 10})
	check(t, err)
	if len(claims) == 0 || claims[0].Command != 1041 || claims[0].Client != "idm" {
		t.Errorf("callbacks: %+v", claims)
	}
	_, _, err = audit.Verify(ctx, db, "acme")
	check(t, err)
}

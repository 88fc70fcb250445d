package storetest

import (
	"slices"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
)

func testDue(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	want := func(at time.Time, limit int, ids ...relay.CommandID) {
		t.Helper()
		got, err := d.Due(t.Context(), at, limit)
		check(t, err)
		if !slices.Equal(got, ids) {
			t.Errorf("due at %v: %v, want %v", at, got, ids)
		}
	}
	wantNext := func(at time.Time) {
		t.Helper()
		got, err := d.NextDeadline(t.Context())
		check(t, err)
		if !got.Equal(at) {
			t.Errorf("next deadline %v, want %v", got, at)
		}
	}
	wantNext(time.Time{})
	late := sent("late")
	late.Command.Deadline = noon.Add(90 * time.Second)
	d.add(into(late, newBox("b1", relay.TemporaryBox))) // 1
	session := newBox("b2", relay.SessionBox)
	session.StartBy = noon.Add(10 * time.Second)
	start := into(sent("start"), session)
	start.Command.Deadline, start.Command.AtDeadline = session.StartBy, plugout.StatusSessionNotStarted
	d.add(start)                                  // 2
	d.add(behind(sent("three"), boxTarget("b2"))) // 3
	d.add(behind(sent("four"), boxTarget("b2")))  // 4
	d.add(into(sent("five"), newBox("b5", relay.TemporaryBox)))
	wantNext(noon.Add(10 * time.Second))
	want(noon.Add(10*time.Second-time.Millisecond), 10)
	want(noon.Add(10*time.Second), 10, 2) // what waits for the session's start is not due by itself
	want(noon.Add(2*time.Minute), 10, 2, 5, 1)
	want(noon.Add(2*time.Minute), 1, 2)
	d.finish(ending(2, plugout.StatusSessionNotStarted, noon))
	d.finish(ending(5, plugout.StatusTimeout, noon))
	d.finish(ending(3, plugout.StatusTimeout, noon))
	d.finish(ending(4, plugout.StatusTimeout, noon))
	wantNext(noon.Add(90 * time.Second))
	d.finish(ending(1, plugout.StatusTimeout, noon))
	wantNext(time.Time{})
	want(noon.Add(time.Hour), 10)
}

// claim claims up to limit callbacks for a minute and returns them by command.
func (d *desk) claim(at time.Time, limit int, not ...relay.Recipient) map[relay.CommandID]relay.Claim {
	d.t.Helper()
	claims, err := d.ClaimCallbacks(d.t.Context(), relay.ClaimQuery{At: at, Lease: time.Minute, Limit: limit, Not: not})
	check(d.t, err)
	byID := make(map[relay.CommandID]relay.Claim)
	for _, c := range claims {
		byID[c.Command] = c
	}
	return byID
}

// ended is a command that has ended at a time, with its callback due.
func (d *desk) ended(name, client string, at time.Time) relay.CommandID {
	d.t.Helper()
	draft := into(sent(name), newBox(name, relay.TemporaryBox))
	draft.Command.Client = client
	id := d.add(draft).ID
	d.finish(ending(id, plugout.StatusTimeout, at))
	return id
}

func testClaims(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	next := func(want time.Time) {
		t.Helper()
		got, err := d.NextCallback(t.Context())
		check(t, err)
		if !got.Equal(want) {
			t.Errorf("next callback %v, want %v", got, want)
		}
	}
	next(time.Time{})
	one, two := d.ended("one", "idm", noon), d.ended("two", "da", noon.Add(time.Second))
	silent := into(sent("silent"), newBox("silent", relay.TemporaryBox))
	silent.Command.Callback = false
	d.finish(ending(d.add(silent).ID, plugout.StatusTimeout, noon))
	next(noon)

	if got := d.claim(noon.Add(time.Second), 10, relay.Recipient{Tenant: "acme", Client: "idm"}); len(got) != 1 || got[two].Client != "da" {
		t.Errorf("all but idm's: %+v", got)
	}
	first := d.claim(noon, 10)
	if c := first[one]; len(first) != 1 || c.Tenant != "acme" || c.Client != "idm" || c.Tries != 0 {
		t.Errorf("first claim: %+v", first)
	}
	next(noon.Add(time.Minute))
	if got := d.claim(noon.Add(time.Minute-time.Millisecond), 10); len(got) != 0 {
		t.Errorf("claimed twice: %+v", got)
	}
	second := d.claim(noon.Add(time.Minute), 10)
	if len(second) != 1 {
		t.Errorf("after the claim was void: %+v", second)
	}
	// What the first one notes now is not noted.
	check(t, d.EndCallback(t.Context(), first[one], event("acme", "too late")))
	check(t, d.DelayCallback(t.Context(), first[one], noon))
	check(t, d.DelayCallback(t.Context(), second[one], noon.Add(time.Hour)))
	if got := d.claim(noon.Add(time.Hour-time.Millisecond), 10); len(got) != 1 || got[two].Tries != 0 {
		t.Errorf("during the delay: %+v", got)
	}
	third := d.claim(noon.Add(time.Hour), 1)
	if third[one].Tries != 1 {
		t.Errorf("after the delay: %+v", third)
	}
	check(t, d.EndCallback(t.Context(), third[one], event("acme", "delivered")))
	check(t, d.EndCallback(t.Context(), third[one], event("acme", "delivered twice")))
	if got := d.claim(noon.Add(24*time.Hour), 10); len(got) != 1 {
		t.Errorf("in the end: %+v", got)
	}
	events := wantWhole(t, db, "acme")
	if last := events[len(events)-1]; last.Action != "delivered" {
		t.Errorf("audit: %s", last.Action)
	}
}

func testCallbackOrder(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	session := d.add(into(sent("session"), newBox("b1", relay.SessionBox))).ID
	command := d.add(behind(sent("command"), boxTarget("b1"))).ID
	d.finish(ending(command, plugout.StatusTimeout, noon))
	if got := d.claim(noon, 0); len(got) != 0 {
		t.Errorf("none were asked for: %+v", got)
	}
	// The session has not ended: nothing to wait for.
	got := d.claim(noon, 10)
	if len(got) != 1 {
		t.Fatalf("claimed %+v", got)
	}
	check(t, d.DelayCallback(t.Context(), got[command], noon.Add(time.Second)))

	d.finish(ending(session, plugout.StatusSessionEnded, noon.Add(2*time.Second)))
	later := noon.Add(time.Minute)
	if got = d.claim(later, 10); len(got) != 1 || got[session].Command != session {
		t.Errorf("claimed %+v, want the session's alone", got)
	}
	if more := d.claim(later, 10); len(more) != 0 {
		t.Errorf("while it is under way: %+v", more)
	}
	check(t, d.EndCallback(t.Context(), got[session], event("acme", "delivered")))
	if got = d.claim(later, 10); len(got) != 1 || got[command].Command != command {
		t.Errorf("claimed %+v, want the command's", got)
	}
}

func testPurgeRelay(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	delivered, pending := d.ended("delivered", "idm", noon), d.ended("pending", "idm", noon)
	open := d.add(into(sent("open"), newBox("open", relay.TemporaryBox))).ID
	claims := d.claim(noon, 10)
	check(t, d.EndCallback(t.Context(), claims[delivered], event("acme", "delivered")))
	check(t, d.AddWrongToken(t.Context(), "a", noon, noon))
	purge := func(at time.Time, limit, want int) {
		t.Helper()
		got, err := d.PurgeRelay(t.Context(), at, limit)
		check(t, err)
		if got != want {
			t.Errorf("purged %d, want %d", got, want)
		}
	}
	end := noon.Add(10 * time.Minute)
	purge(end.Add(-time.Millisecond), 10, 0)
	purge(end, 10, 3) // the one that is delivered, and the boxes of both
	_, err := d.Command(t.Context(), delivered)
	wantError(t, err, relay.ErrNoSuchCommand)
	d.get(pending)
	d.get(open) // never while it is in progress
	d.finish(ending(open, plugout.StatusTimeout, end))
	claims = d.claim(end, 10)
	check(t, d.EndCallback(t.Context(), claims[pending], event("acme", "delivered")))
	check(t, d.EndCallback(t.Context(), claims[open], event("acme", "delivered")))
	purge(end, 1, 2)
	purge(end, 1, 1)
	purge(noon.Add(25*time.Hour), 10, 1) // the count of wrong tokens
	purge(noon.Add(25*time.Hour), 10, 0)
}

func testRelayWakes(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	box, callbacks := relay.WakeBox+"b1", relay.WakeCallbacks
	d.add(into(sent("one"), newBox("b1", relay.SessionBox)))
	wakes(t, db, box, "a message", func() { d.add(behind(sent("two"), boxTarget("b1"))) })
	wakes(t, db, callbacks, "an end with a callback", func() { d.finish(ending(2, plugout.StatusTimeout, noon)) })
	wakesNot(t, db, callbacks, "an end that was not won", func() { d.finish(ending(2, plugout.StatusTimeout, noon)) })
	wakes(t, db, box, "closing", func() { d.Close(t.Context(), shut("b1", plugout.StatusSessionEnded, noon)) })
}

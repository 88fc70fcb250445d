package storetest

import (
	"crypto/sha256"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
)

func testProfile(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	c := d.add(into(sent("one"), newBox("b1", relay.TemporaryBox)))
	f := ending(c.ID, plugout.StatusOK, noon)
	f.Box = &relay.BoxChange{Box: "b1", Start: true, Profile: "u1"}
	d.finish(f)
	b := d.box("b1")
	if b.Kind != relay.ProfileBox || b.User != "u1" || len(b.TokenHash) != 0 || !b.Expires.Equal(relay.Never) {
		t.Errorf("box: %+v", b)
	}
	closed, err := d.Close(t.Context(), shut("b1", plugout.StatusSessionEnded, noon.Add(time.Hour)))
	check(t, err)
	if b = d.box("b1"); !closed || !b.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("closed %v: %+v", closed, b)
	}
}

func testCloseBox(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	one := d.add(into(sent("one"), newBox("b1", relay.SessionBox)))
	d.add(into(sent("two"), newBox("b2", relay.SessionBox)))
	both := d.add(behind(sent("both"), boxTarget("b1"), boxTarget("b2")))
	early := sent("early")
	early.Command.Timeout = noon.Add(5 * time.Second)
	over := d.add(behind(early, boxTarget("b1")))
	at := noon.Add(6 * time.Second)
	closed, err := d.Close(t.Context(), shut("b1", plugout.StatusSessionEnded, at))
	check(t, err)
	if !closed || !d.box("b1").Closed.Equal(at) {
		t.Error("it is open")
	}
	d.wantStatus(one.ID, plugout.StatusSessionEnded)
	d.wantStatus(over.ID, plugout.StatusTimeout) // its own time was over before
	d.wantStatus(both.ID, "")                    // it waits elsewhere too
	if closed, err = d.Close(t.Context(), shut("b1", plugout.StatusSessionEnded, at)); closed || err != nil {
		t.Errorf("closed again: %v, %v", closed, err)
	}
	_, err = d.Close(t.Context(), shut("b2", plugout.StatusSessionEnded, at))
	check(t, err)
	d.wantStatus(both.ID, plugout.StatusSessionEnded)
	if closed, err = d.Close(t.Context(), shut("b3", plugout.StatusSessionEnded, at)); closed || err != nil {
		t.Errorf("closed a box that is not there: %v, %v", closed, err)
	}
}

func redeeming(box, session string, at time.Time) *relay.Redeem {
	hash := sha256.Sum256([]byte(session))
	return &relay.Redeem{
		Box: box, At: at, SessionHash: hash[:], Desk: relay.Desk{App: session},
		OpenedEvent: func(b *relay.Box) audit.Event { return event("acme", "opened "+b.ID+" by "+b.Desk.App) },
		Twice:       *shut(box, plugout.StatusSessionEnded, at),
	}
}

func testRedeem(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	d.add(into(sent("one"), newBox("b1", relay.SessionBox)))
	d.add(into(sent("two"), newBox("b2", relay.SessionBox)))
	redeem := func(box, session string, at time.Time, want relay.Redeemed) {
		t.Helper()
		got, err := d.Redeem(t.Context(), redeeming(box, session, at))
		check(t, err)
		if got != want {
			t.Errorf("%s by %s: got %d, want %d", box, session, got, want)
		}
	}
	redeem("b1", "s1", noon.Add(time.Second), relay.RedeemedNow)
	if b := d.box("b1"); b.Desk.App != "s1" || !b.Redeemed.Equal(noon.Add(time.Second)) || len(b.SessionHash) != 32 {
		t.Errorf("box: %+v", b)
	}
	redeem("b1", "s2", noon.Add(2*time.Second), relay.RedeemedTwice)
	redeem("b1", "s3", noon.Add(3*time.Second), relay.RedeemedLate)
	if b := d.box("b1"); b.Desk.App != "s1" || b.Closed.IsZero() {
		t.Errorf("box: %+v", b)
	}
	d.wantStatus(1, plugout.StatusSessionEnded)
	redeem("b2", "s1", noon.Add(time.Minute), relay.RedeemedLate) // its start is overdue
	redeem("b3", "s1", noon, relay.RedeemedLate)
	d.wantStatus(2, "")
	wantActions(t, db, "acme", "accepted one", "accepted two", "opened b1 by s1", "closed b1", "ended SESSION_ENDED")
}

func testConfirm(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	session := newBox("b1", relay.SessionBox)
	session.MatchCode = true
	d.add(into(sent("one"), session))
	f := ending(1, plugout.StatusOK, noon)
	f.Box = &relay.BoxChange{Box: "b1", Start: true}
	d.finish(f)
	create := behind(sent("two"), boxTarget("b1"))
	create.Command.Type = plugout.FIDOCreateCredential
	if c := d.add(create); c.AtDeadline != plugout.StatusUserCancelled {
		t.Errorf("before: %s", c.AtDeadline)
	}
	confirm := func(want bool) {
		t.Helper()
		got, err := d.Confirm(t.Context(), "b1", noon, func(*relay.Box) audit.Event { return event("acme", "confirmed") })
		check(t, err)
		if got != want {
			t.Errorf("confirmed %v, want %v", got, want)
		}
	}
	confirm(false) // nobody has opened it
	_, err := d.Redeem(t.Context(), redeeming("b1", "s1", noon))
	check(t, err)
	confirm(true)
	confirm(false)
	if c := d.get(2); c.AtDeadline != plugout.StatusTimeout {
		t.Errorf("after: %s", c.AtDeadline)
	}
	wantActions(t, db, "acme", "accepted one", "ended OK", "accepted two", "opened b1 by s1", "confirmed")
}

func testWrongTokens(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	d.add(into(sent("one"), newBox("b1", relay.SessionBox)))
	want := func(address string, at time.Time, n int) {
		t.Helper()
		for _, box := range []string{"b1", ""} {
			b, got, err := d.Redeemable(t.Context(), box, address, at.Add(-time.Minute))
			check(t, err)
			if (b != nil) != (box != "") {
				t.Errorf("%q is the box %+v", box, b)
			}
			if got != n {
				t.Errorf("%s at %v: %d, want %d", address, at, got, n)
			}
		}
	}
	add := func(at time.Time) { check(t, d.AddWrongToken(t.Context(), "a", at, at.Add(-time.Minute))) }
	want("a", noon, 0)
	add(noon)
	add(noon.Add(time.Second))
	want("a", noon.Add(59*time.Second), 2)
	want("b", noon, 0)
	want("a", noon.Add(time.Minute), 0)
	add(noon.Add(time.Minute))
	want("a", noon.Add(time.Minute), 1)
}

package storetest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
)

func testCommandRoundTrip(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	draft := into(sent("one"), newBox("b1", relay.SessionBox))
	draft.Command.ExternalID = "proc/1 Ü"
	stored := d.add(draft)
	want := draft.Command
	want.ID = 1
	if got := d.get(1); !reflect.DeepEqual(got, &want) || !reflect.DeepEqual(stored, &want) {
		t.Errorf("got %+v\nwant %+v", got, &want)
	}
	box := *draft.NewBox
	box.By = 1
	if got := d.box("b1"); !reflect.DeepEqual(got, &box) {
		t.Errorf("got %+v\nwant %+v", got, &box)
	}
	f := ending(1, plugout.StatusOK, noon.Add(time.Second))
	f.State, f.AnsweredBy, f.Answer, f.Signed = relay.Completed, "m-nonce-one", []byte("a.b\x00.c"), true
	f.Remarks = relay.Remarks{
		Signature: &relay.Signature{State: relay.SignatureValid, KeyID: "k"}, MatchCode: "0042",
		Desk: &relay.Desk{App: "a", Version: "1", OS: "linux", Address: "192.0.2.1"},
	}
	if won, _ := d.finish(f); !won {
		t.Fatal("not ended")
	}
	want.State, want.Ending = relay.Completed, f.Ending
	if got := d.get(1); !reflect.DeepEqual(got, &want) {
		t.Errorf("got %+v\nwant %+v", got, &want)
	}
	wantActions(t, db, "acme", "accepted one", "ended OK")
	_, err := d.Command(t.Context(), 2)
	wantError(t, err, relay.ErrNoSuchCommand)
	_, err = d.Box(t.Context(), "b2")
	wantError(t, err, relay.ErrSessionGone)
}

func testExternalID(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	named := func(name, client string, at time.Time) *relay.Draft {
		draft := into(sent(name), newBox("b-"+name, relay.TemporaryBox))
		draft.Command.ExternalID, draft.Command.Client, draft.At = "x", client, at
		return draft
	}
	first := d.add(named("one", "idm", noon))
	again, repeated, err := d.AddCommand(t.Context(), named("two", "idm", noon.Add(9*time.Minute)), d.ids.next)
	check(t, err)
	if !repeated || again.ID != first.ID || again.Request != first.Request || !reflect.DeepEqual(again.Destinations, first.Destinations) {
		t.Errorf("repeated %v: %+v", repeated, again)
	}
	_, err = d.Box(t.Context(), "b-two")
	wantError(t, err, relay.ErrSessionGone)
	d.add(named("three", "da", noon))                     // another client's
	d.add(named("four", "idm", noon.Add(10*time.Minute))) // the first one's life is over
	if got := d.get(first.ID); got.ExternalID != "x" {
		t.Error("the first command forgot its external id")
	}
	wantActions(t, db, "acme", "accepted one", "accepted three", "accepted four")
}

// testExternalIDOfRefused: what cannot be placed is no other command than the living one of the
// same external id, if there is one.
func testExternalIDOfRefused(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	d.add(into(sent("one"), newBox("b1", relay.SessionBox)))
	named := func(name, box string, at time.Time) *relay.Draft {
		draft := behind(sent(name), boxTarget(box))
		draft.Command.ExternalID, draft.At = "x", at
		return draft
	}
	refused := func(name string, at time.Time) *relay.Draft {
		draft := named(name, "b1", at)
		draft.Place = func([]relay.PlacedBox, *relay.Stored) error { return errChange }
		return draft
	}
	_, _, err := d.AddCommand(t.Context(), refused("none yet", noon), d.ids.next)
	wantError(t, err, errChange)
	first := d.add(named("two", "b1", noon))
	for _, draft := range []*relay.Draft{
		refused("its box takes no more", noon), named("its box is gone", "b2", noon), named("it is the same", "b1", noon),
	} {
		again, repeated, err := d.AddCommand(t.Context(), draft, d.ids.next)
		if err != nil || !repeated || again.ID != first.ID {
			t.Errorf("%s: repeated %v, %+v, %v", draft.Command.Nonce, repeated, again, err)
		}
	}
	over := noon.Add(10 * time.Minute)
	_, repeated, err := d.AddCommand(t.Context(), refused("the first one's life is over", over), d.ids.next)
	wantError(t, err, errChange)
	_, _, err = d.AddCommand(t.Context(), named("it is over and its box is gone", "b2", over), d.ids.next)
	wantError(t, err, relay.ErrNoSuchDestination)
	if repeated {
		t.Error("what is refused repeats nothing")
	}
	if next := d.add(named("three", "b1", over)); next.ID == first.ID {
		t.Error("the id of a command whose life is over is not free")
	}
	wantActions(t, db, "acme", "accepted one", "accepted two", "accepted three")
}

func testTakenID(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	d.add(into(sent("one"), newBox("b1", relay.TemporaryBox)))
	d.ids.last = 0 // so that the next one is that of the first command
	if c := d.add(into(sent("two"), newBox("b2", relay.TemporaryBox))); c.ID != 2 || d.box("b2").By != 2 {
		t.Errorf("got id %d", c.ID)
	}
	same := func() relay.CommandID { return 1 }
	if _, _, err := d.AddCommand(t.Context(), into(sent("three"), newBox("b3", relay.TemporaryBox)), same); err == nil {
		t.Error("an id was used twice")
	}
}

func testTargets(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	d.add(into(sent("one"), newBox("b1", relay.SessionBox)))
	_, _, err := d.AddCommand(t.Context(), behind(sent("two"), boxTarget("b2")), d.ids.next)
	wantError(t, err, relay.ErrNoSuchDestination)
	user := relay.Target{To: "@user/u1", Tenant: "acme", Group: "g", User: "u1"}
	_, _, err = d.AddCommand(t.Context(), behind(sent("two"), user), d.ids.next)
	wantError(t, err, relay.ErrNoSuchDestination)

	makeProfile := func(name, user string) {
		c := d.add(into(sent(name), newBox(name, relay.TemporaryBox)))
		f := ending(c.ID, plugout.StatusOK, noon)
		f.Box = &relay.BoxChange{Box: name, Start: true, Profile: user}
		d.finish(f)
	}
	makeProfile("p1", "u1")
	makeProfile("p2", "u1")
	makeProfile("p3", "u2")
	c := d.add(behind(sent("three"), user, boxTarget("b1")))
	var boxes []string
	for _, to := range c.Destinations {
		boxes = append(boxes, to.To+" "+to.Box)
	}
	if want := []string{"@user/u1 p1", "@user/u1 p2", "b1 b1"}; !slices.Equal(boxes, want) {
		t.Errorf("boxes: %q, want %q", boxes, want)
	}
	for _, other := range []relay.Target{{Tenant: "beta", Group: "g", User: "u1"}, {Tenant: "acme", Group: "h", User: "u1"}} {
		_, _, err = d.AddCommand(t.Context(), behind(sent("four"), other), d.ids.next)
		wantError(t, err, relay.ErrNoSuchDestination)
	}
	// Each box says how much waits in it.
	five := behind(sent("five"), boxTarget("b1"))
	var open int
	place := five.Place
	five.Place = func(boxes []relay.PlacedBox, c *relay.Stored) error {
		open = boxes[0].Box.Open
		return place(boxes, c)
	}
	d.add(five)
	if open != 2 {
		t.Errorf("%d messages are open, want 2", open)
	}
}

func testRefusedCommand(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	d.add(into(sent("one"), newBox("b1", relay.SessionBox)))
	draft := behind(sent("two"), boxTarget("b1"))
	draft.Place = func([]relay.PlacedBox, *relay.Stored) error { return errChange }
	_, _, err := d.AddCommand(t.Context(), draft, d.ids.next)
	wantError(t, err, errChange)
	wantActions(t, db, "acme", "accepted one")
	_, waiting, err := d.Waiting(t.Context(), "b1", noon)
	check(t, err)
	if len(waiting) != 1 {
		t.Errorf("waiting: %+v", waiting)
	}
}

func testCarriedOut(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	one := d.add(into(sent("one"), newBox("b1", relay.SessionBox)))
	end := behind(sent("end"), boxTarget("b1"))
	end.Command.State, end.Command.Ending = relay.Completed, relay.Ending{Status: plugout.StatusOK, Ended: noon}
	end.Place = func(boxes []relay.PlacedBox, c *relay.Stored) error {
		c.Destinations = []relay.StoredDestination{{To: boxes[0].To, Box: boxes[0].Box.ID}}
		return nil
	}
	end.Closings = func() []relay.Closing { return []relay.Closing{*shut("b1", plugout.StatusSessionEnded, noon)} }
	c := d.add(end)
	d.wantStatus(c.ID, plugout.StatusOK)
	d.wantStatus(one.ID, plugout.StatusSessionEnded)
	wantActions(t, db, "acme", "accepted one", "accepted end", "closed b1", "ended SESSION_ENDED")
	claims, err := d.ClaimCallbacks(t.Context(), relay.ClaimQuery{At: noon, Lease: time.Minute, Limit: 10})
	check(t, err)
	if len(claims) != 2 {
		t.Errorf("callbacks: %+v", claims)
	}
}

package storetest

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
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

func testFinishConditions(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	late := noon.Add(time.Minute)
	tests := []struct {
		only relay.Condition
		at   time.Time
		want bool
	}{
		{relay.BeforeDeadline, late.Add(-time.Millisecond), true},
		{relay.BeforeDeadline, late, false},
		{relay.AfterDeadline, late, true},
		{relay.AfterDeadline, late.Add(-time.Millisecond), false},
		{relay.WhileOpen, noon, true},
		{relay.WhileOpen, late.Add(time.Hour), true},
	}
	for i, c := range tests {
		name := fmt.Sprint("c", i)
		id := d.add(into(sent(name), newBox(name, relay.TemporaryBox))).ID
		f := ending(id, plugout.StatusTimeout, c.at)
		f.Only = c.only
		if won, _ := d.finish(f); won != c.want {
			t.Errorf("%d: won %v, want %v", i, won, c.want)
		}
		again := ending(id, plugout.StatusCancelledByRequester, noon)
		if won, _ := d.finish(again); won == c.want {
			t.Errorf("%d: ended twice, or not at all", i)
		}
	}
	if won, _ := d.finish(ending(99, plugout.StatusTimeout, noon)); won {
		t.Error("a command that is not there ended")
	}
	events := 0
	for _, e := range wantWhole(t, db, "acme") {
		if e.Action != "ended TIMEOUT" && e.Action != "ended CANCELLED_BY_REQUESTER" {
			continue
		}
		events++
	}
	if events != len(tests) {
		t.Errorf("%d events for %d ends", events, len(tests))
	}
}

func testFinishCloses(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	startBy := noon.Add(10 * time.Second)
	start := into(sent("one"), newBox("b1", relay.SessionBox))
	start.NewBox.StartBy, start.Command.Deadline = startBy, startBy
	made := d.add(start)
	queued := d.add(behind(sent("two"), boxTarget("b1")))
	other := d.add(into(sent("three"), newBox("b3", relay.SessionBox)))
	f := ending(made.ID, plugout.StatusSessionNotStarted, startBy)
	f.Only, f.Close = relay.AfterDeadline, shut("", plugout.StatusSessionNotStarted, startBy)
	if won, _ := d.finish(f); !won {
		t.Fatal("not ended")
	}
	if d.box("b1").Closed.IsZero() || !d.box("b3").Closed.IsZero() {
		t.Error("not the box that the command made")
	}
	d.wantStatus(queued.ID, plugout.StatusSessionNotStarted)
	d.wantStatus(other.ID, "")
	// An end that is not won closes nothing.
	f = ending(other.ID, plugout.StatusTimeout, noon)
	f.Only, f.Close = relay.AfterDeadline, shut("", plugout.StatusSessionNotStarted, noon)
	if won, _ := d.finish(f); won || !d.box("b3").Closed.IsZero() {
		t.Error("closed without an end")
	}
	// One that names a box closes that.
	f = ending(other.ID, plugout.StatusOK, noon)
	f.Close = shut("b3", plugout.StatusSessionEnded, noon)
	if won, _ := d.finish(f); !won || d.box("b3").Closed.IsZero() {
		t.Error("the box that was named is open")
	}
}

func testAnswerKey(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	first := d.add(into(sent("one"), newBox("b1", relay.TemporaryBox)))
	second := d.add(behind(sent("two"), boxTarget("b1")))
	third := d.add(behind(sent("three"), boxTarget("b1")))
	answer := func(id relay.CommandID, key string) (won, rekeyed bool) {
		f := ending(id, plugout.StatusOK, noon)
		f.Box = &relay.BoxChange{Box: "b1", AnswerKey: key}
		return d.finish(f)
	}
	if won, _ := answer(first.ID, "k1"); !won || d.box("b1").AnswerKey != "k1" {
		t.Error("the first key was not kept")
	}
	if won, rekeyed := answer(second.ID, "k2"); won || !rekeyed {
		t.Errorf("another key: won %v, rekeyed %v", won, rekeyed)
	}
	d.wantStatus(second.ID, "")
	if won, _ := answer(second.ID, "k1"); !won {
		t.Error("the same key was refused")
	}
	if won, _ := answer(third.ID, ""); !won || d.box("b1").AnswerKey != "k1" {
		t.Error("no key changed the key")
	}
	fourth := d.add(behind(sent("four"), boxTarget("b1")))
	_, err := d.Close(t.Context(), shut("b1", plugout.StatusSessionEnded, noon))
	check(t, err)
	if won, rekeyed := answer(fourth.ID, "k2"); won || rekeyed {
		t.Errorf("closed: won %v, rekeyed %v", won, rekeyed)
	}
}

func testStartUnbinds(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	start := into(sent("start"), newBox("b1", relay.SessionBox))
	start.NewBox.StartBy = noon.Add(10 * time.Second)
	made := d.add(start)
	long := sent("long")
	long.Command.Timeout = noon.Add(time.Hour)
	for _, draft := range []*relay.Draft{behind(sent("two"), boxTarget("b1")), behind(long, boxTarget("b1"))} {
		if c := d.add(draft); !c.Deadline.Equal(noon.Add(10*time.Second)) || c.AtDeadline != plugout.StatusSessionNotStarted {
			t.Errorf("before the start: %v %s", c.Deadline, c.AtDeadline)
		}
	}
	f := ending(made.ID, plugout.StatusOK, noon.Add(time.Second))
	f.Box = &relay.BoxChange{Box: "b1", Start: true}
	d.finish(f)
	if c := d.get(2); !c.Deadline.Equal(c.Timeout) || c.AtDeadline != plugout.StatusTimeout {
		t.Errorf("after the start: %v %s", c.Deadline, c.AtDeadline)
	}
	if c := d.get(3); !c.Deadline.Equal(noon.Add(10*time.Minute)) || c.AtDeadline != plugout.StatusSessionEnded {
		t.Errorf("after the start: %v %s", c.Deadline, c.AtDeadline)
	}
	if b := d.box("b1"); !b.Started.Equal(noon.Add(time.Second)) {
		t.Errorf("started at %v", b.Started)
	}
}

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
	want := func(address string, at time.Time, n int) {
		t.Helper()
		got, err := d.WrongTokens(t.Context(), address, at.Add(-time.Minute))
		check(t, err)
		if got != n {
			t.Errorf("%s at %v: %d, want %d", address, at, got, n)
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

func testWaiting(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	_, _, err := d.Waiting(t.Context(), "b1", noon)
	wantError(t, err, relay.ErrSessionGone)
	d.add(into(sent("one"), newBox("b1", relay.SessionBox)))
	d.add(behind(sent("two"), boxTarget("b1")))
	d.add(behind(sent("three"), boxTarget("b1")))
	d.finish(ending(2, plugout.StatusCancelledByRequester, noon))
	b, waiting, err := d.Waiting(t.Context(), "b1", noon)
	check(t, err)
	want := []relay.Waiting{
		{Message: "m-nonce-one", Type: plugout.Ping, Expires: noon.Add(time.Minute)},
		{Message: "m-nonce-threeb1", Type: plugout.Ping, Expires: noon.Add(time.Minute)},
	}
	if b.ID != "b1" || !reflect.DeepEqual(waiting, want) {
		t.Errorf("got %+v, want %+v", waiting, want)
	}
	if _, waiting, err = d.Waiting(t.Context(), "b1", noon.Add(time.Minute)); err != nil || len(waiting) != 0 {
		t.Errorf("overdue: %+v, %v", waiting, err)
	}
}

func testDeliveries(t *testing.T, db *store.DB) {
	d := newDesk(t, db)
	_, err := d.Delivery(t.Context(), "b1", "m")
	wantError(t, err, relay.ErrSessionGone)
	c := d.add(into(sent("one"), newBox("b1", relay.SessionBox)))
	d.add(into(sent("two"), newBox("b2", relay.SessionBox)))
	m, err := d.Delivery(t.Context(), "b1", "m-nonce-one")
	check(t, err)
	box := *d.box("b1")
	box.Group, box.User, box.TokenHash, box.Created, box.Redeemed = "", "", nil, time.Time{}, time.Time{}
	command := relay.Stored{
		ID: c.ID, Tenant: c.Tenant, Client: c.Client, Type: c.Type, Object: c.Object, Nonce: c.Nonce, Format: c.Format,
		Issued: c.Issued, Deadline: c.Deadline, State: c.State,
	}
	want := &relay.Delivery{Box: box, Command: command, Message: "m-nonce-one"}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v\nwant %+v", m, want)
	}
	check(t, d.SetFetched(t.Context(), "m-nonce-one", noon))
	if m, err = d.Delivery(t.Context(), "b1", "m-nonce-one"); err != nil || !m.Fetched {
		t.Errorf("fetched: %+v, %v", m, err)
	}
	// Neither one that is not there nor one of another box; the box is told all the same.
	for _, mid := range []string{"m", "m-nonce-two"} {
		m, err = d.Delivery(t.Context(), "b1", mid)
		if !errors.Is(err, relay.ErrMessageUnknown) || m == nil || m.Box.ID != "b1" {
			t.Errorf("%s: %+v, %v", mid, m, err)
		}
	}
}

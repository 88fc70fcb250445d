package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
)

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
	if !reflect.DeepEqual(b, d.box("b1")) {
		t.Errorf("got %+v, want %+v", b, d.box("b1"))
	}
	late := behind(sent("late"), boxTarget("b1"))
	place := late.Place
	late.Place = func(boxes []relay.PlacedBox, c *relay.Stored) error {
		err := place(boxes, c)
		c.Deadline = noon.Add(2 * time.Minute)
		return err
	}
	d.add(late)
	if _, waiting, err = d.Waiting(t.Context(), "b1", noon.Add(time.Minute)); err != nil || len(waiting) != 1 || waiting[0].Message != "m-nonce-lateb1" {
		t.Errorf("overdue: %+v, %v", waiting, err)
	}
	if b, waiting, err = d.Waiting(t.Context(), "b1", noon.Add(2*time.Minute)); err != nil || len(waiting) != 0 || b.ID != "b1" {
		t.Errorf("all overdue: %+v in %+v, %v", waiting, b, err)
	}
	d.add(into(sent("four"), newBox("b2", relay.SessionBox)))
	d.finish(ending(5, plugout.StatusOK, noon))
	if b, waiting, err = d.Waiting(t.Context(), "b2", noon); err != nil || len(waiting) != 0 || b.ID != "b2" {
		t.Errorf("nothing waits: %+v in %+v, %v", waiting, b, err)
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
	// Neither one that is not there nor one of another box; the box is told all the same.
	for _, mid := range []string{"m", "m-nonce-two"} {
		m, err = d.Delivery(t.Context(), "b1", mid)
		if !errors.Is(err, relay.ErrMessageUnknown) || m == nil || m.Box.ID != "b1" {
			t.Errorf("%s: %+v, %v", mid, m, err)
		}
	}
}

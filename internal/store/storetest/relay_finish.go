package storetest

import (
	"fmt"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
)

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

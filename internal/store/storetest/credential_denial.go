package storetest

import (
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
)

var denialBrake = credential.DenialBrake{Most: 2, Window: time.Minute}

// denial is an event of something denied to a client, so long after noon.
func denial(client string, after time.Duration) audit.Event {
	e := event("acme", "registration.denied")
	e.Actor, e.Outcome, e.Time, e.RelyingParty = audit.Actor{Kind: audit.Client, ID: client}, "authority.denied", noon.Add(after), "x"
	return e
}

func tellDenials(d credential.DenialsLeftOut) audit.Event {
	d.Event.Detail = map[string]string{"n": strconv.Itoa(d.Count), "since": d.Since.Format(time.TimeOnly)}
	return d.Event
}

// wantDenials checks the events of a tenant's trail, each as actor, time and detail.
func wantDenials(t *testing.T, db *store.DB, tenant string, want ...string) {
	t.Helper()
	var got []string
	for _, e := range wantWhole(t, db, tenant) {
		line := fmt.Sprint(e.Actor.ID, " ", e.Time.Format(time.TimeOnly))
		if e.Detail != nil {
			line += fmt.Sprint(" ", e.Detail["n"], " since ", e.Detail["since"])
			if e.Action != "registration.denied" || e.Outcome != "authority.denied" || e.RelyingParty != map[string]string{"z": "y"}[e.Actor.ID] {
				t.Errorf("left out: %+v", e)
			}
		}
		got = append(got, line)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("events of %s: %q, want %q", tenant, got, want)
	}
}

func testDenials(t *testing.T, db *store.DB) {
	ctx := t.Context()
	record := func(e audit.Event) {
		t.Helper()
		check(t, db.RecordDenial(ctx, e, denialBrake, tellDenials))
	}
	sweep := func(after time.Duration) {
		t.Helper()
		check(t, db.TellLeftOut(ctx, noon.Add(after), denialBrake, tellDenials))
	}
	for i := range 5 { // two are told
		record(denial("a", time.Duration(i)*time.Second))
	}
	want := []string{"a 12:00:00", "a 12:00:01"}
	wantDenials(t, db, "acme", want...)

	// What differs in one of them counts for itself.
	for _, spoil := range []func(*audit.Event){
		func(e *audit.Event) { e.Actor.ID = "b" },
		func(e *audit.Event) { e.Actor.Kind = audit.Operator },
		func(e *audit.Event) { e.User = "somebody" },
		func(e *audit.Event) { e.Action = "authentication.denied" },
		func(e *audit.Event) { e.Outcome = "subject.other" },
	} {
		e := denial("a", 9*time.Second)
		spoil(&e)
		record(e)
		want = append(want, e.Actor.ID+" 12:00:09")
	}
	elsewhere := denialBrake
	elsewhere.RelyingParty = "y"
	for range 3 {
		check(t, db.RecordDenial(ctx, denial("z", 9*time.Second), elsewhere, tellDenials))
	}
	record(denial("z", 9*time.Second))
	want = append(want, "z 12:00:09", "z 12:00:09", "z 12:00:09")
	for range 3 {
		e := denial("a", 9*time.Second)
		e.Tenant = "beta"
		record(e)
	}
	wantDenials(t, db, "acme", want...)
	wantDenials(t, db, "beta", "a 12:00:09", "a 12:00:09")

	// A window is a minute from its first, and what it left out is told once it is over:
	// by the next denial, or by the sweep.
	sweep(59 * time.Second)
	record(denial("a", 59*time.Second+999*time.Millisecond))
	wantDenials(t, db, "acme", want...)
	record(denial("a", time.Minute))
	want = append(want, "a 12:01:00 4 since 12:00:00", "a 12:01:00")
	wantDenials(t, db, "acme", want...)
	record(denial("a", 61*time.Second))
	record(denial("a", 62*time.Second))
	sweep(2 * time.Minute)
	want = append(want, "a 12:01:01", "z 12:02:00 1 since 12:00:09", "a 12:02:00 1 since 12:01:00")
	wantDenials(t, db, "acme", want...)
	wantDenials(t, db, "beta", "a 12:00:09", "a 12:00:09", "a 12:02:00 1 since 12:00:09")
	sweep(3 * time.Minute) // nothing is told twice
	wantDenials(t, db, "acme", want...)

	// A clock that is turned back does not hold anything back for long.
	record(denial("c", time.Hour))
	record(denial("c", time.Hour))
	record(denial("c", time.Hour))
	record(denial("c", 4*time.Minute))
	want = append(want, "c 13:00:00", "c 13:00:00", "c 12:04:00 1 since 13:00:00", "c 12:04:00")
	wantDenials(t, db, "acme", want...)
}

func testDenialsAtOnce(t *testing.T, db *store.DB) {
	const all = 40
	var wg sync.WaitGroup
	for range all {
		wg.Go(func() {
			if err := db.RecordDenial(t.Context(), denial("a", 0), denialBrake, tellDenials); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	check(t, db.TellLeftOut(t.Context(), noon.Add(time.Minute), denialBrake, tellDenials))
	wantDenials(t, db, "acme", "a 12:00:00", "a 12:00:00", fmt.Sprintf("a 12:01:00 %d since 12:00:00", all-denialBrake.Most))
}

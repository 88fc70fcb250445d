package process

import (
	"context"
	"errors"
	"testing"
	"time"
)

// renewals is a store that renews some claims, or fails.
type renewals struct {
	Store
	renewed []JobClaim
	err     error
}

func (r *renewals) RenewJobs(context.Context, []JobClaim, time.Time) ([]JobClaim, error) {
	return r.renewed, r.err
}

// TestRenewing: work goes on while its claim is renewed, and ends when the claim is lost,
// or a round before it would be lost because nobody could renew it.
func TestRenewing(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	kept, lost := JobClaim{"kept", 1}, JobClaim{"lost", 1}
	db := &renewals{renewed: []JobClaim{kept}}
	s, err := New(Config{Store: db, People: nobody{}, Wakeups: nobody{}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	keeping, release := s.hands.hold(t.Context(), kept, now.Add(lease))
	defer release()
	losing, release := s.hands.hold(t.Context(), lost, now.Add(lease))
	defer release()
	now = now.Add(renewEvery)
	s.renew(t.Context(), s.hands.claims())
	if keeping.Err() != nil || losing.Err() == nil {
		t.Fatalf("what was kept: %v; what was lost: %v", keeping.Err(), losing.Err())
	}
	db.err = errors.New("no answer")
	for round, ends := range []bool{false, true} {
		now = now.Add(renewEvery)
		s.renew(t.Context(), []JobClaim{kept})
		if (keeping.Err() != nil) != ends {
			t.Errorf("after %d failures the work has ended: %v, want %v", round+1, keeping.Err(), ends)
		}
	}
}

// nobody knows nobody, and wakes nobody.
type nobody struct{}

func (nobody) PersonByID(context.Context, string, string) (p Person, ok bool, err error) {
	return p, false, nil
}

func (nobody) PersonByName(context.Context, string, string) (p Person, ok bool, err error) {
	return p, false, nil
}

func (nobody) Wait(string) (<-chan struct{}, func()) { return nil, func() {} }

package credential_test

import (
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

// When the clock is set while something waits, it comes to one clear end: forward, its
// time is over; back, it goes on as if nothing had happened. The trail stays whole,
// for its order is that of its numbers.
func TestClockIsSet(t *testing.T) {
	stages := map[string]struct {
		begin func(w *world) (end func() error)
		over  error // what end returns once the time is over
		used  error // what end returns the second time
	}{
		"during a registration": {func(w *world) func() error {
			begun := w.begin("alice")
			response := newForger(w.t).create(w.t, begun.Options)
			return func() error {
				return second(w.svc.FinishRegistration(w.t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: response}))
			}
		}, credential.ErrCeremonyExpired, credential.ErrCeremonyUsed},
		"during a sign-in": {func(w *world) func() error {
			_, f := w.enrolled("alice")
			begun := w.beginSignIn("alice")
			return func() error { return second(w.finishSignIn(f, begun)) }
		}, credential.ErrCeremonyExpired, credential.ErrCeremonyUsed},
		"before an invitation is spent": {func(w *world) func() error {
			invited, err := w.svc.Invite(w.t.Context(), w.idm, credential.Invite{RelyingParty: site, User: credential.ByName("alice"), Life: 30 * time.Minute})
			check(w.t, err)
			return func() error { return second(w.svc.StartEnrolment(w.t.Context(), invited.Secret, desk)) }
		}, credential.ErrInvitationExpired, credential.ErrInvitationSpent},
		"during a browser session": {func(w *world) func() error {
			opened, err := w.svc.StartEnrolment(w.t.Context(), w.invite("alice").Secret, desk)
			check(w.t, err)
			return func() error {
				_, by, err := w.svc.Session(w.t.Context(), opened.Cookie, tenant.Authority{Via: "enrol", Address: desk})
				if err != nil {
					return err
				}
				return w.svc.EndSession(w.t.Context(), by)
			}
		}, credential.ErrSessionUnknown, credential.ErrSessionUnknown},
	}
	for name, stage := range stages {
		t.Run("an hour forward "+name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice")
			end := stage.begin(w)
			w.later(time.Hour)
			wantFault(t, end(), stage.over)
			w.events()
		})
		t.Run("an hour back "+name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice")
			end := stage.begin(w)
			before := w.lastEvent()
			w.later(-time.Hour)
			check(t, end())
			if e := w.lastEvent(); e.Seq <= before.Seq || !e.Time.Before(before.Time) {
				t.Errorf("event %d of %v follows %d of %v", e.Seq, e.Time, before.Seq, before.Time)
			}
			wantFault(t, end(), stage.used)
			w.later(3 * time.Hour)
			wantFault(t, end(), stage.used)
			w.events()
		})
		t.Run("an hour forward and back "+name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice")
			end := stage.begin(w)
			w.later(time.Hour)
			wantFault(t, end(), stage.over)
			_, err := w.svc.Purge(t.Context()) // what is over is kept for longer than that
			check(t, err)
			w.later(-time.Hour)
			check(t, end()) // nothing was decided for good
			wantFault(t, end(), stage.used)
			w.events()
		})
	}
}

// What is made after the clock was set back does not share an id with anything.
func TestClockDoesNotRepeatIDs(t *testing.T) {
	w := newWorld(t)
	seen := map[credential.CeremonyID]bool{}
	w.user("alice")
	for i := range 5 {
		if i > 0 {
			w.later(-time.Hour)
		}
		begun := w.begin("alice")
		if seen[begun.Ceremony] {
			t.Errorf("ceremony %s is there twice", begun.Ceremony)
		}
		seen[begun.Ceremony] = true
	}
	w.events()
}

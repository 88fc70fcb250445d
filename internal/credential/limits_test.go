package credential_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

func limited(t testing.TB, l credential.Limits) *world {
	t.Helper()
	return newWorldOn(t, storetest.SQLite, credential.Config{Limits: l})
}

func TestCeremoniesPerUser(t *testing.T) {
	w := limited(t, credential.Limits{CeremoniesPerUser: 2})
	w.user("alice")
	w.user("bob")
	begin := func(by tenant.Authority, name string) error {
		return second(w.svc.BeginRegistration(t.Context(), by, credential.BeginRegistration{RelyingParty: site, User: credential.ByName(name)}))
	}
	first := w.begin("alice")
	w.begin("alice")
	w.quiet(func() { wantFault(t, begin(w.idm, "alice"), credential.ErrCeremonyLimit) })
	check(t, begin(w.idm, "bob"))
	// Another client is not held up by what this one left open.
	other := w.idm
	other.Actor.ID = "other"
	check(t, begin(other, "alice"))

	// What ends, ends counting.
	_, err := w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: newForger(t).create(t, first.Options)})
	check(t, err)
	check(t, begin(w.idm, "alice"))
	wantFault(t, begin(w.idm, "alice"), credential.ErrCeremonyLimit)
	w.later(300 * time.Second)
	check(t, begin(w.idm, "alice"))
}

// Strangers are told nothing by what others left open, and lock nobody out.
func TestStrangers(t *testing.T) {
	w := limited(t, credential.Limits{CeremoniesPerUser: 1, CeremoniesPerAddress: 2})
	w.user("alice")
	w.enrolled("alice")
	begin := func(name, address string) error {
		by := w.idm
		by.Address = address
		_, err := w.svc.BeginAuthentication(t.Context(), by, credential.BeginAuthentication{RelyingParty: site, User: credential.ByName(name), Stranger: true})
		return err
	}
	for _, name := range []string{"alice", "nobody"} {
		address := "192.0.2.1"
		if name == "nobody" {
			address = "192.0.2.2"
		}
		for range 2 {
			check(t, begin(name, address))
		}
		wantFault(t, begin(name, address), credential.ErrCeremonyLimit)
	}
	check(t, begin("alice", "192.0.2.3"))
}

func TestCeremoniesPerAddress(t *testing.T) {
	w := limited(t, credential.Limits{CeremoniesPerAddress: 2})
	visit := func(address string) error {
		opened, err := w.svc.StartVisit(t.Context(), "acme", site, address)
		check(t, err)
		_, by, err := w.svc.Session(t.Context(), opened.Cookie, tenant.Authority{Address: address})
		check(t, err)
		return second(w.svc.BeginAuthentication(t.Context(), by, credential.BeginAuthentication{RelyingParty: site}))
	}
	check(t, visit("2001:db8::1"))
	check(t, visit("2001:db8::2"))
	wantFault(t, visit("2001:db8::3"), credential.ErrCeremonyLimit) // the same subscriber
	check(t, visit("2001:db8:0:1::1"))
	check(t, visit("192.0.2.1"))
	check(t, visit("::ffff:192.0.2.1"))
	wantFault(t, visit("192.0.2.1"), credential.ErrCeremonyLimit)
	// A back end has no such limit: everybody behind it has its address.
	w.idm.Address = "192.0.2.1"
	for range 3 {
		w.beginSignIn("")
	}
}

func TestCeremoniesPerTenant(t *testing.T) {
	w := limited(t, credential.Limits{CeremoniesPerTenant: 3})
	for range 3 {
		w.beginSignIn("")
	}
	_, err := w.svc.BeginAuthentication(t.Context(), w.idm, credential.BeginAuthentication{RelyingParty: site})
	wantFault(t, err, credential.ErrCeremonyLimit)
	w.later(2 * time.Second) // counted again: still open
	_, err = w.svc.BeginAuthentication(t.Context(), w.idm, credential.BeginAuthentication{RelyingParty: site})
	wantFault(t, err, credential.ErrCeremonyLimit)
	w.later(300 * time.Second)
	w.beginSignIn("")

	w = limited(t, credential.Limits{CeremoniesPerTenant: -1})
	for range 5 {
		w.beginSignIn("")
	}
}

func TestWrongSecrets(t *testing.T) {
	w := limited(t, credential.Limits{WrongPerMinute: 3})
	w.user("alice")
	invited := w.invite("alice")
	guess := func(secret, address string) error { return second(w.svc.StartEnrolment(t.Context(), secret, address)) }
	for i := range 3 {
		wantFault(t, guess(strings.Repeat(fmt.Sprint(i), 43), desk), credential.ErrInvitationUnknown)
	}
	wantFault(t, guess(invited.Secret, desk), credential.ErrAddressLimited)
	check(t, guess(invited.Secret, "192.0.2.99"))
	w.later(time.Minute)
	wantFault(t, guess(invited.Secret, desk), credential.ErrInvitationSpent)
}

func TestVisitsPerMinute(t *testing.T) {
	w := limited(t, credential.Limits{SessionsPerMinute: 2})
	visit := func() error { return second(w.svc.StartVisit(t.Context(), "acme", site, desk)) }
	check(t, visit())
	check(t, visit())
	wantFault(t, visit(), credential.ErrAddressLimited)
	w.later(time.Minute)
	check(t, visit())
}

// A notice that cannot be delivered, or hangs, costs nobody their credential.
func TestNotices(t *testing.T) {
	w := newWorldOn(t, storetest.SQLite, credential.Config{Notify: func(context.Context, credential.Notice) error {
		return errors.New("no route to the mail server")
	}})
	w.user("alice")
	w.enrolled("alice")

	hang := make(chan struct{})
	w = newWorldOn(t, storetest.SQLite, credential.Config{Notify: func(ctx context.Context, _ credential.Notice) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		<-hang
		return nil
	}})
	w.user("alice")
	w.enrolled("alice")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantFault(t, w.svc.Close(ctx), context.Canceled)
	close(hang)
	check(t, w.svc.Close(t.Context()))
}

// A transaction that is rolled back tells nobody.
func TestNoticeFollowsCommit(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	f := newForger(t)
	judged, err := w.svc.JudgeRegistration(t.Context(), w.idm, credential.FinishRegistration{
		RelyingParty: site, Response: f.create(t, w.begin("alice").Options),
	})
	check(t, err)
	regret := errors.New("regret")
	err = w.db.InTx(t.Context(), func(ctx context.Context) error {
		_, err := w.svc.StoreRegistration(ctx, judged)
		check(t, err)
		return regret
	})
	wantFault(t, err, regret)
	check(t, w.svc.Close(t.Context()))
	if len(w.told) != 0 {
		t.Error("a notice of what was rolled back")
	}
	check(t, w.db.InTx(t.Context(), func(ctx context.Context) error {
		_, err := w.svc.StoreRegistration(ctx, judged)
		return err
	}))
	<-w.told
}

func TestNew(t *testing.T) {
	if _, err := credential.New(credential.Config{}); err == nil {
		t.Error("a service of nothing")
	}
}

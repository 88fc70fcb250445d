package credential_test

import (
	"fmt"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

// Whoever has no right cannot fill the audit trail, and how often they tried is told.
func TestDenialsAreBraked(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	stranger := w.idm
	stranger.Actor.ID, stranger.Scopes = "stranger", []tenant.Scope{tenant.ScopeRead}
	begin := func(by tenant.Authority, rp string) {
		t.Helper()
		_, err := w.svc.BeginRegistration(t.Context(), by, credential.BeginRegistration{RelyingParty: rp, User: credential.ByName("alice")})
		wantFault(t, err, tenant.ErrDenied)
	}
	denials := func() (all []audit.Event) {
		for _, e := range w.events() {
			if e.Action == "registration.denied" {
				all = append(all, e)
			}
		}
		return all
	}
	for i := range 25 {
		begin(stranger, fmt.Sprintf("rp%d.example.com", i)) // what they say does not make them another
	}
	begin(stranger, site) // not hidden behind names that they made up
	other := stranger
	other.Actor.ID = "other"
	begin(other, site)
	if all := denials(); len(all) != 12 || all[9].Actor.ID != "stranger" || all[10].RelyingParty != site || all[11].Actor.ID != "other" {
		t.Fatalf("%d events: %+v", len(all), all)
	}

	w.later(time.Minute)
	_, err := w.svc.Purge(t.Context())
	check(t, err)
	all := denials()
	if len(all) != 13 {
		t.Fatalf("%d events: %+v", len(all), all)
	}
	if e := all[12]; e.Actor != stranger.Actor || e.Outcome != tenant.ErrDenied.Code || e.Detail["leftOut"] != "15" ||
		e.Detail["since"] != all[0].Time.Format(time.RFC3339) || !e.Time.Equal(w.clock()) {
		t.Errorf("left out: %+v", e)
	}
	begin(stranger, site)
	if all := denials(); len(all) != 14 {
		t.Errorf("after a minute: %d events", len(all))
	}
}

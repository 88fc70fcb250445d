package tenant_test

import (
	"errors"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

// Callers see what their rights hold for.
func TestView(t *testing.T) {
	db := storetest.SQLite(t)
	dir, err := tenant.New(t.Context(), db, []tenant.FileTenant{{
		Name: "acme", RelyingParties: []tenant.RelyingParty{{ID: "a.example.com"}, {ID: "b.example.com"}},
	}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.CreateTenant(t.Context(), tenant.LocalOperator("other", "root")); err != nil {
		t.Fatal(err)
	}

	reader := tenant.Authority{Tenant: "acme", Scopes: []tenant.Scope{tenant.ScopeRead}}
	narrow := reader
	narrow.RelyingParties = []string{"b.example.com"}
	auditor := tenant.Authority{Tenant: "other", Scopes: []tenant.Scope{tenant.ScopeAuditRead}}
	narrowAuditor := auditor
	narrowAuditor.RelyingParties = []string{"b.example.com"}

	for _, tt := range []struct {
		name string
		by   tenant.Authority
		want []string
		err  error
	}{
		{"the whole tenant", reader, []string{"a.example.com", "b.example.com"}, nil},
		{"one relying party", narrow, []string{"b.example.com"}, nil},
		{"nobody", tenant.Authority{}, nil, tenant.ErrDenied},
		{"another tenant", auditor, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list, err := dir.RelyingPartiesOf(t.Context(), tt.by)
			if !errors.Is(err, tt.err) || len(list) != len(tt.want) {
				t.Fatalf("got %d, %v; want %d, %v", len(list), err, len(tt.want), tt.err)
			}
			for i, rp := range list {
				if rp.ID != tt.want[i] {
					t.Errorf("%d: got %s, want %s", i, rp.ID, tt.want[i])
				}
			}
		})
	}
	if _, err := dir.RelyingPartyOf(t.Context(), narrow, "a.example.com"); !errors.Is(err, tenant.ErrRelyingPartyUnknown) {
		t.Errorf("one that is not covered: %v", err)
	}
	if rp, err := dir.RelyingPartyOf(t.Context(), narrow, "b.example.com"); err != nil || rp.ID != "b.example.com" {
		t.Errorf("one that is covered: %v", err)
	}

	events, err := tenant.AuditEvents(t.Context(), db, auditor, audit.Query{Tenant: "acme"})
	if err != nil || len(events) != 1 || events[0].Tenant != "other" {
		t.Errorf("events: %v, %v", events, err)
	}
	if _, err := tenant.AuditEvents(t.Context(), db, reader, audit.Query{}); !errors.Is(err, tenant.ErrDenied) {
		t.Errorf("without the scope: %v", err)
	}
	if _, err := tenant.AuditEvents(t.Context(), db, narrowAuditor, audit.Query{}); !errors.Is(err, tenant.ErrDenied) {
		t.Errorf("the whole tenant with a narrow grant: %v", err)
	}
	if _, err := tenant.AuditEvents(t.Context(), db, narrowAuditor, audit.Query{RelyingParty: "b.example.com"}); err != nil {
		t.Errorf("its relying party with a narrow grant: %v", err)
	}
}

// A relying party of the database goes; one of the file stays, and one that has
// another tenant's name is another.
func TestDeleteRelyingParty(t *testing.T) {
	w := newWorld(t)
	if _, err := w.PutRelyingParty(t.Context(), w.admin, tenant.RelyingParty{ID: "made.example"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RelyingParty(t.Context(), "acme", "made.example"); err != nil {
		t.Fatal(err)
	}
	reader := w.admin
	reader.Scopes = []tenant.Scope{tenant.ScopeRead}
	for _, tt := range []struct {
		name string
		by   tenant.Authority
		id   string
		want error
	}{
		{"without the scope", reader, "made.example", tenant.ErrDenied},
		{"of the file", w.admin, "file.example", tenant.ErrRelyingPartyReadOnly},
		{"another tenant's", tenant.LocalOperator("other", "root"), "made.example", tenant.ErrRelyingPartyUnknown},
		{"of the database", w.admin, "made.example", nil},
		{"twice", w.admin, "made.example", tenant.ErrRelyingPartyUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := w.DeleteRelyingParty(t.Context(), tt.by, tt.id); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if _, err := w.RelyingParty(t.Context(), "acme", "made.example"); !errors.Is(err, tenant.ErrRelyingPartyUnknown) {
		t.Errorf("it is remembered: %v", err)
	}
}

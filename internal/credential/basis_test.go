package credential_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
)

func kinds(e *credential.Evidence) map[credential.BasisKind]int {
	n := make(map[credential.BasisKind]int)
	for _, ref := range e.Basis {
		n[ref.Kind]++
	}
	return n
}

// What registrations have in common is stored once, as long as nothing changes.
func TestBasisIsStoredOnce(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	m := newMaker(t, d.clock())
	trust := tenant.Trust{RevocationLists: m.revokes(t, d.clock())}
	d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root(), m.root), Trust: trust})
	d.knows("own", nil, "FIDO_CERTIFIED")
	d.knows("fido", nil, "FIDO_CERTIFIED")
	d.holds(vouched, known)
	stores := func(name string, want int64) *credential.Evidence {
		t.Helper()
		before := d.store.kept.Load()
		e := d.evidence(d.registered(name))
		if got := d.store.kept.Load() - before; got != want {
			t.Errorf("%s: %d parts were stored, want %d", name, got, want)
		}
		return e
	}
	// Settings, manufacturers, two policies, a list, an anchor, two models.
	first := stores("alice", 8)
	if n := kinds(first); n[credential.BasisSettings] != 1 || n[credential.BasisVendors] != 1 || n[credential.BasisPolicy] != 2 ||
		n[credential.BasisRevocationList] != 1 || n[credential.BasisAnchor] != 1 || n[credential.BasisModel] != 2 || len(first.Basis) != 8 {
		t.Errorf("basis: %v", n)
	}
	second := stores("bob", 0)
	d.later(time.Hour)
	if third := stores("carol", 0); third.Policy != first.Policy || second.Policy != first.Policy {
		t.Error("the same settings have another version")
	}
	// A change stores what is new, and has another version.
	d.accepts(tenant.RelyingParty{Name: "Other", TrustAnchors: asPEM(d.root()), Trust: trust, Policies: []string{"vouched", "known"}})
	if e := stores("dave", 1); e.Policy == first.Policy {
		t.Error("other settings have the same version")
	}
	d.models.all = d.models.all[1:]
	stores("erin", 0)
}

// Each trusted part of a compound attestation has its own anchor, and no other part
// gets trusted by it later.
func TestBasisOfCompound(t *testing.T) {
	for _, test := range []struct {
		name    string
		formats []string
	}{{"one", []string{"packed"}}, {"the other", []string{"android-key"}}, {"both", []string{"packed", "android-key"}}} {
		d := newLab(t, softkey.AttestCompound)
		anchors := map[string]string{}
		for _, f := range test.formats {
			anchors[f] = asPEM(d.root())
		}
		d.accepts(tenant.RelyingParty{Trust: tenant.Trust{FormatAnchors: anchors}})
		e := d.evidence(d.registered("alice"))
		parts := map[string]bool{}
		for _, ref := range e.Basis {
			if ref.Kind == credential.BasisAnchor {
				parts[ref.For] = true
			} else if ref.For != "" {
				t.Errorf("a part of kind %s is for one part of the attestation", ref.Kind)
			}
		}
		if len(parts) != len(test.formats) || parts[""] {
			t.Errorf("%s: anchors for %d parts, want %d", test.name, len(parts), len(test.formats))
		}
	}
}

// In a transaction that is undone, what a registration rests on is neither stored nor
// remembered.
func TestBasisInTransaction(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.user("alice")
	resp := d.answers("alice")
	undone := errors.New("undone")
	err := d.db.InTx(t.Context(), func(ctx context.Context) error {
		_, err := d.svc.FinishRegistration(ctx, d.idm, credential.FinishRegistration{RelyingParty: site, Response: resp})
		check(t, err)
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	d.nothingStored()
	c, err := d.finishes(resp)
	check(t, err)
	d.wantAsThen(c, d.evidence(c))
}

// What cannot be stored spends nothing.
func TestBasisCannotBeStored(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.user("alice")
	resp := d.answers("alice")
	d.store.keepFails = errors.New("the disk is full")
	d.quiet(func() {
		if _, err := d.finishes(resp); !errors.Is(err, d.store.keepFails) {
			t.Errorf("got %v", err)
		}
	})
	d.nothingStored()
	d.store.keepFails = nil
	_, err := d.finishes(resp)
	check(t, err)
}

// versionOfData changes when anybody changes anything in the database.
func (d *lab) versionOfData() (version int64) {
	d.t.Helper()
	if d.watch == nil {
		raw, err := sql.Open("sqlite", d.path)
		check(d.t, err)
		d.t.Cleanup(func() { raw.Close() })
		d.watch, err = raw.Conn(d.t.Context())
		check(d.t, err)
		d.t.Cleanup(func() { d.watch.Close() })
	}
	check(d.t, d.watch.QueryRowContext(d.t.Context(), `PRAGMA data_version`).Scan(&version))
	return version
}

// Whatever changes around them, to judge registrations again by then says the same of
// each, and neither that nor by now nor a preview writes anything.
func TestJudgingAgainNeverWrites(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root()), Trust: tenant.Trust{Outdated: []tenant.Outdated{tenant.OutdatedSafetyNet}}})
	d.holds(known, watching)
	d.knows("fido", nil, "FIDO_CERTIFIED")
	var all []*credential.Credential
	for _, kind := range moreKinds {
		d.key = newWorkplaceOf(t, d.clock, kind)
		d.later(time.Minute)
		all = append(all, d.registered(string(kind)))
	}
	before := d.versionOfData()
	d.user("nobody")
	if d.versionOfData() == before {
		t.Fatal("a write is not noticed")
	}
	changes := map[string]func(){
		"trust is required":  func() { d.accepts(tenant.RelyingParty{AttestationTrust: tenant.TrustRequire}) },
		"metadata off":       func() { d.accepts(tenant.RelyingParty{Trust: tenant.Trust{Metadata: tenant.MetadataOff}}) },
		"policy that denies": func() { d.holds(banned) },
		"no policies":        func() { d.holds() },
		"years":              func() { d.later(5 * 365 * 24 * time.Hour) },
		"revoked":            func() { d.knows("more", nil, "REVOKED") },
		"unknown":            func() { d.models.all = nil },
		"no manufacturers":   func() { d.vendors.tpm = nil },
	}
	var names []string
	for name := range changes {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(r *rapid.T) {
		changes[rapid.SampledFrom(names).Draw(r, "change")]()
		c := rapid.SampledFrom(all).Draw(r, "credential")
		before := d.versionOfData()
		d.wantAsThen(c, d.evidence(c))
		d.reverify(c, credential.ByNow)
		d.preview(vouched)
		if d.versionOfData() != before {
			r.Error("something was written")
		}
	})
}

// A person who asks what is kept gets what was decided, and by what, too.
func TestExportOfJudgements(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.holds(mode("monitor", banned))
	c := d.registered("alice")
	record, err := d.svc.ExportUser(t.Context(), d.idm, credential.ByName("alice"))
	check(t, err)
	var doc struct {
		Credentials []struct {
			Registration struct {
				Told     credential.Told
				Decision policy.Decision
				Basis    []credential.BasisRef
			}
		}
	}
	check(t, json.Unmarshal([]byte(asText(t, record)), &doc))
	got, want := doc.Credentials[0].Registration, d.evidence(c)
	if asText(t, got.Decision) != asText(t, want.Decision) || asText(t, got.Told) != asText(t, want.Told) || asText(t, got.Basis) != asText(t, want.Basis) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

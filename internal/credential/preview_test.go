package credential_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
)

// preview previews a document and returns who would be affected.
func (d *lab) preview(document string) (*credential.Preview, []credential.Affected) {
	d.t.Helper()
	var hits []credential.Affected
	p, err := d.svc.PreviewPolicy(d.t.Context(), d.idm, site, []byte(document), func(a credential.Affected) error {
		hits = append(hits, a)
		return nil
	})
	check(d.t, err)
	if p.Affected != len(hits) || p.RelyingParty != site {
		d.t.Errorf("%d were handed on: %+v", len(hits), p)
	}
	return p, hits
}

// syncs registers keys of one user, of which each tenth can be synced, and returns the
// credentials of these.
func (d *lab) syncs(n int) (synced []credential.ID) {
	d.t.Helper()
	d.accepts(tenant.RelyingParty{MaxCredentialsPerUser: 1000})
	d.user("alice")
	for i := range n {
		f := newForger(d.t)
		if i%10 == 3 {
			f.flags |= be
		}
		c, err := d.finishes(f.create(d.t, d.begin("alice").Options))
		check(d.t, err)
		if i%10 == 3 {
			synced = append(synced, c.ID)
		}
	}
	return synced
}

const unsynced = `{"name": "unsynced", "rules": {"syncedPasskeys": "forbidden"}}`

// All are looked at, on however many pages they are, in the order they were made.
func TestPreviewOfMany(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	synced := d.syncs(213)
	d.quiet(func() {
		p, hits := d.preview(unsynced)
		if p.Credentials != 213 || len(hits) != len(synced) {
			t.Errorf("%d looked at, %d affected, want 213 and %d", p.Credentials, len(hits), len(synced))
		}
		for i, h := range hits {
			if h.Credential.ID != synced[i] || h.Before || h.RefusedBy.Policy != "unsynced" || h.RefusedBy.Rule != "rules.syncedPasskeys" {
				t.Errorf("affected: %+v", h)
			}
		}
	})
	// An error of who is told ends it.
	stop := errors.New("enough")
	told := 0
	_, err := d.svc.PreviewPolicy(t.Context(), d.idm, site, []byte(unsynced), func(credential.Affected) error {
		told++
		return stop
	})
	if !errors.Is(err, stop) || told != 1 {
		t.Errorf("got %v after %d", err, told)
	}
}

func TestPreview(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.syncs(4)
	for _, document := range []string{
		unsynced, mode("monitor", unsynced), mode("off", unsynced), atSignIn(unsynced), // what it would mean if it enforced
	} {
		if p, hits := d.preview(document); p.Credentials != 4 || len(hits) != 1 {
			t.Errorf("%s: %+v", document, p)
		}
	}
	if _, hits := d.preview(vouched); len(hits) != 4 {
		t.Errorf("trusted: %d affected", len(hits))
	}

	// In place of the policy with its name, and beside the others.
	d.holds(`{"name": "unsynced", "rules": {"userVerification": "required"}}`, mode("monitor", banned))
	if p, hits := d.preview(unsynced); p.Affected != 1 || hits[0].Before {
		t.Errorf("in its place: %+v", p)
	}
	// One that a policy refuses already, or the relying party itself, is told as such.
	d.holds(unsynced)
	_, hits := d.preview(`{"name": "unverified", "rules": {"algorithms": {"deny": [-7]}}}`)
	if len(hits) != 4 {
		t.Fatalf("%d affected", len(hits))
	}
	for i, h := range hits {
		if h.Before != (i == 3) || h.RefusedBy.Policy != "unverified" {
			t.Errorf("affected %d: %+v", i, h)
		}
	}
	d.accepts(tenant.RelyingParty{AttestationTrust: tenant.TrustRequire})
	_, hits = d.preview(`{"name": "verified", "rules": {"userVerification": "required"}}`)
	for _, h := range hits {
		if !h.Before || h.RefusedBy.Policy != "" || h.RefusedBy.Rule != "webauthn.attestation_untrusted" || h.RefusedBy.Words == "" {
			t.Errorf("affected: %+v", h)
		}
	}
	if len(hits) != 4 {
		t.Errorf("%d affected", len(hits))
	}
	// Another relying party's are not looked at.
	d.has(tenant.RelyingParty{Tenant: "acme", ID: "other.example"})
	p, err := d.svc.PreviewPolicy(t.Context(), d.idm, "other.example", []byte(unsynced), nil)
	if check(t, err); p.Credentials != 0 {
		t.Errorf("at another: %+v", p)
	}
}

// Who is deleted while it runs is passed over.
func TestPreviewWhileOneIsDeleted(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.syncs(3)
	var told []credential.ID
	p, err := d.svc.PreviewPolicy(t.Context(), d.idm, site, []byte(vouched), func(a credential.Affected) error {
		told = append(told, a.Credential.ID)
		if len(told) > 1 {
			return nil
		}
		page, err := d.svc.Credentials(t.Context(), d.idm, credential.CredentialQuery{})
		check(t, err)
		return d.svc.Delete(t.Context(), d.idm, credential.Ref{ID: page.Credentials[1].ID})
	})
	if check(t, err); p.Credentials != 2 || len(told) != 2 {
		t.Errorf("%+v, told of %q", p, told)
	}
}

func TestPreviewRefuses(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.syncs(1)
	var names []string
	for i := range 15 {
		names = append(names, strings.Replace(unsynced, "unsynced", fmt.Sprint("p-", i), 1))
	}
	never := func(credential.Affected) error {
		t.Error("somebody was told")
		return nil
	}
	blind, browser := d.idm, d.idm
	blind.Scopes = slices.DeleteFunc(slices.Clone(blind.Scopes), func(s tenant.Scope) bool { return s == tenant.ScopeRead })
	browser.Session = "s"
	for _, test := range []struct {
		name, rp, document string
		by                 tenant.Authority
		want               error
	}{
		{"document", site, `{"name": "x"}`, d.idm, policy.ErrDocument},
		{"name of a part of the program", site, strings.Replace(vouched, "vouched", "bestow.metadata", 1), d.idm, policy.ErrDocument},
		{"relying party", "never.example", vouched, d.idm, tenant.ErrRelyingPartyUnknown},
		{"right", site, vouched, blind, tenant.ErrDenied},
		{"browser", site, vouched, browser, credential.ErrSessionPurpose},
	} {
		_, err := d.svc.PreviewPolicy(t.Context(), test.by, test.rp, []byte(test.document), never)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
	d.holds(names...)
	if _, err := d.svc.PreviewPolicy(t.Context(), d.idm, site, []byte(vouched), never); !errors.Is(err, policy.ErrSet) {
		t.Errorf("one too many: %v", err)
	}
}

package credential_test

import (
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

// registersOf registers a new authenticator of a maker's for a new user.
func (d *lab) registersOf(m *maker, name string) (*credential.Credential, error) {
	d.t.Helper()
	d.user(name)
	return d.finishes(m.makes(d.t).create(d.t, d.begin(name).Options))
}

// A list that names the attestation certificate takes its trust away, and with it the
// registration where trust is required.
func TestRevocationLists(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	m := newMaker(t, d.clock())
	nothing, revoked := m.revokes(t, d.clock()), m.revokes(t, d.clock(), m.leaf)
	for _, test := range []struct {
		name    string
		trust   tenant.Trust
		trusted bool
	}{
		{"no list", tenant.Trust{}, true},
		{"no list, and one is wanted", tenant.Trust{RequireRevocationLists: true}, false},
		{"a list that names nobody", tenant.Trust{RequireRevocationLists: true, RevocationLists: nothing}, true},
		{"a list that names it", tenant.Trust{RevocationLists: revoked}, false},
		{"several lists", tenant.Trust{RevocationLists: nothing + revoked}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(m.root), Trust: test.trust})
			c, err := d.registersOf(m, "recorded "+test.name)
			if check(t, err); c.Trusted != test.trusted {
				t.Errorf("trusted: %t, want %t", c.Trusted, test.trusted)
			}
			d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(m.root), Trust: test.trust, AttestationTrust: tenant.TrustRequire})
			if _, err = d.registersOf(m, "required "+test.name); test.trusted {
				check(t, err)
			} else {
				wantCode(t, err, "webauthn.attestation_certificate")
			}
		})
	}
}

// What was revoked since the registration counts where it is judged by now, and the
// list of now is the one that has to be in force.
func TestRevokedSince(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	m := newMaker(t, d.clock())
	d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(m.root), Trust: tenant.Trust{
		RequireRevocationLists: true, RevocationLists: m.revokes(t, d.clock()),
	}, AttestationTrust: tenant.TrustRequire})
	c, err := d.registersOf(m, "alice")
	check(t, err)

	d.later(10 * 24 * time.Hour)
	d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(m.root), Trust: tenant.Trust{
		RequireRevocationLists: true, RevocationLists: m.revokes(t, d.clock()),
	}, AttestationTrust: tenant.TrustRequire})
	if r := d.reverify(c, credential.ByNow); !r.Same() {
		t.Errorf("by a list of now that names nobody: %+v", r)
	}
	d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(m.root), Trust: tenant.Trust{
		RequireRevocationLists: true, RevocationLists: m.revokes(t, d.clock(), m.leaf),
	}, AttestationTrust: tenant.TrustRequire})
	if r := d.reverify(c, credential.ByNow); r.Accepted || r.Refusal != "webauthn.attestation_certificate" || r.Step != "7.1/24" {
		t.Errorf("by a list of now that names it: %+v", r)
	}
	if r := d.reverify(c, credential.ByThen); !r.Same() || !r.Trusted {
		t.Errorf("by then: %+v", r)
	}
}

func (d *lab) reverify(c *credential.Credential, how credential.By) *credential.Reverification {
	d.t.Helper()
	r, err := d.svc.Reverify(d.t.Context(), d.idm, credential.Ref{ID: c.ID}, how)
	check(d.t, err)
	return r
}

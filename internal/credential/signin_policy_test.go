package credential_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/store"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// A record that was changed, or a store that does not answer, is not the fault of whoever
// signs in: the ceremony stays open, and nothing says that the answer was refused.
func TestSignInByASpoiltRecord(t *testing.T) {
	for _, test := range []struct {
		name, spoil string
		fails       error
		kind        fault.Kind
	}{
		{"attestation", `UPDATE credential_evidence SET attestation_object = X'00'`, nil, fault.Internal},
		{"client data", `UPDATE credential_evidence SET client_data = CAST(replace(client_data, 'create', 'get') AS BLOB)`, nil, fault.Internal},
		{"an anchor of then", `UPDATE judgement_basis SET body = X'00' WHERE kind = 'anchor'`, nil, fault.Internal},
		{"settings of then", `DELETE FROM judgement_basis WHERE kind = 'settings'`, nil, fault.Internal},
		{"store", "", store.ErrUnavailable, fault.Unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newLab(t, softkey.AttestPacked)
			d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root())})
			d.holds(strings.Replace(watching, `"rules"`, `"at": ["registration", "sign-in"], "rules"`, 1))
			d.registered("alice")
			begun := d.beginSignIn("alice")
			resp, err := webauthn.ParseAuthenticationResponse(d.key.get(begun.Options))
			check(t, err)
			finish := func() error {
				_, err = d.svc.FinishAuthentication(t.Context(), d.idm, credential.FinishAuthentication{RelyingParty: site, Response: resp})
				return err
			}
			if test.spoil != "" {
				d.spoils(test.spoil)
			}
			d.store.fails = test.fails
			for range 2 {
				d.quiet(func() { err = finish() })
				if err == nil || fault.KindOf(err) != test.kind {
					t.Errorf("got %v of kind %s, want %s", err, fault.KindOf(err), test.kind)
				}
			}
			c, err := d.svc.Ceremony(t.Context(), d.idm, credential.CeremonyRef{ID: begun.Ceremony})
			if check(t, err); c.State != credential.CeremonyOpen {
				t.Errorf("the ceremony is %s", c.State)
			}
		})
	}
}

// Where no policy holds at sign-ins, nothing of the registration is read.
func TestSignInReadsNoRecord(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.holds(known, mode("off", atSignIn(banned)))
	d.registered("alice")
	signIn := func() {
		t.Helper()
		begun := d.beginSignIn("alice")
		resp, err := webauthn.ParseAuthenticationResponse(d.key.get(begun.Options))
		check(t, err)
		_, err = d.svc.FinishAuthentication(t.Context(), d.idm, credential.FinishAuthentication{RelyingParty: site, Response: resp})
		check(t, err)
	}
	signIn()
	if n := d.store.evidence.Load() + d.store.basis.Load(); n != 0 {
		t.Errorf("it was read %d times", n)
	}
	d.holds(mode("monitor", atSignIn(banned)))
	signIn()
	if d.store.evidence.Load() != 1 || d.store.basis.Load() != 1 {
		t.Errorf("with a policy it was read %d and %d times", d.store.evidence.Load(), d.store.basis.Load())
	}
}

// relaxed is a relying party where a forger's key can do as it likes.
func relaxed(m *maker) tenant.RelyingParty {
	return tenant.RelyingParty{UserVerification: tenant.Preferred, TrustAnchors: asPEM(m.root)}
}

func TestSignInPolicies(t *testing.T) {
	const uvRule, syncedRule = `{"userVerification": "required"}`, `{"backedUp": "forbidden"}`
	document := func(rules string) string {
		return `{"name": "p", "at": ["sign-in"], "rules": ` + rules + `}`
	}
	for _, test := range []struct {
		name, rules string
		registered  byte // flags
		signed      byte
		refused     string // rule; empty: accepted
	}{
		{"user verified", uvRule, up | uv, up | uv, ""},
		{"user verified at the registration alone", uvRule, up | uv, up, "rules.userVerification"},
		{"not backed up", syncedRule, up | uv | be, up | uv | be, ""},
		{"backed up by now", syncedRule, up | uv | be, up | uv | be | bs, "rules.backedUp"},
		{"backed up, and not any more", syncedRule, up | uv | be | bs, up | uv | be, ""},
		{"trusted at the registration", `{"attestation": {"trusted": true}}`, up | uv, up | uv, ""},
		{"of a format that was not let in", `{"attestation": {"formats": {"deny": ["packed"]}}}`, up | uv, up | uv, "rules.attestation.formats.deny"},
	} {
		for _, m := range []string{"enforce", "monitor", "off"} {
			t.Run(test.name+"/"+m, func(t *testing.T) {
				t.Parallel()
				d := newLab(t, softkey.AttestPacked)
				by := newMaker(t, d.clock())
				d.accepts(relaxed(by))
				d.user("alice")
				f := by.makes(t)
				f.flags = test.registered
				_, err := d.finishes(f.create(t, d.begin("alice").Options))
				check(t, err)
				// What the relying party trusts now is nothing to a sign-in.
				d.accepts(tenant.RelyingParty{UserVerification: tenant.Preferred, AttestationTrust: tenant.TrustRequire})
				begun := d.beginSignIn("")
				d.holds(mode(m, document(test.rules)))
				f.flags = test.signed
				in, err := d.finishSignIn(f, begun)

				if test.refused != "" && m == "enforce" {
					wantFault(t, err, credential.ErrPolicyRefused)
					e := d.lastEvent()
					if e.Action != "authentication.refused" || e.Outcome != "policy.refused" || e.Detail["policy"] != "p" || e.Detail["rule"] != test.refused {
						t.Errorf("event: %+v", e)
					}
					_, err = d.finishSignIn(f, begun)
					wantFault(t, err, credential.ErrCeremonyUsed)
					return
				}
				check(t, err)
				if in.Credential.BackupState != (test.signed&bs != 0) {
					t.Error("the sign-in was not noted")
				}
				if told := d.lastEvent().Detail["wouldRefuse"]; (told == "p") != (m == "monitor" && test.refused != "") {
					t.Errorf("the event tells of %q", told)
				}
			})
		}
	}
}

// A model that was revoked since the registration does not sign in where a policy asks
// about it; an own word of the operator's does not hide that.
func TestRevokedModelSignsIn(t *testing.T) {
	const known = `{"name": "known", "at": ["registration", "sign-in"], "rules": {"metadata": {"required": false}}}`
	for _, hidden := range []bool{false, true} {
		d := newLab(t, softkey.AttestPacked)
		d.knows("fido", []*x509.Certificate{d.root()}, "FIDO_CERTIFIED")
		d.holds(known)
		c := d.registered("alice")
		signIn := func() error {
			begun := d.beginSignIn("alice")
			resp, err := webauthn.ParseAuthenticationResponse(d.key.get(begun.Options))
			check(t, err)
			_, err = d.svc.FinishAuthentication(t.Context(), d.idm, credential.FinishAuthentication{RelyingParty: site, Response: resp})
			return err
		}
		check(t, signIn())
		d.models.all = nil
		if hidden {
			d.knows("own", nil, "FIDO_CERTIFIED")
		}
		d.knows("fido", []*x509.Certificate{d.root()}, "FIDO_CERTIFIED", "REVOKED")
		wantFault(t, signIn(), credential.ErrPolicyRefused)
		if e := d.lastEvent(); e.Detail["policy"] != "known" || e.Credential != string(c.ID) {
			t.Errorf("event: %+v", e)
		}
		// Of what holds at registrations alone, nobody asks at a sign-in.
		d.holds(strings.Replace(known, `, "sign-in"`, "", 1))
		check(t, signIn())
	}
}

// A policy that holds at sign-ins raises what they ask for, and not what registrations
// do; one of registrations does not raise sign-ins.
func TestSignInDemands(t *testing.T) {
	const verified = `{"name": "p", "rules": {"userVerification": "required"}}`
	for _, signIn := range []bool{false, true} {
		d := newLab(t, softkey.AttestPacked)
		d.accepts(tenant.RelyingParty{UserVerification: tenant.Preferred})
		d.user("alice")
		document := verified
		if signIn {
			document = atSignIn(verified)
		}
		d.holds(document)
		begun := d.beginSignIn("")
		if got := begun.Options.UserVerification == webauthn.UserVerificationRequired; got != signIn {
			t.Errorf("policy for sign-ins: %t, sign-in raised: %t", signIn, got)
		}
		if got := d.begin("alice").Options.AuthenticatorSelection.UserVerification == webauthn.UserVerificationRequired; got == signIn {
			t.Errorf("policy for sign-ins: %t, registration raised: %t", signIn, got)
		}
		_, err := d.svc.BeginAuthentication(t.Context(), d.idm, credential.BeginAuthentication{
			RelyingParty: site, Narrow: credential.Narrowing{UserVerification: webauthn.UserVerificationDiscouraged},
		})
		if signIn {
			wantFault(t, err, credential.ErrPolicyWider)
		} else {
			check(t, err)
		}
	}
}

// A policy at sign-ins goes by the trust of the registration, though the revocation list
// that was wanted then is not in force any more, and names the certificate since.
func TestSignInAfterRevocation(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	m := newMaker(t, d.clock())
	d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(m.root), Trust: tenant.Trust{
		RequireRevocationLists: true, RevocationLists: m.revokes(t, d.clock()),
	}})
	d.user("alice")
	f := m.makes(t)
	c, err := d.finishes(f.create(t, d.begin("alice").Options))
	check(t, err)
	if !c.Trusted {
		t.Fatal("it is not trusted")
	}
	d.holds(atSignIn(vouched))
	d.later(10 * 24 * time.Hour)
	d.accepts(tenant.RelyingParty{
		TrustAnchors: asPEM(m.root), Policies: []string{"vouched"},
		Trust: tenant.Trust{RequireRevocationLists: true, RevocationLists: m.revokes(t, d.clock(), m.leaf)},
	})
	_, err = d.finishSignIn(f, d.beginSignIn(""))
	check(t, err)
}

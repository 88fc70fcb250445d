package credential_test

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
)

// formatOf is the attestation format in which anchors count for what a key attests: of
// several parts it is the first one's.
func formatOf(kind softkey.Attestation) string {
	if kind == softkey.AttestCompound {
		return "packed"
	}
	return string(kind)
}

// Whoever may vouch for an attestation, does so for its own format and model alone.
func TestWhoVouches(t *testing.T) {
	type set = map[string][]*x509.Certificate
	type sets = map[string]map[string][]*x509.Certificate
	for _, kind := range certifying {
		format := formatOf(kind)
		others := slices.DeleteFunc(tenant.AttestationFormats(), func(f string) bool {
			return f == format || kind == softkey.AttestCompound && f == "android-key"
		})
		for _, test := range []struct {
			name    string
			trusts  func(d *lab, trust *tenant.Trust) (anchors string)
			trusted bool
		}{
			{"nobody", func(*lab, *tenant.Trust) string { return "" }, false},
			{"an anchor of the relying party", func(d *lab, _ *tenant.Trust) string { return asPEM(d.root()) }, true},
			{"another anchor", func(d *lab, _ *tenant.Trust) string { return asPEM(foreign(t, d.clock)) }, false},
			{"an anchor for the format", func(d *lab, trust *tenant.Trust) string {
				trust.FormatAnchors = map[string]string{format: asPEM(d.root())}
				return ""
			}, true},
			{"an anchor for the other formats", func(d *lab, trust *tenant.Trust) string {
				trust.FormatAnchors = map[string]string{}
				for _, f := range others {
					trust.FormatAnchors[f] = asPEM(d.root())
				}
				return ""
			}, false},
			{"a vendor", func(d *lab, _ *tenant.Trust) string {
				d.vendors.sets = sets{"maker": set{format: {d.root()}}}
				return ""
			}, true},
			{"a vendor who is named", func(d *lab, trust *tenant.Trust) string {
				d.vendors.sets = sets{"maker": set{format: {d.root()}}}
				trust.VendorRoots = []string{"other", "maker"}
				return ""
			}, true},
			{"a vendor who is not named", func(d *lab, trust *tenant.Trust) string {
				d.vendors.sets = sets{"maker": set{format: {d.root()}}}
				trust.VendorRoots = []string{"other"}
				return ""
			}, false},
			{"no vendor at all", func(d *lab, trust *tenant.Trust) string {
				d.vendors.sets = sets{"maker": set{format: {d.root()}}, tenant.NoVendorRoots: set{format: {d.root()}}}
				trust.VendorRoots = []string{tenant.NoVendorRoots}
				return ""
			}, false},
			{"a vendor, for the other formats", func(d *lab, _ *tenant.Trust) string {
				d.vendors.sets = sets{"maker": set{}}
				for _, f := range others {
					d.vendors.sets["maker"][f] = []*x509.Certificate{d.root()}
				}
				return ""
			}, false},
			{"the metadata", func(d *lab, _ *tenant.Trust) string {
				d.knows("fido", []*x509.Certificate{d.root()}, "FIDO_CERTIFIED")
				return ""
			}, true},
			{"the metadata, with anchors of others", func(d *lab, _ *tenant.Trust) string {
				d.knows("fido", []*x509.Certificate{foreign(t, d.clock)}, "FIDO_CERTIFIED")
				return ""
			}, false},
			{"the metadata, of another model", func(d *lab, _ *tenant.Trust) string {
				d.knows("fido", []*x509.Certificate{d.root()}, "FIDO_CERTIFIED")
				entry := *d.models.all[0].Entry
				entry.AAGUID[0]++
				entry.KeyIdentifiers = nil
				d.models.all[0].Entry = &entry
				return ""
			}, false},
			{"the metadata, which is off", func(d *lab, trust *tenant.Trust) string {
				d.knows("fido", []*x509.Certificate{d.root()}, "FIDO_CERTIFIED")
				trust.Metadata = tenant.MetadataOff
				return ""
			}, false},
			{"the metadata, which monitors", func(d *lab, trust *tenant.Trust) string {
				d.knows("fido", []*x509.Certificate{d.root()}, "FIDO_CERTIFIED")
				trust.Metadata = tenant.MetadataMonitor
				return ""
			}, true},
			{"a vendor, of a model that has its own anchors", func(d *lab, _ *tenant.Trust) string {
				d.knows("fido", []*x509.Certificate{foreign(t, d.clock)}, "FIDO_CERTIFIED")
				d.vendors.sets = sets{"maker": set{format: {d.root()}}}
				return ""
			}, format != "packed" && format != "fido-u2f"},
			{"a vendor, of a model without anchors", func(d *lab, _ *tenant.Trust) string {
				d.knows("fido", nil, "FIDO_CERTIFIED")
				d.vendors.sets = sets{"maker": set{format: {d.root()}}}
				return ""
			}, true},
		} {
			t.Run(string(kind)+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				d := newLab(t, kind)
				rp := tenant.RelyingParty{}
				rp.TrustAnchors = test.trusts(d, &rp.Trust)
				d.accepts(rp)
				c := d.registered("alice")
				if c.Trusted != test.trusted {
					t.Errorf("trusted: %t, want %t", c.Trusted, test.trusted)
				}
				rp.AttestationTrust = tenant.TrustRequire
				d.accepts(rp)
				if _, err := d.registers("bob"); test.trusted {
					check(t, err)
				} else {
					wantCode(t, err, "webauthn.attestation_untrusted")
				}
			})
		}
	}
}

// Where nobody has to vouch for a key, the metadata's word on its model counts all the
// same: it is claimed, and proves nothing good, but nobody claims to be a revoked model.
func TestDefects(t *testing.T) {
	const rule = "rules.metadata.statuses.deny"
	for _, test := range []struct {
		name     string
		statuses []string
		use      tenant.MetadataUse
		want     policy.Outcome // empty: it is not judged
	}{
		{"certified", []string{"FIDO_CERTIFIED"}, tenant.MetadataEnforce, policy.Passed},
		{"revoked", []string{"FIDO_CERTIFIED", "REVOKED"}, tenant.MetadataEnforce, policy.Refused},
		{"revoked, and more since", []string{"REVOKED", "UPDATE_AVAILABLE"}, tenant.MetadataEnforce, policy.Refused},
		{"verification bypassed", []string{"USER_VERIFICATION_BYPASS"}, tenant.MetadataEnforce, policy.Refused},
		{"attestation key compromised", []string{"ATTESTATION_KEY_COMPROMISE"}, tenant.MetadataEnforce, policy.Refused},
		{"keys read from afar", []string{"USER_KEY_REMOTE_COMPROMISE"}, tenant.MetadataEnforce, policy.Refused},
		{"keys read", []string{"USER_KEY_PHYSICAL_COMPROMISE"}, tenant.MetadataEnforce, policy.Refused},
		{"revoked, and only told", []string{"REVOKED"}, tenant.MetadataMonitor, policy.WouldRefuse},
		{"revoked, and nobody looks", []string{"REVOKED"}, tenant.MetadataOff, ""},
	} {
		for _, kind := range []softkey.Attestation{softkey.AttestPacked, softkey.AttestSelf, softkey.AttestNone, softkey.AttestU2F} {
			t.Run(test.name+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				d := newLab(t, kind)
				d.accepts(tenant.RelyingParty{Trust: tenant.Trust{Metadata: test.use}})
				d.knows("fido", []*x509.Certificate{d.root()}, test.statuses...)
				d.user("alice")
				begun := d.begin("alice")
				c, err := d.finishes(d.key.answer(begun.Options))
				if test.want == policy.Refused {
					d.wantRefused(err, begun.Ceremony, "bestow.metadata", rule)
					return
				}
				check(t, err)
				decision := d.evidence(c).Decision
				if test.want == "" {
					if len(decision.Policies) != 0 {
						t.Errorf("decision: %v", decision)
					}
					return
				}
				if p := decision.Policies; !decision.Allowed || len(p) != 1 || p[0].Policy != "bestow.metadata" || p[0].Outcome != test.want {
					t.Errorf("decision: %v", decision)
				}
				told := d.lastEvent().Detail["wouldRefuse"]
				if (told == "bestow.metadata") != (test.want == policy.WouldRefuse) {
					t.Errorf("the event tells of %q", told)
				}
			})
		}
	}
}

// wantRefused checks everything about a registration that a policy refused.
func (d *lab) wantRefused(err error, ceremony credential.CeremonyID, policyName, rule string) {
	d.t.Helper()
	wantFault(d.t, err, credential.ErrPolicyRefused)
	if !strings.Contains(err.Error(), policyName) || !strings.Contains(err.Error(), rule) {
		d.t.Errorf("it does not say who refused: %v", err)
	}
	e := d.lastEvent()
	if e.Action != "registration.refused" || e.Outcome != "policy.refused" || e.Detail["policy"] != policyName || e.Detail["rule"] != rule ||
		e.Detail["ceremony"] != string(ceremony) || e.RelyingParty != site {
		d.t.Errorf("event: %+v", e)
	}
	c, err := d.svc.Ceremony(d.t.Context(), d.idm, credential.CeremonyRef{ID: ceremony})
	if check(d.t, err); c.State != credential.CeremonyFailed || c.Outcome != "policy.refused" {
		d.t.Errorf("ceremony: %s, %s", c.State, c.Outcome)
	}
	d.nothingStored()
}

// The operator's own word on a model takes the first place, and hides no defect.
func TestHiddenDefect(t *testing.T) {
	const monitored = `{"name": "known", "mode": "monitor", "rules": {"metadata": {"required": false}}}`
	for _, test := range []struct {
		name   string
		use    tenant.MetadataUse
		hidden string
		holds  []string
		want   []string // policies that refuse, or would; the first one does
		enough bool     // and it is refused
	}{
		{"nothing", tenant.MetadataEnforce, "FIDO_CERTIFIED", nil, nil, false},
		{"what the own word is about", tenant.MetadataEnforce, "NOT_FIDO_CERTIFIED", nil, nil, false},
		{"revoked", tenant.MetadataEnforce, "REVOKED", nil, []string{"bestow.metadata"}, true},
		{"compromised", tenant.MetadataEnforce, "USER_KEY_REMOTE_COMPROMISE", nil, []string{"bestow.metadata"}, true},
		{"told", tenant.MetadataMonitor, "REVOKED", nil, []string{"bestow.metadata"}, false},
		{"told by two", tenant.MetadataMonitor, "REVOKED", []string{monitored}, []string{"bestow.metadata", "known"}, false},
		{"a policy refuses", tenant.MetadataMonitor, "REVOKED", []string{strings.Replace(monitored, "monitor", "enforce", 1)}, []string{"known"}, true},
		{"not looked at", tenant.MetadataOff, "REVOKED", []string{strings.Replace(monitored, "monitor", "enforce", 1)}, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newLab(t, softkey.AttestPacked)
			d.accepts(tenant.RelyingParty{Trust: tenant.Trust{Metadata: test.use}})
			d.holds(test.holds...)
			d.knows("own", nil, "FIDO_CERTIFIED")
			d.knows("fido", nil, test.hidden)
			d.user("alice")
			begun := d.begin("alice")
			c, err := d.finishes(d.key.answer(begun.Options))
			if test.enough {
				d.wantRefused(err, begun.Ceremony, test.want[0], "rules.metadata.statuses.deny")
				if !strings.Contains(err.Error(), "fido") {
					t.Errorf("it does not say which list tells of it: %v", err)
				}
				return
			}
			check(t, err)
			var would []string
			for _, p := range d.evidence(c).Decision.Policies {
				if p.Outcome == policy.WouldRefuse {
					would = append(would, p.Policy)
				}
			}
			if !slices.Equal(would, test.want) || d.lastEvent().Detail["wouldRefuse"] != strings.Join(test.want, " ") {
				t.Errorf("would refuse: %q, event %q, want %q", would, d.lastEvent().Detail["wouldRefuse"], test.want)
			}
			if e := d.lastEvent(); e.Action != "credential.registered" || e.Outcome != audit.OK {
				t.Errorf("event: %+v", e)
			}
		})
	}
}

// What is of the past is refused unless the relying party says otherwise.
func TestOutdated(t *testing.T) {
	d := newLab(t, softkey.AttestSafetyNet)
	d.accepts(tenant.RelyingParty{Trust: tenant.Trust{Outdated: []tenant.Outdated{}}})
	_, err := d.registers("alice")
	if err == nil || !strings.Contains(err.Error(), "safetynet") {
		t.Errorf("got %v", err)
	}
	d.nothingStored()
	d.accepts(tenant.RelyingParty{Trust: tenant.Trust{Outdated: []tenant.Outdated{tenant.OutdatedSafetyNet}}})
	d.registered("bob")
}

// An Android key that the system alone speaks for passes, unless hardware is asked for.
func TestAndroidKeyHardware(t *testing.T) {
	for _, hardware := range []bool{false, true} {
		for _, inHardware := range []bool{false, true} {
			d := newLab(t, softkey.AttestAndroidKey)
			d.accepts(tenant.RelyingParty{Trust: tenant.Trust{AndroidKeyHardware: hardware}})
			if !inHardware {
				d.key.key.Forge(softkey.Forge{KeyDescription: func(k *softkey.KeyDescription) {
					k.AttestationLevel, k.KeystoreLevel = 0, 0
					k.Software, k.Hardware = append(k.Software, k.Hardware...), nil
				}})
			}
			_, err := d.registers("alice")
			if (err == nil) != (inHardware || !hardware) {
				t.Errorf("hardware asked for: %t, key in hardware: %t: %v", hardware, inHardware, err)
			}
		}
	}
}

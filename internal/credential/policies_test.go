package credential_test

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// ofModel allows the software key's model and no other.
var ofModel = `{"name": "ours", "rules": {"models": {"allow": ["` + webauthn.AAGUID(softkey.AAGUID).String() + `"]}}}`

const (
	ofAnother = `{"name": "theirs", "rules": {"models": {"allow": ["9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"]}}}`
	monitored = `{"name": "theirs", "mode": "monitor", "rules": {"models": {"allow": ["9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"]}}}`
	off       = `{"name": "theirs", "mode": "off", "rules": {"models": {"allow": ["9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"]}}}`
)

// A registration is allowed by all policies of its site, or refused by one of them.
func TestPoliciesAtRegistration(t *testing.T) {
	for _, test := range []struct {
		name   string
		holds  []string
		trusts bool   // the site trusts the key's maker
		policy string // that refuses; empty: none does
		would  string // policies that would refuse
	}{
		{"none", nil, false, "", ""},
		{"its model, proven", []string{ofModel}, true, "", ""},
		{"its model, claimed", []string{ofModel}, false, "ours", ""},
		{"another model", []string{ofAnother}, true, "theirs", ""},
		{"another model, monitored", []string{ofModel, monitored}, true, "", "theirs"},
		{"another model, off", []string{ofModel, off}, true, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newLab(t, softkey.AttestPacked)
			rp := tenant.RelyingParty{}
			if test.trusts {
				rp.TrustAnchors = asPEM(d.root())
			}
			d.accepts(rp)
			d.holds(test.holds...)
			d.user("alice")
			begun := d.begin("alice")
			c, err := d.finishes(d.key.answer(begun.Options))
			if test.policy != "" {
				d.wantRefused(err, begun.Ceremony, test.policy, "rules.models.allow")
				return
			}
			check(t, err)
			decision := d.evidence(c).Decision
			if !decision.Allowed || len(decision.Policies) != len(test.holds)+1 { // one is built in
				t.Errorf("decision: %v", decision)
			}
			if got := d.lastEvent().Detail["wouldRefuse"]; got != test.would {
				t.Errorf("the event tells of %q, want %q", got, test.would)
			}
		})
	}
}

// What policies need is asked for, whatever the relying party asks for itself, and no
// caller can ask for less.
func TestPoliciesAskInOptions(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.accepts(tenant.RelyingParty{
		Attestation: tenant.AttestationNone, ResidentKey: tenant.Preferred, UserVerification: tenant.Discouraged,
		TrustAnchors: asPEM(d.root()),
	})
	d.holds(ofModel, `{"name": "strict", "rules": {
		"userVerification": "required", "residentKey": "required", "algorithms": {"allow": [-7]}, "attachment": "cross-platform"}}`)
	d.user("alice")
	o := d.begin("alice").Options
	if s := o.AuthenticatorSelection; o.Attestation != webauthn.ConveyanceDirect || s.UserVerification != webauthn.UserVerificationRequired ||
		s.ResidentKey != webauthn.ResidentKeyRequired || s.AuthenticatorAttachment != webauthn.AttachmentCrossPlatform ||
		!slices.Equal(o.Algorithms(), []cose.Algorithm{cose.ES256}) {
		t.Errorf("options: %+v, %+v, %v", o, s, o.Algorithms())
	}
	for member, less := range map[string]credential.Narrowing{
		"attestation":             {Attestation: webauthn.ConveyanceNone},
		"userVerification":        {UserVerification: webauthn.UserVerificationPreferred},
		"residentKey":             {ResidentKey: webauthn.ResidentKeyPreferred},
		"authenticatorAttachment": {Attachment: webauthn.AttachmentPlatform},
		"pubKeyCredParams":        {Algorithms: []cose.Algorithm{cose.EdDSA}},
	} {
		_, err := d.svc.BeginRegistration(t.Context(), d.idm, credential.BeginRegistration{
			RelyingParty: site, User: credential.ByName("alice"), Narrow: less,
		})
		if wantFault(t, err, credential.ErrPolicyWider); !strings.Contains(err.Error(), member) {
			t.Errorf("%s: %v", member, err)
		}
	}
}

// signsIn signs the key in that registered as name.
func (d *lab) signsIn(name string) (*credential.SignIn, error) {
	d.t.Helper()
	resp, err := webauthn.ParseAuthenticationResponse(d.key.get(d.beginSignIn(name).Options))
	check(d.t, err)
	return d.svc.FinishAuthentication(d.t.Context(), d.idm, credential.FinishAuthentication{RelyingParty: site, Response: resp})
}

// Policies that hold at sign-ins judge what is known of the model by now.
func TestPoliciesAtSignIn(t *testing.T) {
	const sound = `{"name": "sound", "at": ["sign-in"], "rules": {"metadata": {"required": false}}}`
	for _, test := range []struct {
		name    string
		holds   string
		happens func(d *lab)
		refused bool
		would   string
	}{
		{"nothing happened", sound, func(*lab) {}, false, ""},
		{"the model was revoked", sound, func(d *lab) { d.knows("fido", nil, "REVOKED") }, true, ""},
		{
			"the model was revoked, monitored", strings.Replace(sound, `"at"`, `"mode": "monitor", "at"`, 1),
			func(d *lab) { d.knows("fido", nil, "REVOKED") }, false, "sound",
		},
		{
			"the model was revoked, at registrations only", strings.Replace(sound, "sign-in", "registration", 1),
			func(d *lab) { d.knows("fido", nil, "REVOKED") }, false, "",
		},
		{"years passed", sound, func(d *lab) { d.later(20 * 365 * 24 * 3600e9) }, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newLab(t, softkey.AttestPacked)
			d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root())})
			c := d.registered("alice")
			d.holds(test.holds)
			test.happens(d)
			in, err := d.signsIn("alice")
			e := d.lastEvent()
			if test.refused {
				wantFault(t, err, credential.ErrPolicyRefused)
				if e.Action != "authentication.refused" || e.Detail["policy"] != "sound" || e.Credential != string(c.ID) {
					t.Errorf("event: %+v", e)
				}
				return
			}
			check(t, err)
			if in.Credential.ID != c.ID || e.Detail["wouldRefuse"] != test.would {
				t.Errorf("signed in with %s, event %+v", in.Credential.ID, e)
			}
		})
	}
}

// A preview tells who a policy would refuse, and changes nothing.
func TestPreviewPolicy(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root())})
	genuine := d.registered("alice")
	self := newWorkplaceOf(t, d.clock, softkey.AttestSelf)
	d.user("bob")
	claimed, err := d.finishes(self.answer(d.begin("bob").Options))
	check(t, err)
	before := len(d.events())

	preview := func(text string) (all []credential.Affected, p *credential.Preview) {
		t.Helper()
		p, err := d.svc.PreviewPolicy(t.Context(), d.idm, site, []byte(text), func(a credential.Affected) error {
			all = append(all, a)
			return nil
		})
		check(t, err)
		return all, p
	}
	hits, p := preview(ofModel)
	if p.Credentials != 2 || p.Affected != 1 || len(hits) != 1 || hits[0].Credential.ID != claimed.ID || hits[0].Before ||
		hits[0].RefusedBy.Policy != "ours" || hits[0].RefusedBy.Rule != "rules.models.allow" {
		t.Errorf("its own model: %+v, %+v", p, hits)
	}
	if hits, p = preview(monitored); p.Affected != 2 || hits[0].Credential.ID != genuine.ID {
		t.Errorf("another model, monitored: %+v, %+v", p, hits)
	}
	d.holds(ofAnother)
	if hits, _ = preview(ofModel); len(hits) != 2 || !hits[0].Before || !hits[1].Before {
		t.Errorf("beside a policy that refuses both already: %+v", hits)
	}
	if hits, _ = preview(`{"name": "theirs", "rules": {"userVerification": "required"}}`); len(hits) != 0 {
		t.Errorf("in place of the policy of its name: %+v", hits)
	}
	if after := len(d.events()); after != before+2 { // the policy, and that it holds
		t.Errorf("%d events more", after-before)
	}

	stop := errors.New("enough")
	_, err = d.svc.PreviewPolicy(t.Context(), d.idm, site, []byte(ofAnother), func(credential.Affected) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	_, err = d.svc.PreviewPolicy(t.Context(), d.idm, site, []byte(`{}`), nil)
	wantFault(t, err, policy.ErrDocument)
	poor := d.idm
	poor.Scopes = []tenant.Scope{tenant.ScopeProvision}
	_, err = d.svc.PreviewPolicy(t.Context(), poor, site, []byte(ofModel), nil)
	wantFault(t, err, tenant.ErrDenied)
}

// A registration that is judged again by what was kept has the same answer, whatever
// became of time, settings, policies, anchors and metadata.
func TestReverifyThen(t *testing.T) {
	for _, kind := range append(slices.Clone(certifying), softkey.AttestSelf, softkey.AttestNone) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			d := newLab(t, kind)
			d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root())})
			d.knows("fido", []*x509.Certificate{d.root()}, "FIDO_CERTIFIED_L1")
			d.holds(`{"name": "told", "mode": "monitor", "rules": {"attestation": {"trusted": true}}}`)
			c := d.registered("alice")
			events := len(d.events())

			d.later(15 * 365 * 24 * 3600e9)
			d.models.all = nil
			d.vendors.tpm = nil
			d.holds(ofAnother)
			d.accepts(tenant.RelyingParty{Origins: []string{"https://www." + site}, AttestationTrust: tenant.TrustRequire, Algorithms: []int32{-257}})

			r, err := d.svc.Reverify(t.Context(), d.idm, credential.Ref{ID: c.ID}, credential.ByThen)
			check(t, err)
			if !r.Same() || !r.BasisKept || r.Trusted != c.Trusted || r.Format != c.Format {
				t.Errorf("judged by then: %+v", r)
			}
			r, err = d.svc.Reverify(t.Context(), d.idm, credential.Ref{ID: c.ID}, credential.ByNow)
			check(t, err)
			if r.Accepted || r.Same() || r.Refusal == "" {
				t.Errorf("judged by now: %+v", r)
			}
			if more := len(d.events()) - events; more != 3 { // policy put, held, and the site described anew
				t.Errorf("%d events more", more)
			}
		})
	}
}

// What somebody changes in the record is told.
func TestReverifyTampered(t *testing.T) {
	for _, test := range []struct{ name, sql, want string }{
		{"public key", `UPDATE credential SET public_key = X'A0'`, "public key"},
		{"trust", `UPDATE credential_evidence SET trusted = NOT trusted`, "trusted"},
		{"format", `UPDATE credential_evidence SET format = 'none'`, "format"},
		{"client data", `UPDATE credential_evidence SET client_data = CAST(replace(CAST(client_data AS TEXT), 'login', 'logon') AS BLOB)`, "verdict"},
		{"options", `UPDATE credential_evidence SET options = replace(options, '"challenge":"', '"challenge":"AAAA')`, "verdict"},
		{"attestation", `UPDATE credential_evidence SET attestation_object = substr(attestation_object, 1, 200)`, "verdict"},
		{"a basis that is gone", `DELETE FROM judgement_basis WHERE kind = 'anchor'`, ""},
		{"a basis that is another", `UPDATE judgement_basis SET body = CAST('{}' AS BLOB) WHERE kind = 'settings'`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newLab(t, softkey.AttestPacked)
			d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root())})
			c := d.registered("alice")
			tamper(t, d.path, test.sql)
			r, err := d.svc.Reverify(t.Context(), d.idm, credential.Ref{ID: c.ID}, credential.ByThen)
			if test.want == "" {
				if err == nil {
					t.Errorf("nobody noticed: %+v", r)
				}
				return
			}
			check(t, err)
			if r.Same() || !slices.ContainsFunc(r.Differences, func(x credential.Difference) bool { return x.What == test.want }) {
				t.Errorf("differences: %+v", r.Differences)
			}
		})
	}
}

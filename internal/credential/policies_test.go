package credential_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/cose"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// Policies of which the software key meets the first, where its root is an anchor, and
// never the second.
const (
	vouched = `{"name": "vouched", "rules": {"attestation": {"trusted": true}}}`
	banned  = `{"name": "banned", "rules": {"models": {"deny": ["452f9e98-51aa-4c3b-8871-3a5b194146a9"]}}}`
)

// mode returns a document in another mode.
func mode(m, document string) string {
	return strings.Replace(document, `"rules"`, `"mode": "`+m+`", "rules"`, 1)
}

// atSignIn returns a document for other ceremonies.
func atSignIn(document string) string {
	return strings.Replace(document, `"rules"`, `"at": ["sign-in"], "rules"`, 1)
}

func TestPolicies(t *testing.T) {
	for _, test := range []struct {
		name  string
		holds []string
		// What the last policy makes of the key, and whether the whole is refused by one.
		want    policy.Outcome
		refused string
	}{
		{"met", []string{vouched}, policy.Passed, ""},
		{"not met", []string{vouched, banned}, "", "banned rules.models.deny"},
		{"the first that is not met refuses", []string{strings.Replace(banned, "banned", "first", 1), banned}, "", "first rules.models.deny"},
		{"monitored", []string{vouched, mode("monitor", banned)}, policy.WouldRefuse, ""},
		{"off", []string{vouched, mode("off", banned)}, policy.NotJudged, ""},
		{"for sign-ins", []string{vouched, atSignIn(banned)}, policy.NotJudged, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newLab(t, softkey.AttestPacked)
			d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root())})
			d.holds(test.holds...)
			d.user("alice")
			begun := d.begin("alice")
			c, err := d.finishes(d.key.answer(begun.Options))
			if name, rule, ok := strings.Cut(test.refused, " "); ok {
				d.wantRefused(err, begun.Ceremony, name, rule)
				return
			}
			check(t, err)
			e := d.evidence(c)
			judged := e.Decision.Policies
			if last := judged[len(judged)-1]; !e.Decision.Allowed || last.Outcome != test.want || len(judged) != len(test.holds)+1 {
				t.Errorf("decision: %v", e.Decision)
			}
			if !e.Decision.Time.Equal(d.clock()) || e.Decision.Ceremony != policy.Registration || len(e.Policy) != 64 {
				t.Errorf("decision of %v at %s, policy %s", e.Decision.Time, e.Decision.Ceremony, e.Policy)
			}
			told := d.lastEvent().Detail["wouldRefuse"]
			if (told == "banned") != (test.want == policy.WouldRefuse) {
				t.Errorf("the event tells of %q", told)
			}
		})
	}
}

// As many policies as a relying party may have are as many as can be judged together.
func TestMostPolicies(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root())})
	var documents []string
	for i := range 15 {
		documents = append(documents, strings.Replace(vouched, "vouched", fmt.Sprintf("vouched-%d", i), 1))
	}
	d.holds(documents...)
	if n := len(d.evidence(d.registered("alice")).Decision.Policies); n != 16 {
		t.Errorf("%d policies judged", n)
	}
}

// A policy that is gone is nothing that the caller did.
func TestPolicyGone(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.holds(vouched)
	d.user("alice")
	gone := &tenant.Policy{Tenant: "acme", Name: "vouched", Made: d.clock(), MadeBy: "operator:root"}
	check(t, d.db.DeletePolicy(t.Context(), gone, d.admin().Event(d.clock(), "policy.deleted")))
	d.later(time.Second)
	_, err := d.svc.BeginRegistration(t.Context(), d.idm, credential.BeginRegistration{RelyingParty: site, User: credential.ByName("alice")})
	wantCode(t, err, "policy.missing")
}

// Options ask for what the policies demand, so that a good key can pass, and no caller
// asks for less.
func TestDemands(t *testing.T) {
	loose := tenant.RelyingParty{
		Attestation: tenant.AttestationNone, UserVerification: tenant.Preferred, ResidentKey: tenant.Discouraged,
		Algorithms: []int32{-8, -7, -257},
	}
	for _, test := range []struct {
		name, rules string
		raised      func(o *webauthn.CreationOptions) bool
		lower       []credential.Narrowing // policy.wider
		field       string
		higher      []credential.Narrowing // fine
	}{
		{
			"trust", `{"attestation": {"trusted": true}}`,
			func(o *webauthn.CreationOptions) bool { return o.Attestation == webauthn.ConveyanceDirect },
			[]credential.Narrowing{{Attestation: webauthn.ConveyanceNone}, {Attestation: webauthn.ConveyanceIndirect}},
			"attestation",
			[]credential.Narrowing{{Attestation: webauthn.ConveyanceDirect}, {Attestation: webauthn.ConveyanceEnterprise}},
		},
		{
			"models denied", `{"models": {"deny": ["452f9e98-51aa-4c3b-8871-3a5b194146a9"]}}`,
			func(o *webauthn.CreationOptions) bool { return o.Attestation == webauthn.ConveyanceDirect },
			[]credential.Narrowing{{Attestation: webauthn.ConveyanceNone}, {Attestation: webauthn.ConveyanceIndirect}},
			"attestation",
			[]credential.Narrowing{{Attestation: webauthn.ConveyanceEnterprise}},
		},
		{
			"user verification", `{"userVerification": "required"}`,
			func(o *webauthn.CreationOptions) bool {
				return o.AuthenticatorSelection.UserVerification == webauthn.UserVerificationRequired
			},
			[]credential.Narrowing{{UserVerification: webauthn.UserVerificationPreferred}, {UserVerification: webauthn.UserVerificationDiscouraged}},
			"userVerification",
			[]credential.Narrowing{{UserVerification: webauthn.UserVerificationRequired}},
		},
		{
			"discoverable", `{"residentKey": "required"}`,
			func(o *webauthn.CreationOptions) bool {
				return o.AuthenticatorSelection.ResidentKey == webauthn.ResidentKeyRequired
			},
			[]credential.Narrowing{{ResidentKey: webauthn.ResidentKeyPreferred}, {ResidentKey: webauthn.ResidentKeyDiscouraged}},
			"residentKey",
			[]credential.Narrowing{{ResidentKey: webauthn.ResidentKeyRequired}},
		},
		{
			"attachment", `{"attachment": "cross-platform"}`,
			func(o *webauthn.CreationOptions) bool {
				return o.AuthenticatorSelection.AuthenticatorAttachment == webauthn.AttachmentCrossPlatform
			},
			[]credential.Narrowing{{Attachment: webauthn.AttachmentPlatform}},
			"authenticatorAttachment",
			[]credential.Narrowing{{Attachment: webauthn.AttachmentCrossPlatform}},
		},
		{
			"algorithms", `{"algorithms": {"deny": [-8]}}`,
			func(o *webauthn.CreationOptions) bool {
				return slices.Equal(o.Algorithms(), []cose.Algorithm{cose.ES256, cose.RS256})
			},
			[]credential.Narrowing{{Algorithms: []cose.Algorithm{cose.EdDSA}}, {Algorithms: []cose.Algorithm{cose.ES256, cose.EdDSA}}},
			"pubKeyCredParams",
			[]credential.Narrowing{{Algorithms: []cose.Algorithm{cose.RS256}}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newLab(t, softkey.AttestPacked)
			d.accepts(loose)
			d.user("alice")
			begin := func(n credential.Narrowing) (*credential.BegunRegistration, error) {
				return d.svc.BeginRegistration(t.Context(), d.idm, credential.BeginRegistration{
					RelyingParty: site, User: credential.ByName("alice"), Narrow: n,
				})
			}
			for _, m := range []string{"off", "monitor"} {
				d.holds(mode(m, `{"name": "p", "rules": `+test.rules+`}`))
				begun, err := begin(credential.Narrowing{})
				if check(t, err); test.raised(begun.Options) {
					t.Errorf("a policy that is %s raises the options", m)
				}
			}
			if begun, err := begin(test.lower[0]); err != nil || test.raised(begun.Options) {
				t.Errorf("without a policy that enforces: %v", err)
			}
			d.holds(`{"name": "p", "rules": ` + test.rules + `}`)
			begun, err := begin(credential.Narrowing{})
			if check(t, err); !test.raised(begun.Options) {
				t.Errorf("the options are not raised: %s", begun.JSON)
			}
			for _, n := range test.lower {
				_, err := begin(n)
				wantFault(t, err, credential.ErrPolicyWider)
				if !strings.Contains(err.Error(), test.field) {
					t.Errorf("it does not name %s: %v", test.field, err)
				}
			}
			for _, n := range test.higher {
				_, err := begin(n)
				check(t, err)
			}
		})
	}
}

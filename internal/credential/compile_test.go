package credential

import (
	"testing"

	"bestow.dev/internal/tenant"
)

func checkedRP(t *testing.T, trust tenant.Trust) *tenant.RelyingParty {
	t.Helper()
	rp, err := tenant.NewRelyingParty(tenant.RelyingParty{Tenant: "acme", ID: "login.example.com", Trust: trust})
	if err != nil {
		t.Fatal(err)
	}
	return rp
}

// A relying party is compiled once: not on each call, and not again when the same is
// read anew.
func TestCompiledOnce(t *testing.T) {
	var p policies
	key := policyKey{"acme", "login.example.com", ""}
	first, err := p.of(key, checkedRP(t, tenant.Trust{}))
	if err != nil {
		t.Fatal(err)
	}
	anew := checkedRP(t, tenant.Trust{})
	if again, err := p.of(key, anew); err != nil || again != first {
		t.Errorf("the same, read anew, is compiled again: %v", err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = p.of(key, anew) }); n != 0 {
		t.Errorf("to ask again takes %v allocations", n)
	}
	if other, err := p.of(key, checkedRP(t, tenant.Trust{AndroidKeyHardware: true})); err != nil || other == first || other.version == first.version {
		t.Errorf("another is taken for the first: %v", err)
	}
}

// Each setting of trust is what the verifier is told.
func TestCompiledTrust(t *testing.T) {
	for _, test := range []struct {
		name  string
		trust tenant.Trust
		set   func(p *policySet) bool
	}{
		{"sha1-chain", tenant.Trust{Outdated: []tenant.Outdated{tenant.OutdatedSHA1Chain}}, func(p *policySet) bool { return p.trust.AllowSHA1Chain }},
		{"tpm-sha1", tenant.Trust{Outdated: []tenant.Outdated{tenant.OutdatedTPMSHA1}}, func(p *policySet) bool { return p.trust.AllowSHA1TPMStatements }},
		{
			"android-safetynet",
			tenant.Trust{Outdated: []tenant.Outdated{tenant.OutdatedSafetyNet}},
			func(p *policySet) bool { return p.trust.AllowDeprecatedAndroidSafetyNet },
		},
		{"hardware", tenant.Trust{AndroidKeyHardware: true}, func(p *policySet) bool { return p.trust.RequireAndroidKeyTrustedEnvironment }},
		{"lists", tenant.Trust{RequireRevocationLists: true}, func(p *policySet) bool { return p.trust.RequireRevocationLists }},
	} {
		for _, other := range []bool{false, true} {
			trust := test.trust
			if other {
				trust = tenant.Trust{}
			}
			p, err := compile(checkedRP(t, trust), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.set(p) == other {
				t.Errorf("%s, said: %t, told: %t", test.name, !other, test.set(p))
			}
		}
	}
}

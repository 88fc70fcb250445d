package credential

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/trust"
	"bestow.dev/webauthn"
)

// policySet is a relying party's settings and policies in the form in which ceremonies
// need them.
type policySet struct {
	source  *tenant.RelyingParty // what it was made from
	version string               // names the settings; the same settings have the same version

	rp         webauthn.RelyingParty
	trust      webauthn.TrustPolicy       // without a time
	extensions map[string]json.RawMessage // inputs of every registration

	documents     *policy.Set    // built in ones first
	defects       *policy.Set    // of those that ask about the metadata
	demands       policy.Demands // what options have to ask for at a registration
	signInDemands policy.Demands // and at a sign-in
	attested      bool           // a policy judges what was attested
	atSignIn      bool           // a policy judges sign-ins
	insists       bool           // and refuses
	asks          bool           // a policy in force judges registrations

	formatAnchors map[string][]*x509.Certificate
	vendors       Vendors  // nil: none
	vendorSets    []string // nil: all
	models        Models   // nil: none

	profile *Profile // nil: none, as outside of conformance tests

	basis []BasisPart // what of it is kept with each registration
}

// policies keeps the compiled form of the relying parties in use, so that a ceremony
// does not parse trust anchors.
type policies struct {
	vendors Vendors
	models  Models
	profile *Profile

	mu   sync.RWMutex
	made map[policyKey]compiled
}

// compiled is the form of a relying party that was made from it, or from an earlier one
// that judges alike.
type compiled struct {
	from *tenant.RelyingParty
	set  *policySet
}

// policyKey names a relying party, and what holds there in a ceremony beside its own
// policies.
type policyKey struct{ tenant, rp, further string }

// maxCompiled bounds how many are kept: further policies come in any combination.
const maxCompiled = 1000

// policy returns the policy of a relying party as it is now.
func (s *Service) policy(ctx context.Context, tenantName, rpID string) (*policySet, error) {
	rp, err := s.rps.RelyingParty(ctx, tenantName, rpID)
	if err != nil {
		return nil, err
	}
	return s.policies.of(policyKey{tenantName, rpID, ""}, rp)
}

// policyUnder returns the policy of a relying party with further policies in force.
// Errors: tenant's policy.unknown, policy.conflict.
func (s *Service) policyUnder(ctx context.Context, tenantName, rpID string, further []string) (*policySet, error) {
	if len(further) == 0 {
		return s.policy(ctx, tenantName, rpID)
	}
	rp, err := s.rps.RelyingPartyUnder(ctx, tenantName, rpID, further)
	if err != nil {
		return nil, err
	}
	return s.policies.of(policyKey{tenantName, rpID, strings.Join(rp.Policies, " ")}, rp)
}

// policyOf returns the policy that an open ceremony's answer is judged by: the relying
// party's as it is now, with what the ceremony was begun under. Errors: ceremony.policy.
func (s *Service) policyOf(ctx context.Context, cer *Ceremony) (*policySet, error) {
	p, err := s.policyUnder(ctx, cer.Tenant, cer.RelyingParty, cer.Terms.Policies)
	if errors.Is(err, tenant.ErrPolicyUnknown) || errors.Is(err, tenant.ErrPolicyConflict) {
		return nil, ErrCeremonyPolicy.Because(err)
	}
	return p, err
}

// of returns the policy of rp, which it compiles when rp is not the one it has.
func (p *policies) of(key policyKey, rp *tenant.RelyingParty) (*policySet, error) {
	p.mu.RLock()
	made := p.made[key]
	p.mu.RUnlock()
	if made.from == rp {
		return made.set, nil
	}
	version, err := version(rp, rp.Documents(), p.vendors)
	if err != nil {
		return nil, err
	}
	// One that judges alike is kept, so that what hangs on it is not made anew.
	if made.set == nil || made.set.version != version {
		if made.set, err = p.make(rp); err != nil {
			return nil, ourFault(err, "settings of relying party %s", rp.ID)
		}
		made.set.version = version
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made == nil || len(p.made) >= maxCompiled {
		p.made = make(map[policyKey]compiled)
	}
	p.made[key] = compiled{rp, made.set}
	return made.set, nil
}

// make compiles rp as it is, for registrations to be judged and kept by.
func (p *policies) make(rp *tenant.RelyingParty) (*policySet, error) {
	made, err := compile(rp, rp.Documents(), p.vendors)
	if err != nil {
		return nil, err
	}
	made.models = p.models
	p.profile.apply(made)
	if made.basis, err = made.settingsBasis(rp.Documents()); err != nil {
		return nil, err
	}
	return made, nil
}

// ourFault returns the error of what is written down at our side, and cannot be used. It
// is told and not wrapped, so that nobody takes it for a fault of the request.
func ourFault(err error, format string, args ...any) error {
	return fmt.Errorf("%s: %v", fmt.Sprintf(format, args...), err)
}

// compile makes the policy of rp with these documents.
func compile(rp *tenant.RelyingParty, documents []*policy.Document, vendors Vendors) (*policySet, error) {
	p := &policySet{
		source: rp,
		rp: webauthn.RelyingParty{
			ID: rp.ID, Origins: slices.Concat(rp.Origins, rp.RelatedOrigins),
			AllowCrossOrigin: rp.AllowCrossOrigin, TopOrigins: rp.TopOrigins,
		},
		trust: webauthn.TrustPolicy{
			RequireRevocationLists:              rp.Trust.RequireRevocationLists,
			RequireAndroidKeyTrustedEnvironment: rp.Trust.AndroidKeyHardware,
			AllowSHA1Chain:                      rp.Trust.Accepts(tenant.OutdatedSHA1Chain),
			AllowSHA1TPMStatements:              rp.Trust.Accepts(tenant.OutdatedTPMSHA1),
			AllowDeprecatedAndroidSafetyNet:     rp.Trust.Accepts(tenant.OutdatedSafetyNet),
			TPMVendors:                          tpmVendors(vendors),
		},
		vendors: vendors, vendorSets: rp.Trust.VendorRoots,
		extensions: registrationInputs(rp),
	}
	if noVendorRoots(rp) {
		p.vendors = nil
	}
	p.trust.AnchorsFor = p.anchorsFor
	if rp.AttestationTrust == tenant.TrustRecord {
		p.trust.Attestation = webauthn.TrustIgnore
	}
	for _, text := range rp.AllowedAAGUIDs {
		id, err := webauthn.ParseAAGUID(text)
		if err != nil {
			return nil, err
		}
		p.trust.AllowedAAGUIDs = append(p.trust.AllowedAAGUIDs, id)
	}
	var err error
	if p.trust.Anchors, err = rp.Anchors(); err != nil {
		return nil, err
	}
	if p.formatAnchors, err = rp.Trust.AnchorsByFormat(); err != nil {
		return nil, err
	}
	if p.trust.RevocationLists, err = rp.Trust.Lists(); err != nil {
		return nil, err
	}
	if err := p.compileDocuments(documents); err != nil {
		return nil, err
	}
	return p, nil
}

// compileDocuments puts the policies together with those that are built in.
func (p *policySet) compileDocuments(documents []*policy.Document) (err error) {
	all := append(builtInPolicies(p.source.Trust.Metadata), documents...)
	if p.documents, err = policy.Compile(all...); err != nil {
		return err
	}
	if p.defects, err = policy.Compile(defects(all)...); err != nil {
		return err
	}
	// What is built in judges whatever comes, and asks for nothing.
	own, err := policy.Compile(documents...)
	if err != nil {
		return err
	}
	base := p.source.PolicyBase()
	p.demands = own.Demands(policy.Registration, base)
	p.signInDemands = own.Demands(policy.SignIn, base)
	p.atSignIn = slices.ContainsFunc(documents, func(d *policy.Document) bool {
		return d.Mode != policy.ModeOff && slices.Contains(d.At, policy.SignIn)
	})
	p.asks = slices.ContainsFunc(documents, func(d *policy.Document) bool {
		return d.Mode == policy.ModeEnforce && slices.Contains(d.At, policy.Registration)
	})
	p.attested = !own.TakesNone(policy.Registration)
	p.insists = slices.ContainsFunc(documents, func(d *policy.Document) bool {
		return d.Mode == policy.ModeEnforce && slices.Contains(d.At, policy.SignIn)
	})
	return nil
}

// tpmVendors returns the TPM manufacturers that are accepted: the shipped list where
// there is no other.
func tpmVendors(v Vendors) []string {
	if v == nil {
		return trust.TPMVendorIDs()
	}
	return v.TPMVendorIDs()
}

// version names what rp asks for and the lists that decide with it: two relying
// parties that judge alike at all times, as far as it is not the metadata that decides,
// have the same version, whenever and wherever they were written down.
func version(rp *tenant.RelyingParty, documents []*policy.Document, vendors Vendors) (string, error) {
	settings := *rp
	settings.Source, settings.Created, settings.Changed = "", time.Time{}, time.Time{}
	var digests []string
	for _, d := range documents {
		digests = append(digests, d.Name+" "+d.Digest().String())
	}
	text, err := json.Marshal(struct {
		Settings    tenant.RelyingParty
		Documents   []string
		TPMVendors  []string
		VendorRoots map[string][]string
	}{settings, digests, tpmVendors(vendors), vendorRoots(rp, vendors)})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// vendorRoots names the vendors' roots that count at rp, by attestation format.
func vendorRoots(rp *tenant.RelyingParty, vendors Vendors) map[string][]string {
	if vendors == nil || noVendorRoots(rp) {
		return nil
	}
	roots := make(map[string][]string)
	for _, format := range tenant.AttestationFormats() {
		for _, c := range vendors.AnchorsFor(format, rp.Trust.VendorRoots) {
			sum := sha256.Sum256(c.Raw)
			roots[format] = append(roots[format], hex.EncodeToString(sum[:]))
		}
		slices.Sort(roots[format])
	}
	return roots
}

// noVendorRoots reports whether no vendor's roots count at rp.
func noVendorRoots(rp *tenant.RelyingParty) bool {
	return slices.Equal(rp.Trust.VendorRoots, []string{tenant.NoVendorRoots})
}

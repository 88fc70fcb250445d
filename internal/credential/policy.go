package credential

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/tenant"
	"bestow.dev/trust"
	"bestow.dev/webauthn"
)

// policy is a relying party's settings in the form in which ceremonies need them.
type policy struct {
	source  *tenant.RelyingParty // what it was made from
	version string               // names the settings; the same settings have the same version

	rp         webauthn.RelyingParty
	trust      webauthn.TrustPolicy // without a time
	algorithms []cose.Algorithm
	extensions map[string]json.RawMessage // inputs of every registration
}

// policies keeps the compiled form of the relying parties in use, so that a ceremony
// does not parse trust anchors.
type policies struct {
	mu   sync.RWMutex
	made map[policyKey]*policy
}

type policyKey struct{ tenant, rp string }

// policy returns the policy of a relying party as it is now.
func (s *Service) policy(ctx context.Context, tenantName, rpID string) (*policy, error) {
	rp, err := s.rps.RelyingParty(ctx, tenantName, rpID)
	if err != nil {
		return nil, err
	}
	return s.policies.of(policyKey{tenantName, rpID}, rp)
}

// of returns the policy of rp, which it compiles when rp is not the one it has.
func (p *policies) of(key policyKey, rp *tenant.RelyingParty) (*policy, error) {
	p.mu.RLock()
	made := p.made[key]
	p.mu.RUnlock()
	if made != nil && made.source == rp {
		return made, nil
	}
	made, err := compile(rp, made)
	if err != nil {
		return nil, fmt.Errorf("policy of relying party %s: %w", rp.ID, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made == nil {
		p.made = make(map[policyKey]*policy)
	}
	p.made[key] = made
	return made, nil
}

// compile makes the policy of rp. Where before, if there is one, has the same
// settings, its parts are taken over.
func compile(rp *tenant.RelyingParty, before *policy) (*policy, error) {
	version, err := version(rp)
	if err != nil {
		return nil, err
	}
	if before != nil && before.version == version {
		same := *before
		same.source = rp
		return &same, nil
	}
	p := &policy{
		source:  rp,
		version: version,
		rp: webauthn.RelyingParty{
			ID: rp.ID, Origins: slices.Concat(rp.Origins, rp.RelatedOrigins),
			AllowCrossOrigin: rp.AllowCrossOrigin, TopOrigins: rp.TopOrigins,
		},
		extensions: registrationInputs(rp),
	}
	for _, alg := range rp.Algorithms {
		p.algorithms = append(p.algorithms, cose.Algorithm(alg))
	}
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
	p.trust.TPMVendors = trust.TPMVendorIDs()
	p.trust.Anchors, err = rp.Anchors()
	return p, err
}

// version names what rp asks for and the shipped data that decides with it: two
// relying parties that judge alike at all times have the same version, whenever and
// wherever they were written down.
func version(rp *tenant.RelyingParty) (string, error) {
	settings := *rp
	settings.Source, settings.Created, settings.Changed = "", time.Time{}, time.Time{}
	text, err := json.Marshal(struct {
		Settings   tenant.RelyingParty
		TPMVendors []string
	}{settings, trust.TPMVendorIDs()})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Narrowing is what a caller asks for in one ceremony beyond the policy of the
// relying party. It may accept less than the policy does, never more: anything else
// is policy.wider. Zero members leave the policy as it is.
type Narrowing struct {
	UserVerification webauthn.UserVerification
	ResidentKey      webauthn.ResidentKey
	Attachment       webauthn.Attachment
	Attestation      webauthn.Conveyance
	Algorithms       []cose.Algorithm  // some of the policy's, in the order to offer them
	AAGUIDs          []webauthn.AAGUID // models accepted, all of which the policy accepts
	RequireTrusted   bool              // only a trusted attestation will do
	Timeout          time.Duration     // for the client to ask its user
	Life             time.Duration     // of the challenge
	Hints            []string          // §5.8.7; they take the place of the policy's
}

// terms are a ceremony's settings once policy and narrowing are merged.
type terms struct {
	userVerification webauthn.UserVerification
	residentKey      webauthn.ResidentKey
	attachment       webauthn.Attachment
	attestation      webauthn.Conveyance
	algorithms       []cose.Algorithm
	timeout, life    time.Duration
	hints            []string
	u2f              bool // one of the credentials that may answer is of a U2F key
	stored           Terms
}

// merge returns the settings of a ceremony. Errors: policy.wider, naming the member.
func (p *policy) merge(n Narrowing) (terms, error) {
	rp := p.source
	t := terms{
		userVerification: webauthn.UserVerification(rp.UserVerification),
		residentKey:      webauthn.ResidentKey(rp.ResidentKey),
		attachment:       webauthn.Attachment(rp.AuthenticatorAttachment),
		attestation:      webauthn.Conveyance(rp.Attestation),
		algorithms:       p.algorithms,
		timeout:          rp.Timeout,
		life:             rp.ChallengeLife,
		hints:            rp.Hints,
		stored:           Terms{Trusted: n.RequireTrusted},
	}
	// What is preferred is not insisted on, so that less of it accepts nothing more.
	if !narrow(&t.userVerification, n.UserVerification, webauthn.UserVerificationRequired) {
		return terms{}, ErrPolicyWider.At("userVerification")
	}
	if !narrow(&t.residentKey, n.ResidentKey, webauthn.ResidentKeyRequired) {
		return terms{}, ErrPolicyWider.At("residentKey")
	}
	if !narrow(&t.attachment, n.Attachment, t.attachment) {
		return terms{}, ErrPolicyWider.At("authenticatorAttachment")
	}
	if n.Attestation != "" {
		if n.Attestation == webauthn.ConveyanceNone && p.needsAttestation() {
			return terms{}, ErrPolicyWider.At("attestation")
		}
		t.attestation = n.Attestation
	}
	if len(n.Algorithms) > 0 {
		if !within(n.Algorithms, p.algorithms) {
			return terms{}, ErrPolicyWider.At("pubKeyCredParams")
		}
		t.algorithms = n.Algorithms
	}
	for _, id := range n.AAGUIDs {
		if allowed := p.trust.AllowedAAGUIDs; len(allowed) > 0 && !slices.Contains(allowed, id) {
			return terms{}, ErrPolicyWider.At("aaguids")
		}
		t.stored.AAGUIDs = append(t.stored.AAGUIDs, id.String())
	}
	if len(n.Hints) > 0 {
		t.hints = n.Hints
	}
	if !shorten(&t.timeout, n.Timeout) {
		return terms{}, ErrPolicyWider.At("timeout")
	}
	if !shorten(&t.life, n.Life) {
		return terms{}, ErrPolicyWider.At("life")
	}
	t.timeout = min(t.timeout, t.life)
	return t, nil
}

// needsAttestation reports whether an answer without attestation would be refused.
func (p *policy) needsAttestation() bool {
	return p.trust.Attestation == webauthn.TrustRequire && !p.trust.AcceptNone
}

// narrow sets *have to want, unless *have is the strict value and want is not.
func narrow[T ~string](have *T, want, strict T) bool {
	if want == "" {
		return true
	}
	if *have == strict && strict != "" && want != strict {
		return false
	}
	*have = want
	return true
}

func shorten(have *time.Duration, want time.Duration) bool {
	if want < 0 || want > *have {
		return false
	}
	if want > 0 {
		*have = want
	}
	return true
}

func within(some, all []cose.Algorithm) bool {
	for _, a := range some {
		if !slices.Contains(all, a) {
			return false
		}
	}
	return true
}

// trustAt returns the trust policy for a ceremony with these terms, at a time.
func (p *policy) trustAt(t Terms, now time.Time) (webauthn.TrustPolicy, error) {
	trust := p.trust
	trust.Time = now
	if t.Trusted {
		trust.Attestation, trust.AcceptNone, trust.AcceptSelf = webauthn.TrustRequire, false, false
	}
	if len(t.AAGUIDs) == 0 {
		return trust, nil
	}
	trust.AllowedAAGUIDs = nil
	for _, text := range t.AAGUIDs {
		id, err := webauthn.ParseAAGUID(text)
		if err != nil {
			return trust, err
		}
		trust.AllowedAAGUIDs = append(trust.AllowedAAGUIDs, id)
	}
	return trust, nil
}

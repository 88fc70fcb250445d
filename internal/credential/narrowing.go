package credential

import (
	"slices"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/policy"
	"bestow.dev/webauthn"
)

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
	AcceptSelf       bool              // with RequireTrusted: or self attestation, where the policy lets that pass
	Timeout          time.Duration     // for the client to ask its user
	Life             time.Duration     // of the challenge
	Hints            []string          // §5.8.7; they take the place of the policy's

	// Policies are names of further policies of the tenant, all of which have to be met
	// beside those of the relying party, at the beginning and at the end.
	Policies []string

	// PolicyWins leaves a member that accepts more than the policy does as the policy has
	// it, and of Algorithms what the policy leaves, where it would be policy.wider.
	PolicyWins bool
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

// merge returns the settings of a ceremony, given what the policies demand there. Errors:
// policy.wider, naming the member.
func (p *policySet) merge(n Narrowing, demands policy.Demands) (terms, error) {
	rp := p.source
	t := terms{
		userVerification: demands.UserVerification,
		residentKey:      demands.ResidentKey,
		attachment:       demands.Attachment,
		attestation:      demands.Attestation,
		algorithms:       demands.Algorithms,
		timeout:          rp.Timeout,
		life:             rp.ChallengeLife,
		hints:            rp.Hints,
		stored:           Terms{Trusted: n.RequireTrusted, Self: n.RequireTrusted && n.AcceptSelf, Policies: n.Policies},
	}
	insisted := !n.PolicyWins
	// What is preferred is not insisted on, so that less of it accepts nothing more.
	if !narrow(&t.userVerification, n.UserVerification, webauthn.UserVerificationRequired) && insisted {
		return terms{}, ErrPolicyWider.At("userVerification")
	}
	if !narrow(&t.residentKey, n.ResidentKey, webauthn.ResidentKeyRequired) && insisted {
		return terms{}, ErrPolicyWider.At("residentKey")
	}
	if !narrow(&t.attachment, n.Attachment, t.attachment) && insisted {
		return terms{}, ErrPolicyWider.At("authenticatorAttachment")
	}
	switch {
	case n.Attestation == "":
	case p.takes(n.Attestation):
		t.attestation = n.Attestation
	case insisted:
		return terms{}, ErrPolicyWider.At("attestation")
	}
	if len(n.Algorithms) > 0 {
		if n.PolicyWins {
			n.Algorithms = slices.DeleteFunc(slices.Clone(n.Algorithms), func(a cose.Algorithm) bool { return !slices.Contains(demands.Algorithms, a) })
		}
		if len(n.Algorithms) == 0 {
			return terms{}, ErrPolicyWider.At("pubKeyCredParams")
		}
		if !within(n.Algorithms, demands.Algorithms) {
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
	if !shorten(&t.timeout, n.Timeout) && insisted {
		return terms{}, ErrPolicyWider.At("timeout")
	}
	if !shorten(&t.life, n.Life) && insisted {
		return terms{}, ErrPolicyWider.At("life")
	}
	t.timeout = min(t.timeout, t.life)
	return t, nil
}

// takes reports whether an answer to options that ask for attestation in this way can
// be accepted, and does not escape a policy: with indirect, the client may put something
// else in the place of the model and its attestation (§5.4.7).
func (p *policySet) takes(asked webauthn.Conveyance) bool {
	switch asked {
	case webauthn.ConveyanceNone:
		return !p.attested && (p.trust.Attestation != webauthn.TrustRequire || p.trust.AcceptNone)
	case webauthn.ConveyanceIndirect:
		return !p.attested
	}
	return true
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
func (p *policySet) trustAt(t Terms, now time.Time) (webauthn.TrustPolicy, error) {
	trust := p.trust
	trust.Time = now
	if t.Trusted {
		trust.AcceptSelf = t.Self && (trust.AcceptSelf || trust.Attestation != webauthn.TrustRequire)
		trust.Attestation, trust.AcceptNone = webauthn.TrustRequire, false
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

package credential

import (
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// Vendors are the lists about authenticators' vendors that are shipped, or that an
// operator put in their place. They are asked in every registration, so they answer
// from memory.
type Vendors interface {
	// AnchorsFor returns the roots that count for an attestation format, of the sets
	// with these names; nil means all sets.
	AnchorsFor(format string, sets []string) []*x509.Certificate

	// TPMVendorIDs returns the TPM manufacturers whose attestation is accepted.
	TPMVendorIDs() []string
}

// Models knows authenticator models. It is asked in every registration, so it answers
// from memory.
type Models interface {
	// ForAttestation returns what is known of the model that an attestation names, the
	// word that counts most first; nil if nothing is.
	ForAttestation(a *webauthn.Attestation) []Model
}

// Model is what one list of metadata has on a model.
type Model struct {
	Entry  *metadata.Entry
	Source string // the name of the list
	Number uint64 // its serial number; zero if it has none
}

// judged is a registration that was found good, and what that rests on.
type judged struct {
	*webauthn.Registration
	decision policy.Decision
	models   []Model
}

// PolicyRefusal is an answer that is genuine, and whose authenticator is not welcome.
type PolicyRefusal struct{ Decision policy.Decision }

// Error returns the text for the log.
func (e *PolicyRefusal) Error() string { return e.Decision.RefusedBy.String() }

// expect returns what an answer to options is judged by. Certificates have to be valid
// at the given time.
func (p *policySet) expect(options *webauthn.CreationOptions, t Terms, at time.Time) (webauthn.RegistrationExpectation, error) {
	trust, err := p.trustAt(t, at)
	if err != nil {
		return webauthn.RegistrationExpectation{}, err
	}
	expected := options.Expectation(p.rp, trust)
	if t.Conditional && p.source.AllowConditionalCreate {
		expected.UserPresence = webauthn.UserPresenceOptional // 7.1/15
	}
	p.profile.expect(&expected)
	return expected, nil
}

// judge verifies an answer and decides whether policy accepts it. The evidence is
// weighed as of now.
//
// Errors: [*webauthn.VerificationError], [*PolicyRefusal].
func (p *policySet) judge(expected webauthn.RegistrationExpectation, resp *webauthn.RegistrationResponse, now time.Time) (*judged, error) {
	if p.profile != nil {
		if err := p.profiled(expected, resp); err != nil {
			return nil, err
		}
	}
	reg, err := webauthn.JudgeRegistration(expected, resp)
	if err != nil {
		return nil, err
	}
	j := &judged{Registration: reg, models: p.modelsOf(reg.Attestation())}
	j.decision = p.decide(j.models, func(i int) policy.Evidence {
		return evidenceOf(reg, resp.Attachment, j.models, i, now)
	})
	if !j.decision.Allowed {
		return nil, &PolicyRefusal{j.decision}
	}
	return j, nil
}

// decide lets the policies judge evidence, which is given with what the i-th of models
// says. A defect that a list of lower rank tells of counts as much as one that the first
// does: that the operator has a word of their own on a model must not hide its
// revocation.
func (p *policySet) decide(models []Model, evidence func(i int) policy.Evidence) policy.Decision {
	d := p.documents.Decide(evidence(0))
	for i := 1; i < len(models); i++ {
		addHidden(&d, p.defects.Decide(evidence(i)), models[i].Source)
	}
	return d
}

// addHidden adds to d what a list of lower rank has against the model.
func addHidden(d *policy.Decision, hidden policy.Decision, source string) {
	for _, h := range hidden.Policies {
		if h.Outcome != policy.Refused && h.Outcome != policy.WouldRefuse {
			continue
		}
		// Each is there, since defects are of the same policies.
		of := &d.Policies[slices.IndexFunc(d.Policies, func(p policy.PolicyDecision) bool { return p.Policy == h.Policy })]
		of.Outcome = h.Outcome
		for _, r := range h.Rules {
			if r.Outcome == policy.Refused {
				r.Why = "so says " + source
				of.Rules = append(of.Rules, r)
			}
		}
	}
	if d.Allowed && !hidden.Allowed {
		d.Allowed, d.RefusedBy = false, hidden.RefusedBy
		d.RefusedBy.Words += "; so says " + source
	}
}

// trusted is a part of an attestation with the path that made it trusted: all of it,
// where it has no parts.
type trusted struct {
	attestation *webauthn.Attestation
	path        []*x509.Certificate
}

// trusted returns the parts of the attestation that are trusted.
func (j *judged) trusted() []trusted {
	attestation, trust := j.Attestation(), j.Trust()
	if attestation.Parts == nil {
		if !trust.Trusted {
			return nil
		}
		return []trusted{{attestation, trust.Path}}
	}
	var parts []trusted
	for i, part := range trust.Parts { // none of which has parts (§8.9)
		if part.Trusted {
			parts = append(parts, trusted{attestation.Parts[i], part.Path})
		}
	}
	return parts
}

// evidenceOf returns the evidence of a registration, with what the i-th of models says,
// if there are so many.
func evidenceOf(reg *webauthn.Registration, attachment webauthn.Attachment, models []Model, i int, now time.Time) policy.Evidence {
	known := policy.Known{Time: now, Trust: reg.Trust(), Attachment: attachment}
	if i < len(models) {
		known.Entry, known.Source, known.Number = models[i].Entry, models[i].Source, models[i].Number
	}
	return policy.FromRegistration(reg, known)
}

// modelsOf returns what the metadata knows of an attestation's model, where the
// relying party lets it count.
func (p *policySet) modelsOf(a *webauthn.Attestation) []Model {
	if p.models == nil || p.source.Trust.Metadata == tenant.MetadataOff {
		return nil
	}
	return p.models.ForAttestation(a)
}

// anchorsFor returns what is trusted for one attestation beside the anchors for all
// (7.1/23): the relying party's for the format, the model's of the metadata, and the
// vendors' roots.
func (p *policySet) anchorsFor(a *webauthn.Attestation) []*x509.Certificate {
	anchors := slices.Clone(p.formatAnchors[a.Format])
	listed := false
	for _, m := range p.modelsOf(a) {
		model := m.Entry.TrustAnchors()
		anchors = append(anchors, model...)
		listed = listed || len(model) > 0
	}
	if p.vendors == nil || listed && vouchesByModel(a.Format) {
		return anchors
	}
	return append(anchors, p.vendors.AnchorsFor(a.Format, p.vendorSets)...)
}

// vouchesByModel reports whether attestation of a format is anchored model by model:
// there, where the metadata has anchors for the model, any other root would be one of
// another model (MDS §3.2). Platforms attest all their models by the same roots.
func vouchesByModel(format string) bool { return format == "packed" || format == "fido-u2f" }

// defects are the policies that ask about the metadata, reduced to what no word on a
// model can hide: that it was revoked or compromised.
func defects(documents []*policy.Document) []*policy.Document {
	var all []*policy.Document
	for _, d := range documents {
		if d.Rules != nil && d.Rules.Metadata != nil {
			all = append(all, &policy.Document{Name: d.Name, Mode: d.Mode, At: d.At, Rules: noDefects()})
		}
	}
	return all
}

// noDefects refuses a model that was revoked or compromised, and takes one that is not
// known.
func noDefects() *policy.Rules {
	return &policy.Rules{Metadata: &policy.Metadata{Required: new(false)}}
}

// builtInPolicies are in force wherever the metadata counts: a model that was revoked or
// compromised is refused, or told of, though no policy says so.
func builtInPolicies(use tenant.MetadataUse) []*policy.Document {
	if use == tenant.MetadataOff {
		return nil
	}
	mode := policy.ModeEnforce
	if use == tenant.MetadataMonitor {
		mode = policy.ModeMonitor
	}
	return []*policy.Document{{
		Name: tenant.BuiltInPolicyPrefix + "metadata", Mode: mode,
		Description: "Models that the metadata says were revoked or compromised",
		Rules:       noDefects(),
	}}
}

// refusedByPolicy returns the fault for a policy's refusal; any other error is
// returned as it is.
func refusedByPolicy(err error) error {
	r, ok := errors.AsType[*PolicyRefusal](err)
	if !ok {
		return err
	}
	by := r.Decision.RefusedBy
	return ErrPolicyRefused.Saying("A policy does not accept this authenticator: %s (%s, %s).", by.Words, by.Policy, by.Rule).Because(err)
}

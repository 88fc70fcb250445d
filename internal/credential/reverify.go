package credential

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// By says what a kept registration is judged by again.
type By string

// The ways to judge again.
const (
	// ByThen is everything as it was at the registration: time, settings, policies,
	// anchors, metadata. The answer is the same, years later, or somebody changed the
	// record.
	ByThen By = "then"
	// ByNow is everything as it is now, except that certificates have to be valid at the
	// time of the registration: that a credential's attestation certificate expired
	// since says nothing of the credential.
	ByNow By = "now"
)

// Reverification is what a kept registration is worth, judged again.
type Reverification struct {
	Credential Credential
	By         By
	Time       time.Time // when the registration was judged first

	// Accepted says that it would be registered; Refusal, Step and Words say why not.
	Accepted bool
	Refusal  string // code, as registrations are refused by
	Step     string // of the standard, where that refused
	Words    string

	Format          string
	AttestationType string
	Trusted         bool
	Anchor          []byte // SHA-256; nil if not Trusted
	Decision        policy.Decision

	// Differences from what was found at the registration; nil if there is none.
	Differences []Difference

	// BasisKept says that all it was judged by was kept. What was registered before
	// that was done is judged by today's settings and anchors, at the time of then.
	BasisKept bool
}

// Difference is something that was found otherwise at the registration.
type Difference struct {
	What string `json:"what"`
	Then string `json:"then"`
	Now  string `json:"now"`
}

// errNoBasis says that a part of a basis is gone, which only somebody who changes the
// database by hand can bring about.
var errNoBasis = errors.New("a part of what the registration was judged by is not kept")

// Same reports whether the answer is that of the registration.
func (r *Reverification) Same() bool { return r.Accepted && len(r.Differences) == 0 }

// Reverify judges the registration of a credential again, from what was kept of it. It
// changes nothing. It needs fido.read for its relying party. Errors:
// credential.unknown; a registration that would be refused is no error.
func (s *Service) Reverify(ctx context.Context, by tenant.Authority, ref Ref, how By) (*Reverification, error) {
	if by.Session != "" {
		return nil, ErrSessionPurpose
	}
	c, err := s.find(ctx, by, tenant.ScopeRead, ref)
	if err != nil {
		return nil, err
	}
	now, err := s.policy(ctx, c.Tenant, c.RelyingParty)
	if err != nil {
		return nil, err
	}
	e, err := s.store.Evidence(ctx, c.Tenant, c.ID)
	if err != nil {
		return nil, err
	}
	return s.reverify(ctx, now, c, e, how)
}

// reverify judges kept evidence, given the policy of now.
func (s *Service) reverify(ctx context.Context, now *policySet, c *Credential, e *Evidence, how By) (*Reverification, error) {
	r := &Reverification{Credential: *c, By: how, Time: e.Judged, BasisKept: len(e.Basis) > 0}
	p, at := now, s.clock()
	if how == ByThen {
		at = e.Judged
		var err error
		if p, err = s.policyThen(ctx, now, c.Tenant, e); err != nil {
			return nil, err
		}
	}
	made, err := p.again(c, e, at)
	if err != nil {
		return r, r.refused(err)
	}
	r.found(made)
	r.compare(e, made)
	return r, nil
}

// again judges kept evidence by p.
func (p *policySet) again(c *Credential, e *Evidence, at time.Time) (*judged, error) {
	options := new(webauthn.CreationOptions)
	if err := json.Unmarshal(e.Options, options); err != nil {
		return nil, fmt.Errorf("kept creation options: %w", err)
	}
	resp, err := webauthn.RecordedRegistration(e.AttestationObject, e.ClientData)
	if err != nil {
		return nil, err
	}
	resp.Transports, resp.Attachment = c.Transports, webauthn.Attachment(c.Attachment)
	resp.ClientExtensionResults = discoverableResult(c.Discoverable)
	expected, err := p.expect(options, e.Terms, e.Judged)
	if err != nil {
		return nil, err
	}
	return p.judge(expected, resp, at)
}

// discoverableResult is the client's word as it was when the credential was made.
func discoverableResult(k Known) map[string]json.RawMessage {
	switch k {
	case Yes:
		return map[string]json.RawMessage{"credProps": json.RawMessage(`{"rk":true}`)}
	case No:
		return map[string]json.RawMessage{"credProps": json.RawMessage(`{"rk":false}`)}
	}
	return nil
}

// policyThen puts together what a registration was judged by. Where that was not kept
// yet, it is the policy of now.
func (s *Service) policyThen(ctx context.Context, now *policySet, tenantName string, e *Evidence) (*policySet, error) {
	if len(e.Basis) == 0 {
		return now, nil
	}
	parts, err := s.store.Basis(ctx, tenantName, e.Basis)
	if err != nil {
		return nil, err
	}
	if len(parts) != len(e.Basis) {
		return nil, errNoBasis
	}
	return restore(parts)
}

// restore is the reverse of settingsBasis and registrationBasis.
func restore(parts []BasisPart) (*policySet, error) {
	var settings tenant.RelyingParty
	var vendors keptVendors
	var documents []*policy.Document
	var anchors []*x509.Certificate
	var lists []*x509.RevocationList
	var models keptModels
	for _, part := range parts {
		if newBasisPart(part.Kind, part.Body).Hash != part.Hash {
			return nil, fmt.Errorf("%w: the content of a part of kind %s does not have its hash", errNoBasis, part.Kind)
		}
		var err error
		switch part.Kind {
		case BasisSettings:
			err = json.Unmarshal(part.Body, &settings)
		case BasisVendors:
			err = json.Unmarshal(part.Body, &vendors)
		case BasisPolicy:
			err = add(&documents, part.Body, policy.Parse)
		case BasisAnchor:
			err = add(&anchors, part.Body, x509.ParseCertificate)
		case BasisRevocationList:
			err = add(&lists, part.Body, x509.ParseRevocationList)
		case BasisModel:
			err = models.add(part.Body)
		default:
			err = errors.New("it is of a kind that this version does not know")
		}
		if err != nil {
			return nil, fmt.Errorf("kept basis of kind %s: %w", part.Kind, err)
		}
	}
	p, err := compile(&settings, documents, vendors)
	if err != nil {
		return nil, err
	}
	p.trust.Anchors, p.trust.RevocationLists, p.models = anchors, lists, models
	return p, nil
}

func add[T any](to *[]T, body []byte, parse func([]byte) (T, error)) error {
	v, err := parse(body)
	if err == nil {
		*to = append(*to, v)
	}
	return err
}

// keptVendors are the TPM manufacturers of a basis. Roots are among its anchors.
type keptVendors []string

func (keptVendors) AnchorsFor(string, []string) []*x509.Certificate { return nil }
func (v keptVendors) TPMVendorIDs() []string                        { return v }

// keptModels is what the metadata had on the model of one registration.
type keptModels []Model

func (m keptModels) ForAttestation(*webauthn.Attestation) []Model { return m }

func (m *keptModels) add(body []byte) error {
	var kept modelBasis
	if err := json.Unmarshal(body, &kept); err != nil {
		return err
	}
	entry, _, err := metadata.ParseEntry(kept.Entry) // what is wrong within it was so then
	if err != nil {
		return err
	}
	*m = append(*m, Model{Entry: entry, Source: kept.Source, Number: kept.Number})
	return nil
}

// refused notes why the registration would be refused. Faults of ours stay errors.
func (r *Reverification) refused(cause error) error {
	f := fault.From(refused(cause))
	if f.Kind == fault.Internal {
		return cause
	}
	r.Refusal, r.Words = f.Code, f.Public
	if v, ok := errors.AsType[*webauthn.VerificationError](cause); ok {
		r.Step, r.Words = v.Step, v.Detail
	}
	if p, ok := errors.AsType[*PolicyRefusal](cause); ok {
		r.Decision = p.Decision
	}
	r.Differences = []Difference{{"verdict", "accepted", "refused"}}
	return nil
}

func (r *Reverification) found(made *judged) {
	r.Accepted, r.Decision = true, made.decision
	r.Format, r.AttestationType, r.Trusted = made.Format, string(made.AttestationType), made.Trusted
	if made.Trusted {
		r.Anchor = slices.Clone(made.Anchor[:])
	}
}

// compare notes what was found otherwise then. Of policies it is their verdicts that
// are compared: to say that one has another version by now would say nothing new.
func (r *Reverification) compare(e *Evidence, made *judged) {
	differ := func(what, then, now string) {
		if then != now {
			r.Differences = append(r.Differences, Difference{what, then, now})
		}
	}
	differ("format", e.Format, made.Format)
	differ("attestation type", e.AttestationType, string(made.AttestationType))
	differ("trusted", strconv.FormatBool(e.Trusted), strconv.FormatBool(made.Trusted))
	differ("anchor", hex.EncodeToString(e.Anchor), hex.EncodeToString(r.Anchor))
	differ("credential id", hex.EncodeToString(r.Credential.CredentialID), hex.EncodeToString(made.CredentialID))
	differ("public key", hex.EncodeToString(r.Credential.PublicKey), hex.EncodeToString(made.PublicKey))
	differ("warnings", strings.Join(e.Warnings, " "), strings.Join(warnings(made.Warnings), " "))
	if len(e.Decision.Policies) > 0 || r.BasisKept {
		differ("policies", verdicts(&e.Decision), verdicts(&made.decision))
	}
}

// verdicts says what each policy made of the evidence.
func verdicts(d *policy.Decision) string {
	var all []string
	for _, p := range d.Policies {
		all = append(all, p.Policy+": "+string(p.Outcome))
	}
	return strings.Join(all, ", ")
}

package credential

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bestow.dev/cose"
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
	// ByNow is everything as it is now, revocation lists too, except that certificates
	// have to be valid at the time of the registration: that a credential's attestation
	// certificate expired since says nothing of the credential.
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

// errNoBasis says that a part of a basis is gone, or is another. Only somebody who
// changes the database by hand can bring that about.
var errNoBasis = errors.New("what the registration was judged by is not kept as it was")

// Same reports whether the answer is that of the registration.
func (r *Reverification) Same() bool { return r.Accepted && len(r.Differences) == 0 }

// Reverify judges the registration of a credential again, from what was kept of it. It
// changes nothing. It needs fido.read for its relying party. Errors: reverify.by,
// credential.unknown; rp.unknown where today's settings are needed, and the relying party
// is gone. A registration that would be refused is no error; a record that cannot be
// judged any more is an internal one.
func (s *Service) Reverify(ctx context.Context, by tenant.Authority, ref Ref, how By) (*Reverification, error) {
	if by.Session != "" {
		return nil, ErrSessionPurpose
	}
	if how != ByThen && how != ByNow {
		return nil, ErrReverifyBy
	}
	c, err := s.find(ctx, by, tenant.ScopeRead, ref)
	if err != nil {
		return nil, err
	}
	e, err := s.store.Evidence(ctx, c.Tenant, c.ID)
	if err != nil {
		return nil, err
	}
	var p *policySet
	if how == ByThen && len(e.Basis) > 0 {
		p, err = s.policyThen(ctx, c.Tenant, e.Basis)
	} else {
		p, err = s.policyNow(ctx, c, e.Terms.Policies)
	}
	if err != nil {
		return nil, err
	}
	at := e.Judged
	if how == ByNow {
		at = s.clock()
	}
	r := &Reverification{Credential: *c, By: how, Time: e.Judged, BasisKept: len(e.Basis) > 0}
	return r, r.judge(p, e, at)
}

// policyNow returns today's policy for a credential that was registered under further
// policies; where these are gone, that of the relying party alone.
func (s *Service) policyNow(ctx context.Context, c *Credential, further []string) (*policySet, error) {
	p, err := s.policyUnder(ctx, c.Tenant, c.RelyingParty, further)
	if errors.Is(err, tenant.ErrPolicyUnknown) || errors.Is(err, tenant.ErrPolicyConflict) {
		return s.policy(ctx, c.Tenant, c.RelyingParty)
	}
	return p, err
}

// judge judges kept evidence by p, as of a time.
func (r *Reverification) judge(p *policySet, e *Evidence, at time.Time) error {
	made, err := p.again(&r.Credential, e, at)
	if err != nil {
		return r.refused(err)
	}
	r.found(made)
	r.compare(e, made)
	return nil
}

// again judges kept evidence by p, as of a time.
func (p *policySet) again(c *Credential, e *Evidence, at time.Time) (*judged, error) {
	options, resp, err := kept(c, e)
	if err != nil {
		return nil, err
	}
	expected, err := p.expect(options, e.Terms, e.Judged)
	if err != nil {
		return nil, err
	}
	expected.Trust.RevocationTime = at
	return p.judge(expected, resp, at)
}

// kept returns the options and the answer of a registration from what was kept of them.
// An answer that does not parse is a [*webauthn.VerificationError].
func kept(c *Credential, e *Evidence) (*webauthn.CreationOptions, *webauthn.RegistrationResponse, error) {
	options := new(webauthn.CreationOptions)
	if err := json.Unmarshal(e.Options, options); err != nil {
		return nil, nil, ourFault(err, "kept creation options")
	}
	resp, err := webauthn.RecordedRegistration(e.AttestationObject, e.ClientData)
	if err != nil {
		return nil, nil, err
	}
	told := e.Told
	if len(e.Basis) == 0 { // from before it was kept
		told = Told{Transports: c.Transports, Attachment: c.Attachment}
		if c.Discoverable != Unknown {
			told.Discoverable = new(c.Discoverable == Yes)
		}
	}
	resp.Transports, resp.Attachment = told.Transports, webauthn.Attachment(told.Attachment)
	if told.Discoverable != nil {
		result := fmt.Sprintf(`{"rk":%t}`, *told.Discoverable)
		resp.ClientExtensionResults = map[string]json.RawMessage{"credProps": json.RawMessage(result)}
	}
	return options, resp, nil
}

// policyThen puts together what a registration was judged by, of parts of its basis. An
// error is a fault of ours, or of the store.
func (s *Service) policyThen(ctx context.Context, tenantName string, refs []BasisRef) (*policySet, error) {
	parts, err := s.store.Basis(ctx, tenantName, refs)
	if err != nil {
		return nil, err
	}
	if len(parts) != len(refs) {
		return nil, fmt.Errorf("%w: of %d parts there are %d", errNoBasis, len(refs), len(parts))
	}
	b, err := readBasis(parts)
	if err != nil {
		return nil, err
	}
	return b.policy()
}

// basis is the reverse of settingsBasis and registrationBasis.
type basis struct {
	settings  []*tenant.RelyingParty // one
	vendors   []keptVendors          // one
	documents []*policy.Document
	lists     []*x509.RevocationList
	anchors   keptAnchors
	models    keptModels
}

func readBasis(parts []BasisPart) (*basis, error) {
	b := &basis{anchors: make(keptAnchors)}
	for _, part := range parts {
		if newBasisPart(part.Kind, part.Body).Hash != part.Hash {
			return nil, fmt.Errorf("%w: a part of kind %s does not have its hash", errNoBasis, part.Kind)
		}
		if err := b.read(part); err != nil {
			return nil, ourFault(err, "kept basis of kind %s", part.Kind)
		}
	}
	if len(b.settings) != 1 || len(b.vendors) != 1 {
		return nil, fmt.Errorf("%w: it has to name settings and TPM manufacturers once", errNoBasis)
	}
	return b, nil
}

func (b *basis) read(part BasisPart) error {
	switch part.Kind {
	case BasisSettings:
		return add(&b.settings, part.Body, readJSON[*tenant.RelyingParty])
	case BasisVendors:
		return add(&b.vendors, part.Body, readJSON[keptVendors])
	case BasisPolicy:
		return add(&b.documents, part.Body, policy.Parse)
	case BasisAnchor:
		of := b.anchors[part.For]
		err := add(&of, part.Body, x509.ParseCertificate)
		b.anchors[part.For] = of
		return err
	case BasisRevocationList:
		return add(&b.lists, part.Body, x509.ParseRevocationList)
	case BasisModel:
		return add(&b.models, part.Body, readModel)
	}
	return errors.New("this version does not know it")
}

func add[T any, S ~[]T](to *S, body []byte, parse func([]byte) (T, error)) error {
	v, err := parse(body)
	if err == nil {
		*to = append(*to, v)
	}
	return err
}

// readJSON reads what an earlier version wrote, or this one. What a later one wrote may
// say something that decides and that this one does not know.
func readJSON[T any](body []byte) (v T, err error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err = dec.Decode(&v)
	return v, err
}

// policy puts the settings in force again.
func (b *basis) policy() (*policySet, error) {
	p, err := compile(b.settings[0], b.documents, b.vendors[0])
	if err != nil {
		return nil, ourFault(err, "kept settings")
	}
	p.trust.AnchorsFor, p.trust.RevocationLists, p.models = b.anchors.of, b.lists, b.models
	return p, nil
}

// keptAnchors are those that the paths of one registration end in: for all of its
// attestation, with an empty key, or for a part of it. That of the registration found no
// other, so that these are all that count.
type keptAnchors map[string][]*x509.Certificate

func (k keptAnchors) of(a *webauthn.Attestation) []*x509.Certificate {
	if len(k) == 0 {
		return nil
	}
	return slices.Concat(k[""], k[attestationKey(a)])
}

// keptVendors are the TPM manufacturers of a basis. Roots are among its anchors.
type keptVendors []string

func (keptVendors) AnchorsFor(string, []string) []*x509.Certificate { return nil }
func (v keptVendors) TPMVendorIDs() []string                        { return v }

// keptModels is what the metadata had on the model of one registration.
type keptModels []Model

func (m keptModels) ForAttestation(*webauthn.Attestation) []Model { return m }

func readModel(body []byte) (Model, error) {
	kept, err := readJSON[modelBasis](body)
	if err != nil {
		return Model{}, err
	}
	entry, _, err := metadata.ParseEntry(kept.Entry) // what is wrong within it was so then
	return Model{Entry: entry, Source: kept.Source, Number: kept.Number}, err
}

// refused notes why the registration would be refused. Faults of ours stay errors.
func (r *Reverification) refused(cause error) error {
	f := fault.From(refused(cause))
	if f.Kind != fault.Rejected {
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
	c := &r.Credential
	r.differ("time", e.Judged.Format(time.RFC3339Nano), c.Created.Format(time.RFC3339Nano))
	r.differ("format", made.Format, e.Format, c.Format)
	r.differ("attestation type", string(made.AttestationType), e.AttestationType, c.AttestationType)
	r.differ("trusted", strconv.FormatBool(made.Trusted), strconv.FormatBool(e.Trusted), strconv.FormatBool(c.Trusted))
	if !r.differ("anchor", hex.EncodeToString(r.Anchor), hex.EncodeToString(e.Anchor)) {
		r.differ("certificates", prints(made.Chain), prints(e.Chain))
	}
	r.differ("credential id", hex.EncodeToString(made.CredentialID), hex.EncodeToString(c.CredentialID))
	r.differ("public key", hex.EncodeToString(made.PublicKey), hex.EncodeToString(c.PublicKey))
	r.differ("algorithm", made.Algorithm.String(), cose.Algorithm(c.Algorithm).String())
	r.differ("model", made.AAGUID.String(), c.AAGUID.String())
	r.differ("backup eligible", strconv.FormatBool(made.Flags.BackupEligible()), strconv.FormatBool(c.BackupEligible))
	list := strings.Join(warnings(made.Warnings), " ")
	r.differ("warnings", list, strings.Join(e.Warnings, " "), strings.Join(c.Warnings, " "))
	if len(e.Decision.Policies) > 0 || r.BasisKept {
		r.differ("policies", verdicts(&made.decision), verdicts(&e.Decision))
	}
}

// differ notes the first of what was kept that is not what is found now, and reports
// whether there is one.
func (r *Reverification) differ(what, now string, then ...string) bool {
	for _, was := range then {
		if was != now {
			r.Differences = append(r.Differences, Difference{what, was, now})
			return true
		}
	}
	return false
}

// prints writes fingerprints down.
func prints(chain [][sha256.Size]byte) string {
	texts := make([]string, len(chain))
	for i, sum := range chain {
		texts[i] = hex.EncodeToString(sum[:])
	}
	return strings.Join(texts, " ")
}

// verdicts says what each policy made of the evidence.
func verdicts(d *policy.Decision) string {
	var all []string
	for _, p := range d.Policies {
		all = append(all, p.Policy+": "+string(p.Outcome))
	}
	return strings.Join(all, ", ")
}

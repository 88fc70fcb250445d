package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// FinishRegistration is an authenticator's answer to a registration ceremony.
type FinishRegistration struct {
	RelyingParty string

	// User is who the caller takes the answer to be for; zero: whoever the ceremony is
	// for. Ceremony and RequestID are likewise what the caller takes it to answer.
	User      UserRef
	Ceremony  CeremonyID
	RequestID string

	// ByRequest finds the ceremony by RequestID, which is then required, and not by the
	// challenge that was answered: an answer to another challenge is a refused answer to
	// this request, and spends it.
	ByRequest bool

	Response *webauthn.RegistrationResponse

	Name      string // what to call the credential; empty: what was said when it began, or nothing
	NameModel bool   // call it by its model, where nobody says otherwise and it is proven to be of one
	UserAgent string // of the client; cut to what is kept of it
}

// FinishRegistration judges the authenticator's answer to an open ceremony and
// stores the credential it made: [Service.JudgeRegistration] and
// [Service.StoreRegistration] in one.
func (s *Service) FinishRegistration(ctx context.Context, by tenant.Authority, in FinishRegistration) (*Credential, error) {
	judged, err := s.JudgeRegistration(ctx, by, in)
	if err != nil {
		return nil, err
	}
	return s.StoreRegistration(ctx, judged)
}

// JudgedRegistration is an answer that was found good, and is yet to be stored.
type JudgedRegistration struct {
	by   tenant.Authority
	cer  *Ceremony
	user *User
	done Registered
}

// JudgeRegistration judges the authenticator's answer to an open ceremony. It does
// the cryptography, so that [Service.StoreRegistration] can be part of a transaction
// with other changes.
//
// Only the client or browser session that began the ceremony may finish it: to
// anyone else it is unknown. A refusal of the answer spends the ceremony, so that a
// challenge cannot be tried twice. Errors: response.missing, credential.name;
// ceremony.unknown, ceremony.used, ceremony.expired, ceremony.user, user.unknown,
// ceremony.request, ceremony.policy, user.locked, registration.self and operator.above,
// which change nothing; webauthn.* and policy.refused for an answer that was refused, which closes the
// ceremony as failed.
func (s *Service) JudgeRegistration(ctx context.Context, by tenant.Authority, in FinishRegistration) (*JudgedRegistration, error) {
	j, err := s.judgeFinish(ctx, by, in)
	if err != nil {
		return nil, s.denied(ctx, by, Registration, in.RelyingParty, err)
	}
	return j, nil
}

func (s *Service) judgeFinish(ctx context.Context, by tenant.Authority, in FinishRegistration) (*JudgedRegistration, error) {
	switch {
	case in.Response == nil:
		return nil, ErrResponse
	case !validText(in.Name, maxCredentialNameChars):
		return nil, ErrCredentialName.At("name")
	}
	if err := requireUnlessSession(by, tenant.ScopeProvision, in.RelyingParty); err != nil {
		return nil, err
	}
	if _, err := s.policy(ctx, by.Tenant, in.RelyingParty); err != nil {
		return nil, err
	}
	key, err := s.ceremonyKey(ctx, by, answered{
		in.RelyingParty, Registration, in.Response.ClientData.Challenge, in.RequestID, in.ByRequest, in.User,
	})
	if err != nil {
		return nil, err
	}
	pending, err := s.store.RegistrationAt(ctx, key)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	if err := pending.mayBeFinished(by, taken{in.Ceremony, in.RequestID, in.User}, now); err != nil {
		return nil, s.unlessUnknown(ctx, by, in.User, err)
	}
	if err := errors.Join(refuseOther(by, pending.User.ID), refuseOwn(by, pending.User), refuseAbove(by, pending.User)); err != nil {
		return nil, err
	}

	cer := &pending.Ceremony
	p, err := s.policyOf(ctx, cer)
	if err != nil {
		return nil, err
	}
	by = acting(by, cer.User)
	made, options, err := p.judgeRegistration(cer, in.Response, now)
	if err != nil {
		return nil, s.refuse(ctx, by, cer, nil, err)
	}
	basis, err := s.keepBasis(ctx, p, made)
	if err != nil {
		return nil, err
	}
	c := newCredential(by, cer, made.Registration, now)
	c.UserName, c.Name, c.UserAgent = pending.User.Name, nameOf(&in, cer, made), clip(in.UserAgent, maxUserAgentChars)
	c.Attachment = string(in.Response.Attachment)
	c.Asked = askedFor(options)
	c.Discoverable, c.Extensions = discoverable(made.Registration, options), extensionOutputs(made.Registration)
	c.WouldRefuse, c.UserHandle = made.decision.WouldRefuse(), pending.User.Handle
	return &JudgedRegistration{by: by, cer: cer, user: pending.User, done: Registered{
		Ceremony: cer.ID, Credential: c, Evidence: evidence(cer, made, told(in.Response, made), p.version, basis, now),
		Session: by.Session, Most: p.source.MaxCredentialsPerUser, ShownName: cer.Terms.ShownName, At: now,
	}}, nil
}

// StoreRegistration stores the credential of an answer that was found good, in one
// transaction: that of ctx, if it has one. Of several for one ceremony one succeeds.
//
// Errors: ceremony.used, ceremony.expired, ceremony.unknown; user.locked;
// session.registered, session.unknown; credential.exists for a credential that the
// relying party knows, credential.limit, and invitation.additional_needed for a browser
// session whose user got a credential since, which close the ceremony as failed.
func (s *Service) StoreRegistration(ctx context.Context, j *JudgedRegistration) (*Credential, error) {
	c := j.done.Credential
	if err := s.store.CompleteRegistration(ctx, j.done, registeredEvent(j.by, j.cer, &j.done)); err != nil {
		if errors.Is(err, ErrCredentialExists) || errors.Is(err, ErrCredentialLimit) || errors.Is(err, ErrAdditionalNeeded) {
			return nil, s.refuse(ctx, j.by, j.cer, nil, err)
		}
		return nil, err
	}
	s.store.AfterCommit(ctx, func() {
		s.notices.tell(Notice{
			Tenant: c.Tenant, RelyingParty: c.RelyingParty, User: *j.user, Credential: *c, Self: j.by.Session != "",
		})
	})
	return c, nil
}

// unlessUnknown returns err, or user.unknown where err says that the ceremony is
// another user's and who is nobody at all.
func (s *Service) unlessUnknown(ctx context.Context, by tenant.Authority, who UserRef, err error) error {
	if !errors.Is(err, ErrCeremonyUser) {
		return err
	}
	if _, lost := s.user(ctx, by.Tenant, who); lost != nil {
		return lost
	}
	return err
}

// taken is what the caller takes an answer to be to; zero members are not looked at.
type taken struct {
	ceremony  CeremonyID
	requestID string
	user      UserRef
}

// mayBeFinished judges everything about a finish but the answer itself. Nothing it
// refuses changes the ceremony.
func (p *Pending) mayBeFinished(by tenant.Authority, as taken, now time.Time) error {
	cer := &p.Ceremony
	switch {
	case !cer.MayFinish(by):
		return ErrCeremonyUnknown
	case as.ceremony != "" && as.ceremony != cer.ID, as.requestID != "" && as.requestID != cer.RequestID:
		return ErrCeremonyRequest
	case cer.Kind == Registration && !as.user.IsZero() && !as.user.Matches(p.User):
		return ErrCeremonyUser
	}
	if err := cer.open(now); err != nil {
		return err
	}
	if cer.Kind == Registration && p.User.IsLocked() {
		return ErrUserLocked
	}
	return nil
}

// judgeRegistration judges the answer against the options that were sent, by the
// policy of now.
func (p *policySet) judgeRegistration(cer *Ceremony, resp *webauthn.RegistrationResponse, now time.Time) (*judged, *webauthn.CreationOptions, error) {
	options := new(webauthn.CreationOptions)
	if err := json.Unmarshal(cer.Options, options); err != nil {
		return nil, nil, fmt.Errorf("stored creation options: %w", err)
	}
	expected, err := p.expect(options, cer.Terms, now)
	if err != nil {
		return nil, nil, err
	}
	made, err := p.judge(expected, resp, now)
	return made, options, err
}

func newCredential(by tenant.Authority, cer *Ceremony, made *webauthn.Registration, now time.Time) *Credential {
	return &Credential{
		ID: ID(newID()), Tenant: cer.Tenant, RelyingParty: cer.RelyingParty, User: cer.User,
		CredentialID: made.CredentialID, PublicKey: made.PublicKey, Algorithm: int32(made.Algorithm),
		AAGUID: made.AAGUID, SignCount: made.SignCount, Transports: made.Transports,
		BackupEligible: made.Flags.BackupEligible(), BackupState: made.Flags.BackupState(),
		UVInitialized: made.Flags.UserVerified(),
		Format:        made.Format, AttestationType: string(made.AttestationType), Trusted: made.Trusted,
		Warnings: warnings(made.Warnings),
		State:    Active, Version: 1, Created: now, Updated: now,
		ProvisionedBy: by.Actor.String(), Via: by.Via, Ref: clip(by.Ref, maxRefChars),
	}
}

// discoverable takes the client's word from credProps where it gave it. Where a
// discoverable credential was insisted on, an authenticator that could not make one
// has refused.
func discoverable(made *webauthn.Registration, options *webauthn.CreationOptions) Known {
	switch {
	case made.Discoverable != nil && *made.Discoverable:
		return Yes
	case made.Discoverable != nil:
		return No
	case options.AuthenticatorSelection.ResidentKey == webauthn.ResidentKeyRequired:
		return Yes
	}
	return Unknown
}

// told is what of an answer is the client's word alone.
func told(resp *webauthn.RegistrationResponse, made *judged) Told {
	return Told{
		Transports: made.Transports, Attachment: string(resp.Attachment), Discoverable: made.Discoverable,
		PRF: made.Outputs.PRF, LargeBlob: made.Outputs.LargeBlobSupported,
	}
}

func evidence(cer *Ceremony, made *judged, told Told, policy string, basis []BasisRef, now time.Time) *Evidence {
	e := &Evidence{
		AttestationObject: made.AttestationObject, ClientData: made.ClientDataJSON,
		Options: cer.Options, Judged: now,
		Format: made.Format, AttestationType: string(made.AttestationType), Trusted: made.Trusted,
		Chain: made.Chain, Policy: policy, Warnings: warnings(made.Warnings),
		Told: told, Terms: cer.Terms, Decision: made.decision, Basis: basis,
	}
	if made.Trusted {
		e.Anchor = slices.Clone(made.Anchor[:])
	}
	return e
}

func warnings(codes []webauthn.Warning) []string {
	var list []string
	for _, w := range codes {
		list = append(list, string(w))
	}
	return list
}

func registeredEvent(by tenant.Authority, cer *Ceremony, done *Registered) audit.Event {
	c := done.Credential
	e := credentialEvent(by, c.Created, "credential.registered", c)
	e.Detail = map[string]string{
		"ceremony": string(cer.ID), "aaguid": c.AAGUID.String(), "format": c.Format, "attestation": c.AttestationType,
	}
	if names := wouldRefuse(&done.Evidence.Decision); len(names) > 0 {
		e.Detail["wouldRefuse"] = strings.Join(names, " ")
	}
	return e
}

// clip cuts s to at most n characters of valid text.
func clip(s string, n int) string {
	out := make([]rune, 0, min(n, len(s)))
	for _, r := range s {
		if len(out) == n {
			break
		}
		if r >= ' ' && r != '\u007f' {
			out = append(out, r)
		}
	}
	return string(out)
}

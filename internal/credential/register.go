package credential

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// challengeBytes is the length of challenges; §13.4.3 asks for 16 at least.
const challengeBytes = 32

// BeginRegistration says for whom a credential is to be made.
type BeginRegistration struct {
	RelyingParty string
	User         UserRef // a browser session may leave it out: it is bound to its user

	DisplayName string // shown by the authenticator instead of the user's; empty: theirs
	RequestID   string // the caller's own id, unique at the relying party; empty for none

	// Extensions are client extension inputs by identifier (§9), passed on as they are.
	Extensions map[string]json.RawMessage

	// Narrow is what the caller asks for beyond the policy.
	Narrow Narrowing

	// AllowRepeat lets an authenticator that holds a credential of the user make
	// another: the options then exclude none.
	AllowRepeat bool
}

// BegunRegistration is a ceremony that awaits an authenticator's answer.
type BegunRegistration struct {
	Ceremony CeremonyID
	User     User
	Options  *webauthn.CreationOptions
	JSON     json.RawMessage // Options in the form that browsers read
	Expires  time.Time       // when the challenge is void
}

// BeginRegistration makes creation options for a user and opens the ceremony that
// the answer will finish.
//
// A client or operator needs fido.provision for the relying party, and may not be
// the user; a browser session must be one that was opened to enrol. Errors:
// user.required, user.unknown, user.locked; registration.self; policy.wider;
// credential.limit; ceremony.limit, ceremony.request_exists; session.unknown,
// session.purpose, session.registered.
func (s *Service) BeginRegistration(ctx context.Context, by tenant.Authority, in BeginRegistration) (*BegunRegistration, error) {
	if err := s.mayRegister(ctx, by, &in); err != nil {
		return nil, err
	}
	p, err := s.policy(ctx, by.Tenant, in.RelyingParty)
	if err != nil {
		return nil, err
	}
	t, err := p.merge(in.Narrow)
	if err != nil {
		return nil, err
	}
	switch {
	case !validText(in.DisplayName, maxNameChars):
		return nil, ErrUserDisplayName.At("displayName")
	case !validText(in.RequestID, maxRequestIDChars):
		return nil, ErrRequestID.At("requestId")
	}
	account, err := s.account(ctx, by.Tenant, in.RelyingParty, in.User)
	if err != nil {
		return nil, err
	}
	if err := mayHaveCredential(by, p, account); err != nil {
		return nil, err
	}
	challenge, err := s.random(challengeBytes)
	if err != nil {
		return nil, err
	}
	options, err := creationOptions(p, t, account, in, challenge)
	if err != nil {
		return nil, unfit(err)
	}
	c, err := s.newCeremony(by, in.RelyingParty, Registration, challenge, options, t)
	if err != nil {
		return nil, err
	}
	c.User, c.RequestID = account.User.ID, in.RequestID
	if err := s.openCeremony(ctx, by, c, "registration.begun"); err != nil {
		return nil, err
	}
	return &BegunRegistration{Ceremony: c.ID, User: account.User, Options: options, JSON: c.Options, Expires: c.Expires}, nil
}

// mayRegister checks the right to begin. For a browser session it fills in what the
// session is bound to.
func (s *Service) mayRegister(ctx context.Context, by tenant.Authority, in *BeginRegistration) error {
	if by.Session == "" {
		return by.Require(tenant.ScopeProvision, in.RelyingParty)
	}
	session, err := s.liveSession(ctx, by)
	if err != nil {
		return err
	}
	switch {
	case session.Purpose != Enrol, session.RelyingParty != in.RelyingParty:
		return ErrSessionPurpose
	case !session.Registered.IsZero():
		return ErrSessionRegistered
	}
	if in.User.IsZero() {
		in.User = ByID(session.User)
	}
	if !in.User.Matches(&User{ID: session.User, Name: session.UserName}) {
		return ErrSessionPurpose
	}
	return nil
}

// mayHaveCredential judges what is known before anything is asked of the person.
func mayHaveCredential(by tenant.Authority, p *policy, a *Account) error {
	if a.User.IsLocked() {
		return ErrUserLocked
	}
	if err := refuseOwn(by, &a.User); err != nil {
		return err
	}
	if most := p.source.MaxCredentialsPerUser; most > 0 && len(a.Credentials) >= most {
		return ErrCredentialLimit
	}
	return nil
}

func (s *Service) account(ctx context.Context, tenantName, rp string, who UserRef) (*Account, error) {
	if err := who.check(); err != nil {
		return nil, err
	}
	return s.store.Account(ctx, tenantName, rp, who)
}

func creationOptions(p *policy, t terms, a *Account, in BeginRegistration, challenge []byte) (*webauthn.CreationOptions, error) {
	o := webauthn.CreationOptions{
		RP: webauthn.RPEntity{ID: p.source.ID, Name: p.source.Name},
		User: webauthn.UserEntity{
			ID: a.User.Handle, Name: a.User.Name, DisplayName: cmp.Or(in.DisplayName, a.User.DisplayName),
		},
		Challenge:        challenge,
		PubKeyCredParams: webauthn.Parameters(t.algorithms...),
		TimeoutMillis:    t.timeout.Milliseconds(),
		AuthenticatorSelection: &webauthn.AuthenticatorSelection{
			AuthenticatorAttachment: t.attachment,
			ResidentKey:             t.residentKey,
			UserVerification:        t.userVerification,
		},
		Hints:       in.Narrow.Hints,
		Attestation: t.attestation,
		Extensions:  in.Extensions,
	}
	if !in.AllowRepeat {
		o.ExcludeCredentials = descriptors(a.Credentials)
	}
	return webauthn.NewCreationOptions(o)
}

func descriptors(credentials []Credential) []webauthn.CredentialDescriptor {
	list := make([]webauthn.CredentialDescriptor, 0, len(credentials))
	for _, c := range credentials {
		list = append(list, webauthn.CredentialDescriptor{Type: webauthn.TypePublicKey, ID: c.CredentialID, Transports: c.Transports})
	}
	return list
}

// FinishRegistration is an authenticator's answer to a registration ceremony.
type FinishRegistration struct {
	RelyingParty string

	// User is who the caller takes the answer to be for; zero: whoever the ceremony is
	// for. Ceremony and RequestID are likewise what the caller takes it to answer.
	User      UserRef
	Ceremony  CeremonyID
	RequestID string

	Response *webauthn.RegistrationResponse

	Name      string // what to call the credential; empty: nothing
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
// ceremony.request, user.locked and registration.self, which change nothing;
// webauthn.* for an answer that was refused, which closes the ceremony as failed.
func (s *Service) JudgeRegistration(ctx context.Context, by tenant.Authority, in FinishRegistration) (*JudgedRegistration, error) {
	switch {
	case in.Response == nil:
		return nil, ErrResponse
	case !validText(in.Name, maxCredentialNameChars):
		return nil, ErrCredentialName.At("name")
	}
	if err := requireUnlessSession(by, tenant.ScopeProvision, in.RelyingParty); err != nil {
		return nil, err
	}
	p, err := s.policy(ctx, by.Tenant, in.RelyingParty)
	if err != nil {
		return nil, err
	}
	pending, err := s.store.RegistrationAt(ctx, CeremonyKey{
		Tenant: by.Tenant, RelyingParty: in.RelyingParty, Kind: Registration,
		Challenge: sha256.Sum256(in.Response.ClientData.Challenge),
	})
	if err != nil {
		return nil, err
	}
	now := s.clock()
	if err := pending.mayBeFinished(by, taken{in.Ceremony, in.RequestID, in.User}, now); err != nil {
		return nil, s.unlessUnknown(ctx, by, in.User, err)
	}
	if err := refuseOwn(by, pending.User); err != nil {
		return nil, err
	}

	cer := &pending.Ceremony
	by = acting(by, cer.User)
	made, options, err := p.judgeRegistration(cer, in.Response, now)
	if err != nil {
		return nil, s.refuse(ctx, by, cer, nil, err)
	}
	c := newCredential(by, cer, made, now)
	c.UserName, c.Name, c.UserAgent = pending.User.Name, in.Name, clip(in.UserAgent, maxUserAgentChars)
	c.Attachment = string(in.Response.Attachment)
	c.Discoverable = discoverable(made, options)
	return &JudgedRegistration{by: by, cer: cer, user: pending.User, done: Registered{
		Ceremony: cer.ID, Credential: c, Evidence: evidence(cer, made, p.version, now),
		Session: by.Session, Most: p.source.MaxCredentialsPerUser, At: now,
	}}, nil
}

// StoreRegistration stores the credential of an answer that was found good, in one
// transaction: that of ctx, if it has one. Of several for one ceremony one succeeds.
//
// Errors: ceremony.used, ceremony.expired, ceremony.unknown; user.locked;
// session.registered, session.unknown; credential.exists for a credential that the
// relying party knows and credential.limit, which close the ceremony as failed.
func (s *Service) StoreRegistration(ctx context.Context, j *JudgedRegistration) (*Credential, error) {
	c := j.done.Credential
	if err := s.store.CompleteRegistration(ctx, j.done, registeredEvent(j.by, j.cer, c)); err != nil {
		if errors.Is(err, ErrCredentialExists) || errors.Is(err, ErrCredentialLimit) {
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

// judgeRegistration verifies the answer against the options that were sent, and
// trust in it by the policy of now.
func (p *policy) judgeRegistration(cer *Ceremony, resp *webauthn.RegistrationResponse, now time.Time) (*webauthn.Registration, *webauthn.CreationOptions, error) {
	options := new(webauthn.CreationOptions)
	if err := json.Unmarshal(cer.Options, options); err != nil {
		return nil, nil, fmt.Errorf("stored creation options: %w", err)
	}
	trust, err := p.trustAt(cer.Terms, now)
	if err != nil {
		return nil, nil, err
	}
	made, err := webauthn.JudgeRegistration(options.Expectation(p.rp, trust), resp)
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

func evidence(cer *Ceremony, made *webauthn.Registration, policy string, now time.Time) *Evidence {
	e := &Evidence{
		AttestationObject: made.AttestationObject, ClientData: made.ClientDataJSON,
		Options: cer.Options, Judged: now,
		Format: made.Format, AttestationType: string(made.AttestationType), Trusted: made.Trusted,
		Chain: made.Chain, Policy: policy, Warnings: warnings(made.Warnings),
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

func registeredEvent(by tenant.Authority, cer *Ceremony, c *Credential) audit.Event {
	e := credentialEvent(by, c.Created, "credential.registered", c)
	e.Detail = map[string]string{
		"ceremony": string(cer.ID), "aaguid": c.AAGUID.String(), "format": c.Format, "attestation": c.AttestationType,
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

package credential

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// The length of challenges; §13.4.3 asks for 16 bytes at least.
const (
	challengeBytes    = 32
	maxChallengeBytes = 64
)

// challenge returns a fresh challenge of n bytes; zero means 32.
func (s *Service) challenge(n int) ([]byte, error) {
	if n == 0 {
		n = challengeBytes
	}
	if n < webauthn.MinChallengeBytes || n > maxChallengeBytes {
		return nil, ErrChallengeBytes.At("challengeBytes")
	}
	return s.random(n)
}

// BeginRegistration says for whom a credential is to be made.
type BeginRegistration struct {
	RelyingParty string
	User         UserRef // a browser session may leave it out: it is bound to its user

	// NewUser is made where User is nobody, or zero, together with the ceremony; nil:
	// there has to be one. It needs users.write for the relying party. Where the handle is
	// nil it is that of User, if User is a handle; an empty name is made from the handle.
	NewUser *NewUser

	DisplayName string // shown by the authenticator instead of the user's; empty: theirs
	ShownName   string // shown instead of the login name, and no key; empty: that
	RequestID   string // the caller's own id, unique at the relying party; empty for none

	// Extensions are client extension inputs by identifier (§9), which stand above those
	// of the policy. They may protect the credential more than it asks, never less.
	Extensions map[string]json.RawMessage

	// Narrow is what the caller asks for beyond the policy.
	Narrow Narrowing

	ChallengeBytes int // length of the challenge, 16 to 64; zero means 32

	// Name is what to call the credential unless the finish says otherwise; empty: nothing.
	Name string

	// SignedInWithin asks that a user who has credentials here has used one of them
	// within this time. Zero asks for nothing.
	SignedInWithin time.Duration

	// AllowRepeat lets an authenticator that holds a credential of the user make
	// another: the options then exclude none.
	AllowRepeat bool

	// Conditional is for a create that the client carries out without asking its user,
	// after a sign-in by other means (§5.1.3, mediation conditional): the policy has to
	// allow it, and neither presence nor verification of the user is asked for.
	Conditional bool
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
// the user, unless a token proves the user to be at work themselves; a browser session
// must be one that was opened to enrol. Who lacks a right is written down. Errors:
// subject.other; user.required, user.unknown, user.locked; registration.self,
// operator.above; policy.wider, registration.conditional; tenant's policy.unknown and
// policy.conflict for the policies named; user.exists, user.name, user.display_name and
// user.handle for a new user; credential.limit; ceremony.limit, ceremony.request_exists;
// session.unknown,
// session.purpose, session.registered, and invitation.additional_needed where the user
// got a credential since.
func (s *Service) BeginRegistration(ctx context.Context, by tenant.Authority, in BeginRegistration) (*BegunRegistration, error) {
	begun, err := s.beginRegistration(ctx, by, in)
	if err != nil {
		return nil, s.denied(ctx, by, Registration, in.RelyingParty, err)
	}
	return begun, nil
}

func (s *Service) beginRegistration(ctx context.Context, by tenant.Authority, in BeginRegistration) (*BegunRegistration, error) {
	session, err := s.mayRegister(ctx, by, &in)
	if err != nil {
		return nil, err
	}
	p, err := s.policyUnder(ctx, by.Tenant, in.RelyingParty, in.Narrow.Policies)
	if err != nil {
		return nil, err
	}
	t, err := p.registrationTerms(&in)
	if err != nil {
		return nil, err
	}
	switch {
	case in.ShownName != "" && !validUserName(in.ShownName):
		return nil, ErrUserName.At("shownName")
	case !validText(in.DisplayName, maxNameChars):
		return nil, ErrUserDisplayName.At("displayName")
	case !validText(in.RequestID, maxRequestIDChars):
		return nil, ErrRequestID.At("requestId")
	case !validText(in.Name, maxCredentialNameChars):
		return nil, ErrCredentialName.At("name")
	}
	t.stored.Name = in.Name
	account, isNew, err := s.accountOrNew(ctx, by, in)
	if err != nil {
		return nil, err
	}
	if err := mayHaveCredential(by, p, account); err != nil {
		return nil, err
	}
	if !account.signedInSince(s.clock(), in.SignedInWithin) {
		return nil, ErrNotRecent
	}
	if session != nil && !session.Additional && len(account.Credentials) > 0 {
		return nil, ErrAdditionalNeeded
	}
	challenge, err := s.challenge(in.ChallengeBytes)
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
	c.User, c.RequestID, c.Terms.ShownName = account.User.ID, in.RequestID, in.ShownName
	if isNew {
		err = s.openFirstCeremony(ctx, by, &account.User, c)
	} else {
		err = s.openCeremony(ctx, by, c, "registration.begun")
	}
	if isNew && errors.Is(err, ErrUserExists) && !in.User.IsZero() { // made by another meanwhile
		in.NewUser = nil
		return s.BeginRegistration(ctx, by, in)
	}
	if err != nil {
		return nil, err
	}
	return &BegunRegistration{Ceremony: c.ID, User: account.User, Options: options, JSON: c.Options, Expires: c.Expires}, nil
}

// mayRegister checks the right to begin. For a browser session, which it returns, it
// fills in what the session is bound to.
func (s *Service) mayRegister(ctx context.Context, by tenant.Authority, in *BeginRegistration) (*Session, error) {
	if by.Session == "" {
		return nil, by.RequireOrSelf(tenant.ScopeProvision, in.RelyingParty)
	}
	session, err := s.liveSession(ctx, by)
	if err != nil {
		return nil, err
	}
	switch {
	case session.Purpose != Enrol, session.RelyingParty != in.RelyingParty:
		return nil, ErrSessionPurpose
	case !session.Registered.IsZero():
		return nil, ErrSessionRegistered
	}
	if in.User.IsZero() {
		in.User = ByID(session.User)
	}
	if !in.User.Matches(&User{ID: session.User, Name: session.UserName}) {
		return nil, ErrSessionPurpose
	}
	return session, nil
}

// mayHaveCredential judges what is known before anything is asked of the person.
func mayHaveCredential(by tenant.Authority, p *policySet, a *Account) error {
	if a.User.IsLocked() {
		return ErrUserLocked
	}
	if err := errors.Join(refuseOwn(by, &a.User), refuseAbove(by, &a.User)); err != nil {
		return err
	}
	if most := p.source.MaxCredentialsPerUser; most > 0 && len(unarchived(a.Credentials)) >= most {
		return ErrCredentialLimit
	}
	return nil
}

// signedInSince reports whether the account has no credential, or has used one no longer
// than within before now; true if within is zero.
func (a *Account) signedInSince(now time.Time, within time.Duration) bool {
	if within == 0 || len(a.Credentials) == 0 {
		return true
	}
	return slices.ContainsFunc(a.Credentials, func(c Credential) bool { return now.Sub(c.LastUsed) <= within })
}

func (s *Service) account(ctx context.Context, tenantName, rp string, who UserRef) (*Account, error) {
	if err := who.check(); err != nil {
		return nil, err
	}
	return s.store.Account(ctx, tenantName, rp, who)
}

func creationOptions(p *policySet, t terms, a *Account, in BeginRegistration, challenge []byte) (*webauthn.CreationOptions, error) {
	o := webauthn.CreationOptions{
		RP: webauthn.RPEntity{ID: p.source.ID, Name: p.source.Name},
		User: webauthn.UserEntity{
			ID: a.User.Handle, Name: cmp.Or(in.ShownName, a.User.Name), DisplayName: cmp.Or(in.DisplayName, a.User.DisplayName),
		},
		Challenge:        challenge,
		PubKeyCredParams: webauthn.Parameters(t.algorithms...),
		TimeoutMillis:    t.timeout.Milliseconds(),
		AuthenticatorSelection: &webauthn.AuthenticatorSelection{
			AuthenticatorAttachment: t.attachment,
			ResidentKey:             t.residentKey,
			UserVerification:        t.userVerification,
		},
		Hints:              t.hints,
		Attestation:        t.attestation,
		AttestationFormats: p.source.AttestationFormats,
		Extensions:         in.Extensions,
	}
	if !in.AllowRepeat {
		o.ExcludeCredentials = descriptors(unarchived(a.Credentials))
	}
	return webauthn.NewCreationOptions(o)
}

// unarchived returns the credentials that are not archived.
func unarchived(credentials []Credential) []Credential {
	return slices.DeleteFunc(slices.Clone(credentials), func(c Credential) bool { return c.Standing == Archived })
}

func descriptors(credentials []Credential) []webauthn.CredentialDescriptor {
	list := make([]webauthn.CredentialDescriptor, 0, len(credentials))
	for _, c := range credentials {
		list = append(list, webauthn.CredentialDescriptor{Type: webauthn.TypePublicKey, ID: c.CredentialID, Transports: c.Transports})
	}
	return list
}

package credential

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// BeginAuthentication says who is to sign in, if that is known.
type BeginAuthentication struct {
	RelyingParty string

	// User is who claims to sign in. Zero asks for a discoverable credential: the
	// answer says who it is. A browser session bound to a user is always that user.
	User UserRef

	RequestID  string                     // the caller's own id, unique at the relying party; empty for none
	Extensions map[string]json.RawMessage // client extension inputs by identifier (§9)

	ChallengeBytes int // length of the challenge, 16 to 64; zero means 32

	// Narrow is what the caller asks for beyond the policy; members about
	// registration are not looked at.
	Narrow Narrowing

	// HideUnknown answers for a name that is nobody's, or has no credential, as if it
	// had some, the same ones each time (§14.6.2). Browser sessions get that always;
	// a back end asks for it when it shows the options to whoever gave the name.
	HideUnknown bool

	// Stranger is whoever calls from the authority's address: a program that lets anybody
	// in acts for all of them. Unknown names are hidden from them, and what they leave
	// open counts for their address alone, not for the name they gave.
	Stranger bool
}

// BegunAuthentication is a ceremony that awaits an assertion.
type BegunAuthentication struct {
	Ceremony CeremonyID
	Options  *webauthn.RequestOptions
	JSON     json.RawMessage // Options in the form that browsers read
	Expires  time.Time       // when the challenge is void
}

// BeginAuthentication makes request options and opens the ceremony that the
// assertion will finish.
//
// A client or operator needs fido.authenticate for the relying party. A browser
// session may sign in to its relying party; one opened to enrol, once it has
// registered. Errors: user.unknown, user.locked and credential.none, unless they are
// hidden; policy.wider; tenant's policy.unknown and policy.conflict for the policies
// named; ceremony.limit, ceremony.request_exists; session.unknown, session.purpose.
func (s *Service) BeginAuthentication(ctx context.Context, by tenant.Authority, in BeginAuthentication) (*BegunAuthentication, error) {
	begun, err := s.beginAuthentication(ctx, by, in)
	if err != nil {
		return nil, s.denied(ctx, by, Authentication, in.RelyingParty, err)
	}
	return begun, nil
}

func (s *Service) beginAuthentication(ctx context.Context, by tenant.Authority, in BeginAuthentication) (*BegunAuthentication, error) {
	if err := s.mayAuthenticate(ctx, by, &in); err != nil {
		return nil, err
	}
	p, err := s.policyUnder(ctx, by.Tenant, in.RelyingParty, in.Narrow.Policies)
	if err != nil {
		return nil, err
	}
	in.Narrow.ResidentKey, in.Narrow.Attachment, in.Narrow.Attestation, in.Narrow.Algorithms, in.Narrow.AAGUIDs = "", "", "", nil, nil
	t, err := p.merge(in.Narrow, p.signInDemands)
	if err != nil {
		return nil, err
	}
	// The extension makes answers for another RP ID good (§10.1.1): the policy's matter.
	if _, ok := in.Extensions["appid"]; ok {
		return nil, ErrPolicyWider.At("extensions.appid")
	}
	if !validText(in.RequestID, maxRequestIDChars) {
		return nil, ErrRequestID.At("requestId")
	}
	user, allowed, err := s.candidates(ctx, by, in, &t)
	if err != nil {
		return nil, err
	}
	challenge, err := s.challenge(in.ChallengeBytes)
	if err != nil {
		return nil, err
	}
	options, err := webauthn.NewRequestOptions(webauthn.RequestOptions{
		Challenge: challenge, TimeoutMillis: t.timeout.Milliseconds(), RPID: p.source.ID,
		AllowCredentials: allowed, UserVerification: t.userVerification,
		Hints: t.hints, Extensions: p.authenticationExtensions(in.Extensions, t.u2f),
	})
	if err != nil {
		return nil, unfit(err)
	}
	c, err := s.newCeremony(by, in.RelyingParty, Authentication, challenge, options, t)
	if err != nil {
		return nil, err
	}
	c.User, c.RequestID = user, in.RequestID
	if in.Stranger {
		c.Address = tenant.Network(by.Address)
	}
	if err := s.openCeremony(ctx, by, c, "authentication.begun"); err != nil {
		return nil, err
	}
	return &BegunAuthentication{Ceremony: c.ID, Options: options, JSON: c.Options, Expires: c.Expires}, nil
}

// mayAuthenticate checks the right to begin. For a browser session it fills in what
// the session is bound to.
func (s *Service) mayAuthenticate(ctx context.Context, by tenant.Authority, in *BeginAuthentication) error {
	in.HideUnknown = in.HideUnknown || in.Stranger
	if by.Session == "" {
		return by.RequireOrSelf(tenant.ScopeAuthenticate, in.RelyingParty)
	}
	session, err := s.liveSession(ctx, by)
	if err != nil {
		return err
	}
	switch {
	case session.RelyingParty != in.RelyingParty,
		session.Purpose == Enrol && session.Registered.IsZero():
		return ErrSessionPurpose
	case session.Purpose == Console, session.Purpose == Tasks: // signed in for good; another sign-in is another visit
		return ErrSessionPurpose
	case session.Purpose == Visit:
		in.HideUnknown = true
		return nil
	case session.needsOrigin():
		in.HideUnknown, in.Narrow.UserVerification = true, webauthn.UserVerificationRequired
		return nil
	}
	if !in.User.IsZero() && !in.User.Matches(&User{ID: session.User, Name: session.UserName}) {
		return ErrSessionPurpose
	}
	in.User = ByID(session.User)
	return nil
}

// candidates returns the user who is to sign in and the credentials that may answer.
// Both are empty where the answer is to say who it is.
func (s *Service) candidates(ctx context.Context, by tenant.Authority, in BeginAuthentication, t *terms) (UserID, []webauthn.CredentialDescriptor, error) {
	if in.User.IsZero() {
		return "", []webauthn.CredentialDescriptor{}, nil
	}
	account, err := s.subjectAccount(ctx, by, in.RelyingParty, in.User)
	if errors.Is(err, ErrSubject) {
		return "", nil, err
	}
	var usable []Credential
	if err == nil && by.SparesOperators {
		if err := refuseAbove(by, &account.User); err != nil {
			return "", nil, err
		}
	}
	if err == nil {
		lapse(account.Credentials, s.clock())
		usable = slices.DeleteFunc(account.Credentials, func(c Credential) bool { return c.State != Active })
		err = mayAnswer(&account.User, usable)
	}
	t.u2f = slices.ContainsFunc(usable, func(c Credential) bool { return c.fromU2F() })
	if err == nil {
		return account.User.ID, descriptors(usable), nil
	}
	if !in.HideUnknown || fault.KindOf(err) == fault.Internal || fault.KindOf(err) == fault.Unavailable {
		return "", nil, err
	}
	t.stored.Decoy = true
	if len(usable) > 0 { // locked: what was shown before is shown still
		return "", descriptors(usable), nil
	}
	allowed, err := s.decoys(ctx, by.Tenant, in.RelyingParty, in.User)
	return "", allowed, err
}

func mayAnswer(u *User, usable []Credential) error {
	switch {
	case u.IsLocked():
		return ErrUserLocked
	case len(usable) == 0:
		return ErrNoCredential
	}
	return nil
}

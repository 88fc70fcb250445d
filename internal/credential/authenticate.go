package credential

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
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

	// Narrow is what the caller asks for beyond the policy; members about
	// registration are not looked at.
	Narrow Narrowing

	// HideUnknown answers for a name that is nobody's, or has no credential, as if it
	// had some, the same ones each time (§14.6.2). Browser sessions get that always;
	// a back end asks for it when it shows the options to whoever gave the name.
	HideUnknown bool
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
// hidden; policy.wider; ceremony.limit, ceremony.request_exists; session.unknown,
// session.purpose.
func (s *Service) BeginAuthentication(ctx context.Context, by tenant.Authority, in BeginAuthentication) (*BegunAuthentication, error) {
	if err := s.mayAuthenticate(ctx, by, &in); err != nil {
		return nil, err
	}
	p, err := s.policy(ctx, by.Tenant, in.RelyingParty)
	if err != nil {
		return nil, err
	}
	in.Narrow.ResidentKey, in.Narrow.Attachment, in.Narrow.Attestation, in.Narrow.Algorithms, in.Narrow.AAGUIDs = "", "", "", nil, nil
	t, err := p.merge(in.Narrow)
	if err != nil {
		return nil, err
	}
	// The extension makes answers for another RP ID good (§10.1.1): a policy's matter.
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
	challenge, err := s.random(challengeBytes)
	if err != nil {
		return nil, err
	}
	options, err := webauthn.NewRequestOptions(webauthn.RequestOptions{
		Challenge: challenge, TimeoutMillis: t.timeout.Milliseconds(), RPID: p.source.ID,
		AllowCredentials: allowed, UserVerification: t.userVerification,
		Hints: in.Narrow.Hints, Extensions: in.Extensions,
	})
	if err != nil {
		return nil, unfit(err)
	}
	c, err := s.newCeremony(by, in.RelyingParty, Authentication, challenge, options, t)
	if err != nil {
		return nil, err
	}
	c.User, c.RequestID = user, in.RequestID
	if err := s.openCeremony(ctx, by, c, "authentication.begun"); err != nil {
		return nil, err
	}
	return &BegunAuthentication{Ceremony: c.ID, Options: options, JSON: c.Options, Expires: c.Expires}, nil
}

// mayAuthenticate checks the right to begin. For a browser session it fills in what
// the session is bound to.
func (s *Service) mayAuthenticate(ctx context.Context, by tenant.Authority, in *BeginAuthentication) error {
	if by.Session == "" {
		return by.Require(tenant.ScopeAuthenticate, in.RelyingParty)
	}
	session, err := s.liveSession(ctx, by)
	if err != nil {
		return err
	}
	switch {
	case session.RelyingParty != in.RelyingParty,
		session.Purpose == Enrol && session.Registered.IsZero():
		return ErrSessionPurpose
	case session.Purpose == Visit:
		in.HideUnknown = true
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
	account, err := s.account(ctx, by.Tenant, in.RelyingParty, in.User)
	var usable []Credential
	if err == nil {
		usable = slices.DeleteFunc(account.Credentials, func(c Credential) bool { return c.State != Active })
		err = mayAnswer(&account.User, usable)
	}
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

// FinishAuthentication is an assertion that answers an authentication ceremony.
type FinishAuthentication struct {
	RelyingParty string
	User         UserRef    // who the caller takes the answer to be from; zero: whoever it says
	Ceremony     CeremonyID // the ceremony the caller takes it to answer; empty: any of its own
	RequestID    string     // the request the caller takes it to answer; empty: any of its own
	Response     *webauthn.AuthenticationResponse
}

// SignIn is an assertion that was accepted.
type SignIn struct {
	User         User
	Credential   Credential // with the counter, backup state and last use that it has now
	UserVerified bool
	Warnings     []string

	// Session is the signed-in session that was opened for a browser; nil for other
	// callers. It takes the place of the session that began the ceremony.
	Session *OpenedSession
}

// FinishAuthentication judges an assertion and notes the use of its credential: the
// counter, the backup state and the time.
//
// Only the client or browser session that began the ceremony may finish it: to
// anyone else it is unknown. A refusal of the answer spends the ceremony. A counter
// that did not grow is refused, as a sign of a cloned authenticator. Errors:
// response.missing; ceremony.unknown, ceremony.used, ceremony.expired,
// ceremony.request, which change nothing; webauthn.* for an answer that was refused,
// credential.unknown, credential.suspended, user.locked and ceremony.user, which close
// the ceremony as failed.
func (s *Service) FinishAuthentication(ctx context.Context, by tenant.Authority, in FinishAuthentication) (*SignIn, error) {
	if in.Response == nil {
		return nil, ErrResponse
	}
	if err := requireUnlessSession(by, tenant.ScopeAuthenticate, in.RelyingParty); err != nil {
		return nil, err
	}
	p, err := s.policy(ctx, by.Tenant, in.RelyingParty)
	if err != nil {
		return nil, err
	}
	pending, err := s.store.AuthenticationAt(ctx, CeremonyKey{
		Tenant: by.Tenant, RelyingParty: in.RelyingParty, Kind: Authentication,
		Challenge: sha256.Sum256(in.Response.ClientData.Challenge),
	}, in.Response.CredentialID)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	if err := pending.mayBeFinished(by, taken{in.Ceremony, in.RequestID, in.User}, now); err != nil {
		return nil, err
	}
	made, err := s.judgeAuthentication(ctx, p, pending, in)
	if err != nil {
		return nil, s.refuse(ctx, by, &pending.Ceremony, pending.Credential, err)
	}
	return s.signIn(ctx, by, pending, made, now)
}

// judgeAuthentication verifies the assertion, and only then says what is wrong with
// the credential or its owner: without the key nobody learns that.
func (s *Service) judgeAuthentication(ctx context.Context, p *policy, pending *Pending, in FinishAuthentication) (*webauthn.Authentication, error) {
	cer, c, u := &pending.Ceremony, pending.Credential, pending.User
	options := new(webauthn.RequestOptions)
	if err := json.Unmarshal(cer.Options, options); err != nil {
		return nil, fmt.Errorf("stored request options: %w", err)
	}
	known := cer.User != ""
	if cer.Terms.Decoy {
		return nil, s.refuseDecoy(ctx, options, p.rp, in.Response)
	}
	if c == nil || known && c.User != cer.User {
		// Whether it was offered comes first, as it would for a credential there is.
		_, err := webauthn.JudgeAuthentication(options.Expectation(p.rp, webauthn.CredentialRecord{}, known), in.Response)
		if refusedAs(err, webauthn.ReasonCredentialNotAllowed) {
			return nil, err
		}
		return nil, ErrCredentialUnknown
	}
	expected := options.Expectation(p.rp, webauthn.CredentialRecord{
		ID: c.CredentialID, PublicKey: c.PublicKey, SignCount: c.SignCount,
		BackupEligible: c.BackupEligible, BackupState: c.BackupState, UserHandle: u.Handle,
	}, known)
	made, err := webauthn.JudgeAuthentication(expected, in.Response)
	if refusedAs(err, webauthn.ReasonSignCount) {
		return nil, errors.Join(err, &CounterError{Stored: c.SignCount, Got: in.Response.AuthenticatorData.SignCount})
	}
	if err != nil {
		return nil, err
	}
	switch {
	case !in.User.IsZero() && !in.User.Matches(u):
		return nil, ErrCeremonyUser
	case u.IsLocked():
		return nil, ErrUserLocked
	case c.State != Active:
		return nil, ErrCredentialSuspended
	}
	return made, nil
}

// signIn notes an accepted assertion. A browser gets a new session with a new cookie
// value, so that one that was planted on it before is worth nothing.
func (s *Service) signIn(ctx context.Context, by tenant.Authority, pending *Pending, made *webauthn.Authentication, now time.Time) (*SignIn, error) {
	cer, c := &pending.Ceremony, pending.Credential
	done := Authenticated{
		Ceremony: cer.ID, Tenant: cer.Tenant, Credential: c.ID,
		SignCount: made.SignCount, BackupState: made.Flags.BackupState(),
		UVInitialized: c.UVInitialized, At: now, Session: by.Session,
	}
	result := &SignIn{
		User: *pending.User, Credential: *c,
		UserVerified: made.Flags.UserVerified(), Warnings: warnings(made.Warnings),
	}
	if by.Session != "" {
		opened, err := s.signedInSession(by, cer, c, now)
		if err != nil {
			return nil, err
		}
		opened.Session.UserName, opened.Session.DisplayName = pending.User.Name, pending.User.DisplayName
		result.Session, done.Open = opened, &opened.Session
	}
	e := credentialEvent(by, now, "authentication.succeeded", c)
	e.Detail = map[string]string{"ceremony": string(cer.ID)}
	if err := s.store.CompleteAuthentication(ctx, done, e); err != nil {
		return nil, s.lostSignIn(ctx, by, pending, err)
	}
	result.Credential.SignCount, result.Credential.BackupState, result.Credential.LastUsed = made.SignCount, done.BackupState, now
	return result, nil
}

// lostSignIn is a good assertion that came to a credential, or user, that changed
// while it was judged. The ceremony is spent all the same.
func (s *Service) lostSignIn(ctx context.Context, by tenant.Authority, pending *Pending, err error) error {
	if counter, ok := errors.AsType[*CounterError](err); ok {
		cause := &webauthn.VerificationError{
			Reason: webauthn.ReasonSignCount, Step: "7.2/22",
			Detail: "another assertion of this credential was accepted meanwhile", Err: counter,
		}
		return s.refuse(ctx, by, &pending.Ceremony, pending.Credential, cause)
	}
	for _, f := range []error{ErrCredentialUnknown, ErrCredentialSuspended, ErrUserLocked} {
		if errors.Is(err, f) {
			return s.refuse(ctx, by, &pending.Ceremony, pending.Credential, err)
		}
	}
	return err
}

func refusedAs(err error, reason webauthn.Reason) bool {
	v, ok := errors.AsType[*webauthn.VerificationError](err)
	return ok && v.Reason == reason
}

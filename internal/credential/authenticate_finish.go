package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// FinishAuthentication is an assertion that answers an authentication ceremony.
type FinishAuthentication struct {
	RelyingParty string
	User         UserRef    // who the caller takes the answer to be from; zero: whoever it says
	Ceremony     CeremonyID // the ceremony the caller takes it to answer; empty: any of its own
	RequestID    string     // the request the caller takes it to answer; empty: any of its own
	// Origin is the only site the answer may be from, and in no frame. Empty: any that
	// the relying party allows. To sign in to the console or to tasks it has to be
	// given: else a site of the same relying party could sign in there as whoever visits it.
	Origin string

	// ByRequest finds the ceremony by RequestID, as in [FinishRegistration].
	ByRequest bool

	Response *webauthn.AuthenticationResponse

	Signals bool // have [SignIn.Signals] as well

	// SuspendClone suspends a credential whose counter did not grow, beside the refusal:
	// there may be two authenticators that answer with it, and nobody knows which is whose.
	SuspendClone bool
}

// clonedError is a refusal for which the credential is to be suspended.
type clonedError struct{ error }

// Unwrap returns the refusal.
func (e *clonedError) Unwrap() error { return e.error }

// SignIn is an assertion that was accepted.
type SignIn struct {
	Ceremony     Ceremony // that was answered, as it was begun
	User         User
	Credential   Credential // with the counter, backup state and last use that it has now
	UserVerified bool
	Warnings     []string

	// WouldRefuse are the rules broken of policies that only monitor; nil for none.
	WouldRefuse []policy.RefusedBy

	// Session is the signed-in session that was opened for a browser; nil for other
	// callers. It takes the place of the session that began the ceremony.
	Session *OpenedSession

	// Signals is what to tell the user's client, if it was asked for. Nil as well where
	// it could not be read: the sign-in stands all the same.
	Signals *Signals
}

// FinishAuthentication judges an assertion and notes the use of its credential: the
// counter, the backup state and the time.
//
// Only the client or browser session that began the ceremony may finish it: to
// anyone else it is unknown. A refusal of the answer spends the ceremony. A counter
// that did not grow is refused, as a sign of a cloned authenticator. Errors:
// response.missing; ceremony.unknown, ceremony.used, ceremony.expired,
// ceremony.request, ceremony.policy, which change nothing; webauthn.* for an answer that was refused,
// credential.unknown, credential.suspended, user.locked and ceremony.user, which close
// the ceremony as failed.
func (s *Service) FinishAuthentication(ctx context.Context, by tenant.Authority, in FinishAuthentication) (*SignIn, error) {
	if in.Response == nil {
		return nil, ErrResponse
	}
	session, err := s.mayFinishSignIn(ctx, by, in)
	if err != nil {
		return nil, s.denied(ctx, by, Authentication, in.RelyingParty, err)
	}
	if by.Subject != "" { // whoever else answers is not the one at work
		in.User = ByID(UserID(by.Subject))
	}
	if _, err := s.policy(ctx, by.Tenant, in.RelyingParty); err != nil {
		return nil, err
	}
	key, err := s.ceremonyKey(ctx, by, answered{
		in.RelyingParty, Authentication, in.Response.ClientData.Challenge, in.RequestID, in.ByRequest, in.User,
	})
	if err != nil {
		return nil, err
	}
	pending, err := s.store.AuthenticationAt(ctx, key, in.Response.CredentialID)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	if pending.Credential != nil {
		pending.Credential.lapse(now)
	}
	if err := pending.mayBeFinished(by, taken{in.Ceremony, in.RequestID, in.User}, now); err != nil {
		return nil, err
	}
	p, err := s.policyOf(ctx, &pending.Ceremony)
	if err != nil {
		return nil, err
	}
	made, err := s.judgeAuthentication(ctx, p, pending, in)
	if err != nil {
		if in.SuspendClone && refusedAs(err, webauthn.ReasonSignCount) {
			err = &clonedError{err}
		}
		return nil, s.refuse(ctx, by, &pending.Ceremony, pending.Credential, err)
	}
	decision, err := s.judgeSignIn(ctx, p, pending.Credential, made, in.Response.Attachment)
	if err != nil {
		return nil, s.refuse(ctx, by, &pending.Ceremony, pending.Credential, err)
	}
	done, err := s.signIn(ctx, by, pending, accepted{made, decision, session, in.SuspendClone}, now)
	if err == nil && in.Signals {
		done.Signals = s.signalsAfter(ctx, done)
	}
	return done, err
}

// mayFinishSignIn checks the right to finish and returns the browser session that
// does; nil for other callers.
func (s *Service) mayFinishSignIn(ctx context.Context, by tenant.Authority, in FinishAuthentication) (*Session, error) {
	if by.Session == "" {
		return nil, by.RequireOrSelf(tenant.ScopeAuthenticate, in.RelyingParty)
	}
	session, err := s.liveSession(ctx, by)
	if err != nil {
		return nil, err
	}
	if session.needsOrigin() && in.Origin == "" {
		return nil, ErrSessionPurpose
	}
	return session, nil
}

// judgeAuthentication verifies the assertion, and only then says what is wrong with
// the credential or its owner: without the key nobody learns that.
func (s *Service) judgeAuthentication(ctx context.Context, p *policySet, pending *Pending, in FinishAuthentication) (*webauthn.Authentication, error) {
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
	expected.SignCountPolicy = s.count
	if !c.fromU2F() {
		expected.AppID = "" // a newer credential was never made for one
	}
	if err := p.profile.atSignIn(&expected, in.Response); err != nil {
		return nil, err
	}
	made, err := webauthn.JudgeAuthentication(expected, in.Response)
	if refusedAs(err, webauthn.ReasonSignCount) {
		return nil, errors.Join(err, &CounterError{Stored: c.SignCount, Got: in.Response.AuthenticatorData.SignCount})
	}
	if err != nil {
		return nil, err
	}
	if err := refuseOrigin(in.Origin, in.Response); err != nil {
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

// accepted is an assertion that was found good.
type accepted struct {
	*webauthn.Authentication
	decision *policy.Decision // what policies made of it; nil if none was asked
	session  *Session         // the browser's that brought it; nil for other callers

	suspendClone bool // as [FinishAuthentication] says
}

// signIn notes an accepted assertion. A browser gets a new session with a new cookie
// value, so that one that was planted on it before is worth nothing.
func (s *Service) signIn(ctx context.Context, by tenant.Authority, pending *Pending, made accepted, now time.Time) (*SignIn, error) {
	cer, c := &pending.Ceremony, pending.Credential
	done := Authenticated{
		Ceremony: cer.ID, Tenant: cer.Tenant, Credential: c.ID,
		SignCount: made.SignCount, BackupState: made.Flags.BackupState(),
		UVInitialized: c.UVInitialized, At: now, Session: by.Session,
		AnyCounter: s.count == webauthn.SignCountWarn,
	}
	result := &SignIn{
		Ceremony: *cer, User: *pending.User,
		UserVerified: made.Flags.UserVerified(), Warnings: warnings(made.Warnings),
	}
	if made.decision != nil {
		result.WouldRefuse = made.decision.WouldRefuse()
	}
	if made.session != nil {
		opened, err := s.signedInSession(by, made.session, pending, now)
		if err != nil {
			return nil, err
		}
		result.Session, done.Open = opened, &opened.Session
	}
	e := credentialEvent(by, now, "authentication.succeeded", c)
	e.Detail = map[string]string{"ceremony": string(cer.ID)}
	if done.Open != nil && done.Open.Role != "" && done.Open.Purpose == Console {
		e.Detail["role"] = string(done.Open.Role)
	}
	if len(result.Warnings) > 0 {
		e.Detail["warnings"] = strings.Join(result.Warnings, " ")
	}
	if names := wouldRefuse(made.decision); len(names) > 0 {
		e.Detail["wouldRefuse"] = strings.Join(names, " ")
	}
	if err := s.store.CompleteAuthentication(ctx, done, e); err != nil {
		return nil, s.lostSignIn(ctx, by, pending, made, err)
	}
	c.SignCount = max(c.SignCount, made.SignCount)
	c.BackupState, c.LastUsed, c.Uses = done.BackupState, now, c.Uses+1
	if c.Standing == Initial {
		c.Standing = Plain
	}
	result.Credential = *c
	return result, nil
}

// lostSignIn is a good assertion that came to a credential, or user, that changed
// while it was judged. The ceremony is spent all the same.
func (s *Service) lostSignIn(ctx context.Context, by tenant.Authority, pending *Pending, made accepted, err error) error {
	if counter, ok := errors.AsType[*CounterError](err); ok {
		var cause error = &webauthn.VerificationError{
			Reason: webauthn.ReasonSignCount, Step: "7.2/22",
			Detail: "another assertion of this credential was accepted meanwhile", Err: counter,
		}
		if made.suspendClone {
			cause = &clonedError{cause}
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

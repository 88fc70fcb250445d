package credential

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// Ceremony returns a ceremony that the caller began, by its id or by the caller's
// own request id at a relying party; [Ceremony.StateAt] says how it stands. It needs
// fido.provision or fido.authenticate for its relying party. Errors:
// ceremony.unknown, also for a ceremony that another began.
func (s *Service) Ceremony(ctx context.Context, by tenant.Authority, ref CeremonyRef) (*Ceremony, error) {
	if !validText(string(ref.ID), maxRequestIDChars) || !validText(ref.RequestID, maxRequestIDChars) || !validText(ref.RelyingParty, maxRequestIDChars) {
		return nil, ErrCeremonyUnknown
	}
	ref.Tenant = by.Tenant
	c, err := s.store.Ceremony(ctx, ref)
	if err != nil {
		return nil, err
	}
	return shown(by, c)
}

// CeremonyOf returns the ceremony of a kind that the caller began with the challenge,
// for callers whose answers name no ceremony. It needs what [Service.Ceremony] needs.
// Errors: ceremony.unknown.
func (s *Service) CeremonyOf(ctx context.Context, by tenant.Authority, rp string, kind CeremonyKind, challenge []byte) (*Ceremony, error) {
	if !validText(rp, maxRequestIDChars) {
		return nil, ErrCeremonyUnknown
	}
	key := CeremonyKey{Tenant: by.Tenant, RelyingParty: rp, Kind: kind, Challenge: sha256.Sum256(challenge)}
	var pending *Pending
	var err error
	if kind == Registration {
		pending, err = s.store.RegistrationAt(ctx, key)
	} else {
		pending, err = s.store.AuthenticationAt(ctx, key, []byte{})
	}
	if err != nil {
		return nil, err
	}
	return shown(by, &pending.Ceremony)
}

// CeremonyUser returns whose ceremony c, which the caller got from [Service.Ceremony],
// is: of one that succeeded whoever answered it, and of others whom it was begun for. Nil
// where that is not known, or the user or the credential is gone.
func (s *Service) CeremonyUser(ctx context.Context, by tenant.Authority, c *Ceremony) (*User, error) {
	if _, err := shown(by, c); err != nil {
		return nil, err
	}
	id := c.User
	if id == "" && c.Credential != "" {
		used, err := s.store.Credential(ctx, c.Tenant, Ref{ID: c.Credential})
		if err != nil {
			return nil, unless(err, ErrCredentialUnknown)
		}
		id = used.User
	}
	if id == "" {
		return nil, nil
	}
	if by.Subject != "" && id != UserID(by.Subject) {
		return nil, ErrSubject
	}
	u, err := s.store.User(ctx, c.Tenant, ByID(id))
	if err != nil {
		return nil, unless(err, ErrUserUnknown)
	}
	return u, nil
}

// unless returns err, or nil if it is the fault.
func unless(err error, known *fault.Error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}

// shown returns c if by may see it: whoever began it, with the right to do so.
func shown(by tenant.Authority, c *Ceremony) (*Ceremony, error) {
	if !c.MayFinish(by) {
		return nil, ErrCeremonyUnknown
	}
	scope := tenant.ScopeProvision
	if c.Kind == Authentication {
		scope = tenant.ScopeAuthenticate
	}
	if err := requireUnlessSession(by, scope, c.RelyingParty); err != nil {
		return nil, hide(err, ErrCeremonyUnknown)
	}
	return c, nil
}

// requireUnlessSession is Require for callers who hold scopes. A browser session
// holds none: what it may do was judged when it began, and who else it may be for is
// the ceremony's own question.
func requireUnlessSession(by tenant.Authority, scope tenant.Scope, rp string) error {
	if by.Session != "" {
		return nil
	}
	return by.RequireOrSelf(scope, rp)
}

// acting returns by as it acts for a user: on behalf of them, unless it is them.
func acting(by tenant.Authority, id UserID) tenant.Authority {
	if by.Actor.Kind == audit.User && by.Actor.ID == string(id) {
		return by
	}
	return by.For(string(id))
}

// newCeremony returns an open ceremony with the options as they will be sent.
func (s *Service) newCeremony(by tenant.Authority, rp string, kind CeremonyKind, challenge []byte, options any, t terms) (*Ceremony, error) {
	sent, err := json.Marshal(options)
	switch {
	case err != nil: // an extension input that is not JSON
		return nil, ErrOptions.At("extensions").Because(err)
	case len(sent) > webauthn.MaxOptionsBytes:
		return nil, ErrOptions.Saying("The options are too long.")
	}
	now := s.clock()
	c := &Ceremony{
		ID: CeremonyID(newID()), Tenant: by.Tenant, RelyingParty: rp, Kind: kind, State: CeremonyOpen,
		Challenge: sha256.Sum256(challenge), Options: sent, Terms: t.stored,
		Actor: by.Actor, Session: by.Session, Via: by.Via, Ref: clip(by.Ref, maxRefChars),
		Created: now, Expires: now.Add(t.life),
	}
	if by.Session != "" {
		c.Address = tenant.Network(by.Address)
	}
	return c, nil
}

// openCeremony stores a ceremony, unless too many are open.
func (s *Service) openCeremony(ctx context.Context, by tenant.Authority, c *Ceremony, action string) error {
	if err := s.tenants.enter(ctx, c.Tenant, c.Created); err != nil {
		return err
	}
	caps := Caps{PerUser: max(0, s.limits.CeremoniesPerUser)}
	if c.Address != "" {
		caps.PerAddress = max(0, s.limits.CeremoniesPerAddress)
	}
	if c.Address != "" && by.Session == "" {
		caps.PerUser = 0 // of a stranger: a name's limit would tell that it is somebody's, and lock them out
	}
	return s.store.OpenCeremony(ctx, c, caps, begunEvent(by, c, action))
}

func begunEvent(by tenant.Authority, c *Ceremony, action string) audit.Event {
	e := acting(by, c.User).Event(c.Created, action)
	e.RelyingParty, e.User = c.RelyingParty, string(c.User)
	e.Detail = map[string]string{"ceremony": string(c.ID)}
	if len(c.Terms.Policies) > 0 {
		e.Detail["policies"] = strings.Join(c.Terms.Policies, " ")
	}
	return e
}

// refuse closes a ceremony whose answer was refused, with the event that says so,
// and returns the refusal. What is no refusal but a fault of ours leaves the ceremony
// open.
func (s *Service) refuse(ctx context.Context, by tenant.Authority, cer *Ceremony, used *Credential, cause error) error {
	err := refused(cause)
	f := fault.From(err)
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		return err
	}
	now := s.clock()
	e := by.Event(now, string(cer.Kind)+".refused")
	e.RelyingParty, e.User, e.Outcome = cer.RelyingParty, string(cer.User), f.Code
	e.Detail = refusalDetail(cer, cause)
	if used != nil {
		e.Credential, e.User = string(used.ID), string(used.User)
	}
	// A caller that hangs up has not taken its answer back.
	ctx = context.WithoutCancel(ctx)
	failed := Failed{Tenant: cer.Tenant, Ceremony: cer.ID, Outcome: f.Code, At: now}
	if used != nil {
		failed.Used = used.ID
	}
	// What is suspended already stays so for the reason it is.
	if _, cloned := errors.AsType[*clonedError](cause); cloned && used != nil && used.State == Active {
		failed.Lock, e.Detail["suspended"] = true, string(FailureLocked)
	}
	if lost := s.store.FailCeremony(ctx, failed, e); lost != nil {
		return lost
	}
	return err
}

func refusalDetail(cer *Ceremony, cause error) map[string]string {
	detail := map[string]string{"ceremony": string(cer.ID)}
	if v, ok := errors.AsType[*webauthn.VerificationError](cause); ok {
		detail["step"] = v.Step
	}
	if r, ok := errors.AsType[*PolicyRefusal](cause); ok {
		detail["policy"], detail["rule"] = r.Decision.RefusedBy.Policy, r.Decision.RefusedBy.Rule
	}
	if c, ok := errors.AsType[*CounterError](cause); ok {
		detail["stored"] = strconv.FormatUint(uint64(c.Stored), 10)
		detail["got"] = strconv.FormatUint(uint64(c.Got), 10)
	}
	return detail
}

// credentialEvent begins the event of something done to, or with, a credential.
func credentialEvent(by tenant.Authority, now time.Time, action string, c *Credential) audit.Event {
	e := acting(by, c.User).Event(now, action)
	e.RelyingParty, e.User, e.Credential = c.RelyingParty, string(c.User), string(c.ID)
	return e
}

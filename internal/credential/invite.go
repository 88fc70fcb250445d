package credential

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// Limits of an invitation's life.
const (
	defaultInvitationLife = 24 * time.Hour
	minInvitationLife     = time.Minute
	maxInvitationLife     = 30 * 24 * time.Hour
)

// sessionLife is how long a browser session lasts.
const sessionLife = 15 * time.Minute

// Invite says whom to invite.
type Invite struct {
	RelyingParty string
	User         UserRef
	Life         time.Duration // zero: 24 hours; one minute to 30 days
	Additional   bool          // the user has a credential and is to add another
}

// Invited is an invitation with its secret.
type Invited struct {
	Invitation Invitation
	Secret     string // base64url of 256 bits; shown once, kept nowhere
}

// Invite lets a user register a credential by themselves, in a browser: it returns a
// secret for them. An earlier invitation of the same user to the same relying party
// is cancelled; if it was spent, the session it opened ends, unless it has registered
// its credential.
//
// It needs users.write and fido.provision for the relying party, and nobody may
// invite themselves. A user who has a credential needs Additional: whoever holds the
// secret would otherwise take over an account in silence. Such an invitation has an
// action of its own in the audit trail, "invitation.additional", and so has one of an
// operator, "operator.invited". Errors: user.required, user.unknown, user.locked,
// registration.self, operator.above, invitation.life, invitation.additional_needed,
// credential.limit.
func (s *Service) Invite(ctx context.Context, by tenant.Authority, in Invite) (*Invited, error) {
	if err := mayInvite(by, in.RelyingParty); err != nil {
		return nil, err
	}
	life := in.Life
	if life == 0 {
		life = defaultInvitationLife
	}
	if life < minInvitationLife || life > maxInvitationLife {
		return nil, ErrInvitationLife.At("life")
	}
	p, err := s.policy(ctx, by.Tenant, in.RelyingParty)
	if err != nil {
		return nil, err
	}
	account, err := s.account(ctx, by.Tenant, in.RelyingParty, in.User)
	if err != nil {
		return nil, err
	}
	if err := mayHaveCredential(by, p, account); err != nil {
		return nil, err
	}
	if len(account.Credentials) > 0 && !in.Additional {
		return nil, ErrAdditionalNeeded
	}
	secret, err := newSecret(s.rand)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	i := Invitation{
		ID: newID(), Tenant: by.Tenant, RelyingParty: in.RelyingParty, User: account.User.ID,
		Secret: sha256.Sum256([]byte(secret)), Additional: len(account.Credentials) > 0,
		State: InvitationOpen, Actor: by.Actor, Via: by.Via, Ref: clip(by.Ref, maxRefChars),
		Created: now, Expires: now.Add(life),
	}
	if err := s.store.Invite(ctx, &i, invitedEvent(by, &i, account)); err != nil {
		return nil, err
	}
	return &Invited{Invitation: i, Secret: secret}, nil
}

func mayInvite(by tenant.Authority, rp string) error {
	if by.Session != "" {
		return ErrSessionPurpose
	}
	return errors.Join(by.Require(tenant.ScopeUsersWrite, rp), by.Require(tenant.ScopeProvision, rp))
}

func invitedEvent(by tenant.Authority, i *Invitation, a *Account) audit.Event {
	action := "invitation.created"
	switch {
	case a.User.Role != "":
		action = "operator.invited"
	case i.Additional:
		action = "invitation.additional"
	}
	e := acting(by, i.User).Event(i.Created, action)
	e.RelyingParty, e.User = i.RelyingParty, string(i.User)
	e.Detail = map[string]string{"invitation": i.ID, "expires": i.Expires.Format(time.RFC3339)}
	if i.Additional {
		e.Detail["credentials"] = strconv.Itoa(len(a.Credentials))
	}
	if a.User.Role != "" {
		e.Detail["role"] = string(a.User.Role)
	}
	return e
}

// StartEnrolment spends an invitation and opens the browser session in which its
// user may register one credential. address is the caller's, for the brake on
// guessing.
//
// Errors: address.limited; invitation.unknown, invitation.spent,
// invitation.cancelled, invitation.expired; invitation.additional_needed where the
// user got a credential since; user.locked.
func (s *Service) StartEnrolment(ctx context.Context, secret, address string) (*OpenedSession, error) {
	now := s.clock()
	if err := s.wrong.allow(address, now); err != nil {
		return nil, err
	}
	i, err := s.invitation(ctx, secret)
	if errors.Is(err, ErrInvitationUnknown) {
		s.wrong.count(address, now)
	}
	if err != nil {
		return nil, err
	}
	if err := i.open(now); err != nil {
		return nil, err
	}
	opened, err := s.newSession(Session{
		Tenant: i.Tenant, RelyingParty: i.RelyingParty, Purpose: Enrol, User: i.User,
		Invitation: i.ID, Address: address,
	}, now)
	if err != nil {
		return nil, err
	}
	by := opened.Session.authority(tenant.Authority{Via: "enrol", Address: address})
	e := by.Event(now, "invitation.spent")
	e.RelyingParty, e.User = i.RelyingParty, string(i.User)
	e.Detail = map[string]string{"invitation": i.ID}
	if err := s.store.StartEnrolment(ctx, &opened.Session, e); err != nil {
		return nil, err
	}
	return opened, nil
}

func (s *Service) invitation(ctx context.Context, secret string) (*Invitation, error) {
	if !isSecret(secret) {
		return nil, ErrInvitationUnknown
	}
	return s.store.InvitationBySecret(ctx, sha256.Sum256([]byte(secret)))
}

// isSecret reports whether s has the form of a secret of ours.
func isSecret(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == secretBytes
}

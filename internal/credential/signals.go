package credential

import (
	"bytes"
	"context"
	"errors"

	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// Signals is what a client is told so that it keeps a user's passkeys in order
// (§5.1.10). Each member is the argument of the method of its name. They are for the
// client of that user, once the user has signed in there.
type Signals struct {
	// AllAcceptedCredentials has every credential of the user that is not archived,
	// suspended ones too: a client may delete what is not in it for good, and a suspended
	// one may be resumed.
	AllAcceptedCredentials webauthn.AllAcceptedCredentials `json:"allAcceptedCredentials"`
	CurrentUserDetails     webauthn.CurrentUserDetails     `json:"currentUserDetails"`

	// UnknownCredential is there if a credential was asked about that is nobody's.
	UnknownCredential *webauthn.UnknownCredential `json:"unknownCredential,omitempty"`
}

// SignalQuery says whose signals are asked for.
type SignalQuery struct {
	RelyingParty string
	User         UserRef
	CredentialID []byte // one that a client showed and may be nobody's; nil: none
}

// Signals returns what to tell a user's client. It needs fido.read for the relying
// party. A browser session that has signed in gets its user's own, whatever it asks for.
// Errors: rp.unknown, user.unknown.
func (s *Service) Signals(ctx context.Context, by tenant.Authority, q SignalQuery) (*Signals, error) {
	if by.Session != "" {
		session, err := s.signedIn(ctx, by)
		if err != nil {
			return nil, err
		}
		q.RelyingParty, q.User = session.RelyingParty, ByID(session.User)
	} else if err := by.Require(tenant.ScopeRead, q.RelyingParty); err != nil {
		return nil, err
	}
	if _, err := s.rps.RelyingParty(ctx, by.Tenant, q.RelyingParty); err != nil {
		return nil, err
	}
	u, err := s.user(ctx, by.Tenant, q.User)
	if err != nil {
		return nil, err
	}
	ids, err := s.store.AcceptedIDs(ctx, q.RelyingParty, u.ID)
	if err != nil {
		return nil, err
	}
	signals := signalsOf(u, q.RelyingParty, ids)
	if q.CredentialID == nil {
		return signals, nil
	}
	_, err = s.store.Credential(ctx, by.Tenant, Ref{RelyingParty: q.RelyingParty, CredentialID: q.CredentialID})
	switch {
	case errors.Is(err, ErrCredentialUnknown):
		signals.UnknownCredential = &webauthn.UnknownCredential{RPID: q.RelyingParty, CredentialID: bytes.Clone(q.CredentialID)}
	case err != nil:
		return nil, err
	}
	return signals, nil
}

// signalsAfter returns the signals of who has just signed in; nil if they cannot be
// read, since that undoes no sign-in.
func (s *Service) signalsAfter(ctx context.Context, done *SignIn) *Signals {
	c := &done.Credential
	ids, err := s.store.AcceptedIDs(ctx, c.RelyingParty, c.User)
	if err != nil {
		s.log.Warn("signals after a sign-in", "tenant", c.Tenant, "user", c.User, "error", err)
		return nil
	}
	return signalsOf(&done.User, c.RelyingParty, ids)
}

// signalsOf makes the signals of a user, of whose credentials ids are all to be kept.
func signalsOf(u *User, rp string, ids [][]byte) *Signals {
	accepted := make([]webauthn.Bytes, len(ids))
	for i, id := range ids {
		accepted[i] = id
	}
	return &Signals{
		AllAcceptedCredentials: webauthn.AllAcceptedCredentials{RPID: rp, UserID: u.Handle, AllAcceptedCredentialIDs: accepted},
		CurrentUserDetails:     webauthn.CurrentUserDetails{RPID: rp, UserID: u.Handle, Name: u.Name, DisplayName: u.DisplayName},
	}
}

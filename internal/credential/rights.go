package credential

import (
	"context"
	"errors"
	"strings"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

// requireSomewhere returns nil if by holds scope for at least one relying party.
// What is then found has still to be one that the grant covers.
func requireSomewhere(by tenant.Authority, scope tenant.Scope) error {
	if len(by.RelyingParties) > 0 {
		return by.Require(scope, by.RelyingParties[0])
	}
	return by.Require(scope, "")
}

// requireUserRead lets whoever may read or change users, or work for one at some
// relying party, see user records: they are the tenant's, not a relying party's.
func requireUserRead(by tenant.Authority) error {
	err := requireSomewhere(by, tenant.ScopeRead)
	if err != nil && requireSomewhere(by, tenant.ScopeUsersWrite) == nil {
		return nil
	}
	return err
}

// refuseOwn returns registration.self if by would register a credential for
// themselves: whoever can do that needs no second person to take over an account,
// and the trail would name another. An operator is known by their user's id, whatever
// they are called meanwhile; a client or the local user of the command line is taken
// for the user of the same name. The client's word about its operator is not believed,
// but it is enough to refuse.
func refuseOwn(by tenant.Authority, u *User) error {
	if by.Subject == string(u.ID) {
		return nil // at work themselves, by the word of the tenant's identity system
	}
	switch by.Actor.Kind {
	case audit.User:
		if by.Session == "" {
			return ErrOwnRegistration
		}
	default:
		if named(bare(by.Actor.ID), u) {
			return ErrOwnRegistration
		}
	}
	if orderedBy(strings.TrimSpace(by.Claimed), u) {
		return ErrOwnRegistration
	}
	return nil
}

// orderedBy reports whether u is who an order is claimed to come from: by a name, or as
// processes say it of their starter, as kind:id. A user who started one started what is
// open to users.
func orderedBy(claimed string, u *User) bool {
	kind, id, _ := strings.Cut(claimed, ":")
	return named(claimed, u) || kind != string(audit.User) && named(bare(id), u)
}

// refuseOther returns subject.other if by proves to be a user other than the one with
// the id, who may be nobody.
func refuseOther(by tenant.Authority, id UserID) error {
	if by.Subject != "" && by.Subject != string(id) {
		return ErrSubject
	}
	return nil
}

// subjectAccount is account for a caller who may be a user at work: that a name is
// nobody's, or another's, is the same answer to them.
func (s *Service) subjectAccount(ctx context.Context, by tenant.Authority, rp string, who UserRef) (*Account, error) {
	account, err := s.account(ctx, by.Tenant, rp, who)
	if by.Subject != "" && errors.Is(err, ErrUserUnknown) {
		return nil, ErrSubject
	}
	if err != nil {
		return nil, err
	}
	if err := refuseOther(by, account.User.ID); err != nil {
		return nil, err
	}
	return account, nil
}

// bare is an actor's id without what says where it is known from.
func bare(id string) string {
	return strings.TrimPrefix(strings.TrimPrefix(id, tenant.LocalPrefix), tenant.UserPrefix)
}

// named reports whether text, which somebody is called by elsewhere, is u's name or id.
func named(text string, u *User) bool {
	return text != "" && (NameKey(text) == NameKey(u.Name) || text == string(u.ID))
}

// hide turns the refusal of a right for a relying party into unknown, so that a
// caller learns nothing about what it has no business with.
func hide(err error, unknown *fault.Error) error {
	if err == nil {
		return nil
	}
	return unknown.Because(err)
}

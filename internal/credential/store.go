package credential

import (
	"context"
	"crypto/sha256"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// Store is what a [Service] asks of storage. Each method is one use case: those that
// change something do it in one transaction, or not at all, together with the audit
// events given. They join the transaction of the context, if there is one.
//
// Methods return the faults of this package where their comments say so. Everything
// is looked up inside one tenant; what belongs to another tenant does not exist.
type Store interface {
	UserStore
	CeremonyStore
	CredentialStore
	EnrolmentStore
	OperatorStore

	// Purge deletes at most p.Limit ceremonies, sessions and invitations each that
	// expired before p says, and writes one event, made by event, for each tenant that
	// lost something. It returns what was deleted in all.
	Purge(ctx context.Context, p Retention, event func(tenant string, n Purged) audit.Event) (Purged, error)

	// Record writes an event that tells of no change.
	Record(ctx context.Context, e audit.Event) error

	// RecordDenial writes e, unless b.Most events of the same tenant, actor, user, action,
	// outcome and relying party of b were written in the window that it falls into: then it counts e. The
	// first one after a window begins the next; if there was one left out, it is preceded
	// by the event that tell makes of them. A clock that was turned back ends a window too.
	RecordDenial(ctx context.Context, e audit.Event, b DenialBrake, tell func(DenialsLeftOut) audit.Event) error

	// TellLeftOut ends the windows that are over at now, and writes the event that tell
	// makes of each in which something was left out.
	TellLeftOut(ctx context.Context, now time.Time, b DenialBrake, tell func(DenialsLeftOut) audit.Event) error

	// AfterCommit calls f once the transaction of ctx is committed, and never if it is
	// rolled back. Without a transaction it calls f at once. f must return soon.
	AfterCommit(ctx context.Context, f func())

	// DecoyKey returns the installation's secret for answers about names that are
	// nobody's. The first call stores fresh; every later one, from any node, returns
	// what the first stored.
	DecoyKey(ctx context.Context, fresh []byte) ([]byte, error)
}

// UserStore keeps users.
type UserStore interface {
	// CreateUser stores u. It returns user.exists if its [NameKey] or its handle is
	// taken in the tenant.
	CreateUser(ctx context.Context, u *User, e audit.Event) error

	// ImportUsers stores those of rows whose name and handle are free, with their
	// events, and reports for each row whether it was stored. Rows that clash with
	// each other count in order: the first is stored.
	ImportUsers(ctx context.Context, rows []ImportRow) ([]bool, error)

	// ChangeUser sets what change names and returns the user as it is then:
	// user.unknown, or user.exists where the new name is taken. Locking ends the
	// user's browser sessions; it returns operator.last for the last administrator.
	ChangeUser(ctx context.Context, change UserChange, e audit.Event) (*User, error)

	// User returns a user, or user.unknown.
	User(ctx context.Context, tenant string, ref UserRef) (*User, error)

	// Users returns the users that q selects, ordered by [NameKey].
	Users(ctx context.Context, q UserQuery) ([]User, error)

	// PersonRecord returns all that is kept about a user beside the audit trail, or
	// user.unknown.
	PersonRecord(ctx context.Context, tenant string, id UserID) (*PersonRecord, error)

	// EraseUser deletes a user and their credentials, evidence, ceremonies,
	// invitations, sessions and role, or returns user.unknown, or operator.last for the
	// last administrator. Audit events stay.
	EraseUser(ctx context.Context, erasure UserErasure, e audit.Event) error
}

// ImportRow is a user to store, and the event that tells of it.
type ImportRow struct {
	User  *User
	Event audit.Event
}

// UserChange says what of a user to set. A nil member leaves things as they are.
type UserChange struct {
	Tenant      string
	ID          UserID
	Name        *string
	DisplayName *string
	Locked      *bool // a user who is locked keeps the time they were locked first
	LastToo     bool  // lock the last administrator too
	At          time.Time
}

// UserErasure says whom to erase.
type UserErasure struct {
	Tenant  string
	ID      UserID
	LastToo bool // the last administrator too
}

// CredentialStore keeps credentials.
type CredentialStore interface {
	// Credential returns a credential, or credential.unknown.
	Credential(ctx context.Context, tenant string, ref Ref) (*Credential, error)

	// Credentials returns the credentials that q selects, in the order they were made.
	Credentials(ctx context.Context, q CredentialQuery) ([]Credential, error)

	// Evidence returns what was kept of a credential's registration, or
	// credential.unknown.
	Evidence(ctx context.Context, tenant string, id ID) (*Evidence, error)

	// KeepBasis stores parts of judgements' bases. Those that are there already stay as
	// they are.
	KeepBasis(ctx context.Context, tenant string, parts []BasisPart) error

	// Basis returns the parts with these names, in their order, without those that are
	// not there.
	Basis(ctx context.Context, tenant string, refs []BasisRef) ([]BasisPart, error)

	// CountCredentials returns how many credentials q selects, on all pages together.
	CountCredentials(ctx context.Context, q CredentialQuery) (int, error)

	// AdoptCredential stores a credential that no ceremony here has made. It returns
	// user.unknown or user.locked; credential.exists if the relying party knows the
	// credential id, or the tenant the external id; credential.limit if the user has most
	// credentials at the relying party, unless that is zero.
	AdoptCredential(ctx context.Context, c *Credential, evidence *Evidence, most int, e audit.Event) error

	// ChangeCredential sets what change names, counts its version up and returns it as
	// it is then: credential.unknown, credential.archived, or credential.version where
	// change expects another version. Suspending it ends the sessions that were signed in with it,
	// those of the console too.
	ChangeCredential(ctx context.Context, change CredentialChange, events []audit.Event) (*Credential, error)

	// DeleteCredential deletes a credential and its evidence, or returns
	// credential.unknown, and ends the sessions that were signed in with it. Its user
	// keeps their handle.
	DeleteCredential(ctx context.Context, tenant string, id ID, e audit.Event) error
}

// CredentialChange says what of a credential to set. A nil member leaves things as
// they are.
type CredentialChange struct {
	Tenant    string
	ID        ID
	Name      *string
	State     *State
	Reason    string // with State, as are these two
	Standing  Standing
	Until     time.Time
	SignCount *uint32 // to be raised to
	Version   int64   // the version expected; zero: any
	At        time.Time
}

// EnrolmentStore keeps invitations and browser sessions.
type EnrolmentStore interface {
	// Invite stores an open invitation, cancels the user's earlier open ones at the
	// relying party, and ends the sessions of those that were spent, unless they have
	// registered their credential. It returns user.unknown or user.locked, and
	// invitation.additional_needed if the user has a credential there and i is not for
	// an additional one.
	Invite(ctx context.Context, i *Invitation, e audit.Event) error

	// InvitationBySecret returns the invitation whose secret has the hash, of whatever
	// tenant and in whatever state, or invitation.unknown.
	InvitationBySecret(ctx context.Context, secret [sha256.Size]byte) (*Invitation, error)

	// StartEnrolment spends an open invitation and opens s. It returns
	// invitation.unknown, .spent, .cancelled or .expired; user.unknown or user.locked;
	// and invitation.additional_needed where the user got a credential since. Of
	// concurrent calls for one invitation one succeeds.
	StartEnrolment(ctx context.Context, s *Session, e audit.Event) error

	// OpenSession opens a session that no invitation stands behind.
	OpenSession(ctx context.Context, s *Session, e audit.Event) error

	// Session returns a session by its id, whatever its state, with its user's names; or
	// session.unknown. A session whose user is locked or gone is unknown.
	Session(ctx context.Context, id string) (*Session, error)

	// EndSession ends a session; to end one that has ended is no fault.
	EndSession(ctx context.Context, tenant, id string, at time.Time, e audit.Event) error

	// SessionUsed puts off to until the time at which a session ends unless it is used,
	// or returns session.unknown if it has ended at the time at. It never brings that
	// time forward. A session's use changes nothing else, so there is no event.
	SessionUsed(ctx context.Context, id string, at, until time.Time) error
}

// OperatorStore keeps the roles of operators. The last administrator of a tenant is
// one beside whom no user who is not locked holds that role; of concurrent changes one
// finds that there is another, and the next that there is none.
type OperatorStore interface {
	// GrantRole gives a user c.Role in place of the role they have, cancels their open
	// invitations and ends their sessions to enrol that have registered nothing. It
	// returns user.unknown or user.locked, and operator.last where the last
	// administrator is given another role.
	GrantRole(ctx context.Context, c RoleChange, e audit.Event) error

	// RevokeRole takes a user's role and ends their sessions of the console. It returns
	// operator.unknown for a user without role, and operator.last.
	RevokeRole(ctx context.Context, c RoleChange, e audit.Event) error

	// Operators returns the users of a tenant who hold a role, by name.
	Operators(ctx context.Context, tenant string) ([]Operator, error)

	// Counts counts what a tenant has.
	Counts(ctx context.Context, tenant string) (Counts, error)
}

// RoleChange gives or takes a role.
type RoleChange struct {
	Tenant  string
	User    UserID
	Role    tenant.Role // the role to give
	By      string      // who gives it: an actor
	LastToo bool        // take it from the last administrator too
	At      time.Time
}

// Retention says what Purge deletes.
type Retention struct {
	Ceremonies  time.Time // ceremonies whose time was over before; zero: none
	Sessions    time.Time // likewise sessions
	Invitations time.Time // likewise invitations
	Limit       int       // of each
}

// Purged is how much a purge deleted.
type Purged struct {
	Ceremonies  int
	Sessions    int
	Invitations int
}

// Total is the sum of the counts.
func (p Purged) Total() int { return p.Ceremonies + p.Sessions + p.Invitations }

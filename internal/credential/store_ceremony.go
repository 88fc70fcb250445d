package credential

import (
	"context"
	"time"

	"bestow.dev/internal/audit"
)

// CeremonyStore keeps ceremonies.
type CeremonyStore interface {
	// Account returns a user and the credentials they have at a relying party, the
	// suspended ones too, oldest first; or user.unknown.
	Account(ctx context.Context, tenant, rp string, ref UserRef) (*Account, error)

	// AcceptedIDs returns the credential ids of a user at a relying party, oldest first,
	// without those of archived credentials.
	AcceptedIDs(ctx context.Context, rp string, user UserID) ([][]byte, error)

	// OpenCeremony stores an open ceremony. Where it has a user it returns
	// user.unknown or user.locked if that is how the user now stands; where a count of
	// ceremonies open at c.Created has reached its cap, ceremony.limit; and
	// ceremony.request_exists if the request id is taken at the relying party.
	OpenCeremony(ctx context.Context, c *Ceremony, caps Caps, e audit.Event) error

	// OpenFirstCeremony stores a user and the open ceremony that is their first. It
	// returns user.exists if their [NameKey] or handle is taken in the tenant, and
	// ceremony.request_exists if the request id is taken at the relying party.
	OpenFirstCeremony(ctx context.Context, u *User, c *Ceremony, events []audit.Event) error

	// ImportCeremony stores an open ceremony that did not begin here, with what i brings
	// along, in a database that was made as test data. It returns test_data.required in
	// any other; user.exists if i.User's [NameKey] or handle is taken in the tenant;
	// user.unknown or user.locked for the user of the ceremony; and
	// ceremony.challenge_exists if the relying party has, or had, a ceremony of the kind
	// with the challenge.
	ImportCeremony(ctx context.Context, i CeremonyImport, events []audit.Event) error

	// CountOpenCeremonies returns how many ceremonies of a tenant are open at now.
	CountOpenCeremonies(ctx context.Context, tenant string, now time.Time) (int, error)

	// RegistrationAt returns the registration ceremony with the key and its user, in
	// one read, whatever its state; or ceremony.unknown.
	RegistrationAt(ctx context.Context, key CeremonyKey) (*Pending, error)

	// AuthenticationAt returns the authentication ceremony with the key, in one read,
	// whatever its state, together with the credential that has the credential id at
	// the relying party and that credential's owner; or ceremony.unknown. Credential
	// and User are nil where there is no such credential.
	AuthenticationAt(ctx context.Context, key CeremonyKey, credentialID []byte) (*Pending, error)

	// Ceremony returns a ceremony by its id, or where that is empty by request id, or
	// ceremony.unknown.
	Ceremony(ctx context.Context, ref CeremonyRef) (*Ceremony, error)

	// CompleteRegistration lets an open ceremony succeed and stores the credential it
	// made, with its evidence and its user's done.ShownName. It returns, and changes nothing then: ceremony.unknown,
	// ceremony.used or ceremony.expired; user.unknown or user.locked; credential.exists
	// if the relying party knows the credential id, whoever's it is; credential.limit if
	// the user has done.Most credentials at the relying party; session.unknown or
	// session.registered if done.Session may not register, and
	// invitation.additional_needed if its user has a credential there and its invitation
	// is not for an additional one. Of concurrent calls for one ceremony one succeeds.
	CompleteRegistration(ctx context.Context, done Registered, e audit.Event) error

	// CompleteAuthentication lets an open ceremony succeed, updates the credential that
	// answered it and opens the session, if there is one to open, ending the one before
	// it. It returns, and changes nothing then: ceremony.unknown, ceremony.used or
	// ceremony.expired; user.locked; credential.unknown or credential.suspended; a
	// [CounterError] if the stored counter has meanwhile reached the new one and neither
	// is zero; session.unknown if the session that began it has ended. The stored
	// counter never goes backwards.
	CompleteAuthentication(ctx context.Context, done Authenticated, e audit.Event) error

	// FailCeremony closes an open ceremony as failed with outcome as its reason, and counts
	// that for the credential that was used, or locks it. It returns ceremony.unknown, ceremony.used or ceremony.expired, and changes nothing
	// then.
	FailCeremony(ctx context.Context, f Failed, e audit.Event) error
}

// CeremonyImport is a ceremony that was recorded elsewhere, to be stored.
type CeremonyImport struct {
	Ceremony *Ceremony
	User     *User // to be made; nil: there is one

	// Credential takes the place of the one with its credential id at the relying
	// party, and Evidence of that one's. Both are nil for a registration.
	Credential *Credential
	Evidence   *Evidence
}

// Account is a user with their credentials at one relying party. Of a credential it has
// what options are made from: its ids, format and transports, how it stands, until when,
// and when it was used last.
type Account struct {
	User        User
	Credentials []Credential
}

// Caps limit how many ceremonies may be open at once; zero is no limit. A store may
// let ceremonies that are opened in the same instant on different nodes pass a cap.
type Caps struct {
	PerUser    int // with the same user, begun by the same actor
	PerAddress int // begun from the same address
}

// Pending is a ceremony that an answer came for, with what it takes to judge it.
type Pending struct {
	Ceremony   Ceremony
	User       *User       // registration: the one to register; authentication: the credential's owner
	Credential *Credential // authentication only
}

// CeremonyRef finds a ceremony by one of its identifiers.
type CeremonyRef struct {
	Tenant       string
	ID           CeremonyID
	RelyingParty string // with RequestID
	RequestID    string
}

// Registered is a registration to be stored.
type Registered struct {
	Ceremony   CeremonyID
	Credential *Credential
	Evidence   *Evidence
	Session    string // the browser session that did it; empty for none
	Most       int    // credentials the user may have; zero for any number
	ShownName  string // the user name shown from now on; empty: as before
	At         time.Time
}

// Authenticated is a sign-in to be stored.
type Authenticated struct {
	Ceremony      CeremonyID
	Tenant        string
	Credential    ID
	SignCount     uint32
	BackupState   bool
	UVInitialized bool // set once it is true, never cleared
	AnyCounter    bool // accept a counter that did not grow; keep the higher one
	At            time.Time

	Session string   // the browser session that began it; empty for none
	Open    *Session // the session to open instead; nil for none
}

// CounterError says that a credential's counter did not grow since it was read.
type CounterError struct {
	Stored, Got uint32
}

// Error returns the text for the log.
func (e *CounterError) Error() string { return "sign count did not grow" }

// Failed is a refusal to be stored.
type Failed struct {
	Tenant   string
	Ceremony CeremonyID
	Outcome  string // code
	At       time.Time

	Used ID   // the credential it was answered with; empty for none, or one that is gone
	Lock bool // suspend Used as [FailureLocked], and end the sessions signed in with it
}

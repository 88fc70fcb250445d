package credential

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// Directory knows the relying parties. It is asked on every ceremony, so it answers
// from memory.
type Directory interface {
	// RelyingParty returns a relying party of the tenant, with every default filled
	// in, or tenant's rp.unknown. The caller does not change it.
	RelyingParty(ctx context.Context, tenantName, rpID string) (*tenant.RelyingParty, error)

	// RelyingPartyUnder returns one likewise, with further policies of the tenant in
	// force. Errors: tenant's policy.unknown and policy.conflict as well.
	RelyingPartyUnder(ctx context.Context, tenantName, rpID string, policies []string) (*tenant.RelyingParty, error)
}

// Config is what a [Service] is made of. Store and Directory are required.
type Config struct {
	Store     Store
	Directory Directory

	// Trail reads the audit trail for [Service.ExportUser]. Nil leaves events out of
	// exports.
	Trail audit.Store

	// Runs returns the runs of identity processes that are for a user, for
	// [Service.ExportUser]. Nil leaves them out of exports.
	Runs func(ctx context.Context, tenantName string, user UserID) ([]PersonRun, error)

	// Notify tells a person of a credential that was added for them, after it was
	// stored. It runs beside the call that made the credential; its error is logged.
	// Nil tells nobody.
	Notify func(ctx context.Context, n Notice) error

	// Vendors are the lists about authenticators' vendors. Nil: no roots of theirs, and
	// the TPM manufacturers that are shipped.
	Vendors Vendors

	// Models is the metadata of authenticator models. Nil: there is none.
	Models Models

	// Profile has one relying party behave as conformance tests want it. Nil: none does.
	Profile *Profile

	// Now is the clock; nil is [time.Now].
	Now func() time.Time

	// Rand is where challenges, handles and secrets come from; nil is crypto/rand.
	Rand io.Reader

	// Log takes what has no caller to be told; nil discards it.
	Log *slog.Logger

	// SignCount is what to do about a signature counter that did not grow (7.2/22).
	// Zero refuses the assertion; a warning is kept in the audit trail.
	SignCount webauthn.SignCountPolicy

	// Limits are the brakes; the zero value has the defaults of its fields.
	Limits Limits
}

// Limits hold back callers who ask for too much. Zero is the default that each field
// names; a negative number is no limit.
type Limits struct {
	CeremoniesPerUser    int // open at once, by the same caller for the same user; 20
	CeremoniesPerAddress int // open at once, from the same address of browsers; 20
	CeremoniesPerTenant  int // open at once, about; 100,000
	WrongPerMinute       int // wrong invitation secrets from one address; 10
	SessionsPerMinute    int // visits begun from one address; 30
	DenialsPerMinute     int // events of what was denied to one actor for one reason; 10

	// How long what is over stays, so that callers are told what became of it.
	KeepCeremonies  time.Duration // 24 hours
	KeepSessions    time.Duration // 24 hours
	KeepInvitations time.Duration // 30 days
}

func (l Limits) withDefaults() Limits {
	return Limits{
		CeremoniesPerUser:    cmp.Or(l.CeremoniesPerUser, 20),
		CeremoniesPerAddress: cmp.Or(l.CeremoniesPerAddress, 20),
		CeremoniesPerTenant:  cmp.Or(l.CeremoniesPerTenant, 100_000),
		WrongPerMinute:       cmp.Or(l.WrongPerMinute, 10),
		SessionsPerMinute:    cmp.Or(l.SessionsPerMinute, 30),
		DenialsPerMinute:     cmp.Or(l.DenialsPerMinute, 10),
		KeepCeremonies:       cmp.Or(l.KeepCeremonies, 24*time.Hour),
		KeepSessions:         cmp.Or(l.KeepSessions, 24*time.Hour),
		KeepInvitations:      cmp.Or(l.KeepInvitations, 30*24*time.Hour),
	}
}

// Service is the use cases of users, ceremonies and credentials. It is safe for
// concurrent use.
type Service struct {
	store  Store
	rps    Directory
	trail  audit.Store
	runs   func(ctx context.Context, tenantName string, user UserID) ([]PersonRun, error)
	now    func() time.Time
	rand   io.Reader
	log    *slog.Logger
	count  webauthn.SignCountPolicy
	limits Limits

	policies policies
	basis    keptBases
	models   modelParts
	notices  notices
	wrong    brake
	visits   brake
	tenants  tenantGate

	decoyOnce sync.Mutex
	decoyKey  []byte
}

// New returns a service. It returns an error if c lacks what is required.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Directory == nil {
		return nil, errors.New("credential: a service needs a store and a directory")
	}
	s := &Service{
		store: c.Store, rps: c.Directory, trail: c.Trail, runs: c.Runs,
		now: c.Now, rand: c.Rand, log: c.Log,
		count: c.SignCount, limits: c.Limits.withDefaults(),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.policies.vendors, s.policies.models, s.policies.profile = c.Vendors, c.Models, c.Profile
	s.notices = notices{send: c.Notify, log: s.log}
	s.wrong = brake{most: s.limits.WrongPerMinute}
	s.visits = brake{most: s.limits.SessionsPerMinute}
	s.tenants = tenantGate{most: s.limits.CeremoniesPerTenant, count: c.Store.CountOpenCeremonies}
	return s, nil
}

// Close waits until the notices under way are delivered or ctx is done.
func (s *Service) Close(ctx context.Context) error { return s.notices.wait(ctx) }

// clock returns the time of a change: UTC, of the precision that is stored.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// random returns n random bytes.
func (s *Service) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.rand, b); err != nil {
		return nil, err
	}
	return b, nil
}

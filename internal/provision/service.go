package provision

import (
	"context"
	"errors"
	"log/slog"
	"net/mail"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/tenant"
)

// Config is what a [Service] is made of.
type Config struct {
	Store       Store               // required
	Sealer      Sealer              // required
	Credentials *credential.Service // required
	Relay       *relay.Service      // required
	Directory   Directory           // required
	Dialer      Dialer              // required
	Web         Web                 // required

	// Mailer sends mail. Nil: there is none, and definitions with a mail task are refused.
	Mailer Mailer

	// News tells the processes that something was heard of what waits under a key. In a
	// transaction it becomes lasting with it. Nil: who waits looks at its times.
	News func(ctx context.Context, tenantName, key string) error

	// InvitationURL is what an invitation's secret is put behind: the enrolment page and
	// its fragment. Required.
	InvitationURL string

	// Log receives what no caller can be told. Nil discards it.
	Log *slog.Logger

	// Now is the clock of settings. Tasks have that of the process. Nil means time.Now.
	Now func() time.Time
}

// Directory knows the relying parties.
type Directory interface {
	RelyingParty(ctx context.Context, tenantName, id string) (*tenant.RelyingParty, error)
	RelyingParties(ctx context.Context, tenantName string) ([]*tenant.RelyingParty, error)
}

// Web makes the HTTP requests of tasks. A [*Refusal] is a request that is not made, with a
// Message that says why; any other error means that there is no answer now.
type Web interface {
	Do(ctx context.Context, r WebRequest) (*WebAnswer, error)
}

// WebRequest is one request.
type WebRequest struct {
	Method string
	URL    string // https, or http on this machine
	Header map[string]string
	Body   []byte
}

// WebAnswer is the answer to it, whatever its status.
type WebAnswer struct {
	Status      int
	ContentType string
	Body        []byte
}

// MaxWebBytes bounds what is sent and taken as the body of a request of a task.
const MaxWebBytes = 64 << 10

// Mailer sends mail. A [*Refusal] means that it will not be taken, now or later.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// Mail is a message in plain text.
type Mail struct {
	To      []mail.Address
	Subject string
	Body    string
	Key     string // the same for the same message sent again
	Date    time.Time
}

// Service is the settings and tasks. It is safe for concurrent use.
type Service struct {
	store       Store
	sealer      Sealer
	credentials *credential.Service
	relay       *relay.Service
	directory   Directory
	dialer      Dialer
	web         Web
	mailer      Mailer
	news        func(ctx context.Context, tenantName, key string) error
	invitation  string
	log         *slog.Logger
	now         func() time.Time
}

// New checks c and returns a service. It returns an error if something required is
// missing.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Sealer == nil || c.Credentials == nil || c.Relay == nil || c.Directory == nil ||
		c.Dialer == nil || c.Web == nil || c.InvitationURL == "" {
		return nil, errors.New("provision: all but mail, news, log and clock are required")
	}
	s := &Service{
		store: c.Store, sealer: c.Sealer, credentials: c.Credentials, relay: c.Relay, directory: c.Directory,
		dialer: c.Dialer, web: c.Web, mailer: c.Mailer, news: c.News, invitation: c.InvitationURL, log: c.Log, now: c.Now,
	}
	if s.news == nil {
		s.news = func(context.Context, string, string) error { return nil }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

// clock returns the time of a change: UTC, of the precision that is stored.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

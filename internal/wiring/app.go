// Package wiring puts the house together: it is the one place that knows every
// room. `bestow serve`, the command line and the demo all start here, so that they
// run the same thing.
//
// [Open] gives the services over an open database, for a verb of the command line;
// [Start] gives a whole server.
package wiring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/config"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/mds"
	"bestow.dev/internal/outbound"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/webhook"
	"bestow.dev/trust"
)

// App is the services over an open database.
type App struct {
	DB          *store.DB
	Directory   *tenant.Directory
	Credentials *credential.Service
	Relay       *relay.Service
	Processes   *process.Service
	Provision   *provision.Service
	Metadata    *mds.Service
	Webhooks    *webhook.Service
	TestData    bool         // the database was made with --test-data
	Trust       *trust.Lists // attestation roots and TPM manufacturers in force

	config  *config.Config
	url     string // public URL
	clients *relay.Clients
	log     *slog.Logger
}

// Options is what [Open] needs beside the configuration.
type Options struct {
	Log *slog.Logger // required
	URL string       // the public URL; empty: from the configuration
}

// DatabaseFile is where SQLite keeps its data.
func DatabaseFile(cfg *config.Config) string { return filepath.Join(cfg.Data, "bestow.db") }

// Open opens the database and makes the services. The caller closes the App.
func Open(ctx context.Context, cfg *config.Config, o Options) (_ *App, err error) {
	a := &App{config: cfg, log: o.Log}
	if o.URL == "" {
		o.URL = ConfiguredURL(cfg)
	}
	a.url = o.URL
	if a.Trust, err = TrustLists(cfg); err != nil {
		return nil, badConfiguration(err)
	}
	if err := refuseNewDatabase(cfg); err != nil {
		return nil, badConfiguration(err)
	}
	db := store.Config{Postgres: cfg.Database, TestData: cfg.TestData, StopAt: os.Getenv(stopVariable), Log: o.Log}
	if cfg.Database == "" {
		db.SQLite = DatabaseFile(cfg)
	}
	if a.DB, err = store.Open(ctx, db); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.DB.Close())
		}
	}()
	if err := a.seeTestData(ctx); err != nil {
		return nil, err
	}
	fromFile, err := fileTenants(cfg, o.URL)
	if err != nil {
		return nil, badConfiguration(err)
	}
	if a.Directory, err = tenant.New(ctx, a.DB, fromFile, time.Now); err != nil {
		return nil, badConfiguration(err)
	}
	profile, err := a.conformanceProfile()
	if err != nil {
		return nil, badConfiguration(err)
	}
	if err := a.openMetadata(); err != nil {
		return nil, badConfiguration(err)
	}
	if a.Credentials, err = credential.New(credential.Config{
		Store: a.DB, Directory: a.Directory, Trail: a.DB, Vendors: a.Trust, Models: models{a.Metadata},
		Profile: profile, Log: o.Log, Notify: a.notify, Runs: a.runsAbout,
	}); err != nil {
		return nil, err
	}
	if err := a.openRelay(o.URL); err != nil {
		return nil, badConfiguration(err)
	}
	keys, err := openKeyring(cfg)
	if err != nil {
		return nil, badConfiguration(err)
	}
	handlers, err := a.openProvision(keys)
	if err != nil {
		return nil, badConfiguration(err)
	}
	if err := a.openWebhooks(keys); err != nil {
		return nil, badConfiguration(err)
	}
	if a.Processes, err = process.New(process.Config{
		Store: a.DB.Process(), People: a.DB.People(), Wakeups: a.DB.Hub(), Handlers: handlers,
		Advice: a.Provision.Advice, HasRole: holdsRole, Listener: a.Webhooks, Log: o.Log,
	}); err != nil {
		return nil, err
	}
	return a, nil
}

// badConfiguration makes err the fault of whoever wrote the configuration, with all
// that says where it is. A fault of the database stays what it is.
func badConfiguration(err error) error {
	if kind := fault.KindOf(err); kind == fault.Unavailable {
		return err
	}
	return fault.New(fault.Invalid, "configuration", "configuration: "+err.Error()).Because(err)
}

// openRelay makes the relay, with the clients that the file names. Without the
// hermod front it has none, and works for later processes of our own.
func (a *App) openRelay(publicURL string) error {
	clients, err := relayClients(a.config)
	if err != nil {
		return err
	}
	if a.clients, err = relay.NewClients(clients...); err != nil {
		return fmt.Errorf("fronts.hermod.allowed-clients: %w", err)
	}
	if h := a.config.Fronts.Hermod; h != nil {
		for _, c := range h.AllowedClients {
			if c.ContentProviderURL != "" {
				a.log.Warn("content providers are not part of this version; commands that name remote content reach the device as they are", "client", c.ClientID)
			}
		}
	}
	caller, err := outbound.New(outbound.Config{CAFile: a.config.TLS.CAFile, Log: a.log})
	if err != nil {
		return fmt.Errorf("tls.ca-file: %w", err)
	}
	c := relay.Config{
		Store: a.DB.Relay(), Clients: relayClientsOf{a.clients, a}, Wakeups: a.DB.Hub(), Caller: caller,
		Ended:     func(ctx context.Context, c *relay.Stored) error { return a.Provision.Ended(ctx, c) },
		PublicURL: publicURL + "/hermod/rest/ms", Log: a.log,
	}
	if h := a.config.Fronts.Hermod; h != nil {
		c.PublicURL = h.PublicURL
		if c.PublicURL == "" {
			c.PublicURL = publicURL + h.URIBase + "/ms"
		}
		c.Attempts = h.Callback.Attempts
		c.RetryDelay = time.Duration(h.Callback.RetryDelay) * time.Second
	}
	a.Relay, err = relay.New(c)
	return err
}

// Reload takes the relay's clients from a configuration that was read again. All
// else needs a restart. If they are not good, the old ones stay.
func (a *App) Reload(again *config.Config) error {
	before, after := a.config.Fronts.Hermod, again.Fronts.Hermod
	if (before == nil) != (after == nil) || after != nil && before.Tenant != after.Tenant {
		// The door goes on serving the tenant it was opened for.
		return errors.New("fronts.hermod: to add it, remove it or change its tenant takes a restart")
	}
	clients, err := relayClients(again)
	if err != nil {
		return err
	}
	return a.clients.Replace(clients...)
}

// Purge removes what is over. A failure is logged: the next round tries again.
func (a *App) Purge(ctx context.Context) {
	if _, err := a.Credentials.Purge(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("purge of ceremonies, sessions and invitations", "error", err)
	}
	if _, err := a.Directory.PurgeAccessTokens(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("purge of access tokens", "error", err)
	}
}

// closeTime is how long notices under way may take to be delivered.
const closeTime = 5 * time.Second

// Close ends the services and closes the database.
func (a *App) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	return errors.Join(a.Credentials.Close(ctx), a.DB.Close())
}

// notify is the notice of a new credential until an installation has a way to reach
// people: a line in the log that a collector can act on.
func (a *App) notify(ctx context.Context, n credential.Notice) error {
	a.log.Info("a credential was added", "tenant", n.Tenant, "relyingParty", n.RelyingParty,
		"user", n.User.ID, "credential", n.Credential.ID, "by", n.Credential.ProvisionedBy, "self", n.Self)
	if n.Self {
		return a.Provision.CredentialAdded(ctx, n) // a process may be waiting for it
	}
	return nil
}

// holdsRole reports whether an operator or an API client may do the tasks of a role:
// whoever may do all that it may.
func holdsRole(by tenant.Authority, role string) bool {
	r := tenant.Role(role)
	return r.Valid() && by.Covers(r)
}

// ConfiguredURL is the public URL as far as it is known without listening.
func ConfiguredURL(cfg *config.Config) string {
	if cfg.PublicURL != "" {
		return cfg.PublicURL
	}
	_, port, _ := net.SplitHostPort(cfg.Listen) // checked when it was loaded
	return localURL(port)
}

// fileTenants translates the tenants of the configuration.
func fileTenants(cfg *config.Config, publicURL string) ([]tenant.FileTenant, error) {
	var tenants []tenant.FileTenant
	for i, t := range cfg.Tenants {
		ft, err := fileTenant(t)
		if err != nil {
			return nil, fmt.Errorf("tenants[%d].%w", i, err)
		}
		for j, rp := range t.RelyingParties {
			translated, err := fileRelyingParty(rp, publicURL)
			if err != nil {
				return nil, fmt.Errorf("tenants[%d].relying-parties[%d].%w", i, j, err)
			}
			ft.RelyingParties = append(ft.RelyingParties, translated)
		}
		for _, c := range t.Clients {
			ft.Clients = append(ft.Clients, tenant.FileClient{
				ID: c.ID, Name: c.Name, Secrets: c.Keys, Scopes: c.Scopes, RelyingParties: c.RelyingParties, Certificates: c.Certificates,
			})
		}
		tenants = append(tenants, ft)
	}
	return tenants, nil
}

func fileRelyingParty(rp config.RelyingParty, publicURL string) (tenant.RelyingParty, error) {
	out := tenant.RelyingParty{
		ID: rp.ID, Name: rp.Name, Origins: rp.Origins,
		AllowCrossOrigin: rp.AllowCrossOrigin, TopOrigins: rp.TopOrigins,
		ResidentKey:             tenant.Requirement(rp.ResidentKey),
		UserVerification:        tenant.Requirement(rp.UserVerification),
		AuthenticatorAttachment: rp.AuthenticatorAttachment,
		Attestation:             tenant.Attestation(rp.Attestation),
		AttestationTrust:        tenant.AttestationTrust(rp.AttestationTrust),
		AllowedAAGUIDs:          rp.AllowedAAGUIDs,
		Algorithms:              rp.Algorithms,
		MaxCredentialsPerUser:   rp.MaxCredentialsPerUser,
		ChallengeLife:           rp.ChallengeLife,
		Timeout:                 rp.Timeout,
		CeremonySettings:        fileCeremonySettings(rp),
	}
	if len(out.Origins) == 0 {
		out.Origins = originsFor(rp.ID, publicURL)
	}
	out.Policies = rp.Policies
	var err error
	if out.TrustAnchors, err = readTrust("trust-anchors-file", rp.TrustAnchorsFile); err != nil {
		return out, err
	}
	out.Trust, err = fileTrust(rp.Trust)
	return out, err
}

func fileCeremonySettings(rp config.RelyingParty) tenant.CeremonySettings {
	return tenant.CeremonySettings{
		RelatedOrigins: rp.RelatedOrigins, Hints: rp.Hints, AttestationFormats: rp.AttestationFormats,
		AllowConditionalCreate:      rp.AllowConditionalCreate,
		CredentialProtection:        tenant.CredentialProtection(rp.CredentialProtection),
		EnforceCredentialProtection: rp.EnforceCredentialProtection,
		RegistrationExtensions:      rp.RegistrationExtensions,
		AppID:                       rp.AppID,
	}
}

// originsFor is the public URL's origin where a page served there may use the
// relying party; otherwise nothing, which means https:// and the id.
func originsFor(rpID, publicURL string) []string {
	u, err := url.Parse(publicURL)
	if err != nil {
		return nil
	}
	if host := u.Hostname(); host == rpID || strings.HasSuffix(host, "."+rpID) {
		return []string{u.Scheme + "://" + u.Host}
	}
	return nil
}

// relayClients translates the relay's clients of the configuration.
func relayClients(cfg *config.Config) ([]*relay.Client, error) {
	h := cfg.Fronts.Hermod
	if h == nil {
		return nil, nil
	}
	var clients []*relay.Client
	for i, c := range h.AllowedClients {
		client := &relay.Client{
			Tenant: h.Tenant, ID: c.ClientID, Group: c.Group, CallbackURL: c.CallbackURL,
			AcceptUnsigned: c.AcceptUnsigned, MatchCode: c.MatchCode,
		}
		for _, key := range c.Keys {
			client.KeyHashes = append(client.KeyHashes, relay.HashKey(key))
		}
		client.CallbackUser, client.CallbackPassword, _ = strings.Cut(c.CallbackBasicAuth, ":")
		if len(c.AttestationSet) > 0 {
			keys, err := plugout.ParseKeySet(c.AttestationSet)
			if err != nil {
				return nil, fmt.Errorf("fronts.hermod.allowed-clients[%d].attestation-keys: %w", i, err)
			}
			client.KeySet = keys
		}
		clients = append(clients, client)
	}
	return clients, nil
}

// NoClients reports whether nobody can call: neither file nor database has an API
// client, and the relay has none.
func (a *App) NoClients(ctx context.Context) bool {
	for range a.clients.All() {
		return false
	}
	tenants, err := a.Directory.Tenants(ctx)
	if err != nil {
		return false
	}
	for _, t := range tenants {
		by := tenant.Authority{Tenant: t.Name, Actor: audit.Actor{Kind: audit.System, ID: "start"}, Scopes: []tenant.Scope{tenant.ScopeAdmin}}
		clients, err := a.Directory.Clients(ctx, by)
		if err != nil || len(clients) > 0 {
			return false
		}
	}
	return true
}

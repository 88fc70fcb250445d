package tenant

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"bestow.dev/internal/audit"
)

// FileTenant is a tenant as the configuration file describes it.
type FileTenant struct {
	Name           string
	RelyingParties []RelyingParty // Tenant and Source are set by New
	Clients        []FileClient
	TrustAnchors   string // PEM; they count at each relying party of the tenant, those of the database too
	Policies       []FilePolicy
}

// FileClient is an API client as the configuration file describes it.
type FileClient struct {
	ID             string
	Name           string
	Secrets        []string // each at least 32 characters; more than one while they are being changed
	Scopes         []Scope
	RelyingParties []string

	// Certificates are TLS client certificates that the client may show instead of a
	// secret, at most eight.
	Certificates []*x509.Certificate
}

// memory is how long a relying party of the database is answered from memory. A
// change made by another process is noticed after that time; one made through the
// same Directory at once.
const memory = 500 * time.Millisecond

// Directory is the service of this package. It is safe for concurrent use.
type Directory struct {
	store Store
	now   func() time.Time

	// What the file defines; never changed after New.
	fileTenants  []string
	fileRPs      map[rpKey]*RelyingParty
	fileClients  map[string]*Client
	certificates map[certificateHash]*pinned // of clients
	filePolicies map[string][]*Policy        // by tenant
	fileAnchors  map[string]string           // by tenant

	mu      sync.Mutex
	recent  map[rpKey]remembered
	changes int // made through this directory

	related related
}

type rpKey struct{ tenant, id string }

type remembered struct {
	rp    *RelyingParty
	until time.Time
}

// New checks what the file defines and returns a directory of it and the database.
//
// Errors: tenant.name, rp.invalid, client.invalid, client.secret_weak, policy.invalid,
// policy.unknown for a policy that a relying party of the file names and nothing
// defines, policy.conflict for policies with which nothing could be registered there; and
// tenant.exists, client.exists or tenant.twice for what is defined twice, in the file
// or there and in the database, since nobody could tell which one counts.
func New(ctx context.Context, store Store, fromFile []FileTenant, now func() time.Time) (*Directory, error) {
	d := &Directory{
		store: store, now: now,
		fileRPs: make(map[rpKey]*RelyingParty), fileClients: make(map[string]*Client), certificates: make(map[certificateHash]*pinned), recent: make(map[rpKey]remembered),
		filePolicies: make(map[string][]*Policy), fileAnchors: make(map[string]string),
	}
	for _, t := range fromFile {
		if err := d.addFileTenant(t); err != nil {
			return nil, fmt.Errorf("tenant %q: %w", t.Name, err)
		}
	}
	if err := d.checkOverlap(ctx); err != nil {
		return nil, err
	}
	if err := d.checkFilePolicies(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Directory) addFileTenant(t FileTenant) error {
	if !validName(t.Name) {
		return ErrTenantName
	}
	if slices.Contains(d.fileTenants, t.Name) {
		return ErrTenantExists
	}
	d.fileTenants = append(d.fileTenants, t.Name)
	if _, err := parseAnchors("tenantAnchors", t.TrustAnchors); err != nil {
		return err
	}
	d.fileAnchors[t.Name] = t.TrustAnchors
	if err := d.addFilePolicies(t); err != nil {
		return err
	}
	for _, described := range t.RelyingParties {
		described.Tenant, described.Source, described.TenantAnchors = t.Name, FromFile, t.TrustAnchors
		rp, err := NewRelyingParty(described)
		if err != nil {
			return fmt.Errorf("relying party %q: %w", described.ID, err)
		}
		key := rpKey{t.Name, rp.ID}
		if d.fileRPs[key] != nil {
			return ErrTwice.Saying("The relying party %s stands there twice.", rp.ID)
		}
		d.fileRPs[key] = rp
	}
	for _, described := range t.Clients {
		c, err := clientFromFile(t.Name, described)
		if err != nil {
			return fmt.Errorf("client %q: %w", described.ID, err)
		}
		if d.fileClients[c.ID] != nil {
			return fmt.Errorf("client %q: %w", c.ID, ErrClientExists)
		}
		d.fileClients[c.ID] = c
		if err := d.pin(c, described.Certificates); err != nil {
			return fmt.Errorf("client %q: %w", c.ID, err)
		}
	}
	return nil
}

func clientFromFile(tenantName string, described FileClient) (*Client, error) {
	c, err := newClient(Client{
		Tenant: tenantName, ID: described.ID, Name: described.Name, Source: FromFile,
		Scopes: described.Scopes, RelyingParties: described.RelyingParties,
	})
	if err != nil {
		return nil, err
	}
	if len(described.Secrets) == 0 && len(described.Certificates) == 0 || len(described.Secrets) > maxKeys {
		return nil, invalidClient("secrets", "A client has one to eight secrets, or certificates.")
	}
	for i, secret := range described.Secrets {
		if err := checkFileSecret(secret); err != nil {
			return nil, err
		}
		c.Keys = append(c.Keys, ClientKey{ID: fmt.Sprintf("file-%d", i+1), Hash: hashSecret(secret)})
	}
	return c, nil
}

// checkOverlap refuses to start with two definitions of one thing.
func (d *Directory) checkOverlap(ctx context.Context) error {
	for id := range d.fileClients {
		if _, err := d.store.Client(ctx, id); !errors.Is(err, ErrClientUnknown) {
			return twice(err, "client %q", id)
		}
	}
	for key := range d.fileRPs {
		if _, err := d.store.RelyingParty(ctx, key.tenant, key.id); !errors.Is(err, ErrRelyingPartyUnknown) {
			return twice(err, "relying party %q of tenant %q", key.id, key.tenant)
		}
	}
	for tenantName, policies := range d.filePolicies {
		inDatabase, err := d.store.Policies(ctx, tenantName)
		if err != nil {
			return err
		}
		for _, p := range policies {
			if find(inDatabase, p.Name) != nil {
				return twice(nil, "policy %q of tenant %q", p.Name, tenantName)
			}
		}
	}
	return nil
}

func twice(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	what := fmt.Sprintf(format, args...)
	return ErrTwice.Saying("The configuration file and the database both define the %s.", what)
}

// Tenants returns all tenants, by name.
func (d *Directory) Tenants(ctx context.Context) ([]Tenant, error) {
	all, err := d.store.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Source = FromDatabase
	}
	for _, name := range d.fileTenants {
		all = slices.DeleteFunc(all, func(t Tenant) bool { return t.Name == name })
		all = append(all, Tenant{Name: name, Source: FromFile})
	}
	slices.SortFunc(all, func(a, b Tenant) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// CreateTenant makes the tenant that by names, which needs admin over it and an
// operator: a client's rights end with its own tenant. Errors: tenant.name,
// tenant.exists, authority.denied.
func (d *Directory) CreateTenant(ctx context.Context, by Authority) error {
	if err := by.Require(ScopeAdmin, ""); err != nil {
		return err
	}
	if by.Actor.Kind != audit.Operator {
		return ErrDenied
	}
	if !validName(by.Tenant) {
		return ErrTenantName
	}
	if slices.Contains(d.fileTenants, by.Tenant) {
		return ErrTenantExists
	}
	now := d.time()
	return d.store.CreateTenant(ctx, Tenant{Name: by.Tenant, Created: now}, by.Event(now, "tenant.created"))
}

// time is now as it is stored: in UTC, to the millisecond.
func (d *Directory) time() time.Time { return d.now().UTC().Truncate(time.Millisecond) }

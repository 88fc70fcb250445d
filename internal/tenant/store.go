package tenant

import (
	"context"
	"crypto/sha256"
	"time"

	"bestow.dev/internal/audit"
)

// Store keeps what the file does not define. Each method is one transaction; those
// that take an event write it in the same one, or nothing at all. What they return
// belongs to the caller.
type Store interface {
	// Tenants returns all tenants, by name.
	Tenants(ctx context.Context) ([]Tenant, error)

	// CreateTenant stores t. Errors: tenant.exists.
	CreateTenant(ctx context.Context, t Tenant, e audit.Event) error

	// RelyingParty returns one relying party. Errors: rp.unknown.
	RelyingParty(ctx context.Context, tenantName, id string) (*RelyingParty, error)

	// RelyingParties returns those of a tenant, or of all if the name is empty, by
	// tenant and id. Those of a tenant may be from memory: what another node has changed is
	// seen a second later at the latest, and what was changed here at once. What they hold
	// is not to be changed.
	RelyingParties(ctx context.Context, tenantName string) ([]*RelyingParty, error)

	// PutRelyingParty stores rp, in place of one with the same tenant and id, whose
	// time of creation it keeps.
	PutRelyingParty(ctx context.Context, rp *RelyingParty, e audit.Event) error

	// DeleteRelyingParty removes a relying party. Errors: rp.unknown; rp.in_use if
	// there are credentials for it.
	DeleteRelyingParty(ctx context.Context, tenantName, id string, e audit.Event) error

	// Policies returns the current version of each policy of a tenant, by name, without
	// those that were deleted.
	Policies(ctx context.Context, tenantName string) ([]*Policy, error)

	// PolicyVersions returns every version of a policy, the newest first; none for one
	// that never was.
	PolicyVersions(ctx context.Context, tenantName, name string) ([]*Policy, error)

	// PutPolicy stores p as the next version of its name and returns it with that
	// version. Where the current version has the same document, it returns that one, and
	// there is no event. Errors: policy.changed if another took that version.
	PutPolicy(ctx context.Context, p *Policy, e audit.Event) (*Policy, error)

	// DeletePolicy stores a next version without document. Errors: policy.unknown,
	// policy.changed.
	DeletePolicy(ctx context.Context, p *Policy, e audit.Event) error

	// Client returns one client with its keys, in the order they were made. Errors:
	// client.unknown.
	Client(ctx context.Context, id string) (*Client, error)

	// Clients returns those of a tenant, or of all if the name is empty, by id.
	Clients(ctx context.Context, tenantName string) ([]*Client, error)

	// ClientsWithKey returns the clients, of whatever tenant, that have a key with the
	// hash, with all their keys, by id.
	ClientsWithKey(ctx context.Context, hash [sha256.Size]byte) ([]*Client, error)

	// CreateClient stores c with its keys. Errors: client.exists.
	CreateClient(ctx context.Context, c *Client, e audit.Event) error

	// SetClientDisabled disables or enables a client of the tenant. Errors:
	// client.unknown.
	SetClientDisabled(ctx context.Context, tenantName, id string, disabled bool, e audit.Event) error

	// DeleteClient removes a client of the tenant, its keys and access tokens.
	// Errors: client.unknown.
	DeleteClient(ctx context.Context, tenantName, id string, e audit.Event) error

	// RotateClientKey adds r.Key to the client, has the other keys expire at
	// r.OthersExpire unless they do so earlier, and removes those that have expired
	// at r.Now. Of concurrent rotations none is lost. Errors: client.unknown;
	// client.too_many_keys if more than r.Max keys would be left.
	RotateClientKey(ctx context.Context, r Rotation, e audit.Event) error

	// CreateAccessToken stores an access token.
	CreateAccessToken(ctx context.Context, t *AccessToken, e audit.Event) error

	// AccessToken returns the token with that hash. Errors: access_token.invalid.
	AccessToken(ctx context.Context, hash [sha256.Size]byte) (*AccessToken, error)

	// PurgeAccessTokens removes up to limit tokens that have expired at now and
	// returns how many. Expiry is no one's act, so there is no event.
	PurgeAccessTokens(ctx context.Context, now time.Time, limit int) (int, error)
}

// Rotation is the change of a client's key.
type Rotation struct {
	Tenant, Client string
	Key            ClientKey
	OthersExpire   time.Time
	Now            time.Time
	Max            int
}

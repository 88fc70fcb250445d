package tenant

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"bestow.dev/internal/audit"
)

// maxOverlap is how long two keys of a client may be good side by side.
const maxOverlap = 90 * 24 * time.Hour

// AuthenticateClient returns the client that has that id and secret.
//
// There is one answer, after the same work, to an unknown id, a wrong secret, a
// disabled client and an expired key. How often one may try is for the caller to
// bound. Errors: client.unauthenticated.
func (d *Directory) AuthenticateClient(ctx context.Context, id, secret string) (*Client, error) {
	given := hashSecret(secret)
	if !validClientID(id) {
		id = "" // nobody's, and fit for every database
	}
	// The database is asked for a client of the file as well: else the time the
	// answer takes would say which ids there are.
	c, err := d.store.Client(ctx, id)
	if err != nil && !errors.Is(err, ErrClientUnknown) {
		return nil, err
	}
	if fromFile := d.fileClients[id]; fromFile != nil {
		c = fromFile
	}
	if c == nil {
		c = &Client{Disabled: true}
	}

	now := d.now()
	good := 0
	for i := range maxKeys {
		var key ClientKey // all zero: the hash of nothing
		if i < len(c.Keys) {
			key = c.Keys[i]
		}
		same := subtle.ConstantTimeCompare(key.Hash[:], given[:])
		if i < len(c.Keys) && key.live(now) {
			good |= same
		}
	}
	if good != 1 || c.Disabled {
		return nil, ErrUnauthenticated
	}
	return c, nil
}

// ClientBySecret returns the client of a tenant that has the secret, for callers who
// send nothing beside it. A secret that two clients of the tenant have is nobody's: who
// acts would be a guess. Errors: client.unauthenticated.
func (d *Directory) ClientBySecret(ctx context.Context, tenantName, secret string) (*Client, error) {
	given := hashSecret(secret)
	found, err := d.store.ClientsWithKey(ctx, given)
	if err != nil {
		return nil, err
	}
	for _, c := range d.fileClients {
		found = append(found, c)
	}
	now := d.now()
	var has *Client
	for _, c := range found {
		if c.Tenant != tenantName || c.Disabled || !slices.ContainsFunc(c.Keys, func(k ClientKey) bool { return k.Hash == given && k.live(now) }) {
			continue
		}
		if has != nil {
			return nil, ErrUnauthenticated
		}
		has = c
	}
	if has == nil {
		return nil, ErrUnauthenticated
	}
	return has, nil
}

// Client returns a client of the caller's tenant. It needs admin over the tenant.
// Errors: authority.denied, client.unknown.
func (d *Directory) Client(ctx context.Context, by Authority, id string) (*Client, error) {
	if err := by.Require(ScopeAdmin, ""); err != nil {
		return nil, err
	}
	c, err := d.client(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.Tenant != by.Tenant {
		return nil, ErrClientUnknown
	}
	return c, nil
}

func (d *Directory) client(ctx context.Context, id string) (*Client, error) {
	if c := d.fileClients[id]; c != nil {
		return c, nil
	}
	if !validClientID(id) {
		return nil, ErrClientUnknown
	}
	return d.store.Client(ctx, id)
}

// Clients returns the clients of the caller's tenant, by id. It needs admin over the
// tenant. Errors: authority.denied.
func (d *Directory) Clients(ctx context.Context, by Authority) ([]*Client, error) {
	if err := by.Require(ScopeAdmin, ""); err != nil {
		return nil, err
	}
	all, err := d.store.Clients(ctx, by.Tenant)
	if err != nil {
		return nil, err
	}
	for _, c := range d.fileClients {
		if c.Tenant == by.Tenant {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *Client) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// NewClient is what [Directory.CreateClient] needs to know.
type NewClient struct {
	ID             string
	Name           string // empty means ID
	Scopes         []Scope
	RelyingParties []string // empty: all of the tenant
}

// CreateClient makes a client of the caller's tenant and returns it with its secret,
// which cannot be had again. It needs admin over the tenant. Errors:
// authority.denied, client.invalid, client.exists.
func (d *Directory) CreateClient(ctx context.Context, by Authority, in NewClient) (c *Client, secret string, err error) {
	if err := by.Require(ScopeAdmin, ""); err != nil {
		return nil, "", err
	}
	now := d.time()
	c, err = newClient(Client{
		Tenant: by.Tenant, ID: in.ID, Name: in.Name, Scopes: in.Scopes, RelyingParties: in.RelyingParties,
		Source: FromDatabase, Created: now,
	})
	if err != nil {
		return nil, "", err
	}
	if d.fileClients[c.ID] != nil {
		return nil, "", ErrClientExists
	}
	secret = newSecret()
	c.Keys = []ClientKey{{ID: newID(), Hash: hashSecret(secret), Created: now}}
	e := clientEvent(by, now, "client.created", c.ID)
	e.Detail["scopes"] = joinScopes(c.Scopes)
	e.Detail["relyingParties"] = strings.Join(c.RelyingParties, " ")
	if err := d.store.CreateClient(ctx, c, e); err != nil {
		return nil, "", err
	}
	return c, secret, nil
}

// DisableClient refuses the client, and the access tokens it has, from now on.
// EnableClient undoes it. Both need admin over the tenant. Errors: authority.denied,
// client.unknown, client.read_only for one from the file.
func (d *Directory) DisableClient(ctx context.Context, by Authority, id string) error {
	return d.setDisabled(ctx, by, id, true)
}

// EnableClient undoes DisableClient.
func (d *Directory) EnableClient(ctx context.Context, by Authority, id string) error {
	return d.setDisabled(ctx, by, id, false)
}

func (d *Directory) setDisabled(ctx context.Context, by Authority, id string, disabled bool) error {
	if err := d.mayChange(by, id); err != nil {
		return err
	}
	action := "client.enabled"
	if disabled {
		action = "client.disabled"
	}
	return d.store.SetClientDisabled(ctx, by.Tenant, id, disabled, clientEvent(by, d.time(), action, id))
}

// DeleteClient removes a client with its keys and access tokens. It needs admin over
// the tenant. Errors: authority.denied, client.unknown, client.read_only for one
// from the file.
func (d *Directory) DeleteClient(ctx context.Context, by Authority, id string) error {
	if err := d.mayChange(by, id); err != nil {
		return err
	}
	return d.store.DeleteClient(ctx, by.Tenant, id, clientEvent(by, d.time(), "client.deleted", id))
}

// RotateClientKey gives a client a new secret and returns it; it cannot be had
// again. The secrets it had are good for overlap more, so that nothing stands still
// while the new one is brought to where it is used; zero ends them at once, and 90
// days is the most. It needs admin over the tenant. Errors: authority.denied,
// client.unknown, client.invalid for the overlap, client.too_many_keys,
// client.read_only for one from the file.
func (d *Directory) RotateClientKey(ctx context.Context, by Authority, id string, overlap time.Duration) (secret string, key ClientKey, err error) {
	if err := d.mayChange(by, id); err != nil {
		return "", ClientKey{}, err
	}
	if overlap < 0 || overlap > maxOverlap {
		return "", ClientKey{}, invalidClient("overlap", "The overlap is at most 90 days.")
	}
	now := d.time()
	secret = newSecret()
	key = ClientKey{ID: newID(), Hash: hashSecret(secret), Created: now}
	e := clientEvent(by, now, "client.key_rotated", id)
	e.Detail["key"] = key.ID
	e.Detail["overlapSeconds"] = strconv.FormatInt(int64(overlap/time.Second), 10)
	r := Rotation{Tenant: by.Tenant, Client: id, Key: key, OthersExpire: now.Add(overlap), Now: now, Max: maxKeys}
	if err := d.store.RotateClientKey(ctx, r, e); err != nil {
		return "", ClientKey{}, err
	}
	return secret, key, nil
}

// mayChange reports whether by may change the client: it is an admin, and the client
// is not the file's.
func (d *Directory) mayChange(by Authority, id string) error {
	if err := by.Require(ScopeAdmin, ""); err != nil {
		return err
	}
	c := d.fileClients[id]
	switch {
	case !validClientID(id):
		return ErrClientUnknown
	case c == nil:
		return nil
	case c.Tenant != by.Tenant:
		return ErrClientUnknown
	}
	return ErrClientReadOnly
}

func clientEvent(by Authority, now time.Time, action, id string) audit.Event {
	e := by.Event(now, action)
	e.Detail = map[string]string{"client": id}
	return e
}

func joinScopes(scopes []Scope) string {
	texts := make([]string, len(scopes))
	for i, s := range scopes {
		texts[i] = string(s)
	}
	return strings.Join(texts, " ")
}

package tenant

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"
)

// AccessTokenLife is how long an access token is good.
const AccessTokenLife = 10 * time.Minute

// AccessToken is what a client was given in exchange for its secret (RFC 6749 §4.4),
// as it is kept: without the token itself.
type AccessToken struct {
	Hash         [sha256.Size]byte
	Tenant       string
	Client       string
	RelyingParty string  // the only one it is good for; empty: all that the client may
	Scopes       []Scope // at most those of the client
	Created      time.Time
	Expires      time.Time
}

// IssueAccessToken gives an authenticated client a token of 256 random bits that is
// good for ten minutes, for the relying party rp, or for all of the client's if rp is
// empty. No scopes means all that the client has. by says through which door.
//
// Errors: access_token.scope if the client lacks one of the scopes or may not act for
// rp.
func (d *Directory) IssueAccessToken(ctx context.Context, by Authority, c *Client, scopes []Scope, rp string) (token string, t *AccessToken, err error) {
	if len(scopes) == 0 {
		scopes = c.Scopes
	}
	if granted := c.grants(scopes); len(granted) != len(scopes) || hasTwice(scopes) {
		return "", nil, ErrScope
	}
	if rp != "" && len(c.RelyingParties) > 0 && !slices.Contains(c.RelyingParties, rp) {
		return "", nil, ErrScope.Saying("The client may not act for that relying party.")
	}
	now := d.time()
	token = newSecret()
	t = &AccessToken{
		Hash: hashSecret(token), Tenant: c.Tenant, Client: c.ID, RelyingParty: rp,
		Scopes: slices.Clone(scopes), Created: now, Expires: now.Add(AccessTokenLife),
	}
	e := clientEvent(by, now, "client.access_token_issued", c.ID)
	e.RelyingParty = rp
	e.Detail["scopes"] = joinScopes(t.Scopes)
	if err := d.store.CreateAccessToken(ctx, t, e); err != nil {
		return "", nil, err
	}
	return token, t, nil
}

// RedeemAccessToken returns the client a token was given to, narrowed to what the
// token is good for. The client is looked up anew each time, so that disabling it, or
// taking a scope from it, holds at once. Errors: access_token.invalid.
func (d *Directory) RedeemAccessToken(ctx context.Context, token string) (*Client, error) {
	t, err := d.store.AccessToken(ctx, hashSecret(token))
	if err != nil {
		return nil, err
	}
	if !d.now().Before(t.Expires) {
		return nil, ErrAccessToken
	}
	c, err := d.client(ctx, t.Client)
	if errors.Is(err, ErrClientUnknown) {
		return nil, ErrAccessToken
	}
	if err != nil {
		return nil, err
	}
	return c.narrowed(t)
}

// narrowed returns a copy of c that may do what t says and c still may.
func (c *Client) narrowed(t *AccessToken) (*Client, error) {
	if c.Disabled || c.Tenant != t.Tenant {
		return nil, ErrAccessToken
	}
	n := *c
	n.Scopes = c.grants(t.Scopes)
	n.RelyingParties = slices.Clone(c.RelyingParties)
	if t.RelyingParty != "" {
		if len(c.RelyingParties) > 0 && !slices.Contains(c.RelyingParties, t.RelyingParty) {
			return nil, ErrAccessToken
		}
		n.RelyingParties = []string{t.RelyingParty}
	}
	if len(n.Scopes) == 0 {
		return nil, ErrAccessToken
	}
	return &n, nil
}

// grants returns those of scopes that c has. A client with admin has all.
func (c *Client) grants(scopes []Scope) []Scope {
	admin := slices.Contains(c.Scopes, ScopeAdmin)
	var granted []Scope
	for _, s := range scopes {
		if slices.Contains(c.Scopes, s) || admin && slices.Contains(Scopes(), s) {
			granted = append(granted, s)
		}
	}
	return granted
}

// purgeAtOnce bounds one purging transaction.
const purgeAtOnce = 1000

// PurgeAccessTokens removes expired access tokens and returns how many. It is called
// now and then; nothing but room depends on it.
func (d *Directory) PurgeAccessTokens(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := d.store.PurgeAccessTokens(ctx, d.now(), purgeAtOnce)
		total += n
		if err != nil || n < purgeAtOnce {
			return total, err
		}
	}
}

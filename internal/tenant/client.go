package tenant

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"
	"unicode/utf8"

	"bestow.dev/internal/audit"
)

// Client is a program that calls Bestow for a tenant: an identity manager, a
// portal, a script.
type Client struct {
	Tenant string

	// ID is what the client calls itself, unique in the installation. It is 1 to 64
	// characters of A-Z a-z 0-9 . _ @ - and never changes.
	ID string

	// Name is shown to people. Empty means ID.
	Name string

	// Scopes are what it may do, on RelyingParties alone unless that is empty.
	Scopes         []Scope
	RelyingParties []string

	// Keys are its secrets, more than one while they are being changed.
	Keys []ClientKey

	Disabled bool
	Source   Source
	Created  time.Time // zero for one from the file
}

// ClientKey is a secret of a client, of which only the hash is known.
type ClientKey struct {
	ID      string
	Hash    [sha256.Size]byte
	Created time.Time // zero for one from the file
	Expires time.Time // zero: never
}

// live reports whether k may be used at now.
func (k ClientKey) live(now time.Time) bool { return k.Expires.IsZero() || now.Before(k.Expires) }

// maxKeys bounds the keys of a client, so that checking a secret is bounded work.
const maxKeys = 8

// Bounds on secrets. A generated one is 43 characters and its prefix.
const (
	minSecret    = 32
	maxSecret    = 1024
	secretPrefix = "bst_" // lets scanners for leaked secrets know ours
)

// Authority returns what the client may do when it calls through the front via, with
// the request id ref, from address.
func (c *Client) Authority(via, ref, address string) Authority {
	return Authority{
		Tenant:         c.Tenant,
		Actor:          audit.Actor{Kind: audit.Client, ID: c.ID},
		Via:            via,
		Ref:            ref,
		Address:        address,
		Scopes:         slices.Clone(c.Scopes),
		RelyingParties: slices.Clone(c.RelyingParties),
	}
}

// LocalPrefix begins the actor's id of a local operator.
const LocalPrefix = "local:"

// LocalOperator returns the authority of the person at the command line, who can
// open the database and so may do everything in it.
func LocalOperator(tenant, name string) Authority {
	return Authority{
		Tenant: tenant,
		Actor:  audit.Actor{Kind: audit.Operator, ID: LocalPrefix + name},
		Via:    "cli",
		Scopes: []Scope{ScopeAdmin},
	}
}

// newClient fills in what is empty, checks every member but the keys and returns a
// copy that shares nothing with c.
func newClient(c Client) (*Client, error) {
	if c.Name == "" {
		c.Name = c.ID
	}
	c.Scopes = slices.Clone(c.Scopes)
	c.RelyingParties = slices.Clone(c.RelyingParties)
	c.Keys = slices.Clone(c.Keys)
	switch {
	case !validName(c.Tenant):
		return nil, invalidClient("tenant", "The tenant's name is not valid.")
	case !validClientID(c.ID):
		return nil, invalidClient("id", "The id is 1 to 64 characters of A-Z a-z 0-9 . _ @ -")
	case len(c.Name) > maxName || !printable(c.Name):
		return nil, invalidClient("name", "The name is too long or holds control characters.")
	case len(c.Scopes) == 0:
		return nil, invalidClient("scopes", "A client needs at least one scope.")
	case hasTwice(c.Scopes) || slices.ContainsFunc(c.Scopes, func(s Scope) bool { return !slices.Contains(Scopes(), s) }):
		return nil, invalidClient("scopes", "There is a scope that does not exist or stands twice.")
	case hasTwice(c.RelyingParties) || slices.ContainsFunc(c.RelyingParties, func(id string) bool { return !validDomain(id) }):
		return nil, invalidClient("relyingParties", "There is a relying party id that is not valid or stands twice.")
	}
	return &c, nil
}

func invalidClient(field, public string) error {
	return ErrClientInvalid.At(field).Saying("%s", public)
}

// validClientID keeps ids usable in a URL's path, a user name of HTTP Basic, which
// cannot hold a colon, and a log line.
func validClientID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '@', c == '-':
		default:
			return false
		}
	}
	return true
}

func hasTwice[T comparable](list []T) bool {
	for i, v := range list {
		if slices.Contains(list[:i], v) {
			return true
		}
	}
	return false
}

// newSecret makes a secret of 256 random bits.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return secretPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// hashSecret is how a secret is kept. A plain hash does for 256 random bits; for one
// from the file, whose maker is asked for 32 characters, it is the file that has to
// be guarded.
func hashSecret(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// newID makes an identifier of ours: opaque, and nobody's to guess.
func newID() string { return rand.Text() }

// checkFileSecret refuses secrets that could be guessed.
func checkFileSecret(secret string) error {
	if utf8.RuneCountInString(secret) < minSecret || len(secret) > maxSecret {
		return ErrSecretWeak
	}
	return nil
}

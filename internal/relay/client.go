package relay

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/tenant"
)

// Client is an API client of the relay. It is not changed once it is in use.
type Client struct {
	Tenant string
	ID     string

	// KeyHashes are the SHA-256 hashes of the keys it may present; more than one
	// while a key is being replaced. None: it cannot come in over the network, as
	// is right for a client that is a part of Bestow.
	KeyHashes [][sha256.Size]byte

	// Group names the clients that share users and profile boxes. Empty: a group of
	// its own.
	Group string

	// CallbackURL is where outcomes are reported: http or https, without user
	// information. Empty: they can be polled only.
	CallbackURL string

	// CallbackUser and CallbackPassword are sent with callbacks if the user is set.
	CallbackUser, CallbackPassword string

	// KeySet holds the keys that agents' answers are verified with. Nil: none are,
	// and commands that create credentials are refused unless AcceptUnsigned.
	KeySet *plugout.KeySet

	// AcceptUnsigned takes answers that nobody vouches for. It is for tests.
	AcceptUnsigned bool

	// MatchCode has the person compare a code before a credential is created.
	MatchCode bool
}

// HashKey returns what a key is compared by. Keys are long and random, so a plain
// hash is enough.
func HashKey(key string) [sha256.Size]byte { return sha256.Sum256([]byte(key)) }

// Authority returns the authority of c itself. The caller adds what it knows of
// the request.
func (c *Client) Authority(via string) tenant.Authority {
	return tenant.Authority{Tenant: c.Tenant, Actor: audit.Actor{Kind: audit.Client, ID: c.ID}, Via: via}
}

// group is the name of c's group within its tenant. A client's own group cannot be
// named by a configuration.
func (c *Client) group() string {
	if c.Group == "" {
		return "client:" + c.ID
	}
	return "group:" + c.Group
}

func (c *Client) wantsCallback() bool { return c.CallbackURL != "" }

// exposesPassword reports whether the callback password crosses a network unprotected.
func (c *Client) exposesPassword() bool {
	u, err := url.Parse(c.CallbackURL)
	if err != nil || u.Scheme != "http" || c.CallbackUser == "" {
		return false
	}
	host, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !host.IsLoopback())
}

// check reports what is wrong with c.
func (c *Client) check() error {
	if c.Tenant == "" || c.ID == "" {
		return fmt.Errorf("a client needs a tenant and an id")
	}
	if strings.Contains(c.ID, ":") {
		return fmt.Errorf("client %q: an id cannot hold a colon, which ends it in an API key", c.ID)
	}
	if c.CallbackURL == "" {
		return nil
	}
	u, err := url.Parse(c.CallbackURL)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("client %q: callback URL is not a URL", c.ID)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("client %q: callback URL is neither http nor https", c.ID)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("client %q: callback URL has user information, a query or a fragment", c.ID)
	}
	return nil
}

// ClientSource knows the clients.
type ClientSource interface {
	// Client returns the client of that tenant with that id.
	Client(tenant, id string) (*Client, bool)
	// All returns every client, in no order.
	All() iter.Seq[*Client]
}

// Clients is a [ClientSource] whose content is replaced as a whole, as a reload of
// the configuration does. It is safe for concurrent use.
type Clients struct {
	current atomic.Pointer[map[clientKey]*Client]
}

type clientKey struct{ tenant, id string }

// NewClients returns a source of the given clients.
//
// It returns an error if two have the same id, or one is not fit for use.
func NewClients(list ...*Client) (*Clients, error) {
	var c Clients
	return &c, c.Replace(list...)
}

// Replace puts the given clients in place of those there are. If they are not
// good, it returns an error and the old ones stay.
func (c *Clients) Replace(list ...*Client) error {
	next := make(map[clientKey]*Client, len(list))
	for _, client := range list {
		if err := client.check(); err != nil {
			return err
		}
		key := clientKey{client.Tenant, client.ID}
		if _, twice := next[key]; twice {
			return fmt.Errorf("client %q is there twice", client.ID)
		}
		next[key] = client
	}
	c.current.Store(&next)
	return nil
}

// Client implements [ClientSource].
func (c *Clients) Client(tenant, id string) (*Client, bool) {
	client, ok := (*c.current.Load())[clientKey{tenant, id}]
	return client, ok
}

// All implements [ClientSource].
func (c *Clients) All() iter.Seq[*Client] { return maps.Values(*c.current.Load()) }

// Authenticate returns the client of the tenant that apiKey belongs to: the base64,
// padded or not, of its id, a colon and one of its keys.
//
// It takes the same time whether the client or only its key is unknown, and says
// which to nobody. Errors: relay.unauthorized.
func (s *Service) Authenticate(tenant, apiKey string) (*Client, error) {
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(apiKey), "="))
	if err != nil {
		return nil, ErrUnauthorized
	}
	id, key, ok := strings.Cut(string(text), ":")
	if !ok {
		return nil, ErrUnauthorized
	}
	client, known := s.clients.Client(tenant, id)
	hashes := [][sha256.Size]byte{{}}
	if known && len(client.KeyHashes) > 0 {
		hashes = client.KeyHashes
	}
	given := HashKey(key)
	match := 0
	for i := range hashes {
		match |= subtle.ConstantTimeCompare(given[:], hashes[i][:])
	}
	if match != 1 || !known || len(client.KeyHashes) == 0 {
		return nil, ErrUnauthorized
	}
	return client, nil
}

package provision

import (
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Internal is the URL of what is ours: no network is between. A connection may name a
// relying party behind it, internal:login.example.com; it has to where the tenant has
// several.
const Internal = "internal:"

// Limits of what a setting holds.
const (
	maxNameChars        = 64
	maxDescriptionChars = 255
	maxURLBytes         = 2048
	maxSecretBytes      = 4096
)

// ConnectionKind is what a connection leads to.
type ConnectionKind string

// KindDigitalAccess is the one kind of connection there is.
const KindDigitalAccess ConnectionKind = "digital-access"

// Connection is how the tasks of a tenant's processes reach a relying party that
// provisions credentials.
type Connection struct {
	Tenant      string
	Name        string // tasks refer to it
	Description string
	Kind        ConnectionKind // empty: [KindDigitalAccess]

	// URL is the base of /fido and /oauth2: https, without a slash at the end. Or
	// [Internal].
	URL string

	// ClientID is who we are there. HasSecret says that its secret is known.
	ClientID  string
	HasSecret bool

	Version   int64 // counts changes, from 1
	Changed   time.Time
	ChangedBy string // the actor
}

// IsInternal reports whether c leads to ourselves.
func (c *Connection) IsInternal() bool { return strings.HasPrefix(c.URL, Internal) }

// RelyingParty is the relying party that an internal connection names; empty for the
// tenant's only one.
func (c *Connection) RelyingParty() string { return strings.TrimPrefix(c.URL, Internal) }

// check reports what is wrong with c, and fills in its kind.
func (c *Connection) check() error {
	if c.Kind == "" {
		c.Kind = KindDigitalAccess
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	switch {
	case !isName(c.Name):
		return ErrConnection.At("name").Saying("A name has 1 to %d characters, no spaces around it, none of them a control character.", maxNameChars)
	case !isText(c.Description, maxDescriptionChars):
		return ErrConnection.At("description").Saying("A description has at most %d characters, none of them a control character.", maxDescriptionChars)
	case c.Kind != KindDigitalAccess:
		return ErrConnection.At("kind").Saying("There is no such kind of connection; there is %s.", KindDigitalAccess)
	case c.IsInternal() && c.ClientID != "":
		return ErrConnection.At("clientId").Saying("A connection to ourselves has no client id.")
	case c.IsInternal() && !isText(c.RelyingParty(), maxDescriptionChars):
		return ErrConnection.At("url").Saying("After %s stands a relying party, or nothing.", Internal)
	case c.IsInternal():
		return nil
	case !isHTTPS(c.URL):
		return ErrConnection.At("url").Saying("The URL is https, without user, query or fragment; or %s for ourselves.", Internal)
	case c.ClientID == "" || !isText(c.ClientID, maxDescriptionChars) || strings.Contains(c.ClientID, ":"):
		return ErrConnection.At("clientId").Saying("The client id is missing, too long, or holds a colon.")
	}
	return nil
}

// isName reports whether s can be what tasks refer to.
func isName(s string) bool {
	return s != "" && isText(s, maxNameChars) && strings.TrimSpace(s) == s && !strings.Contains(s, "${")
}

func isText(s string, maxChars int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxChars && !strings.ContainsFunc(s, unicode.IsControl)
}

func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && len(text) <= maxURLBytes && u.Scheme == "https" && u.Hostname() != "" && u.Opaque == "" &&
		u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// sameOrigin reports whether two URLs lead to the same scheme, host and port, so that a
// secret for one may go to the other.
func sameOrigin(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && x.Scheme == y.Scheme && strings.EqualFold(x.Host, y.Host)
}

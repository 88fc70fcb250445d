package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

// OperatorHeader is where an API client may say on whose order it acts. What it says
// goes into the audit trail as the client's claim, and nobody may register a
// credential for the one it names as the one who orders it.
const OperatorHeader = "Bestow-Operator"

// Faults of finding out who calls.
var (
	ErrNoCredentials  = fault.New(fault.Unauthenticated, "caller.anonymous", "Say who you are.")
	ErrTooManyWrong   = fault.New(fault.Limited, "caller.limited", "Too many failed attempts. Wait a minute.")
	ErrClaimedMalform = fault.New(fault.Invalid, "request.operator", "The header "+OperatorHeader+" has at most 255 characters, none of them a control character.")
)

// Limits of failed attempts a minute. The first holds for a client id from one
// address, so that nobody can lock a client out from elsewhere; the second for one
// address that tries many ids.
const (
	maxWrongPerClient  = 10
	maxWrongPerAddress = 100
)

// Callers authenticates API clients for a door. It is safe for concurrent use.
type Callers struct {
	directory *tenant.Directory
	via       string
	client    *FailureLimit
	address   *FailureLimit
}

// NewCallers returns the callers that directory knows. via names the door in what
// they do; now is the clock.
func NewCallers(directory *tenant.Directory, via string, now func() time.Time) *Callers {
	return &Callers{
		directory: directory, via: via,
		client:  NewFailureLimit(maxWrongPerClient, now),
		address: NewFailureLimit(maxWrongPerAddress, now),
	}
}

// BySecret returns the client with the id and secret. Errors:
// client.unauthenticated; caller.limited after too many of those, whatever the secret.
func (c *Callers) BySecret(ctx context.Context, id, secret string) (*tenant.Client, error) {
	return c.byAnyOf(ctx, id, secret)
}

// byAnyOf is BySecret for a secret that may be meant in several ways; a wrong one
// counts once.
func (c *Callers) byAnyOf(ctx context.Context, id string, secrets ...string) (*tenant.Client, error) {
	address := tenant.Network(Address(ctx))
	pair := id[:min(len(id), maxLimitedID)] + " " + address
	if c.client.Exceeded(pair) || c.address.Exceeded(address) {
		return nil, ErrTooManyWrong
	}
	for _, secret := range secrets {
		client, err := c.directory.AuthenticateClient(ctx, id, secret)
		if !errors.Is(err, tenant.ErrUnauthenticated) {
			return client, err
		}
	}
	c.client.Failed(pair)
	c.address.Failed(address)
	return nil, tenant.ErrUnauthenticated
}

// maxLimitedID is one more than the length of client ids: what is longer is nobody's
// and need not be told apart.
const maxLimitedID = 65

// ByAccessToken returns the client that token was given to, with what it may do.
// Tokens of 256 bits are not guessed, so failures are not counted: many clients may
// share an address, and one with a token that has expired does not slow the others
// down. Errors: access_token.invalid.
func (c *Callers) ByAccessToken(ctx context.Context, token string) (*tenant.Client, error) {
	return c.directory.RedeemAccessToken(ctx, token)
}

// ByKey returns the client of a tenant that has key as its secret, for doors whose callers
// send nothing else. As with access tokens, failures are not counted: what is as long as a
// secret has to be is not guessed. Errors: client.unauthenticated.
func (c *Callers) ByKey(ctx context.Context, tenantName, key string) (*tenant.Client, error) {
	return c.directory.ClientBySecret(ctx, tenantName, key)
}

// Caller returns the client that calls: by an access token (RFC 6750) or its secret by
// HTTP Basic (RFC 7617), or where r has neither, by the certificate it has shown in the
// TLS handshake. Errors: caller.anonymous if it has shown nothing; those of
// [Callers.ByAccessToken] and [Callers.BySecret].
func (c *Callers) Caller(r *http.Request) (*tenant.Client, error) {
	if len(r.Header.Values("Authorization")) == 0 {
		return c.ByCertificate(r)
	}
	if token := BearerToken(r); token != "" {
		return c.ByAccessToken(r.Context(), token)
	}
	id, secret, ok := r.BasicAuth()
	if !ok || len(r.Header.Values("Authorization")) > 1 {
		return nil, ErrNoCredentials
	}
	return c.BySecret(r.Context(), id, secret)
}

// ByCertificate returns the client whose certificate the TLS handshake has shown. Errors:
// caller.anonymous if it has shown none, client.unauthenticated for one of nobody's.
func (c *Callers) ByCertificate(r *http.Request) (*tenant.Client, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, ErrNoCredentials
	}
	return c.directory.AuthenticateCertificate(r.TLS.PeerCertificates[0])
}

// Admit returns r with the authority of client.
// Errors: request.operator.
func (c *Callers) Admit(r *http.Request, client *tenant.Client) (*http.Request, error) {
	claimed, err := operator(r)
	if err != nil {
		return nil, err
	}
	by := client.Authority(c.via, RequestID(r.Context()), Address(r.Context()))
	by.Claimed = claimed
	return WithAuthority(r, by), nil
}

// operator returns what the client says about its own operator; empty for nothing.
func operator(r *http.Request) (string, error) {
	values := r.Header.Values(OperatorHeader)
	if len(values) == 0 {
		return "", nil
	}
	text := strings.TrimSpace(values[0])
	if len(values) > 1 || !utf8.ValidString(text) || utf8.RuneCountInString(text) > 255 || strings.ContainsFunc(text, disguises) {
		return "", ErrClaimedMalform
	}
	return text, nil
}

// disguises reports whether r could make a line of the trail read as another.
func disguises(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// BearerToken returns the access token of r's Authorization header (RFC 6750 §2.1),
// or empty if it has none. Tokens in the query or body are not looked at.
func BearerToken(r *http.Request) string {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

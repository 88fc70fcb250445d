// Package nevis is the door for clients of a nevisFIDO server: state machines that sign
// people in, and administration that reads the credentials through nevisIDM's REST.
//
//	POST <prefix>/fido2/attestation/options   registration options; by its body, also authentication options
//	POST <prefix>/fido2/attestation/result    the authenticator's answer to a registration
//	POST <prefix>/fido2/assertion/options     authentication options
//	POST <prefix>/fido2/assertion/result      the authenticator's answer to an authentication
//	POST <prefix>/fido2/status                how a ceremony stands
//	GET  <prefix>/fido2/openapi.json          this, for programs
//
// and, where they are asked for, nevisIDM's paths of FIDO2 credentials below a prefix of
// their own (idm.go). docs/fronts/nevis.md tells what is known from the outside and what
// is our choice.
//
// A refused ceremony is HTTP 200 with the status failed, unless the door is set to
// answer 400. The door serves one relying party of one tenant and decides nothing:
// wire.go and idm_wire.go have the documents, map.go and idm_map.go turn them into calls
// and back, errors.go says which refusal is told how.
package nevis

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/sectoken"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// Config is what the door is made of. Credentials, Directory, Tenant and RelyingParty
// are required.
type Config struct {
	Credentials *credential.Service
	Directory   *tenant.Directory

	// Tenant and RelyingParty are whose users and credentials are served. Clients of
	// other tenants are refused.
	Tenant       string
	RelyingParty string

	// Prefix stands before /fido2, as in "/nevisfido". Empty: nothing.
	Prefix string

	// UserAttribute is what username, userId and userExtId hold.
	UserAttribute UserAttribute

	// ConformanceStatus answers 400 to what is refused, in place of 200.
	ConformanceStatus bool
	// SharedVocabulary names an open ceremony clientRegistering or clientAuthenticating,
	// as the status service of UAF does, in place of initialized.
	SharedVocabulary bool
	// StrictAccept refuses requests whose Accept header does not name application/json.
	StrictAccept bool
	// HideUnknown answers with options for names that are nobody's.
	HideUnknown bool

	// AnonymousClient is the API client whose rights those have who show no credentials of
	// a client. They are never told who exists. Empty: they are refused.
	AnonymousClient string

	// Origins may call from pages (CORS). Empty: none.
	Origins []string

	// VerifiedTimeout is how long clients may take where the user is to be verified, and
	// UnverifiedTimeout where not. Neither is longer than the relying party's, which zero
	// leaves.
	VerifiedTimeout, UnverifiedTimeout time.Duration

	// Tokens verifies SecTokens; nil: there are none. Modes says where they are wanted.
	Tokens *sectoken.Verifier
	Modes  TokenModes

	// IDM opens the paths of nevisIDM; nil: closed.
	IDM *IDMConfig

	// Now is the clock of tokens and of limits on failed attempts; nil is [time.Now].
	Now func() time.Time
	// Rand is where the ids of ceremonies come from; nil is crypto/rand.
	Rand io.Reader
}

// UserAttribute is the attribute of a user that clients know them by.
type UserAttribute string

// The attributes. The empty one is ByName.
const (
	ByName UserAttribute = "name" // the login name
	ByID   UserAttribute = "id"   // our id of the user, which never changes
)

// via names this door in the audit trail.
const via = "nevis"

// maxBodyBytes is how long a body may be.
const maxBodyBytes = 1 << 20

// Door is the door. It is safe for concurrent use.
type Door struct {
	Config
	callers  *web.Callers
	routes   http.Handler
	document []byte // openapi with the paths of this door
}

// New returns the door. It answers 404 to paths that are not its own. It returns an error
// if c lacks what is required.
func New(c Config) (*Door, error) {
	if c.Credentials == nil || c.Directory == nil || c.Tenant == "" || c.RelyingParty == "" {
		return nil, errors.New("nevis: the door needs services, a tenant and a relying party")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	d := &Door{Config: c, callers: web.NewCallers(c.Directory, via, c.Now)}
	var err error
	if d.document, err = d.described(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	fido := c.Prefix + "/fido2"
	mux.Handle(fido+"/attestation/options", &endpoint{d, d.attestationOptions, &c.Modes.RegistrationOptions, true})
	mux.Handle(fido+"/attestation/result", &endpoint{d, d.attestationResult, &c.Modes.RegistrationResult, true})
	mux.Handle(fido+"/assertion/options", &endpoint{d, d.assertionOptions, &c.Modes.AuthenticationOptions, true})
	mux.Handle(fido+"/assertion/result", &endpoint{d, d.assertionResult, &c.Modes.AuthenticationResult, true})
	mux.Handle(fido+"/status", &endpoint{d, d.status, &c.Modes.Status, false})
	mux.HandleFunc("GET "+fido+"/openapi.json", web.OpenAPI(d.document, ""))
	if c.IDM != nil {
		d.mountIDM(mux)
	}
	d.routes = web.Routes(mux, func(w http.ResponseWriter, r *http.Request, err error) {
		if d.isIDM(r) {
			d.writeIDMError(w, r, err)
			return
		}
		d.writeError(w, r, err)
	})
	return d, nil
}

// ServeHTTP implements [http.Handler].
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.routes.ServeHTTP(w, r) }

// ceremonyID makes the id of a ceremony in the form of a random UUID (RFC 9562 §5.4).
func (d *Door) ceremonyID() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(d.Rand, b[:]); err != nil {
		return "", err
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return formatUUID(b), nil
}

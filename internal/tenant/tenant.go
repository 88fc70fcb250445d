// Package tenant knows who Bestow serves: tenants, their relying parties, the API
// clients that may call for them and the rights each client holds.
//
// A [Directory] answers from two sources laid over each other: the configuration
// file, which is read once and cannot be changed through it, and the database.
//
//	dir, err := tenant.New(ctx, store, fromFile, time.Now)
//	...
//	client, err := dir.AuthenticateClient(ctx, id, secret)
//	rp, err := dir.RelyingParty(ctx, client.Tenant, "login.example.com")
//	by := client.Authority("api", requestID, address)
//
// An [Authority] is what every other domain package asks for before it changes
// anything.
//
// Secrets of clients and access tokens are 256 random bits, shown once and kept as
// their SHA-256, which is enough for a secret that cannot be guessed. The package
// does not know HTTP: which header a secret came in, and how often one may be
// tried, is the doors' business.
package tenant

import (
	"time"

	"bestow.dev/internal/fault"
)

// Tenant is one customer of the installation. Nothing is shared between tenants.
type Tenant struct {
	Name    string // lower case, as in "acme"; never changes
	Source  Source
	Created time.Time // zero for one from the file
}

// Source says where something is written down.
type Source string

// The sources.
const (
	FromDatabase Source = "database" // may be changed through a Directory
	FromFile     Source = "file"     // may be changed in the configuration file only
)

// The faults of this package. Each may carry the offending member in Field.
var (
	ErrTenantName   = fault.New(fault.Invalid, "tenant.name", "A tenant's name is 1 to 64 lower-case letters, digits and dashes, and starts with a letter or digit.")
	ErrTenantExists = fault.New(fault.Conflict, "tenant.exists", "There is a tenant of that name.")

	ErrRelyingPartyUnknown  = fault.New(fault.NotFound, "rp.unknown", "There is no such relying party.")
	ErrRelyingPartyInvalid  = fault.New(fault.Invalid, "rp.invalid", "The relying party is not described correctly.")
	ErrRelyingPartyReadOnly = fault.New(fault.Conflict, "rp.read_only", "This relying party is defined in the configuration file and can only be changed there.")

	ErrRelyingPartyInUse = fault.New(fault.Conflict, "rp.in_use", "There are credentials for this relying party. Delete them first.")

	ErrClientUnknown  = fault.New(fault.NotFound, "client.unknown", "There is no such API client.")
	ErrClientExists   = fault.New(fault.Conflict, "client.exists", "There is an API client with that id.")
	ErrClientInvalid  = fault.New(fault.Invalid, "client.invalid", "The API client is not described correctly.")
	ErrClientReadOnly = fault.New(fault.Conflict, "client.read_only", "This API client is defined in the configuration file and can only be changed there.")
	ErrClientKeys     = fault.New(fault.Conflict, "client.too_many_keys", "The API client has too many keys in use. Let some expire first.")
	ErrSecretWeak     = fault.New(fault.Invalid, "client.secret_weak", "A secret is at least 32 characters long.")

	// ErrUnauthenticated is the one answer to an unknown client, a wrong secret, a
	// disabled client and an expired key.
	ErrUnauthenticated = fault.New(fault.Unauthenticated, "client.unauthenticated", "The client id or secret is wrong.")

	ErrAccessToken = fault.New(fault.Unauthenticated, "access_token.invalid", "The access token is unknown or expired.")
	ErrScope       = fault.New(fault.Denied, "access_token.scope", "The client may not have that scope.")

	ErrTwice = fault.New(fault.Conflict, "tenant.twice", "It is defined twice.")
)

// maxName bounds names that people give, in bytes.
const maxName = 200

// validName reports whether s is a tenant's name, or a client's id after its own
// rules: a path segment and a label in one.
func validName(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

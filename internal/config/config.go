// Package config reads the one YAML file that says how Bestow runs, the
// environment above it and the command line above that.
//
// Everything has a default, so that no file at all works:
//
//	cfg, err := config.Load(config.Sources{File: "bestow.yaml"})
//
// Paths in the file are relative to the file. An unknown key or a bad value is an
// error that names the key's path; nothing is guessed and nothing ignored.
package config

import (
	"crypto/x509"
	"net/netip"
	"time"

	"bestow.dev/internal/tenant"
)

// Config is a checked configuration. Paths in it are absolute or relative to the
// working directory, never to the file any more.
type Config struct {
	Listen         string         `koanf:"listen"`          // address of the doors
	PublicURL      string         `koanf:"public-url"`      // empty: https://localhost with the port of Listen
	Data           string         `koanf:"data"`            // directory of the database, certificates and keys
	Database       string         `koanf:"database"`        // empty: SQLite in Data; or a postgres:// URL
	MetricsListen  string         `koanf:"metrics-listen"`  // Prometheus metrics and health; empty: none
	TrustedProxies []netip.Prefix `koanf:"trusted-proxies"` // whose X-Forwarded-For is believed
	TrustDir       string         `koanf:"trust-dir"`       // lists that replace and add to the shipped ones; empty: those alone
	TLS            TLS            `koanf:"tls"`
	Log            Log            `koanf:"log"`
	Metadata       []Metadata     `koanf:"metadata"`
	Tenants        []Tenant       `koanf:"tenants"`
	Console        Console        `koanf:"console"`
	Fronts         Fronts         `koanf:"fronts"`
	SecretsKeyFile string         `koanf:"secrets-key-file"` // key of stored secrets; empty: secrets.key in Data, made at first use
	Mail           Mail           `koanf:"mail"`

	// TestData marks a database that is made as test data. Only the command line says
	// so: no file or environment that is carried to another machine can.
	TestData bool `koanf:"-"`
}

// TLS names the certificate of the doors and the added trust of outgoing calls.
type TLS struct {
	CertFile string `koanf:"cert-file"` // empty: a certificate of the local authority in Data
	KeyFile  string `koanf:"key-file"`
	CAFile   string `koanf:"ca-file"` // PEM, trusted for outgoing calls beside the system's roots
}

// Log says how the program speaks to its operator.
type Log struct {
	Level  string `koanf:"level"`  // debug, info, warn, error
	Format string `koanf:"format"` // text, json
}

// Metadata is a source of metadata about authenticator models. Exactly one of URL, File
// and Statements is given; what else there is belongs to the first two.
type Metadata struct {
	Name                   string        `koanf:"name"`
	URL                    string        `koanf:"url"`        // where a service publishes its BLOB
	File                   string        `koanf:"file"`       // a BLOB
	Statements             string        `koanf:"statements"` // a JSON file, or a directory of them
	RootsFile              string        `koanf:"roots-file"` // PEM
	CRLFiles               []string      `koanf:"crl-files"`  // empty: fetched
	AllowUnknownRevocation bool          `koanf:"allow-unknown-revocation"`
	RefuseOutdated         bool          `koanf:"refuse-outdated"`
	Grace                  time.Duration `koanf:"grace"`
}

// Tenant is one customer of the installation.
type Tenant struct {
	Name             string         `koanf:"name"`
	RelyingParties   []RelyingParty `koanf:"relying-parties"`
	Clients          []Client       `koanf:"clients"`
	TrustAnchorsFile string         `koanf:"trust-anchors-file"` // PEM; they count at all its relying parties
	PolicyFiles      []string       `koanf:"policy-files"`
}

// RelyingParty is a relying party as the file says it. What is left out has the
// default of [tenant.RelyingParty].
type RelyingParty struct {
	ID                      string        `koanf:"id"`
	Name                    string        `koanf:"name"`
	Origins                 []string      `koanf:"origins"` // empty: the public URL's origin where it fits the id, else https://id
	AllowCrossOrigin        bool          `koanf:"allow-cross-origin"`
	TopOrigins              []string      `koanf:"top-origins"`
	ResidentKey             string        `koanf:"resident-key"`
	UserVerification        string        `koanf:"user-verification"`
	Attestation             string        `koanf:"attestation"`
	AttestationTrust        string        `koanf:"attestation-trust"` // record, require
	AllowedAAGUIDs          []string      `koanf:"allowed-aaguids"`
	TrustAnchorsFile        string        `koanf:"trust-anchors-file"` // PEM
	Trust                   Trust         `koanf:"trust"`
	Policies                []string      `koanf:"policies"` // names of the tenant's policies
	Algorithms              []int32       `koanf:"algorithms"`
	MaxCredentialsPerUser   int           `koanf:"max-credentials-per-user"`
	ChallengeLife           time.Duration `koanf:"challenge-life"`
	Timeout                 time.Duration `koanf:"timeout"`
	AuthenticatorAttachment string        `koanf:"authenticator-attachment"`

	// What else ceremonies get; see [tenant.CeremonySettings].
	RelatedOrigins              []string `koanf:"related-origins"`
	Hints                       []string `koanf:"hints"`
	AttestationFormats          []string `koanf:"attestation-formats"`
	AllowConditionalCreate      bool     `koanf:"allow-conditional-create"`
	CredentialProtection        string   `koanf:"credential-protection"`
	EnforceCredentialProtection bool     `koanf:"enforce-credential-protection"`
	RegistrationExtensions      []string `koanf:"registration-extensions"` // absent: credProps; empty: none
	AppID                       string   `koanf:"app-id"`
}

// Trust is [tenant.Trust] as the file says it.
type Trust struct {
	Metadata               string            `koanf:"metadata"`
	VendorRoots            []string          `koanf:"vendor-roots"`
	FormatAnchorsFiles     map[string]string `koanf:"format-anchors-files"`  // PEM, by attestation format
	RevocationListsFile    string            `koanf:"revocation-lists-file"` // PEM
	RequireRevocationLists bool              `koanf:"require-revocation-lists"`
	Outdated               []string          `koanf:"outdated"`
	AndroidKeyHardware     bool              `koanf:"android-key-hardware"`
}

// Client is a caller of the fronts and of our API.
type Client struct {
	ID              string         `koanf:"id"`
	Name            string         `koanf:"name"`
	Key             string         `koanf:"key"`              // inline only for trying out
	KeyFile         string         `koanf:"key-file"`         // one key a line; more than one while a key is being changed
	CertificateFile string         `koanf:"certificate-file"` // TLS client certificates, PEM; more than one while they are being changed
	Scopes          []tenant.Scope `koanf:"scopes"`
	RelyingParties  []string       `koanf:"relying-parties"` // empty: all of the tenant

	Keys         []string            `koanf:"-"` // what Key and KeyFile hold
	Certificates []*x509.Certificate `koanf:"-"` // what CertificateFile holds
}

// Console says where operators sign in. Both empty: at the first relying party that has
// the public URL's origin among its own.
type Console struct {
	Tenant       string `koanf:"tenant"`        // empty: the only one there is
	RelyingParty string `koanf:"relying-party"` // empty: the tenant's first with that origin
}

// Fronts are the doors that are open.
type Fronts struct {
	DigitalAccess *DigitalAccess `koanf:"digital-access"`
	Hermod        *Hermod        `koanf:"hermod"`
	Identity      *Identity      `koanf:"identity"`
	OneWelcome    *OneWelcome    `koanf:"onewelcome"`
	OneSpan       *OneSpan       `koanf:"onespan"`
	Nevis         *Nevis         `koanf:"nevis"`
	Conformance   struct {
		Enabled bool `koanf:"enabled"`
	} `koanf:"conformance"`
}

// DigitalAccess opens the Digital Access front.
type DigitalAccess struct {
	Tenant       string `koanf:"tenant"`
	RelyingParty string `koanf:"relying-party"`
	Prefix       string `koanf:"prefix"` // before /fido and /oauth2; empty: none
}

// OneWelcome opens the front of attestation and assertion options and verify.
type OneWelcome struct {
	Tenant           string `koanf:"tenant"`
	RelyingParty     string `koanf:"relying-party"` // where a request names none; empty: it has to, unless its key has one alone
	Prefix           string `koanf:"prefix"`        // before all its paths
	HideUnknownUsers bool   `koanf:"hide-unknown-users"`
}

// OneSpan opens the front for clients of the OneSpan Trusted Identity platform API.
type OneSpan struct {
	Tenant             string          `koanf:"tenant"`
	RelyingParty       string          `koanf:"relying-party"` // may be one that is made later
	Prefix             string          `koanf:"prefix"`        // empty: /v1
	DefaultDomain      string          `koanf:"default-domain"`
	Domains            []string        `koanf:"domains"` // beside the default one
	RequireRecentLogin time.Duration   `koanf:"require-recent-login"`
	MoreTenants        []OneSpanTenant `koanf:"more-tenants"`
}

// OneSpanTenant is a further tenant of that front.
type OneSpanTenant struct {
	Tenant             string        `koanf:"tenant"`
	RelyingParty       string        `koanf:"relying-party"`
	DefaultDomain      string        `koanf:"default-domain"`
	Domains            []string      `koanf:"domains"`
	RequireRecentLogin time.Duration `koanf:"require-recent-login"`
}

// Hermod opens the Smart ID Messaging front. Its keys are those of
// application.hermod there, in kebab-case or camelCase.
type Hermod struct {
	Tenant    string `koanf:"tenant"`
	URIBase   string `koanf:"uri-base"`
	PublicURL string `koanf:"public-url"` // empty: <public-url><uri-base>/ms
	REST      struct {
		Log            bool `koanf:"log"`
		HideExceptions bool `koanf:"hide-exceptions"`
	} `koanf:"rest"`
	Callback struct {
		Attempts   int `koanf:"attempts"`    // the first try included
		RetryDelay int `koanf:"retry-delay"` // seconds
	} `koanf:"callback"`
	Swagger struct {
		Enabled bool `koanf:"enabled"`
	} `koanf:"swagger"`
	AllowedClients []HermodClient `koanf:"allowed-clients"`
}

// HermodClient is an API user of the relay.
type HermodClient struct {
	ClientID              string `koanf:"client-id"`
	Key                   string `koanf:"key"`
	KeyFile               string `koanf:"key-file"` // one key a line
	Group                 string `koanf:"group"`
	CallbackURL           string `koanf:"callback-url"`
	CallbackBasicAuth     string `koanf:"callback-basic-auth"` // username:password
	CallbackBasicAuthFile string `koanf:"callback-basic-auth-file"`
	AttestationKeys       string `koanf:"attestation-keys"` // path of a key set
	AcceptUnsigned        bool   `koanf:"accept-unsigned"`
	MatchCode             bool   `koanf:"match-code"`

	// A section of Smart ID Messaging may hold these. Remote content is not fetched in
	// this version, and the start says so.
	ContentProviderURL           string `koanf:"content-provider-url"`
	ContentProviderBasicAuth     string `koanf:"content-provider-basic-auth"`
	ContentProviderBasicAuthFile string `koanf:"content-provider-basic-auth-file"`

	Keys           []string `koanf:"-"` // what Key and KeyFile hold
	AttestationSet []byte   `koanf:"-"` // what AttestationKeys holds
}

// defaults are the values of a configuration without a file. The lists of tenants
// and clients have theirs in [Load], because a list that is given replaces it.
func defaults() map[string]any {
	return map[string]any{
		"listen":         "127.0.0.1:8443",
		"data":           "./bestow-data",
		"metrics-listen": "127.0.0.1:9090",
		"log.level":      "info",
		"log.format":     "text",
	}
}

// hermodDefaults are those of the public sample configuration. They count only where
// the file opens that front.
func hermodDefaults() map[string]any {
	return map[string]any{
		"fronts.hermod.uri-base":             "/hermod/rest",
		"fronts.hermod.rest.hide-exceptions": true,
		"fronts.hermod.callback.attempts":    1,
		"fronts.hermod.callback.retry-delay": 30,
		"fronts.hermod.swagger.enabled":      true,
	}
}

// oneWelcomeDefaults count only where the file opens that front.
func oneWelcomeDefaults() map[string]any {
	return map[string]any{"fronts.onewelcome.prefix": "/fido/v1"}
}

// DefaultTenant is the name of the tenant that exists when the file names none.
const DefaultTenant = "default"

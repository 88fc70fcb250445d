package config

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"bestow.dev/internal/tenant"
)

// minKeyLength is how long a secret from the file has to be, in characters.
const minKeyLength = 32

// maxSecretFileBytes bounds what is read as a secret or a key set.
const maxSecretFileBytes = 1 << 20

// complete fills in what depends on other values, makes paths relative to the
// working directory, reads the files that hold secrets and checks everything.
func (c *Config) complete(base string) error {
	at := func(path *string) {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(base, *path)
		}
	}
	at(&c.Data)
	at(&c.TrustDir)
	at(&c.TLS.CertFile)
	at(&c.TLS.KeyFile)
	at(&c.TLS.CAFile)
	at(&c.SecretsKeyFile)

	return errors.Join(
		c.checkDoors(),
		c.checkDatabase(),
		c.checkLog(),
		c.completeMetadata(at),
		c.completeTenants(at),
		c.joinNevisfido(),
		c.completeFronts(at),
		c.completeMail(at),
	)
}

func (c *Config) checkDoors() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen: %q is not host:port", c.Listen)
	}
	if c.MetricsListen != "" {
		if _, _, err := net.SplitHostPort(c.MetricsListen); err != nil {
			return fmt.Errorf("metrics-listen: %q is not host:port", c.MetricsListen)
		}
	}
	if c.PublicURL != "" {
		if err := checkHTTPS(c.PublicURL); err != nil {
			return fmt.Errorf("public-url: %w", err)
		}
		c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		return errors.New("tls: cert-file and key-file go together")
	}
	return nil
}

func (c *Config) checkDatabase() error {
	if c.Database == "" {
		return nil
	}
	u, err := url.Parse(c.Database)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return errors.New("database: want a postgres:// URL, or nothing for SQLite") // never quotes it: it may hold a password
	}
	return nil
}

func (c *Config) checkLog() error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		return fmt.Errorf("log.level: %q is not debug, info, warn or error", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		return fmt.Errorf("log.format: %q is not text or json", c.Log.Format)
	}
	return nil
}

func (c *Config) completeTenants(at func(*string)) error {
	if len(c.Tenants) == 0 {
		c.Tenants = []Tenant{{
			Name:           DefaultTenant,
			RelyingParties: []RelyingParty{{ID: "localhost", Name: "Bestow on this machine"}},
		}}
	}
	seen := map[string]bool{}
	for i := range c.Tenants {
		t := &c.Tenants[i]
		path := fmt.Sprintf("tenants[%d]", i)
		if t.Name == "" {
			return fmt.Errorf("%s.name: is missing", path)
		}
		if seen[t.Name] {
			return fmt.Errorf("%s.name: %q stands twice", path, t.Name)
		}
		seen[t.Name] = true
		for j := range t.RelyingParties {
			if t.RelyingParties[j].ID == "" {
				return fmt.Errorf("%s.relying-parties[%d].id: is missing", path, j)
			}
			at(&t.RelyingParties[j].TrustAnchorsFile)
			t.RelyingParties[j].Trust.complete(at)
		}
		at(&t.TrustAnchorsFile)
		for j := range t.PolicyFiles {
			at(&t.PolicyFiles[j])
		}
		for j := range t.Clients {
			if err := t.Clients[j].complete(at); err != nil {
				return fmt.Errorf("%s.clients[%d].%w", path, j, err)
			}
		}
	}
	return nil
}

func (t *Trust) complete(at func(*string)) {
	at(&t.RevocationListsFile)
	for format, path := range t.FormatAnchorsFiles {
		at(&path)
		t.FormatAnchorsFiles[format] = path
	}
}

func (c *Client) complete(at func(*string)) (err error) {
	at(&c.KeyFile)
	if c.ID == "" {
		return errors.New("id: is missing")
	}
	for _, s := range c.Scopes {
		if !slices.Contains(tenant.Scopes(), s) {
			return fmt.Errorf("scopes: there is no scope %q", s)
		}
	}
	at(&c.CertificateFile)
	if c.CertificateFile != "" {
		if c.Certificates, err = readCertificates(c.CertificateFile); err != nil {
			return fmt.Errorf("certificate-file: %w", err)
		}
		if c.Key == "" && c.KeyFile == "" {
			return nil
		}
	}
	c.Keys, err = readKeys(c.Key, c.KeyFile)
	return err
}

// readCertificates reads the certificates of a PEM file.
func readCertificates(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a %s; certificates alone belong there", block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, certificate)
	}
	if len(all) == 0 {
		return nil, errors.New("holds no certificate")
	}
	return all, nil
}

func (c *Config) completeFronts(at func(*string)) error {
	if da := c.Fronts.DigitalAccess; da != nil {
		if err := c.knowsRelyingParty(&da.Tenant, da.RelyingParty); err != nil {
			return fmt.Errorf("fronts.digital-access.%w", err)
		}
		if err := checkPrefix(&da.Prefix); err != nil {
			return fmt.Errorf("fronts.digital-access.prefix: %w", err)
		}
	}
	if d := c.Fronts.OneWelcome; d != nil {
		if err := c.completeOneWelcome(d); err != nil {
			return fmt.Errorf("fronts.onewelcome.%w", err)
		}
	}
	if h := c.Fronts.Hermod; h != nil {
		if err := c.completeHermod(h, at); err != nil {
			return fmt.Errorf("fronts.hermod.%w", err)
		}
	}
	if o := c.Fronts.OneSpan; o != nil {
		if err := c.completeOneSpan(o); err != nil {
			return fmt.Errorf("fronts.onespan.%w", err)
		}
	}
	if n := c.Fronts.Nevis; n != nil {
		if err := c.completeNevis(n, at); err != nil {
			return fmt.Errorf("fronts.nevis.%w", err)
		}
	}
	if d := &c.Fronts.Conformance; d.Enabled {
		if err := c.completeConformance(d); err != nil {
			return fmt.Errorf("fronts.conformance.%w", err)
		}
	}
	if d := c.Fronts.Identity; d != nil {
		if err := c.completeIdentity(d, at); err != nil {
			return fmt.Errorf("fronts.identity.%w", err)
		}
	}
	return c.checkPlaces()
}

func (c *Config) completeOneWelcome(d *OneWelcome) error {
	if d.RelyingParty == "" {
		if _, err := c.tenantOf(&d.Tenant); err != nil {
			return err
		}
	} else if err := c.knowsRelyingParty(&d.Tenant, d.RelyingParty); err != nil {
		return err
	}
	if err := checkPrefix(&d.Prefix); err != nil {
		return fmt.Errorf("prefix: %w", err)
	}
	if d.Prefix == "" {
		return errors.New("prefix: is missing")
	}
	return nil
}

// knowsRelyingParty checks that a front's tenant and relying party exist, and fills
// in the tenant where there is only one.
func (c *Config) knowsRelyingParty(name *string, rp string) error {
	t, err := c.tenantOf(name)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(t.RelyingParties, func(r RelyingParty) bool { return r.ID == rp }) {
		return fmt.Errorf("relying-party: tenant %s has no relying party %q", t.Name, rp)
	}
	return nil
}

func (c *Config) tenantOf(name *string) (*Tenant, error) {
	if *name == "" && len(c.Tenants) == 1 {
		*name = c.Tenants[0].Name
	}
	for i := range c.Tenants {
		if c.Tenants[i].Name == *name {
			return &c.Tenants[i], nil
		}
	}
	return nil, fmt.Errorf("tenant: there is no tenant %q", *name)
}

func (c *Config) completeHermod(h *Hermod, at func(*string)) error {
	if _, err := c.tenantOf(&h.Tenant); err != nil {
		return err
	}
	if err := checkPrefix(&h.URIBase); err != nil {
		return fmt.Errorf("uri-base: %w", err)
	}
	if h.PublicURL != "" {
		if err := checkHTTPS(h.PublicURL); err != nil {
			return fmt.Errorf("public-url: %w", err)
		}
		h.PublicURL = strings.TrimSuffix(h.PublicURL, "/")
		if !strings.HasSuffix(h.PublicURL, "/ms") {
			return errors.New("public-url: its path has to end in /ms, by which agents know a message box")
		}
	}
	if h.Callback.Attempts < 1 || h.Callback.RetryDelay < 0 {
		return errors.New("callback: attempts begin at 1 and retry-delay at 0")
	}
	seen := map[string]bool{}
	for i := range h.AllowedClients {
		cl := &h.AllowedClients[i]
		if err := cl.complete(at); err != nil {
			return fmt.Errorf("allowed-clients[%d].%w", i, err)
		}
		if seen[cl.ClientID] {
			return fmt.Errorf("allowed-clients[%d].client-id: %q stands twice", i, cl.ClientID)
		}
		seen[cl.ClientID] = true
	}
	return nil
}

func (c *HermodClient) complete(at func(*string)) (err error) {
	at(&c.KeyFile)
	at(&c.CallbackBasicAuthFile)
	at(&c.AttestationKeys)
	if c.ClientID == "" || strings.Contains(c.ClientID, ":") {
		return errors.New("client-id: is missing or holds a colon")
	}
	if c.Keys, err = readKeys(c.Key, c.KeyFile); err != nil {
		return err
	}
	if c.CallbackBasicAuthFile != "" {
		lines, err := readLines(c.CallbackBasicAuthFile)
		if err != nil || len(lines) != 1 {
			return errors.New("callback-basic-auth-file: want one line username:password")
		}
		c.CallbackBasicAuth = lines[0]
	}
	if c.CallbackBasicAuth != "" && !strings.Contains(c.CallbackBasicAuth, ":") {
		return errors.New("callback-basic-auth: want username:password")
	}
	if c.CallbackURL != "" {
		u, err := url.Parse(c.CallbackURL)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" {
			return errors.New("callback-url: want an http or https URL without user, query or fragment")
		}
		c.CallbackURL = strings.TrimSuffix(c.CallbackURL, "/")
	}
	if c.AttestationKeys != "" {
		if c.AttestationSet, err = readSmall(c.AttestationKeys); err != nil {
			return fmt.Errorf("attestation-keys: %w", err)
		}
	}
	return nil
}

// ownPaths are where our own API and pages are; no front may stand over them.
var ownPaths = []string{"/api/v1", "/assets", "/console", "/enrol", "/signin", "/task"}

// checkPrefix checks what stands before a front's paths.
func checkPrefix(p *string) error {
	*p = strings.TrimSuffix(*p, "/")
	if *p == "" {
		return nil
	}
	if !strings.HasPrefix(*p, "/") || path.Clean(*p) != *p || strings.ContainsFunc(*p, odd) {
		return fmt.Errorf("%q is not a plain path that begins with a slash", *p)
	}
	for _, ours := range ownPaths {
		if *p == ours || strings.HasPrefix(*p, ours+"/") {
			return fmt.Errorf("%q is taken: our own API and pages are there", *p)
		}
	}
	return nil
}

// odd reports whether r is none of the characters that mean themselves in a path
// (RFC 3986 §2.3) and no slash.
func odd(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("-._~/", r)
}

func checkHTTPS(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("want an https URL without user, query or fragment") // never quotes it: it may hold a password
	}
	return nil
}

// readKeys returns the keys of a client: one inline, or one a line of a file, the
// newest first. Two keys at once are how a key is changed without downtime.
func readKeys(inline, path string) ([]string, error) {
	if (inline == "") == (path == "") {
		return nil, errors.New("key: give either key or key-file")
	}
	keys := []string{inline}
	if path != "" {
		var err error
		if keys, err = readLines(path); err != nil {
			return nil, fmt.Errorf("key-file: %w", err)
		}
	}
	for _, k := range keys {
		if len(k) < minKeyLength {
			return nil, fmt.Errorf("key: must be at least %d random characters", minKeyLength)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("key-file: holds no key")
	}
	return keys, nil
}

func readLines(path string) ([]string, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSecretFileBytes {
		return nil, fmt.Errorf("%s is too large", path)
	}
	return os.ReadFile(path)
}

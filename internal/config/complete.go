package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
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

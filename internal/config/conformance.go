package config

import "fmt"

// Conformance opens the front for conformance tests, which asks nobody who they are. It
// is only to be had on test data.
type Conformance struct {
	Enabled             bool   `koanf:"enabled"`
	Tenant              string `koanf:"tenant"`
	RelyingParty        string `koanf:"relying-party"`
	Prefix              string `koanf:"prefix"` // before /attestation and /assertion; may be empty
	AllowNoUserPresence bool   `koanf:"allow-no-user-presence"`
}

func (c *Config) completeConformance(d *Conformance) error {
	if err := c.knowsRelyingParty(&d.Tenant, d.RelyingParty); err != nil {
		return err
	}
	if err := checkPrefix(&d.Prefix); err != nil {
		return fmt.Errorf("prefix: %w", err)
	}
	return nil
}

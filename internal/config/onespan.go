package config

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// completeOneSpan fills in the defaults of the front and checks its tenants.
func (c *Config) completeOneSpan(o *OneSpan) error {
	o.Prefix = cmp.Or(o.Prefix, "/v1")
	if err := checkPrefix(&o.Prefix); err != nil {
		return fmt.Errorf("prefix: %w", err)
	}
	if o.Prefix == "" {
		return errors.New("prefix: the paths of this front begin with something, such as /v1")
	}
	first := OneSpanTenant{o.Tenant, o.RelyingParty, o.DefaultDomain, o.Domains, o.RequireRecentLogin}
	if err := c.completeOneSpanTenant(&first); err != nil {
		return err
	}
	o.Tenant, o.DefaultDomain = first.Tenant, first.DefaultDomain
	seen := map[string]bool{first.Tenant: true}
	for i := range o.MoreTenants {
		t := &o.MoreTenants[i]
		err := c.completeOneSpanTenant(t)
		if err == nil && seen[t.Tenant] {
			err = fmt.Errorf("tenant: %s stands there twice", t.Tenant)
		}
		if err != nil {
			return fmt.Errorf("more-tenants[%d].%w", i, err)
		}
		seen[t.Tenant] = true
	}
	return nil
}

// completeOneSpanTenant checks one tenant. Its relying party need not be in the file: it
// can be made through the front.
func (c *Config) completeOneSpanTenant(t *OneSpanTenant) error {
	if _, err := c.tenantOf(&t.Tenant); err != nil {
		return err
	}
	if t.RelyingParty == "" {
		return errors.New("relying-party: it is required")
	}
	if t.RequireRecentLogin < 0 {
		return errors.New("require-recent-login: it is not negative")
	}
	t.DefaultDomain = cmp.Or(t.DefaultDomain, "master")
	seen := make(map[string]bool)
	for _, d := range append([]string{t.DefaultDomain}, t.Domains...) {
		key := strings.ToLower(d)
		if d == "" || strings.ContainsAny(d, "@/ ") || seen[key] {
			return fmt.Errorf("domains: %q is empty, stands there twice, or has an @, a slash or a space", d)
		}
		seen[key] = true
	}
	return nil
}

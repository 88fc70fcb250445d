package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

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

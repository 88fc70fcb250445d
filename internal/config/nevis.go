package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// Nevis opens the nevisFIDO front.
type Nevis struct {
	Tenant       string `koanf:"tenant"`
	RelyingParty string `koanf:"relying-party"`
	Prefix       string `koanf:"prefix"` // before /fido2

	NevisfidoFile string `koanf:"nevisfido-file"` // a nevisfido.yml, which stands below these keys; empty: none
	NevisfidoExec bool   `koanf:"nevisfido-exec"` // run the commands of its ${exec:…}

	UserAttribute    string        `koanf:"user-attribute"`     // name, id
	ErrorStatus      string        `koanf:"error-status"`       // nevis, conformance
	StatusVocabulary string        `koanf:"status-vocabulary"`  // fido2, shared
	StrictAccept     bool          `koanf:"strict-accept"`      // Accept has to name application/json
	HideUnknownUsers bool          `koanf:"hide-unknown-users"` // options for names that are nobody's
	AnonymousClient  string        `koanf:"anonymous-client"`   // whose rights callers without credentials have; empty: none
	CORSOrigins      []string      `koanf:"cors-origins"`
	Timeout          NevisTimeout  `koanf:"timeout"`
	SecToken         NevisSecToken `koanf:"sectoken"`

	IDM        *NevisIDM        `koanf:"idm"`
	Management *NevisManagement `koanf:"management"`
	Demo       *NevisDemo       `koanf:"demo"`

	Nevisfido *Nevisfido `koanf:"-"` // what NevisfidoFile holds
}

// NevisTimeout is how long clients may take; zero: as long as the relying party says.
type NevisTimeout struct {
	UserVerification   time.Duration `koanf:"user-verification"`    // where it is required
	NoUserVerification time.Duration `koanf:"no-user-verification"` // elsewhere
}

// NevisSecToken says whose SecTokens are good, and where they are wanted: none,
// if-present or required.
type NevisSecToken struct {
	KeysFile              string        `koanf:"keys-file"` // a JWKS; empty: no token is good
	Issuer                string        `koanf:"issuer"`
	Audience              string        `koanf:"audience"`
	UserClaim             string        `koanf:"user-claim"`
	Leeway                time.Duration `koanf:"leeway"`
	RegistrationOptions   string        `koanf:"registration-options"`
	RegistrationResult    string        `koanf:"registration-result"`
	AuthenticationOptions string        `koanf:"authentication-options"`
	AuthenticationResult  string        `koanf:"authentication-result"`
	Status                string        `koanf:"status"`
	Credentials           string        `koanf:"credentials"`

	KeySet []byte `koanf:"-"` // what KeysFile holds
}

// NevisIDM opens nevisIDM's paths of FIDO2 credentials.
type NevisIDM struct {
	URIBase       string        `koanf:"uri-base"`       // before the paths; empty: /nevisidm/api/core/v1
	ClientExtID   string        `koanf:"client-ext-id"`  // empty: the tenant's name
	TemporaryLock time.Duration `koanf:"temporary-lock"` // of tmp-locked; zero: 15 minutes
}

// NevisManagement opens the management listener.
type NevisManagement struct {
	Listen string `koanf:"listen"` // empty: 127.0.0.1:9089
}

// NevisDemo opens a page that signs people in as a state machine would.
type NevisDemo struct {
	Client string `koanf:"client"` // the API client that it acts as
	Path   string `koanf:"path"`   // empty: /nevis/demo
}

// nevisDefaults count only where the file opens that front.
func nevisDefaults() map[string]any {
	return map[string]any{
		"fronts.nevis.prefix":                          "/nevisfido",
		"fronts.nevis.user-attribute":                  "name",
		"fronts.nevis.error-status":                    "nevis",
		"fronts.nevis.status-vocabulary":               "fido2",
		"fronts.nevis.sectoken.user-claim":             "sub",
		"fronts.nevis.sectoken.leeway":                 "30s",
		"fronts.nevis.sectoken.registration-options":   "if-present",
		"fronts.nevis.sectoken.registration-result":    "if-present",
		"fronts.nevis.sectoken.authentication-options": "if-present",
		"fronts.nevis.sectoken.authentication-result":  "if-present",
		"fronts.nevis.sectoken.status":                 "if-present",
		"fronts.nevis.sectoken.credentials":            "if-present",
	}
}

func (c *Config) completeNevis(n *Nevis, at func(*string)) error {
	if err := c.knowsRelyingParty(&n.Tenant, n.RelyingParty); err != nil {
		return err
	}
	var inFile Nevisfido
	if n.Nevisfido != nil {
		inFile = *n.Nevisfido
	}
	if n.NevisfidoFile != inFile.Path || inFile.Path != "" && n.NevisfidoExec != inFile.Exec {
		return errors.New("nevisfido-file and nevisfido-exec are said by the configuration file, not by the environment: it is read before that")
	}
	if err := checkPrefix(&n.Prefix); err != nil {
		return fmt.Errorf("prefix: %w", err)
	}
	for _, choice := range []struct {
		key, value string
		of         []string
	}{
		{"user-attribute", n.UserAttribute, []string{"name", "id"}},
		{"error-status", n.ErrorStatus, []string{"nevis", "conformance"}},
		{"status-vocabulary", n.StatusVocabulary, []string{"fido2", "shared"}},
	} {
		if !slices.Contains(choice.of, choice.value) {
			return fmt.Errorf("%s: %q is none of %v", choice.key, choice.value, choice.of)
		}
	}
	if n.Timeout.UserVerification < 0 || n.Timeout.NoUserVerification < 0 {
		return errors.New("timeout: is negative")
	}
	for _, origin := range n.CORSOrigins {
		if err := checkHTTPS(origin); err != nil {
			return fmt.Errorf("cors-origins: %w", err)
		}
	}
	if err := n.SecToken.complete(at); err != nil {
		return fmt.Errorf("sectoken.%w", err)
	}
	return n.completeParts()
}

// completeParts fills in the defaults of what is closed unless the file has it.
func (n *Nevis) completeParts() error {
	if i := n.IDM; i != nil {
		if i.URIBase == "" {
			i.URIBase = "/nevisidm/api/core/v1"
		}
		if err := checkPrefix(&i.URIBase); err != nil {
			return fmt.Errorf("idm.uri-base: %w", err)
		}
		if i.ClientExtID == "" {
			i.ClientExtID = n.Tenant
		}
		if i.TemporaryLock == 0 {
			i.TemporaryLock = 15 * time.Minute
		}
		if i.TemporaryLock < time.Second {
			return errors.New("idm.temporary-lock: is shorter than a second")
		}
	}
	if m := n.Management; m != nil {
		if m.Listen == "" {
			m.Listen = "127.0.0.1:9089"
		}
		if _, _, err := net.SplitHostPort(m.Listen); err != nil {
			return fmt.Errorf("management.listen: %q is not host:port", m.Listen)
		}
	}
	if d := n.Demo; d != nil {
		if d.Path == "" {
			d.Path = "/nevis/demo"
		}
		if err := checkPrefix(&d.Path); err != nil {
			return fmt.Errorf("demo.path: %w", err)
		}
		if d.Client == "" {
			return errors.New("demo.client: is missing")
		}
	}
	return nil
}

func (t *NevisSecToken) complete(at func(*string)) (err error) {
	modes := []string{"none", "if-present", "required"}
	for key, mode := range map[string]string{
		"registration-options": t.RegistrationOptions, "registration-result": t.RegistrationResult,
		"authentication-options": t.AuthenticationOptions, "authentication-result": t.AuthenticationResult,
		"status": t.Status, "credentials": t.Credentials,
	} {
		if !slices.Contains(modes, mode) {
			return fmt.Errorf("%s: %q is none of %v", key, mode, modes)
		}
		if mode == "required" && t.KeysFile == "" {
			return fmt.Errorf("%s: is required, and there is no keys-file", key)
		}
	}
	if t.Leeway < time.Second || t.Leeway > 10*time.Minute {
		return errors.New("leeway: want 1s to 10m")
	}
	at(&t.KeysFile)
	if t.KeysFile == "" {
		return nil
	}
	if t.Audience == "" {
		return errors.New("audience: is missing; a token for another service would be good here")
	}
	if t.KeySet, err = readSmall(t.KeysFile); err != nil {
		return fmt.Errorf("keys-file: %w", err)
	}
	return nil
}

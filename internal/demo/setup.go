package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"bestow.dev/internal/config"
	"bestow.dev/internal/localca"
	"bestow.dev/internal/wiring"
)

// prepare makes the keys, the agent's home and the configuration file.
func (p *play) prepare(ctx context.Context) (err error) {
	s := p.t.begin(you, desk, "install it")
	p.secrets = secrets{api: rand.Text() + rand.Text(), relay: rand.Text() + rand.Text(), callback: rand.Text()}
	p.agent = agent{
		program:    p.Program,
		home:       filepath.Join(p.dir, "desk"),
		caFile:     filepath.Join(p.dir, "data", "tls", localca.CAFile),
		pin:        "2468-demo",
		passphrase: rand.Text(),
	}
	if p.callbacks, err = listenForCallbacks(callbackUser, p.secrets.callback); err != nil {
		return s.failed(err)
	}
	keys := filepath.Join(p.dir, "keys")
	if err := errors.Join(os.MkdirAll(keys, 0o700), os.MkdirAll(p.agent.home, 0o700)); err != nil {
		return s.failed(err)
	}
	if _, err := p.agent.run(ctx, nil, "install", "--dir", p.agent.home, "--key-only"); err != nil {
		return s.failed(err)
	}
	public, err := p.agent.run(ctx, nil, "key", "show", "--jwks", "--dir", p.agent.home)
	if err != nil {
		return s.failed(err)
	}
	for name, text := range map[string]string{
		"keys/agents.jwks": string(public),
		"keys/api":         p.secrets.api + "\n",
		"keys/relay":       p.secrets.relay + "\n",
		"keys/callback":    callbackUser + ":" + p.secrets.callback + "\n",
		"bestow.yaml":      p.configuration(),
	} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			return s.failed(err)
		}
	}
	s.done("a signing key of its own; the relay gets the public half")
	return nil
}

// configuration is what an operator would write.
func (p *play) configuration() string {
	listen := p.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	return fmt.Sprintf(`listen: %q
metrics-listen: 127.0.0.1:0
data: data
log: { level: warn }
tenants:
  - name: %s
    relying-parties:
      - { id: %s, name: Bestow demo }
    clients:
      - { id: %s, key-file: keys/api, scopes: [ users.write, fido.provision, fido.read, fido.authenticate, audit.read ] }
fronts:
  digital-access: { tenant: %s, relying-party: %s }
  hermod:
    tenant: %s
    callback: { attempts: 3, retry-delay: 1 }
    allowed-clients:
      - client-id: %s
        key-file: keys/relay
        callback-url: %s
        callback-basic-auth-file: keys/callback
        attestation-keys: keys/agents.jwks
`, listen, tenantName, relyingParty, clientID, tenantName, relyingParty, tenantName, clientID, p.callbacks.url)
}

func (p *play) startServer(ctx context.Context) error {
	s := p.t.begin(you, bestow, "start the server")
	cfg, err := config.Load(config.Sources{File: filepath.Join(p.dir, "bestow.yaml")})
	if err != nil {
		return s.failed(err)
	}
	p.server, err = wiring.Start(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return s.failed(err)
	}
	ca, err := os.ReadFile(p.agent.caFile)
	if err != nil {
		return s.failed(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	p.manager = manager{
		http:     &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
		base:     p.server.URL,
		clientID: clientID,
		key:      p.secrets.api,
		relayKey: p.secrets.relay,
	}
	s.done(p.server.URL+", SQLite, data in a fresh directory",
		"TLS by a local authority that was made just now, may sign for this machine only, and has forgotten its key")
	return nil
}

// trustRelay puts the relay on the agent's allow list, which is empty until then and
// refuses everything.
func (p *play) trustRelay(ctx context.Context) error {
	host := strings.TrimPrefix(p.server.URL, "https://")
	s := p.t.begin(you, desk, "trust add "+host+" --rp "+relyingParty)
	if _, err := p.agent.run(ctx, nil, "trust", "add", host, "--rp", relyingParty, "--dir", p.agent.home); err != nil {
		return s.failed(err)
	}
	s.done("it takes links to this relay, for this relying party, and no others")
	return nil
}

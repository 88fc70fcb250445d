package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
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
	"bestow.dev/processes"
)

// prepare makes the keys, the agent's home and the configuration file.
func (p *play) prepare(ctx context.Context) (err error) {
	s := p.t.begin(you, desk, "install it")
	p.agent = agent{
		program:    p.Program,
		home:       filepath.Join(p.dir, "desk"),
		caFile:     filepath.Join(p.dir, "data", "tls", localca.CAFile),
		pin:        "2468-demo",
		passphrase: rand.Text(),
	}
	keys := filepath.Join(p.dir, "keys")
	if err := errors.Join(os.MkdirAll(keys, 0o700), os.MkdirAll(p.agent.home, 0o700)); err != nil {
		return s.failed(err)
	}
	if _, err := p.agent.run(ctx, nil, "install", "--dir", p.agent.home, "--key-only"); err != nil {
		return s.failed(err)
	}
	if p.agent.public, err = p.agent.run(ctx, nil, "key", "show", "--jwks", "--dir", p.agent.home); err != nil {
		return s.failed(err)
	}
	p.keys = map[string]string{setupID: newKey(), managerID: newKey(), websiteID: newKey()}
	for id, key := range p.keys {
		if err := os.WriteFile(p.keyFile(id), []byte(key+"\n"), 0o600); err != nil {
			return s.failed(err)
		}
	}
	if err := os.WriteFile(p.configFile(), []byte(p.configuration()), 0o600); err != nil {
		return s.failed(err)
	}
	s.done("a signing key of its own, whose public half Bestow gets below")
	return nil
}

func newKey() string { return rand.Text() + rand.Text() }

func (p *play) keyFile(client string) string { return filepath.Join(p.dir, "keys", client) }

func (p *play) configFile() string { return filepath.Join(p.dir, "bestow.yaml") }

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
  - name: %[2]s
    relying-parties:
      - { id: %[3]s, name: Bestow demo }
    clients:
      - { id: %[4]s, key-file: keys/%[4]s, scopes: [ admin ] }
      - { id: %[5]s, key-file: keys/%[5]s, scopes: [ users.write, process.run ] }
      - { id: %[6]s, key-file: keys/%[6]s, scopes: [ fido.authenticate ] }
fronts:
  digital-access: { tenant: %[2]s, relying-party: %[3]s }
  hermod: { tenant: %[2]s }
`, listen, tenantName, relyingParty, setupID, managerID, websiteID)
}

func (p *play) startServer(ctx context.Context) error {
	s := p.t.begin(you, bestow, "start the server")
	cfg, err := config.Load(config.Sources{File: p.configFile()})
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
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	api := func(id string) client {
		return client{http: &http.Client{Transport: transport}, base: p.server.URL, id: id, key: p.keys[id]}
	}
	p.setup, p.manager, p.website = api(setupID), api(managerID), api(websiteID)
	if p.browser, err = newBrowser(transport, p.server.URL); err != nil {
		return s.failed(err)
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

// connect says where the processes' tasks lead: to this very server, which is relying
// party and relay in one.
func (p *play) connect(ctx context.Context) error {
	s := p.t.begin(you, ourAPI, "PUT connections/digital-access, messaging-servers/hermod")
	if err := p.setup.put(ctx, "/connections/digital-access", map[string]any{"url": "internal:"}); err != nil {
		return s.failed(err)
	}
	if err := p.setup.put(ctx, "/messaging-servers/hermod", map[string]any{
		"url": "internal:", "sessionStartSeconds": linkSeconds,
		"attestationKeySets": map[string]json.RawMessage{"desks": p.agent.public},
	}); err != nil {
		return s.failed(err)
	}
	s.done("internal: relying party and relay of this server; others would have a URL and a secret",
		"answers of desks count if they are signed by a key of the set \"desks\"")

	s = p.t.begin(you, ourAPI, "POST process-definitions: "+definition+", with what it calls")
	for _, d := range processes.With(definition) {
		if err := p.setup.deploy(ctx, d.XML); err != nil {
			return s.failed(err)
		}
	}
	s.done("BPMN 2.0, as it comes with the program; all that it names is there")
	return nil
}

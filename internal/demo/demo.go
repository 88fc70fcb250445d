// Package demo plays Bestow's main job on one machine, from the creation options to
// the first sign-in, and prints it as a timeline.
//
// The server is a real one: wired as `bestow serve` wires it, on loopback, with a
// fresh data directory. Everything the demo asks of it goes through its public HTTP
// interfaces, as an identity manager's would; the desktop agent runs in a process of
// its own.
package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bestow.dev/internal/config"
	"bestow.dev/internal/localca"
	"bestow.dev/internal/wiring"
)

// Options says how to play.
type Options struct {
	Out     io.Writer // receives the timeline
	Program []string  // what runs the agent: a program, and arguments before the agent's own
	Serve   bool      // stay up afterwards, until the context ends
	Dir     string    // where to keep data; empty: a fresh directory that is removed
	Listen  string    // empty: a free loopback port
}

// The cast.
const (
	tenantName   = "demo"
	relyingParty = "localhost"
	clientID     = "identity-manager"
	callbackUser = "relay"
	userName     = "alice@example.com"
	keyName      = "Alice's security key"
)

// overallTime bounds the story; after it something hangs.
const overallTime = 60 * time.Second

// play is one performance. It is for one goroutine.
type play struct {
	Options
	t         timeline
	dir       string
	secrets   secrets
	agent     agent
	callbacks *receiver
	server    *wiring.Server
	manager   manager
}

// secrets are made for one performance and end with it.
type secrets struct{ api, relay, callback string }

// Run plays the whole flow. It returns nil if every step went well, and the first
// failed step's cause otherwise. Whatever it started has ended when it returns.
func Run(ctx context.Context, o Options) (err error) {
	p := &play{Options: o, t: timeline{out: o.Out}, dir: o.Dir}
	if p.dir == "" {
		if p.dir, err = os.MkdirTemp("", "bestow-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(p.dir)) }()
	}
	defer func() { err = errors.Join(err, p.end(ctx)) }()

	started := time.Now()
	fmt.Fprintln(p.Out, "Bestow demo: a security key credential, made on behalf of "+userName)
	fmt.Fprintln(p.Out, "Everything runs on this machine. The security key is a software one; the rest is what runs in production.")
	p.t.header()
	story, cancel := context.WithTimeoutCause(ctx, overallTime, errors.New("the demo took too long"))
	defer cancel()
	if err := p.story(story); err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "  %s\n  Done in %s.\n", ruler, brief(time.Since(started)))
	if !p.Serve {
		fmt.Fprintln(p.Out, "\n  bestow demo --serve stays up and says what to try next.")
		return nil
	}
	if err := p.whatNext(); err != nil {
		return err
	}
	return p.server.Wait(ctx)
}

// end stops what the performance started.
func (p *play) end(ctx context.Context) error {
	if p.callbacks != nil {
		p.callbacks.close()
	}
	if p.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return p.server.Shutdown(ctx)
}

func (p *play) story(ctx context.Context) error {
	if err := p.prepare(ctx); err != nil {
		return err
	}
	if err := p.startServer(ctx); err != nil {
		return err
	}
	if err := p.trustRelay(ctx); err != nil {
		return err
	}
	options, err := p.takeOptions(ctx)
	if err != nil {
		return err
	}
	created, err := p.createAtTheDesk(ctx, options)
	if err != nil {
		return err
	}
	if err := p.storeCredential(ctx, created); err != nil {
		return err
	}
	if err := p.signIn(ctx); err != nil {
		return err
	}
	return p.readAudit(ctx)
}

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

func (p *play) takeOptions(ctx context.Context) (creationOptions, error) {
	var none creationOptions
	s := p.t.begin(identityManager, ourAPI, "POST /api/v1/users")
	if _, err := p.manager.createUser(ctx, user{Name: userName, DisplayName: "Alice Example"}); err != nil {
		return none, s.failed(err)
	}
	s.done("API client " + clientID + " holds users.write; the user got a random handle")

	s = p.t.begin(identityManager, digitalAccess, "POST /oauth2/token")
	if err := p.manager.takeAccessToken(ctx); err != nil {
		return none, s.failed(err)
	}
	s.done("the client's secret, compared in constant time; a token for ten minutes")

	s = p.t.begin(identityManager, digitalAccess, "GET /fido/options?userId="+userName)
	options, err := p.manager.creationOptions(ctx, userName)
	if err != nil {
		return none, s.failed(err)
	}
	s.done("scope fido.provision for relying party "+relyingParty, "a ceremony was opened, good once, for five minutes")
	return options, nil
}

// createAtTheDesk is the part that no server can do alone: through the relay to the
// agent, from there to the key, and back.
func (p *play) createAtTheDesk(ctx context.Context, options creationOptions) (outcome, error) {
	var none outcome
	s := p.t.begin(identityManager, relayFront, "POST /hermod/rest/command/sessionstart")
	session, err := p.manager.startSession(ctx, userName)
	if err != nil {
		return none, s.failed(err)
	}
	box := session.Destinations[0].BID
	s.done("a message box, and a plugout link that opens it once")

	s = p.t.begin(identityManager, relayFront, "POST /hermod/rest/command/fidocreatecredential")
	create, err := p.manager.createCredential(ctx, box, options.PublicKey)
	if err != nil {
		return none, s.failed(err)
	}
	s.done("the options are complete; the command waits in the box until someone opens the link")

	s = p.t.begin(you, desk, "open com.nexusgroup.plugout:///?url=…&token=…")
	visit, err := p.agent.open(ctx, session.Destinations[0].URI)
	if err != nil {
		return none, s.failed(err)
	}
	defer visit.close()
	started, err := p.callbacks.wait(ctx, session.CommandID, visit.ended)
	if err != nil {
		return none, s.failed(err)
	}
	s.done("https, certificate, relay host on the allow list; the link's code is spent",
		fmt.Sprintf("callback sessionstart: %s %s on %s, answer signature %s",
			started.Started.App, started.Started.Version, started.Started.OS, started.Signature.State))

	s = p.t.begin(desk, securityKey, "makeCredential")
	created, err := p.callbacks.wait(ctx, create.CommandID, visit.ended)
	if err != nil {
		return none, s.failed(err)
	}
	s.done("relying party and origin are on the allow list; PIN, touch; a new key pair, with the key's attestation",
		"callback fidocreatecredential: answer signature "+created.Signature.State+", same installation as the session's")

	s = p.t.begin(identityManager, relayFront, "POST /hermod/rest/command/sessionend")
	if err := p.manager.endSession(ctx, box); err != nil {
		return none, s.failed(err)
	}
	if err := visit.wait(ctx); err != nil {
		return none, s.failed(err)
	}
	s.done("the agent has ended")
	return created, nil
}

func (p *play) storeCredential(ctx context.Context, created outcome) error {
	s := p.t.begin(identityManager, digitalAccess, "POST /fido/credentials")
	stored, err := p.manager.storeCredential(ctx, userName, keyName, created.Created.Credential)
	if err != nil {
		return s.failed(err)
	}
	s.done("WebAuthn Level 3 §7.1, all steps: challenge, origin, relying party, presence, PIN, key, signature",
		fmt.Sprintf("attestation %s (%s), model %s, bound to %s, provisioned by %s",
			stored.Attestation.Fmt, stored.Attestation.Type, stored.AAGUID, stored.UserID, stored.ProvisionedBy))

	s = p.t.begin(identityManager, digitalAccess, "POST /fido/credentials, the same answer once more")
	if _, err := p.manager.storeCredential(ctx, userName, keyName, created.Created.Credential); err == nil {
		return s.failed(errors.New("a replayed answer was accepted"))
	} else if !strings.Contains(err.Error(), "challenge_used") {
		return s.failed(err)
	}
	s.done("refused: 410 CHALLENGE_EXPIRED, challenge_used")
	return nil
}

func (p *play) signIn(ctx context.Context) error {
	s := p.t.begin(identityManager, ourAPI, "POST /api/v1/authentications")
	begun, err := p.manager.beginAuthentication(ctx, userName)
	if err != nil {
		return s.failed(err)
	}
	s.done("request options with a fresh challenge")

	s = p.t.begin(you, securityKey, "bestow-agent assert: PIN, touch")
	response, err := p.agent.run(ctx, strings.NewReader(string(begun.PublicKey)),
		"assert", "--dir", p.agent.home, "--softkey", p.agent.keyFile(), "--secrets-fd", "3", "--yes", "--origin", p.server.URL)
	if err != nil {
		return s.failed(err)
	}
	s.done("the key signed with the new credential")

	s = p.t.begin(identityManager, ourAPI, "POST /api/v1/authentications/{id}/finish")
	done, err := p.manager.finishAuthentication(ctx, begun.ID, response)
	if err != nil {
		return s.failed(err)
	}
	if done.User.Name != userName {
		return s.failed(fmt.Errorf("signed in as %q", done.User.Name))
	}
	s.done("WebAuthn Level 3 §7.2, all steps; signature counter "+fmt.Sprint(done.Credential.SignCount),
		"signed in: "+done.User.Name+" with \""+done.Credential.Name+"\"")
	return nil
}

func (p *play) readAudit(ctx context.Context) error {
	s := p.t.begin(identityManager, ourAPI, "GET /api/v1/audit-events")
	trail, err := p.manager.auditTrail(ctx)
	if err != nil {
		return s.failed(err)
	}
	if len(trail) == 0 {
		return s.failed(errors.New("the audit trail is empty"))
	}
	lines := []string{fmt.Sprintf("%d events in one hash chain:", len(trail))}
	for _, e := range trail {
		lines = append(lines, fmt.Sprintf("%3d  %-32s %-26s via %s %s", e.Seq, e.Action, e.Actor.Kind+":"+e.Actor.ID, e.Via, e.Outcome))
	}
	s.done(lines...)
	return nil
}

// whatNext says what to try on the server that stays up. The verbs of the command
// line learn its address from the file, which could not name it before.
func (p *play) whatNext() error {
	file := filepath.Join(p.dir, "bestow.yaml")
	text := p.configuration() + "public-url: " + p.server.URL + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.Out, `
  The server stays up until you press Ctrl-C. Try, in another terminal:

    curl --cacert %[1]s -u %[2]s:$(cat %[3]s) %[4]s/api/v1/users
    curl --cacert %[1]s %[4]s/api/v1/openapi.json
    %[6]s credential list --config %[5]s
    %[6]s audit verify --config %[5]s
    %[6]s user invite bob@example.com --create --config %[5]s

`, p.agent.caFile, clientID, filepath.Join(p.dir, "keys", "api"), p.server.URL, file, p.program())
	return err
}

// program is how the reader can call the command line again.
func (p *play) program() string {
	if path := p.Program[0]; !strings.Contains(path, "go-build") {
		return path
	}
	return "go run ./cmd/bestow"
}

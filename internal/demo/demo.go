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
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

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

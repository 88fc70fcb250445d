// Package demo plays Bestow's main job on one machine, from an empty server to the
// first sign-in, and prints it as a timeline.
//
// The server is a real one: wired as `bestow serve` wires it, on loopback, with a
// fresh data directory. The process security-key, as it is shipped, does the work. The
// demo plays those around it, each through the public HTTP interfaces and with no more
// rights than they need: who sets the server up, an identity manager, the person in her
// browser, a website. The desktop agent runs in a process of its own.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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

// The cast: a tenant with its relying party, three API clients with no more rights than
// each needs, and Alice.
const (
	tenantName   = "demo"
	relyingParty = "localhost"
	setupID      = "setup"
	managerID    = "identity-manager"
	websiteID    = "website"
	userName     = "alice@example.com"
	definition   = "security-key"
	orderNumber  = "order-4711"
)

// linkSeconds is how long the desktop agent has to open the link. Nobody hurries a demo on
// a busy machine.
const linkSeconds = 120

// overallTime bounds the story; after it something hangs.
const overallTime = 60 * time.Second

// play is one performance. It is for one goroutine.
type play struct {
	Options
	t       timeline
	dir     string
	keys    map[string]string // of the API clients; made for one performance, and end with it
	agent   agent
	server  *wiring.Server
	setup   client
	manager client
	website client
	browser *browser
	run     string // id of the run that gives Alice her key
}

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
	if err := p.connect(ctx); err != nil {
		return err
	}
	link, err := p.ask(ctx)
	if err != nil {
		return err
	}
	if err := p.atTheDesk(ctx, link); err != nil {
		return err
	}
	answer, err := p.readRuns(ctx)
	if err != nil {
		return err
	}
	if err := p.readCredential(ctx); err != nil {
		return err
	}
	if err := p.replay(ctx, answer); err != nil {
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
	text := p.configuration() + "public-url: " + p.server.URL + "\n"
	if err := os.WriteFile(p.configFile(), []byte(text), 0o600); err != nil {
		return err
	}
	config, ca := typed(p.configFile()), typed(p.agent.caFile)
	verb := func(words string) string { return p.program() + " " + words + " --config " + config }
	for _, line := range []string{
		"", "The server stays up until you press Ctrl-C. Try, in another terminal:", "",
		"  " + verb("process list"),
		"  " + verb("process show "+p.run),
		"  " + verb("process draw "+p.run+" --out run.svg"),
		"  " + verb("credential list"),
		"  " + verb("audit verify"),
		"  " + verb("user invite bob@example.com --create"),
		"  curl --cacert " + ca + " -u " + setupID + ":$(cat " + typed(p.keyFile(setupID)) + ") " + p.server.URL + "/api/v1/users",
		"  curl --cacert " + ca + " " + p.server.URL + "/api/v1/openapi.json",
		"", "In a browser that trusts " + ca + ": the run, once you are an operator by the link that",
		"the second line prints; and what the API can do.", "",
		"  " + p.server.URL + "/console/runs/" + p.run,
		"  " + verb("operator invite carol@example.com --role administrator"),
		"  " + p.server.URL + "/api/v1/docs",
		"",
	} {
		if _, err := fmt.Fprintln(p.Out, strings.TrimRight("  "+line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// typed is a path as a shell takes it.
func typed(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-", r)
	}
	if !strings.ContainsFunc(path, func(r rune) bool { return !plain(r) }) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// program is how the reader can call the command line again.
func (p *play) program() string {
	if path := p.Program[0]; !strings.Contains(path, "go-build") {
		return typed(path)
	}
	return "go run ./cmd/bestow"
}

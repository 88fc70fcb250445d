// Package agent is the desktop agent: it follows a plugout link to a message relay,
// asks the person at the desk, drives the security key and answers signed.
//
//	a, err := agent.New(agent.Config{Keys: keys, Prompt: prompt, Signer: signer, Trust: trust})
//	...
//	report, err := a.Open(ctx, link)
//
// One call of [Agent.Open] is one session: redeem the link once, answer what the
// relay has for this desk, and stop when the session ends. Nothing is kept between
// sessions. The rules that stand in the way of a takeover are here and not in the
// programs: no relay and no RP ID that is not on the allow list, no create command
// before the person agreed, the PIN never further than to the key, redirects never
// followed, certificates always checked.
//
// The package also makes assertions with a key at the desk ([Agent.Assert]), holds
// the installation's key and settings ([Dir]), and is what cmd/bestow-agent is built
// from; the command line is in package cli below it. It does not look for security
// keys itself: that is what [Keys] is for.
package agent

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"runtime"
	"time"

	"bestow.dev/internal/plugout"
)

// AppName is what the agent calls itself on the wire.
const AppName = "bestow-agent"

// Config describes an agent. Keys and Prompt are required.
type Config struct {
	Keys   Keys
	Prompt Prompt

	// Signer holds the installation's key, which signs every answer. Only an agent that
	// opens links needs one.
	Signer *plugout.Signer

	// Trust is the allow list. Empty: every link is refused.
	Trust Trust

	// Roots are the authorities that may vouch for a relay. Nil: the system's.
	Roots *x509.CertPool

	// Version of the program, told to the relay.
	Version string

	// ForbidPINSetup turns off the offer to set a key's first PIN.
	ForbidPINSetup bool

	// Once ends the session when the first create command has been answered. False:
	// the agent stays until the session ends.
	Once bool

	// Events is told how far the session is. Nil: nobody is. It must return at once.
	Events func(Event)
}

// Agent serves links, one at a time. It is safe for concurrent use as far as its
// Config is.
type Agent struct {
	config Config
	http   *http.Client
	now    func() time.Time
	pause  func(ctx context.Context, d time.Duration) error
}

// New returns an agent. It returns an error if something required is missing.
func New(c Config) (*Agent, error) {
	if c.Keys == nil {
		return nil, errors.New("an agent needs a source of keys")
	}
	if p := c.Prompt; p.Match == nil || p.Confirm == nil || p.InsertKey == nil || p.ChooseKey == nil ||
		p.PIN == nil || p.Touch == nil || p.TouchAgain == nil || p.Say == nil {
		return nil, errors.New("an agent needs every question of Prompt but NewPIN")
	}
	if c.Events == nil {
		c.Events = func(Event) {}
	}
	return &Agent{config: c, http: newHTTPClient(c.Roots), now: time.Now, pause: sleep}, nil
}

// tell passes an event on, with the time.
func (a *Agent) tell(e Event) {
	e.Time = a.now().UTC()
	a.config.Events(e)
}

func (a *Agent) client() plugout.Client {
	return plugout.Client{App: AppName, Version: a.config.Version, OS: runtime.GOOS}
}

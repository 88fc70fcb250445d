package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"bestow.dev/internal/agent"
)

// trustCmd keeps the allow list.
type trustCmd struct {
	Add    trustAddCmd    `cmd:"" help:"Let a relay ask for credentials of a site."`
	List   trustListCmd   `cmd:"" help:"Show the allow list."`
	Remove trustRemoveCmd `cmd:"" help:"Take a site, or a whole relay, off the list."`
}

type trustAddCmd struct {
	Host string   `arg:"" help:"Host of the relay, and :port unless it is 443."`
	RP   []string `name:"rp" required:"" help:"RP ID of the site. May be repeated." placeholder:"ID"`
}

func (trustAddCmd) Help() string {
	return `Links of other relays are refused before anything is sent, and requests for other sites before
any touch.

Example:
  bestow-agent trust add msg.example.com:20400 --rp login.example.com`
}

// Run adds to the list.
func (c *trustAddCmd) Run(in *invocation) error {
	return change(in, func(t agent.Trust) (agent.Trust, error) { return t.Add(c.Host, c.RP...) })
}

type trustRemoveCmd struct {
	Host string   `arg:"" help:"Host of the relay, and :port unless it is 443."`
	RP   []string `name:"rp" help:"RP ID of the site; without any, the relay goes." placeholder:"ID"`
}

func (trustRemoveCmd) Help() string {
	return `Example:
  bestow-agent trust remove msg.example.com:20400 --rp login.example.com`
}

// Run takes off the list.
func (c *trustRemoveCmd) Run(in *invocation) error {
	return change(in, func(t agent.Trust) (agent.Trust, error) { return t.Remove(c.Host, c.RP...) })
}

// change writes the settings with another allow list.
func change(in *invocation, fn func(agent.Trust) (agent.Trust, error)) error {
	settings, err := in.dir.Settings()
	if err != nil {
		return badSettings(err)
	}
	if settings.Trust, err = fn(settings.Trust); err != nil {
		return usage("%v", err)
	}
	return in.dir.SaveSettings(settings)
}

type trustListCmd struct{}

func (trustListCmd) Help() string {
	return `Example:
  bestow-agent trust list`
}

// Run prints a table.
func (trustListCmd) Run(in *invocation) error {
	settings, err := in.dir.Settings()
	if err != nil {
		return badSettings(err)
	}
	if len(settings.Trust) == 0 {
		_, err := fmt.Fprintln(in.Stderr, "The list is empty: every link is refused.")
		return err
	}
	w := tabwriter.NewWriter(in.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RELAY\tRP IDS")
	for _, r := range settings.Trust {
		fmt.Fprintf(w, "%s\t%s\n", r.Host, strings.Join(r.RPIDs, " "))
	}
	return w.Flush()
}

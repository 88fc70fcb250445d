package cli

import (
	"fmt"
	"io"
	"os"

	"bestow.dev/internal/agent"
	"bestow.dev/webauthn"
)

// assertCmd signs in with the software key.
type assertCmd struct {
	Options string `help:"File with the request options in JSON. Default: standard input." default:"-" placeholder:"FILE"`
	Origin  string `help:"Origin of the page that is signed in to." required:"" placeholder:"URL"`
	keyFlags
	Yes bool `help:"Touch the software key without asking."`
}

func (assertCmd) Help() string {
	return `Reads request options as a site gives them to navigator.credentials.get, and prints the
authentication response as toJSON would.

Example:
  bestow-agent assert --softkey demo.key --origin https://login.example.com < options.json`
}

// Run prints the response.
func (c *assertCmd) Run(in *invocation) error {
	if c.Options == "-" && c.SecretsFD == 0 {
		return usage("the options and the secrets cannot both come from standard input")
	}
	options, err := c.request(in.Stdin)
	if err != nil {
		return err
	}
	return c.with(in, answerFlags{Yes: c.Yes}, func(file *keyFile, p *person) error {
		file.keep = true
		a, err := agent.New(agent.Config{Keys: file, Prompt: p.prompt(), Version: in.Version})
		if err != nil {
			return err
		}
		response, err := a.Assert(in.ctx, options, c.Origin)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(in.Stdout, "%s\n", response)
		return err
	})
}

// request takes the options in.
func (c *assertCmd) request(stdin io.Reader) ([]byte, error) {
	if c.Options != "-" {
		f, err := os.Open(c.Options)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		stdin = f
	}
	options, err := io.ReadAll(io.LimitReader(stdin, webauthn.MaxOptionsBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the options: %w", err)
	}
	return options, nil
}

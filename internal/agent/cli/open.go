package cli

import (
	"crypto/x509"
	"fmt"
	"io"
	"strings"

	"bestow.dev/internal/agent"
	"bestow.dev/internal/plugout"
)

// openCmd follows a link.
type openCmd struct {
	Link string `arg:"" help:"The link, or - to read it from standard input."`

	keyFlags
	answerFlags
	matchFlags
	CAFile string `name:"ca-file" help:"PEM file of authorities that may vouch for a relay, beside the system's." placeholder:"FILE"`
	Events bool   `help:"Print the progress on standard output, one JSON object a line."`
	Once   bool   `help:"Leave the session when the first create command has been answered."`
	Hold   bool   `help:"Wait for Enter at the end, so that a window that was opened for the link can be read."`
}

func (openCmd) Help() string {
	return `The relay has to be on the allow list, and the site it asks for with it. The program ends when
the session does: with 0 if all went well, 1 if something was refused or failed, and 2, with
nothing sent, for a link that is not one or leads to another relay.

Example:
  bestow-agent open -- 'com.nexusgroup.plugout:///?url=…&token=…'

Example of an unattended desk with a software key:
  bestow-agent open --softkey demo.key --secrets-fd 3 --yes --confirm-match --events -- "$LINK" 3< secrets`
}

// Run follows the link to the end of its session.
func (c *openCmd) Run(in *invocation) error {
	link, err := c.parse(in.Stdin)
	if err != nil {
		return err
	}
	settings, err := in.dir.Settings()
	if err != nil {
		return badSettings(err)
	}
	signer, err := in.dir.Signer()
	if err != nil {
		return err
	}
	roots, err := rootsOf(c.CAFile, in.dir.Resolve(settings.CAFile))
	if err != nil {
		return err
	}
	form, err := c.matchFlags.open(c)
	if err != nil {
		return err
	}
	if form != nil {
		defer form.Close()
	}
	return c.with(in, c.answerFlags, func(file *keyFile, p *person) error {
		if form != nil { // never a reader that holds nothing
			p.form = form
		}
		config := agent.Config{
			Keys:           file,
			Prompt:         p.prompt(),
			Signer:         signer,
			Trust:          settings.Trust,
			Roots:          roots,
			Version:        in.Version,
			ForbidPINSetup: settings.ForbidPINSetup,
			Once:           c.Once,
		}
		if c.Events {
			config.Events = agent.EventLines(in.Stdout)
		}
		a, err := agent.New(config)
		if err != nil {
			return err
		}
		report, err := a.Open(in.ctx, link)
		if err != nil {
			return err
		}
		if !report.Good() {
			return errNotAll
		}
		return nil
	})
}

// parse reads the link.
func (c *openCmd) parse(stdin io.Reader) (plugout.Link, error) {
	text := c.Link
	if text == "-" {
		if c.SecretsFD == 0 {
			return plugout.Link{}, usage("the link and the secrets cannot both come from standard input")
		}
		line, err := io.ReadAll(io.LimitReader(stdin, plugout.MaxLinkBytes+2))
		if err != nil {
			return plugout.Link{}, fmt.Errorf("read the link: %w", err)
		}
		text = strings.TrimSpace(string(line))
	}
	return plugout.ParseLink(text)
}

// rootsOf returns the system's authorities and those of the files. Nil: the system's
// alone.
func rootsOf(files ...string) (*x509.CertPool, error) {
	var pool *x509.CertPool
	for _, file := range files {
		if file == "" {
			continue
		}
		pem, err := readBounded(file)
		if err != nil {
			return nil, err
		}
		if pool == nil {
			if pool, err = x509.SystemCertPool(); err != nil {
				return nil, fmt.Errorf("read the system's authorities: %w", err)
			}
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, usage("%s holds no certificate in PEM", file)
		}
	}
	return pool, nil
}

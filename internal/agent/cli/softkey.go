package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"text/tabwriter"

	"bestow.dev/ctap"
	"bestow.dev/internal/agent"
	"bestow.dev/webauthn"
)

// softkeyCmd is for the one file that a software key lives in.
type softkeyCmd struct {
	Init   softkeyInitCmd  `cmd:"" help:"Make a software key."`
	Info   softkeyInfoCmd  `cmd:"" help:"Show what the software key is and can do."`
	SetPIN softkeyPINCmd   `cmd:"" name:"set-pin" help:"Set or change its PIN."`
	Reset  softkeyResetCmd `cmd:"" help:"Erase its credentials and its PIN."`
}

// keyFlags are what every command on a software key takes.
type keyFlags struct {
	SoftKey string `name:"softkey" help:"File of the software key, instead of the one in the settings." placeholder:"FILE"`
	secretFlags
}

// with runs fn on the software key's file, with somebody to ask.
func (f *keyFlags) with(in *invocation, answers answerFlags, fn func(*keyFile, *person) error) error {
	path := f.SoftKey
	if path == "" {
		settings, err := in.dir.Settings()
		if err != nil {
			return badSettings(err)
		}
		path = in.dir.Resolve(settings.SoftKey)
	}
	if path == "" {
		return usage("no software key is named: give --softkey FILE")
	}
	s, err := f.read(in)
	if err != nil {
		return err
	}
	p := in.person(s, answers)
	defer p.close()
	file, err := in.keyFile(path, p)
	if err != nil {
		return err
	}
	defer file.close()
	return fn(file, p)
}

// withClient runs fn on the software key that is there.
func (f *keyFlags) withClient(in *invocation, answers answerFlags, fn func(*ctap.Client, *person) error) error {
	return f.with(in, answers, func(file *keyFile, p *person) error {
		key, err := file.open(in.ctx)
		if errors.Is(err, errInUse) {
			return refuse(err, "%v", err)
		}
		if err != nil {
			return err
		}
		defer key.Close()
		client, err := ctap.NewClient(in.ctx, key)
		if err != nil {
			return err
		}
		return fn(client, p)
	})
}

// badSettings marks a file that its owner has to put right.
func badSettings(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return usage("%v", err)
}

type softkeyInitCmd struct {
	keyFlags
}

func (softkeyInitCmd) Help() string {
	return `A software key keeps its credentials in one file, sealed under a passphrase. Anybody who has
both has the credentials: it is for tests and demonstrations.

Example:
  bestow-agent softkey init --softkey ~/demo.key`
}

// Run makes the key.
func (c *softkeyInitCmd) Run(in *invocation) error {
	return c.with(in, answerFlags{}, func(file *keyFile, _ *person) error {
		key, err := file.make(in.ctx)
		if err != nil {
			return err
		}
		return key.Close()
	})
}

type softkeyInfoCmd struct {
	keyFlags
}

func (softkeyInfoCmd) Help() string {
	return `Example:
  bestow-agent softkey info --softkey ~/demo.key`
}

// Run prints a table.
func (c *softkeyInfoCmd) Run(in *invocation) error {
	return c.withClient(in, answerFlags{}, func(client *ctap.Client, _ *person) error {
		info := client.Info()
		w := tabwriter.NewWriter(in.Stdout, 0, 0, 2, ' ', 0)
		row := func(name string, value any) { fmt.Fprintf(w, "%s\t%v\n", name, value) }
		row("product", client.Device().Describe().Product)
		row("aaguid", webauthn.AAGUID(info.AAGUID))
		row("versions", strings.Join(info.Versions, " "))
		row("extensions", strings.Join(info.Extensions, " "))
		row("algorithms", strings.Trim(fmt.Sprint(info.Algorithms), "[]"))
		row("pin", map[bool]string{true: "set", false: "not set"}[info.PIN() == ctap.Configured])
		if retries, err := client.PINRetries(in.ctx); err == nil {
			row("pin attempts left", retries.Left)
		}
		row("pin at least", fmt.Sprint(info.MinPINLength, " characters"))
		if info.RemainingDiscoverable >= 0 {
			row("room left", fmt.Sprint(info.RemainingDiscoverable, " discoverable credentials"))
		}
		return w.Flush()
	})
}

type softkeyPINCmd struct {
	keyFlags
}

func (softkeyPINCmd) Help() string {
	return `Sets a first PIN, or changes the one there is. Through --secrets-fd only a first PIN can be set.

Example:
  bestow-agent softkey set-pin --softkey ~/demo.key`
}

// Run sets or changes the PIN.
func (c *softkeyPINCmd) Run(in *invocation) error {
	return c.withClient(in, answerFlags{}, func(client *ctap.Client, p *person) error {
		var old []byte
		if client.Info().PIN() == ctap.Configured {
			if p.term == nil {
				return refuse(nil, "the key has a PIN, and nobody is here to change it")
			}
			var err error
			if old, err = p.typed(in.ctx, "PIN: "); err != nil {
				return err
			}
			defer clear(old)
			p.secrets.pin = nil
		}
		pin, err := goodPIN(in.ctx, p, client)
		if err != nil {
			return err
		}
		if old == nil {
			return client.SetPIN(in.ctx, pin)
		}
		return client.ChangePIN(in.ctx, old, pin)
	})
}

// goodPIN asks until the PIN is a good one.
func goodPIN(ctx context.Context, p *person, client *ctap.Client) ([]byte, error) {
	q := agent.NewPINQuestion{KeyName: client.Device().Describe().Product, MinLength: client.Info().MinPINLength}
	for {
		pin, err := p.newPIN(ctx, q)
		if errors.Is(err, agent.ErrNoNewPIN) {
			return nil, refuse(err, "no PIN has been set")
		}
		if err != nil {
			return nil, err
		}
		if ctap.CheckPIN(pin, q.MinLength) == nil && !agent.TrivialPIN(pin) {
			return pin, nil
		}
		clear(pin)
		q.Refused = true
	}
}

type softkeyResetCmd struct {
	keyFlags
	Yes bool `help:"Do not ask."`
}

func (softkeyResetCmd) Help() string {
	return `Example:
  bestow-agent softkey reset --softkey ~/demo.key`
}

// Run erases the key.
func (c *softkeyResetCmd) Run(in *invocation) error {
	return c.withClient(in, answerFlags{Yes: c.Yes}, func(client *ctap.Client, _ *person) error {
		return client.Reset(in.ctx, nil)
	})
}

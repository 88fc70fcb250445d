package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"bestow.dev/internal/tenant"
)

type clientCmd struct {
	Create  clientCreateCmd  `cmd:"" help:"Create an API client and print its secret."`
	List    clientListCmd    `cmd:"" help:"List API clients."`
	Rotate  clientRotateCmd  `cmd:"" help:"Give a client a new secret while the old one still works."`
	Disable clientDisableCmd `cmd:"" help:"Refuse a client from now on."`
	Enable  clientEnableCmd  `cmd:"" help:"Undo disable."`
	Delete  clientDeleteCmd  `cmd:"" help:"Delete a client."`
}

// clientDocument is an API client in JSON.
type clientDocument struct {
	ID             string         `json:"id"`
	Name           string         `json:"name"`
	Scopes         []tenant.Scope `json:"scopes"`
	RelyingParties []string       `json:"relyingParties,omitempty"`
	Disabled       bool           `json:"disabled"`
	Source         string         `json:"source"` // file or database
	Keys           []clientKey    `json:"keys"`
	Created        *time.Time     `json:"created,omitempty"`
	Secret         string         `json:"secret,omitempty"` // only when it was just made
}

type clientKey struct {
	ID      string     `json:"id"`
	Created *time.Time `json:"created,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
}

func fromClient(c *tenant.Client) clientDocument {
	d := clientDocument{
		ID: c.ID, Name: c.Name, Scopes: c.Scopes, RelyingParties: c.RelyingParties,
		Disabled: c.Disabled, Source: string(c.Source), Keys: []clientKey{}, Created: when(c.Created),
	}
	for _, k := range c.Keys {
		d.Keys = append(d.Keys, clientKey{ID: k.ID, Created: when(k.Created), Expires: when(k.Expires)})
	}
	return d
}

type clientCreateCmd struct {
	scope
	ID     string         `arg:"" optional:"" help:"What the client calls itself." default:"admin"`
	Name   string         `help:"Name that people see." placeholder:"TEXT"`
	Scopes []tenant.Scope `help:"What it may do: fido.provision, fido.read, fido.manage, fido.authenticate, users.write, audit.read, process.run, process.deploy, admin." name:"scope" required:"" placeholder:"SCOPE"`
	RP     []string       `help:"Only for these relying parties." name:"rp" placeholder:"ID"`
}

func (clientCreateCmd) Help() string {
	return `The secret is shown once. Examples:
  bestow client create --scope admin
  bestow client create idm --scope fido.provision,fido.read --rp login.example.com`
}

// Run creates the client.
func (c clientCreateCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		made, secret, err := l.Directory.CreateClient(in.ctx, l.by, tenant.NewClient{ID: c.ID, Name: c.Name, Scopes: c.Scopes, RelyingParties: c.RP})
		if err != nil {
			return err
		}
		doc := fromClient(made)
		doc.Secret = secret
		return in.print(doc, func(w io.Writer) {
			row(w, "id", made.ID)
			row(w, "scopes", scopeText(made.Scopes))
			row(w, "secret", secret)
			fmt.Fprintln(w, "\nThe secret is shown this once. Keep it where the client finds it and nobody else does.")
		})
	})
}

func scopeText(scopes []tenant.Scope) string {
	var words []string
	for _, s := range scopes {
		words = append(words, string(s))
	}
	return strings.Join(words, ",")
}

type clientListCmd struct{ scope }

func (clientListCmd) Help() string { return "Example:\n  bestow client list" }

// Run lists the clients of file and database.
func (c clientListCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		clients, err := l.Directory.Clients(in.ctx, l.by)
		if err != nil {
			return err
		}
		docs := []clientDocument{}
		for _, c := range clients {
			docs = append(docs, fromClient(c))
		}
		return in.print(docs, func(w io.Writer) {
			row(w, "ID", "NAME", "SCOPES", "RELYING PARTIES", "DISABLED", "KEYS", "FROM")
			for _, c := range clients {
				rps := strings.Join(c.RelyingParties, ",")
				if rps == "" {
					rps = "all"
				}
				row(w, c.ID, c.Name, scopeText(c.Scopes), rps, c.Disabled, len(c.Keys), string(c.Source))
			}
		})
	})
}

type clientRotateCmd struct {
	scope
	ID      string        `arg:"" help:"The client."`
	Overlap time.Duration `help:"How long the old secrets still work; 0s ends them at once." default:"24h"`
}

func (clientRotateCmd) Help() string {
	return `Nothing stands still: bring the new secret to the client while the old one works.

Example:
  bestow client rotate idm --overlap 72h`
}

// Run prints the new secret.
func (c clientRotateCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		secret, key, err := l.Directory.RotateClientKey(in.ctx, l.by, c.ID, c.Overlap)
		if err != nil {
			return err
		}
		doc := map[string]string{"id": c.ID, "key": key.ID, "secret": secret}
		return in.print(doc, func(w io.Writer) {
			row(w, "id", c.ID)
			row(w, "secret", secret)
			fmt.Fprintf(w, "\nThe old secrets work for %s more. The new one is shown this once.\n", c.Overlap)
		})
	})
}

type clientDisableCmd struct {
	scope
	ID string `arg:"" help:"The client."`
}

func (clientDisableCmd) Help() string { return "Example:\n  bestow client disable idm" }

// Run disables the client.
func (c clientDisableCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		if err := l.Directory.DisableClient(in.ctx, l.by, c.ID); err != nil {
			return err
		}
		return in.done("disabled", c.ID)
	})
}

type clientEnableCmd struct {
	scope
	ID string `arg:"" help:"The client."`
}

func (clientEnableCmd) Help() string { return "Example:\n  bestow client enable idm" }

// Run enables the client.
func (c clientEnableCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		if err := l.Directory.EnableClient(in.ctx, l.by, c.ID); err != nil {
			return err
		}
		return in.done("enabled", c.ID)
	})
}

type clientDeleteCmd struct {
	scope
	ID string `arg:"" help:"The client."`
}

func (clientDeleteCmd) Help() string { return "Example:\n  bestow client delete idm" }

// Run deletes the client.
func (c clientDeleteCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		if err := l.Directory.DeleteClient(in.ctx, l.by, c.ID); err != nil {
			return err
		}
		return in.done("deleted", c.ID)
	})
}

// done says in one line what was done to what.
func (in *invocation) done(what, id string) error {
	return in.print(map[string]string{what: id}, func(w io.Writer) { fmt.Fprintln(w, what, id) })
}

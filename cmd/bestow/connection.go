package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/provision"
)

type connectionCmd struct {
	List   connectionListCmd   `cmd:"" help:"List the connections that tasks of processes can name."`
	Show   connectionShowCmd   `cmd:"" help:"Show a connection, without its secret."`
	Put    connectionPutCmd    `cmd:"" help:"Make a connection, or change one."`
	Delete connectionDeleteCmd `cmd:"" help:"Delete a connection."`
	Test   connectionTestCmd   `cmd:"" help:"Ask the other side whether it lets us in."`
}

// connectionDocument is a connection in JSON. Its secret is in none.
type connectionDocument struct {
	Name        string                   `json:"name"`
	Description string                   `json:"description,omitempty"`
	Kind        provision.ConnectionKind `json:"kind"`
	URL         string                   `json:"url"`
	ClientID    string                   `json:"clientId,omitempty"`
	HasSecret   bool                     `json:"hasSecret"`
	Version     int64                    `json:"version"`
	Changed     *time.Time               `json:"changed"`
	ChangedBy   string                   `json:"changedBy"`
}

func fromConnection(c *provision.Connection) connectionDocument {
	return connectionDocument{
		Name: c.Name, Description: c.Description, Kind: c.Kind, URL: c.URL, ClientID: c.ClientID, HasSecret: c.HasSecret,
		Version: c.Version, Changed: when(c.Changed), ChangedBy: c.ChangedBy,
	}
}

func (in *invocation) printConnection(c *provision.Connection) error {
	return in.print(fromConnection(c), func(w io.Writer) {
		row(w, "name", legible(c.Name))
		row(w, "description", legible(c.Description))
		row(w, "kind", string(c.Kind))
		row(w, "url", legible(c.URL))
		row(w, "client", legible(c.ClientID))
		row(w, "secret", kept(c.HasSecret))
		row(w, "version", c.Version)
		row(w, "changed", cell(c.Changed)+" by "+c.ChangedBy)
	})
}

// kept says whether there is a secret. That is all that is ever said of it.
func kept(has bool) string {
	if has {
		return "kept, not shown"
	}
	return "none"
}

type connectionListCmd struct{ scope }

func (connectionListCmd) Help() string { return "Example:\n  bestow connection list" }

// Run lists the connections by name.
func (c connectionListCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		all, err := l.Provision.Connections(in.ctx, l.by)
		if err != nil {
			return err
		}
		docs := []connectionDocument{}
		for _, c := range all {
			docs = append(docs, fromConnection(c))
		}
		return in.print(docs, func(w io.Writer) {
			row(w, "NAME", "URL", "CLIENT", "SECRET", "CHANGED", "DESCRIPTION")
			for _, c := range all {
				row(w, legible(c.Name), legible(c.URL), legible(c.ClientID), c.HasSecret, c.Changed, legible(c.Description))
			}
		})
	})
}

type connectionShowCmd struct {
	scope
	Name string `arg:"" help:"Name of the connection."`
}

func (connectionShowCmd) Help() string {
	return "The secret is not shown: it cannot be read again.\n\nExample:\n  bestow connection show DA"
}

// Run shows the connection.
func (c connectionShowCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		found, err := l.Provision.Connection(in.ctx, l.by, c.Name)
		if err != nil {
			return err
		}
		return in.printConnection(found)
	})
}

type connectionPutCmd struct {
	scope
	Name        string  `arg:"" help:"What tasks call it."`
	URL         *string `help:"Base of /fido and /oauth2, https; or internal: for our own relying party, internal:ID where there are several." name:"url" placeholder:"URL"`
	ClientID    *string `help:"Who we are there." name:"client-id" placeholder:"ID"`
	SecretFile  string  `help:"File with the client's secret; - reads standard input." placeholder:"FILE"`
	Description *string `help:"For people." placeholder:"TEXT"`
}

func (connectionPutCmd) Help() string {
	return `Of a connection that is there, only what is given changes. A secret that is needed and
has no file is asked for, where there is a terminal; it is kept sealed and never shown.
With another host, port or client it has to be given again.

Examples:
  bestow connection put DA --url https://da.example.com/rest/v3.0 --client-id idm --secret-file da.secret
  bestow connection put ours --url internal:
  bestow connection put DA --secret-file -`
}

// Run stores the connection.
func (c connectionPutCmd) Run(in *invocation) error {
	secret, err := in.readSecret(c.SecretFile, "Secret of the client")
	if err != nil {
		return err
	}
	return in.on(c.scope, func(l *local) error {
		before, err := l.Provision.Connection(in.ctx, l.by, c.Name)
		if err != nil && !errors.Is(err, provision.ErrConnectionUnknown) {
			return err
		}
		if before != nil && secret == "" && c.URL == nil && c.ClientID == nil && c.Description == nil {
			return errNothingGiven
		}
		next := provision.Connection{Name: c.Name}
		if before != nil {
			next = *before
		}
		set(&next.URL, c.URL)
		set(&next.Description, c.Description)
		if set(&next.ClientID, c.ClientID); c.ClientID == nil && next.IsInternal() {
			next.ClientID = "" // of the server that it led to before
		}
		stored, err := l.Provision.PutConnection(in.ctx, l.by, next, secret)
		if wantsSecret(err, secret, "secret") && in.terminal() != nil {
			if secret, err = in.askSecret("Secret of client " + legible(next.ClientID)); err != nil {
				return err
			}
			stored, err = l.Provision.PutConnection(in.ctx, l.by, next, secret)
		}
		if wantsSecret(err, secret, "secret") {
			return sayFile(err, "--secret-file")
		}
		if err != nil {
			return err
		}
		return in.printConnection(stored)
	})
}

var errNothingGiven = fault.New(fault.Invalid, "put.nothing", "Say what to change; --help tells what there is.")

// set changes a member if a value is given.
func set[T any](member, given *T) {
	if given != nil {
		*member = *given
	}
}

// wantsSecret reports whether err is about the secret in field that was not given.
func wantsSecret(err error, given, field string) bool {
	return err != nil && given == "" && fault.From(err).Kind == fault.Invalid && fault.From(err).Field == field
}

// sayFile tells whoever is at the command line how to give the secret that err misses.
func sayFile(err error, flag string) error {
	f := fault.From(err)
	return f.Saying("%s Say %s FILE.", f.Public, flag)
}

type connectionDeleteCmd struct {
	scope
	Name string `arg:"" help:"Name of the connection."`
	Yes  bool   `help:"Do it. Without this nothing is deleted."`
}

func (connectionDeleteCmd) Help() string {
	return "Tasks that name it fail from then on, in runs under way too.\n\nExample:\n  bestow connection delete DA --yes"
}

// Run deletes the connection.
func (c connectionDeleteCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		if _, err := l.Provision.Connection(in.ctx, l.by, c.Name); err != nil {
			return err
		}
		if !c.Yes {
			return fault.New(fault.Invalid, "confirm", fmt.Sprintf("This deletes the connection %s and its secret. Say --yes to do it.", legible(c.Name)))
		}
		if err := l.Provision.DeleteConnection(in.ctx, l.by, c.Name); err != nil {
			return err
		}
		return in.done("deleted", c.Name)
	})
}

type connectionTestCmd struct {
	scope
	Name string `arg:"" help:"Name of the connection."`
}

func (connectionTestCmd) Help() string {
	return "Changes nothing on either side. It ends with 1 if we are not let in.\n\nExample:\n  bestow connection test DA"
}

// Run asks, and shows what came of it.
func (c connectionTestCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		tested, err := l.Provision.TestConnection(in.ctx, l.by, c.Name)
		if err != nil {
			return err
		}
		return in.printTested(tested)
	})
}

// testedDocument is what came of a test in JSON.
type testedDocument struct {
	Reached bool   `json:"reached"`
	LetIn   bool   `json:"letIn"`
	State   string `json:"state,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// printTested shows what came of a test, and ends with [exitRefused] if we are not let in.
func (in *invocation) printTested(t *provision.Tested) error {
	err := in.printForeign(testedDocument{t.Reached, t.LetIn, t.State, t.Problem}, func(w io.Writer) {
		row(w, "reached", t.Reached)
		row(w, "let in", t.LetIn)
		if t.State != "" {
			row(w, "state", legible(t.State))
		}
		if t.Problem != "" {
			row(w, "problem", legible(t.Problem))
		}
	})
	if err == nil && !t.LetIn {
		err = exitCode(exitRefused)
	}
	return err
}

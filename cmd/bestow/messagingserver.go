package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/provision"
)

type messagingServerCmd struct {
	List   messagingServerListCmd   `cmd:"" help:"List the messaging servers that tasks of processes can name."`
	Show   messagingServerShowCmd   `cmd:"" help:"Show a messaging server, without its token."`
	Put    messagingServerPutCmd    `cmd:"" help:"Make a messaging server, or change one."`
	Delete messagingServerDeleteCmd `cmd:"" help:"Delete a messaging server."`
	Test   messagingServerTestCmd   `cmd:"" help:"Ask the other side whether it lets us in."`
}

// messagingServerDocument is a messaging server in JSON. Its token is in none. Times are
// in seconds.
type messagingServerDocument struct {
	Name         string                     `json:"name"`
	Description  string                     `json:"description,omitempty"`
	URL          string                     `json:"url"`
	ClientID     string                     `json:"clientId,omitempty"`
	HasToken     bool                       `json:"hasToken"`
	Lifespan     int                        `json:"lifespan"`
	Timeout      int                        `json:"timeout"`
	SessionStart int                        `json:"sessionStart"`
	KeySets      map[string]json.RawMessage `json:"attestationKeySets,omitempty"`
	Version      int64                      `json:"version"`
	Changed      *time.Time                 `json:"changed"`
	ChangedBy    string                     `json:"changedBy"`
}

func fromMessagingServer(m *provision.MessagingServer) messagingServerDocument {
	return messagingServerDocument{
		Name: m.Name, Description: m.Description, URL: m.URL, ClientID: m.ClientID, HasToken: m.HasToken,
		Lifespan: int(m.Lifespan / time.Second), Timeout: int(m.Timeout / time.Second), SessionStart: int(m.SessionStart / time.Second),
		KeySets: m.KeySets, Version: m.Version, Changed: when(m.Changed), ChangedBy: m.ChangedBy,
	}
}

func (in *invocation) printMessagingServer(m *provision.MessagingServer) error {
	return in.printForeign(fromMessagingServer(m), func(w io.Writer) {
		row(w, "name", legible(m.Name))
		row(w, "description", legible(m.Description))
		row(w, "url", legible(m.URL))
		row(w, "client", legible(m.ClientID))
		row(w, "token", kept(m.HasToken))
		row(w, "lifespan", m.Lifespan)
		row(w, "timeout", m.Timeout)
		row(w, "session start", m.SessionStart)
		for _, name := range slices.Sorted(maps.Keys(m.KeySets)) {
			row(w, "key set "+legible(name), keyNames(m.KeySets[name]))
		}
		row(w, "version", m.Version)
		row(w, "changed", cell(m.Changed)+" by "+m.ChangedBy)
	})
}

// keyNames are the names of the keys of a set, as their owner calls them.
func keyNames(jwks json.RawMessage) string {
	set, err := plugout.ParseKeySet(jwks)
	if err != nil {
		return "not readable"
	}
	var names []string
	for _, k := range set.Keys() {
		names = append(names, legible(k.KeyID))
	}
	return strings.Join(names, ", ")
}

type messagingServerListCmd struct{ scope }

func (messagingServerListCmd) Help() string { return "Example:\n  bestow messaging-server list" }

// Run lists the messaging servers by name.
func (c messagingServerListCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		all, err := l.Provision.MessagingServers(in.ctx, l.by)
		if err != nil {
			return err
		}
		docs := []messagingServerDocument{}
		for _, m := range all {
			docs = append(docs, fromMessagingServer(m))
		}
		return in.printForeign(docs, func(w io.Writer) {
			row(w, "NAME", "URL", "CLIENT", "TOKEN", "KEY SETS", "CHANGED", "DESCRIPTION")
			for _, m := range all {
				sets := legible(strings.Join(slices.Sorted(maps.Keys(m.KeySets)), ", "))
				row(w, legible(m.Name), legible(m.URL), legible(m.ClientID), m.HasToken, sets, m.Changed, legible(m.Description))
			}
		})
	})
}

type messagingServerShowCmd struct {
	scope
	Name string `arg:"" help:"Name of the messaging server."`
}

func (messagingServerShowCmd) Help() string {
	return "The token is not shown: it cannot be read again.\n\nExample:\n  bestow messaging-server show Hermod"
}

// Run shows the messaging server.
func (c messagingServerShowCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		found, err := l.Provision.MessagingServer(in.ctx, l.by, c.Name)
		if err != nil {
			return err
		}
		return in.printMessagingServer(found)
	})
}

type messagingServerPutCmd struct {
	scope
	Name         string            `arg:"" help:"What tasks call it."`
	URL          *string           `help:"Where commands are posted: https, ending in /command; or internal: for our own relay." name:"url" placeholder:"URL"`
	TokenFile    string            `help:"File with the authentication token; - reads standard input." placeholder:"FILE"`
	Description  *string           `help:"For people." placeholder:"TEXT"`
	Lifespan     *time.Duration    `help:"How long a command can be polled; 10m if nothing else is said." placeholder:"TIME"`
	Timeout      *time.Duration    `help:"How long a command can be answered; 4m." placeholder:"TIME"`
	SessionStart *time.Duration    `help:"How long the person has to follow the link; 10s." placeholder:"TIME"`
	KeySet       map[string]string `help:"A set of attestation keys by name, from a JWKS file; replaces the set of that name." placeholder:"NAME=FILE" mapsep:"none"`
	DropKeySet   []string          `help:"Remove the set of that name." placeholder:"NAME" sep:"none"`
}

func (messagingServerPutCmd) Help() string {
	return `Of a messaging server that is there, only what is given changes. The token is the base64
of client id, colon and key. One that is needed and has no file is asked for, where there
is a terminal; it is kept sealed and never shown. With another host or port it has to be
given again. Each time is shorter than the one before it.

Examples:
  bestow messaging-server put Hermod --url https://msg.example.com/hermod/rest/command --token-file token
  bestow messaging-server put Hermod --key-set desks=desks.jwks --session-start 1m
  bestow messaging-server put ours --url internal:`
}

// isEmpty reports whether there is nothing to change.
func (c *messagingServerPutCmd) isEmpty() bool {
	return c.URL == nil && c.TokenFile == "" && c.Description == nil && c.Lifespan == nil && c.Timeout == nil &&
		c.SessionStart == nil && len(c.KeySet) == 0 && len(c.DropKeySet) == 0
}

// Run stores the messaging server.
func (c messagingServerPutCmd) Run(in *invocation) error {
	token, err := in.readSecret(c.TokenFile, "Authentication token")
	if err != nil {
		return err
	}
	sets, err := in.readKeySets(c.KeySet)
	if err != nil {
		return err
	}
	return in.on(c.scope, func(l *local) error {
		before, err := l.Provision.MessagingServer(in.ctx, l.by, c.Name)
		if err != nil && !errors.Is(err, provision.ErrServerUnknown) {
			return err
		}
		if before != nil && c.isEmpty() {
			return errNothingGiven
		}
		next := provision.MessagingServer{Name: c.Name}
		if before != nil {
			next = *before
		}
		if err := c.apply(&next, sets); err != nil {
			return err
		}
		stored, err := l.Provision.PutMessagingServer(in.ctx, l.by, next, token)
		if wantsSecret(err, token, "token") && in.terminal() != nil {
			if token, err = in.askSecret("Authentication token"); err != nil {
				return err
			}
			stored, err = l.Provision.PutMessagingServer(in.ctx, l.by, next, token)
		}
		if wantsSecret(err, token, "token") {
			return sayFile(err, "--token-file")
		}
		if err != nil {
			return err
		}
		return in.printMessagingServer(stored)
	})
}

// apply changes in m what is given.
func (c *messagingServerPutCmd) apply(m *provision.MessagingServer, sets map[string]json.RawMessage) error {
	set(&m.URL, c.URL)
	set(&m.Description, c.Description)
	set(&m.Lifespan, c.Lifespan)
	set(&m.Timeout, c.Timeout)
	set(&m.SessionStart, c.SessionStart)
	all := maps.Clone(m.KeySets)
	if all == nil {
		all = make(map[string]json.RawMessage)
	}
	for _, name := range c.DropKeySet {
		if _, ok := all[name]; !ok {
			return provision.ErrKeySetUnknown.Saying("There is no set of attestation keys %s.", legible(name))
		}
		delete(all, name)
	}
	maps.Copy(all, sets)
	m.KeySets = all
	return nil
}

// readKeySets reads files of public keys, by the name of their set.
func (in *invocation) readKeySets(files map[string]string) (map[string]json.RawMessage, error) {
	sets := make(map[string]json.RawMessage, len(files))
	for name, file := range files {
		text, err := in.readFile(file, plugout.MaxKeySetBytes)
		if err != nil {
			return nil, err
		}
		sets[name] = text
	}
	return sets, nil
}

type messagingServerDeleteCmd struct {
	scope
	Name string `arg:"" help:"Name of the messaging server."`
	Yes  bool   `help:"Do it. Without this nothing is deleted."`
}

func (messagingServerDeleteCmd) Help() string {
	return `Tasks that name it fail from then on, those that wait for somebody at a desk included.

Example:
  bestow messaging-server delete Hermod --yes`
}

// Run deletes the messaging server.
func (c messagingServerDeleteCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		if _, err := l.Provision.MessagingServer(in.ctx, l.by, c.Name); err != nil {
			return err
		}
		if !c.Yes {
			return fault.New(fault.Invalid, "confirm", fmt.Sprintf("This deletes the messaging server %s and its token. Say --yes to do it.", legible(c.Name)))
		}
		if err := l.Provision.DeleteMessagingServer(in.ctx, l.by, c.Name); err != nil {
			return err
		}
		return in.done("deleted", c.Name)
	})
}

type messagingServerTestCmd struct {
	scope
	Name string `arg:"" help:"Name of the messaging server."`
}

func (messagingServerTestCmd) Help() string {
	return "Changes nothing on either side. It ends with 1 if we are not let in.\n\nExample:\n  bestow messaging-server test Hermod"
}

// Run asks, and shows what came of it.
func (c messagingServerTestCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		tested, err := l.Provision.TestMessagingServer(in.ctx, l.by, c.Name)
		if err != nil {
			return err
		}
		return in.printTested(tested)
	})
}

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"bestow.dev/internal/webhook"
)

type webhookCmd struct {
	List       webhookListCmd       `cmd:"" help:"List webhooks."`
	Show       webhookShowCmd       `cmd:"" help:"Show one webhook."`
	Add        webhookAddCmd        `cmd:"" help:"Have a system of yours told of events, and print the secret that they are signed with."`
	Change     webhookChangeCmd     `cmd:"" help:"Change, disable or enable a webhook."`
	Delete     webhookDeleteCmd     `cmd:"" help:"Delete a webhook, and what it was to be told."`
	Rotate     webhookRotateCmd     `cmd:"" help:"Give a webhook a new secret while the old one still counts."`
	Test       webhookTestCmd       `cmd:"" help:"Have a webhook sent an event that only tests it."`
	Deliveries webhookDeliveriesCmd `cmd:"" help:"What became of a webhook's events, newest first."`
	Redeliver  webhookRedeliverCmd  `cmd:"" help:"Have an event sent again."`
}

const webhookEventsHelp = `Events are run.started, run.ended, task.given, task.done, incident.made, and what the audit
trail tells of credentials and users, such as credential.registered; run.* is all of a
kind, * is all (docs/webhooks.md).`

// webhookDocument is a webhook in JSON.
type webhookDocument struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	URL         string    `json:"url"`
	Events      []string  `json:"events"`
	Disabled    bool      `json:"disabled"`
	Version     int64     `json:"version"`
	Created     time.Time `json:"created"`
	Changed     time.Time `json:"changed"`
	ChangedBy   string    `json:"changedBy"`
	Secret      string    `json:"secret,omitempty"` // only when it was just made
}

func fromWebhook(e *webhook.Endpoint, secret string) webhookDocument {
	return webhookDocument{
		Name: e.Name, Description: e.Description, URL: e.URL, Events: e.Events, Disabled: e.Disabled, Version: e.Version,
		Created: e.Created, Changed: e.Changed, ChangedBy: e.ChangedBy, Secret: secret,
	}
}

// printWebhook prints a webhook, and its secret where it is new.
func (in *invocation) printWebhook(e *webhook.Endpoint, secret string) error {
	return in.print(fromWebhook(e, secret), func(w io.Writer) {
		row(w, "name", e.Name)
		row(w, "description", e.Description)
		row(w, "url", e.URL)
		row(w, "events", strings.Join(e.Events, ","))
		row(w, "disabled", e.Disabled)
		row(w, "version", e.Version)
		row(w, "changed", e.Changed)
		row(w, "by", e.ChangedBy)
		if secret != "" {
			row(w, "secret", secret)
			fmt.Fprintln(w, "\nThe secret is shown this once. The receiver checks signatures with it; nobody else needs it.")
		}
	})
}

type webhookListCmd struct{ scope }

func (webhookListCmd) Help() string { return "Example:\n  bestow webhook list" }

// Run lists webhooks by name.
func (c webhookListCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		all, err := l.Webhooks.Endpoints(in.ctx, l.by)
		if err != nil {
			return err
		}
		docs := []webhookDocument{}
		for _, e := range all {
			docs = append(docs, fromWebhook(e, ""))
		}
		return in.print(docs, func(w io.Writer) {
			row(w, "NAME", "URL", "EVENTS", "DISABLED", "CHANGED")
			for _, e := range all {
				row(w, e.Name, e.URL, strings.Join(e.Events, ","), e.Disabled, e.Changed)
			}
		})
	})
}

type webhookShowCmd struct {
	scope
	Name string `arg:"" help:"The webhook."`
}

func (webhookShowCmd) Help() string { return "Example:\n  bestow webhook show idm" }

// Run shows the webhook.
func (c webhookShowCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		e, err := l.Webhooks.Endpoint(in.ctx, l.by, c.Name)
		if err != nil {
			return err
		}
		return in.printWebhook(e, "")
	})
}

type webhookAddCmd struct {
	scope
	Name        string   `arg:"" help:"What you call it: A-Z a-z 0-9 . _ -"`
	URL         string   `help:"Where events are posted: https, or http on this machine." name:"url" required:"" placeholder:"URL"`
	Events      []string `help:"What it is told of; can be repeated." name:"event" required:"" placeholder:"EVENT"`
	Description string   `help:"For people." placeholder:"TEXT"`
}

func (webhookAddCmd) Help() string {
	return webhookEventsHelp + `

Examples:
  bestow webhook add idm --url https://idm.example.com/bestow --event 'credential.*' --event run.ended
  bestow webhook add siem --url http://localhost:9000/events --event '*'`
}

// Run makes the webhook and prints its secret.
func (c webhookAddCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		e, secret, err := l.Webhooks.Add(in.ctx, l.by, webhook.Endpoint{Name: c.Name, URL: c.URL, Events: c.Events, Description: c.Description})
		if err != nil {
			return err
		}
		return in.printWebhook(e, secret)
	})
}

type webhookChangeCmd struct {
	scope
	Name        string   `arg:"" help:"The webhook."`
	URL         *string  `help:"Where events are posted from now on." name:"url" placeholder:"URL"`
	Events      []string `help:"What it is told of from now on; can be repeated." name:"event" placeholder:"EVENT"`
	Description *string  `help:"For people." placeholder:"TEXT"`
	Disable     bool     `help:"Tell it of nothing that happens from now on; what it was to be told waits." xor:"able"`
	Enable      bool     `help:"Undo --disable, or what an answer of 410 did." xor:"able"`
}

func (webhookChangeCmd) Help() string {
	return webhookEventsHelp + `

What is not given stays. The secret stays too: rotate it where the URL leads to somebody
else.

Examples:
  bestow webhook change idm --event '*'
  bestow webhook change idm --disable`
}

// Run changes the webhook.
func (c webhookChangeCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		change := webhook.Change{URL: c.URL, Events: c.Events, Description: c.Description}
		if c.Disable || c.Enable {
			change.Disabled = &c.Disable
		}
		e, err := l.Webhooks.Change(in.ctx, l.by, c.Name, change)
		if err != nil {
			return err
		}
		return in.printWebhook(e, "")
	})
}

type webhookDeleteCmd struct {
	scope
	Name string `arg:"" help:"The webhook."`
}

func (webhookDeleteCmd) Help() string { return "Example:\n  bestow webhook delete idm" }

// Run deletes the webhook.
func (c webhookDeleteCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		if err := l.Webhooks.Delete(in.ctx, l.by, c.Name); err != nil {
			return err
		}
		return in.done("deleted", c.Name)
	})
}

type webhookRotateCmd struct {
	scope
	Name    string        `arg:"" help:"The webhook."`
	Overlap time.Duration `help:"How long events are signed with the old secret too, at most 168h; 0s ends it at once." default:"24h"`
}

func (webhookRotateCmd) Help() string {
	return `Bring the new secret to the receiver while events carry the signatures of both.

Example:
  bestow webhook rotate idm --overlap 72h`
}

// Run prints the new secret.
func (c webhookRotateCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		e, secret, err := l.Webhooks.Rotate(in.ctx, l.by, c.Name, c.Overlap)
		if err != nil {
			return err
		}
		return in.printWebhook(e, secret)
	})
}

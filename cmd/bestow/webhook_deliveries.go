package main

import (
	"fmt"
	"io"
	"time"

	"bestow.dev/internal/webhook"
)

type webhookTestCmd struct {
	scope
	Name string `arg:"" help:"The webhook."`
}

func (webhookTestCmd) Help() string {
	return `The running server sends an event of the type webhook.ping, whatever the webhook is told
of. Look afterwards what came of it.

Example:
  bestow webhook test idm
  bestow webhook deliveries idm --limit 1`
}

// Run asks for the ping.
func (c webhookTestCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		id, err := l.Webhooks.Test(in.ctx, l.by, c.Name)
		if err != nil {
			return err
		}
		return in.print(map[string]string{"id": id}, func(w io.Writer) {
			fmt.Fprintln(w, id)
			fmt.Fprintf(w, "The server sends it as soon as it can; see bestow webhook deliveries %s\n", c.Name)
		})
	})
}

// deliveryDocument is a delivery in JSON.
type deliveryDocument struct {
	ID       string        `json:"id"`
	Type     string        `json:"type"`
	State    webhook.State `json:"state"`
	Attempts int           `json:"attempts"`
	Due      *time.Time    `json:"due,omitempty"`
	Status   int           `json:"status,omitempty"`
	Problem  string        `json:"problem,omitempty"`
	Created  time.Time     `json:"created"`
	Ended    *time.Time    `json:"ended,omitempty"`
}

type webhookDeliveriesCmd struct {
	scope
	Name  string        `arg:"" help:"The webhook."`
	State webhook.State `help:"Only those that are pending, delivered or failed." placeholder:"STATE"`
	Limit int           `help:"How many, at most 1000." default:"100"`
	After string        `help:"Only those after (older than) this one of a list." placeholder:"ID"`
}

func (webhookDeliveriesCmd) Help() string {
	return `Deliveries are kept for seven days after the event.

Examples:
  bestow webhook deliveries idm
  bestow webhook deliveries idm --state failed --json`
}

// Run lists deliveries.
func (c webhookDeliveriesCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		all, _, err := l.Webhooks.Deliveries(in.ctx, l.by, c.Name, webhook.List{State: c.State, Before: c.After, Limit: c.Limit})
		if err != nil {
			return err
		}
		docs := []deliveryDocument{}
		for _, d := range all {
			docs = append(docs, deliveryDocument{
				ID: d.ID, Type: d.Type, State: d.State, Attempts: d.Attempts, Due: when(d.Due), Status: d.Status, Problem: d.Problem,
				Created: d.Created, Ended: when(d.Ended),
			})
		}
		return in.print(docs, func(w io.Writer) {
			row(w, "ID", "TYPE", "CREATED", "STATE", "TRIES", "ANSWER", "NEXT")
			for _, d := range all {
				row(w, d.ID, d.Type, d.Created, string(d.State), d.Attempts, answerText(d), d.Due)
			}
		})
	})
}

// answerText is the last answer to a delivery, or why there was none.
func answerText(d webhook.Delivery) string {
	if d.Status == 0 {
		return d.Problem
	}
	return fmt.Sprint(d.Status)
}

type webhookRedeliverCmd struct {
	scope
	Name string `arg:"" help:"The webhook."`
	ID   string `arg:"" help:"The event, as bestow webhook deliveries lists it." name:"event"`
}

func (webhookRedeliverCmd) Help() string {
	return `The same event is sent under the same id, whatever became of it before: a receiver that
has seen it leaves it alone.

Example:
  bestow webhook redeliver idm evt_0CQ5V8F9GK0000DFT1UEM30VTQ0FAK4S`
}

// Run asks for the delivery.
func (c webhookRedeliverCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		if err := l.Webhooks.Redeliver(in.ctx, l.by, c.Name, c.ID); err != nil {
			return err
		}
		return in.done("redelivering", c.ID)
	})
}

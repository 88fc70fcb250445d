package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/fault"
)

type auditCmd struct {
	List   auditListCmd   `cmd:"" help:"Show the latest events."`
	Export auditExportCmd `cmd:"" help:"Print the whole trail, one JSON event a line."`
	Verify auditVerifyCmd `cmd:"" help:"Check that no event was altered, removed or slipped in."`
}

type auditListCmd struct {
	scope
	Action     string    `help:"Exact, or a prefix that ends in a dot, such as credential." placeholder:"ACTION"`
	User       string    `help:"User id." placeholder:"ID"`
	Credential string    `help:"Credential id." placeholder:"ID"`
	Since      time.Time `help:"Only from then on." format:"2006-01-02" placeholder:"YYYY-MM-DD"`
	Limit      int       `help:"How many at most, 1 to 1000." default:"50"`
}

func (auditListCmd) Help() string {
	return "Example:\n  bestow audit list --action credential. --limit 20"
}

// Run lists events, newest first.
func (c auditListCmd) Run(in *invocation) error {
	if c.Limit < 1 || c.Limit > 1000 {
		return fault.New(fault.Invalid, "limit", "--limit is 1 to 1000; bestow audit export prints all events.")
	}
	return in.on(c.scope, func(l *local) error {
		events, err := l.DB.AuditEvents(in.ctx, audit.Query{
			Tenant: l.by.Tenant, Action: c.Action, User: c.User, Credential: c.Credential,
			Since: c.Since, Limit: c.Limit, Newest: true,
		})
		if err != nil {
			return err
		}
		return in.print(events, func(w io.Writer) {
			row(w, "NO", "TIME", "ACTION", "ACTOR", "VIA", "OUTCOME", "USER", "CREDENTIAL")
			for _, e := range events {
				row(w, e.Seq, e.Time, e.Action, e.Actor.String(), e.Via, e.Outcome, e.User, e.Credential)
			}
		})
	})
}

type auditExportCmd struct{ scope }

func (auditExportCmd) Help() string {
	return "Example:\n  bestow audit export > trail.jsonl"
}

// Run prints the trail from its first event on.
func (c auditExportCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		return audit.Export(in.ctx, l.DB, l.by.Tenant, in.stdout)
	})
}

type auditVerifyCmd struct{ scope }

func (auditVerifyCmd) Help() string {
	return `Prints the number and hash of the last event. Write them down somewhere else: only then
can cutting off the end be noticed too.

Example:
  bestow audit verify`
}

// Run walks the chain. It ends with 1 if the chain is broken.
func (c auditVerifyCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		seq, head, err := audit.Verify(in.ctx, l.DB, l.by.Tenant)
		if errors.Is(err, audit.ErrBroken) {
			return fault.New(fault.Rejected, "audit.broken", "The trail is not whole: "+err.Error()+".").Because(err)
		}
		if err != nil {
			return err
		}
		doc := map[string]any{"tenant": l.by.Tenant, "events": seq, "head": hex.EncodeToString(head[:])}
		return in.print(doc, func(w io.Writer) {
			fmt.Fprintf(w, "%d events of tenant %s, unbroken\nhead %x\n", seq, l.by.Tenant, head)
		})
	})
}

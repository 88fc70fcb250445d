package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
)

type policyPreviewCmd struct {
	scope
	File string `arg:"" help:"The document, JSON; - reads standard input."`
	RP   string `help:"Relying party; needed where there is more than one." name:"rp" placeholder:"ID"`
}

func (policyPreviewCmd) Help() string {
	return `Judges every credential of the relying party as if it were registered now and the document were
enforced there: beside the policies that hold, or in place of the one of its name. It changes
nothing; a policy put into force refuses new registrations, and leaves credentials alone unless
it is for sign-ins too. WITHOUT IT says who would be refused by today's settings already.

Exit code: 0, however many would be refused.

Examples:
  bestow policy preview branch-office.json --rp login.example.com
  bestow policy preview branch-office.json --json | jq -r '.items[].user' | sort -u`
}

// previewDocument is what a policy would mean, in JSON.
type previewDocument struct {
	RelyingParty string             `json:"relyingParty"`
	Credentials  int                `json:"credentials"` // looked at
	Affected     int                `json:"affected"`
	Already      int                `json:"already"` // of these, refused without the policy too
	Items        []affectedDocument `json:"items"`
}

type affectedDocument struct {
	User       string            `json:"user"`
	Credential string            `json:"credential"`
	Name       string            `json:"name"`
	Created    *time.Time        `json:"created"`
	RefusedBy  *policy.RefusedBy `json:"refusedBy"`
	Already    bool              `json:"already"`
}

// Run shows who would be refused, and counts them.
func (c policyPreviewCmd) Run(in *invocation) error {
	text, _, err := in.readPolicy(c.File)
	if err != nil {
		return err
	}
	return in.onJudging(c.scope, func(l *local) error {
		rp, err := l.pickRelyingParty(c.RP)
		if err != nil {
			return err
		}
		doc := previewDocument{Items: []affectedDocument{}}
		began, hits := time.Now(), new(atomic.Int64)
		stop := in.progress(func() string {
			return fmt.Sprintf("judging the credentials of %s: %d would be refused so far, %d s", rp, hits.Load(), int(time.Since(began).Seconds()))
		})
		result, err := l.Credentials.PreviewPolicy(in.ctx, l.by, rp, text, func(a credential.Affected) error {
			hits.Add(1)
			doc.add(&a)
			return nil
		})
		stop()
		if err != nil {
			return atMember(c.File, err)
		}
		doc.RelyingParty, doc.Credentials, doc.Affected = result.RelyingParty, result.Credentials, result.Affected
		return in.printForeign(doc, doc.table)
	})
}

func (d *previewDocument) add(a *credential.Affected) {
	c := &a.Credential
	if a.Before {
		d.Already++
	}
	d.Items = append(d.Items, affectedDocument{
		User: c.UserName, Credential: string(c.ID), Name: c.Name, Created: when(c.Created), RefusedBy: a.RefusedBy, Already: a.Before,
	})
}

func (d *previewDocument) table(w io.Writer) {
	if len(d.Items) > 0 {
		row(w, "USER", "NAME", "CREATED", "WITHOUT IT", "RULE", "WHY", "ID")
	}
	for _, a := range d.Items {
		without := "accepted"
		if a.Already {
			without = "refused"
		}
		rule := a.RefusedBy.Rule
		if a.RefusedBy.Policy != "" {
			rule = a.RefusedBy.Policy + " " + rule
		}
		row(w, a.User, a.Name, instant(a.Created), without, rule, legible(a.RefusedBy.Words), a.Credential)
	}
	fmt.Fprintf(w, "%d of %d credentials at %s would be refused", d.Affected, d.Credentials, d.RelyingParty)
	if d.Already > 0 {
		fmt.Fprintf(w, ", %d of them without this policy too", d.Already)
	}
	fmt.Fprintln(w, ".")
}

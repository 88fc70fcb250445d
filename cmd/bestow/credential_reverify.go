package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
)

type credentialReverifyCmd struct {
	scope
	IDs []string `arg:"" optional:"" name:"id" help:"Our ids, as the list shows them."`
	All bool     `help:"All credentials."`
	RP  string   `help:"With --all: those of one relying party." name:"rp" placeholder:"ID"`
	Now bool     `help:"By everything as it is now, instead of as it was at the registration."`
}

func (credentialReverifyCmd) Help() string {
	return `Judges kept registrations again: attestation, trust and policies, from what was kept of each. As it
was then, the answer has to be the same; where it is not, somebody changed the record, or
the program judges otherwise than it did. With --now it is as if each were registered today, except
that certificates have to be valid at the time of the registration. It changes nothing.

Exit code: 0 if every answer is the same, 1 if any is not.

Examples:
  bestow credential reverify --all
  bestow credential reverify --all --now --rp login.example.com --json | jq '.items[] | select(.result != "same")'`
}

// reverifyDocument is what became of all of them, in JSON.
type reverifyDocument struct {
	As      string               `json:"as"`
	Judged  int                  `json:"judged"`
	Same    int                  `json:"same"`
	Differ  int                  `json:"differ"`
	Refused int                  `json:"refused"`
	Damaged int                  `json:"damaged"`
	Items   []reverifiedDocument `json:"items"`
}

// reverifyPage is how many credentials are read at once.
const reverifyPage = 200

// Run judges the credentials one after the other.
func (c credentialReverifyCmd) Run(in *invocation) error {
	if c.All == (len(c.IDs) > 0) || c.RP != "" && !c.All {
		return fault.New(fault.Invalid, "credential.which", "Name the credentials, or say --all, with --rp or without.")
	}
	as := credential.ByThen
	if c.Now {
		as = credential.ByNow
	}
	return in.onJudging(c.scope, func(l *local) error {
		doc := reverifyDocument{As: string(as), Items: []reverifiedDocument{}}
		judged := new(atomic.Int64)
		stop := in.progress(func() string { return fmt.Sprintf("judging again: %d credentials so far", judged.Load()) })
		err := c.each(l, func(ref *credential.Credential) error {
			again, err := l.reverify(ref, as)
			if err == nil {
				doc.add(again)
				judged.Add(1)
			}
			return err
		})
		stop()
		if err != nil {
			return err
		}
		if err := in.printForeign(doc, doc.table); err != nil {
			return err
		}
		if doc.Same != doc.Judged {
			return exitCode(exitRefused)
		}
		return nil
	})
}

// each calls do with the credentials that are meant.
func (c credentialReverifyCmd) each(l *local, do func(*credential.Credential) error) error {
	for _, id := range c.IDs {
		found, err := l.Credentials.Get(l.in.ctx, l.by, credential.Ref{ID: credential.ID(id)})
		if err != nil {
			return err
		}
		if err := do(found); err != nil {
			return err
		}
	}
	q := credential.CredentialQuery{RelyingParty: c.RP, Limit: reverifyPage}
	for more := c.All; more; more = q.After != "" {
		page, err := l.Credentials.Credentials(l.in.ctx, l.by, q)
		if err != nil {
			return err
		}
		for i := range page.Credentials {
			err := do(&page.Credentials[i])
			if err != nil && !errors.Is(err, credential.ErrCredentialUnknown) { // deleted meanwhile
				return err
			}
		}
		q.After = page.Next
	}
	return nil
}

// reverify judges one credential again. A record that does not fit together any more is
// a result like others, so that the next one is looked at too.
func (l *local) reverify(c *credential.Credential, as credential.By) (reverifiedDocument, error) {
	r, err := l.Credentials.Reverify(l.in.ctx, l.by, credential.Ref{ID: c.ID}, as)
	if err == nil {
		return fromReverification(r), nil
	}
	if fault.KindOf(err) != fault.Internal || l.in.ctx.Err() != nil {
		return reverifiedDocument{}, err
	}
	doc := fromReverification(&credential.Reverification{Credential: *c, By: as, Time: c.Created})
	doc.Result, doc.Words = resultDamaged, err.Error()
	return doc, nil
}

func (d *reverifyDocument) add(one reverifiedDocument) {
	d.Judged++
	switch one.Result {
	case resultSame:
		d.Same++
	case resultDiffers:
		d.Differ++
	case resultRefused:
		d.Refused++
	default:
		d.Damaged++
	}
	d.Items = append(d.Items, one)
}

func (d *reverifyDocument) table(w io.Writer) {
	row(w, "USER", "NAME", "REGISTERED", "RESULT", "DIFFERENCES", "ID")
	for i := range d.Items {
		one := &d.Items[i]
		row(w, one.User, one.Name, instant(one.Registered), one.Result, one.why(), one.Credential)
	}
	fmt.Fprintf(w, "%d judged: %d same, %d differ, %d refused, %d damaged\n", d.Judged, d.Same, d.Differ, d.Refused, d.Damaged)
}

// why says in short what is not as it was; empty if nothing is.
func (d *reverifiedDocument) why() string {
	if d.Decision != nil && d.Decision.RefusedBy != nil {
		return legible(d.Decision.RefusedBy.String())
	}
	if d.Words != "" {
		return legible(strings.TrimSpace(d.Step + " " + d.Words))
	}
	var all []string
	for _, x := range d.Differences {
		all = append(all, x.What+": then "+cell(x.Then)+", now "+cell(x.Now))
	}
	return legible(strings.Join(all, "; "))
}

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

type policyPutCmd struct {
	scope
	File string `arg:"" help:"The document, JSON; - reads standard input."`
}

func (policyPutCmd) Help() string {
	return `Stores the document under the name that stands in it. Where the policy holds already, the
new version is in force at once; elsewhere it takes "bestow policy attach". A policy with which
nothing could be registered any more is refused. docs/policies.md describes the document.

Example:
  bestow policy preview branch-office.json && bestow policy put branch-office.json`
}

// Run stores the policy, and shows it with what it warns of.
func (c policyPutCmd) Run(in *invocation) error {
	text, parsed, err := in.readPolicy(c.File)
	if err != nil {
		return err
	}
	return in.on(c.scope, func(l *local) error {
		before, err := l.Directory.Policy(in.ctx, l.by, parsed.Name, 0)
		if err != nil && !errors.Is(err, tenant.ErrPolicyUnknown) {
			return err
		}
		stored, warnings, err := l.Directory.PutPolicy(in.ctx, l.by, text)
		if err != nil {
			return atMember(c.File, err)
		}
		where, err := l.holding()
		if err != nil {
			return err
		}
		doc := fromPolicy(stored)
		doc.RelyingParties, doc.Warnings = where[stored.Name], told(warnings)
		doc.Unchanged = before != nil && before.Version == stored.Version
		return in.printForeign(doc, func(w io.Writer) {
			doc.table(w, stored)
			if doc.Unchanged {
				row(w, "unchanged", "this version asks for the same")
			}
			for _, text := range doc.Warnings {
				fmt.Fprintln(w, text)
			}
			if len(doc.RelyingParties) == 0 {
				fmt.Fprintf(w, "It holds nowhere yet: bestow policy attach %s --rp ID\n", doc.Name)
			}
		})
	})
}

type policyDeleteCmd struct {
	scope
	Name string `arg:"" help:"Name of the policy."`
	Yes  bool   `help:"Do it. Without this nothing is deleted."`
}

func (policyDeleteCmd) Help() string { return "Example:\n  bestow policy delete branch-office --yes" }

// Run deletes the policy.
func (c policyDeleteCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		if _, err := l.Directory.Policy(in.ctx, l.by, c.Name, 0); err != nil {
			return err
		}
		if !c.Yes {
			return fault.New(fault.Invalid, "confirm", fmt.Sprintf("This deletes the policy %s. Say --yes to do it.", c.Name))
		}
		if err := l.Directory.DeletePolicy(in.ctx, l.by, c.Name); err != nil {
			return err
		}
		return in.done("deleted", c.Name)
	})
}

type policyAttachCmd struct {
	scope
	Name string `arg:"" help:"Name of the policy."`
	RP   string `help:"Relying party; needed where there is more than one." name:"rp" placeholder:"ID"`
}

func (policyAttachCmd) Help() string {
	return `From then on the policy is asked beside those that hold there already; all of them have to
agree. Running servers notice within half a second. Whom it would hit: bestow policy preview.

Example:
  bestow policy attach branch-office --rp login.example.com`
}

// Run adds the policy to those of the relying party.
func (c policyAttachCmd) Run(in *invocation) error {
	return in.setPolicies(c.scope, c.RP, func(names []string) []string {
		if slices.Contains(names, c.Name) {
			return names
		}
		return append(slices.Clone(names), c.Name)
	})
}

type policyDetachCmd struct {
	scope
	Name string `arg:"" help:"Name of the policy."`
	RP   string `help:"Relying party; needed where there is more than one." name:"rp" placeholder:"ID"`
}

func (policyDetachCmd) Help() string {
	return `Credentials that the policy kept out can be registered then.

Example:
  bestow policy detach branch-office --rp login.example.com`
}

// Run takes the policy from those of the relying party.
func (c policyDetachCmd) Run(in *invocation) error {
	return in.setPolicies(c.scope, c.RP, func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == c.Name })
	})
}

// attachedDocument is which policies hold at a relying party, in JSON.
type attachedDocument struct {
	RelyingParty string   `json:"relyingParty"`
	Policies     []string `json:"policies"`
	Unchanged    bool     `json:"unchanged,omitempty"`
	Warnings     []string `json:"warnings,omitempty"`
}

// setPolicies changes which policies hold at a relying party, and shows what does then.
func (in *invocation) setPolicies(s scope, named string, change func(names []string) []string) error {
	return in.on(s, func(l *local) error {
		id, err := l.pickRelyingParty(named)
		if err != nil {
			return err
		}
		rp, err := l.Directory.RelyingParty(in.ctx, l.by.Tenant, id)
		if err != nil {
			return err
		}
		names := change(rp.Policies)
		doc := attachedDocument{RelyingParty: id, Policies: append([]string{}, names...), Unchanged: slices.Equal(names, rp.Policies)}
		if !doc.Unchanged {
			_, warnings, err := l.Directory.SetPolicies(in.ctx, l.by, id, names)
			if err != nil {
				return sayReadOnly(err, id, names)
			}
			doc.Warnings = told(warnings)
		}
		return in.print(doc, func(w io.Writer) {
			row(w, "relying party", id)
			row(w, "policies", strings.Join(names, ", "))
			if doc.Unchanged {
				row(w, "unchanged", "it was like this already")
			}
			for _, text := range doc.Warnings {
				fmt.Fprintln(w, text)
			}
		})
	})
}

package main

import (
	"fmt"
	"io"
	"slices"

	"bestow.dev/internal/policy"
	"bestow.dev/webauthn"
)

type policyCheckCmd struct {
	scope
	Files []string `arg:"" help:"Documents, JSON; - reads standard input."`
	RP    string   `help:"Judge them beside the settings and policies of a relying party." name:"rp" placeholder:"ID"`
}

func (policyCheckCmd) Help() string {
	return `Reads the documents and says which rules leave nothing that could pass, taken together.
Without --rp it needs no database and no configuration. With it, the files are judged as if they
held at the relying party: beside the policies that do, or in place of those of the same name.

Exit code: 0 if they go together, 1 for a conflict, 2 if a file is not a policy.

Examples:
  bestow policy check policies/*.json
  bestow policy check branch-office.json --rp login.example.com`
}

// checkedPoliciesDocument is what a check found, in JSON.
type checkedPoliciesDocument struct {
	RelyingParty string            `json:"relyingParty,omitempty"`
	Policies     []policyDocument  `json:"policies"`
	Conflicts    []policy.Conflict `json:"conflicts"` // and warnings
}

// Run checks the files.
func (c policyCheckCmd) Run(in *invocation) error {
	doc := checkedPoliciesDocument{RelyingParty: c.RP, Policies: []policyDocument{}, Conflicts: []policy.Conflict{}}
	var documents []*policy.Document
	for _, name := range c.Files {
		_, parsed, err := in.readPolicy(name)
		if err != nil {
			return err
		}
		documents = append(documents, parsed)
		doc.Policies = append(doc.Policies, policyDocument{
			Name: parsed.Name, Source: name, Mode: string(parsed.Mode), At: parsed.At,
			Description: parsed.Description, Digest: parsed.Digest().String(),
		})
	}
	found, err := c.conflicts(in, documents)
	if err != nil {
		return err
	}
	doc.Conflicts = append(doc.Conflicts, found...)
	if err := in.printForeign(doc, doc.table); err != nil {
		return err
	}
	if slices.ContainsFunc(found, func(c policy.Conflict) bool { return c.Severity == policy.SeverityConflict }) {
		return exitCode(exitRefused)
	}
	return nil
}

// conflicts finds those among the documents, or of them with what holds at the relying
// party.
func (c policyCheckCmd) conflicts(in *invocation, documents []*policy.Document) (found []policy.Conflict, err error) {
	if c.RP == "" {
		set, err := policy.Compile(documents...)
		if err != nil {
			return nil, err
		}
		// A relying party may ask for anything, as long as it asks for attestation.
		asked := policy.Base{Attestation: webauthn.ConveyanceDirect}
		return set.Conflicts(asked), nil
	}
	err = in.on(c.scope, func(l *local) error {
		rp, err := l.Directory.RelyingParty(in.ctx, l.by.Tenant, c.RP)
		if err != nil {
			return err
		}
		all := slices.Clone(documents)
		for _, d := range rp.Documents() {
			if !slices.ContainsFunc(documents, func(own *policy.Document) bool { return own.Name == d.Name }) {
				all = append(all, d)
			}
		}
		found, err = rp.Conflicts(all)
		return err
	})
	return found, err
}

func (d *checkedPoliciesDocument) table(w io.Writer) {
	row(w, "POLICY", "MODE", "AT", "DIGEST", "FILE")
	for _, p := range d.Policies {
		row(w, p.Name, p.Mode, ceremonies(p.At), shortDigest(p.Digest), legible(p.Source))
	}
	if len(d.Conflicts) == 0 {
		fmt.Fprintln(w, "Nothing in them is at odds.")
	}
	for _, c := range d.Conflicts {
		fmt.Fprintln(w, c.String())
	}
}

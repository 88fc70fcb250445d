package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
)

type policyCmd struct {
	List    policyListCmd    `cmd:"" help:"List the policies, and where they hold."`
	Show    policyShowCmd    `cmd:"" help:"Show one policy, or an older version of it."`
	History policyHistoryCmd `cmd:"" help:"List the versions of a policy: when, by whom, what they ask for."`
	Check   policyCheckCmd   `cmd:"" help:"Check policies in files, without changing anything."`
	Put     policyPutCmd     `cmd:"" help:"Store a policy, or a new version of it."`
	Delete  policyDeleteCmd  `cmd:"" help:"Delete a policy that holds nowhere. Its versions stay readable."`
	Attach  policyAttachCmd  `cmd:"" help:"Have a policy hold at a relying party."`
	Detach  policyDetachCmd  `cmd:"" help:"Undo attach."`
	Preview policyPreviewCmd `cmd:"" help:"Whom would a policy hit? Changes nothing."`
	Explain policyExplainCmd `cmd:"" help:"Why a credential is accepted, or would not be: rule by rule."`
}

// policyDocument is a version of a policy in JSON.
type policyDocument struct {
	Name           string            `json:"name"`
	Version        int64             `json:"version,omitempty"` // absent for one from a file
	Source         string            `json:"source"`
	Mode           string            `json:"mode,omitempty"`
	At             []policy.Ceremony `json:"at,omitempty"`
	Description    string            `json:"description,omitempty"`
	Digest         string            `json:"digest,omitempty"`
	Deleted        bool              `json:"deleted,omitempty"` // by this version
	RelyingParties []string          `json:"relyingParties,omitempty"`
	Made           *time.Time        `json:"made,omitempty"`
	MadeBy         string            `json:"madeBy,omitempty"`
	Unchanged      bool              `json:"unchanged,omitempty"`
	Warnings       []string          `json:"warnings,omitempty"`
	Document       *policy.Document  `json:"document,omitempty"`
}

func fromPolicy(p *tenant.Policy) policyDocument {
	doc := policyDocument{
		Name: p.Name, Version: p.Version, Source: string(p.Source), Digest: p.Digest(), Deleted: p.Document == nil,
		Made: when(p.Made), MadeBy: p.MadeBy,
	}
	if d := p.Document; d != nil {
		doc.Mode, doc.At, doc.Description = string(d.Mode), d.At, d.Description
	}
	return doc
}

// shortDigest is as much of a digest as tells the versions of a policy apart.
func shortDigest(digest string) string { return digest[:min(len(digest), 12)] }

func ceremonies(at []policy.Ceremony) string {
	words := make([]string, len(at))
	for i, c := range at {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}

// holding returns the ids of the relying parties where each policy holds, by its name.
func (l *local) holding() (map[string][]string, error) {
	rps, err := l.Directory.RelyingParties(l.in.ctx, l.by.Tenant)
	if err != nil {
		return nil, err
	}
	where := make(map[string][]string)
	for _, rp := range rps {
		for _, name := range rp.Policies {
			where[name] = append(where[name], rp.ID)
		}
	}
	return where, nil
}

type policyListCmd struct{ scope }

func (policyListCmd) Help() string { return "Example:\n  bestow policy list" }

// Run lists the policies by name.
func (c policyListCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		all, err := l.Directory.Policies(in.ctx, l.by)
		if err != nil {
			return err
		}
		where, err := l.holding()
		if err != nil {
			return err
		}
		docs := []policyDocument{}
		for _, p := range all {
			doc := fromPolicy(p)
			doc.RelyingParties = where[p.Name]
			docs = append(docs, doc)
		}
		return in.printForeign(docs, func(w io.Writer) {
			row(w, "NAME", "VERSION", "MODE", "AT", "RELYING PARTIES", "DIGEST", "DESCRIPTION")
			for i, d := range docs {
				row(w, d.Name, all[i].VersionText(), d.Mode, ceremonies(d.At), strings.Join(d.RelyingParties, ", "), shortDigest(d.Digest), legible(d.Description))
			}
		})
	})
}

type policyShowCmd struct {
	scope
	Name    string `arg:"" help:"Name of the policy."`
	Version int64  `arg:"" optional:"" help:"An older version; the current one otherwise."`
}

func (policyShowCmd) Help() string {
	return `Shows the document as it is judged by: with the defaults filled in, and lists sorted.

Examples:
  bestow policy show branch-office
  bestow policy show branch-office 2 --json | jq .document > branch-office.json`
}

// Run shows the policy and its document.
func (c policyShowCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		p, err := l.Directory.Policy(in.ctx, l.by, c.Name, c.Version)
		if err != nil {
			return err
		}
		where, err := l.holding()
		if err != nil {
			return err
		}
		doc := fromPolicy(p)
		doc.RelyingParties, doc.Document = where[p.Name], p.Document
		text, err := json.MarshalIndent(p.Document, "", "  ")
		if err != nil {
			return err
		}
		return in.printForeign(doc, func(w io.Writer) {
			doc.table(w, p)
			if p.Document != nil {
				fmt.Fprintf(w, "\n%s\n", escapeJSON(text))
			}
		})
	})
}

func (d *policyDocument) table(w io.Writer, p *tenant.Policy) {
	row(w, "name", d.Name)
	row(w, "version", p.VersionText())
	row(w, "made", p.Made)
	row(w, "by", d.MadeBy)
	row(w, "relying parties", strings.Join(d.RelyingParties, ", "))
	if d.Deleted {
		row(w, "deleted", "by this version")
		return
	}
	row(w, "digest", d.Digest)
}

type policyHistoryCmd struct {
	scope
	Name string `arg:"" help:"Name of the policy."`
}

func (policyHistoryCmd) Help() string {
	return `No version is ever lost: what a credential was judged by can be read years later.

Example:
  bestow policy history branch-office`
}

// Run lists the versions, the newest first.
func (c policyHistoryCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		versions, err := l.Directory.PolicyVersions(in.ctx, l.by, c.Name)
		if err != nil {
			return err
		}
		docs := []policyDocument{}
		for _, p := range versions {
			docs = append(docs, fromPolicy(p))
		}
		return in.printForeign(docs, func(w io.Writer) {
			row(w, "VERSION", "MADE", "BY", "MODE", "DIGEST", "DESCRIPTION")
			for i, p := range versions {
				d := docs[i]
				mode := d.Mode
				if d.Deleted {
					mode = "deleted"
				}
				row(w, p.VersionText(), p.Made, d.MadeBy, mode, shortDigest(d.Digest), legible(d.Description))
			}
		})
	})
}

// readPolicy reads a document of a file, or of standard input for -, and checks it.
// The refusal names file and member.
func (in *invocation) readPolicy(name string) (text []byte, parsed *policy.Document, err error) {
	input := in.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		input = f
	}
	if text, err = io.ReadAll(io.LimitReader(input, policy.MaxDocumentBytes+1)); err != nil {
		return nil, nil, err
	}
	if parsed, err = policy.Parse(text); err != nil {
		return nil, nil, atMember(name, err)
	}
	return text, parsed, nil
}

// atMember says in which member of what a refusal found its reason.
func atMember(what string, err error) error {
	f := fault.From(err)
	if f.Kind != fault.Invalid {
		return err
	}
	if f.Field != "" {
		what += ": " + f.Field
	}
	return fmt.Errorf("%s: %w", what, f)
}

// told are the words of conflicts and warnings.
func told(conflicts []policy.Conflict) []string {
	var words []string
	for _, c := range conflicts {
		if text := c.String(); !slices.Contains(words, text) {
			words = append(words, text)
		}
	}
	return words
}

// sayReadOnly says where a relying party of the file gets its policies from.
func sayReadOnly(err error, rp string, names []string) error {
	if !errors.Is(err, tenant.ErrRelyingPartyReadOnly) {
		return err
	}
	return tenant.ErrRelyingPartyReadOnly.Saying(
		"The relying party %s is in the configuration: write policies: [ %s ] beside its id there, and restart the server.", rp, strings.Join(names, ", "))
}

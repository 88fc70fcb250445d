package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

type credentialCmd struct {
	List     credentialListCmd     `cmd:"" help:"List credentials."`
	Show     credentialShowCmd     `cmd:"" help:"Show one credential, how it was attested and what policies made of it."`
	Rename   credentialRenameCmd   `cmd:"" help:"Give a credential another name."`
	Suspend  credentialSuspendCmd  `cmd:"" help:"Refuse sign-ins with a credential until it is resumed."`
	Resume   credentialResumeCmd   `cmd:"" help:"Undo suspend."`
	Delete   credentialDeleteCmd   `cmd:"" help:"Delete a credential for good."`
	Reverify credentialReverifyCmd `cmd:"" help:"Judge kept registrations again: is the answer the same?"`
}

// credentialDocument is a credential in JSON.
type credentialDocument struct {
	ID              string            `json:"id"`
	CredentialID    string            `json:"credentialId"` // base64url
	RelyingParty    string            `json:"relyingParty"`
	UserID          string            `json:"userId"`
	User            string            `json:"user"`
	Name            string            `json:"name"`
	State           string            `json:"state"`
	Reason          string            `json:"reason,omitempty"`
	AAGUID          string            `json:"aaguid"`
	Algorithm       int32             `json:"alg"`
	Format          string            `json:"attestationFormat"`
	AttestationType string            `json:"attestationType"`
	Trusted         bool              `json:"trusted"`
	Warnings        []string          `json:"warnings,omitempty"`
	SignCount       uint32            `json:"signCount"`
	Transports      []string          `json:"transports,omitempty"`
	BackupEligible  bool              `json:"backupEligible"`
	BackupState     bool              `json:"backupState"`
	ProvisionedBy   string            `json:"provisionedBy"`
	Via             string            `json:"via"`
	Created         *time.Time        `json:"created"`
	LastUsed        *time.Time        `json:"lastUsed,omitempty"`
	Evidence        *evidenceDocument `json:"evidence,omitempty"`
}

// evidenceDocument is what was kept of a registration.
type evidenceDocument struct {
	Judged            *time.Time            `json:"judged"`
	Policy            string                `json:"policy"`
	Anchor            string                `json:"anchor,omitempty"` // SHA-256, hexadecimal
	Chain             []string              `json:"chain,omitempty"`  // SHA-256 of each certificate, leaf first
	AttestationObject string                `json:"attestationObject"`
	ClientDataJSON    string                `json:"clientDataJSON"`
	Decision          *policy.Decision      `json:"decision,omitempty"` // absent before it was kept
	Basis             []credential.BasisRef `json:"basis,omitempty"`    // what it was judged by

	Told         credential.Told      `json:"told"`                   // what the client alone said
	SerialNumber string               `json:"serialNumber,omitempty"` // of the authenticator, hexadecimal
	Firmware     *uint64              `json:"firmware,omitempty"`
	Extensions   *webauthn.Extensions `json:"extensions,omitempty"` // outputs of the authenticator
}

func fromCredential(c *credential.Credential) credentialDocument {
	return credentialDocument{
		ID: string(c.ID), CredentialID: base64.RawURLEncoding.EncodeToString(c.CredentialID),
		RelyingParty: c.RelyingParty, UserID: string(c.User), User: c.UserName, Name: c.Name,
		State: string(c.State), Reason: c.Reason, AAGUID: c.AAGUID.String(), Algorithm: c.Algorithm,
		Format: c.Format, AttestationType: c.AttestationType, Trusted: c.Trusted, Warnings: c.Warnings,
		SignCount: c.SignCount, Transports: c.Transports, BackupEligible: c.BackupEligible, BackupState: c.BackupState,
		ProvisionedBy: c.ProvisionedBy, Via: c.Via, Created: when(c.Created), LastUsed: when(c.LastUsed),
	}
}

func (in *invocation) printCredential(c *credential.Credential, e *credential.Evidence) error {
	doc := fromCredential(c)
	if e != nil {
		doc.Evidence = &evidenceDocument{
			Judged: when(e.Judged), Policy: e.Policy, Anchor: fmt.Sprintf("%x", e.Anchor),
			AttestationObject: base64.RawURLEncoding.EncodeToString(e.AttestationObject),
			ClientDataJSON:    base64.RawURLEncoding.EncodeToString(e.ClientData),
		}
		doc.Evidence.Told = e.Told
		doc.Evidence.SerialNumber, doc.Evidence.Firmware = fmt.Sprintf("%x", e.SerialNumber), e.Firmware
		if e.Extensions.Len() > 0 {
			doc.Evidence.Extensions = &e.Extensions
		}
		for _, sum := range e.Chain {
			doc.Evidence.Chain = append(doc.Evidence.Chain, fmt.Sprintf("%x", sum))
		}
		doc.Evidence.Basis = e.Basis
		if !e.Decision.Time.IsZero() {
			doc.Evidence.Decision = &e.Decision
		}
	}
	return in.print(doc, func(w io.Writer) {
		row(w, "id", doc.ID)
		row(w, "credential id", doc.CredentialID)
		row(w, "user", doc.User)
		row(w, "relying party", doc.RelyingParty)
		row(w, "name", doc.Name)
		row(w, "state", strings.TrimSpace(doc.State+" "+doc.Reason))
		row(w, "model (AAGUID)", doc.AAGUID)
		row(w, "algorithm", doc.Algorithm)
		row(w, "attestation", fmt.Sprintf("%s (%s), trusted: %s", doc.Format, doc.AttestationType, cell(doc.Trusted)))
		row(w, "warnings", strings.Join(doc.Warnings, ", "))
		doc.Evidence.rows(w)
		row(w, "sign count", doc.SignCount)
		row(w, "provisioned by", doc.ProvisionedBy+" via "+doc.Via)
		row(w, "created", c.Created)
		row(w, "last used", c.LastUsed)
		if e != nil {
			row(w, "policies then", verdictsInShort(&e.Decision))
			row(w, "judged by", basisInShort(e.Basis))
		}
	})
}

// rows prints what the attestation says of the one device; nothing if e is nil.
func (e *evidenceDocument) rows(w io.Writer) {
	if e == nil {
		return
	}
	if e.SerialNumber != "" {
		row(w, "serial number", e.SerialNumber)
	}
	if e.Firmware != nil {
		row(w, "firmware", *e.Firmware)
	}
}

// verdictsInShort says what each policy made of a registration. Of those that are built
// in it tells where they would have refused.
func verdictsInShort(d *policy.Decision) string {
	var all []string
	for _, p := range d.Policies {
		if !strings.HasPrefix(p.Policy, tenant.BuiltInPolicyPrefix) || p.Outcome == policy.WouldRefuse {
			all = append(all, p.Policy+": "+string(p.Outcome))
		}
	}
	if len(all) == 0 {
		return "none was asked"
	}
	return strings.Join(all, ", ")
}

// basisInShort counts what of a judgement's basis was kept, by kind.
func basisInShort(refs []credential.BasisRef) string {
	if len(refs) == 0 {
		return "not kept yet at that time"
	}
	count := map[credential.BasisKind]int{}
	var all []string
	for _, ref := range refs {
		count[ref.Kind]++
	}
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		all = append(all, fmt.Sprintf("%s: %d", kind, count[kind]))
	}
	return strings.Join(all, ", ") + " (bestow credential reverify)"
}

type credentialListCmd struct {
	scope
	User      string `help:"Login name." placeholder:"NAME"`
	RP        string `help:"Relying party." name:"rp" placeholder:"ID"`
	Suspended bool   `help:"Only suspended ones."`
	Limit     int    `help:"How many at most." default:"100"`
}

func (credentialListCmd) Help() string {
	return "Example:\n  bestow credential list --user alice@example.com"
}

// Run lists credentials in the order they were made.
func (c credentialListCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		q := credential.CredentialQuery{RelyingParty: c.RP}
		if c.User != "" {
			q.User = credential.ByName(c.User)
		}
		if c.Suspended {
			q.State = credential.Suspended
		}
		list, more, err := collectPages(c.Limit, func(after string, limit int) ([]credential.Credential, string, error) {
			q.After, q.Limit = after, limit
			page, err := l.Credentials.Credentials(in.ctx, l.by, q)
			if err != nil {
				return nil, "", err
			}
			return page.Credentials, page.Next, nil
		})
		if err != nil {
			return err
		}
		docs := []credentialDocument{}
		for i := range list {
			docs = append(docs, fromCredential(&list[i]))
		}
		defer in.tellMore(more)
		return in.print(docs, func(w io.Writer) {
			row(w, "USER", "NAME", "RELYING PARTY", "STATE", "ATTESTATION", "TRUSTED", "CREATED", "LAST USED", "ID")
			for _, c := range list {
				row(w, c.UserName, c.Name, c.RelyingParty, string(c.State), c.Format+"/"+c.AttestationType, c.Trusted, c.Created, c.LastUsed, string(c.ID))
			}
		})
	})
}

type credentialShowCmd struct {
	scope
	ID string `arg:"" help:"Our id, as the list shows it."`
}

func (credentialShowCmd) Help() string {
	return `With --json the evidence is in it: attestation object and client data as received, and what the
policies made of them, rule by rule.

Example:
  bestow credential show 0199f0a4-7d9b-7c3e-8d65-1b2a6c1f0e11 --json`
}

// Run shows the credential.
func (c credentialShowCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		ref := credential.Ref{ID: credential.ID(c.ID)}
		found, err := l.Credentials.Get(in.ctx, l.by, ref)
		if err != nil {
			return err
		}
		evidence, err := l.Credentials.Evidence(in.ctx, l.by, ref)
		if err != nil {
			return err
		}
		return in.printCredential(found, evidence)
	})
}

type credentialRenameCmd struct {
	scope
	ID   string `arg:"" help:"Our id."`
	Name string `arg:"" help:"New name."`
}

func (credentialRenameCmd) Help() string {
	return "Example:\n  bestow credential rename 0199f0a4-7d9b-7c3e-8d65-1b2a6c1f0e11 \"Office key\""
}

// Run renames the credential.
func (c credentialRenameCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		changed, err := l.Credentials.Rename(in.ctx, l.by, credential.Ref{ID: credential.ID(c.ID)}, c.Name)
		if err != nil {
			return err
		}
		return in.printCredential(changed, nil)
	})
}

type credentialSuspendCmd struct {
	scope
	ID     string `arg:"" help:"Our id."`
	Reason string `help:"Why; kept with it and in the audit trail." placeholder:"TEXT"`
}

func (credentialSuspendCmd) Help() string {
	return "Example:\n  bestow credential suspend 0199f0a4-7d9b-7c3e-8d65-1b2a6c1f0e11 --reason \"reported lost\""
}

// Run suspends the credential.
func (c credentialSuspendCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		changed, err := l.Credentials.Suspend(in.ctx, l.by, credential.Ref{ID: credential.ID(c.ID)}, c.Reason)
		if err != nil {
			return err
		}
		return in.printCredential(changed, nil)
	})
}

type credentialResumeCmd struct {
	scope
	ID string `arg:"" help:"Our id."`
}

func (credentialResumeCmd) Help() string {
	return "Example:\n  bestow credential resume 0199f0a4-7d9b-7c3e-8d65-1b2a6c1f0e11"
}

// Run resumes the credential.
func (c credentialResumeCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		changed, err := l.Credentials.Resume(in.ctx, l.by, credential.Ref{ID: credential.ID(c.ID)})
		if err != nil {
			return err
		}
		return in.printCredential(changed, nil)
	})
}

type credentialDeleteCmd struct {
	scope
	ID  string `arg:"" help:"Our id."`
	Yes bool   `help:"Do it. Without this nothing is deleted."`
}

func (credentialDeleteCmd) Help() string {
	return "Example:\n  bestow credential delete 0199f0a4-7d9b-7c3e-8d65-1b2a6c1f0e11 --yes"
}

// Run deletes the credential.
func (c credentialDeleteCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		ref := credential.Ref{ID: credential.ID(c.ID)}
		found, err := l.Credentials.Get(in.ctx, l.by, ref)
		if err != nil {
			return err
		}
		if !c.Yes {
			return fault.New(fault.Invalid, "confirm", fmt.Sprintf("This deletes %q of %s for good. Say --yes to do it.", found.Name, found.UserName))
		}
		if err := l.Credentials.Delete(in.ctx, l.by, ref); err != nil {
			return err
		}
		return in.done("deleted", c.ID)
	})
}

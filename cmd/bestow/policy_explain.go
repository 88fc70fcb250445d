package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
	"bestow.dev/webauthn"
)

type policyExplainCmd struct {
	scope
	Credential string `arg:"" help:"Our id of the credential, as the list shows it."`
	Then       bool   `help:"By everything as it was at the registration, instead of as it is now."`
}

func (policyExplainCmd) Help() string {
	return `Judges the kept registration again: by the policies, roots and metadata of today, or with --then
by those of its time. It changes nothing, and a credential that would be refused stays.

Examples:
  bestow policy explain 0199f0a4-7d9b-7c3e-8d65-1b2a6c1f0e11
  bestow policy explain 0199f0a4-7d9b-7c3e-8d65-1b2a6c1f0e11 --then --json`
}

// reverifiedDocument is a registration that was judged again, in JSON.
type reverifiedDocument struct {
	Credential      string                  `json:"credential"`
	User            string                  `json:"user"`
	Name            string                  `json:"name"`
	RelyingParty    string                  `json:"relyingParty"`
	As              string                  `json:"as"` // then, now
	Registered      *time.Time              `json:"registered"`
	Result          string                  `json:"result"` // same, differs, refused, damaged
	Refusal         string                  `json:"refusal,omitempty"`
	Step            string                  `json:"step,omitempty"`
	Words           string                  `json:"words,omitempty"`
	Format          string                  `json:"attestationFormat,omitempty"`
	AttestationType string                  `json:"attestationType,omitempty"`
	Trusted         bool                    `json:"trusted"`
	Model           *explainedModel         `json:"model,omitempty"`
	Decision        *policy.Decision        `json:"decision,omitempty"`
	Differences     []credential.Difference `json:"differences,omitempty"`
	BasisKept       bool                    `json:"basisKept"`
}

// explainedModel is what the metadata says today of the model that a credential names.
type explainedModel struct {
	AAGUID      string `json:"aaguid"`
	Description string `json:"description,omitempty"`
	Status      string `json:"status,omitempty"`
	Source      string `json:"source,omitempty"`
	Number      uint64 `json:"number,omitempty"`
}

// The results of judging again.
const (
	resultSame    = "same"
	resultDiffers = "differs"
	resultRefused = "refused"
	resultDamaged = "damaged" // what was kept does not fit together
)

func resultOf(r *credential.Reverification) string {
	switch {
	case !r.Accepted:
		return resultRefused
	case !r.Same():
		return resultDiffers
	}
	return resultSame
}

func fromReverification(r *credential.Reverification) reverifiedDocument {
	c := &r.Credential
	doc := reverifiedDocument{
		Credential: string(c.ID), User: c.UserName, Name: c.Name, RelyingParty: c.RelyingParty,
		As: string(r.By), Registered: when(r.Time), Result: resultOf(r), Refusal: r.Refusal, Step: r.Step, Words: r.Words,
		Format: c.Format, AttestationType: c.AttestationType, Trusted: c.Trusted,
		Differences: r.Differences, BasisKept: r.BasisKept,
	}
	if r.Accepted {
		doc.Format, doc.AttestationType, doc.Trusted = r.Format, r.AttestationType, r.Trusted
	}
	if !r.Decision.Time.IsZero() {
		doc.Decision = &r.Decision
	}
	return doc
}

// model returns what the metadata says today of a model.
func (l *local) model(id webauthn.AAGUID) *explainedModel {
	m := &explainedModel{AAGUID: id.String()}
	found := l.Metadata.Current().ByAAGUID(id)
	if found == nil {
		return m
	}
	m.Source, m.Number = found.Source, found.Number
	if found.Entry.Statement != nil {
		m.Description = found.Entry.Statement.Description
	}
	if now := found.Entry.StatusAt(time.Now()).Current; now != nil {
		m.Status = string(now.Status)
	}
	return m
}

// onJudging is on for verbs that judge credentials: what the metadata knows is in force.
func (in *invocation) onJudging(s scope, do func(l *local) error) error {
	return in.on(s, func(l *local) error {
		if err := l.Metadata.Load(in.ctx); err != nil {
			return err
		}
		return do(l)
	})
}

// Run judges the credential again and shows the decision.
func (c policyExplainCmd) Run(in *invocation) error {
	as := credential.ByNow
	if c.Then {
		as = credential.ByThen
	}
	return in.onJudging(c.scope, func(l *local) error {
		r, err := l.Credentials.Reverify(in.ctx, l.by, credential.Ref{ID: credential.ID(c.Credential)}, as)
		if err != nil {
			return err
		}
		doc := fromReverification(r)
		doc.Model = l.model(r.Credential.AAGUID)
		return in.printForeign(doc, func(w io.Writer) {
			doc.table(w)
			fmt.Fprintf(w, "\n%s", doc.verdict())
		})
	})
}

// table shows what the decision goes by.
func (d *reverifiedDocument) table(w io.Writer) {
	row(w, "credential", d.Credential)
	row(w, "user", d.User)
	row(w, "relying party", d.RelyingParty)
	row(w, "registered", instant(d.Registered))
	row(w, "judged", map[string]string{"now": "by everything as it is now", "then": "by everything as it was then"}[d.As])
	if d.As == string(credential.ByThen) && !d.BasisKept {
		row(w, "", "what it was judged by was not kept yet: by today's settings, at the time of then")
	}
	row(w, "attestation", fmt.Sprintf("%s (%s), trusted: %s", d.Format, d.AttestationType, cell(d.Trusted)))
	row(w, "model (AAGUID)", d.Model.AAGUID)
	row(w, "metadata today", d.Model.words())
	for _, x := range d.Differences {
		row(w, "differs", x.What+": then "+cell(x.Then)+", now "+cell(x.Now))
	}
}

// words say what is known of the model.
func (m *explainedModel) words() string {
	switch {
	case m.AAGUID == webauthn.AAGUID{}.String():
		return "the credential names no model"
	case m.Source == "":
		return "does not know the model"
	}
	list := m.Source
	if m.Number > 0 {
		list = fmt.Sprintf("%s, list %d", m.Source, m.Number)
	}
	return legible(strings.TrimPrefix(m.Description+", ", ", ") + cell(m.Status) + " (" + list + ")")
}

// verdict is the decision for people: rule by rule, or why it did not come to that.
func (d *reverifiedDocument) verdict() string {
	switch {
	case d.Decision != nil:
		return d.Decision.String()
	case d.Refusal != "":
		return "refused before a policy was asked: " + legible(d.Words) + " (" + strings.TrimSpace(d.Refusal+" "+d.Step) + ")\n"
	}
	return "accepted; no policy was asked\n"
}

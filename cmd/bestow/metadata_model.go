package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/mds"
	"bestow.dev/internal/wiring"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// modelDocument is a model in JSON.
type modelDocument struct {
	Model       string `json:"model"` // AAGUID, AAID or key identifier
	Description string `json:"description"`
	Status      string `json:"status"`
	Level       string `json:"level"`
	Revoked     bool   `json:"revoked"`
	Compromised bool   `json:"compromised"`
	Update      bool   `json:"updateAvailable"`
	Source      string `json:"source"`
	Number      uint64 `json:"number,omitempty"`

	level metadata.Level
}

func fromEntry(e *metadata.Entry, l *mds.List, at time.Time) modelDocument {
	s := e.StatusAt(at)
	doc := modelDocument{
		Model: e.Name(), Level: s.Level.String(), Revoked: s.Revoked, Compromised: s.Compromised, Update: s.UpdateAvailable,
		Source: l.Source, Number: l.Number, level: s.Level,
	}
	if e.Statement != nil {
		doc.Description = e.Statement.Description
	}
	if s.Current != nil {
		doc.Status = string(s.Current.Status)
	}
	return doc
}

type metadataListCmd struct {
	Revoked     bool   `help:"Only models that are revoked."`
	Compromised bool   `help:"Only models whose keys or user verification are not safe."`
	Level       string `help:"Only models that are certified at this level or a stricter one: L1, L1plus, L2, L2plus, L3, L3plus." placeholder:"LEVEL"`
}

func (metadataListCmd) Help() string {
	return `Lists each model once, as the source of the highest rank has it. With --revoked and
--compromised together either will do.

Examples:
  bestow metadata list --level L2
  bestow metadata list --revoked --compromised --json | jq -r '.[].model'`
}

// Run lists models by the rank of their source, then in its order.
func (c metadataListCmd) Run(in *invocation) error {
	least, err := levelNamed(c.Level)
	if err != nil {
		return err
	}
	return in.withMetadata(func(app *wiring.App) error {
		now, docs := time.Now(), []modelDocument{}
		snapshot := app.Metadata.Current()
		for _, l := range snapshot.Lists() {
			for _, e := range l.Entries {
				if snapshot.Of(e).Entry != e { // a source of higher rank has the model
					continue
				}
				if doc := fromEntry(e, l, now); c.wants(&doc, least) {
					docs = append(docs, doc)
				}
			}
		}
		return in.printForeign(docs, func(w io.Writer) {
			row(w, "MODEL", "DESCRIPTION", "STATUS", "LEVEL", "SOURCE")
			for _, d := range docs {
				row(w, d.Model, legible(d.Description), legible(d.Status), d.Level, d.Source)
			}
		})
	})
}

func (c metadataListCmd) wants(d *modelDocument, least metadata.Level) bool {
	if (c.Revoked || c.Compromised) && !(c.Revoked && d.Revoked || c.Compromised && d.Compromised) {
		return false
	}
	return d.level >= least
}

func levelNamed(name string) (metadata.Level, error) {
	if name == "" {
		return metadata.LevelNone, nil
	}
	for l := metadata.LevelL1; l <= metadata.LevelL3Plus; l++ {
		if strings.EqualFold(l.String(), name) {
			return l, nil
		}
	}
	return 0, fault.New(fault.Invalid, "level", "--level is one of L1, L1plus, L2, L2plus, L3, L3plus.")
}

type metadataShowCmd struct {
	Model string `arg:"" help:"AAGUID, AAID or key identifier of the model." placeholder:"ID"`
}

func (metadataShowCmd) Help() string {
	return `Shows what each source says of the model; the first counts. An AAGUID has the form 8-4-4-4-12,
an AAID vvvv#mmmm, and a key identifier 40 hexadecimal digits.

Example:
  bestow metadata show 2fc0579f-8113-47ea-b116-bb5a8db9202a`
}

// modelDetails are what one source says of a model, in JSON.
type modelDetails struct {
	modelDocument
	History          []reportDocument `json:"history"` // the current state last
	Family           string           `json:"protocolFamily,omitempty"`
	Algorithms       []string         `json:"algorithms,omitempty"`
	AttestationTypes []string         `json:"attestationTypes,omitempty"`
	AttestationRoots int              `json:"attestationRoots"`
	UserVerification []string         `json:"userVerification,omitempty"` // alternatives; what is needed together is joined by +
	KeyProtection    []string         `json:"keyProtection,omitempty"`
	Damaged          bool             `json:"damaged"`
	Findings         []string         `json:"findings,omitempty"`
}

type reportDocument struct {
	Status      string  `json:"status"`
	Since       string  `json:"since,omitempty"`
	Firmware    *uint64 `json:"firmware,omitempty"`
	Certificate string  `json:"certificateNumber,omitempty"`
	URL         string  `json:"url,omitempty"`
}

// Run shows one model.
func (c metadataShowCmd) Run(in *invocation) error {
	look, err := lookUp(c.Model)
	if err != nil {
		return err
	}
	return in.withMetadata(func(app *wiring.App) error {
		snapshot := app.Metadata.Current()
		found := look(snapshot)
		if found == nil {
			return fault.New(fault.NotFound, "metadata.model_unknown", "No source knows that model.")
		}
		now := time.Now()
		var docs []modelDetails
		for _, f := range append([]*mds.Found{found}, found.Hidden...) {
			for _, l := range snapshot.Lists() {
				if l.Source == f.Source {
					docs = append(docs, details(f.Entry, l, now))
				}
			}
		}
		return in.printForeign(docs, func(w io.Writer) {
			for i := range docs {
				if i > 0 {
					fmt.Fprintln(w)
				}
				docs[i].table(w)
			}
		})
	})
}

// lookUp returns how to look for the model that text names.
func lookUp(text string) (func(*mds.Snapshot) *mds.Found, error) {
	if model, err := webauthn.ParseAAGUID(text); err == nil {
		return func(s *mds.Snapshot) *mds.Found { return s.ByAAGUID(model) }, nil
	}
	if strings.Contains(text, "#") {
		return func(s *mds.Snapshot) *mds.Found { return s.ByAAID(text) }, nil
	}
	var key metadata.KeyIdentifier
	if digits, err := hex.DecodeString(text); err == nil && copy(key[:], digits) == len(key) && len(digits) == len(key) {
		return func(s *mds.Snapshot) *mds.Found { return s.ByKeyIdentifier(key) }, nil
	}
	return nil, fault.New(fault.Invalid, "model", "That is neither an AAGUID nor an AAID nor a key identifier; see --help.")
}

func details(e *metadata.Entry, l *mds.List, at time.Time) modelDetails {
	doc := modelDetails{modelDocument: fromEntry(e, l, at), Damaged: e.Damaged, History: []reportDocument{}}
	for i := range e.StatusReports {
		r := &e.StatusReports[i]
		doc.History = append(doc.History, reportDocument{
			Status: string(r.Status), Since: day(r.EffectiveDate), Firmware: r.AuthenticatorVersion, Certificate: r.CertificateNumber, URL: r.URL,
		})
	}
	if s := e.Statement; s != nil {
		doc.Family, doc.Algorithms, doc.AttestationTypes, doc.KeyProtection = s.ProtocolFamily, s.AuthenticationAlgorithms, s.AttestationTypes, s.KeyProtection
		doc.AttestationRoots = len(s.AttestationRoots)
		for _, alternative := range s.UserVerificationDetails {
			var methods []string
			for _, m := range alternative {
				methods = append(methods, m.Method)
			}
			doc.UserVerification = append(doc.UserVerification, strings.Join(methods, "+"))
		}
	}
	for _, f := range l.Findings {
		if f.Model == e.Name() {
			doc.Findings = append(doc.Findings, f.String())
		}
	}
	return doc
}

func (d *modelDetails) table(w io.Writer) {
	source := d.Source
	if d.Number > 0 {
		source = fmt.Sprintf("%s, list %d", d.Source, d.Number)
	}
	list := func(words []string) string { return legible(strings.Join(words, ", ")) }
	row(w, "model", d.Model)
	row(w, "description", legible(d.Description))
	row(w, "source", source)
	row(w, "status", legible(d.Status))
	row(w, "level", d.Level)
	row(w, "revoked", d.Revoked)
	row(w, "compromised", d.Compromised)
	row(w, "update available", d.Update)
	for _, r := range d.History {
		text := strings.TrimSpace(r.Status + " " + r.Certificate)
		if r.Firmware != nil {
			text += fmt.Sprintf(", firmware %d", *r.Firmware)
		}
		row(w, "history", legible(cell(r.Since)+" "+text+" "+r.URL))
	}
	row(w, "protocol", legible(d.Family))
	row(w, "algorithms", list(d.Algorithms))
	row(w, "attestation", list(d.AttestationTypes))
	row(w, "attestation roots", d.AttestationRoots)
	row(w, "user verification", list(d.UserVerification))
	row(w, "key protection", list(d.KeyProtection))
	row(w, "damaged", d.Damaged)
	for _, f := range d.Findings {
		row(w, "finding", legible(f))
	}
}

package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"bestow.dev/internal/config"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/mds"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/wiring"
)

type metadataCmd struct {
	Status metadataStatusCmd `cmd:"" help:"How each source of metadata stands."`
	Fetch  metadataFetchCmd  `cmd:"" help:"Check the sources now, and take what is new."`
	List   metadataListCmd   `cmd:"" help:"List the models that are known."`
	Show   metadataShowCmd   `cmd:"" help:"Show all that is known of one model."`
	Check  metadataCheckCmd  `cmd:"" help:"Verify a list in a file, without network, database or configuration."`
}

// withMetadata opens the database for as long as do runs, with what is stored in force.
// Metadata counts for the whole installation, so no tenant is asked for.
func (in *invocation) withMetadata(do func(app *wiring.App) error) error {
	cfg, err := in.load(nil)
	if err != nil {
		return err
	}
	if len(cfg.Metadata) == 0 {
		return fault.New(fault.Invalid, "metadata.none_configured", "The configuration names no source of metadata; see docs/metadata.md.")
	}
	app, err := wiring.Open(in.ctx, cfg, wiring.Options{Log: wiring.NewLog(in.stderr, config.Log{Level: "error", Format: "text"})})
	if err != nil {
		return err
	}
	err = app.Metadata.Load(in.ctx)
	if err == nil {
		err = do(app)
	}
	return errors.Join(err, app.Close())
}

// sourceDocument is a source in JSON.
type sourceDocument struct {
	Source     string           `json:"source"`
	Kind       string           `json:"kind"`
	Models     int              `json:"models"`
	Number     uint64           `json:"number,omitempty"`
	NextUpdate string           `json:"nextUpdate,omitempty"`
	Accepted   *time.Time       `json:"accepted,omitempty"`
	Checked    *time.Time       `json:"checked,omitempty"`
	NextCheck  *time.Time       `json:"nextCheck,omitempty"`
	Outdated   bool             `json:"outdated"`
	Refused    bool             `json:"refused"`
	Unusable   string           `json:"unusable,omitempty"`
	Failure    *failureDocument `json:"failure,omitempty"`
	Changes    *mds.Changes     `json:"changes,omitempty"`
}

type failureDocument struct {
	Code  string     `json:"code"`
	Words string     `json:"words"`
	At    *time.Time `json:"at"`
	Tries int        `json:"tries"`
}

func fromState(st mds.State) sourceDocument {
	doc := sourceDocument{
		Source: st.Source, Kind: st.Kind, Models: st.Models, Number: st.Number, NextUpdate: day(st.NextUpdate),
		Accepted: when(st.Accepted), Checked: when(st.Checked), NextCheck: when(st.Next),
		Outdated: st.Outdated, Refused: st.Refused, Unusable: st.Unusable,
	}
	if st.Tries > 0 {
		doc.Failure = &failureDocument{Code: st.Failure.Code, Words: st.Failure.Public, At: when(st.Failure.At), Tries: st.Tries}
	}
	if !st.Accepted.IsZero() {
		doc.Changes = &st.Changes
	}
	return doc
}

// words say in short how a source stands.
func (d *sourceDocument) words() string {
	var all []string
	if d.Kind != "statements" && d.Accepted == nil {
		all = append(all, "no list yet")
	}
	if d.Outdated {
		all = append(all, "outdated")
	}
	if d.Refused {
		all = append(all, "the server is not ready")
	}
	if d.Unusable != "" {
		all = append(all, "what is stored is not used: "+d.Unusable)
	}
	if f := d.Failure; f != nil {
		all = append(all, fmt.Sprintf("the last check failed (%s, %d in a row): %s", f.Code, f.Tries, f.Words))
	}
	if len(all) == 0 {
		return "good"
	}
	return strings.Join(all, "; ")
}

type metadataStatusCmd struct{}

func (metadataStatusCmd) Help() string {
	return `Shows what is stored; it asks no service.

Examples:
  bestow metadata status --config bestow.yaml
  bestow metadata status --json | jq -r '.[] | select(.outdated) | .source'`
}

// Run shows the sources in the order of the configuration.
func (metadataStatusCmd) Run(in *invocation) error {
	return in.withMetadata(func(app *wiring.App) error {
		docs := []sourceDocument{}
		for _, st := range app.Metadata.State(time.Now()) {
			docs = append(docs, fromState(st))
		}
		return in.printForeign(docs, func(w io.Writer) {
			row(w, "SOURCE", "KIND", "MODELS", "NUMBER", "NEXT UPDATE", "ACCEPTED", "CHECKED", "NEXT CHECK", "STATE")
			for i := range docs {
				d := &docs[i]
				row(w, d.Source, d.Kind, d.Models, listNumber(d.Number), d.NextUpdate, instant(d.Accepted), instant(d.Checked), instant(d.NextCheck), d.words())
			}
		})
	})
}

type metadataFetchCmd struct {
	Name string `arg:"" optional:"" help:"Source; all that can be checked otherwise."`
}

func (metadataFetchCmd) Help() string {
	return `Fetches or reads the list of each source now, whether or not it is due, verifies it and stores
it. Running servers take it within a second or two.

Exit code: 0 when every source was checked, 1 when a check failed.

Examples:
  bestow metadata fetch --config bestow.yaml
  bestow metadata fetch fido --json`
}

// fetchedDocument is how a check ended, in JSON.
type fetchedDocument struct {
	Source  string           `json:"source"`
	Updated bool             `json:"updated"`
	Number  uint64           `json:"number,omitempty"`
	Changes *mds.Changes     `json:"changes,omitempty"`
	Failure *failureDocument `json:"failure,omitempty"`
}

// Run checks the sources one after the other.
func (c metadataFetchCmd) Run(in *invocation) error {
	return in.withMetadata(func(app *wiring.App) error {
		names := []string{c.Name}
		if c.Name == "" {
			names = nil
			for _, st := range app.Metadata.State(time.Now()) {
				if st.Kind != "statements" {
					names = append(names, st.Source)
				}
			}
		}
		docs, failed := []fetchedDocument{}, false
		for _, name := range names {
			doc, err := fetchNow(in, app, name)
			if err != nil {
				return err
			}
			failed = failed || doc.Failure != nil
			docs = append(docs, *doc)
		}
		err := in.printForeign(docs, func(w io.Writer) { fetchedTable(w, docs) })
		if err == nil && failed {
			return exitCode(exitRefused)
		}
		return err
	})
}

// fetchNow checks one source. What is wrong with the list or its service is part of the
// document.
func fetchNow(in *invocation, app *wiring.App, name string) (*fetchedDocument, error) {
	out, err := app.Metadata.Check(in.ctx, tenant.LocalOperator("", localUser()), name)
	if err == nil {
		doc := &fetchedDocument{Source: name, Updated: out.Updated, Number: out.Number}
		if out.Updated {
			doc.Changes = &out.Changes
		}
		return doc, nil
	}
	f := fault.From(err)
	if f.Kind == fault.Internal || !strings.HasPrefix(f.Code, "metadata.") || errors.Is(err, mds.ErrUnknownSource) || errors.Is(err, mds.ErrOwn) {
		return nil, err
	}
	doc := &fetchedDocument{Source: name, Failure: &failureDocument{Code: f.Code, Words: f.Public, Tries: 1}}
	for _, st := range app.Metadata.State(time.Now()) {
		if st.Source == name {
			doc.Number, doc.Failure.At, doc.Failure.Tries = st.Number, when(st.Failure.At), max(st.Tries, 1)
		}
	}
	if f.Err != nil { // whoever runs the program can do something about it
		fmt.Fprintf(in.stderr, "%s: %s\n", name, legible(f.Err.Error()))
	}
	return doc, nil
}

func fetchedTable(w io.Writer, docs []fetchedDocument) {
	row(w, "SOURCE", "NUMBER", "RESULT")
	for _, d := range docs {
		switch {
		case d.Failure != nil:
			row(w, d.Source, d.Number, fmt.Sprintf("failed (%s): %s", d.Failure.Code, d.Failure.Words))
		case d.Updated:
			row(w, d.Source, d.Number, fmt.Sprintf("updated: %d models added, %d removed, %d with another status", d.Changes.Added, d.Changes.Removed, d.Changes.Changed))
		default:
			row(w, d.Source, d.Number, "current")
		}
	}
	for _, d := range docs {
		if d.Changes == nil {
			continue
		}
		for _, m := range d.Changes.Models {
			row(w, d.Source, string(m.Kind), fmt.Sprintf("%s %s: %s, was %s", m.Model, legible(m.Description), cell(legible(string(m.Is))), cell(legible(string(m.Was)))))
		}
	}
}

// listNumber is a list's number for a table; empty for none.
func listNumber(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

// instant is what [when] made, for a table.
func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

package main

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/mds"
	"bestow.dev/metadata"
)

type metadataCheckCmd struct {
	File  string   `arg:"" help:"The list, as its service publishes it; - reads standard input."`
	Roots string   `help:"Certificates of the roots to trust, in PEM." required:"" placeholder:"FILE"`
	CRL   []string `help:"Revocation list, in DER or PEM; for each one a --crl." name:"crl" placeholder:"FILE"`
	Chain string   `help:"Certificates of the signer, in PEM, leaf first, where the list leaves them elsewhere (x5u)." placeholder:"FILE"`
	At    string   `help:"Judge as of then: RFC 3339, or a day. Now otherwise." placeholder:"TIME"`

	AllowUnknownRevocation bool `help:"Accept a signer of whom it is not known whether they are revoked."`
}

func (metadataCheckCmd) Help() string {
	return `Verifies the list as the server does, and tells what was found: who signed, how many models
there are, and each thing that was passed over. Nothing is fetched or stored.

Exit code: 0 accepted, 1 refused, 2 the command line or a file of certificates makes no sense, 3 a
fault of the program.

Examples:
  bestow metadata check blob.jwt --roots root.pem --crl root.crl --crl ca.crl
  bestow metadata check blob.jwt --roots root.pem --crl ca.crl --at 2026-03-02 --json`
}

// checkedDocument is a verdict on a list, in JSON.
type checkedDocument struct {
	Accepted   bool             `json:"accepted"`
	SHA256     string           `json:"sha256"`
	At         *time.Time       `json:"at"`
	Refusal    *refusalDocument `json:"refusal,omitempty"`
	Number     uint64           `json:"number,omitempty"`
	NextUpdate string           `json:"nextUpdate,omitempty"`
	Outdated   bool             `json:"outdated"`
	Models     int              `json:"models"`
	Signer     []string         `json:"signer,omitempty"` // subjects, the signer first
	Findings   []string         `json:"findings,omitempty"`

	// RevocationLists are where the signer's certificates say their revocation lists
	// are, if one was missing.
	RevocationLists []string `json:"revocationLists,omitempty"`
}

type refusalDocument struct {
	Reason string `json:"reason"`
	Step   string `json:"step"`
	Detail string `json:"detail"`
}

// Run verifies a list.
func (c metadataCheckCmd) Run(in *invocation) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	text, err := c.read(in)
	if err != nil {
		return err
	}
	doc := checkedDocument{At: &o.Time, SHA256: fmt.Sprintf("%x", sha256.Sum256(text))}
	b, err := metadata.VerifyBLOB(text, *o)
	if err != nil {
		refused, ok := errors.AsType[*metadata.VerificationError](err)
		if !ok || refused.Reason == metadata.ReasonInternal {
			return err
		}
		doc.Refusal = &refusalDocument{Reason: string(refused.Reason), Step: refused.Step, Detail: refused.Detail}
		if refused.Reason == metadata.ReasonRevocationUnknown {
			doc.RevocationLists = placesOfLists(text, *o)
		}
	} else {
		doc.accept(b, o.Time)
	}
	if err := in.printForeign(doc, doc.table); err != nil {
		return err
	}
	if !doc.Accepted {
		return exitCode(exitRefused)
	}
	return nil
}

// placesOfLists returns where the revocation lists of a chain are that is good but for
// those.
func placesOfLists(text []byte, o metadata.Options) []string {
	o.AllowUnknownRevocation = true
	b, err := metadata.VerifyBLOB(text, o)
	if err != nil {
		return nil
	}
	var places []string
	for _, c := range b.Signer[:len(b.Signer)-1] {
		places = append(places, c.CRLDistributionPoints...)
	}
	return places
}

func (c metadataCheckCmd) options() (*metadata.Options, error) {
	o := &metadata.Options{Time: time.Now().UTC(), AllowUnknownRevocation: c.AllowUnknownRevocation}
	var err error
	if c.At != "" {
		if o.Time, err = parseInstant(c.At); err != nil {
			return nil, fault.New(fault.Invalid, "at", "--at is a time as RFC 3339 writes it, or a day: 2026-03-02.")
		}
	}
	if o.Roots, err = certificatesIn("roots", c.Roots); err != nil {
		return nil, err
	}
	if c.Chain != "" {
		if o.Chain, err = certificatesIn("chain", c.Chain); err != nil {
			return nil, err
		}
	}
	if o.RevocationLists, err = mds.ReadRevocationLists(c.CRL); err != nil {
		return nil, fault.New(fault.Invalid, "crl", "--crl: "+err.Error()+".")
	}
	return o, nil
}

func certificatesIn(flag, path string) ([]*x509.Certificate, error) {
	all, err := mds.ReadCertificates(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, flag, "--"+flag+": "+err.Error()+".")
	}
	return all, nil
}

func (c metadataCheckCmd) read(in *invocation) ([]byte, error) {
	from := in.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	// One byte more than is taken, for the verification to refuse.
	text, err := io.ReadAll(io.LimitReader(from, metadata.MaxBLOBBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	return text, nil
}

func parseInstant(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	return time.Parse(time.DateOnly, text)
}

func (d *checkedDocument) accept(b *metadata.BLOB, at time.Time) {
	d.Accepted, d.Number, d.NextUpdate, d.Models = true, b.Number, day(b.NextUpdate), len(b.Entries)
	d.Outdated = !b.Current(at)
	for _, c := range b.Signer {
		d.Signer = append(d.Signer, c.Subject.String())
	}
	for _, f := range b.Findings {
		d.Findings = append(d.Findings, f.String())
	}
}

func (d *checkedDocument) table(w io.Writer) {
	if r := d.Refusal; r != nil {
		row(w, "verdict", "refused")
		row(w, "reason", r.Reason)
		row(w, "step", r.Step)
		row(w, "detail", legible(r.Detail))
		for _, place := range d.RevocationLists {
			row(w, "revocation list at", legible(place))
		}
		row(w, "sha256", d.SHA256)
		return
	}
	row(w, "verdict", "accepted")
	row(w, "number", d.Number)
	row(w, "next update", d.NextUpdate)
	row(w, "outdated", d.Outdated)
	row(w, "models", d.Models)
	for _, subject := range d.Signer {
		row(w, "signer", legible(subject))
	}
	row(w, "sha256", d.SHA256)
	for _, f := range d.Findings {
		row(w, "finding", legible(f))
	}
}

package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
	"unicode"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/wiring"
	"bestow.dev/trust"
)

type trustCmd struct {
	List   trustListCmd   `cmd:"" help:"List the sets of attestation roots in force."`
	Show   trustShowCmd   `cmd:"" help:"Show the certificates of a set."`
	Export trustExportCmd `cmd:"" help:"Write the shipped files into an empty directory."`
	Check  trustCheckCmd  `cmd:"" help:"Check a directory for trust-dir before a server uses it."`
}

// vendorsName stands for the list of TPM manufacturers where a set is named.
const vendorsName = "tpm-vendors"

// setDocument is a set of roots in JSON.
type setDocument struct {
	Name           string                `json:"name"`
	Formats        []string              `json:"formats"`
	State          string                `json:"state"`
	Count          int                   `json:"count"` // of certificates
	Source         string                `json:"source,omitempty"`
	Date           string                `json:"date,omitempty"`
	Licence        string                `json:"licence,omitempty"`
	SHA256         string                `json:"sha256"` // of the file
	Digest         string                `json:"digest"` // of what it vouches for
	EarliestExpiry *time.Time            `json:"earliestExpiry,omitempty"`
	Certificates   []certificateDocument `json:"certificates,omitempty"`
}

type certificateDocument struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	SHA256    string    `json:"sha256"`
	Key       string    `json:"key"`
}

// vendorsDocument is the list of TPM manufacturers in JSON.
type vendorsDocument struct {
	State   string         `json:"state"`
	Count   int            `json:"count"`
	Vendors []trust.Vendor `json:"vendors,omitempty"`
}

// listsDocument is all lists in JSON.
type listsDocument struct {
	Sets       []setDocument   `json:"sets"`
	TPMVendors vendorsDocument `json:"tpmVendors"`
	Warnings   []string        `json:"warnings"`
}

func fromRootSet(s trust.RootSet) setDocument {
	return setDocument{
		Name: s.Name, Formats: s.Formats, State: string(s.Origin), Count: len(s.Certificates),
		Source: printable(s.Source), Date: s.Date, Licence: s.Licence, SHA256: s.SHA256, Digest: s.Digest(),
		EarliestExpiry: when(s.EarliestExpiry()),
	}
}

func fromCertificate(c *x509.Certificate) certificateDocument {
	return certificateDocument{
		Subject: printable(c.Subject.String()), Issuer: printable(c.Issuer.String()),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		SHA256: fmt.Sprintf("%x", sha256.Sum256(c.Raw)), Key: keyWords(c),
	}
}

func fromLists(l *trust.Lists, now time.Time) listsDocument {
	doc := listsDocument{
		Sets:       []setDocument{},
		TPMVendors: vendorsDocument{State: string(l.TPMVendorsOrigin()), Count: len(l.TPMVendors())},
		Warnings:   []string{},
	}
	for _, s := range l.RootSets() {
		doc.Sets = append(doc.Sets, fromRootSet(s))
		for _, c := range s.Certificates {
			subject := printable(c.Subject.String())
			switch {
			case now.After(c.NotAfter):
				doc.Warnings = append(doc.Warnings, fmt.Sprintf("%s: %s expired on %s and vouches for nothing any more", s.Name, subject, day(c.NotAfter)))
			case now.Before(c.NotBefore):
				doc.Warnings = append(doc.Warnings, fmt.Sprintf("%s: %s is not valid before %s", s.Name, subject, day(c.NotBefore)))
			}
		}
	}
	return doc
}

// printLists shows the lists as a table, and what is odd about them after it.
func (in *invocation) printLists(l *trust.Lists) error {
	doc := fromLists(l, time.Now())
	err := in.print(doc, func(w io.Writer) {
		row(w, "SET", "FORMATS", "CERTIFICATES", "SOURCE", "DATE", "STATE", "EARLIEST EXPIRY")
		for i, s := range l.RootSets() {
			owner, _, _ := strings.Cut(doc.Sets[i].Source, ", ")
			state := doc.Sets[i].State
			if doc.Sets[i].Count == 0 {
				state += ", off"
			}
			row(w, s.Name, strings.Join(s.Formats, ","), doc.Sets[i].Count, owner, s.Date, state, day(s.EarliestExpiry()))
		}
	})
	if err != nil || in.program.JSON {
		return err
	}
	fmt.Fprintf(in.stdout, "%d TPM manufacturers (%s)\n", doc.TPMVendors.Count, doc.TPMVendors.State)
	for _, warning := range doc.Warnings {
		fmt.Fprintln(in.stderr, "warning:", warning)
	}
	return nil
}

type trustListCmd struct{}

func (trustListCmd) Help() string {
	return `Shows what is in force: the shipped lists, with what the configuration's trust-dir
replaces and adds. SOURCE and DATE of a file of your own are what it says of itself.

Example:
  bestow trust list --config /etc/bestow/bestow.yaml`
}

// Run lists the sets by name.
func (trustListCmd) Run(in *invocation) error {
	lists, err := in.trustLists()
	if err != nil {
		return err
	}
	return in.printLists(lists)
}

type trustShowCmd struct {
	Name string `arg:"" help:"A set of the list, or tpm-vendors."`
}

func (trustShowCmd) Help() string {
	return `Example:
  bestow trust show apple
  bestow trust show tpm-vendors`
}

// Run shows one set.
func (c trustShowCmd) Run(in *invocation) error {
	lists, err := in.trustLists()
	if err != nil {
		return err
	}
	if c.Name == vendorsName {
		return in.printVendors(lists)
	}
	set, ok := lists.RootSet(c.Name)
	if !ok {
		return fault.New(fault.NotFound, "trust.unknown", fmt.Sprintf("There is no set %q; bestow trust list shows which there are.", c.Name))
	}
	return in.printSet(set)
}

func (in *invocation) printVendors(l *trust.Lists) error {
	doc := vendorsDocument{State: string(l.TPMVendorsOrigin()), Count: len(l.TPMVendors()), Vendors: l.TPMVendors()}
	return in.print(doc, func(w io.Writer) {
		row(w, "ID", "MANUFACTURER")
		for _, v := range doc.Vendors {
			row(w, v.ID, printable(v.Name))
		}
	})
}

func (in *invocation) printSet(s trust.RootSet) error {
	doc := fromRootSet(s)
	for _, c := range s.Certificates {
		doc.Certificates = append(doc.Certificates, fromCertificate(c))
	}
	return in.print(doc, func(w io.Writer) {
		row(w, "set", doc.Name)
		row(w, "formats", strings.Join(doc.Formats, ", "))
		row(w, "state", doc.State)
		row(w, "source", doc.Source)
		row(w, "date", doc.Date)
		row(w, "licence", doc.Licence)
		row(w, "SHA-256 of the file", doc.SHA256)
		for _, c := range doc.Certificates {
			fmt.Fprintln(w)
			row(w, "subject", c.Subject)
			if c.Issuer != c.Subject {
				row(w, "issuer", c.Issuer)
			}
			row(w, "valid", day(c.NotBefore)+" to "+day(c.NotAfter))
			row(w, "SHA-256", c.SHA256)
			row(w, "key", c.Key)
		}
	})
}

type trustExportCmd struct {
	Dir string `arg:"" help:"Where to write them; must be empty or not exist." type:"path"`
}

func (trustExportCmd) Help() string {
	return `Change the files you want to change, delete the others, and name the directory in the
configuration as trust-dir. A file that stays hides what later versions ship in its place.

Example:
  bestow trust export /etc/bestow/trust`
}

// Run writes the files.
func (c trustExportCmd) Run(in *invocation) error {
	entries, err := os.ReadDir(c.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fault.New(fault.Conflict, "trust.exists", c.Dir+" is not empty. Nothing was written.")
	}
	if err := os.CopyFS(c.Dir, trust.Files()); err != nil {
		return err
	}
	return in.done("exported", c.Dir)
}

type trustCheckCmd struct {
	Dir string `arg:"" help:"The directory." type:"existingdir"`
}

func (trustCheckCmd) Help() string {
	return `Reads the directory as a server would with trust-dir, and shows the lists that would be
in force. A file that cannot be used ends it with exit code 2; a certificate that has
expired is a warning.

Example:
  bestow trust check ./trust`
}

// Run loads the directory and shows the lists.
func (c trustCheckCmd) Run(in *invocation) error {
	lists, err := trust.Load(os.DirFS(c.Dir))
	if err != nil {
		return fault.New(fault.Invalid, "trust.bad", fmt.Sprintf("In %s: %v", c.Dir, err)).Because(err)
	}
	return in.printLists(lists)
}

// trustLists returns the lists that the configuration puts in force.
func (in *invocation) trustLists() (*trust.Lists, error) {
	cfg, err := in.load(nil)
	if err != nil {
		return nil, err
	}
	lists, err := wiring.TrustLists(cfg)
	if err != nil {
		return nil, fault.New(fault.Invalid, "configuration", err.Error()).Because(err)
	}
	return lists, nil
}

// keyWords says what key c has.
func keyWords(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA, %d bits", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA, " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "unknown"
}

// printable takes from s what could steer a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

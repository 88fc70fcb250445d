package mds

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"bestow.dev/metadata"
)

// Source is where metadata comes from. Of URL, File and Own exactly one is set.
type Source struct {
	// Name is the operator's name for the source. What was verified is kept under it:
	// a source that is pointed to another service is given another name.
	Name string

	// URL is where the service publishes its BLOB: https, without user or fragment.
	URL string
	// File is the path of a BLOB.
	File string
	// Own are entries of the operator's own, as [ReadStatements] returns them.
	Own *Own

	// Roots are the only certificates trusted to lead to who signed the BLOB (step 1).
	// Required with URL and File.
	Roots []*x509.Certificate

	// CRLFiles are revocation lists for the chain that signed, in PEM or DER; they are
	// read at each check. Empty: the lists are fetched from where the verified
	// certificates of the chain say.
	CRLFiles []string

	// AllowUnknownRevocation accepts a BLOB though a certificate of its chain has no
	// usable revocation list.
	AllowUnknownRevocation bool

	// RefuseOutdated has [State.Refused] say so when the successor of the BLOB in force
	// is overdue by more than Grace, or when there is no BLOB at all.
	RefuseOutdated bool
	Grace          time.Duration
}

// Kind says what sort of source it is: "url", "file" or "statements".
func (s *Source) Kind() string {
	switch {
	case s.Own != nil:
		return "statements"
	case s.File != "":
		return "file"
	default:
		return "url"
	}
}

func (s *Source) check() error {
	given := 0
	for _, is := range []bool{s.URL != "", s.File != "", s.Own != nil} {
		if is {
			given++
		}
	}
	switch {
	case s.Name == "":
		return errors.New("a source has no name")
	case given != 1:
		return fmt.Errorf("source %q: exactly one of URL, file and statements is wanted", s.Name)
	case s.Own != nil:
		return nil
	case len(s.Roots) == 0 || slices.Contains(s.Roots, nil):
		return fmt.Errorf("source %q: there is no root to verify its list with", s.Name)
	case s.Grace < 0:
		return fmt.Errorf("source %q: a grace cannot be negative", s.Name)
	case s.URL == "":
		return nil
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("source %q: not an https URL without user and fragment", s.Name) // never quotes it: it may hold a key
	}
	return nil
}

// place names where the source's BLOB comes from without telling it: validators that
// the one place gave mean nothing at another.
func (s *Source) place() string {
	sum := sha256.Sum256([]byte(s.Kind() + "\x00" + s.URL + s.File))
	return hex.EncodeToString(sum[:])
}

// Own are entries that the operator vouches for.
type Own struct {
	Entries  []*metadata.Entry
	Findings []metadata.Finding

	index *metadata.Index
}

// NewOwn returns the entries as a source. Two about one model are an error.
func NewOwn(entries []*metadata.Entry, findings []metadata.Finding) (*Own, error) {
	index, twice := metadata.NewIndex(entries)
	if twice != nil {
		return nil, fmt.Errorf("two files are about the model %s", twice.Name())
	}
	return &Own{Entries: entries, Findings: findings, index: index}, nil
}

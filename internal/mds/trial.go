package mds

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/metadata"
)

const (
	// maxChain is how many certificates a chain at x5u may have.
	maxChain = 8
	// maxListPlaces is how many places of revocation lists are asked.
	maxListPlaces = 16
)

// trial is one look at a source: is there another list, and is it good?
type trial struct {
	service *Service
	source  *Source
	held    held
	at      time.Time

	validators Validators     // of the list that is now known to be current
	blob       *metadata.BLOB // that list; nil: it is the one in force
	accepted   *Acceptance    // what to store of it; nil: it is the one in force
}

// run does steps 2 to 6.
func (t *trial) run(ctx context.Context) error {
	text, err := t.fetch(ctx)
	if err != nil || text == nil {
		return err
	}
	if before := t.inForce(); before != nil && before.SHA256 == sha256.Sum256(text) {
		return nil // step 6: the same number with the same text
	}
	return t.judge(ctx, text)
}

// inForce returns the list that was accepted last, if it is in force here.
func (t *trial) inForce() *List {
	if t.held.unusable != nil {
		return nil
	}
	return t.held.list
}

// conditional reports whether it is enough to hear that nothing changed: the list in
// force here is the one that the validators are of.
func (t *trial) conditional() bool {
	return t.inForce() != nil && t.held.record.Validators.Place == t.source.place()
}

// fetch returns the BLOB's text; nil if it is the one in force (step 3).
func (t *trial) fetch(ctx context.Context) ([]byte, error) {
	if t.source.File != "" {
		return t.read()
	}
	r := Request{URL: t.source.URL, MaxBytes: metadata.MaxBLOBBytes}
	have := t.held.record.Validators
	if t.conditional() {
		r.ETag, r.LastModified = have.ETag, have.LastModified
	}
	doc, err := t.service.fetcher.Fetch(ctx, r)
	if err != nil {
		return nil, err
	}
	if doc.NotModified {
		t.validators = have
		return nil, nil
	}
	t.validators = Validators{Place: t.source.place(), ETag: doc.ETag, LastModified: doc.LastModified}
	return doc.Body, nil
}

// read is fetch for a file. Its mark takes the place of an ETag.
func (t *trial) read() ([]byte, error) {
	have := t.held.record.Validators
	info, err := os.Stat(t.source.File)
	if err != nil {
		return nil, fileFault(err)
	}
	if t.conditional() && have.ETag == markOf(info) {
		t.validators = have
		return nil, nil
	}
	text, mark, _, err := readFile(t.source.File, metadata.MaxBLOBBytes)
	if err != nil {
		return nil, fileFault(err)
	}
	t.validators = Validators{Place: t.source.place(), ETag: mark}
	return text, nil
}

// judge verifies the BLOB. Revocation lists are looked for where the signer's chain
// says only after chain and signature were verified: until then it says nothing. So
// there are two passes, and the second decides.
func (t *trial) judge(ctx context.Context, text []byte) error {
	o := metadata.Options{Roots: t.source.Roots, Time: t.at}
	if before := t.inForce(); before != nil {
		o.Previous = before.blob.Accepted()
	}
	var err error
	if o.Chain, err = t.chain(ctx, text); err != nil {
		return err
	}
	var missing error // why there is no list for a certificate
	if len(t.source.CRLFiles) > 0 {
		if o.RevocationLists, err = ReadRevocationLists(t.source.CRLFiles); err != nil {
			return fileFault(err)
		}
	} else {
		first := o
		first.AllowUnknownRevocation = true
		b, err := metadata.VerifyBLOB(text, first)
		if err != nil {
			return refusal(err)
		}
		o.RevocationLists, missing = t.revocationLists(ctx, b.Signer)
	}
	o.AllowUnknownRevocation = t.source.AllowUnknownRevocation
	b, err := metadata.VerifyBLOB(text, o)
	if err != nil {
		if missing != nil {
			return fault.From(refusal(err)).Because(errors.Join(err, missing))
		}
		return refusal(err)
	}
	t.blob, t.accepted = b, &Acceptance{
		Text: text, Chain: rawCertificates(o.Chain), CRLs: rawLists(o.RevocationLists),
		Number: b.Number, SHA256: b.SHA256, NextUpdate: b.NextUpdate,
	}
	return nil
}

// chain fetches the chain that the BLOB's header leaves elsewhere (step 4); nil if it
// does not.
func (t *trial) chain(ctx context.Context, text []byte) ([]*x509.Certificate, error) {
	x5u, err := metadata.ChainURL(text)
	if err != nil {
		return nil, refusal(err)
	}
	if x5u == "" {
		return nil, nil
	}
	// Step 4.1. A file came from no web origin.
	if !sameOrigin(t.source.URL, x5u) {
		return nil, ErrX5U
	}
	// Step 4.2.
	doc, err := t.service.fetcher.Fetch(ctx, Request{URL: x5u, MaxBytes: maxListBytes})
	if err != nil {
		return nil, err
	}
	chain, err := ParseCertificates(doc.Body)
	if err != nil {
		return nil, ErrChain.Because(err)
	}
	if len(chain) > maxChain {
		return nil, ErrChain.Saying("The list's signer has more certificates than are taken.")
	}
	return chain, nil
}

// sameOrigin reports whether two https URLs have one web origin (RFC 6454 §4).
func sameOrigin(a, b string) bool {
	origin := func(text string) (string, bool) {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			return "", false
		}
		port := u.Port()
		if port == "" {
			port = "443"
		}
		return strings.ToLower(u.Hostname()) + ":" + port, true
	}
	x, ok := origin(a)
	y, ok2 := origin(b)
	return ok && ok2 && x == y
}

// revocationLists fetches the lists that the certificates of a verified chain point to
// (step 2; RFC 5280 §4.2.1.13). Of several places for one certificate the first that
// answers will do. The error tells what could not be had, for the log: whether that
// matters is for the verification to say.
func (t *trial) revocationLists(ctx context.Context, chain []*x509.Certificate) ([]*x509.RevocationList, error) {
	var lists []*x509.RevocationList
	var missing []error
	asked := make(map[string]bool)
	for _, c := range chain[:len(chain)-1] { // the root answers for itself
		for _, place := range c.CRLDistributionPoints {
			if asked[place] {
				break
			}
			if len(asked) == maxListPlaces {
				return lists, errors.Join(missing...)
			}
			asked[place] = true
			list, err := t.revocationList(ctx, place)
			if err == nil {
				lists = append(lists, list)
				break
			}
			missing = append(missing, err)
		}
	}
	return lists, errors.Join(missing...)
}

func (t *trial) revocationList(ctx context.Context, place string) (*x509.RevocationList, error) {
	doc, err := t.service.fetcher.Fetch(ctx, Request{URL: place, MaxBytes: maxListBytes, PlainHTTP: true})
	if err != nil {
		return nil, err
	}
	return ParseRevocationList(doc.Body)
}

func rawCertificates(chain []*x509.Certificate) [][]byte {
	var all [][]byte
	for _, c := range chain {
		all = append(all, c.Raw)
	}
	return all
}

func rawLists(lists []*x509.RevocationList) [][]byte {
	var all [][]byte
	for _, l := range lists {
		all = append(all, l.Raw)
	}
	return all
}

func hexDigest(sum [sha256.Size]byte) string { return hex.EncodeToString(sum[:]) }

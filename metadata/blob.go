package metadata

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"slices"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/strictjson"
)

// Limits on what is read. A BLOB of the public service has a few megabytes.
const (
	// MaxBLOBBytes is the length of the longest BLOB: 32 MiB.
	MaxBLOBBytes = 32 << 20
	// MaxStatementBytes is the length of the longest metadata statement: 1 MiB. A
	// longer one within a BLOB is left out.
	MaxStatementBytes = 1 << 20
	// MaxIconBytes is the length of the longest icon or logo, as a data URL: 256 KiB.
	// A longer one is left out.
	MaxIconBytes = 256 << 10

	maxHeaderBytes = 64 << 10

	maxHeaderValues = 1000
	maxEntryBytes   = MaxStatementBytes + 1<<20 // of an entry on its own: a statement, and as much history
	maxEntries      = 100_000
	maxFindings     = 10_000 // further ones are not told
)

// maxValues is how many values JSON of n bytes may have. Metadata are names, sentences,
// certificates and pictures: they have more than 16 bytes a value.
func maxValues(n int) int { return 1000 + n/16 }

// How far ahead [BLOB.NextFetch] looks, whatever a BLOB says.
const (
	minFetchInterval = 24 * time.Hour
	maxFetchInterval = 30 * 24 * time.Hour
)

// Options say when a BLOB is acceptable. Roots and Time are required.
type Options struct {
	// Roots are the only certificates trusted to have signed, or to lead to who did:
	// those configured for the service (3.2/1). The system's roots are never used.
	Roots []*x509.Certificate

	// RevocationLists are for the certificates between the signer and the root
	// (3.2/2). One that the issuer did not sign, or that has a critical extension
	// (partial and delta lists), is not used. What a list names is revoked; what it does
	// not name is good only if the list is in force at Time.
	RevocationLists []*x509.RevocationList

	// AllowUnknownRevocation accepts a chain with a certificate for which there is no
	// usable list, with a warning.
	AllowUnknownRevocation bool

	// Chain is the chain that the caller fetched from the header's x5u, leaf first. It
	// is used for a BLOB with x5u only, and nil refuses such a BLOB. That x5u is of the
	// web origin the BLOB came from (3.2/4.1) is for the caller to see to.
	Chain []*x509.Certificate

	// Algorithms are those that may have signed: RS256, PS256, ES256 and ES384 can be
	// allowed. Empty means RS256 and ES256.
	Algorithms []cose.Algorithm

	// Time is when the BLOB is judged. To load one again that was accepted earlier,
	// give the time of then.
	Time time.Time

	// Previous is the BLOB accepted last; nil if there was none. A BLOB with a lower
	// number is refused, and so is one of the same number that is not the same text.
	Previous *Accepted

	// LegalHeader is the legal notice that the operator accepted, compared byte for
	// byte. Empty accepts any.
	LegalHeader string

	// RefuseOutdated refuses a BLOB whose successor is overdue by more than Grace.
	// Without it such a BLOB is accepted with a warning, as old news is better than
	// none.
	RefuseOutdated bool
	Grace          time.Duration
}

// Accepted is what to remember of a BLOB so that no older one takes its place.
type Accepted struct {
	Number uint64   // its serial number
	SHA256 [32]byte // of its text
}

// BLOB is a list of metadata that was verified.
type BLOB struct {
	// LegalHeader is the notice under which the list may be used.
	LegalHeader string
	// Number is the serial number; each BLOB has one more than the last.
	Number uint64
	// NextUpdate is the day, in UTC, by which the next one appears; zero if unsaid.
	NextUpdate time.Time
	// Entries are the models, in their order, without those left out.
	Entries []*Entry
	// Unknown are the members that this version does not know.
	Unknown map[string]json.RawMessage
	// Signer is the chain of who signed, from the signer to the root.
	Signer []*x509.Certificate
	// SHA256 is the digest of the whole text.
	SHA256 [32]byte
	// Findings tell what was let pass or left out; of very many, the first 10,000.
	Findings []Finding

	// Index finds the entries.
	Index
}

// VerifyBLOB decides whether data, a BLOB as the service publishes it, is to be used,
// and reads it.
//
// Every refusal is a [*VerificationError], and then the BLOB is nil. What is wrong
// within a single entry refuses nothing: see [BLOB.Findings].
func VerifyBLOB(data []byte, o Options) (*BLOB, error) {
	// Step 1: the anchors are the caller's, never the BLOB's.
	if len(o.Roots) == 0 || slices.Contains(o.Roots, nil) || slices.Contains(o.Chain, nil) {
		return nil, refuse(ReasonInternal, stepRoot, "no root was given, or a certificate is nil")
	}
	if o.Time.IsZero() {
		return nil, refuse(ReasonInternal, stepRoot, "no time was given")
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = []cose.Algorithm{cose.RS256, cose.ES256}
	}

	envelope, err := parseJWS(data, o.Algorithms)
	if err != nil {
		return nil, err
	}
	// Steps 2, 4, 5 and 6: all of who signed comes before a first look at what.
	chain, findings, err := verifySigner(envelope, &o)
	if err != nil {
		return nil, err
	}
	payload, err := strictjson.DecodeBase64URL(string(envelope.payload))
	if err != nil {
		return nil, refuse(ReasonPayloadMalformed, stepForm, "the payload is not base64url").because(err)
	}
	b := &BLOB{Signer: chain, SHA256: sha256.Sum256(data), Findings: findings}
	entries, err := b.parsePayload(payload)
	if err != nil {
		return nil, err
	}
	if err := b.checkAccepted(&o); err != nil {
		return nil, err
	}
	if err := b.checkFresh(&o); err != nil {
		return nil, err
	}
	b.addEntries(entries)
	return b, nil
}

// parsePayload reads the members of the payload (§3.1.6), and returns the entries as
// text.
func (b *BLOB) parsePayload(payload []byte) ([]json.RawMessage, error) {
	malformed := func(err error, format string, args ...any) error {
		return refuse(ReasonPayloadMalformed, stepPayload, format, args...).because(err)
	}
	// Once for all levels: limits, valid UTF-8, no member twice.
	var members map[string]json.RawMessage
	if err := strictjson.Decode(payload, &members, strictjson.MaxBytes(MaxBLOBBytes), strictjson.MaxValues(maxValues(len(payload)))); err != nil {
		return nil, malformed(err, "not a strict JSON object")
	}
	o := object{members: members}
	var number *uint64
	var nextUpdate *string
	var entries []json.RawMessage
	err := firstError(
		o.take("legalHeader", &b.LegalHeader),
		o.take("no", &number),
		o.take("nextUpdate", &nextUpdate),
		o.take("entries", &entries),
	)
	if err != nil {
		return nil, malformed(err, "a member is not of its type")
	}
	switch {
	case b.LegalHeader == "":
		return nil, malformed(nil, "no legalHeader")
	case number == nil:
		return nil, malformed(nil, "no serial number")
	case entries == nil:
		return nil, malformed(nil, "no entries")
	case len(entries) > maxEntries:
		return nil, malformed(nil, "more than %d entries", maxEntries)
	}
	b.Number = *number
	// Version 3.1.1 may leave nextUpdate out.
	if nextUpdate != nil {
		if b.NextUpdate, err = parseDate(*nextUpdate); err != nil {
			return nil, malformed(err, "nextUpdate is not a date")
		}
	}
	b.Unknown = o.rest()
	for _, name := range sortedNames(b.Unknown) {
		b.find(Finding{Code: WarningUnknownMember, Entry: -1, Member: shown(name)})
	}
	return entries, nil
}

// checkAccepted judges the BLOB against what the operator and the last BLOB said (3.2/6).
func (b *BLOB) checkAccepted(o *Options) error {
	if o.LegalHeader != "" && b.LegalHeader != o.LegalHeader {
		return refuse(ReasonLegalHeader, stepPayload, "the legal header is not the accepted one")
	}
	p := o.Previous
	if p == nil || b.Number > p.Number || b.Number == p.Number && b.SHA256 == p.SHA256 {
		return nil
	}
	if b.Number == p.Number {
		return refuse(ReasonSerialNumber, stepSignature, "number %d was accepted with another text", b.Number)
	}
	return refuse(ReasonSerialNumber, stepSignature, "number %d is older than the accepted %d", b.Number, p.Number)
}

// checkFresh judges the BLOB's age (3.2/3).
func (b *BLOB) checkFresh(o *Options) error {
	if b.Current(o.Time) {
		return nil
	}
	// Not Time before an end plus Grace: the sum may not fit a time.
	if o.RefuseOutdated && o.Time.Sub(endOfDay(b.NextUpdate)) >= o.Grace {
		return refuse(ReasonOutdated, stepFresh, "the next BLOB was due on %s", b.NextUpdate.Format(time.DateOnly))
	}
	b.find(Finding{Code: WarningOutdated, Entry: -1, Member: "nextUpdate", Detail: "due on " + b.NextUpdate.Format(time.DateOnly)})
	return nil
}

// Accepted returns what to remember of b.
func (b *BLOB) Accepted() *Accepted { return &Accepted{Number: b.Number, SHA256: b.SHA256} }

// Current reports whether b's successor is not overdue: the day of NextUpdate is not
// over, in UTC, or b does not say.
func (b *BLOB) Current(at time.Time) bool {
	return b.NextUpdate.IsZero() || at.Before(endOfDay(b.NextUpdate))
}

// NextFetch returns when to look for b's successor, if b was fetched at the given
// time: on the day of NextUpdate, but no sooner than a day and no later than 30 days
// after the fetch, whatever b says. A b that says nothing is fetched daily.
func (b *BLOB) NextFetch(fetched time.Time) time.Time {
	earliest, latest := fetched.Add(minFetchInterval), fetched.Add(maxFetchInterval)
	switch {
	case b.NextUpdate.Before(earliest):
		return earliest
	case b.NextUpdate.After(latest):
		return latest
	default:
		return b.NextUpdate
	}
}

// find notes f.
func (b *BLOB) find(f Finding) {
	if len(b.Findings) < maxFindings {
		b.Findings = append(b.Findings, f)
	}
}

package metadata

import (
	"encoding/json"
	"time"

	"bestow.dev/internal/strictjson"
)

// ParseEntry reads an entry that stands on its own, such as [Entry.Raw] as it was kept
// with what was decided by it. Nothing vouches for it but who hands it in. A refusal is
// a [*VerificationError]: it is no strict JSON object, is too long, or names no model.
// What is wrong with single members is told in the findings, as with a BLOB.
func ParseEntry(text json.RawMessage) (*Entry, []Finding, error) {
	var whole map[string]json.RawMessage // once for all levels: limits, valid UTF-8, no member twice
	if err := strictjson.Decode(text, &whole, strictjson.MaxBytes(maxEntryBytes), strictjson.MaxValues(maxValues(len(text)))); err != nil {
		return nil, nil, refuse(ReasonEntryMalformed, stepEntry, "not a strict JSON object").because(err)
	}
	r := &entryReader{index: -1}
	if err := r.read(text); err != nil {
		return nil, nil, refuse(ReasonEntryMalformed, stepEntry, "the entry cannot be used").because(err)
	}
	for i := range r.findings {
		r.findings[i].Model = r.entry.Name()
	}
	return &r.entry, r.findings, nil
}

// EntryOfStatement reads a metadata statement that stands on its own, and makes an
// entry of it: one that nobody certified, and that has stood so since day. Its Raw can
// be read by [ParseEntry]. Errors and findings are as with that.
func EntryOfStatement(text []byte, day time.Time) (*Entry, []Finding, error) {
	s, _, err := ParseStatement(text)
	if err != nil {
		return nil, nil, err
	}
	entry := struct {
		AAID      string              `json:"aaid,omitempty"`
		AAGUID    string              `json:"aaguid,omitempty"`
		Keys      []string            `json:"attestationCertificateKeyIdentifiers,omitempty"`
		Statement json.RawMessage     `json:"metadataStatement"`
		Reports   []map[string]Status `json:"statusReports"`
		Changed   string              `json:"timeOfLastStatusChange"`
	}{
		AAID: s.AAID, Statement: text,
		Reports: []map[string]Status{{"status": StatusNotCertified}},
		Changed: day.UTC().Format(time.DateOnly),
	}
	if !s.AAGUID.IsZero() {
		entry.AAGUID = s.AAGUID.String()
	}
	for _, key := range s.KeyIdentifiers {
		entry.Keys = append(entry.Keys, key.String())
	}
	raw, err := json.Marshal(entry)
	if err != nil {
		return nil, nil, refuse(ReasonInternal, stepEntry, "the entry cannot be written").because(err)
	}
	return ParseEntry(raw)
}

// ChainURL returns where the chain of a BLOB's signer is to be had, if its header
// leaves it elsewhere (x5u); empty if it does not. It is a claim of whoever sent the
// BLOB: fetch from the web origin of the BLOB alone (3.2/4.1), and hand the result to
// [VerifyBLOB] as [Options.Chain]. A refusal is a [*VerificationError].
func ChainURL(data []byte) (string, error) {
	s, err := parseJWS(data, everyAlgorithm())
	if err != nil {
		return "", err
	}
	return s.x5u, nil
}

package metadata

import (
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"

	"bestow.dev/webauthn"
)

// KeyIdentifier names an attestation certificate by its key: the SHA-1 of the bits of
// its subjectPublicKey (RFC 5280 §4.2.1.2, method 1). It is a name, and not proof.
type KeyIdentifier [sha1.Size]byte

// String returns the identifier as lower-case hexadecimal digits, as a BLOB writes it.
func (k KeyIdentifier) String() string { return hex.EncodeToString(k[:]) }

// KeyIdentifierOf returns the identifier of c's key. It does not look at what c says
// of itself in its extensions.
func KeyIdentifierOf(c *x509.Certificate) (KeyIdentifier, bool) {
	var info struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &info); err != nil || len(rest) > 0 {
		return KeyIdentifier{}, false
	}
	return sha1.Sum(info.Key.Bytes), true
}

// aaid is an AAID as its four bytes: vendor and model.
type aaid [4]byte

// parseAAID reads the form vvvv#mmmm of hexadecimal digits, in either case.
func parseAAID(text string) (id aaid, ok bool) {
	if len(text) != 9 || text[4] != '#' {
		return aaid{}, false
	}
	digits := [8]byte([]byte(text[:4] + text[5:]))
	_, err := hex.Decode(id[:], digits[:])
	return id, err == nil
}

// addEntries reads the entries and indexes them.
func (b *BLOB) addEntries(texts []json.RawMessage) {
	b.Entries = make([]*Entry, 0, len(texts))
	b.Index = newIndex(len(texts))
	for i, text := range texts {
		r := &entryReader{index: i}
		err := r.read(text)
		for _, f := range r.findings {
			f.Model = r.entry.Name()
			b.find(f)
		}
		switch {
		case err != nil:
			b.find(Finding{Code: WarningEntryMalformed, Entry: i, Detail: err.Error()})
		case !b.add(&r.entry):
			b.find(Finding{Code: WarningEntryDuplicate, Entry: i, Model: r.entry.Name(), Detail: "an earlier entry has the same key"})
		default:
			b.Entries = append(b.Entries, &r.entry)
		}
	}
}

// Index finds entries by their keys. Its zero value is empty.
type Index struct {
	byAAGUID map[webauthn.AAGUID]*Entry
	byAAID   map[aaid]*Entry
	byKey    map[KeyIdentifier]*Entry
}

func newIndex(size int) Index {
	return Index{
		byAAGUID: make(map[webauthn.AAGUID]*Entry, size),
		byAAID:   make(map[aaid]*Entry),
		byKey:    make(map[KeyIdentifier]*Entry),
	}
}

// NewIndex indexes entries that came one by one, as from [ParseEntry]. It returns the
// first that shares a key with one before it, and then no index.
func NewIndex(entries []*Entry) (index *Index, twice *Entry) {
	x := newIndex(len(entries))
	for _, e := range entries {
		if !x.add(e) {
			return nil, e
		}
	}
	return &x, nil
}

// add indexes e under all its keys, or under none if another entry has one of them.
func (x *Index) add(e *Entry) bool {
	id, hasAAID := parseAAID(e.AAID)
	if x.byAAGUID[e.AAGUID] != nil || hasAAID && x.byAAID[id] != nil {
		return false
	}
	for _, key := range e.KeyIdentifiers {
		if x.byKey[key] != nil {
			return false
		}
	}
	if !e.AAGUID.IsZero() {
		x.byAAGUID[e.AAGUID] = e
	}
	if hasAAID {
		x.byAAID[id] = e
	}
	for _, key := range e.KeyIdentifiers {
		x.byKey[key] = e
	}
	return true
}

// ByAAGUID returns the entry of a FIDO2 model; nil if there is none. Zero names no
// model. An AAGUID is a claim until attestation is verified against the anchors of
// the very entry that it led to.
func (x *Index) ByAAGUID(model webauthn.AAGUID) *Entry { return x.byAAGUID[model] }

// ByAAID returns the entry of a UAF model, written vvvv#mmmm in either case; nil if
// there is none.
func (x *Index) ByAAID(text string) *Entry {
	id, ok := parseAAID(text)
	if !ok {
		return nil
	}
	return x.byAAID[id]
}

// ByKeyIdentifier returns the entry of a U2F model; nil if there is none.
func (x *Index) ByKeyIdentifier(key KeyIdentifier) *Entry { return x.byKey[key] }

// ForAttestation returns the entry that an attestation leads to: that of its AAGUID,
// or, where that is zero, that of the first of its certificates that is known. It is
// nil if there is none.
func (x *Index) ForAttestation(a *webauthn.Attestation) *Entry {
	if !a.AAGUID.IsZero() {
		return x.ByAAGUID(a.AAGUID)
	}
	for _, c := range a.Certificates {
		if key, ok := KeyIdentifierOf(c); ok && x.byKey[key] != nil {
			return x.byKey[key]
		}
	}
	return nil
}

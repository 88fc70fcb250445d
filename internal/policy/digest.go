package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Digest names what a document asks for: its mode, ceremonies and rules.
type Digest [sha256.Size]byte

// String returns the digest as lower-case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// digestContext keeps the digest of a document apart from any other of the same text,
// and changes when the canonical form does.
const digestContext = "bestow policy 1\n"

// Digest returns the SHA-256 of the document's canonical form without name,
// description and source, so that the same rules have the same version, whenever, wherever and
// in whatever order they were written down. It is zero for a document that is not
// valid.
func (d *Document) Digest() Digest {
	c, err := d.checked()
	if err != nil {
		return Digest{}
	}
	return c.digest()
}

// digest is Digest for a document in canonical form.
func (d *Document) digest() Digest {
	// Alternatives that differ in order decide alike, and one that stands twice
	// decides nothing.
	var alternatives []json.RawMessage
	for i := range d.Alternatives {
		alternatives = append(alternatives, encode(&d.Alternatives[i]))
	}
	slices.SortFunc(alternatives, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
	alternatives = slices.CompactFunc(alternatives, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) })
	return sha256.Sum256(append([]byte(digestContext), encode(struct {
		Mode         Mode              `json:"mode"`
		At           []Ceremony        `json:"at"`
		Rules        *Rules            `json:"rules"`
		Alternatives []json.RawMessage `json:"alternatives"`
	}{d.Mode, d.At, d.Rules, alternatives})...))
}

// encode returns the JSON of what is made of words and numbers alone.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("policy: a document that was checked has no JSON form: " + err.Error())
	}
	return text
}

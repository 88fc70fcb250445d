package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Metadata stands among a set's formats for signing the BLOB of a metadata service. A
// set for that is for nothing else: those who sign a web server's certificate must
// never vouch for a key.
const Metadata = "metadata"

// Formats returns what a set can be for: the attestation statement formats that carry
// certificates (WebAuthn §8), and [Metadata].
func Formats() []string {
	return []string{"packed", "tpm", "android-key", "android-safetynet", "apple", "fido-u2f", Metadata}
}

// RootSet is the certificates of one source, which is one file.
type RootSet struct {
	// Name is the file's, without roots/ and .pem: lower-case letters, digits and dashes.
	Name string
	// Formats are what the set is for, of [Formats].
	Formats []string
	// Source says where the certificates are from, Date (YYYY-MM-DD) when they were
	// taken from there. Of a file of the operator's they are what the file says of
	// itself, and empty if it says nothing.
	Source, Date string
	// Licence says on what terms they are shipped. Empty for a file of the operator's.
	Licence string
	// SHA256 is the file's, in hexadecimal digits.
	SHA256 string
	// Origin says whose file it is.
	Origin Origin
	// Certificates are in the order of the file: roots, intermediates or attestation
	// certificates, each of them an anchor. None: the set is switched off.
	Certificates []*x509.Certificate
}

func (s RootSet) clone() RootSet {
	s.Formats, s.Certificates = slices.Clone(s.Formats), slices.Clone(s.Certificates)
	return s
}

// Digest names what the set vouches for, in hexadecimal digits. Sets of the same name,
// formats and certificates have the same one, whatever the order and the comments of
// their files are.
func (s RootSet) Digest() string {
	formats := slices.Sorted(slices.Values(s.Formats))
	prints := []string{}
	for _, c := range s.Certificates {
		sum := sha256.Sum256(c.Raw)
		prints = append(prints, hex.EncodeToString(sum[:]))
	}
	slices.Sort(prints)
	text, err := json.Marshal([]any{s.Name, formats, prints})
	if err != nil {
		panic("trust: " + err.Error()) // strings alone
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// EarliestExpiry returns when the first of the certificates expires; zero if there is
// none.
func (s RootSet) EarliestExpiry() time.Time {
	var first time.Time
	for _, c := range s.Certificates {
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

const maxNameLength = 64

// validName reports whether name can be a set's.
func validName(name string) bool {
	odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return name != "" && len(name) <= maxNameLength && !strings.ContainsFunc(name, odd)
}

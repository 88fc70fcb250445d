// Package trust holds the data that Bestow ships about whom to trust: lists that
// other bodies keep, each a file that an operator can read, with its source, date,
// licence and SHA-256 in MANIFEST.json. It also reads a directory in which an operator
// replaces these files and adds to them:
//
//	lists, err := trust.Load(os.DirFS("/etc/bestow/trust"))
//	...
//	anchors := lists.AnchorsFor("android-key", nil)
//
// The directory looks like what [Files] returns: certificates under roots/, one file
// for each [RootSet], and the TPM manufacturers in tpm-vendors.json. A file of a
// shipped name replaces the shipped one; one without a certificate switches its set
// off; a new name under roots/ adds a set.
//
// Nothing here is in force by itself. The protocol packages take what they trust as
// an argument; the product passes these lists on, with what its operator adds.
// Certificates are read, not judged: whether one has expired depends on a time.
package trust

import (
	"cmp"
	"crypto/x509"
	"embed"
	"encoding/json"
	"io/fs"
	"slices"
	"sync"
)

//go:embed MANIFEST.json tpm-vendors.json roots/*.pem
var files embed.FS

// Files returns the files as shipped.
func Files() fs.FS { return files }

// Origin says where a list is from.
type Origin string

const (
	Shipped  Origin = "shipped"  // part of the program, or byte for byte the same
	Replaced Origin = "replaced" // the operator's, under the name of a shipped one
	Added    Origin = "added"    // the operator's, under a name of its own
)

// Lists are the lists in force: what is shipped, with what an operator replaced and
// added. They do not change and are safe for concurrent use.
type Lists struct {
	sets    []RootSet // by name
	vendors []Vendor
	origin  Origin // of vendors
}

// Default returns the lists as shipped.
func Default() *Lists { return defaults() }

var defaults = sync.OnceValue(func() *Lists {
	l, err := shippedLists()
	if err != nil {
		panic("trust: " + err.Error()) // they are part of the program, and the tests read them
	}
	return l
})

// manifestEntry is what MANIFEST.json says about a file.
type manifestEntry struct {
	File    string   `json:"file"`
	Formats []string `json:"formats,omitempty"` // of a file under roots/
	Source  string   `json:"source"`
	Date    string   `json:"date"` // when it was taken from there
	Licence string   `json:"licence"`
	Checked string   `json:"checked,omitempty"` // against what its certificates were compared
	SHA256  string   `json:"sha256"`
}

func shippedLists() (*Lists, error) {
	text, err := files.ReadFile("MANIFEST.json")
	if err != nil {
		return nil, err
	}
	var entries []manifestEntry
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, err
	}
	l := &Lists{origin: Shipped}
	for _, e := range entries {
		if e.File == vendorsFile {
			if l.vendors, err = readVendors(files); err != nil {
				return nil, err
			}
			continue
		}
		set, err := readSet(files, e.File)
		if err != nil {
			return nil, err
		}
		set.Formats, set.Source, set.Date, set.Licence, set.Origin = e.Formats, e.Source, e.Date, e.Licence, Shipped
		l.put(set)
	}
	return l, nil
}

// put adds s, in the place of a set that has its name.
func (l *Lists) put(s RootSet) {
	i, found := slices.BinarySearchFunc(l.sets, s.Name, func(have RootSet, name string) int { return cmp.Compare(have.Name, name) })
	if found {
		l.sets[i] = s
		return
	}
	l.sets = slices.Insert(l.sets, i, s)
}

// RootSets returns the sets by name. The slices are the caller's, the certificates are
// not to be changed.
func (l *Lists) RootSets() []RootSet {
	all := make([]RootSet, len(l.sets))
	for i := range l.sets {
		all[i] = l.sets[i].clone()
	}
	return all
}

// RootSet returns the set called name.
func (l *Lists) RootSet(name string) (_ RootSet, ok bool) {
	for i := range l.sets {
		if l.sets[i].Name == name {
			return l.sets[i].clone(), true
		}
	}
	return RootSet{}, false
}

// AnchorsFor returns the certificates that may vouch for format: an attestation
// statement format such as "packed", or [Metadata]. They are those of the named sets
// that are for it, each once; nil means all sets, and a name without a set adds
// nothing. An attestation of format compound has no anchors, its parts have.
func (l *Lists) AnchorsFor(format string, names []string) []*x509.Certificate {
	var anchors []*x509.Certificate
	for i := range l.sets {
		s := &l.sets[i]
		if !slices.Contains(s.Formats, format) || names != nil && !slices.Contains(names, s.Name) {
			continue
		}
		for _, c := range s.Certificates {
			if !slices.ContainsFunc(anchors, c.Equal) {
				anchors = append(anchors, c)
			}
		}
	}
	return anchors
}

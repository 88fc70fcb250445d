package trust

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode"
)

// Vendor is an entry of the TPM vendor registry of the Trusted Computing Group.
type Vendor struct {
	// ID is the four bytes of the identifier as hexadecimal digits, such as "494E5443".
	ID string `json:"id"`
	// Name is who holds it, for people to read.
	Name string `json:"name"`
}

const maxVendors = 1000

// TPMVendors returns the registry as shipped, in the order of the identifiers. The
// slice is the caller's.
func TPMVendors() []Vendor { return Default().TPMVendors() }

// TPMVendorIDs returns the identifiers of the registry as shipped. The slice is the
// caller's.
func TPMVendorIDs() []string { return Default().TPMVendorIDs() }

// TPMVendors returns the manufacturers in force, in the order of the identifiers. The
// slice is the caller's.
func (l *Lists) TPMVendors() []Vendor { return slices.Clone(l.vendors) }

// TPMVendorIDs returns the identifiers of the manufacturers in force. The slice is the
// caller's.
func (l *Lists) TPMVendorIDs() []string {
	ids := make([]string, len(l.vendors))
	for i, v := range l.vendors {
		ids[i] = v.ID
	}
	return ids
}

// TPMVendorsOrigin says whose list of manufacturers is in force.
func (l *Lists) TPMVendorsOrigin() Origin { return l.origin }

func (l *Lists) loadVendors(dir fs.FS) (err error) {
	if l.vendors, err = readVendors(dir); err != nil {
		return err
	}
	if !slices.Equal(l.vendors, Default().vendors) {
		l.origin = Replaced
	}
	return nil
}

func readVendors(dir fs.FS) ([]Vendor, error) {
	text, err := readFile(dir, vendorsFile)
	if err != nil {
		return nil, err
	}
	vendors, err := parseVendors(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", vendorsFile, err)
	}
	return vendors, nil
}

// parseVendors reads the manufacturers, and puts them in order.
func parseVendors(text []byte) ([]Vendor, error) {
	var vendors []Vendor
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&vendors); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the list")
	}
	if vendors == nil {
		return nil, errors.New("is not a list; an empty one is []")
	}
	if len(vendors) > maxVendors {
		return nil, fmt.Errorf("more than %d manufacturers", maxVendors)
	}
	for i, v := range vendors {
		if raw, err := hex.DecodeString(v.ID); err != nil || len(raw) != 4 || v.ID != strings.ToUpper(v.ID) {
			return nil, fmt.Errorf("entry %d: the id is not 8 hexadecimal digits, letters in upper case", i)
		}
		if v.Name == "" || strings.ContainsFunc(v.Name, unicode.IsControl) {
			return nil, fmt.Errorf("entry %d: there is no name, or it has control characters", i)
		}
	}
	slices.SortStableFunc(vendors, func(a, b Vendor) int { return cmp.Compare(a.ID, b.ID) })
	for i := 1; i < len(vendors); i++ {
		if vendors[i].ID == vendors[i-1].ID {
			return nil, fmt.Errorf("%s is there twice", vendors[i].ID)
		}
	}
	return vendors, nil
}

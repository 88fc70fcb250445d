// Package trust holds the data that Bestow ships about whom to trust: lists that
// other bodies keep, each a file that an operator can read, with its source, date,
// licence and SHA-256 in MANIFEST.json.
//
// Nothing here is in force by itself. The protocol packages take what they trust as
// an argument; the product passes these lists on, with what its operator adds.
package trust

import (
	_ "embed"
	"encoding/json"
	"sync"
)

//go:embed tpm-vendors.json
var tpmVendors []byte

// Vendor is an entry of the TPM vendor registry of the Trusted Computing Group.
type Vendor struct {
	// ID is the four bytes of the identifier as hexadecimal digits, such as "494E5443".
	ID string `json:"id"`
	// Name is who holds it, for people to read.
	Name string `json:"name"`
}

var parsed = sync.OnceValue(func() []Vendor {
	var list []Vendor
	if err := json.Unmarshal(tpmVendors, &list); err != nil {
		panic("trust: tpm-vendors.json: " + err.Error()) // it is part of the program, and the tests read it
	}
	return list
})

// TPMVendors returns the registry, in the order of the identifiers. The slice is the
// caller's.
func TPMVendors() []Vendor { return append([]Vendor(nil), parsed()...) }

// TPMVendorIDs returns the identifiers of the registry. The slice is the caller's.
func TPMVendorIDs() []string {
	ids := make([]string, len(parsed()))
	for i, v := range parsed() {
		ids[i] = v.ID
	}
	return ids
}

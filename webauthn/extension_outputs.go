package webauthn

import (
	"encoding/json"
	"math"

	"bestow.dev/internal/strictcbor"
	"bestow.dev/internal/strictjson"
)

// ClientOutputs are the client extension outputs that this package knows (§9). They
// are the client's word: nobody signed them. An output that is absent or of a wrong
// type is zero here, whether it was asked for or not (7.1/28, 7.2/23).
type ClientOutputs struct {
	// Discoverable is credProps.rk of a registration; nil if unknown.
	Discoverable *bool
	// PRF is prf.enabled of a registration: whether the credential has pseudo-random
	// functions; nil if unknown. Their results are dropped on reading.
	PRF *bool
	// LargeBlobSupported is largeBlob.supported of a registration; nil if unknown.
	LargeBlobSupported *bool
	// AppID says that an authentication was for the AppID, AppIDExclude that a
	// registration obeyed that extension.
	AppID        bool
	AppIDExclude bool
	// HMACCreateSecret is hmacCreateSecret of a registration.
	HMACCreateSecret bool
	// LargeBlob is the blob that an authentication read, nil if none, and
	// LargeBlobWritten whether one was written; nil if unknown.
	LargeBlob        []byte
	LargeBlobWritten *bool
	// UVM is how the user was verified; nil if unknown.
	UVM []UVMEntry
}

// UVMEntry is one factor that verified the user, in the numbers of the FIDO Registry
// of Predefined Values. The extension left the standard with Level 3.
type UVMEntry struct {
	UserVerification  uint32 `json:"userVerification"`
	KeyProtection     uint16 `json:"keyProtection"`
	MatcherProtection uint16 `json:"matcherProtection"`
}

// maxUVM is how many factors an output may name.
const maxUVM = 3

// readOutputs reads the results that are of the right type.
func readOutputs(results map[string]json.RawMessage) ClientOutputs {
	credProps, _ := output[struct {
		RK *bool `json:"rk"`
	}](results, "credProps")
	prf, _ := output[struct {
		Enabled *bool `json:"enabled"`
	}](results, "prf")
	blob, _ := output[struct {
		Supported *bool `json:"supported"`
		Blob      Bytes `json:"blob"`
		Written   *bool `json:"written"`
	}](results, "largeBlob")
	secret, _ := output[bool](results, "hmacCreateSecret")
	uvm, _ := output[[][]uint32](results, "uvm")
	return ClientOutputs{
		Discoverable:       credProps.RK,
		PRF:                prf.Enabled,
		LargeBlobSupported: blob.Supported,
		LargeBlob:          blob.Blob,
		LargeBlobWritten:   blob.Written,
		AppID:              actedUpon(results, "appid"),
		AppIDExclude:       actedUpon(results, "appidExclude"),
		HMACCreateSecret:   secret,
		UVM:                uvmEntries(uvm),
	}
}

// output reads one result; zero and false if it is absent or of another type.
func output[T any](results map[string]json.RawMessage, id string) (value T, ok bool) {
	raw, there := results[id]
	if !there || strictjson.Decode(raw, &value) != nil {
		var none T
		return none, false
	}
	return value, true
}

// uvmEntries returns the factors, or nil if they do not have their form.
func uvmEntries(list [][]uint32) []UVMEntry {
	if len(list) == 0 || len(list) > maxUVM {
		return nil
	}
	entries := make([]UVMEntry, len(list))
	for i, e := range list {
		if len(e) != 3 || e[1] > math.MaxUint16 || e[2] > math.MaxUint16 {
			return nil
		}
		entries[i] = UVMEntry{e[0], uint16(e[1]), uint16(e[2])}
	}
	return entries
}

// UVM returns how the user was verified by the authenticator's word; nil if it did not
// say, or not in the form of the extension.
func (e Extensions) UVM() []UVMEntry {
	item := e.output("uvm")
	if !item.Exists() || item.Kind() != strictcbor.Array {
		return nil
	}
	var list [][]uint32
	for factor := range item.Elements() {
		if factor.Kind() != strictcbor.Array {
			return nil
		}
		var numbers []uint32
		for n := range factor.Elements() {
			v, ok := n.Int()
			if !ok || v < 0 || v > math.MaxUint32 {
				return nil
			}
			numbers = append(numbers, uint32(v))
		}
		list = append(list, numbers)
	}
	return uvmEntries(list)
}

// judgeCredProtect is what we do at step 28 of §7.1 about a protection level that was
// insisted on: a client or authenticator that did not know the extension has made a
// credential that anybody who holds the key can use.
func judgeCredProtect(least CredProtect, outputs Extensions) error {
	if least == 0 || least == CredProtectOptional {
		return nil // what a credential without a level has
	}
	level, _ := outputs.CredProtect()
	if level < least {
		return refuse(ReasonCredProtect, "7.1/28", "the credential has protection level %d, and not %d at least", level, least)
	}
	return nil
}

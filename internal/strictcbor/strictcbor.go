// Package strictcbor reads CBOR (RFC 8949) in CTAP2 canonical form (CTAP 2.1 §8),
// the one form in which authenticators write, and refuses every other.
//
// An item that was checked can be read with [Unmarshal], or without copying as an
// [Item]:
//
//	statement, err := strictcbor.Parse(data)
//	...
//	signature, ok := statement.GetText("sig")
//
// Strict means: definite lengths; integers and lengths as short as can be; map keys
// sorted, and none twice; no tags, no floats; text that is UTF-8; at most [MaxDepth]
// levels. Refusals are an [*Error] whose Reason tells malformed from duplicate from
// not canonical.
//
// The package does not write CBOR.
package strictcbor

import (
	"fmt"
	"math"

	"github.com/fxamacker/cbor/v2"
)

// MaxDepth is how many maps and arrays may be nested in one another; an integer
// alone has depth 0. CTAP2 messages need 4, a compound attestation statement two
// more.
const MaxDepth = 8

// MaxItems is how many items there may be in all, those in maps and arrays among them.
// It is they that cost memory once they are read, more than their bytes do. The longest
// messages of authenticators have a few hundred.
const MaxItems = 4096

// decoder repeats, where the library has a word for it, what [Check] asks for, so
// that neither alone has to be right.
var decoder = mustDecoder(cbor.DecOptions{
	DupMapKey:         cbor.DupMapKeyEnforcedAPF,
	MaxNestedLevels:   MaxDepth,
	MaxArrayElements:  math.MaxInt32, // bounded by the input, which Check has walked
	MaxMapPairs:       math.MaxInt32,
	IndefLength:       cbor.IndefLengthForbidden,
	TagsMd:            cbor.TagsForbidden,
	IntDec:            cbor.IntDecConvertSignedOrFail, // int64 or an error in an any, never a silent change of type
	ExtraReturnErrors: cbor.ExtraDecErrorNone,         // unknown members are to be tolerated
	FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	UTF8:              cbor.UTF8RejectInvalid,
	NaN:               cbor.NaNDecodeForbidden,
	Inf:               cbor.InfDecodeForbidden,
	BignumTag:         cbor.BignumTagForbidden,
})

func mustDecoder(o cbor.DecOptions) cbor.DecMode {
	mode, err := o.DecMode()
	if err != nil {
		panic(fmt.Sprintf("strictcbor: options: %v", err)) // options are constant: cannot be at run time
	}
	return mode
}

// Unmarshal checks data with [CheckAll] and decodes it into v, as
// [github.com/fxamacker/cbor/v2] does: members match field names exactly, unknown
// ones are ignored, and integer keys are spelled `cbor:"1,keyasint"`.
//
// Every error is an [*Error]; one with reason Mismatch means good CBOR that v has
// no room for. After an error v must not be used.
func Unmarshal(data []byte, v any) error {
	if err := CheckAll(data); err != nil {
		return err
	}
	if err := decoder.Unmarshal(data, v); err != nil {
		return &Error{Reason: Mismatch, Detail: "not of the type that belongs here", Err: err}
	}
	return nil
}

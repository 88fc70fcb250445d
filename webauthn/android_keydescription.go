package webauthn

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

// oidKeyDescription marks the extension in which an Android keystore describes the
// key that a certificate is for.
var oidKeyDescription = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}

// Limits of a key description. Devices write about one kilobyte and three dozen
// authorizations.
const (
	maxKeyDescriptionBytes = 16 << 10
	maxAuthorizations      = 128
	maxPurposes            = 32
)

// keyDescription is Android's KeyDescription, as far as §8.4 asks for it.
type keyDescription struct {
	attestationLevel securityLevel // of what signed the description
	keystoreLevel    securityLevel // of what holds the key
	challenge        []byte
	software         authorizations // softwareEnforced: kept by the system
	hardware         authorizations // teeEnforced, hardwareEnforced: kept by the trusted environment
}

// securityLevel is Android's SecurityLevel.
type securityLevel int

// The levels of hardware; 0 is software.
const (
	levelTrustedEnvironment securityLevel = 1
	levelStrongBox          securityLevel = 2
)

func (l securityLevel) trusted() bool { return l == levelTrustedEnvironment || l == levelStrongBox }

// authorizations is Android's AuthorizationList, as far as §8.4 asks for it.
type authorizations struct {
	allApplications bool
	hasOrigin       bool
	origin          int64
	hasPurpose      bool
	purposes        []int64
}

func (a *authorizations) mayDo(purpose int64) bool { return slices.Contains(a.purposes, purpose) }

// Tags of an AuthorizationList.
const (
	tagPurpose         = 1
	tagAllApplications = 600
	tagOrigin          = 702
)

// parseKeyDescription reads the value of the extension: strict DER, and nothing after
// it. Versions of the structure differ in their authorizations alone, so the version
// numbers are read and not judged.
func parseKeyDescription(der []byte) (*keyDescription, error) {
	if len(der) > maxKeyDescriptionBytes {
		return nil, fmt.Errorf("more than %d bytes", maxKeyDescriptionBytes)
	}
	outer := derReader{rest: der}
	r := derReader{rest: outer.universal(asn1.TagSequence)}
	r.err = outer.end()

	d := &keyDescription{}
	r.integer(asn1.TagInteger) // attestationVersion
	d.attestationLevel = securityLevel(r.integer(asn1.TagEnum))
	r.integer(asn1.TagInteger) // keymasterVersion, keyMintVersion
	d.keystoreLevel = securityLevel(r.integer(asn1.TagEnum))
	d.challenge = r.universal(asn1.TagOctetString)
	r.universal(asn1.TagOctetString) // uniqueId
	software := r.universal(asn1.TagSequence)
	hardware := r.universal(asn1.TagSequence)
	if err := r.end(); err != nil {
		return nil, err
	}
	if err := d.software.parse(software); err != nil {
		return nil, fmt.Errorf("softwareEnforced: %w", err)
	}
	if err := d.hardware.parse(hardware); err != nil {
		return nil, fmt.Errorf("teeEnforced: %w", err)
	}
	return d, nil
}

// parse reads the content of a list. Its members are optional, and later versions may
// have more of them; those that are not known are passed over. None may be there
// twice, so that no two readers can take different ones.
func (a *authorizations) parse(content []byte) error {
	seen := make(map[int]bool)
	r := derReader{rest: content}
	for len(r.rest) > 0 {
		tag, value := r.explicit()
		switch {
		case r.err != nil:
			return r.err
		case seen[tag]:
			return fmt.Errorf("authorization %d is there twice", tag)
		case len(seen) == maxAuthorizations:
			return fmt.Errorf("more than %d authorizations", maxAuthorizations)
		}
		seen[tag] = true
		if err := a.set(tag, value); err != nil {
			return fmt.Errorf("authorization %d: %w", tag, err)
		}
	}
	return nil
}

// set takes over one authorization.
func (a *authorizations) set(tag int, value []byte) error {
	r := derReader{rest: value}
	switch tag {
	case tagAllApplications:
		a.allApplications = true
		if content := r.universal(asn1.TagNull); len(content) > 0 {
			return errors.New("a NULL with content")
		}
	case tagOrigin:
		a.hasOrigin, a.origin = true, r.integer(asn1.TagInteger)
	case tagPurpose:
		a.hasPurpose = true
		set := derReader{rest: r.universal(asn1.TagSet)}
		for len(set.rest) > 0 && len(a.purposes) < maxPurposes {
			a.purposes = append(a.purposes, set.integer(asn1.TagInteger))
		}
		if err := set.end(); err != nil {
			return err
		}
	default:
		r.any()
	}
	return r.end()
}

// derReader reads DER elements one after another. After the first error it yields
// zeros, and end reports what it was.
type derReader struct {
	rest []byte
	err  error
}

// any reads an element of whatever kind. Package asn1 sees to it that tags and
// lengths are definite and as short as can be.
func (r *derReader) any() asn1.RawValue {
	var element asn1.RawValue
	if r.err != nil {
		return element
	}
	rest, err := asn1.Unmarshal(r.rest, &element)
	if err != nil {
		r.err = err
		return asn1.RawValue{}
	}
	r.rest = rest
	return element
}

// universal reads an element of a universal type and returns its content.
func (r *derReader) universal(tag int) []byte {
	element := r.any()
	constructed := tag == asn1.TagSequence || tag == asn1.TagSet
	if r.err == nil && (element.Class != asn1.ClassUniversal || element.Tag != tag || element.IsCompound != constructed) {
		r.err = fmt.Errorf("element of class %d and tag %d, want universal tag %d", element.Class, element.Tag, tag)
	}
	if r.err != nil {
		return nil
	}
	return element.Bytes
}

// explicit reads an element with a context-specific, explicit tag: its content is
// another element.
func (r *derReader) explicit() (tag int, content []byte) {
	element := r.any()
	if r.err == nil && (element.Class != asn1.ClassContextSpecific || !element.IsCompound) {
		r.err = fmt.Errorf("element of class %d and tag %d, want an explicit tag", element.Class, element.Tag)
	}
	if r.err != nil {
		return 0, nil
	}
	return element.Tag, element.Bytes
}

// integer reads a number from 0 to 2³¹-1, of type INTEGER or ENUMERATED.
func (r *derReader) integer(tag int) int64 {
	b := r.universal(tag)
	switch {
	case r.err != nil:
		return 0
	case len(b) == 0 || len(b) > 4 || b[0]&0x80 != 0:
		r.err = errors.New("a number that is empty, negative or out of range")
		return 0
	case len(b) > 1 && b[0] == 0 && b[1]&0x80 == 0:
		r.err = errors.New("a number with more bytes than it needs")
		return 0
	}
	var n int64
	for _, digit := range b {
		n = n<<8 | int64(digit)
	}
	return n
}

// end returns the first error; elements that were not read are one.
func (r *derReader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%d bytes too many", len(r.rest))
	}
	return r.err
}

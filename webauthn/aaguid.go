package webauthn

import (
	"encoding/hex"
	"errors"
	"strings"
)

// AAGUID names an authenticator model (§6.5.1). The zero value is what U2F
// authenticators and those that hide their model report.
type AAGUID [16]byte

// ParseAAGUID reads the form 8-4-4-4-12 of hexadecimal digits, in either case.
func ParseAAGUID(text string) (AAGUID, error) {
	var a AAGUID
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return AAGUID{}, errors.New("webauthn: an AAGUID has the form 8-4-4-4-12")
	}
	digits := strings.ReplaceAll(text, "-", "")
	if len(digits) != 2*len(a) {
		return AAGUID{}, errors.New("webauthn: an AAGUID has 32 hexadecimal digits")
	}
	if _, err := hex.Decode(a[:], []byte(digits)); err != nil {
		return AAGUID{}, errors.New("webauthn: an AAGUID has hexadecimal digits only")
	}
	return a, nil
}

// String returns the form 8-4-4-4-12 in lower case.
func (a AAGUID) String() string {
	var text [36]byte
	hex.Encode(text[0:8], a[0:4])
	text[8] = '-'
	hex.Encode(text[9:13], a[4:6])
	text[13] = '-'
	hex.Encode(text[14:18], a[6:8])
	text[18] = '-'
	hex.Encode(text[19:23], a[8:10])
	text[23] = '-'
	hex.Encode(text[24:36], a[10:16])
	return string(text[:])
}

// IsZero reports whether a names no model.
func (a AAGUID) IsZero() bool { return a == AAGUID{} }

// MarshalText implements [encoding.TextMarshaler].
func (a AAGUID) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (a *AAGUID) UnmarshalText(text []byte) error {
	parsed, err := ParseAAGUID(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

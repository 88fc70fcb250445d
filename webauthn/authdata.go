package webauthn

import (
	"encoding/binary"

	"bestow.dev/internal/strictcbor"
)

// Flags are the flags of authenticator data (§6.1). Bits 1 and 5 are reserved and
// never looked at.
type Flags byte

// The bits of Flags.
const (
	FlagUserPresent    Flags = 0x01 // UP
	FlagUserVerified   Flags = 0x04 // UV
	FlagBackupEligible Flags = 0x08 // BE
	FlagBackupState    Flags = 0x10 // BS
	FlagAttestedData   Flags = 0x40 // AT
	FlagExtensionData  Flags = 0x80 // ED
)

// UserPresent reports whether somebody touched the authenticator (UP).
func (f Flags) UserPresent() bool { return f&FlagUserPresent != 0 }

// UserVerified reports whether the authenticator verified its user (UV).
func (f Flags) UserVerified() bool { return f&FlagUserVerified != 0 }

// BackupEligible reports whether the credential may leave its authenticator (BE).
// It never changes in a credential's life.
func (f Flags) BackupEligible() bool { return f&FlagBackupEligible != 0 }

// BackupState reports whether the credential is backed up now (BS).
func (f Flags) BackupState() bool { return f&FlagBackupState != 0 }

// AttestedData reports whether attested credential data is present (AT).
func (f Flags) AttestedData() bool { return f&FlagAttestedData != 0 }

// ExtensionData reports whether extension outputs are present (ED).
func (f Flags) ExtensionData() bool { return f&FlagExtensionData != 0 }

// AuthenticatorData is what an authenticator signs (§6.1).
type AuthenticatorData struct {
	// RPIDHash is the SHA-256 of the RP ID the authenticator worked for.
	RPIDHash [32]byte
	// Flags tell what the authenticator saw and what follows.
	Flags Flags
	// SignCount is the signature counter; 0 where the authenticator keeps none.
	SignCount uint32
	// Attested is the new credential; nil in an assertion.
	Attested *AttestedCredential
	// Extensions are the authenticator's extension outputs.
	Extensions Extensions
}

// AttestedCredential is the attested credential data of a registration (§6.5.1).
type AttestedCredential struct {
	// AAGUID names the authenticator's model. It is the authenticator's word, and
	// worth no more than the attestation.
	AAGUID AAGUID
	// CredentialID has at least one byte. It may have more than 1023 here: that is
	// for the verification procedure to refuse.
	CredentialID []byte
	// PublicKey is the credential key as received: one canonical CBOR item, not yet
	// checked to be a usable key.
	PublicKey []byte
}

// Offsets and lengths of §6.1 and §6.5.1.
const (
	flagsOffset      = 32
	signCountOffset  = 33
	authDataHeader   = 37 // as long as it gets without AT and ED
	attestedHeader   = 18 // AAGUID and the length of the credential ID
	maxAuthDataBytes = 64 << 10
	maxCredentialID  = 1023 // §5.8.3
)

// ParseAuthenticatorData reads authenticator data, which must end where its own
// structure says. The result's slices point into data.
//
// An error is a [*VerificationError] with the reason authdata_malformed,
// authdata_trailing_bytes or one of the cbor_ reasons.
func ParseAuthenticatorData(data []byte) (*AuthenticatorData, error) {
	return parseAuthenticatorData(data, "6.1")
}

// parseAuthenticatorData is [ParseAuthenticatorData] at a step of a procedure.
func parseAuthenticatorData(data []byte, step string) (*AuthenticatorData, error) {
	if len(data) < authDataHeader {
		return nil, refuse(ReasonAuthDataMalformed, step, "authenticator data has %d bytes, fewer than 37", len(data))
	}
	if len(data) > maxAuthDataBytes {
		return nil, refuse(ReasonAuthDataMalformed, step, "authenticator data has %d bytes, more than %d", len(data), maxAuthDataBytes)
	}
	a := &AuthenticatorData{
		Flags:     Flags(data[flagsOffset]),
		SignCount: binary.BigEndian.Uint32(data[signCountOffset:]),
	}
	copy(a.RPIDHash[:], data)
	rest := data[authDataHeader:]

	if a.Flags.AttestedData() {
		attested, after, err := parseAttestedCredential(rest, step)
		if err != nil {
			return nil, err
		}
		a.Attested, rest = attested, after
	}
	if a.Flags.ExtensionData() {
		extensions, after, err := parseExtensions(rest, step)
		if err != nil {
			return nil, err
		}
		a.Extensions, rest = extensions, after
	}
	if len(rest) > 0 {
		return nil, refuse(ReasonAuthDataTrailingBytes, step, "%d bytes remain after the authenticator data", len(rest))
	}
	return a, nil
}

// parseAttestedCredential reads the attested credential data at the front of data
// and returns what follows it.
func parseAttestedCredential(data []byte, step string) (*AttestedCredential, []byte, error) {
	if len(data) < attestedHeader {
		return nil, nil, refuse(ReasonAuthDataMalformed, step, "flag AT promises attested credential data, of which %d bytes follow", len(data))
	}
	length := int(binary.BigEndian.Uint16(data[16:]))
	rest := data[attestedHeader:]
	if length == 0 || length >= len(rest) {
		return nil, nil, refuse(ReasonAuthDataMalformed, step, "a credential ID of %d bytes and a key do not fit the %d bytes left", length, len(rest))
	}
	key, after, err := strictcbor.ParseFirst(rest[length:])
	if err != nil {
		return nil, nil, refuseCBOR(err, step, "the credential key")
	}
	if key.Kind() != strictcbor.Map {
		return nil, nil, refuse(ReasonCBORMalformed, step, "the credential key is no CBOR map")
	}
	a := &AttestedCredential{CredentialID: rest[:length:length], PublicKey: key.Raw()}
	copy(a.AAGUID[:], data)
	return a, after, nil
}

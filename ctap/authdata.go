package ctap

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// What the client reads of authenticator data (WebAuthn §6.1). It is not a
// verification, which is the relying party's; it tells a key that answered the
// question from one that answered another.
const (
	flagUserPresent  = 0x01
	flagUserVerified = 0x04
	flagAttestedData = 0x40
	flagExtensions   = 0x80

	authDataHeader       = 37
	aaguidOffset         = 37
	attestedHeader       = 18
	maxCredentialIDBytes = 1023
)

// authData is authenticator data taken apart. Its slices point into the input.
type authData struct {
	flags        byte
	signCount    uint32
	aaguid       [16]byte
	credentialID []byte
	publicKey    []byte // COSE, canonical
	algorithm    int64
	extensions   *fields // never nil
}

// parseAuthData takes data apart, which must be for rpID.
func parseAuthData(cmd Command, data []byte, rpID string) (*authData, error) {
	if len(data) < authDataHeader {
		return nil, malformed(cmd, "authenticator data of %d bytes", len(data))
	}
	if want := sha256.Sum256([]byte(rpID)); !bytes.Equal(data[:32], want[:]) {
		return nil, malformed(cmd, "authenticator data is for another RP ID")
	}
	a := &authData{
		flags:      data[32],
		signCount:  binary.BigEndian.Uint32(data[33:]),
		extensions: &fields{cmd: cmd},
	}
	rest := data[authDataHeader:]
	var err error
	if a.flags&flagAttestedData != 0 {
		if rest, err = a.readAttested(cmd, rest); err != nil {
			return nil, err
		}
	}
	if a.flags&flagExtensions != 0 {
		if rest, err = a.readExtensions(cmd, rest); err != nil {
			return nil, err
		}
	}
	if len(rest) > 0 {
		return nil, malformed(cmd, "%d bytes after the authenticator data", len(rest))
	}
	return a, nil
}

// readAttested takes the attested credential data (§6.5.1) off the front of data.
func (a *authData) readAttested(cmd Command, data []byte) ([]byte, error) {
	if len(data) < attestedHeader {
		return nil, malformed(cmd, "attested credential data of %d bytes", len(data))
	}
	copy(a.aaguid[:], data)
	length, rest := int(binary.BigEndian.Uint16(data[16:])), data[attestedHeader:]
	if length == 0 || length > maxCredentialIDBytes || length >= len(rest) {
		return nil, malformed(cmd, "credential id of %d bytes", length)
	}
	a.credentialID = rest[:length]
	key, rest, err := firstItem(rest[length:])
	if err != nil {
		return nil, malformed(cmd, "credential key: %v", err)
	}
	a.publicKey = key
	f, err := parse(cmd, key)
	if err != nil {
		return nil, err
	}
	f.need(3)
	a.algorithm = member[int64](f, int64(3))
	return rest, f.err
}

func (a *authData) readExtensions(cmd Command, data []byte) ([]byte, error) {
	item, rest, err := firstItem(data)
	if err != nil {
		return nil, malformed(cmd, "extensions: %v", err)
	}
	a.extensions, err = parse(cmd, item)
	return rest, err
}

// firstItem splits data behind its first CBOR item.
func firstItem(data []byte) (item, rest []byte, err error) {
	var value any
	rest, err = decoder.UnmarshalFirst(data, &value)
	if err != nil {
		return nil, nil, err
	}
	return data[:len(data)-len(rest)], rest, nil
}

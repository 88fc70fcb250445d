package webauthn

import (
	"crypto/sha256"

	"bestow.dev/cose"
)

// SerialNumber returns the serial number of the authenticator, which an enterprise
// attestation has in its certificate (§8.2.1); nil if it has none. It is as good as the
// trust in the attestation, and names one device, and with it its owner. With format
// compound it is that of the part which Type is taken from.
func (a *Attestation) SerialNumber() []byte {
	if len(a.Certificates) == 0 {
		return nil
	}
	value, ok := extension(a.Certificates[0], oidSerial)
	if !ok {
		return nil
	}
	serial, ok := parseSerial(value)
	if !ok {
		return nil
	}
	return serial
}

// Firmware returns the firmware version of the authenticator, which its certificate may
// name (§8.2.1); nil if it does not. It is as good as the trust in the attestation.
// With format compound it is that of the part which Type is taken from.
func (a *Attestation) Firmware() *uint64 {
	if len(a.Certificates) == 0 {
		return nil
	}
	value, ok := extension(a.Certificates[0], oidFirmware)
	if !ok {
		return nil
	}
	version, ok := parseFirmware(value)
	if !ok {
		return nil
	}
	return &version
}

// VerifyAttestation verifies the statement of a registration that was kept, from its
// attestation object and client data as received, and returns what it attests and the
// authenticator data: steps 13, 21 and 22 of §7.1 alone. Whose registration it was, and
// whether it was accepted, it does not ask.
//
// An error is a [*VerificationError].
func VerifyAttestation(attestationObject, clientDataJSON []byte) (*Attestation, *AuthenticatorData, error) {
	kept := &RegistrationResponse{AttestationObject: attestationObject}
	if err := kept.parseAttestationObject(); err != nil {
		return nil, nil, err
	}
	authData := kept.AuthenticatorData
	key, err := parseCredentialKey(authData.Attested, cose.ParseKey)
	if err != nil {
		return nil, nil, err
	}
	att, err := verifyStatement(kept.Format, kept.statement, &attestedInput{
		authData:       authData,
		rawAuthData:    kept.rawAuthData,
		clientDataHash: sha256.Sum256(clientDataJSON),
		key:            key,
	})
	if err != nil {
		return nil, nil, err
	}
	return att, authData, nil
}

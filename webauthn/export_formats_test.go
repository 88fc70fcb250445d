package webauthn

// KeyDescription is what a test sees of an Android key description.
type KeyDescription struct {
	Challenge []byte
	Purposes  []int64 // of either list
}

// ParseKeyDescription reads the extension value of an Android certificate.
func ParseKeyDescription(der []byte) (*KeyDescription, error) {
	d, err := parseKeyDescription(der)
	if err != nil {
		return nil, err
	}
	return &KeyDescription{d.challenge, append(d.software.purposes, d.hardware.purposes...)}, nil
}

// SafetyNetJWS is what a test sees of a SafetyNet response.
type SafetyNetJWS struct {
	Signed, Signature []byte
	Certificates      int
}

// ParseSafetyNetJWS reads a SafetyNet response without verifying it.
func ParseSafetyNetJWS(text []byte) (*SafetyNetJWS, error) {
	j, err := parseSafetyNetJWS(text)
	if err != nil {
		return nil, err
	}
	return &SafetyNetJWS{j.signed, j.sig, len(j.x5c)}, nil
}

package webauthn

// What only the tests outside the package reach.

// ParseClientData reads the client data of a registration.
func ParseClientData(data []byte) (ClientData, error) { return parseClientData(data, &registration) }

// ParseAttestationObject reads an attestation object on its own.
func ParseAttestationObject(data []byte) (*RegistrationResponse, error) {
	r := &RegistrationResponse{AttestationObject: data}
	if err := r.parseAttestationObject(); err != nil {
		return nil, err
	}
	return r, nil
}

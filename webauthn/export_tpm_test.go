package webauthn

// ParseTPMPublic reads a pubArea.
func ParseTPMPublic(data []byte) error {
	_, err := parseTPMPublic(data)
	return err
}

// ParseTPMCertInfo reads a certInfo, and returns what counts in it.
func ParseTPMCertInfo(data []byte) (extraData, name []byte, err error) {
	a, err := parseTPMAttest(data)
	if err != nil {
		return nil, nil, err
	}
	return a.extraData, a.name, nil
}

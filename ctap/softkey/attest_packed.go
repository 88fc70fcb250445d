package softkey

// packed attests with the batch certificate (WebAuthn §8.2).
type packed struct{}

func (packed) algorithms() []int64 { return nil }
func (packed) aaguid() [16]byte    { return AAGUID }

func (packed) attest(s subjectOfAttestation) (Statement, error) {
	sig, err := s.forge.sign(s.issuer.batchPair, s.message())
	if err != nil {
		return Statement{}, err
	}
	return Statement{Format: "packed", Members: map[string]any{
		"alg": s.issuer.batchPair.alg,
		"sig": sig,
		"x5c": [][]byte{s.issuer.BatchCert},
	}}, nil
}

func (packed) forgeries() []Forgery {
	return append([]Forgery{
		registration("AAGUID is not the certificate's", func(a *AuthData) { a.AAGUID = flipFirst(a.AAGUID) }),
		statementForgery("empty certificate list", func(m map[string]any) { m["x5c"] = [][]byte{} }),
		statementForgery("algorithm does not fit the certificate", func(m map[string]any) { m["alg"] = RS256 }),
		statementForgery("certificate is not signed by its root (where trust is required)", func(m map[string]any) {
			m["x5c"] = [][]byte{flipLast(m["x5c"].([][]byte)[0])}
		}),
	}, signedForgeries()...)
}

func flipFirst(aaguid [16]byte) [16]byte {
	aaguid[0] ^= 1
	return aaguid
}

// packedSelf attests with the credential's own key (WebAuthn §8.2).
type packedSelf struct{}

func (packedSelf) algorithms() []int64 { return nil }
func (packedSelf) aaguid() [16]byte    { return AAGUID }

func (packedSelf) attest(s subjectOfAttestation) (Statement, error) {
	sig, err := s.forge.sign(s.pair, s.message())
	if err != nil {
		return Statement{}, err
	}
	return Statement{Format: "packed", Members: map[string]any{"alg": s.pair.alg, "sig": sig}}, nil
}

func (packedSelf) forgeries() []Forgery {
	return append([]Forgery{
		statementForgery("algorithm is not the credential's", func(m map[string]any) {
			if m["alg"] == ES256 {
				m["alg"] = EdDSA
			} else {
				m["alg"] = ES256
			}
		}),
	}, signedForgeries()...)
}

package softkey

import (
	"crypto/ecdsa"
	"slices"
)

// fidoU2F attests as U2F keys do (WebAuthn §8.6): one certificate, ES256 only, and an
// AAGUID of zeros, since U2F knows none.
type fidoU2F struct{}

func (fidoU2F) algorithms() []int64 { return []int64{ES256} }
func (fidoU2F) aaguid() [16]byte    { return [16]byte{} }

func (fidoU2F) attest(s subjectOfAttestation) (Statement, error) {
	x, y := coordinates(s.pair.signer.Public().(*ecdsa.PublicKey))
	message := slices.Concat(
		[]byte{0x00}, s.data.RPIDHash[:], s.clientDataHash, s.data.CredentialID, []byte{0x04}, x, y)
	sig, err := s.forge.sign(s.issuer.batchPair, message)
	if err != nil {
		return Statement{}, err
	}
	return Statement{Format: "fido-u2f", Members: map[string]any{
		"sig": sig,
		"x5c": [][]byte{s.issuer.BatchCert},
	}}, nil
}

func (fidoU2F) forgeries() []Forgery {
	return append([]Forgery{
		statementForgery("two certificates", func(m map[string]any) {
			leaf := m["x5c"].([][]byte)[0]
			m["x5c"] = [][]byte{leaf, leaf}
		}),
	}, signedForgeries()...)
}

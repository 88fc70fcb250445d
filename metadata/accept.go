package metadata

import (
	"slices"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// algorithms are the registry's names of authentication algorithms, by the COSE
// algorithms they stand for. How a signature is encoded, raw or in DER, is the
// protocol's affair and no difference here.
var algorithms = map[cose.Algorithm][]string{
	cose.ES256:  {"secp256r1_ecdsa_sha256_raw", "secp256r1_ecdsa_sha256_der"},
	cose.ES384:  {"secp384r1_ecdsa_sha384_raw"},
	cose.ES512:  {"secp521r1_ecdsa_sha512_raw", "secp512r1_ecdsa_sha512_raw"}, // the latter is a slip often seen
	cose.ES256K: {"secp256k1_ecdsa_sha256_raw", "secp256k1_ecdsa_sha256_der"},
	cose.EdDSA:  {"ed25519_eddsa_sha512_raw"},
	cose.Ed448:  {"ed448_eddsa_sha512_raw"},
	cose.PS256:  {"rsassa_pss_sha256_raw", "rsassa_pss_sha256_der"},
	cose.PS384:  {"rsassa_pss_sha384_raw"},
	cose.PS512:  {"rsassa_pss_sha512_raw"},
	cose.RS256:  {"rsa_emsa_pkcs1_sha256_raw", "rsa_emsa_pkcs1_sha256_der", "rsassa_pkcsv15_sha256_raw"},
	cose.RS384:  {"rsassa_pkcsv15_sha384_raw"},
	cose.RS512:  {"rsassa_pkcsv15_sha512_raw"},
	cose.RS1:    {"rsassa_pkcsv15_sha1_raw"},
}

// HasAlgorithm reports whether the model makes credential keys of algorithm alg.
func (s *Statement) HasAlgorithm(alg cose.Algorithm) bool {
	return intersect(s.AuthenticationAlgorithms, algorithms[alg.Canonical()])
}

// HasAttestation reports whether the model attests in a way that a response of type t
// may come from. With certificates any of the types with certificates will do: a
// response does not show which of them it is. The answer for no attestation is yes:
// that a client took it away says nothing of the model.
func (s *Statement) HasAttestation(t webauthn.AttestationType) bool {
	switch t {
	case webauthn.AttestationNone:
		return true
	case webauthn.AttestationSelf:
		return slices.Contains(s.AttestationTypes, "basic_surrogate")
	case webauthn.AttestationBasic, webauthn.AttestationAttCA, webauthn.AttestationAnonCA:
		return intersect(s.AttestationTypes, []string{"basic_full", "attca", "anonca"})
	default:
		return false
	}
}

func intersect(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

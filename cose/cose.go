// Package cose reads COSE public keys (RFC 9052 §7, RFC 9053) as authenticators
// write them, and verifies signatures made with them.
//
// A [Key] that exists is fit for use: [ParseKey] refuses a key whose algorithm, type
// and curve do not belong together, whose encoding is not CTAP2 canonical CBOR, or
// with which nobody could honestly sign. So a verifier needs two calls:
//
//	key, err := cose.ParseKey(credential.PublicKey)
//	...
//	err = key.Verify(message, signature)
//
// A key that came another way, such as a certificate's, goes through
// [VerifySignature]. Importers and tests make keys with [NewKey].
//
// Signatures have the form that WebAuthn gives them (Level 3 §6.5.5): ECDSA in DER,
// EdDSA, RSA and ML-DSA raw.
//
// The package does not sign, does not read private keys, and knows no COSE message
// but the key. Which algorithms it verifies is one table, in algorithm.go. Everything
// in it is safe for concurrent use.
package cose

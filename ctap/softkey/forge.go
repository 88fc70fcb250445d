package softkey

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"
)

// Forge is where a key's answers can be spoilt, stage by stage. Nil members leave
// their stage alone; the zero value forges nothing. What is spoilt early is signed
// all the same: only the stages Signed and Signature make signatures bad.
type Forge struct {
	// AuthData may change authenticator data before it is written and signed.
	AuthData func(*AuthData)
	// Signed returns the bytes that are signed in place of message.
	Signed func(message []byte) []byte
	// Signature returns what is sent in place of the signature.
	Signature func(sig []byte) []byte
	// Certificate may change the certificate that android-key, apple and
	// android-safetynet have issued for each credential, before it is signed.
	Certificate func(*x509.Certificate)
	// OtherKey has android-key and apple certify a key other than the credential's,
	// and sign with it.
	OtherKey bool
	// KeyDescription may change what android-key says of a key, before it is certified.
	KeyDescription func(*KeyDescription)
	// SafetyNet may change what android-safetynet answers, before it is signed.
	SafetyNet func(*SafetyNetResponse)
	// TPM is about what a TPM attests, with [AttestTPM] and [AttestTPMRSA].
	TPM TPMForge
	// Statement may change an attestation statement before it is written.
	Statement func(*Statement)
	// Answer returns what is sent in place of a successful answer to makeCredential,
	// getAssertion or getNextAssertion; status byte and CBOR.
	Answer func(answer []byte) []byte
}

// sign signs with pair, spoilt as f says.
func (f *Forge) sign(pair keyPair, message []byte) ([]byte, error) {
	if f.Signed != nil {
		message = f.Signed(message)
	}
	sig, err := pair.sign(message)
	if err != nil || f.Signature == nil {
		return sig, err
	}
	return f.Signature(sig), nil
}

// Forgery is a named way to spoil one thing.
type Forgery struct {
	Name string
	// Registration and Assertion say in which answers it shows.
	Registration, Assertion bool
	Forge                   Forge
}

// Forgeries returns the forgeries that show with the given attestation, in a fixed
// order. Each spoils one thing of which a relying party that follows WebAuthn §7.1
// or §7.2 has to take notice, on the condition that its name tells. A
// [ctap.Client] refuses some of them itself, as a browser does; the functions of
// package ctap pass them on.
func Forgeries(a Attestation) []Forgery {
	all := slices.Clone(commonForgeries)
	if at, err := attesterFor(a); err == nil {
		all = append(all, at.forgeries()...)
	}
	return all
}

// commonForgeries are those that do not depend on the attestation.
var commonForgeries = []Forgery{
	both("RP ID of another site", func(a *AuthData) { a.RPIDHash = sha256.Sum256([]byte("evil.example")) }),
	both("nobody touched the key", func(a *AuthData) { a.Flags &^= FlagUserPresent }),
	both("nobody was verified (where that is required)", func(a *AuthData) { a.Flags &^= FlagUserVerified }),
	both("backed up, though not eligible", func(a *AuthData) { a.Flags |= FlagBackupState }),
	both("flag ED without extensions", func(a *AuthData) { a.Flags |= FlagExtensionData; a.Extensions = nil }),
	both("bytes after the authenticator data", func(a *AuthData) { a.Trailing = []byte{0} }),
	registration("no attested credential data", func(a *AuthData) {
		a.Flags &^= FlagAttestedData
		a.CredentialID = nil
	}),
	registration("credential id longer than 1023 bytes", func(a *AuthData) { a.CredentialID = make([]byte, 1024) }),
	registration("credential key off its curve (with ECDSA)", func(a *AuthData) { a.PublicKey = flipLast(a.PublicKey) }),
	registration("credential key of a symmetric type", func(a *AuthData) { a.PublicKey = symmetric(a.PublicKey) }),
	registration("credential key cut short", func(a *AuthData) { a.PublicKey = a.PublicKey[:len(a.PublicKey)-1] }),
	assertion("counter goes back (where one was seen)", func(a *AuthData) { a.SignCount = 0 }),
	assertion("eligible for backup all of a sudden", func(a *AuthData) { a.Flags |= FlagBackupEligible }),
	assertion("flag AT in an assertion", func(a *AuthData) { a.Flags |= FlagAttestedData }),
}

// symmetric returns a copy of a COSE key with the key type (its first member) of
// symmetric keys.
func symmetric(key []byte) []byte {
	key = slices.Clone(key)
	key[2] = 4
	return key
}

// signatureForgeries spoil the signature of assertions, and of attestations where
// those have one.
func signatureForgeries(attested bool) []Forgery {
	return []Forgery{
		{Name: "signed over something else", Registration: attested, Assertion: true, Forge: Forge{Signed: flipLast}},
		{Name: "one bit of the signature", Registration: attested, Assertion: true, Forge: Forge{Signature: flipLast}},
	}
}

// signedForgeries belong to every attestation that has a signature.
func signedForgeries() []Forgery {
	return append(signatureForgeries(true),
		statementForgery("statement without its signature", func(m map[string]any) { delete(m, "sig") }),
		statementForgery("member that no statement has", func(m map[string]any) { m["extra"] = true }),
	)
}

// both, registration and assertion make forgeries of authenticator data.
func both(name string, spoil func(*AuthData)) Forgery {
	return Forgery{Name: name, Registration: true, Assertion: true, Forge: Forge{AuthData: spoil}}
}

func registration(name string, spoil func(*AuthData)) Forgery {
	return Forgery{Name: name, Registration: true, Forge: Forge{AuthData: func(a *AuthData) {
		if a.CredentialID != nil {
			spoil(a)
		}
	}}}
}

func assertion(name string, spoil func(*AuthData)) Forgery {
	return Forgery{Name: name, Assertion: true, Forge: Forge{AuthData: func(a *AuthData) {
		if a.CredentialID == nil {
			spoil(a)
		}
	}}}
}

// statementForgery makes a forgery of an attestation statement's members.
func statementForgery(name string, spoil func(members map[string]any)) Forgery {
	return Forgery{Name: name, Registration: true, Forge: Forge{Statement: func(s *Statement) { spoil(s.Members) }}}
}

// certificateForgery makes a forgery of the certificate for one credential.
func certificateForgery(name string, spoil func(*x509.Certificate)) Forgery {
	return Forgery{Name: name, Registration: true, Forge: Forge{Certificate: spoil}}
}

// flipLast returns a copy of b with its last bit flipped.
func flipLast(b []byte) []byte {
	b = slices.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

package webauthn

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"bestow.dev/cose"
)

// RegistrationExpectation is everything a registration is judged by. It is derived
// from the options that were sent and from policy, never from the response.
type RegistrationExpectation struct {
	// RelyingParty is whom the credential is for.
	RelyingParty RelyingParty
	// Challenge is the one that was issued. It must not be empty.
	Challenge []byte
	// UserVerification is what the options asked for; zero counts as required.
	UserVerification UserVerification
	// UserPresence is optional only after a conditional create; zero counts as required.
	UserPresence UserPresence
	// Algorithms are those the options offered. Empty means what clients take an
	// empty list for: ES256 and RS256.
	Algorithms []cose.Algorithm
	// AllowSHA1Keys accepts credential keys of RS1, if the options offered it. It is for
	// conformance tests and for nothing else.
	AllowSHA1Keys bool
	// CredProtect is the least protection level that the options insisted on; zero if
	// they did not.
	CredProtect CredProtect
	// Attestation is what the options asked for; zero counts as none. It decides on
	// warnings alone: authenticators need not heed it.
	Attestation Conveyance
	// Trust is which attestations are acceptable; zero accepts none.
	Trust TrustPolicy
}

// Registration is a credential that was accepted (7.1/27), and what is known about it.
type Registration struct {
	// CredentialID is what the credential is found by; at most 1023 bytes. That no
	// user has it already (7.1/26) is for the caller to see to.
	CredentialID []byte
	// PublicKey is the COSE key as received; Algorithm is its algorithm.
	PublicKey []byte
	Algorithm cose.Algorithm
	// SignCount is the signature counter; 0 where the authenticator keeps none.
	SignCount uint32
	// AAGUID is the authenticator's model by its own word; Trusted, AttestationType
	// and Format say what that is worth.
	AAGUID AAGUID
	// Flags are those of the authenticator data.
	Flags Flags

	// Format is the attestation statement format; AttestationType what it conveyed.
	Format          string
	AttestationType AttestationType
	// Trusted says that the attestation leads to one of the policy's anchors.
	Trusted bool
	// Anchor is the SHA-256 of that anchor; zero if not Trusted.
	Anchor [32]byte
	// Chain is the SHA-256 of each certificate, leaf first: up to and with the anchor
	// if Trusted, otherwise those the statement carried.
	Chain [][32]byte

	// Transports are how the authenticator can be reached, as the client reports it.
	Transports []string
	// Extensions are the authenticator's extension outputs, which it signed if it
	// attested at all.
	Extensions Extensions
	// Discoverable is the client's word, from credProps, on whether the credential
	// can be used without naming it; nil if it did not say.
	Discoverable *bool
	// Outputs are the client's extension outputs, by its word.
	Outputs ClientOutputs

	// Warnings are what was let pass.
	Warnings []Warning

	// AttestationObject and ClientDataJSON are as received: with the challenge they
	// allow to judge again later.
	AttestationObject []byte
	ClientDataJSON    []byte

	attestation *Attestation
	trust       *Trust
}

// Attestation returns the verified statement, to be judged again by another policy.
func (r *Registration) Attestation() *Attestation { return r.attestation }

// Trust returns what the policy made of the attestation; nil after
// [VerifyRegistration], which has no policy.
func (r *Registration) Trust() *Trust { return r.trust }

// JudgeRegistration decides whether the response is an acceptable registration:
// [VerifyRegistration], then [JudgeTrust]. It is the whole of §7.1 but for steps 26
// and 29, which need the caller's store.
//
// An error is a [*VerificationError].
func JudgeRegistration(exp RegistrationExpectation, resp *RegistrationResponse) (*Registration, error) {
	reg, err := VerifyRegistration(exp, resp)
	if err != nil {
		return nil, err
	}

	// Steps 23 and 24: who attested is somebody the policy accepts.
	trust, err := JudgeTrust(reg.attestation, exp.Trust)
	if err != nil {
		return nil, err
	}
	reg.trust, reg.Trusted = trust, trust.Trusted
	reg.Warnings = append(reg.Warnings, trust.Warnings...)
	if trust.Trusted {
		reg.Chain = fingerprints(trust.Path)
		reg.Anchor = reg.Chain[len(reg.Chain)-1]
	}
	return reg, nil
}

// VerifyRegistration runs §7.1 without trust: it decides whether the response is
// what it says, and leaves open whether its attestation is worth anything. exp.Trust
// is not looked at.
//
// An error is a [*VerificationError].
func VerifyRegistration(exp RegistrationExpectation, resp *RegistrationResponse) (*Registration, error) {
	// Steps 3 to 6, 12 and 13 are those of ParseRegistrationResponse.
	if !resp.parsed() {
		return nil, refuse(ReasonJSONMalformed, "7.1/3", "there is no parsed response")
	}
	authData := resp.AuthenticatorData

	// Steps 7 to 11: the client ran our ceremony, on a page of ours.
	if err := registration.verifyClientData(&resp.ClientData, &exp.RelyingParty, exp.Challenge); err != nil {
		return nil, err
	}

	// Step 14: the authenticator worked for our RP ID.
	if err := registration.verifyRPID(authData, exp.RelyingParty.ID); err != nil {
		return nil, err
	}

	// Step 15: somebody touched it, unless the create was conditional.
	if exp.UserPresence != UserPresenceOptional && !authData.Flags.UserPresent() {
		return nil, refuse(ReasonUserPresence, "7.1/15", "nobody touched the authenticator")
	}

	// Steps 16 and 17. Steps 18 and 19, policy on backup, are the caller's.
	if err := registration.verifyFlags(authData.Flags, exp.UserVerification); err != nil {
		return nil, err
	}

	// Step 20: the key is usable, and of an algorithm we offered.
	key, err := registeredKey(&exp, authData.Attested)
	if err != nil {
		return nil, err
	}

	// Steps 21 and 22: the statement is of a known format, and correct.
	att, err := verifyStatement(resp.Format, resp.statement, &attestedInput{
		authData:       authData,
		rawAuthData:    resp.rawAuthData,
		clientDataHash: sha256.Sum256(resp.ClientDataJSON),
		key:            key,
	})
	if err != nil {
		return nil, err
	}

	// Step 25: the credential ID is not too long for others to handle.
	if n := len(authData.Attested.CredentialID); n > maxCredentialID {
		return nil, refuse(ReasonCredentialIDTooLong, "7.1/25", "the credential ID has %d bytes, more than 1023", n)
	}
	// No step asks for it, but two IDs in one response would let one credential be
	// stored under the name of another.
	if !bytes.Equal(authData.Attested.CredentialID, resp.CredentialID) {
		return nil, refuse(ReasonCredentialIDMismatch, "7.1/25", "rawId is not the credential ID that the authenticator made")
	}

	// Step 28: extension outputs, asked for or not, are handed on; what the options
	// insisted on is there.
	if err := judgeCredProtect(exp.CredProtect, authData.Extensions); err != nil {
		return nil, err
	}

	// Step 27: what the caller stores.
	reg := newRegistration(resp, key, att)
	if exp.Attestation != ConveyanceEnterprise && att.SerialNumber() != nil {
		reg.Warnings = append(reg.Warnings, WarningSerialNumber)
	}
	return reg, nil
}

// clientDefaults are the algorithms clients take an empty list for (§5.1.3 step 10).
var clientDefaults = []cose.Algorithm{cose.ES256, cose.RS256}

// registeredKey returns the new credential's key.
func registeredKey(exp *RegistrationExpectation, attested *AttestedCredential) (*cose.Key, error) {
	offered := exp.Algorithms
	if len(offered) == 0 {
		offered = clientDefaults
	}
	key, err := parseCredentialKey(attested, keyParser(exp.AllowSHA1Keys))
	if err != nil {
		return nil, err
	}
	if !slices.Contains(offered, key.Algorithm()) {
		return nil, refuse(ReasonAlgorithmNotOffered, "7.1/20", "algorithm %d was not offered", key.Algorithm())
	}
	return key, nil
}

// parseCredentialKey reads a new credential's key, which has to be usable.
func parseCredentialKey(attested *AttestedCredential, parse func([]byte) (*cose.Key, error)) (*cose.Key, error) {
	key, err := parse(attested.PublicKey)
	if err != nil {
		return nil, refuse(ReasonPublicKeyInvalid, "7.1/20", "the credential key is not usable").because(err)
	}
	return key, nil
}

// keyParser returns what reads credential keys.
func keyParser(allowSHA1 bool) func([]byte) (*cose.Key, error) {
	if allowSHA1 {
		return cose.ParseKeyAllowingSHA1
	}
	return cose.ParseKey
}

// newRegistration collects what was verified.
func newRegistration(resp *RegistrationResponse, key *cose.Key, att *Attestation) *Registration {
	authData, outputs := resp.AuthenticatorData, readOutputs(resp.ClientExtensionResults)
	return &Registration{
		CredentialID:      authData.Attested.CredentialID,
		PublicKey:         authData.Attested.PublicKey,
		Algorithm:         key.Algorithm(),
		SignCount:         authData.SignCount,
		AAGUID:            authData.Attested.AAGUID,
		Flags:             authData.Flags,
		Format:            att.Format,
		AttestationType:   att.Type,
		Chain:             fingerprints(att.Certificates),
		Transports:        resp.Transports,
		Extensions:        authData.Extensions,
		Discoverable:      outputs.Discoverable,
		Outputs:           outputs,
		AttestationObject: resp.AttestationObject,
		ClientDataJSON:    resp.ClientDataJSON,
		attestation:       att,
	}
}

package webauthn

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"slices"

	"bestow.dev/cose"
)

// CredentialRecord is what was stored about a credential (§4, credential record).
type CredentialRecord struct {
	// ID and PublicKey are those of the registration.
	ID        []byte
	PublicKey []byte
	// Key is PublicKey parsed, for a caller that keeps parsed keys. Nil: PublicKey
	// is parsed. If both are set, Key is used.
	Key *cose.Key
	// SignCount is the counter last seen.
	SignCount uint32
	// BackupEligible and BackupState are the flags last seen.
	BackupEligible bool
	BackupState    bool
	// UserHandle is that of the account the credential belongs to.
	UserHandle []byte
}

// SignCountPolicy says what to do about a signature counter that did not grow,
// which is a sign, though no proof, of a cloned authenticator (§6.1.1).
type SignCountPolicy uint8

const (
	// SignCountRefuse refuses.
	SignCountRefuse SignCountPolicy = iota
	// SignCountWarn accepts, with a warning.
	SignCountWarn
)

// AuthenticationExpectation is everything an assertion is judged by. It is derived
// from the options that were sent and from what is stored, never from the response.
type AuthenticationExpectation struct {
	// RelyingParty is whom the user signs in to.
	RelyingParty RelyingParty
	// Challenge is the one that was issued. It must not be empty.
	Challenge []byte
	// UserVerification is what the options asked for; zero counts as required.
	UserVerification UserVerification
	// AllowCredentials are the IDs the options offered; empty if a discoverable
	// credential was asked for.
	AllowCredentials [][]byte
	// UserPresence is optional only in conformance tests; zero counts as required.
	UserPresence UserPresence
	// AllowSHA1Keys accepts a credential key of RS1, as at its registration.
	AllowSHA1Keys bool
	// UserKnown says that the account was identified before the ceremony, by name or
	// session. If not, the response has to name it by user handle.
	UserKnown bool
	// Credential is the record that was found by the response's credential ID in the
	// account.
	Credential CredentialRecord
	// AppID is the AppID of U2F days, if the options had the appid extension.
	AppID string
	// SignCountPolicy is what to do if the signature counter did not grow.
	SignCountPolicy SignCountPolicy
}

// Authentication is an assertion that was accepted. The caller updates the stored
// record with SignCount and Flags.BackupState (7.2/24).
type Authentication struct {
	// CredentialID is that of the record.
	CredentialID []byte
	// SignCount is the counter's new value.
	SignCount uint32
	// Flags are those of the authenticator data.
	Flags Flags
	// UserHandle is what the authenticator returned; nil if nothing.
	UserHandle []byte
	// Extensions are the authenticator's extension outputs.
	Extensions Extensions
	// Outputs are the client's extension outputs, by its word.
	Outputs ClientOutputs
	// Warnings are what was let pass.
	Warnings []Warning
}

// JudgeAuthentication decides whether the response is an acceptable assertion: the
// whole of §7.2 but for finding the record (6) and updating it (24), which are the
// caller's.
//
// An error is a [*VerificationError].
func JudgeAuthentication(exp AuthenticationExpectation, resp *AuthenticationResponse) (*Authentication, error) {
	// Steps 3, 4, 7, 8 and 9 are those of ParseAuthenticationResponse.
	if resp == nil || resp.AuthenticatorData == nil {
		return nil, refuse(ReasonJSONMalformed, "7.2/3", "there is no parsed response")
	}
	authData := resp.AuthenticatorData

	// Steps 5 and 6: the credential was offered, and belongs to the account.
	if err := verifyIdentity(&exp, resp); err != nil {
		return nil, err
	}

	// Steps 10 to 14: the client ran our ceremony, on a page of ours.
	if err := authentication.verifyClientData(&resp.ClientData, &exp.RelyingParty, exp.Challenge); err != nil {
		return nil, err
	}

	// Step 15: the authenticator worked for our RP ID, or for the AppID that U2F
	// credentials were made for (§10.1.1).
	id := exp.RelyingParty.ID
	if exp.AppID != "" && actedUpon(resp.ClientExtensionResults, "appid") {
		id = exp.AppID
	}
	if err := authentication.verifyRPID(authData, id); err != nil {
		return nil, err
	}

	// Step 16: somebody touched it.
	if exp.UserPresence != UserPresenceOptional && !authData.Flags.UserPresent() {
		return nil, refuse(ReasonUserPresence, "7.2/16", "nobody touched the authenticator")
	}

	// Steps 17 and 18.
	if err := authentication.verifyFlags(authData.Flags, exp.UserVerification); err != nil {
		return nil, err
	}

	// Step 19: a credential does not change whether it can be backed up.
	if authData.Flags.BackupEligible() != exp.Credential.BackupEligible {
		return nil, refuse(ReasonBackupFlags, "7.2/19", "flag BE is not what it was at registration")
	}

	// Steps 20 and 21: the credential's own key signed.
	if err := verifyAssertion(&exp, resp); err != nil {
		return nil, err
	}

	// Step 22: the counter grew, if there is one.
	warnings, err := judgeSignCount(&exp, authData.SignCount)
	if err != nil {
		return nil, err
	}

	// Step 23: extension outputs, asked for or not, are handed on.
	return &Authentication{
		CredentialID: resp.CredentialID,
		SignCount:    authData.SignCount,
		Flags:        authData.Flags,
		UserHandle:   resp.UserHandle,
		Extensions:   authData.Extensions,
		Outputs:      readOutputs(resp.ClientExtensionResults),
		Warnings:     warnings,
	}, nil
}

// verifyIdentity runs steps 5 and 6: whose credential this is.
func verifyIdentity(exp *AuthenticationExpectation, resp *AuthenticationResponse) error {
	// Step 5: if we named credentials, it is one of them.
	named := func(id []byte) bool { return bytes.Equal(id, resp.CredentialID) }
	if len(exp.AllowCredentials) > 0 && !slices.ContainsFunc(exp.AllowCredentials, named) {
		return refuse(ReasonCredentialNotAllowed, "7.2/5", "the credential is none of those offered")
	}

	// Step 6: the record is that of the credential.
	if len(resp.CredentialID) == 0 || !bytes.Equal(exp.Credential.ID, resp.CredentialID) {
		return refuse(ReasonCredentialIDMismatch, "7.2/6", "the stored record is that of another credential")
	}

	// And the user handle is the account's. It may be left out, or be empty as some
	// clients have it, only where the account was known before.
	if len(resp.UserHandle) == 0 {
		if exp.UserKnown {
			return nil
		}
		return refuse(ReasonUserHandle, "7.2/6", "no user handle, and the user was not known before")
	}
	if subtle.ConstantTimeCompare(resp.UserHandle, exp.Credential.UserHandle) != 1 {
		return refuse(ReasonUserHandle, "7.2/6", "the user handle is that of another account")
	}
	return nil
}

// verifyAssertion runs steps 20 and 21.
func verifyAssertion(exp *AuthenticationExpectation, resp *AuthenticationResponse) error {
	key := exp.Credential.Key
	if key == nil {
		parsed, err := keyParser(exp.AllowSHA1Keys)(exp.Credential.PublicKey)
		if err != nil {
			return refuse(ReasonPublicKeyInvalid, "7.2/21", "the stored key is not usable").because(err)
		}
		key = parsed
	}

	hash := sha256.Sum256(resp.ClientDataJSON)
	signed := make([]byte, 0, len(resp.rawAuthData)+len(hash))
	signed = append(signed, resp.rawAuthData...)
	signed = append(signed, hash[:]...)
	if err := key.Verify(signed, resp.Signature); err != nil {
		return refuse(ReasonAssertionSignature, "7.2/21", "the signature does not verify with the stored key").because(err)
	}
	return nil
}

// judgeSignCount runs step 22.
func judgeSignCount(exp *AuthenticationExpectation, count uint32) ([]Warning, error) {
	stored := exp.Credential.SignCount
	if count > stored || count == 0 && stored == 0 {
		return nil, nil
	}
	if exp.SignCountPolicy == SignCountWarn {
		return []Warning{WarningSignCount}, nil
	}
	return nil, refuse(ReasonSignCount, "7.2/22", "the signature counter is %d, and was %d before", count, stored)
}

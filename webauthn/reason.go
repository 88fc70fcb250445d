package webauthn

import "fmt"

// Reason says why a response was refused. Its values are stable codes: programs
// switch on them, and they may be shown to the client.
type Reason string

// Reasons that concern the JSON form of a response (§5.1, §5.2, 7.1/3 and 7.2/3).
const (
	// ReasonJSONMalformed: the response is not the JSON form of a credential. It
	// does not parse, names a member twice, lacks one, or has one of a wrong type.
	ReasonJSONMalformed Reason = "json_malformed"
	// ReasonJSONBase64URL: a binary member is not canonical base64url without padding.
	ReasonJSONBase64URL Reason = "json_base64url"
	// ReasonCredentialType: the type is something other than "public-key".
	ReasonCredentialType Reason = "credential_type"
	// ReasonCredentialIDMismatch: two places name different credentials: id and rawId,
	// rawId and the attested credential data, or rawId and the stored record.
	ReasonCredentialIDMismatch Reason = "credential_id_mismatch"
	// ReasonCredentialIDTooLong: the credential ID has more than 1023 bytes (7.1/25).
	ReasonCredentialIDTooLong Reason = "credential_id_too_long"
	// ReasonCredentialNotAllowed: the credential is none of those offered (7.2/5).
	ReasonCredentialNotAllowed Reason = "credential_not_allowed"
	// ReasonUserHandle: the user handle is absent where the user was not known before,
	// or is that of another user (7.2/6).
	ReasonUserHandle Reason = "user_handle"
)

// Reasons that concern the client data (§5.8.1).
const (
	// ReasonClientDataMalformed: the client data is no JSON object with the members of §5.8.1.
	ReasonClientDataMalformed Reason = "client_data_malformed"
	// ReasonClientDataType: the client data is of the other ceremony, or of none.
	ReasonClientDataType Reason = "client_data_type"
	// ReasonChallenge: the challenge is not the one issued.
	ReasonChallenge Reason = "challenge"
	// ReasonOrigin: the ceremony ran on an origin that is not allowed.
	ReasonOrigin Reason = "origin"
	// ReasonCrossOrigin: the ceremony ran in a frame of another origin, which is not allowed.
	ReasonCrossOrigin Reason = "cross_origin"
	// ReasonTopOrigin: the embedding page is not one of those allowed.
	ReasonTopOrigin Reason = "top_origin"
)

// Reasons that concern authenticator data (§6.1).
const (
	// ReasonAuthDataMalformed: the authenticator data is too short, or its flags
	// promise what does not follow.
	ReasonAuthDataMalformed Reason = "authdata_malformed"
	// ReasonAuthDataTrailingBytes: bytes remain after the authenticator data.
	ReasonAuthDataTrailingBytes Reason = "authdata_trailing_bytes"
	// ReasonAttestedDataMissing: a registration without attested credential data.
	ReasonAttestedDataMissing Reason = "attested_data_missing"
	// ReasonRPIDHash: the authenticator worked for another RP ID.
	ReasonRPIDHash Reason = "rp_id_hash"
	// ReasonUserPresence: nobody touched the authenticator.
	ReasonUserPresence Reason = "user_presence"
	// ReasonUserVerification: the user was not verified, and had to be.
	ReasonUserVerification Reason = "user_verification"
	// ReasonBackupFlags: the backup flags contradict each other or the stored record.
	ReasonBackupFlags Reason = "backup_flags"
	// ReasonSignCount: the signature counter did not grow, a sign of a cloned authenticator.
	ReasonSignCount Reason = "sign_count"
)

// Reasons that concern the credential key and the assertion's signature.
const (
	// ReasonAlgorithmNotOffered: the key's algorithm was not among those offered.
	ReasonAlgorithmNotOffered Reason = "algorithm_not_offered"
	// ReasonPublicKeyInvalid: the credential key could never verify a signature, or
	// is of a kind this version does not know.
	ReasonPublicKeyInvalid Reason = "public_key_invalid"
	// ReasonAssertionSignature: the assertion's signature does not verify.
	ReasonAssertionSignature Reason = "assertion_signature"
)

// Reasons that concern CBOR (§6: CTAP2 canonical form).
const (
	// ReasonCBORMalformed: not well-formed CBOR, or not of the type that belongs there.
	ReasonCBORMalformed Reason = "cbor_malformed"
	// ReasonCBORTrailingBytes: bytes remain after the CBOR item.
	ReasonCBORTrailingBytes Reason = "cbor_trailing_bytes"
	// ReasonCBORDuplicateKey: a map has the same key twice.
	ReasonCBORDuplicateKey Reason = "cbor_duplicate_key"
	// ReasonCBORNotCanonical: well-formed, but not in CTAP2 canonical form.
	ReasonCBORNotCanonical Reason = "cbor_not_canonical"
)

// Reasons that concern attestation (§8) and trust in it (7.1/23, 7.1/24).
const (
	// ReasonAttestationFormatUnknown: the statement format is not one this version verifies.
	ReasonAttestationFormatUnknown Reason = "attestation_format_unknown"
	// ReasonAttestationStatementMalformed: the statement does not have its format's members.
	ReasonAttestationStatementMalformed Reason = "attestation_statement_malformed"
	// ReasonAttestationAlgMismatch: the statement's algorithm is unknown, does not fit
	// the key, is not allowed by the policy, or in self attestation is not the
	// credential's.
	ReasonAttestationAlgMismatch Reason = "attestation_alg_mismatch"
	// ReasonAttestationSignature: the statement's signature does not verify.
	ReasonAttestationSignature Reason = "attestation_signature"
	// ReasonAttestationCertificate: a certificate does not meet the format's or the path's requirements.
	ReasonAttestationCertificate Reason = "attestation_certificate"
	// ReasonAttestationCertificateMalformed: a certificate does not parse.
	ReasonAttestationCertificateMalformed Reason = "attestation_certificate_malformed"
	// ReasonAttestationCertificateExpired: a certificate of the path is not valid at the given time.
	ReasonAttestationCertificateExpired Reason = "attestation_certificate_expired"
	// ReasonAttestationUntrusted: the policy does not accept the attestation.
	ReasonAttestationUntrusted Reason = "attestation_untrusted"
	// ReasonAAGUIDMismatch: the certificate names another authenticator model.
	ReasonAAGUIDMismatch Reason = "aaguid_mismatch"
)

// Reasons that belong to a single attestation statement format.
const (
	// ReasonTPMCertInfo: a TPM's certInfo is not what §8.3 asks for.
	ReasonTPMCertInfo Reason = "tpm_cert_info"
	// ReasonTPMPubArea: a TPM's pubArea does not hold the credential key.
	ReasonTPMPubArea Reason = "tpm_pub_area"
	// ReasonTPMExtraData: a TPM's extraData is not the hash of what was to be attested.
	ReasonTPMExtraData Reason = "tpm_extra_data"
	// ReasonAppleNonce: the nonce in an Apple certificate is another one (§8.8).
	ReasonAppleNonce Reason = "apple_nonce"
	// ReasonAndroidKey: an Android key description does not hold (§8.4).
	ReasonAndroidKey Reason = "android_key"
	// ReasonSafetyNetNonce: the nonce of a SafetyNet response is another one (§8.5).
	ReasonSafetyNetNonce Reason = "safetynet_nonce"
	// ReasonSafetyNetHostname: a SafetyNet response was signed by another host.
	ReasonSafetyNetHostname Reason = "safetynet_hostname"
	// ReasonSafetyNetIntegrity: a SafetyNet response says that the device is not sound, or is stale.
	ReasonSafetyNetIntegrity Reason = "safetynet_integrity"
)

// ReasonCredProtect: the credential is less protected than the options insisted on
// (CTAP 2.1 §12.1).
const ReasonCredProtect Reason = "cred_protect"

// ReasonInternal: the call could not be judged, through no fault of the response;
// an expectation without an RP ID, for example.
const ReasonInternal Reason = "internal"

// VerificationError reports that a response was refused. Show the Reason to a
// client, and nothing more.
type VerificationError struct {
	// Reason is the cause, for programs.
	Reason Reason
	// Step is the section and step of the Level 3 procedure that was not met, such
	// as "7.1/14" for step 14 of §7.1, or "8.2.1" where a section has no steps.
	Step string
	// Detail is one sentence for the log. It may quote what the client sent, but
	// never holds key material, challenges or signatures.
	Detail string
	// Err is what lay beneath, if anything did.
	Err error
}

// Error returns the text for the log.
func (e *VerificationError) Error() string {
	text := "webauthn: " + string(e.Reason) + " at " + e.Step + ": " + e.Detail
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *VerificationError) Unwrap() error { return e.Err }

// refuse makes a refusal.
func refuse(reason Reason, step, format string, args ...any) *VerificationError {
	return &VerificationError{Reason: reason, Step: step, Detail: fmt.Sprintf(format, args...)}
}

// because returns e with err as its cause.
func (e *VerificationError) because(err error) *VerificationError {
	e.Err = err
	return e
}

// Warning is a code for something that was let pass and that an auditor may want to know.
type Warning string

// The warnings.
const (
	// WarningTimeAbsent: validity periods of certificates were not judged, as no time was given.
	WarningTimeAbsent Warning = "time_absent"
	// WarningTrustNotRequired: the attestation reaches no acceptable anchor, and the
	// policy does not ask that it does.
	WarningTrustNotRequired Warning = "attestation_trust_not_required"
	// WarningSHA1Chain: a certificate of the path is signed with SHA-1.
	WarningSHA1Chain Warning = "sha1_chain"
	// WarningPartUntrusted: of a compound attestation, one part is trusted and another
	// reaches no acceptable anchor.
	WarningPartUntrusted Warning = "attestation_part_untrusted"
	// WarningAndroidKeyAuthorizations: an Android key description does not say that
	// the key was made on the device, or not that it is for signing.
	WarningAndroidKeyAuthorizations Warning = "android_key_authorizations_absent"
	// WarningSHA1Statement: a TPM's attestation is signed with SHA-1.
	WarningSHA1Statement Warning = "sha1_statement"
	// WarningSerialNumber: the attestation certificate carries the serial number of its
	// authenticator, and enterprise attestation was not asked for (§8.2.1).
	WarningSerialNumber Warning = "serial_number_unasked"
	// WarningSignCount: the signature counter did not grow.
	WarningSignCount Warning = "sign_count"
)

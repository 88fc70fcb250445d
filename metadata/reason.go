package metadata

import "fmt"

// Reason says why a BLOB was refused. Its values are stable codes for programs.
type Reason string

// The reasons.
const (
	// ReasonSize: the BLOB, or its header, is longer than the limit.
	ReasonSize Reason = "blob_size"
	// ReasonJWSMalformed: not a JWS in compact serialisation, or its header is not
	// what one has to be.
	ReasonJWSMalformed Reason = "jws_malformed"
	// ReasonAlgorithm: the algorithm is not allowed, or does not fit the signer's key.
	ReasonAlgorithm Reason = "algorithm"
	// ReasonX5U: the header points to a chain elsewhere, and none was handed in.
	ReasonX5U Reason = "x5u_unsupported"
	// ReasonCertificateMalformed: a certificate of the chain does not parse, or there
	// are too many.
	ReasonCertificateMalformed Reason = "certificate_malformed"
	// ReasonChainUntrusted: the chain does not lead to a configured root, or breaks a
	// rule of RFC 5280 on the way.
	ReasonChainUntrusted Reason = "chain_untrusted"
	// ReasonChainExpired: a certificate of the chain is not valid at the given time.
	ReasonChainExpired Reason = "chain_expired"
	// ReasonKeyUsage: the signer's certificate is not for signatures.
	ReasonKeyUsage Reason = "key_usage"
	// ReasonRevoked: a certificate of the chain is revoked.
	ReasonRevoked Reason = "certificate_revoked"
	// ReasonRevocationUnknown: no usable revocation list for a certificate of the chain.
	ReasonRevocationUnknown Reason = "revocation_unknown"
	// ReasonSignature: the signature does not verify.
	ReasonSignature Reason = "signature"
	// ReasonPayloadMalformed: the payload is not strict JSON, or lacks a member, or has
	// one of another type.
	ReasonPayloadMalformed Reason = "payload_malformed"
	// ReasonLegalHeader: the legal header is not the one that the operator accepted.
	ReasonLegalHeader Reason = "legal_header"
	// ReasonSerialNumber: the BLOB is older than the one accepted last, or another of
	// the same number.
	ReasonSerialNumber Reason = "serial_number"
	// ReasonOutdated: the next BLOB is overdue by more than was allowed.
	ReasonOutdated Reason = "outdated"
	// ReasonStatementMalformed: a metadata statement on its own is not strict JSON, is
	// too long, or of another version than 3.
	ReasonStatementMalformed Reason = "statement_malformed"
	// ReasonEntryMalformed: an entry on its own is not strict JSON, is too long, or
	// names no model.
	ReasonEntryMalformed Reason = "entry_malformed"
	// ReasonInternal: the call could not be judged, through no fault of the BLOB: no
	// root or no time was given.
	ReasonInternal Reason = "internal"
)

// VerificationError reports that a BLOB, or an entry or statement on its own, was
// refused.
type VerificationError struct {
	// Reason is the cause, for programs.
	Reason Reason
	// Step is the section of the service's specification that was not met, and the
	// step of its processing rules, such as "3.2/6"; "3.1.6" speaks of the payload.
	Step string
	// Detail is one sentence for the log. It may quote the BLOB.
	Detail string
	// Err is what lay beneath, if anything did.
	Err error
}

// Error returns the text for the log.
func (e *VerificationError) Error() string {
	text := "metadata: " + string(e.Reason) + " at " + e.Step + ": " + e.Detail
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

// Warning is a stable code for something that was let pass or left out.
type Warning string

// The warnings.
const (
	// WarningRevocationUnknown: there was no usable revocation list for a certificate
	// of the chain, and the caller allowed that.
	WarningRevocationUnknown Warning = "revocation_unknown"
	// WarningOutdated: the next BLOB is overdue.
	WarningOutdated Warning = "outdated"
	// WarningUnknownMember: a member that this version does not know. It is kept.
	WarningUnknownMember Warning = "unknown_member"
	// WarningMemberMissing: a required member is absent or empty.
	WarningMemberMissing Warning = "member_missing"
	// WarningMemberMalformed: a member is not of its type or form, and counts as absent.
	WarningMemberMalformed Warning = "member_malformed"
	// WarningMemberTooLarge: a member is longer than its limit, and counts as absent.
	WarningMemberTooLarge Warning = "member_too_large"
	// WarningEntryMalformed: an entry is no object or names no model. It is left out.
	WarningEntryMalformed Warning = "entry_malformed"
	// WarningEntryDuplicate: an entry names a model that an earlier one named. It is
	// left out.
	WarningEntryDuplicate Warning = "entry_duplicate"
	// WarningStatementMismatch: a statement is about another model than its entry. It
	// is left out.
	WarningStatementMismatch Warning = "statement_mismatch"
	// WarningStatementSchema: a statement is not of version 3. It is left out.
	WarningStatementSchema Warning = "statement_schema"
	// WarningCertificateMalformed: a certificate does not parse. It is left out.
	WarningCertificateMalformed Warning = "certificate_malformed"
)

// Finding tells what in an accepted BLOB was let pass or left out.
type Finding struct {
	// Code is the cause, for programs.
	Code Warning
	// Entry is the index in the BLOB's list of entries; -1 where it is not about one.
	Entry int
	// Model is the key of that entry as the BLOB writes it, if it has been read.
	Model string
	// Member leads to the member, such as "metadataStatement.icon".
	Member string
	// Detail is a few words for the log.
	Detail string
}

// String returns the text for the log.
func (f Finding) String() string {
	text := string(f.Code)
	if f.Entry >= 0 {
		text += fmt.Sprintf(" in entry %d", f.Entry)
	}
	if f.Model != "" {
		text += fmt.Sprintf(" (%q)", f.Model)
	}
	if f.Member != "" {
		text += fmt.Sprintf(": %q", f.Member)
	}
	if f.Detail != "" {
		text += ": " + f.Detail
	}
	return text
}

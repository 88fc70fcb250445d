package credential

import (
	"errors"

	"bestow.dev/internal/fault"
	"bestow.dev/webauthn"
)

// The refusals of this package. Codes are stable once released; a front keys its
// table by them. Beside these a call may return tenant's authority.denied and
// rp.unknown, "webauthn." followed by a [webauthn.Reason], and whatever the store
// returns for a fault of its own.
var (
	ErrUserRequired    = fault.New(fault.Invalid, "user.required", "Say which user is meant.")
	ErrUserUnknown     = fault.New(fault.NotFound, "user.unknown", "There is no such user.")
	ErrUserExists      = fault.New(fault.Conflict, "user.exists", "There is a user with this name or handle already.")
	ErrUserLocked      = fault.New(fault.Conflict, "user.locked", "This user is locked.")
	ErrUserOperator    = fault.New(fault.Denied, "user.operator", "This is the account of an operator, which is not served here.")
	ErrUserName        = fault.New(fault.Invalid, "user.name", "A user name has 1 to 255 characters, none of them a control character, and neither begins nor ends with a space.")
	ErrUserDisplayName = fault.New(fault.Invalid, "user.display_name", "A display name has at most 255 characters, none of them a control character.")
	ErrUserHandle      = fault.New(fault.Invalid, "user.handle", "A user handle has 1 to 64 bytes.")

	ErrCeremonyUnknown = fault.New(fault.NotFound, "ceremony.unknown", "There is no such ceremony.")
	ErrCeremonyUsed    = fault.New(fault.Gone, "ceremony.used", "This ceremony has been finished already. Begin again.")
	ErrCeremonyExpired = fault.New(fault.Gone, "ceremony.expired", "This ceremony has expired. Begin again.")
	ErrCeremonyPolicy  = fault.New(fault.Gone, "ceremony.policy", "The policies that this ceremony was begun under hold no more. Begin again.")
	ErrCeremonyUser    = fault.New(fault.Conflict, "ceremony.user", "This ceremony belongs to another user.")
	ErrNotRecent       = fault.New(fault.Denied, "registration.not_recent", "This user has not signed in lately. Let them sign in first.")
	ErrCeremonyRequest = fault.New(fault.Conflict, "ceremony.request", "This answer belongs to another request.")
	ErrRequestMissing  = fault.New(fault.Invalid, "ceremony.request_missing", "Say which request this answers.")
	ErrRequestExists   = fault.New(fault.Conflict, "ceremony.request_exists", "There is a ceremony with this request id already.")
	ErrChallengeBytes  = fault.New(fault.Invalid, "ceremony.challenge_bytes", "A challenge has 16 to 64 bytes.")
	ErrRequestID       = fault.New(fault.Invalid, "ceremony.request_id", "A request id has at most 255 characters, none of them a control character.")
	ErrCeremonyLimit   = fault.New(fault.Limited, "ceremony.limit", "Too many ceremonies are open. Finish one, or wait until they expire.")

	ErrNotTestData     = fault.New(fault.Denied, "test_data.required", "This is not test data. Ceremonies are imported only where the database was made with --test-data.")
	ErrChallengeExists = fault.New(fault.Conflict, "ceremony.challenge_exists", "There is, or was, a ceremony with this challenge at the relying party. A challenge is used once.")
	ErrImport          = fault.New(fault.Unsupported, "import.unsupported", "This case cannot be imported.")

	ErrSubject         = fault.New(fault.Denied, "subject.other", "The user who is at work may only do this for themselves.")
	ErrOwnRegistration = fault.New(fault.Denied, "registration.self", "Nobody may register a credential for themselves on behalf of themselves.")
	ErrPolicyRefused   = fault.New(fault.Rejected, "policy.refused", "A policy does not accept this authenticator.")
	ErrConditional     = fault.New(fault.Invalid, "registration.conditional", "This relying party does not allow credentials to be made without asking the user.")
	ErrReverifyBy      = fault.New(fault.Invalid, "reverify.by", "A registration is judged again by then or by now.")
	ErrPolicyWider     = fault.New(fault.Invalid, "policy.wider", "The request asks for more than the policy of the relying party allows.")

	ErrCredentialUnknown   = fault.New(fault.NotFound, "credential.unknown", "There is no such credential.")
	ErrCredentialExists    = fault.New(fault.Conflict, "credential.exists", "This credential is registered already.")
	ErrCredentialLimit     = fault.New(fault.Conflict, "credential.limit", "This user has as many credentials as the policy allows.")
	ErrNoCredential        = fault.New(fault.NotFound, "credential.none", "This user has no credential that can be used here.")
	ErrCredentialSuspended = fault.New(fault.Rejected, "credential.suspended", "This credential is suspended.")
	ErrCredentialName      = fault.New(fault.Invalid, "credential.name", "A credential's name has at most 64 characters, none of them a control character.")
	ErrCredentialState     = fault.New(fault.Invalid, "credential.state", "A credential is active or suspended; a reason has at most 255 characters.")
	ErrCredentialArchived  = fault.New(fault.Conflict, "credential.archived", "This credential is archived. It can only be deleted.")
	ErrCredentialResume    = fault.New(fault.Denied, "credential.resume", "What somebody else suspended, its owner may not resume.")
	ErrCredentialCount     = fault.New(fault.Invalid, "credential.sign_count", "A counter only grows.")
	ErrExternalID          = fault.New(fault.Invalid, "credential.external_id", "An external id has at most 255 characters, none of them a control character.")
	ErrAdopt               = fault.New(fault.Invalid, "credential.adopt", "The record is none that a registration would have stored.")
	ErrAdoptUnproven       = fault.New(fault.Rejected, "credential.unproven", "This relying party takes only authenticators that have attested what they are, and of this one nothing was recorded.")
	ErrCredentialVersion   = fault.New(fault.Conflict, "credential.version", "The credential was changed in the meantime.")

	ErrInvitationUnknown   = fault.New(fault.NotFound, "invitation.unknown", "This invitation is not known.")
	ErrInvitationSpent     = fault.New(fault.Gone, "invitation.spent", "This invitation has been used already.")
	ErrInvitationExpired   = fault.New(fault.Gone, "invitation.expired", "This invitation has expired.")
	ErrInvitationCancelled = fault.New(fault.Gone, "invitation.cancelled", "This invitation was replaced by a newer one.")
	ErrAdditionalNeeded    = fault.New(fault.Conflict, "invitation.additional_needed", "This user has a credential already. Say that the invitation is for an additional one.")
	ErrInvitationLife      = fault.New(fault.Invalid, "invitation.life", "An invitation lives between one minute and 30 days.")

	ErrSessionUnknown    = fault.New(fault.Unauthenticated, "session.unknown", "This session has ended. Begin again.")
	ErrSessionPurpose    = fault.New(fault.Denied, "session.purpose", "This session does not allow that.")
	ErrSessionRegistered = fault.New(fault.Conflict, "session.registered", "This session has registered its credential already.")

	ErrRole              = fault.New(fault.Invalid, "operator.role", "A role is administrator, enroller or auditor.")
	ErrNoRole            = fault.New(fault.Denied, "operator.none", "You are not an operator here.")
	ErrOperatorUnknown   = fault.New(fault.NotFound, "operator.unknown", "This user is not an operator.")
	ErrOperatorAbove     = fault.New(fault.Denied, "operator.above", "This user is an operator who may do more than you. Only somebody with the same rights may change their account or credentials.")
	ErrLastAdministrator = fault.New(fault.Conflict, "operator.last", "This is the last administrator. Make somebody else one first.")

	ErrAddressLimited = fault.New(fault.Limited, "address.limited", "Too many wrong tries. Wait a minute.")
	ErrCursor         = fault.New(fault.Invalid, "query.cursor", "This cursor is not one of ours.")
	ErrLimit          = fault.New(fault.Invalid, "query.limit", "A page has 1 to 1000 entries.")
	ErrResponse       = fault.New(fault.Invalid, "response.missing", "The authenticator's answer is missing.")
	ErrOptions        = fault.New(fault.Invalid, "options.invalid", "No client would take these options.")
)

// Unreadable returns the fault for an authenticator's answer that could not be
// parsed: of kind invalid, with the code "webauthn." and the parser's reason. A
// front that parses the answer itself uses it. Such an answer spends nothing.
func Unreadable(err error) error {
	if v, ok := errors.AsType[*webauthn.VerificationError](err); ok {
		return fault.New(fault.Invalid, "webauthn."+string(v.Reason), "The answer of the authenticator cannot be read.").Because(err)
	}
	return err
}

// refused returns the fault for an answer that was understood and refused, by the
// standard or by a policy. What is neither, or says that we asked wrongly, is a fault of
// ours and stays one.
func refused(err error) error {
	if v, ok := errors.AsType[*webauthn.VerificationError](err); ok && v.Reason != webauthn.ReasonInternal {
		return fault.New(fault.Rejected, "webauthn."+string(v.Reason), "The answer of the authenticator was refused.").Because(err)
	}
	return refusedByPolicy(err)
}

// unfit returns the fault for options that no client would take.
func unfit(err error) error {
	if o, ok := errors.AsType[*webauthn.OptionsError](err); ok {
		return ErrOptions.At(o.Member).Because(err)
	}
	return err
}

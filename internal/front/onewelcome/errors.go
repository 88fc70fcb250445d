package onewelcome

import (
	"errors"
	"net/http"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

// refusal is how a cause is told here.
type refusal struct {
	status int
	code   string
}

// The codes that several causes have.
const (
	codeInvalid         = "invalid_request"
	codeMismatch        = "ceremony_mismatch"
	codeChallenge       = "challenge_mismatch"
	codeExpired         = "ceremony_expired"
	codeOrigin          = "origin_mismatch"
	codeAttestation     = "attestation_invalid"
	codeUntrusted       = "attestation_untrusted"
	codeSignature       = "signature_invalid"
	codePolicyViolation = "policy_violation"
)

// refusals says it by cause. A cause that is not here goes by its kind.
var refusals = map[string]refusal{
	credential.ErrUserUnknown.Code:       {http.StatusNotFound, "user_not_found"},
	credential.ErrUserLocked.Code:        {http.StatusConflict, "user_locked"},
	credential.ErrUserExists.Code:        {http.StatusConflict, "user_exists"},
	credential.ErrCredentialUnknown.Code: {http.StatusNotFound, "credential_not_found"},
	credential.ErrNoCredential.Code:      {http.StatusNotFound, "credential_not_found"},

	credential.ErrCredentialExists.Code:    {http.StatusConflict, "credential_exists"},
	credential.ErrCredentialLimit.Code:     {http.StatusConflict, "credential_limit"},
	credential.ErrCredentialSuspended.Code: {http.StatusUnprocessableEntity, "credential_suspended"},
	credential.ErrCeremonyUsed.Code:        {http.StatusConflict, "ceremony_used"},
	credential.ErrCeremonyUser.Code:        {http.StatusConflict, codeMismatch},
	credential.ErrCeremonyRequest.Code:     {http.StatusConflict, codeMismatch},
	credential.ErrCeremonyExpired.Code:     {http.StatusGone, codeExpired},
	credential.ErrCeremonyPolicy.Code:      {http.StatusGone, codeExpired},
	// A challenge that nobody of this key's was given.
	credential.ErrCeremonyUnknown.Code: {http.StatusUnprocessableEntity, codeChallenge},
	credential.ErrPolicyRefused.Code:   {http.StatusUnprocessableEntity, codePolicyViolation},

	tenant.ErrPolicyUnknown.Code:  {http.StatusNotFound, "policy_not_found"},
	tenant.ErrPolicyExists.Code:   {http.StatusConflict, "policy_exists"},
	tenant.ErrPolicyInUse.Code:    {http.StatusConflict, "policy_in_use"},
	tenant.ErrPolicyReadOnly.Code: {http.StatusConflict, "read_only"},
	tenant.ErrPolicyConflict.Code: {http.StatusBadRequest, codeInvalid},

	tenant.ErrRelyingPartyUnknown.Code:  {http.StatusNotFound, "relying_party_not_found"},
	tenant.ErrRelyingPartyReadOnly.Code: {http.StatusConflict, "read_only"},
}

// byReason names the refusals of an answer that was understood. What is not here says
// that the attestation is wrong, or in a sign-in the signature.
var byReason = map[webauthn.Reason]refusal{
	webauthn.ReasonChallenge:           {http.StatusUnprocessableEntity, codeChallenge},
	webauthn.ReasonClientDataType:      {http.StatusUnprocessableEntity, codeChallenge},
	webauthn.ReasonOrigin:              {http.StatusUnprocessableEntity, codeOrigin},
	webauthn.ReasonCrossOrigin:         {http.StatusUnprocessableEntity, codeOrigin},
	webauthn.ReasonTopOrigin:           {http.StatusUnprocessableEntity, codeOrigin},
	webauthn.ReasonRPIDHash:            {http.StatusUnprocessableEntity, "rpid_mismatch"},
	webauthn.ReasonUserPresence:        {http.StatusUnprocessableEntity, "user_presence_missing"},
	webauthn.ReasonUserVerification:    {http.StatusUnprocessableEntity, "user_verification_missing"},
	webauthn.ReasonAlgorithmNotOffered: {http.StatusUnprocessableEntity, "algorithm_not_allowed"},
	webauthn.ReasonSignCount:           {http.StatusUnprocessableEntity, "counter_regression"},
	webauthn.ReasonAssertionSignature:  {http.StatusUnprocessableEntity, codeSignature},

	webauthn.ReasonAttestationUntrusted:          {http.StatusUnprocessableEntity, codeUntrusted},
	webauthn.ReasonAttestationCertificateExpired: {http.StatusUnprocessableEntity, codeUntrusted},
	webauthn.ReasonCredProtect:                   {http.StatusUnprocessableEntity, codePolicyViolation},

	webauthn.ReasonCredentialNotAllowed: {http.StatusConflict, codeMismatch},
	webauthn.ReasonUserHandle:           {http.StatusConflict, codeMismatch},
}

// byKind names what goes by its kind; the status is that of [web.StatusOf].
var byKind = map[fault.Kind]string{
	fault.Internal:        "internal_error",
	fault.Invalid:         codeInvalid,
	fault.Unauthenticated: "unauthorized",
	fault.Denied:          "forbidden",
	fault.NotFound:        "not_found",
	fault.Conflict:        "conflict",
	fault.Gone:            "gone",
	fault.Rejected:        codePolicyViolation,
	fault.Limited:         "too_many_requests",
	fault.Unsupported:     "not_supported",
	fault.Unavailable:     "unavailable",
}

// refusalOf returns how f is told, where unnamed is the code of an answer that was refused
// for a reason without one.
func refusalOf(f *fault.Error, unnamed string) refusal {
	if r, ok := refusals[f.Code]; ok {
		return r
	}
	if reason, ok := strings.CutPrefix(f.Code, "webauthn."); ok && f.Kind == fault.Rejected {
		if r, ok := byReason[webauthn.Reason(reason)]; ok {
			return r
		}
		return refusal{http.StatusUnprocessableEntity, unnamed}
	}
	return refusal{web.StatusOf(f), byKind[f.Kind]}
}

// members gives the domain's names for members of requests as this door calls them. Of
// policies they are paths, which an index may follow.
var members = []struct{ domain, here string }{
	{"shownName", "username"},
	{"handle", "userId"},
	{"challengeLife", "ceremonyTTLSeconds"},
	{"rules.attachment", "deviceType"},
	{"rules.metadata.minimumLevel", "minCertificationLevel"},
	{"rules.models.allow", "allowedAaguids"},
	{"rules.models.deny", "deniedAaguids"},
	{"rules.keyIdentifiers.allow", "allowedKeyIdentifiers"},
	{"rules.keyIdentifiers.deny", "deniedKeyIdentifiers"},
	{"rules.algorithms.allow", "allowedAlgorithms"},
	{"alternatives[0].models.allow", "allowedAaguids"},
	{"alternatives[1].keyIdentifiers.allow", "allowedKeyIdentifiers"},
	{"rules", ""}, // as a whole
}

// memberHere returns the name that a member of the domain has here.
func memberHere(field string) string {
	for _, m := range members {
		if rest, ok := strings.CutPrefix(field, m.domain); ok && (rest == "" || rest[0] == '[') {
			return m.here + rest
		}
	}
	return field
}

// ownPrefix begins the codes of this door alone, which are told without it.
const ownPrefix = via + "."

// detailsOf says what exactly was refused: the member, and the cause for programs; of a
// policy its name and rule.
func detailsOf(f *fault.Error) []detail {
	if p, ok := errors.AsType[*credential.PolicyRefusal](f); ok {
		by := p.Decision.RefusedBy
		return []detail{{Reason: f.Code, Policy: by.Policy, Rule: by.Rule}}
	}
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable || f.Kind == fault.Unauthenticated {
		return nil
	}
	return []detail{{Field: memberHere(f.Field), Reason: strings.TrimPrefix(f.Code, ownPrefix)}}
}

// writeError answers r with err.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	web.LogFault(r.Context(), err)
	f := fault.From(err)
	unnamed := codeAttestation
	if strings.HasSuffix(r.Pattern, assertionVerify) {
		unnamed = codeSignature
	}
	said := refusalOf(f, unnamed)
	switch said.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="bestow"`)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", web.RetryAfter)
	}
	web.WriteJSON(w, said.status, errorAnswer{
		Error: said.code, Message: f.Public, Details: detailsOf(f), CorrelationID: web.RequestID(r.Context()),
	})
}

package conformance

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

// codes names causes here, in the words of the tests. A cause that is not here keeps its
// own name.
var codes = map[string]string{
	web.ErrTooLarge.Code: "request.malformed",
	web.ErrNotJSON.Code:  "request.malformed",
	web.ErrJSON.Code:     "request.malformed",

	// A ceremony is found by its challenge: one that was never issued is not told from
	// one that was forgotten.
	credential.ErrCeremonyUnknown.Code: "clientdata.challenge",
	credential.ErrCeremonyUsed.Code:    "session.consumed",
	credential.ErrCeremonyExpired.Code: "session.expired",

	credential.ErrUserRequired.Code:    "request.field_missing",
	credential.ErrUserName.Code:        "request.field_value",
	credential.ErrUserDisplayName.Code: "request.field_value",
	credential.ErrOptions.Code:         "request.field_value",
	credential.ErrPolicyWider.Code:     "request.field_value",

	credential.ErrTokenBinding.Code:      "clientdata.token_binding",
	credential.ErrModelUnknown.Code:      "metadata.unknown_aaguid",
	credential.ErrModelAttestation.Code:  "attestation.type_not_allowed",
	credential.ErrModelAlgorithm.Code:    "alg.unsupported",
	credential.ErrCredentialUnknown.Code: "credential.unknown",
	credential.ErrCeremonyUser.Code:      "user.mismatch",
}

// reasons names what the verification of an answer found.
var reasons = map[webauthn.Reason]string{
	webauthn.ReasonJSONMalformed:         "request.malformed",
	webauthn.ReasonJSONBase64URL:         "request.field_value",
	webauthn.ReasonCredentialType:        "request.field_value",
	webauthn.ReasonCredentialIDMismatch:  "request.field_value",
	webauthn.ReasonCredentialIDTooLong:   "request.field_value",
	webauthn.ReasonCredentialNotAllowed:  "credential.unknown",
	webauthn.ReasonUserHandle:            "user.mismatch",
	webauthn.ReasonClientDataMalformed:   "clientdata.malformed",
	webauthn.ReasonClientDataType:        "clientdata.type",
	webauthn.ReasonChallenge:             "clientdata.challenge",
	webauthn.ReasonOrigin:                "clientdata.origin",
	webauthn.ReasonCrossOrigin:           "clientdata.origin",
	webauthn.ReasonTopOrigin:             "clientdata.origin",
	webauthn.ReasonAuthDataMalformed:     "authdata.malformed",
	webauthn.ReasonAuthDataTrailingBytes: "authdata.trailing",
	webauthn.ReasonAttestedDataMissing:   "authdata.flags",
	webauthn.ReasonRPIDHash:              "authdata.rpid",
	webauthn.ReasonUserPresence:          "up.required",
	webauthn.ReasonUserVerification:      "uv.required",
	webauthn.ReasonBackupFlags:           "authdata.flags",
	webauthn.ReasonSignCount:             "counter.regression",
	webauthn.ReasonAlgorithmNotOffered:   "alg.unsupported",
	webauthn.ReasonPublicKeyInvalid:      "key.invalid",
	webauthn.ReasonAssertionSignature:    "signature.invalid",
	webauthn.ReasonCBORMalformed:         "attobj.malformed",
	webauthn.ReasonCBORTrailingBytes:     "attobj.malformed",
	webauthn.ReasonCBORDuplicateKey:      "attobj.malformed",
	webauthn.ReasonCBORNotCanonical:      "attobj.malformed",

	webauthn.ReasonAttestationFormatUnknown:        "attestation.format",
	webauthn.ReasonAttestationStatementMalformed:   "attestation.statement",
	webauthn.ReasonAttestationAlgMismatch:          "alg.unsupported",
	webauthn.ReasonAttestationSignature:            "attestation.signature",
	webauthn.ReasonAttestationCertificate:          "attestation.certificate",
	webauthn.ReasonAttestationCertificateMalformed: "attestation.certificate",
	webauthn.ReasonAttestationCertificateExpired:   "attestation.certificate",
	webauthn.ReasonAttestationUntrusted:            "attestation.chain",
	webauthn.ReasonAAGUIDMismatch:                  "attestation.certificate",
	webauthn.ReasonTPMCertInfo:                     "attestation.statement",
	webauthn.ReasonTPMPubArea:                      "attestation.statement",
	webauthn.ReasonTPMExtraData:                    "attestation.statement",
	webauthn.ReasonAppleNonce:                      "attestation.statement",
	webauthn.ReasonAndroidKey:                      "attestation.statement",
	webauthn.ReasonSafetyNetNonce:                  "attestation.statement",
	webauthn.ReasonSafetyNetHostname:               "attestation.statement",
	webauthn.ReasonSafetyNetIntegrity:              "attestation.statement",
	webauthn.ReasonCredProtect:                     "attestation.statement",
}

// codeOf returns how err is called here.
func codeOf(err error) string {
	f := fault.From(err)
	if reason, ok := strings.CutPrefix(f.Code, "webauthn."); ok {
		if code, ok := reasons[webauthn.Reason(reason)]; ok {
			return code
		}
	}
	if r, ok := errors.AsType[*credential.PolicyRefusal](err); ok && strings.HasPrefix(r.Decision.RefusedBy.Policy, tenant.BuiltInPolicyPrefix) {
		return "metadata.status" // what is built in asks for nothing else
	}
	if code, ok := codes[f.Code]; ok {
		return code
	}
	return f.Code
}

// statusOf returns the HTTP status of f: 400 for whatever the request is to blame for, as
// the tests look at the member status alone.
func statusOf(f *fault.Error) int {
	switch {
	case f.Kind == fault.Internal, f.Kind == fault.Unavailable, f.Kind == fault.Limited:
		return web.Status(f.Kind)
	case f.Code == web.ErrMethod.Code, f.Code == web.ErrNoSuchPath.Code:
		return web.StatusOf(f)
	}
	return http.StatusBadRequest
}

// writeError answers r with err.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	web.LogFault(r.Context(), err)
	f := fault.From(err)
	status := statusOf(f)
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", web.RetryAfter)
	}
	web.WriteJSON(w, status, serverResponse{Status: statusFailed, ErrorMessage: codeOf(err) + ": " + f.Public})
}

package webauthn

import (
	"errors"

	"bestow.dev/internal/strictcbor"
	"bestow.dev/internal/strictjson"
)

// refuseJSON makes the refusal of a response that is not the JSON form of a credential.
func refuseJSON(err error, step string) *VerificationError {
	reason := ReasonJSONMalformed
	if e, ok := errors.AsType[*strictjson.Error](err); ok && e.Reason == strictjson.Base64URL {
		reason = ReasonJSONBase64URL
	}
	return refuse(reason, step, "the response is not the JSON form of a credential").because(err)
}

// refuseCBOR makes the refusal of what is not CTAP2 canonical CBOR.
func refuseCBOR(err error, step, what string) *VerificationError {
	reason := ReasonCBORMalformed
	if e, ok := errors.AsType[*strictcbor.Error](err); ok {
		switch e.Reason {
		case strictcbor.Trailing:
			reason = ReasonCBORTrailingBytes
		case strictcbor.Duplicate:
			reason = ReasonCBORDuplicateKey
		case strictcbor.NotCanonical:
			reason = ReasonCBORNotCanonical
		}
	}
	return refuse(reason, step, "%s: not in CTAP2 canonical CBOR", what).because(err)
}

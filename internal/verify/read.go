package verify

import (
	"bytes"
	"crypto/x509"
	"time"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// Case is a case as [Judge] reads it, for callers that do something else with it than
// judge it.
type Case struct {
	ID           string
	Registration bool // otherwise an authentication
	RelyingParty webauthn.RelyingParty

	Challenge        []byte
	UserVerification webauthn.UserVerification // never empty
	UserPresence     webauthn.UserPresence     // empty counts as required

	Algorithms []cose.Algorithm // registration: those offered; empty: -7 and -257
	Policy     Policy           // registration

	AllowCredentials [][]byte                   // authentication: empty asks for a discoverable credential
	AppID            string                     // authentication: empty for none
	Credential       *webauthn.CredentialRecord // authentication; UserHandle is nil where the case has none

	Response []byte // JSON as it stood in the case; not judged, perhaps not even JSON
}

// Policy is what a case asks of an attestation.
type Policy struct {
	RequireTrust    bool
	Anchors         []*x509.Certificate // those that can be read
	Unreadable      bool                // there are others
	Time            time.Time           // zero: the case gives none
	ExtraTPMVendors []string
}

// NoCaseError says why a text is no case. It quotes no value.
type NoCaseError struct {
	Reason webauthn.Reason
	Detail string // one sentence
}

// Error returns the sentence.
func (e *NoCaseError) Error() string { return e.Detail }

// ReadCase returns the case that text holds. The error is a [*NoCaseError], where a
// [Judge] gives the verdict [Error].
func ReadCase(text []byte) (*Case, error) {
	if text = withoutLineEnd(text); len(text) > MaxCaseBytes {
		v := TooLong()
		return nil, &NoCaseError{v.Reason, v.Detail}
	}
	in := open(text)
	read, refusal := in.read()
	if refusal != nil {
		return nil, &NoCaseError{refusal.reason, refusal.detail}
	}
	return read.exported(), nil
}

func (c *webauthnCase) exported() *Case {
	w := &c.wire
	out := &Case{
		ID: c.id, Registration: w.Kind == kindRegistration, RelyingParty: c.relyingParty(),
		Challenge: w.Options.Challenge, UserVerification: c.userVerification(), UserPresence: w.Options.UserPresence,
		Response: c.response,
	}
	if out.Registration {
		trust, unreadable := w.Policy.trust()
		out.Algorithms = w.Options.PubKeyCredParams
		out.Policy = Policy{
			RequireTrust: trust.Attestation == webauthn.TrustRequire,
			Anchors:      trust.Anchors, Unreadable: len(unreadable) > 0,
			Time: trust.Time, ExtraTPMVendors: w.Policy.ExtraTPMVendors,
		}
		return out
	}
	record := w.Credential.record()
	out.AllowCredentials, out.AppID, out.Credential = w.Options.allowCredentials(), w.Options.Extensions.AppID, &record
	return out
}

// withoutLineEnd is text without the line end that a file or a line of one has. It is
// no part of the case, and does not count towards its length.
func withoutLineEnd(text []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
}

// Package verify judges recorded WebAuthn ceremonies: it reads a case, which holds
// what the server expected and what the browser answered, and says whether Bestow
// would have accepted it, and if not, why.
//
//	judge := verify.Judge{TPMVendors: trust.TPMVendorIDs()}
//	verdict := judge.Case(line)
//	os.Stdout.Write(verdict.Line())
//
// It is no second verifier. A case is translated into the expectation that a ceremony
// of the server has, and given to [webauthn.JudgeRegistration] or
// [webauthn.JudgeAuthentication], as the server does; what comes out is translated
// into a verdict. Nothing else is asked: the package does no input or output and has
// no clock, so one release gives a case the same verdict on every machine and in every
// year.
//
// A case is hostile input. It is strict JSON of limited length; what stands in its
// response is judged and never makes it unreadable. Whatever it holds, the answer is
// one verdict.
//
// The package does not look for metadata, revocation lists or anchors: what a case
// does not bring is not there.
package verify

import (
	"runtime/debug"
	"slices"

	"bestow.dev/webauthn"
)

// MaxCaseBytes is how long a case may be, in JSON. A line end after it does not count.
const MaxCaseBytes = 4 << 20

// MaxTextBytes is how much of a text has to be read to tell whether it is a case: the
// longest case with a line end, and one byte more.
const MaxTextBytes = MaxCaseBytes + 2 + 1

// Judge judges cases. The zero value accepts no attestation of format tpm but by the
// manufacturers that a case names. It is safe for concurrent use.
type Judge struct {
	// TPMVendors are the TPM manufacturers whose attestation is accepted beside those
	// that a case names, in the form of [webauthn.TrustPolicy].
	TPMVendors []string
}

// Case reads a case and judges it. It never panics: a fault of our own becomes a
// verdict too, with reason internal.
func (j Judge) Case(text []byte) Verdict { return guard(text, j.judge) }

// TooLong is the verdict on a case of more than [MaxCaseBytes], for callers that do
// not read on to hand it in.
func TooLong() Verdict {
	return noCase("", webauthn.ReasonJSONMalformed, "a case may have 4 MiB at most")
}

// guard reads a case, has it judged, and turns a panic in either into a verdict.
func guard(text []byte, judge func(*webauthnCase) Verdict) (v Verdict) {
	var in envelope
	defer func() {
		// What was thrown may quote the case, so only where it happened is kept.
		if thrown := recover(); thrown != nil {
			v = internalFault(in.id)
			v.Trace = debug.Stack()
		}
	}()
	if text = withoutLineEnd(text); len(text) > MaxCaseBytes {
		return TooLong()
	}
	in = open(text)
	c, refusal := in.read()
	if refusal != nil {
		return noCase(in.id, refusal.reason, refusal.detail)
	}
	return judge(c)
}

// judge gives the case to the verification.
func (j Judge) judge(c *webauthnCase) Verdict {
	if c.wire.Kind == kindRegistration {
		return j.judgeRegistration(c)
	}
	return judgeAuthentication(c)
}

func (j Judge) judgeRegistration(c *webauthnCase) Verdict {
	trust, unreadable := c.wire.Policy.trust()
	trust.TPMVendors = slices.Concat(j.TPMVendors, c.wire.Policy.ExtraTPMVendors)
	resp, err := webauthn.ParseRegistrationResponse(c.response)
	if err != nil {
		return refused(c.id, err, unreadable)
	}
	reg, err := webauthn.JudgeRegistration(webauthn.RegistrationExpectation{
		RelyingParty:     c.relyingParty(),
		Challenge:        c.wire.Options.Challenge,
		UserVerification: c.userVerification(),
		UserPresence:     c.wire.Options.UserPresence,
		Algorithms:       c.wire.Options.PubKeyCredParams,
		Trust:            trust,
	}, resp)
	if err != nil {
		return refused(c.id, err, unreadable)
	}

	let := newWarnings(unreadable, reg.Warnings)
	if trust.Time.IsZero() && len(reg.Chain) > 0 {
		let.add(webauthn.WarningTimeAbsent) // whether or not a path was found
	}
	return accepted(c.id, let, func(v *Verdict) { v.Registration = newRegistration(reg) })
}

func judgeAuthentication(c *webauthnCase) Verdict {
	resp, err := webauthn.ParseAuthenticationResponse(c.response)
	if err != nil {
		return refused(c.id, err, nil)
	}
	record := c.wire.Credential.record()
	var unknown []webauthn.Warning
	// A record always has a user handle where it is stored; a recorded case may lack
	// it. Then there is nothing to compare with, and the verdict says so. Whether a
	// user handle had to be there at all (7.2/6) is judged all the same.
	if record.UserHandle == nil && len(resp.UserHandle) > 0 {
		record.UserHandle = resp.UserHandle
		unknown = append(unknown, WarningUserHandleAbsent)
	}
	auth, err := webauthn.JudgeAuthentication(webauthn.AuthenticationExpectation{
		RelyingParty:     c.relyingParty(),
		Challenge:        c.wire.Options.Challenge,
		UserVerification: c.userVerification(),
		AllowCredentials: c.wire.Options.allowCredentials(),
		// Credentials can be named only for a user who is known already.
		UserKnown:  len(c.wire.Options.AllowCredentials) > 0,
		Credential: record,
		AppID:      c.wire.Options.Extensions.AppID,
	}, resp)
	if err != nil {
		return refused(c.id, err, unknown)
	}
	let := newWarnings(unknown, auth.Warnings)
	return accepted(c.id, let, func(v *Verdict) { v.Authentication = newAuthentication(auth) })
}

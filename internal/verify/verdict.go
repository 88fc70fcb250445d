package verify

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/strictjson"
	"bestow.dev/webauthn"
)

// schemaVerdict is the schema of verdicts.
const schemaVerdict = "webauthn-verdict/1"

// Outcome is what a verdict comes to.
type Outcome string

// The outcomes.
const (
	Accept Outcome = "accept" // Bestow would have accepted the response
	Reject Outcome = "reject" // Bestow would have refused it
	Error  Outcome = "error"  // the input is no case, or, with reason internal, the fault is ours
)

// Warnings that come from the case and not from the verification.
const (
	// WarningTrustAnchorUnreadable: one of the anchors is no certificate this version
	// can read, and was left out.
	WarningTrustAnchorUnreadable webauthn.Warning = "trust_anchor_unreadable"
	// WarningUserHandleAbsent: the case does not say whose the credential is, so the
	// user handle of the response was not compared.
	WarningUserHandleAbsent webauthn.Warning = "user_handle_absent"
)

// Verdict is webauthn-verdict/1. [Verdict.Line] is its JSON form.
type Verdict struct {
	Schema  string  `json:"schema"`
	ID      string  `json:"id"` // of the case; empty if none could be read
	Outcome Outcome `json:"verdict"`

	// Reason, Step and Detail say why a case was not accepted. Step is empty where no
	// step of the standard was reached. Detail is one sentence, and never holds key
	// material.
	Reason webauthn.Reason `json:"reason,omitempty"`
	Step   string          `json:"step,omitempty"`
	Detail string          `json:"detail,omitempty"`

	// Registration or Authentication is what was accepted; nil otherwise.
	Registration   *Registration   `json:"registration,omitempty"`
	Authentication *Authentication `json:"authentication,omitempty"`

	// Warnings are what was let pass: not nil if accepted, and otherwise nil if empty.
	Warnings []webauthn.Warning `json:"warnings,omitzero"`
	// Micros is how long the judgement of an accepted case took, in microseconds.
	// The caller measures; see [Verdict.Took].
	Micros *int64 `json:"micros,omitempty"`

	// Trace is where a fault of our own happened; nil if there was none.
	Trace []byte `json:"-"`
}

// Registration is what a verdict says about a registration that was accepted.
type Registration struct {
	Format          string                   `json:"fmt"`
	AttestationType webauthn.AttestationType `json:"attestationType"`
	Trusted         bool                     `json:"trusted"`
	Chain           []string                 `json:"chain"` // SHA-256 in hex, leaf first
	AAGUID          webauthn.AAGUID          `json:"aaguid"`
	CredentialID    webauthn.Bytes           `json:"credentialId"`
	PublicKey       webauthn.Bytes           `json:"publicKey"` // COSE
	Algorithm       cose.Algorithm           `json:"alg"`
	SignCount       uint32                   `json:"signCount"`
	Flags           Flags                    `json:"flags"`
	Transports      []string                 `json:"transports"`
	Extensions      json.RawMessage          `json:"extensions"`
}

// Authentication is what a verdict says about an authentication that was accepted.
type Authentication struct {
	CredentialID webauthn.Bytes  `json:"credentialId"`
	SignCount    uint32          `json:"signCount"` // the new one
	Flags        Flags           `json:"flags"`
	UserHandle   webauthn.Bytes  `json:"userHandle"` // null if the response has none
	Extensions   json.RawMessage `json:"extensions"`
}

// Flags are the flags of authenticator data (§6.1), by the names the standard gives them.
type Flags struct {
	UserPresent    bool `json:"up"`
	UserVerified   bool `json:"uv"`
	BackupEligible bool `json:"be"`
	BackupState    bool `json:"bs"`
	AttestedData   bool `json:"at"`
	ExtensionData  bool `json:"ed"`
}

// Took notes how long the judgement took.
func (v *Verdict) Took(d time.Duration) {
	if v.Outcome == Accept {
		micros := d.Microseconds()
		v.Micros = &micros
	}
}

// Internal reports whether the verdict is about a fault of our own.
func (v *Verdict) Internal() bool { return v.Outcome == Error && v.Reason == webauthn.ReasonInternal }

// Line returns the verdict as one line of JSON, with its line feed.
func (v *Verdict) Line() []byte {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("verify: a verdict is not JSON: " + err.Error()) // none of its members can fail
	}
	return line.Bytes()
}

func accepted(id string, warnings warnings, fill func(*Verdict)) Verdict {
	v := Verdict{Schema: schemaVerdict, ID: id, Outcome: Accept, Warnings: warnings}
	fill(&v)
	return v
}

// refused is the verdict on a response that the verification refused.
func refused(id string, err error, unsure []webauthn.Warning) Verdict {
	e, ok := errors.AsType[*webauthn.VerificationError](err)
	if !ok || e.Reason == webauthn.ReasonInternal {
		return internalFault(id)
	}
	return Verdict{
		Schema: schemaVerdict, ID: id, Outcome: Reject,
		Reason: e.Reason, Step: e.Step, Detail: detail(e), Warnings: unsure,
	}
}

// detail adds the cause to the sentence where it is known to quote no value.
func detail(e *webauthn.VerificationError) string {
	if cause, ok := errors.AsType[*strictjson.Error](e.Err); ok {
		return e.Detail + ": " + cause.Error()
	}
	if cause, ok := errors.AsType[*cose.KeyError](e.Err); ok {
		return e.Detail + ": " + cause.Error()
	}
	return e.Detail
}

func noCase(id string, reason webauthn.Reason, detail string) Verdict {
	return Verdict{Schema: schemaVerdict, ID: id, Outcome: Error, Reason: reason, Detail: detail}
}

func internalFault(id string) Verdict {
	return noCase(id, webauthn.ReasonInternal, "the case could not be judged; this is a fault of Bestow, not of the case")
}

// warnings are each there once.
type warnings []webauthn.Warning

func newWarnings(lists ...[]webauthn.Warning) warnings {
	all := warnings{}
	for _, list := range lists {
		all.add(list...)
	}
	return all
}

func (w *warnings) add(more ...webauthn.Warning) {
	for _, warning := range more {
		if !slices.Contains(*w, warning) {
			*w = append(*w, warning)
		}
	}
}

func newRegistration(reg *webauthn.Registration) *Registration {
	chain := make([]string, len(reg.Chain))
	for i, print := range reg.Chain {
		chain[i] = hex.EncodeToString(print[:])
	}
	return &Registration{
		Format: reg.Format, AttestationType: reg.AttestationType, Trusted: reg.Trusted, Chain: chain,
		AAGUID: reg.AAGUID, CredentialID: reg.CredentialID, PublicKey: reg.PublicKey, Algorithm: reg.Algorithm,
		SignCount: reg.SignCount, Flags: newFlags(reg.Flags),
		Transports: append([]string{}, reg.Transports...), Extensions: newExtensions(reg.Extensions),
	}
}

func newAuthentication(auth *webauthn.Authentication) *Authentication {
	return &Authentication{
		CredentialID: auth.CredentialID, SignCount: auth.SignCount, Flags: newFlags(auth.Flags),
		UserHandle: auth.UserHandle, Extensions: newExtensions(auth.Extensions),
	}
}

func newFlags(f webauthn.Flags) Flags {
	return Flags{
		UserPresent: f.UserPresent(), UserVerified: f.UserVerified(),
		BackupEligible: f.BackupEligible(), BackupState: f.BackupState(),
		AttestedData: f.AttestedData(), ExtensionData: f.ExtensionData(),
	}
}

// newExtensions renders the outputs here, where a fault would still become a verdict.
func newExtensions(e webauthn.Extensions) json.RawMessage {
	text, err := json.Marshal(e)
	if err != nil {
		panic("verify: extension outputs are not JSON: " + err.Error())
	}
	return text
}

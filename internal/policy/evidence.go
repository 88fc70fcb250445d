package policy

import (
	"time"

	"bestow.dev/cose"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// Evidence is what is known when a policy decides. It is data and nothing else: at a
// registration [FromRegistration] makes it, and [Evidence.AtSignIn] brings it up to
// date when the credential is used.
type Evidence struct {
	// Ceremony is Registration unless it is SignIn.
	Ceremony Ceremony
	// Time is when the evidence was gathered.
	Time time.Time

	// Format is the attestation statement format; AttestationType what it conveyed.
	Format          string
	AttestationType webauthn.AttestationType
	// Trusted says that the attestation leads to a trust anchor.
	Trusted bool
	// AAGUID is the model by its own word; ProvesModel says that a trusted
	// attestation answers for it.
	AAGUID      webauthn.AAGUID
	ProvesModel bool
	// KeyIdentifiers are those of the certificates on trusted paths, anchors included.
	KeyIdentifiers []metadata.KeyIdentifier
	// ClaimedKeyIdentifiers are those of all certificates that the statement carried.
	// They prove nothing, and can be denied.
	ClaimedKeyIdentifiers []metadata.KeyIdentifier
	// Firmware is the version in the attestation certificate of a trusted path; nil
	// if it does not say.
	Firmware *uint64

	// Algorithm is that of the credential key.
	Algorithm cose.Algorithm
	// UserVerified, BackupEligible and BackedUp are the flags UV, BE and BS.
	UserVerified   bool
	BackupEligible bool
	BackedUp       bool

	// Discoverable is the client's word on whether the credential can be used without
	// naming it; nil if it did not say.
	Discoverable *bool
	// Transports and Attachment are the client's word; empty if it did not say.
	Transports []string
	Attachment webauthn.Attachment

	// Model is what the metadata has on the model; nil: nothing.
	Model *Model
}

// Model is what the metadata has on the model that an attestation leads to.
type Model struct {
	// Entry is the model's entry.
	Entry *metadata.Entry
	// Device is what is known of the device; zero: nothing.
	Device metadata.Device
	// Standing is how the device stands at the evidence's time; nil is worked out.
	Standing *metadata.Standing
	// Anchored says that the path which answers for the model leads to one of the
	// anchors that the entry lists.
	Anchored bool
	// Source says where the entry is from, such as the name of a metadata service;
	// Number is the serial number of its list.
	Source string
	Number uint64
}

// at reports the ceremony: whatever is not a sign-in counts as a registration, so that
// no unknown word gets round the rules.
func (e *Evidence) at() Ceremony {
	if e.Ceremony == SignIn {
		return SignIn
	}
	return Registration
}

// untrusted says why the attestation proves nothing; empty if it is trusted. Type and
// Trusted are asked both: a mistake in one of them must not prove anything.
func (e *Evidence) untrusted() string {
	switch e.AttestationType {
	case webauthn.AttestationBasic, webauthn.AttestationAttCA, webauthn.AttestationAnonCA:
	case webauthn.AttestationSelf:
		return "self attestation proves nothing"
	default:
		return "there is no attestation"
	}
	if !e.Trusted {
		return "the attestation leads to no trust anchor"
	}
	return ""
}

// unprovenModel says why nothing answers for the AAGUID; empty if something does.
func (e *Evidence) unprovenModel() string {
	switch why := e.untrusted(); {
	case why != "":
		return why
	case e.AAGUID.IsZero():
		return "it names no model"
	case !e.ProvesModel:
		return "attestation of format " + shown(e.Format) + " does not answer for the model"
	}
	return ""
}

// entry returns the metadata's entry; nil if there is none.
func (e *Evidence) entry() *metadata.Entry {
	if e.Model == nil {
		return nil
	}
	return e.Model.Entry
}

// statement returns the metadata statement; nil if there is none.
func (e *Evidence) statement() *metadata.Statement {
	if entry := e.entry(); entry != nil {
		return entry.Statement
	}
	return nil
}

// standing returns how the device stands.
func (e *Evidence) standing() *metadata.Standing {
	switch {
	case e.Model == nil:
		return new(metadata.Standing)
	case e.Model.Standing == nil:
		return e.Model.Entry.StatusFor(e.Time, e.Model.Device)
	}
	return e.Model.Standing
}

// unprovenEntry says why nothing answers for the metadata's entry; empty if something
// does: a trusted attestation of that very model, which leads to an anchor of its own
// (MDS §3.2; an AAGUID is a claim until then).
func (e *Evidence) unprovenEntry() string {
	entry := e.entry()
	switch why := e.untrusted(); {
	case entry == nil:
		return "the metadata does not know the model"
	case why != "":
		return why
	case !entry.AAGUID.IsZero() && entry.AAGUID == e.AAGUID:
		if why := e.unprovenModel(); why != "" {
			return why
		}
	case !shares(entry.KeyIdentifiers, e.KeyIdentifiers):
		return "the metadata's entry is of another model"
	}
	if !e.Model.Anchored {
		return "the attestation leads to no anchor that the metadata lists for the model"
	}
	return ""
}

// shares reports whether the lists have a key identifier in common.
func shares(a, b []metadata.KeyIdentifier) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

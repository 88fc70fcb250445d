package policy

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"

	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// Known is what a registration's evidence is made from beside the registration.
type Known struct {
	// Time is when the registration is judged.
	Time time.Time
	// Trust is what [webauthn.JudgeTrust] made of the registration's attestation; nil:
	// it is not trusted.
	Trust *webauthn.Trust
	// Attachment is the client's word, from the response.
	Attachment webauthn.Attachment
	// Entry is what the metadata has on the model ([metadata.BLOB.ForAttestation]);
	// nil: nothing. Source and Number say which list it is from.
	Entry  *metadata.Entry
	Source string
	Number uint64
}

// FromRegistration returns the evidence of a registration that was verified. It keeps
// parts of reg and k, which are not to be changed after.
func FromRegistration(reg *webauthn.Registration, k Known) Evidence {
	e := Evidence{
		Ceremony:        Registration,
		Time:            k.Time,
		Format:          reg.Format,
		AttestationType: reg.AttestationType,
		AAGUID:          reg.AAGUID,
		Algorithm:       reg.Algorithm,
		UserVerified:    reg.Flags.UserVerified(),
		BackupEligible:  reg.Flags.BackupEligible(),
		BackedUp:        reg.Flags.BackupState(),
		Discoverable:    reg.Discoverable,
		Transports:      reg.Transports,
		Attachment:      k.Attachment,
	}
	proofs := e.weigh(reg.Attestation(), k.Trust)
	if k.Entry == nil {
		return e
	}
	e.Model = &Model{Entry: k.Entry, Source: k.Source, Number: k.Number}
	e.Model.Device.Firmware = e.Firmware
	for _, p := range proofs {
		e.Model.Device.Path = append(e.Model.Device.Path, p.path...)
		e.Model.Anchored = e.Model.Anchored || p.answersFor(k.Entry) && leadsTo(p.path, k.Entry.TrustAnchors())
	}
	e.Model.Standing = k.Entry.StatusFor(k.Time, e.Model.Device)
	return e
}

// proof is a part of an attestation that is trusted: all of it, where it has no parts.
type proof struct {
	attestation *webauthn.Attestation
	path        []*x509.Certificate
}

// weigh notes what an attestation, or its parts, prove and claim, and returns the
// parts that are trusted.
func (e *Evidence) weigh(a *webauthn.Attestation, trust *webauthn.Trust) []proof {
	if a == nil {
		return nil
	}
	if a.Parts != nil {
		var proofs []proof
		for i, part := range a.Parts {
			var judged *webauthn.Trust
			if trust != nil && i < len(trust.Parts) {
				judged = trust.Parts[i]
			}
			proofs = append(proofs, e.weigh(part, judged)...)
		}
		return proofs
	}
	e.ClaimedKeyIdentifiers = identify(e.ClaimedKeyIdentifiers, a.Certificates)
	if trust == nil || !trust.Trusted || len(trust.Path) == 0 {
		return nil
	}
	e.Trusted = true
	e.ProvesModel = e.ProvesModel || a.ProvesModel
	e.KeyIdentifiers = identify(e.KeyIdentifiers, trust.Path)
	// Of several versions the lowest counts: rules ask for a minimum.
	if v := a.Firmware(); v != nil && (e.Firmware == nil || *v < *e.Firmware) {
		e.Firmware = v
	}
	return []proof{{a, trust.Path}}
}

// identify appends the key identifiers of certificates that ids lacks.
func identify(ids []metadata.KeyIdentifier, certificates []*x509.Certificate) []metadata.KeyIdentifier {
	for _, c := range certificates {
		if id, ok := metadata.KeyIdentifierOf(c); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// answersFor reports whether p is about the entry's model: the attestation answers for
// its AAGUID, or one of its certificates has one of its keys.
func (p *proof) answersFor(entry *metadata.Entry) bool {
	if !entry.AAGUID.IsZero() {
		return p.attestation.ProvesModel && p.attestation.AAGUID == entry.AAGUID
	}
	return shares(entry.KeyIdentifiers, identify(nil, p.path))
}

// leadsTo reports whether a verified path has one of the anchors on it, or ends in a
// certificate that one of them issued: an operator may anchor an intermediate where
// the metadata lists the root above it.
func leadsTo(path, anchors []*x509.Certificate) bool {
	last := path[len(path)-1]
	for _, anchor := range anchors {
		if slices.ContainsFunc(path, anchor.Equal) {
			return true
		}
		if bytes.Equal(last.RawIssuer, anchor.RawSubject) && last.CheckSignatureFrom(anchor) == nil {
			return true
		}
	}
	return false
}

// AtSignIn returns e, the evidence of a credential's registration, as it is when the
// credential is used at a given time: user verification, backup state and attachment
// are those of the sign-in. Where the metadata has moved on since, the caller sets
// Model anew.
func (e Evidence) AtSignIn(made *webauthn.Authentication, attachment webauthn.Attachment, at time.Time) Evidence {
	e.Ceremony, e.Time = SignIn, at
	e.UserVerified = made.Flags.UserVerified()
	e.BackedUp = made.Flags.BackupState()
	e.Attachment = attachment
	if e.Model != nil {
		model := *e.Model
		model.Standing = model.Entry.StatusFor(at, model.Device)
		e.Model = &model
	}
	return e
}

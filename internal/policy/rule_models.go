package policy

import (
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// modelsAllow: the AAGUID is listed, and a trusted attestation answers for it.
func modelsAllow(r *Rules) *clause {
	if r.Models == nil || r.Models.Allow == nil {
		return nil
	}
	listed := set(aaguids(r.Models.Allow))
	return &clause{
		wanted: either(r.Models.Allow, "models"),
		judge: func(e *Evidence) finding {
			found := e.modelInWords()
			if !listed[e.AAGUID] {
				return refused(found, "")
			}
			if why := e.unprovenModel(); why != "" {
				return refused(found, why)
			}
			return passed(found)
		},
		limits: append(modelProof(), only(ofModel, r.Models.Allow...)),
	}
}

// modelsDeny: the AAGUID is not listed, whoever answers for it.
func modelsDeny(r *Rules) *clause {
	if r.Models == nil || r.Models.Deny == nil {
		return nil
	}
	listed := set(aaguids(r.Models.Deny))
	return &clause{
		wanted:      "not " + either(r.Models.Deny, "models"),
		judge:       func(e *Evidence) finding { return judgeIf(!listed[e.AAGUID], e.modelInWords()) },
		limits:      []limit{{of: ofModel, never: r.Models.Deny}},
		readsClaims: true,
	}
}

// aaguids reads AAGUIDs that were checked.
func aaguids(texts []string) []webauthn.AAGUID {
	ids := make([]webauthn.AAGUID, len(texts))
	for i, text := range texts {
		ids[i], _ = webauthn.ParseAAGUID(text) // checked; zero would match no model
	}
	return ids
}

// modelInWords names the model by its own word, and as the metadata describes it.
func (e *Evidence) modelInWords() string {
	if e.AAGUID.IsZero() {
		return "no model"
	}
	text := e.AAGUID.String()
	if s := e.statement(); s != nil && s.AAGUID == e.AAGUID && s.Description != "" {
		text += " (" + shown(s.Description) + ")"
	}
	return text
}

// keyIdentifiersAllow: a certificate on a trusted path has a listed key.
func keyIdentifiersAllow(r *Rules) *clause {
	if r.KeyIdentifiers == nil || r.KeyIdentifiers.Allow == nil {
		return nil
	}
	listed := set(r.KeyIdentifiers.Allow)
	return &clause{
		wanted: either(r.KeyIdentifiers.Allow, "certificate keys"),
		judge: func(e *Evidence) finding {
			if why := e.untrusted(); why != "" {
				return refused(keysInWords(e.ClaimedKeyIdentifiers), why)
			}
			if id, ok := firstIn(listed, e.KeyIdentifiers); ok {
				return passed(id)
			}
			return refused(keysInWords(e.KeyIdentifiers), "")
		},
		limits: append(trustProof(), limit{of: ofKeyIdentifier, some: r.KeyIdentifiers.Allow}),
	}
}

// keyIdentifiersDeny: no certificate has a listed key, trusted or not.
func keyIdentifiersDeny(r *Rules) *clause {
	if r.KeyIdentifiers == nil || r.KeyIdentifiers.Deny == nil {
		return nil
	}
	listed := set(r.KeyIdentifiers.Deny)
	return &clause{
		wanted: "not " + either(r.KeyIdentifiers.Deny, "certificate keys"),
		judge: func(e *Evidence) finding {
			for _, ids := range [][]metadata.KeyIdentifier{e.KeyIdentifiers, e.ClaimedKeyIdentifiers} {
				if id, ok := firstIn(listed, ids); ok {
					return refused(id, "")
				}
			}
			if len(e.KeyIdentifiers) == 0 {
				return passed(keysInWords(e.ClaimedKeyIdentifiers))
			}
			return passed(keysInWords(e.KeyIdentifiers))
		},
		limits:      []limit{{of: ofKeyIdentifier, never: r.KeyIdentifiers.Deny}},
		readsClaims: true,
	}
}

// firstIn returns the first of ids that is listed.
func firstIn(listed map[string]bool, ids []metadata.KeyIdentifier) (string, bool) {
	for _, id := range ids {
		if text := id.String(); listed[text] {
			return text, true
		}
	}
	return "", false
}

// keysInWords names certificate keys, the attestation certificate's first.
func keysInWords(ids []metadata.KeyIdentifier) string {
	if len(ids) == 0 {
		return "no certificate"
	}
	texts := make([]string, min(len(ids), maxListed))
	for i := range texts {
		texts[i] = ids[i].String()
	}
	return every(texts, "certificate keys")
}

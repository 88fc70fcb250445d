package policy

import (
	"slices"
	"strconv"

	"bestow.dev/metadata"
)

// metadataRequired: there is an entry, and a trusted attestation of its model.
func metadataRequired(r *Rules) *clause {
	if r.Metadata == nil || !*r.Metadata.Required {
		return nil
	}
	return &clause{
		wanted: "a model that the metadata knows",
		judge: func(e *Evidence) finding {
			found := e.entryInWords()
			if why := e.unprovenEntry(); why != "" {
				return refused(found, why)
			}
			return passed(found)
		},
		limits: trustProof(),
	}
}

// entryInWords names the entry.
func (e *Evidence) entryInWords() string {
	entry := e.entry()
	if entry == nil {
		return "no entry"
	}
	text := "an entry"
	if entry.Statement != nil && entry.Statement.Description != "" {
		text = shown(entry.Statement.Description)
	}
	if e.Model.Source != "" {
		text += " in " + shown(e.Model.Source)
	}
	if e.Model.Number != 0 {
		text += " no. " + strconv.FormatUint(e.Model.Number, 10)
	}
	return text
}

// statusesDeny: the model has none of the listed statuses, be it proven or claimed.
// The compromises are as [metadata.Standing] has them, by date and firmware.
func statusesDeny(r *Rules) *clause {
	if r.Metadata == nil {
		return nil
	}
	denied := r.Metadata.Statuses.Deny
	listed := set(denied)
	wanted := "not " + either(denied, "statuses")
	if slices.Equal(denied, compromises) {
		wanted = "not compromised or revoked"
	}
	return &clause{
		wanted: wanted,
		judge: func(e *Evidence) finding {
			if e.entry() == nil {
				return notJudged("the metadata does not know the model")
			}
			statuses := statusesOf(e.standing())
			for _, s := range statuses {
				if listed[s] {
					return refused(s, "")
				}
			}
			return passed(shownList(statuses))
		},
		readsClaims: true,
	}
}

// statusesOf returns what can be denied of how a device stands: its defects, and what
// is the last word otherwise.
func statusesOf(s *metadata.Standing) []string {
	var statuses []string
	for _, defect := range s.Defects {
		if defect != nil {
			statuses = append(statuses, string(defect.Status))
		}
	}
	if s.Revoked {
		statuses = append(statuses, string(metadata.StatusRevoked))
	}
	if s.Retired {
		statuses = append(statuses, string(metadata.StatusRetired))
	}
	if s.UpdateAvailable {
		statuses = append(statuses, string(metadata.StatusUpdateAvailable))
	}
	if s.Level == metadata.LevelNone {
		statuses = append(statuses, string(metadata.StatusNotCertified))
	}
	if s.Current != nil {
		statuses = append(statuses, string(s.Current.Status))
	}
	slices.Sort(statuses)
	return slices.Compact(statuses)
}

// minimumLevel: a certification in force is of this level or above.
func minimumLevel(r *Rules) *clause {
	if r.Metadata == nil || r.Metadata.MinimumLevel == "" {
		return nil
	}
	least := metadata.Level(slices.Index(certificationLevels, r.Metadata.MinimumLevel) + 1)
	return entryRule("certified "+r.Metadata.MinimumLevel+" or above", func(e *Evidence) finding {
		level := e.standing().Level
		if level == metadata.LevelNone {
			return refused("not certified", "")
		}
		return judgeIf(level >= least, "certified "+level.String())
	})
}

// minimumAuthenticatorVersion: the statement is about this version or later ones.
func minimumAuthenticatorVersion(r *Rules) *clause {
	if r.Metadata == nil || r.Metadata.MinimumAuthenticatorVersion == nil {
		return nil
	}
	least := *r.Metadata.MinimumAuthenticatorVersion
	return entryRule("authenticatorVersion "+strconv.FormatUint(least, 10)+" or later", onStatement(func(s *metadata.Statement) finding {
		return judgeIf(s.AuthenticatorVersion >= least, "authenticatorVersion "+strconv.FormatUint(s.AuthenticatorVersion, 10))
	}))
}

// entryRule returns a rule that only a model which is proven to be the metadata's can
// satisfy.
func entryRule(wanted string, judge func(*Evidence) finding, limits ...limit) *clause {
	return &clause{
		wanted: wanted,
		judge: func(e *Evidence) finding {
			if e.entry() == nil {
				return refused("no entry", "the metadata does not know the model")
			}
			f := judge(e)
			if f.outcome != Passed {
				return f
			}
			if why := e.unprovenEntry(); why != "" {
				return refused(f.found, why)
			}
			return f
		},
		limits: append(trustProof(), limits...),
	}
}

// onStatement judges the metadata statement; without one the rule is refused.
func onStatement(judge func(*metadata.Statement) finding) func(*Evidence) finding {
	return func(e *Evidence) finding {
		s := e.statement()
		if s == nil {
			return refused("no statement", "the metadata does not describe the model")
		}
		return judge(s)
	}
}

// firmwareMinimum: the attestation certificate names this version or a later one.
func firmwareMinimum(r *Rules) *clause {
	if r.Firmware == nil || r.Firmware.Minimum == nil {
		return nil
	}
	least := *r.Firmware.Minimum
	return &clause{
		wanted: "firmware " + strconv.FormatUint(least, 10) + " or later",
		judge: func(e *Evidence) finding {
			f := e.provenFirmware()
			if f.outcome != Passed {
				return f
			}
			return judgeIf(*e.Firmware >= least, f.found)
		},
		limits: trustProof(),
	}
}

// firmwareTrustworthy: the attestation certificate names a version that is not below
// the lowest one that the metadata statement is about.
func firmwareTrustworthy(r *Rules) *clause {
	if r.Firmware == nil || r.Firmware.Trustworthy == nil {
		return nil
	}
	return entryRule("firmware as trustworthy as the metadata asks", func(e *Evidence) finding {
		f := e.provenFirmware()
		if f.outcome != Passed {
			return f
		}
		return onStatement(func(s *metadata.Statement) finding {
			if *e.Firmware < s.AuthenticatorVersion {
				return refused(f.found, "the metadata asks for "+strconv.FormatUint(s.AuthenticatorVersion, 10))
			}
			return f
		})(e)
	})
}

// provenFirmware passes where a trusted attestation names the firmware.
func (e *Evidence) provenFirmware() finding {
	switch why := e.untrusted(); {
	case why != "":
		return refused("no proven firmware", why)
	case e.Firmware == nil:
		return refused("no firmware version", "the attestation certificate names none")
	}
	return passed("firmware " + strconv.FormatUint(*e.Firmware, 10))
}

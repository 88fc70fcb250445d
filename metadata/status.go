package metadata

import (
	"crypto/x509"
	"slices"
	"time"
)

// Device is what is known of the single authenticator that a judgement is about. The
// zero value knows nothing, and then every report is about it.
type Device struct {
	// Firmware is its version, from the attestation certificate (extension
	// 1.3.6.1.4.1.45724.1.1.5); nil if it does not say.
	Firmware *uint64
	// Path is the path from its attestation certificate to the anchor, both included;
	// nil if there is none.
	Path []*x509.Certificate
}

// Standing is how a model, or one device of it, stands on a day.
type Standing struct {
	// Current is the last report in force: the model's state in one word; nil if there
	// is none.
	Current *StatusReport

	// Revoked says that the model must not be registered, whatever the policy.
	Revoked bool
	// Compromised says that user verification, user keys or attestation keys are not
	// safe. New registrations are to be refused, unless the policy knows better.
	Compromised bool
	// Defects are the reports behind Revoked and Compromised, in their order.
	Defects []*StatusReport

	// Level is the strictest certification in force, and LevelReport what says so; nil
	// with LevelNone.
	Level       Level
	LevelReport *StatusReport

	// UpdateAvailable says that the last word on firmware is that there is a newer one.
	UpdateAvailable bool
	// Retired says that the model was withdrawn, which is no defect.
	Retired bool
}

// Sound reports whether there is no defect.
func (s *Standing) Sound() bool { return !s.Revoked && !s.Compromised }

// StatusAt returns how the model stands at a time, for a device of which nothing is
// known. A nil e has no reports: it is neither certified nor at fault.
func (e *Entry) StatusAt(at time.Time) *Standing { return e.StatusFor(at, Device{}) }

// StatusFor returns how device d of the model stands at a time.
//
// A report holds from its effective date. Statuses that are not known are passed over.
// A defect holds until a later report certifies firmware that the device has. Two
// defects are never made good so, as it is the attestation that tells the firmware,
// and after them it has no word: revocation, and the compromise of attestation keys.
// The latter, where it names a certificate, is about devices with that certificate in
// their path.
func (e *Entry) StatusFor(at time.Time, d Device) *Standing {
	s := new(Standing)
	if e == nil {
		return s
	}
	var defects []*StatusReport
	for i := range e.StatusReports {
		r := &e.StatusReports[i]
		known := statuses[r.Status]
		if known.kind == kindUnknown || at.Before(r.EffectiveDate) {
			continue
		}
		s.Current = r
		switch known.kind {
		case kindCertified:
			defects = slices.DeleteFunc(defects, func(defect *StatusReport) bool { return d.cures(r, defect) })
			s.Retired = false
			if !d.mayHave(r) {
				continue
			}
			s.UpdateAvailable = false
			if inForce(r, at) && known.level >= s.Level {
				s.Level, s.LevelReport = known.level, r
			}
		case kindUncertified:
			s.Level, s.LevelReport = LevelNone, nil
		case kindUpdate:
			s.UpdateAvailable = true
		case kindRetired:
			s.Retired = true
		case kindCompromised, kindRevoked:
			if d.isMeantBy(r) {
				defects = append(defects, r)
			}
		}
	}
	for _, defect := range defects {
		if defect.Status == StatusRevoked {
			s.Revoked = true
		} else {
			s.Compromised = true
		}
	}
	s.Defects = defects
	return s
}

// inForce reports whether the certification that r tells of has not ended.
func inForce(r *StatusReport, at time.Time) bool {
	return r.SunsetDate.IsZero() || at.Before(endOfDay(r.SunsetDate))
}

// mayHave reports whether d may have the firmware that r certifies, or a later one, to
// which the certification extends.
func (d *Device) mayHave(r *StatusReport) bool {
	return r.AuthenticatorVersion == nil || d.Firmware == nil || *d.Firmware >= *r.AuthenticatorVersion
}

// cures reports whether a certification shows that a defect reported before it is not
// d's: it is for firmware that d is known to have, and not for older firmware than the
// defect's.
func (d *Device) cures(certified, defect *StatusReport) bool {
	if defect.Status == StatusRevoked || defect.Status == StatusAttestationKey {
		return false
	}
	version := certified.AuthenticatorVersion
	if version == nil || d.Firmware == nil || *d.Firmware < *version {
		return false
	}
	return defect.AuthenticatorVersion == nil || *version >= *defect.AuthenticatorVersion
}

// isMeantBy reports whether a defect concerns d.
func (d *Device) isMeantBy(defect *StatusReport) bool {
	if defect.Status != StatusAttestationKey || len(d.Path) == 0 {
		return true
	}
	// The batch is the narrower of the two, where both are there.
	narrowed := defect.BatchCertificate
	if narrowed == nil {
		narrowed = defect.Certificate
	}
	return narrowed == nil || slices.ContainsFunc(d.Path, narrowed.Equal)
}

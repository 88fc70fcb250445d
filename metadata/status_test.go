package metadata_test

import (
	"crypto/x509"
	"testing"
	"time"

	"bestow.dev/metadata"
)

func date(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	return must(time.Parse(time.DateOnly, text))
}

func TestStatusAt(t *testing.T) {
	type report = metadata.StatusReport
	version := func(v uint64) *uint64 { return &v }
	old, fixed := metadata.Device{Firmware: version(4)}, metadata.Device{Firmware: version(6)}
	s := newService()
	ofCA := metadata.Device{Path: []*x509.Certificate{s.leaf.cert, s.ca.cert}}
	since := func(status metadata.Status, date_ string) report {
		return report{Status: status, EffectiveDate: date(date_)}
	}

	tests := []struct {
		name                 string
		reports              []report
		device               metadata.Device
		current              metadata.Status
		revoked, compromised bool
		level                metadata.Level
	}{
		{name: "no reports"},
		{name: "certified", reports: []report{{Status: "FIDO_CERTIFIED_L2"}}, current: "FIDO_CERTIFIED_L2", level: metadata.LevelL2},
		{name: "certified before levels", reports: []report{{Status: "FIDO_CERTIFIED"}}, current: "FIDO_CERTIFIED", level: metadata.LevelL1},
		{name: "highest of several", reports: []report{{Status: "FIDO_CERTIFIED_L3plus"}, {Status: "FIDO_CERTIFIED_L1plus"}}, current: "FIDO_CERTIFIED_L1plus", level: metadata.LevelL3Plus},
		{name: "not yet in force", reports: []report{{Status: "FIDO_CERTIFIED_L1"}, since("FIDO_CERTIFIED_L2", "2026-06-16")}, current: "FIDO_CERTIFIED_L1", level: metadata.LevelL1},
		{name: "in force from today", reports: []report{since("FIDO_CERTIFIED_L2", "2026-06-15")}, current: "FIDO_CERTIFIED_L2", level: metadata.LevelL2},
		{name: "last day of a certification", reports: []report{{Status: "FIDO_CERTIFIED_L2", SunsetDate: date("2026-06-15")}}, current: "FIDO_CERTIFIED_L2", level: metadata.LevelL2},
		{name: "certification has ended", reports: []report{{Status: "FIDO_CERTIFIED_L2", SunsetDate: date("2026-06-14")}}, current: "FIDO_CERTIFIED_L2"},
		{name: "an ended one hides no other", reports: []report{{Status: "FIDO_CERTIFIED_L3", SunsetDate: date("2026-06-14")}, {Status: "FIDO_CERTIFIED_L1"}}, current: "FIDO_CERTIFIED_L1", level: metadata.LevelL1},
		{name: "no longer certified", reports: []report{{Status: "FIDO_CERTIFIED_L2"}, {Status: "NOT_FIDO_CERTIFIED"}}, current: "NOT_FIDO_CERTIFIED"},
		{name: "FIPS is no level", reports: []report{{Status: "FIPS140_CERTIFIED_L3"}}, current: "FIPS140_CERTIFIED_L3"},
		{name: "self assertion", reports: []report{{Status: "SELF_ASSERTION_SUBMITTED"}}, current: "SELF_ASSERTION_SUBMITTED"},
		{name: "unknown status last", reports: []report{{Status: "FIDO_CERTIFIED_L1"}, {Status: "GLOWING"}}, current: "FIDO_CERTIFIED_L1", level: metadata.LevelL1},
		{name: "certified for later firmware than the device's", reports: []report{{Status: "FIDO_CERTIFIED_L2", AuthenticatorVersion: version(5)}}, device: old, current: "FIDO_CERTIFIED_L2"},
		{name: "certified for earlier firmware", reports: []report{{Status: "FIDO_CERTIFIED_L2", AuthenticatorVersion: version(5)}}, device: fixed, current: "FIDO_CERTIFIED_L2", level: metadata.LevelL2},
		{name: "certified for some firmware, device's unknown", reports: []report{{Status: "FIDO_CERTIFIED_L2", AuthenticatorVersion: version(5)}}, current: "FIDO_CERTIFIED_L2", level: metadata.LevelL2},

		{name: "revoked", reports: []report{{Status: "REVOKED"}}, current: "REVOKED", revoked: true},
		{name: "revoked from tomorrow", reports: []report{since("REVOKED", "2026-06-16")}},
		{name: "user verification bypass", reports: []report{{Status: "USER_VERIFICATION_BYPASS"}}, current: "USER_VERIFICATION_BYPASS", compromised: true},
		{name: "remote compromise", reports: []report{{Status: "USER_KEY_REMOTE_COMPROMISE"}}, current: "USER_KEY_REMOTE_COMPROMISE", compromised: true},
		{name: "physical compromise", reports: []report{{Status: "USER_KEY_PHYSICAL_COMPROMISE"}}, current: "USER_KEY_PHYSICAL_COMPROMISE", compromised: true},
		{name: "attestation key compromise", reports: []report{{Status: "ATTESTATION_KEY_COMPROMISE"}}, current: "ATTESTATION_KEY_COMPROMISE", compromised: true},
		{name: "compromised keeps its level", reports: []report{{Status: "FIDO_CERTIFIED_L1"}, {Status: "USER_VERIFICATION_BYPASS"}}, current: "USER_VERIFICATION_BYPASS", compromised: true, level: metadata.LevelL1},
		{name: "an update cures nothing", reports: []report{{Status: "USER_VERIFICATION_BYPASS"}, {Status: "UPDATE_AVAILABLE"}}, current: "UPDATE_AVAILABLE", compromised: true},
		{name: "certified again, firmware unknown", reports: []report{{Status: "USER_VERIFICATION_BYPASS"}, {Status: "FIDO_CERTIFIED_L1", AuthenticatorVersion: version(5)}}, current: "FIDO_CERTIFIED_L1", compromised: true, level: metadata.LevelL1},
		{name: "certified again, for any firmware", reports: []report{{Status: "USER_VERIFICATION_BYPASS"}, {Status: "FIDO_CERTIFIED_L1"}}, device: fixed, current: "FIDO_CERTIFIED_L1", compromised: true, level: metadata.LevelL1},
		{name: "certified again, old device", reports: []report{{Status: "USER_VERIFICATION_BYPASS"}, {Status: "FIDO_CERTIFIED_L1", AuthenticatorVersion: version(5)}}, device: old, current: "FIDO_CERTIFIED_L1", compromised: true},
		{name: "certified again, cured device", reports: []report{{Status: "USER_VERIFICATION_BYPASS"}, {Status: "FIDO_CERTIFIED_L1", AuthenticatorVersion: version(5)}}, device: fixed, current: "FIDO_CERTIFIED_L1", level: metadata.LevelL1},
		{name: "certified for firmware before the defect's", reports: []report{{Status: "USER_VERIFICATION_BYPASS", AuthenticatorVersion: version(6)}, {Status: "FIDO_CERTIFIED_L1", AuthenticatorVersion: version(5)}}, device: fixed, current: "FIDO_CERTIFIED_L1", compromised: true, level: metadata.LevelL1},
		{name: "certified for firmware after the defect's", reports: []report{{Status: "USER_VERIFICATION_BYPASS", AuthenticatorVersion: version(4)}, {Status: "FIDO_CERTIFIED_L1", AuthenticatorVersion: version(5)}}, device: fixed, current: "FIDO_CERTIFIED_L1", level: metadata.LevelL1},
		{name: "certified before the defect", reports: []report{{Status: "FIDO_CERTIFIED_L1", AuthenticatorVersion: version(5)}, {Status: "USER_VERIFICATION_BYPASS"}}, device: fixed, current: "USER_VERIFICATION_BYPASS", compromised: true, level: metadata.LevelL1},
		{name: "certified again tomorrow", reports: []report{{Status: "USER_VERIFICATION_BYPASS"}, {Status: "FIDO_CERTIFIED_L1", AuthenticatorVersion: version(5), EffectiveDate: date("2026-06-16")}}, device: fixed, current: "USER_VERIFICATION_BYPASS", compromised: true},
		{name: "revocation is not cured", reports: []report{{Status: "REVOKED"}, {Status: "FIDO_CERTIFIED_L1", AuthenticatorVersion: version(5)}}, device: fixed, current: "FIDO_CERTIFIED_L1", revoked: true, level: metadata.LevelL1},
		{name: "a leaked attestation key is not cured", reports: []report{{Status: "ATTESTATION_KEY_COMPROMISE"}, {Status: "FIDO_CERTIFIED_L1", AuthenticatorVersion: version(5)}}, device: fixed, current: "FIDO_CERTIFIED_L1", compromised: true, level: metadata.LevelL1},

		{name: "leak of the CA's key", reports: []report{{Status: "ATTESTATION_KEY_COMPROMISE", Certificate: s.ca.cert}}, device: ofCA, current: "ATTESTATION_KEY_COMPROMISE", compromised: true},
		{name: "leak of a key that is not named", reports: []report{{Status: "ATTESTATION_KEY_COMPROMISE"}}, device: ofCA, current: "ATTESTATION_KEY_COMPROMISE", compromised: true},
		{name: "leak of another key", reports: []report{{Status: "ATTESTATION_KEY_COMPROMISE", Certificate: s.root.cert}}, device: ofCA, current: "ATTESTATION_KEY_COMPROMISE"},
		{name: "leak of another key, path unknown", reports: []report{{Status: "ATTESTATION_KEY_COMPROMISE", Certificate: s.root.cert}}, current: "ATTESTATION_KEY_COMPROMISE", compromised: true},
		{name: "leak of another batch's key", reports: []report{{Status: "ATTESTATION_KEY_COMPROMISE", Certificate: s.ca.cert, BatchCertificate: s.root.cert}}, device: ofCA, current: "ATTESTATION_KEY_COMPROMISE"},
		{name: "leak of the batch's key", reports: []report{{Status: "ATTESTATION_KEY_COMPROMISE", BatchCertificate: s.leaf.cert}}, device: ofCA, current: "ATTESTATION_KEY_COMPROMISE", compromised: true},
		{name: "a certificate narrows no other defect", reports: []report{{Status: "USER_KEY_REMOTE_COMPROMISE", Certificate: s.root.cert}}, device: ofCA, current: "USER_KEY_REMOTE_COMPROMISE", compromised: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &metadata.Entry{StatusReports: tt.reports}
			got := e.StatusFor(now, tt.device)
			var current metadata.Status
			if got.Current != nil {
				current = got.Current.Status
			}
			if current != tt.current || got.Revoked != tt.revoked || got.Compromised != tt.compromised || got.Level != tt.level {
				t.Errorf("current %q, revoked %v, compromised %v, level %s; want %q, %v, %v, %s", current,
					got.Revoked, got.Compromised, got.Level, tt.current, tt.revoked, tt.compromised, tt.level)
			}
			if got.Sound() != (len(got.Defects) == 0) || (got.LevelReport == nil) != (got.Level == metadata.LevelNone) {
				t.Errorf("%d defects, level by %v", len(got.Defects), got.LevelReport)
			}
			if got.LevelReport != nil && got.LevelReport.Status.Level() != got.Level {
				t.Errorf("level %s by %s", got.Level, got.LevelReport.Status)
			}
		})
	}
}

func TestUpdateAndRetirement(t *testing.T) {
	e := &metadata.Entry{StatusReports: []metadata.StatusReport{
		{Status: "UPDATE_AVAILABLE", EffectiveDate: date("2026-02-01")},
		{Status: "FIDO_CERTIFIED_L1", EffectiveDate: date("2026-03-01")},
		{Status: "RETIRED", EffectiveDate: date("2026-04-01")},
	}}
	for _, tt := range []struct {
		at              string
		update, retired bool
	}{{"2026-01-31", false, false}, {"2026-02-01", true, false}, {"2026-03-01", false, false}, {"2026-04-01", false, true}} {
		if got := e.StatusAt(date(tt.at)); got.UpdateAvailable != tt.update || got.Retired != tt.retired || !got.Sound() {
			t.Errorf("%s: %+v", tt.at, got)
		}
	}
}

func TestUpdateForAnOldDevice(t *testing.T) {
	three, five := uint64(3), uint64(5)
	e := &metadata.Entry{StatusReports: []metadata.StatusReport{
		{Status: "UPDATE_AVAILABLE"},
		{Status: "FIDO_CERTIFIED_L1", AuthenticatorVersion: &five},
	}}
	if !e.StatusFor(now, metadata.Device{Firmware: &three}).UpdateAvailable {
		t.Error("no update for firmware older than the certified")
	}
	if e.StatusFor(now, metadata.Device{Firmware: &five}).UpdateAvailable {
		t.Error("an update for the certified firmware")
	}
}

func TestLevelNames(t *testing.T) {
	for _, status := range []metadata.Status{"FIDO_CERTIFIED_L1", "FIDO_CERTIFIED_L1plus", "FIDO_CERTIFIED_L2", "FIDO_CERTIFIED_L2plus", "FIDO_CERTIFIED_L3", "FIDO_CERTIFIED_L3plus"} {
		if got := "FIDO_CERTIFIED_" + status.Level().String(); got != string(status) {
			t.Errorf("%s has level %s", status, status.Level())
		}
	}
}

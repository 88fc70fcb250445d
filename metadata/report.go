package metadata

import (
	"crypto/x509"
	"encoding/json"
	"time"
)

// Status is what a report says of a model (§3.1.4). Values that are not below are
// kept, and have no meaning here.
type Status string

// The statuses.
const (
	StatusNotCertified       Status = "NOT_FIDO_CERTIFIED"
	StatusSelfAssertion      Status = "SELF_ASSERTION_SUBMITTED"
	StatusCertified          Status = "FIDO_CERTIFIED"
	StatusCertifiedL1        Status = "FIDO_CERTIFIED_L1"
	StatusCertifiedL1Plus    Status = "FIDO_CERTIFIED_L1plus"
	StatusCertifiedL2        Status = "FIDO_CERTIFIED_L2"
	StatusCertifiedL2Plus    Status = "FIDO_CERTIFIED_L2plus"
	StatusCertifiedL3        Status = "FIDO_CERTIFIED_L3"
	StatusCertifiedL3Plus    Status = "FIDO_CERTIFIED_L3plus"
	StatusFIPS140L1          Status = "FIPS140_CERTIFIED_L1"
	StatusFIPS140L2          Status = "FIPS140_CERTIFIED_L2"
	StatusFIPS140L3          Status = "FIPS140_CERTIFIED_L3"
	StatusFIPS140L4          Status = "FIPS140_CERTIFIED_L4"
	StatusUpdateAvailable    Status = "UPDATE_AVAILABLE"
	StatusRetired            Status = "RETIRED"
	StatusUVBypass           Status = "USER_VERIFICATION_BYPASS"     // malware gets round user verification
	StatusAttestationKey     Status = "ATTESTATION_KEY_COMPROMISE"   // an attestation key leaked
	StatusRemoteCompromise   Status = "USER_KEY_REMOTE_COMPROMISE"   // user keys can be had from afar
	StatusPhysicalCompromise Status = "USER_KEY_PHYSICAL_COMPROMISE" // user keys can be had by who holds the device
	StatusRevoked            Status = "REVOKED"                      // not to be trusted, for whatever reason
)

// Level is how strictly a model was certified. Higher is stricter, so levels compare.
type Level uint8

// The levels. A certification from before there were levels counts as L1.
const (
	LevelNone Level = iota
	LevelL1
	LevelL1Plus
	LevelL2
	LevelL2Plus
	LevelL3
	LevelL3Plus
)

// String returns the level's name, such as "L1plus".
func (l Level) String() string {
	names := [...]string{"none", "L1", "L1plus", "L2", "L2plus", "L3", "L3plus"}
	if int(l) < len(names) {
		return names[l]
	}
	return "unknown"
}

// kind is what a status means for the judgement.
type kind uint8

const (
	kindUnknown kind = iota
	kindInformation
	kindUncertified
	kindCertified
	kindUpdate
	kindRetired
	kindCompromised
	kindRevoked
)

var statuses = map[Status]struct {
	kind  kind
	level Level
}{
	StatusNotCertified:       {kind: kindUncertified},
	StatusSelfAssertion:      {kind: kindInformation},
	StatusCertified:          {kindCertified, LevelL1},
	StatusCertifiedL1:        {kindCertified, LevelL1},
	StatusCertifiedL1Plus:    {kindCertified, LevelL1Plus},
	StatusCertifiedL2:        {kindCertified, LevelL2},
	StatusCertifiedL2Plus:    {kindCertified, LevelL2Plus},
	StatusCertifiedL3:        {kindCertified, LevelL3},
	StatusCertifiedL3Plus:    {kindCertified, LevelL3Plus},
	StatusFIPS140L1:          {kind: kindInformation},
	StatusFIPS140L2:          {kind: kindInformation},
	StatusFIPS140L3:          {kind: kindInformation},
	StatusFIPS140L4:          {kind: kindInformation},
	StatusUpdateAvailable:    {kind: kindUpdate},
	StatusRetired:            {kind: kindRetired},
	StatusUVBypass:           {kind: kindCompromised},
	StatusAttestationKey:     {kind: kindCompromised},
	StatusRemoteCompromise:   {kind: kindCompromised},
	StatusPhysicalCompromise: {kind: kindCompromised},
	StatusRevoked:            {kind: kindRevoked},
}

// Known reports whether s is one of the statuses above.
func (s Status) Known() bool { return statuses[s].kind != kindUnknown }

// Level returns the certification level that s stands for.
func (s Status) Level() Level { return statuses[s].level }

// StatusReport is one step in a model's history (§3.1.3).
type StatusReport struct {
	Status Status
	// EffectiveDate is the day, in UTC, from which the report holds; zero: it holds.
	EffectiveDate time.Time
	// AuthenticatorVersion is the firmware that the report is about; nil: any.
	AuthenticatorVersion *uint64
	// Certificate and BatchCertificate narrow an attestation key compromise to chains
	// with this certificate; nil: all.
	Certificate, BatchCertificate *x509.Certificate
	// URL is where to read more.
	URL string
	// The certification that the report is about.
	CertificationDescriptor          string
	CertificateNumber                string
	CertificationPolicyVersion       string
	CertificationProfiles            []string
	CertificationRequirementsVersion string
	// SunsetDate is the last day, in UTC, on which a certification holds; zero: no end.
	SunsetDate time.Time
	// FIPSRevision and FIPSPhysicalSecurityLevel belong to the FIPS 140 statuses.
	FIPSRevision, FIPSPhysicalSecurityLevel uint16
	// Unknown are the members that this version does not know.
	Unknown map[string]json.RawMessage
}

// readStatusReport reads one report. Where a member cannot be read, the report counts
// to the side of caution: a compromise with a bad date holds at once, and a
// certification of which it is unclear for what or until when does not count.
func readStatusReport(o *object) (StatusReport, bool) {
	outer := o.damaged
	o.damaged = new(bool)
	defer func() { *outer = *outer || *o.damaged }()
	r := StatusReport{
		Status:                           Status(requiredText(o, "status")),
		EffectiveDate:                    optionalDate(o, "effectiveDate"),
		AuthenticatorVersion:             optional[*uint64](o, "authenticatorVersion"),
		Certificate:                      optionalCertificate(o, "certificate"),
		BatchCertificate:                 optionalCertificate(o, "batchCertificate"),
		URL:                              optional[string](o, "url"),
		CertificationDescriptor:          optional[string](o, "certificationDescriptor"),
		CertificateNumber:                optional[string](o, "certificateNumber"),
		CertificationPolicyVersion:       optional[string](o, "certificationPolicyVersion"),
		CertificationProfiles:            optional[[]string](o, "certificationProfiles"),
		CertificationRequirementsVersion: optional[string](o, "certificationRequirementsVersion"),
		SunsetDate:                       optionalDate(o, "sunsetDate"),
		FIPSRevision:                     optional[uint16](o, "fipsRevision"),
		FIPSPhysicalSecurityLevel:        optional[uint16](o, "fipsPhysicalSecurityLevel"),
	}
	r.Unknown = o.unknown()
	unclear := *o.damaged && statuses[r.Status].kind == kindCertified
	return r, r.Status != "" && !unclear
}

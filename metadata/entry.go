package metadata

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"bestow.dev/webauthn"
)

// Entry is what the service knows of one authenticator model (§3.1.1).
type Entry struct {
	// AAID is the key of a UAF model, as written; empty with others.
	AAID string
	// AAGUID is the key of a FIDO2 model; zero with others.
	AAGUID webauthn.AAGUID
	// KeyIdentifiers are the keys of a U2F model: its attestation certificates.
	KeyIdentifiers []KeyIdentifier
	// Statement describes the model; nil if there is none, or none that can be used.
	Statement *Statement
	// StatusReports are the model's history, the current state last.
	StatusReports []StatusReport
	// BiometricReports are certifications of the model's biometric parts.
	BiometricReports []BiometricReport
	// TimeOfLastStatusChange is a day, in UTC.
	TimeOfLastStatusChange time.Time
	// RogueListURL and RogueListHash are about ECDAA keys, which are not supported.
	RogueListURL, RogueListHash string
	// Unknown are the members that this version does not know.
	Unknown map[string]json.RawMessage
	// Raw is the whole entry as it was signed.
	Raw json.RawMessage

	// Damaged says that a member was missing or could not be read, and that the
	// service may have meant to say more than is here. The findings tell which.
	Damaged bool
}

// BiometricReport is the certification of a biometric part (§3.1.2).
type BiometricReport struct {
	CertLevel                        uint16
	Modality                         string // a user verification method
	EffectiveDate                    time.Time
	CertificationDescriptor          string
	CertificateNumber                string
	CertificationPolicyVersion       string
	CertificationRequirementsVersion string
	Unknown                          map[string]json.RawMessage
}

// TrustAnchors returns the only certificates that attestation of this model may lead
// to, for the Anchors of a [webauthn.TrustPolicy]: roots, intermediates or attestation
// certificates themselves. It is empty for a nil e, for models with self attestation
// only, and for those without a statement: then nothing is trusted.
func (e *Entry) TrustAnchors() []*x509.Certificate {
	if e == nil || e.Statement == nil {
		return nil
	}
	return e.Statement.AttestationRoots
}

// Name returns the entry's key as findings show it: its AAGUID, its AAID, or the first
// of its key identifiers; empty for an entry that has none.
func (e *Entry) Name() string {
	switch {
	case !e.AAGUID.IsZero():
		return e.AAGUID.String()
	case e.AAID != "":
		return e.AAID
	case len(e.KeyIdentifiers) > 0:
		return e.KeyIdentifiers[0].String()
	default:
		return ""
	}
}

// entryReader reads one entry, and gathers what there is to tell of it.
type entryReader struct {
	index    int
	entry    Entry
	findings []Finding
}

func (r *entryReader) find(code Warning, member, detail string) {
	if len(r.findings) == maxFindings {
		return
	}
	r.findings = append(r.findings, Finding{Code: code, Entry: r.index, Member: member, Detail: detail})
}

// read reads the entry. The error says why it has to be left out.
func (r *entryReader) read(text json.RawMessage) error {
	members, err := newObject(text)
	if err != nil {
		return err
	}
	e := &r.entry
	e.Raw = text
	o := &object{members: members, find: r.find, damaged: &e.Damaged}
	e.AAID, e.AAGUID, e.KeyIdentifiers = readKeys(o)
	if e.Name() == "" {
		return fmt.Errorf("it has no AAGUID, AAID or key identifier")
	}
	e.StatusReports = readReports(o, "statusReports", readStatusReport)
	if len(e.StatusReports) == 0 {
		o.damage(WarningMemberMissing, "statusReports", "")
	}
	e.BiometricReports = readReports(o, "biometricStatusReports", readBiometricReport)
	if e.TimeOfLastStatusChange = optionalDate(o, "timeOfLastStatusChange"); e.TimeOfLastStatusChange.IsZero() {
		o.damage(WarningMemberMissing, "timeOfLastStatusChange", "")
	}
	e.RogueListURL, e.RogueListHash = optional[string](o, "rogueListURL"), optional[string](o, "rogueListHash")
	r.readStatement(o)
	e.Unknown = o.unknown()
	return nil
}

// readKeys reads what names a model, in an entry or a statement.
func readKeys(o *object) (id string, model webauthn.AAGUID, keys []KeyIdentifier) {
	if id = optional[string](o, "aaid"); id != "" {
		if _, ok := parseAAID(id); !ok {
			o.damage(WarningMemberMalformed, "aaid", "not of the form vvvv#mmmm")
			id = ""
		}
	}
	if text := optional[string](o, "aaguid"); text != "" {
		var err error
		if model, err = webauthn.ParseAAGUID(text); err != nil {
			o.damage(WarningMemberMalformed, "aaguid", err.Error())
		} else if model.IsZero() {
			o.damage(WarningMemberMalformed, "aaguid", "zero names no model")
		}
	}
	for i, text := range optional[[]string](o, "attestationCertificateKeyIdentifiers") {
		var key KeyIdentifier
		if len(text) != hex.EncodedLen(len(key)) {
			o.damage(WarningMemberMalformed, fmt.Sprintf("attestationCertificateKeyIdentifiers[%d]", i), "not 40 hexadecimal digits")
			continue
		}
		if _, err := hex.Decode(key[:], []byte(text)); err != nil {
			o.damage(WarningMemberMalformed, fmt.Sprintf("attestationCertificateKeyIdentifiers[%d]", i), "not 40 hexadecimal digits")
			continue
		}
		keys = append(keys, key)
	}
	return id, model, keys
}

// readStatement reads the entry's metadata statement, if there is one to be used.
func (r *entryReader) readStatement(o *object) {
	const name = "metadataStatement"
	text := o.members[name]
	delete(o.members, name)
	if len(text) == 0 || string(text) == "null" {
		return
	}
	if len(text) > MaxStatementBytes {
		o.damage(WarningMemberTooLarge, name, fmt.Sprintf("more than %d bytes", MaxStatementBytes))
		return
	}
	members, err := newObject(text)
	if err != nil {
		o.damage(WarningMemberMalformed, name, err.Error())
		return
	}
	s := readStatement(&object{members: members, path: name + ".", find: r.find, damaged: &r.entry.Damaged})
	if s == nil {
		return
	}
	// The anchors of one model must not speak for another.
	if !s.isAbout(&r.entry) {
		o.damage(WarningStatementMismatch, name, "it is about another model")
		return
	}
	r.entry.Statement = s
}

// readReports reads a list of objects one by one.
func readReports[T any](o *object, name string, read func(*object) (T, bool)) []T {
	var reports []T
	for i, text := range optional[[]json.RawMessage](o, name) {
		member := fmt.Sprintf("%s[%d]", name, i)
		members, err := newObject(text)
		if err != nil {
			o.damage(WarningMemberMalformed, member, "not an object")
			continue
		}
		inner := &object{members: members, path: o.path + member + ".", find: o.find, damaged: o.damaged}
		if report, ok := read(inner); ok {
			reports = append(reports, report)
		}
	}
	return reports
}

func readBiometricReport(o *object) (BiometricReport, bool) {
	r := BiometricReport{
		CertLevel:                        optional[uint16](o, "certLevel"),
		Modality:                         optional[string](o, "modality"),
		EffectiveDate:                    optionalDate(o, "effectiveDate"),
		CertificationDescriptor:          optional[string](o, "certificationDescriptor"),
		CertificateNumber:                optional[string](o, "certificateNumber"),
		CertificationPolicyVersion:       optional[string](o, "certificationPolicyVersion"),
		CertificationRequirementsVersion: optional[string](o, "certificationRequirementsVersion"),
	}
	r.Unknown = o.unknown()
	return r, true
}

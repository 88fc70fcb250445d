package metadata

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bestow.dev/internal/strictjson"
	"bestow.dev/webauthn"
)

// Statement describes an authenticator model (FIDO Metadata Statement, §4). Words of
// the FIDO registry are kept as they are written: new ones appear.
type Statement struct {
	LegalHeader    string
	AAID           string          // UAF
	AAGUID         webauthn.AAGUID // FIDO2
	KeyIdentifiers []KeyIdentifier // U2F

	// Description names the model, in English. It is untrusted text, as the two below:
	// the name in other languages, by language tag.
	Description             string
	AlternativeDescriptions map[string]string
	FriendlyNames           map[string]string

	// AuthenticatorVersion is the lowest firmware version that is trustworthy.
	AuthenticatorVersion uint64
	// ProtocolFamily is "uaf", "u2f" or "fido2".
	ProtocolFamily string
	// Schema is 3.
	Schema uint16
	// Versions are those of the protocol family that the model speaks (member upv).
	Versions []Version

	AuthenticationAlgorithms []string // such as "secp256r1_ecdsa_sha256_raw"
	PublicKeyAlgAndEncodings []string // such as "cose"
	AttestationTypes         []string // such as "basic_full"
	KeyProtection            []string
	MatcherProtection        []string
	AttachmentHint           []string
	TCDisplay                []string
	TCDisplayContentType     string
	TCDisplayPNG             json.RawMessage        // tcDisplayPNGCharacteristics
	SupportedExtensions      []Extension            // UAF
	UserVerificationDetails  [][]VerificationMethod // alternatives, each of methods that are all needed
	KeyRestricted            bool                   // the key signs FIDO assertions only; true where unsaid
	FreshUserVerification    bool                   // each signature needs user verification; true where unsaid
	CryptoStrength           uint16                 // bits; zero: unknown

	// AttestationRoots are the certificates that attestation of the model may lead to:
	// roots, intermediates or attestation certificates themselves. Those that do not
	// parse are left out.
	AttestationRoots []*x509.Certificate
	// ECDAATrustAnchors are not supported, and kept as they are.
	ECDAATrustAnchors json.RawMessage

	// Icon, IconDark, ProviderLogoLight and ProviderLogoDark are data URLs of PNG or
	// SVG pictures. They are untrusted: never to be made part of a page's markup.
	Icon, IconDark, ProviderLogoLight, ProviderLogoDark string

	// MultiDeviceCredentialSupport is "unsupported", "explicit" or "implicit"; empty
	// where unsaid, which says nothing: most models leave it out.
	MultiDeviceCredentialSupport string
	// GetInfo is what the model answers to CTAP's getInfo; nil if unsaid. It informs,
	// and decides nothing.
	GetInfo *GetInfo

	KeyScope, CXPConfigURL, CXConfigURL string

	// Unknown are the members that this version does not know.
	Unknown map[string]json.RawMessage
}

// Version is a version of a protocol.
type Version struct {
	Major uint16 `json:"major"`
	Minor uint16 `json:"minor"`
}

// Extension is an extension of UAF that a model supports.
type Extension struct {
	ID            string  `json:"id"`
	Tag           *uint16 `json:"tag"`
	Data          string  `json:"data"`
	FailIfUnknown bool    `json:"fail_if_unknown"`
}

// VerificationMethod is a way to verify the user, and how good it is. Of the three
// descriptors the one that fits the method is there, or none.
type VerificationMethod struct {
	Method    string             `json:"userVerificationMethod"`
	Code      *CodeAccuracy      `json:"caDesc"`
	Biometric *BiometricAccuracy `json:"baDesc"`
	Pattern   *PatternAccuracy   `json:"paDesc"`
}

// CodeAccuracy is about passcodes. Zero retries: it never blocks; zero seconds of
// slowdown: it blocks for good, or until another method succeeds.
type CodeAccuracy struct {
	Base          uint16 `json:"base"`
	MinLength     uint16 `json:"minLength"`
	MaxRetries    uint16 `json:"maxRetries"`
	BlockSlowdown uint16 `json:"blockSlowdown"`
}

// BiometricAccuracy is about fingers, faces and the like; rates are fractions of one.
type BiometricAccuracy struct {
	SelfAttestedFRR float64 `json:"selfAttestedFRR"`
	SelfAttestedFAR float64 `json:"selfAttestedFAR"`
	IAPARThreshold  float64 `json:"iAPARThreshold"`
	MaxTemplates    uint16  `json:"maxTemplates"`
	MaxRetries      uint16  `json:"maxRetries"`
	BlockSlowdown   uint16  `json:"blockSlowdown"`
}

// PatternAccuracy is about patterns drawn on a screen.
type PatternAccuracy struct {
	MinComplexity uint64 `json:"minComplexity"`
	MaxRetries    uint16 `json:"maxRetries"`
	BlockSlowdown uint16 `json:"blockSlowdown"`
}

// GetInfo is a model's answer to CTAP's getInfo, in part. Raw is all of it.
type GetInfo struct {
	Versions   []string        `json:"versions"`
	Extensions []string        `json:"extensions"`
	AAGUID     string          `json:"aaguid"` // 32 hexadecimal digits
	Options    map[string]bool `json:"options"`
	MaxMsgSize uint32          `json:"maxMsgSize"`
	Protocols  []uint          `json:"pinUvAuthProtocols"`
	Transports []string        `json:"transports"`
	Algorithms []struct {
		Type string `json:"type"`
		Alg  int32  `json:"alg"`
	} `json:"algorithms"`
	MinPINLength    uint32          `json:"minPINLength"`
	FirmwareVersion uint64          `json:"firmwareVersion"`
	Raw             json.RawMessage `json:"-"`
}

// ParseStatement reads a metadata statement that stands on its own, version 3 of it,
// as vendors hand them out. Nothing vouches for it but who hands it in. A refusal is a
// [*VerificationError]; what is wrong with single members is told in the findings.
func ParseStatement(data []byte) (*Statement, []Finding, error) {
	var members map[string]json.RawMessage
	if err := strictjson.Decode(data, &members, strictjson.MaxBytes(MaxStatementBytes), strictjson.MaxValues(maxValues(len(data)))); err != nil {
		return nil, nil, refuse(ReasonStatementMalformed, "statement", "not a strict JSON object").because(err)
	}
	r := &entryReader{index: -1}
	s := readStatement(&object{members: members, find: r.find, damaged: &r.entry.Damaged})
	if s == nil {
		return nil, nil, refuse(ReasonStatementMalformed, "statement", "not of version 3")
	}
	return s, r.findings, nil
}

// readStatement reads a statement; nil if it is not of version 3.
func readStatement(o *object) *Statement {
	s := &Statement{Schema: optional[uint16](o, "schema")}
	if s.Schema != 3 {
		o.damage(WarningStatementSchema, "schema", fmt.Sprintf("%d is not 3", s.Schema))
		return nil
	}
	s.LegalHeader = requiredText(o, "legalHeader")
	s.AAID, s.AAGUID, s.KeyIdentifiers = readKeys(o)
	s.readNames(o)
	s.readAbilities(o)
	s.readAttestation(o)
	s.Icon, s.IconDark = readIcon(o, "icon"), readIcon(o, "iconDark")
	s.ProviderLogoLight, s.ProviderLogoDark = readIcon(o, "providerLogoLight"), readIcon(o, "providerLogoDark")
	s.readGetInfo(o)
	s.Unknown = o.unknown()
	return s
}

// readNames reads what the model is called, and which versions of it and of the
// protocols there are.
func (s *Statement) readNames(o *object) {
	s.Description = requiredText(o, "description")
	s.AlternativeDescriptions = optional[map[string]string](o, "alternativeDescriptions")
	s.FriendlyNames = optional[map[string]string](o, "friendlyNames")
	if version := optional[*uint64](o, "authenticatorVersion"); version != nil {
		s.AuthenticatorVersion = *version
	} else {
		o.damage(WarningMemberMissing, "authenticatorVersion", "")
	}
	s.ProtocolFamily = requiredText(o, "protocolFamily")
	s.Versions = requiredList[Version](o, "upv")
	s.KeyScope = optional[string](o, "keyScope")
	s.CXPConfigURL = optional[string](o, "cxpConfigURL")
	s.CXConfigURL = optional[string](o, "cxConfigURL")
}

// readAbilities reads what the model can do, and how well it does it.
func (s *Statement) readAbilities(o *object) {
	s.AuthenticationAlgorithms = requiredList[string](o, "authenticationAlgorithms")
	s.PublicKeyAlgAndEncodings = requiredList[string](o, "publicKeyAlgAndEncodings")
	s.UserVerificationDetails = requiredList[[]VerificationMethod](o, "userVerificationDetails")
	s.KeyProtection = requiredList[string](o, "keyProtection")
	s.MatcherProtection = requiredList[string](o, "matcherProtection")
	s.KeyRestricted = trueUnlessSaid(o, "isKeyRestricted")
	s.FreshUserVerification = trueUnlessSaid(o, "isFreshUserVerificationRequired")
	s.CryptoStrength = optional[uint16](o, "cryptoStrength")
	s.AttachmentHint = optional[[]string](o, "attachmentHint")
	s.TCDisplay = optional[[]string](o, "tcDisplay")
	s.TCDisplayContentType = optional[string](o, "tcDisplayContentType")
	s.TCDisplayPNG = optional[json.RawMessage](o, "tcDisplayPNGCharacteristics")
	s.SupportedExtensions = optional[[]Extension](o, "supportedExtensions")
	s.MultiDeviceCredentialSupport = optional[string](o, "multiDeviceCredentialSupport")
}

// readAttestation reads how the model attests, and whom to trust for it.
func (s *Statement) readAttestation(o *object) {
	s.AttestationTypes = requiredList[string](o, "attestationTypes")
	s.ECDAATrustAnchors = optional[json.RawMessage](o, "ecdaaTrustAnchors")
	const name = "attestationRootCertificates"
	roots := optional[*[]string](o, name)
	if roots == nil { // it may be empty, but it has to be there
		o.damage(WarningMemberMissing, name, "")
		return
	}
	for i, text := range *roots {
		c, err := parseCertificate(text)
		if err != nil {
			o.damage(WarningCertificateMalformed, fmt.Sprintf("%s[%d]", name, i), err.Error())
			continue
		}
		s.AttestationRoots = append(s.AttestationRoots, c)
	}
}

// readGetInfo reads what the model answers to getInfo. As that decides nothing, one
// that cannot be read is told, and damages nothing.
func (s *Statement) readGetInfo(o *object) {
	const name = "authenticatorGetInfo"
	raw := o.members[name]
	var info *GetInfo
	if err := o.take(name, &info); err != nil {
		o.find(WarningMemberMalformed, o.path+name, err.Error())
		return
	}
	if info == nil {
		return
	}
	info.Raw, s.GetInfo = raw, info
	if id := s.GetInfo.AAGUID; !s.AAGUID.IsZero() && !strings.EqualFold(id, hex.EncodeToString(s.AAGUID[:])) {
		o.find(WarningStatementMismatch, o.path+name+".aaguid", "it is not the statement's")
	}
}

// readIcon reads a picture, unless it is too large.
func readIcon(o *object, name string) string {
	icon := optional[string](o, name)
	if len(icon) > MaxIconBytes {
		o.find(WarningMemberTooLarge, o.path+name, fmt.Sprintf("more than %d bytes", MaxIconBytes))
		return ""
	}
	return icon
}

func trueUnlessSaid(o *object, name string) bool {
	said := optional[*bool](o, name)
	return said == nil || *said
}

// isAbout reports whether s is about the model of e: it has no key that e lacks. (Keys
// that s leaves out do no harm.)
func (s *Statement) isAbout(e *Entry) bool {
	if !s.AAGUID.IsZero() && s.AAGUID != e.AAGUID {
		return false
	}
	if s.AAID != "" && !strings.EqualFold(s.AAID, e.AAID) {
		return false
	}
	named := make(map[KeyIdentifier]bool, len(e.KeyIdentifiers))
	for _, key := range e.KeyIdentifiers {
		named[key] = true
	}
	return !slices.ContainsFunc(s.KeyIdentifiers, func(key KeyIdentifier) bool { return !named[key] })
}

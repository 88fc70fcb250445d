package policy

import "encoding/json"

// Document is a policy as it is written, in JSON. What comes out of [Parse] is
// checked, and in canonical form: defaults filled in, lists sorted, identifiers in
// lower case. It is not to be changed after.
type Document struct {
	// Name is 1 to 64 characters of a-z, 0-9, dot and hyphen; the first and the last
	// are letters or digits.
	Name string `json:"name"`
	// Description is for people: at most 500 bytes.
	Description string `json:"description,omitempty"`
	// Source is what it was made from, where it was written in the words of another
	// product: an object, kept for whoever wrote it. It decides nothing.
	Source json.RawMessage `json:"source,omitempty"`
	// Mode is ModeEnforce if empty.
	Mode Mode `json:"mode,omitempty"`
	// At says at which ceremonies the rules hold. Empty means registration alone.
	At []Ceremony `json:"at,omitzero"`
	// Rules have to hold, every one.
	Rules *Rules `json:"rules,omitempty"`
	// Alternatives are further rules of which one element has to hold, as a whole and
	// beside Rules; absent: nothing further.
	Alternatives []Rules `json:"alternatives,omitzero"`
}

// Mode says what a refusal leads to.
type Mode string

// The modes.
const (
	ModeOff     Mode = "off"     // listed, and not judged
	ModeMonitor Mode = "monitor" // judged and reported; refuses nothing
	ModeEnforce Mode = "enforce" // refuses
)

// Ceremony is a kind of ceremony.
type Ceremony string

// The ceremonies.
const (
	Registration Ceremony = "registration"
	SignIn       Ceremony = "sign-in"
)

// Requirement says whether something has to be, or must not be.
type Requirement string

// The requirements.
const (
	Required  Requirement = "required"
	Forbidden Requirement = "forbidden"
)

// Rules are what an authenticator and its credential are judged by. A member that is
// absent asks for nothing, and one that is there says something.
type Rules struct {
	Models         *Selection   `json:"models,omitempty"`         // AAGUIDs
	KeyIdentifiers *Selection   `json:"keyIdentifiers,omitempty"` // SHA-1 of attestation certificates' keys, in hex
	Metadata       *Metadata    `json:"metadata,omitempty"`
	Firmware       *Firmware    `json:"firmware,omitempty"`
	Attestation    *Attestation `json:"attestation,omitempty"`
	Algorithms     *Algorithms  `json:"algorithms,omitempty"`

	UserVerification Requirement `json:"userVerification,omitempty"` // required
	ResidentKey      Requirement `json:"residentKey,omitempty"`      // discoverable, by the client's word
	SyncedPasskeys   Requirement `json:"syncedPasskeys,omitempty"`   // flag BE: may leave its authenticator
	BackedUp         Requirement `json:"backedUp,omitempty"`         // flag BS: has left it

	Transports *Words `json:"transports,omitempty"` // by the client's word
	Attachment string `json:"attachment,omitempty"` // "platform" or "cross-platform", by the client's word
}

// Selection picks values of which there is one at a time. What is in Deny is refused
// though Allow has it too; absent Allow: everything else.
type Selection struct {
	Allow []string `json:"allow,omitzero"`
	Deny  []string `json:"deny,omitzero"`
}

// Algorithms is a [Selection] of COSE algorithm numbers.
type Algorithms struct {
	Allow []int32 `json:"allow,omitzero"`
	Deny  []int32 `json:"deny,omitzero"`
}

// Words picks by words of which there may be several at a time.
type Words struct {
	AnyOf  []string `json:"anyOf,omitzero"`
	AllOf  []string `json:"allOf,omitzero"`
	NoneOf []string `json:"noneOf,omitzero"`
}

// Metadata asks about the model's entry in the metadata. That it is there at all has
// a meaning: see Required and Statuses.
type Metadata struct {
	// Required asks for an entry that a trusted attestation vouches for. True if nil.
	Required *bool `json:"required,omitempty"`
	// Statuses are those no model may have. Nil means the five compromises; REVOKED
	// is always among them.
	Statuses *Statuses `json:"statuses,omitempty"`
	// MinimumLevel is the certification level, L1 to L3plus.
	MinimumLevel string `json:"minimumLevel,omitempty"`
	// MinimumAuthenticatorVersion is of the statement's authenticatorVersion.
	MinimumAuthenticatorVersion *uint64     `json:"minimumAuthenticatorVersion,omitempty"`
	Properties                  *Properties `json:"properties,omitempty"`
}

// Statuses are words of the metadata's status reports.
type Statuses struct {
	Deny []string `json:"deny"`
}

// Properties ask about members of the metadata statement, in the words of the FIDO
// registry.
type Properties struct {
	AttachmentHint               *Words `json:"attachmentHint,omitempty"`
	AttestationTypes             *Words `json:"attestationTypes,omitempty"`
	AuthenticationAlgorithms     *Words `json:"authenticationAlgorithms,omitempty"`
	KeyProtection                *Words `json:"keyProtection,omitempty"`
	MatcherProtection            *Words `json:"matcherProtection,omitempty"`
	MultiDeviceCredentialSupport *Words `json:"multiDeviceCredentialSupport,omitempty"`
	ProtocolFamily               *Words `json:"protocolFamily,omitempty"`
	TCDisplay                    *Words `json:"tcDisplay,omitempty"`
	UserVerificationMethods      *Words `json:"userVerificationMethods,omitempty"` // of all alternatives together

	IsKeyRestricted                 *bool   `json:"isKeyRestricted,omitempty"`
	IsFreshUserVerificationRequired *bool   `json:"isFreshUserVerificationRequired,omitempty"`
	MinimumCryptoStrength           *uint16 `json:"minimumCryptoStrength,omitempty"` // bits
}

// Firmware asks about the version in the attestation certificate.
type Firmware struct {
	Minimum *uint64 `json:"minimum,omitempty"`
	// Trustworthy asks for a version that is not below the metadata statement's
	// authenticatorVersion. It is true or absent.
	Trustworthy *bool `json:"trustworthy,omitempty"`
}

// Attestation asks about the attestation statement.
type Attestation struct {
	Types   *Selection `json:"types,omitempty"`   // none, self, basic, attca, anonca
	Formats *Selection `json:"formats,omitempty"` // such as packed
	// Trusted asks for a path to a trust anchor. It is true or absent.
	Trusted *bool `json:"trusted,omitempty"`
	// AsMetadata asks that the metadata statement lists the type of attestation and
	// the credential's algorithm. It is true or absent.
	AsMetadata *bool `json:"asMetadata,omitempty"`
}

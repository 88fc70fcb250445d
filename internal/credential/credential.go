package credential

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"bestow.dev/internal/policy"
	"bestow.dev/webauthn"
)

// ID is our own identifier of a credential. The one its authenticator chose is
// [Credential.CredentialID].
type ID string

// Credential is a public key that an authenticator holds the other half of, bound
// to a user at a relying party.
type Credential struct {
	ID           ID
	Tenant       string
	RelyingParty string
	User         UserID
	UserName     string // the owner's login name now; filled in when read

	CredentialID []byte // chosen by the authenticator; unique at the relying party
	PublicKey    []byte // COSE_Key as attested
	Algorithm    int32  // COSE algorithm, such as -7
	AAGUID       webauthn.AAGUID
	SignCount    uint32 // 0: the authenticator keeps none
	Transports   []string
	Attachment   string // "platform", "cross-platform", or empty where the client did not say

	BackupEligible bool // fixed for the credential's life (§6.1.3)
	BackupState    bool // as last reported
	UVInitialized  bool // whether a user verification was ever seen (§4, credential record)
	Discoverable   Known

	Format          string // attestation statement format, such as "packed"
	AttestationType string // "none", "self", "basic", "attca", "anonca"
	Trusted         bool   // the attestation leads to an anchor that was accepted
	Warnings        []string

	Name      string // what people call it
	UserAgent string // of the client that registered it, where it was told
	State     State
	Standing  Standing
	Reason    string    // why it is suspended, in the words of who did it
	Until     time.Time // when a suspension ends by itself; zero: never
	Version   int64     // counts changes, from 1; uses do not count

	Created  time.Time
	Updated  time.Time
	LastUsed time.Time // zero: never

	Uses, Failures int64     // answers with it that were accepted, and refused, since these are counted
	LastFailed     time.Time // zero: never

	// ExternalID is the id that the system it came from gave it, unique in the tenant;
	// empty for none.
	ExternalID string

	// Asked is what it was asked for with.
	Asked Asked

	// Extensions is what was answered to extension inputs. Only what a registration
	// returns has it; of a stored credential see [Evidence.Extensions]. May be nil.
	Extensions *ExtensionOutputs

	// WouldRefuse are the rules that the registration broke of policies that only
	// monitor; nil for none. UserHandle is its owner's. Only what a registration returns
	// has these.
	WouldRefuse []policy.RefusedBy
	UserHandle  []byte

	ProvisionedBy string // who registered it: the actor, such as "client:idm"
	Via           string // the front it came through
	Ref           string // process, command or request id
}

// State says whether a credential may be used.
type State string

// The states of a credential.
const (
	Active    State = "active"
	Suspended State = "suspended"
)

// Known is a yes or no that may not be known.
type Known string

// The values of Known.
const (
	Unknown Known = ""
	Yes     Known = "yes"
	No      Known = "no"
)

// Evidence is what an auditor needs to judge a registration again: the answer as
// received, what it answered, and what was found then.
type Evidence struct {
	AttestationObject []byte
	ClientData        []byte          // clientDataJSON, byte for byte
	Options           json.RawMessage // creation options as sent
	Judged            time.Time       // the time certificates were judged at

	Format          string
	AttestationType string
	Trusted         bool
	Anchor          []byte              // SHA-256 of the anchor's DER; nil if none was reached
	Chain           [][sha256.Size]byte // SHA-256 of each certificate, leaf first
	Policy          string              // version of the relying party's policy then in force
	Warnings        []string            // what was let pass

	Told     Told            // the client's word; zero for what was judged before it was kept
	Terms    Terms           // what the caller asked for beyond the policy
	Decision policy.Decision // rule by rule; zero for what was judged before it was kept
	Basis    []BasisRef      // what it was judged by; nil for what was judged before it was kept

	// What the attestation object says of the device and the credential. It is read
	// from there again by [Service.Evidence], and worth what the attestation is. The
	// serial number names one device, so that it is nil unless the options asked for
	// enterprise attestation.
	SerialNumber []byte
	Firmware     *uint64             // version; nil if unknown
	Extensions   webauthn.Extensions // outputs of the authenticator
}

// Told is what the client alone said at a registration. Nobody vouches for it.
type Told struct {
	Transports   []string `json:"transports,omitempty"`
	Attachment   string   `json:"attachment,omitempty"`
	Discoverable *bool    `json:"discoverable,omitempty"` // credProps; nil: it did not say
	PRF          *bool    `json:"prf,omitempty"`          // the credential has pseudo-random functions; likewise
	LargeBlob    *bool    `json:"largeBlob,omitempty"`    // the authenticator keeps a blob for it; likewise
}

// Limits of what people may call a credential.
const (
	maxCredentialNameChars = 64
	maxReasonChars         = 255
	maxUserAgentChars      = 512
)

package tenant

import (
	"cmp"
	"slices"
	"time"

	"bestow.dev/internal/policy"
)

// Requirement says how much something is wanted, in the words of WebAuthn Level 3
// §5.4.6 and §5.8.6.
type Requirement string

// The requirements.
const (
	Required    Requirement = "required"
	Preferred   Requirement = "preferred"
	Discouraged Requirement = "discouraged"
)

// Attestation is what is asked of the authenticator about its make, §5.4.7.
type Attestation string

// The attestation conveyance preferences.
const (
	AttestationNone       Attestation = "none"
	AttestationIndirect   Attestation = "indirect"
	AttestationDirect     Attestation = "direct"
	AttestationEnterprise Attestation = "enterprise"
)

// AttestationTrust says what follows from an attestation that leads to no known
// trust anchor.
type AttestationTrust string

// What an untrusted attestation leads to.
const (
	TrustRecord  AttestationTrust = "record"  // the credential is accepted, the verdict kept with it
	TrustRequire AttestationTrust = "require" // the credential is refused
)

// The defaults of a relying party.
const (
	DefaultMaxCredentials = 10
	DefaultChallengeLife  = 300 * time.Second
	DefaultTimeout        = 240 * time.Second
)

// DefaultAlgorithms are the COSE algorithms that are offered, in this order: ES256,
// EdDSA, ES384, ES512, RS256, RS384, RS512.
func DefaultAlgorithms() []int32 { return []int32{-7, -8, -35, -36, -257, -258, -259} }

// RelyingParty is a site that people sign in to, and what it asks of their
// authenticators. One that came out of [NewRelyingParty] or a [Directory] has every
// default filled in; it is not changed after.
type RelyingParty struct {
	Tenant string

	// ID is the RP ID: a domain name in lower case, without scheme or port
	// (WebAuthn Level 3 §4). It never changes.
	ID string

	// Name is shown to people. Empty means ID.
	Name string

	// Origins are the web origins that may run ceremonies, as browsers write them:
	// https, and http for localhost alone. Each one's host is ID or below it. An Android
	// app is android:apk-key-hash: and the base64url of its certificate's SHA-256. Empty
	// means https://ID.
	Origins []string

	// AllowCrossOrigin admits ceremonies in a frame of another origin's page
	// (§13.4.9), which then is one of TopOrigins, if there are any.
	AllowCrossOrigin bool
	TopOrigins       []string

	// ResidentKey and UserVerification are required if empty.
	ResidentKey      Requirement
	UserVerification Requirement

	// AuthenticatorAttachment is "platform", "cross-platform", or empty for both.
	AuthenticatorAttachment string

	// Attestation is direct if empty.
	Attestation Attestation

	// AttestationTrust is TrustRecord if empty: without trust anchors, nothing could
	// be registered otherwise.
	AttestationTrust AttestationTrust

	// AllowedAAGUIDs are the models that may be registered, in the form 8-4-4-4-12
	// of lower-case digits. Empty means all.
	AllowedAAGUIDs []string

	// TrustAnchors are certificates in PEM to which an attestation of any format may
	// lead, such as the operator's own roots for enterprise attestation. Empty means
	// none. TenantAnchors are those of its tenant, which a [Directory] fills in.
	TrustAnchors  string
	TenantAnchors string

	// Trust is whose word counts beside them.
	Trust Trust

	// Policies are the names of the tenant's policies that hold here, all of which have
	// to be met. Empty means none.
	Policies []string

	// Algorithms are the COSE algorithms to offer, the most wanted first. Empty means
	// DefaultAlgorithms.
	Algorithms []int32

	// MaxCredentialsPerUser counts those not deleted. Zero means 10.
	MaxCredentialsPerUser int

	// ChallengeLife is how long a ceremony can be finished. Zero means 300 s.
	ChallengeLife time.Duration

	// Timeout is what the client is told, and not longer than ChallengeLife. Zero
	// means 240 s, or ChallengeLife if that is shorter.
	Timeout time.Duration

	CeremonySettings

	Source  Source
	Created time.Time // zero for one from the file
	Changed time.Time // zero for one from the file

	documents []*policy.Document // of Policies
}

// NewRelyingParty fills in the defaults of rp, checks every member and returns a
// copy that shares nothing with it. Errors: rp.invalid with the member's name in
// Field.
func NewRelyingParty(rp RelyingParty) (*RelyingParty, error) {
	rp.fillIn()
	if err := rp.check(); err != nil {
		return nil, err
	}
	return &rp, nil
}

func (rp *RelyingParty) fillIn() {
	rp.Name = cmp.Or(rp.Name, rp.ID)
	rp.ResidentKey = cmp.Or(rp.ResidentKey, Required)
	rp.UserVerification = cmp.Or(rp.UserVerification, Required)
	rp.Attestation = cmp.Or(rp.Attestation, AttestationDirect)
	rp.AttestationTrust = cmp.Or(rp.AttestationTrust, TrustRecord)
	rp.MaxCredentialsPerUser = cmp.Or(rp.MaxCredentialsPerUser, DefaultMaxCredentials)
	rp.ChallengeLife = cmp.Or(rp.ChallengeLife, DefaultChallengeLife)
	rp.Timeout = cmp.Or(rp.Timeout, min(DefaultTimeout, rp.ChallengeLife))
	rp.Origins = slices.Clone(rp.Origins)
	rp.TopOrigins = slices.Clone(rp.TopOrigins)
	rp.AllowedAAGUIDs = slices.Clone(rp.AllowedAAGUIDs)
	rp.Algorithms = slices.Clone(rp.Algorithms)
	rp.Policies = slices.Clone(rp.Policies)
	rp.Trust.fillIn()
	rp.CeremonySettings.fillIn()
	if len(rp.Origins) == 0 {
		rp.Origins = []string{"https://" + rp.ID}
	}
	if len(rp.Algorithms) == 0 {
		rp.Algorithms = DefaultAlgorithms()
	}
}

package webauthn

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
)

// RelyingParty is whom credentials are made for and where its ceremonies run.
type RelyingParty struct {
	// ID is the RP ID, a domain name without scheme or port (§4).
	ID string
	// Origins are the web origins and app facets that may run ceremonies, compared
	// byte for byte with what the client reports. Empty: none may.
	Origins []string
	// AllowCrossOrigin lets ceremonies run in a frame whose ancestors are of another origin.
	AllowCrossOrigin bool
	// TopOrigins are the pages that may embed such a frame, for clients that report
	// the page. Empty: a client that reports one is refused.
	TopOrigins []string
}

// UserVerification is how much a relying party wants the authenticator to verify
// its user (§5.8.6).
type UserVerification string

// The values of UserVerification. In options the zero value leaves the member out,
// which clients read as preferred; in an expectation it counts as required.
const (
	UserVerificationRequired    UserVerification = "required"
	UserVerificationPreferred   UserVerification = "preferred"
	UserVerificationDiscouraged UserVerification = "discouraged"
)

// needed reports whether a response without UV has to be refused. What is not
// known counts as required.
func (v UserVerification) needed() bool {
	return v != UserVerificationPreferred && v != UserVerificationDiscouraged
}

// UserPresence says whether somebody has to have touched the authenticator.
type UserPresence string

// The values of UserPresence; the zero value counts as required.
const (
	UserPresenceRequired UserPresence = "required"
	// UserPresenceOptional is for a conditional create, where the client asks for
	// no touch (7.1/15).
	UserPresenceOptional UserPresence = "optional"
)

// procedure is one of the two verification procedures, so that the steps they share
// are written once. Its members are the numbers those steps have in it.
type procedure struct {
	clientDataType string
	setup          string // making the options
	response       string
	clientJSON     string
	dataType       string
	challenge      string
	origin         string
	crossOrigin    string
	topFraming     string
	topOrigin      string
	rpIDHash       string
	verification   string
	backup         string
}

var (
	registration = procedure{
		clientDataType: "webauthn.create",
		setup:          "7.1/1",
		response:       "7.1/3",
		clientJSON:     "7.1/6",
		dataType:       "7.1/7",
		challenge:      "7.1/8",
		origin:         "7.1/9",
		crossOrigin:    "7.1/10",
		topFraming:     "7.1/11.1",
		topOrigin:      "7.1/11.2",
		rpIDHash:       "7.1/14",
		verification:   "7.1/16",
		backup:         "7.1/17",
	}
	authentication = procedure{
		clientDataType: "webauthn.get",
		setup:          "7.2/1",
		response:       "7.2/3",
		clientJSON:     "7.2/9",
		dataType:       "7.2/10",
		challenge:      "7.2/11",
		origin:         "7.2/12",
		crossOrigin:    "7.2/13",
		topFraming:     "7.2/14.1",
		topOrigin:      "7.2/14.2",
		rpIDHash:       "7.2/15",
		verification:   "7.2/17",
		backup:         "7.2/18",
	}
)

// verifyClientData runs steps 7 to 11 of §7.1, which are 10 to 14 of §7.2.
func (p *procedure) verifyClientData(c *ClientData, rp *RelyingParty, challenge []byte) error {
	// An expectation that was never filled in must not be met by a response that is
	// just as empty.
	if rp.ID == "" || len(challenge) == 0 {
		return refuse(ReasonInternal, p.setup, "the expectation has no RP ID or no challenge")
	}

	// Steps 7 and 10: the client data is of this ceremony.
	if c.Type != p.clientDataType {
		return refuse(ReasonClientDataType, p.dataType, "client data has type %q, not %q", c.Type, p.clientDataType)
	}

	// Steps 8 and 11: the challenge is the one we gave.
	if subtle.ConstantTimeCompare(c.Challenge, challenge) != 1 {
		return refuse(ReasonChallenge, p.challenge, "the challenge is not the one issued")
	}

	// Steps 9 and 12: the ceremony ran on one of our pages or apps.
	if !slices.Contains(rp.Origins, c.Origin) {
		return refuse(ReasonOrigin, p.origin, "origin %q is not allowed", c.Origin)
	}

	// Steps 10 and 13: it ran in a foreign page's frame only if that is foreseen.
	if c.CrossOrigin && !rp.AllowCrossOrigin {
		return refuse(ReasonCrossOrigin, p.crossOrigin, "the ceremony ran in a frame of another origin")
	}

	// Steps 11 and 14: and if the client names that page, it is one we know.
	if c.TopOrigin == "" {
		return nil
	}
	if !rp.AllowCrossOrigin {
		return refuse(ReasonCrossOrigin, p.topFraming, "the ceremony ran in a frame of %q", c.TopOrigin)
	}
	if !slices.Contains(rp.TopOrigins, c.TopOrigin) {
		return refuse(ReasonTopOrigin, p.topOrigin, "top origin %q is not allowed", c.TopOrigin)
	}
	return nil
}

// verifyRPID runs step 14 of §7.1, which is 15 of §7.2, for an RP ID or an AppID.
func (p *procedure) verifyRPID(a *AuthenticatorData, id string) error {
	want := sha256.Sum256([]byte(id))
	if subtle.ConstantTimeCompare(a.RPIDHash[:], want[:]) != 1 {
		return refuse(ReasonRPIDHash, p.rpIDHash, "the authenticator worked for another RP ID than %q", id)
	}
	return nil
}

// verifyFlags runs steps 16 and 17 of §7.1, which are 17 and 18 of §7.2.
func (p *procedure) verifyFlags(f Flags, v UserVerification) error {
	// Steps 16 and 17: the user was verified, if that was required.
	if v.needed() && !f.UserVerified() {
		return refuse(ReasonUserVerification, p.verification, "the user was not verified")
	}

	// Steps 17 and 18: what cannot be backed up is not backed up.
	if f.BackupState() && !f.BackupEligible() {
		return refuse(ReasonBackupFlags, p.backup, "flag BS is set and BE is not")
	}
	return nil
}

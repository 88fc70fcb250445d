package ctap

import (
	"context"
	"slices"
)

// COSE algorithms that stand for an empty offer (WebAuthn §5.1.3).
const (
	algES256 = -7
	algRS256 = -257
)

// CredProtect is the level of the extension credProtect (CTAP 2.1 §12.1).
type CredProtect int

// The levels. The zero value asks for none, which gives what the key does by itself.
const (
	ProtectOptional         CredProtect = 1 // userVerificationOptional
	ProtectOptionalWithList CredProtect = 2 // userVerificationOptionalWithCredentialIDList
	ProtectRequired         CredProtect = 3 // userVerificationRequired
)

// CredentialParams is what a credential shall be like.
type CredentialParams struct {
	// ClientDataHash is the SHA-256 of the client data; 32 bytes, required.
	ClientDataHash []byte
	// RP and User are whom it is for; both required.
	RP   RP
	User User
	// Algorithms are COSE numbers, the preferred one first. Empty stands for ES256
	// and RS256, as in WebAuthn §5.1.3.
	Algorithms []int64
	// Exclude are credentials of which the key must not hold one already.
	Exclude []CredentialDescriptor
	// ResidentKey: a discoverable credential is made if it is required, or preferred
	// and the key can. Empty: discouraged.
	ResidentKey Requirement
	// UserVerification: empty is preferred.
	UserVerification Requirement
	// CredProtect asks for a level of protection. Where the key does not know the
	// extension it is not asked, or refused with EnforceCredProtect and a level above
	// the first.
	CredProtect        CredProtect
	EnforceCredProtect bool
	// MinPINLength asks the key to report its shortest PIN, which it does for relying
	// parties that its owner listed.
	MinPINLength bool
	// HMACSecret has the key make the secrets behind the extension prf.
	HMACSecret bool
	// Attestation is what the relying party gets to see of the attestation. Empty: none.
	Attestation Conveyance
	// KeepAAGUID leaves the AAGUID in place where Attestation is none, as Level 3
	// allows; otherwise it is blanked, as in Level 2.
	KeepAAGUID bool
	// EnterpriseAttestation is 1 (vendor-facilitated) or 2 (platform-managed, which
	// the caller has to have vetted) to ask a key that is enabled for it for an
	// attestation that names the single key. 0: not asked.
	EnterpriseAttestation uint
}

// Credential is a credential that a key has made.
type Credential struct {
	// ID is the credential id.
	ID []byte
	// PublicKey is the credential key, a COSE key; Algorithm its COSE number.
	PublicKey []byte
	Algorithm int64
	// AAGUID names the key's model, as the key says; zero where it was blanked.
	AAGUID [16]byte
	// AttestationObject is what the relying party gets (WebAuthn §6.5.4), after
	// conveyance.
	AttestationObject []byte
	// AuthData is the authenticator data in it, and Format its format.
	AuthData []byte
	Format   string
	// UserVerified reports whether the key verified its user.
	UserVerified bool
	// Discoverable reports whether the credential was made to be found without its
	// id (credProps.rk of WebAuthn §10.1.3).
	Discoverable bool
	// CredProtect is the level the key set; 0 where it does not say.
	CredProtect CredProtect
	// HMACSecret reports whether the secrets behind prf were made (prf.enabled).
	HMACSecret bool
	// Transports are the key's, sorted and without duplicates (WebAuthn §5.2.1).
	Transports []Transport
}

// MakeCredential has the key make a credential: it verifies the user as asked, finds
// out about credentials already there, waits for a touch and translates the answer.
//
// Errors: a [*StatusError], among which CREDENTIAL_EXCLUDED, UNSUPPORTED_ALGORITHM,
// OPERATION_DENIED, KEEPALIVE_CANCEL, KEY_STORE_FULL, USER_ACTION_TIMEOUT,
// PIN_BLOCKED and PIN_AUTH_BLOCKED; [ErrAlgorithm], [ErrResidentKey],
// [ErrCredProtect], [ErrUserVerification], [ErrPINNotSet], [ErrPINChange],
// [ErrPINLength], [ErrTooLarge], [ErrAnswer]; what a Prompt returned; the device's own.
func (c *Client) MakeCredential(ctx context.Context, p CredentialParams, ask Prompt) (*Credential, error) {
	request, err := c.registration(p)
	if err != nil {
		return nil, err
	}
	v, err := c.verify(ctx, ask, need{
		permissions: registrationPermissions(p),
		rpID:        p.RP.ID,
		uv:          p.UserVerification,
		// CTAP 2.1 §6.1.2 steps 7 and 8: only credentials that are found by their id
		// may be made without, and only where the key says so.
		whereProtected: request.ResidentKey || !c.info.Options["makeCredUvNotRqd"],
	})
	if err != nil {
		return nil, err
	}
	defer v.forget()
	request.BuiltInUV = v.builtIn()

	request.ExcludeList, err = c.preflight(ctx, v, p.Exclude, func(list []CredentialDescriptor) bool {
		full := *request
		full.ExcludeList, full.PINUVAuth = list, v.auth(p.ClientDataHash)
		return c.fits(full.wire())
	})
	if err != nil {
		return nil, err
	}
	resp, err := c.make(ctx, request, v)
	if err != nil {
		return nil, err
	}
	return c.credential(p, request, resp)
}

// make sends the request, authenticated.
func (c *Client) make(ctx context.Context, request *MakeCredentialRequest, v *verification) (*MakeCredentialResponse, error) {
	var resp *MakeCredentialResponse
	err := v.spent(ctx, func() (err error) {
		request.PINUVAuth = v.auth(request.ClientDataHash)
		if !c.fits(request.wire()) {
			return ErrTooLarge
		}
		resp, err = MakeCredential(ctx, c.dev, *request, v.ask.keepAlive())
		return err
	})
	return resp, err
}

// registrationPermissions adds ga where the exclude list may have to be asked about:
// a credential that needs verification is not seen without it.
func registrationPermissions(p CredentialParams) Permission {
	if len(p.Exclude) > 0 {
		return PermissionMakeCredential | PermissionGetAssertion
	}
	return PermissionMakeCredential
}

// registration builds the request as far as it does not depend on who is verified.
func (c *Client) registration(p CredentialParams) (*MakeCredentialRequest, error) {
	algorithms, err := c.algorithms(p.Algorithms)
	if err != nil {
		return nil, err
	}
	if p.ResidentKey == Required && !c.info.ResidentKeys() {
		return nil, ErrResidentKey
	}
	protects := c.info.HasExtension("credProtect")
	if p.EnforceCredProtect && p.CredProtect > ProtectOptional && !protects {
		return nil, ErrCredProtect
	}
	extensions := map[string]any{}
	if p.CredProtect != 0 && protects {
		extensions["credProtect"] = int(p.CredProtect)
	}
	if p.MinPINLength && c.info.HasExtension("minPinLength") {
		extensions["minPinLength"] = true
	}
	if p.HMACSecret && c.info.HasExtension("hmac-secret") {
		extensions["hmac-secret"] = true
	}
	r := &MakeCredentialRequest{
		ClientDataHash: p.ClientDataHash,
		RP:             p.RP,
		User:           p.User,
		Algorithms:     algorithms,
		Extensions:     extensions,
		ResidentKey:    p.ResidentKey == Required || p.ResidentKey == Preferred && c.info.ResidentKeys(),
	}
	if c.info.EnterpriseAttestation() {
		r.EnterpriseAttestation = p.EnterpriseAttestation
	}
	return r, nil
}

// algorithms leaves of the offer what the key says it supports, in the relying
// party's order.
func (c *Client) algorithms(offered []int64) ([]int64, error) {
	if len(offered) == 0 {
		offered = []int64{algES256, algRS256}
	}
	if len(c.info.Algorithms) == 0 { // the key does not say; it will answer for itself
		return offered, nil
	}
	var supported []int64
	for _, alg := range offered {
		if slices.Contains(c.info.Algorithms, alg) {
			supported = append(supported, alg)
		}
	}
	if len(supported) == 0 {
		return nil, ErrAlgorithm
	}
	return supported, nil
}

// credential checks that the key answered the question, and translates.
func (c *Client) credential(p CredentialParams, request *MakeCredentialRequest, resp *MakeCredentialResponse) (*Credential, error) {
	data, err := parseAuthData(CommandMakeCredential, resp.AuthData, p.RP.ID)
	if err != nil {
		return nil, err
	}
	if data.credentialID == nil {
		return nil, malformed(CommandMakeCredential, "no credential")
	}
	if !slices.Contains(request.Algorithms, data.algorithm) {
		return nil, malformed(CommandMakeCredential, "algorithm %d was not offered", data.algorithm)
	}
	conveyed, err := resp.convey(p.Attestation, p.KeepAAGUID)
	if err != nil {
		return nil, err
	}
	cred := &Credential{
		ID:                data.credentialID,
		PublicKey:         data.publicKey,
		Algorithm:         data.algorithm,
		AttestationObject: conveyed.object,
		AuthData:          conveyed.authData,
		Format:            conveyed.format,
		UserVerified:      data.flags&flagUserVerified != 0,
		Discoverable:      request.ResidentKey,
		CredProtect:       CredProtect(data.extensions.number("credProtect", int64(ProtectRequired))),
		HMACSecret:        member[bool](data.extensions, "hmac-secret"),
		Transports:        c.transports(),
	}
	copy(cred.AAGUID[:], conveyed.authData[aaguidOffset:])
	if data.extensions.err != nil {
		return nil, data.extensions.err
	}
	return cred, nil
}

// transports are those the key reports, and otherwise the one it is on.
func (c *Client) transports() []Transport {
	all := slices.Clone(c.info.Transports)
	if len(all) == 0 && c.dev.Describe().Transport != "" {
		all = append(all, c.dev.Describe().Transport)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

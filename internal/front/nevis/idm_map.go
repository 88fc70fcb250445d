package nevis

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

// errValue is a member that is there and has a value that will not do.
var errValue = fault.New(fault.Rejected, "request.value", "A member of the request has a value that is not taken.")

// standing is a pair of the domain that a state's name stands for.
type standing struct {
	state    credential.State
	standing credential.Standing
}

// states are the eight states by name.
var states = map[string]standing{
	"initial":       {credential.Active, credential.Initial},
	"active":        {credential.Active, credential.Plain},
	"tmp-locked":    {credential.Suspended, credential.TemporarilyLocked},
	"fail-locked":   {credential.Suspended, credential.FailureLocked},
	"reset-code":    {credential.Suspended, credential.ResetCode},
	"admin-changed": {credential.Suspended, credential.AdminChanged},
	"disabled":      {credential.Suspended, credential.Plain},
	"archived":      {credential.Suspended, credential.Archived},
}

// stateName names how a credential stands.
func stateName(c *credential.Credential) string {
	for name, s := range states {
		if s.state == c.State && s.standing == c.Standing {
			return name
		}
	}
	return "disabled"
}

// attachments are the names of these paths, which have no hyphen, by those of WebAuthn.
var attachments = map[webauthn.Attachment]string{
	"": "", webauthn.AttachmentPlatform: "platform", webauthn.AttachmentCrossPlatform: "crossplatform",
}

func attachmentNamed(name string) (webauthn.Attachment, bool) {
	for a, n := range attachments {
		if n == name {
			return a, true
		}
	}
	return "", false
}

func readIDM(w http.ResponseWriter, r *http.Request, into any) error {
	if !isJSON(r) {
		return web.ErrNotJSON
	}
	body, err := web.ReadBody(w, r, maxBodyBytes)
	if err != nil {
		return err
	}
	return decode(body, into)
}

func (d *Door) fromCredential(c *credential.Credential) idmCredential {
	hash := sha256.Sum256(c.CredentialID)
	out := idmCredential{
		ExtID: c.ExternalOrID(), UserExtID: c.UserName, Created: stamp(c.Created), LastModified: stamp(c.Updated),
		Version: c.Version, StateName: stateName(c), StateChangeReason: c.Reason,
		AAGUID: c.AAGUID.String(), Authenticator: authenticatorOf(c), AuthenticatorAttachment: attachments[webauthn.Attachment(c.Attachment)],
		AttestationConveyancePreference: string(c.Asked.Attestation), HashedCredentialID: strictjson.EncodeBase64URL(hash[:]), RPID: c.RelyingParty,
		ResidentKeyRequirement: residentKeyOf(c), UserVerificationRequirement: string(c.Asked.UserVerification),
		UserFriendlyName: c.Name, UserAgent: c.UserAgent,
		SuccessfulLoginCount: c.Uses, FailedLoginCount: c.Failures,
	}
	if d.UserAttribute == ByID {
		out.UserExtID = string(c.User)
	}
	if out.AttestationConveyancePreference == "" {
		out.AttestationConveyancePreference = "none"
		if c.Format != "none" {
			out.AttestationConveyancePreference = "direct"
		}
	}
	if out.UserVerificationRequirement == "" {
		out.UserVerificationRequirement = string(webauthn.UserVerificationPreferred)
	}
	if !c.Until.IsZero() {
		out.StateChangeDetail = "until " + stamp(c.Until)
	}
	if !c.LastUsed.IsZero() {
		out.LastSuccessfulLoginDate = stamp(c.LastUsed)
	}
	if !c.LastFailed.IsZero() {
		out.LastFailedLoginDate = stamp(c.LastFailed)
	}
	return out
}

// residentKeyOf knows required and discouraged alone: what was preferred is told by what
// came of it.
func residentKeyOf(c *credential.Credential) string {
	switch {
	case c.Asked.ResidentKey == webauthn.ResidentKeyRequired,
		c.Asked.ResidentKey != webauthn.ResidentKeyDiscouraged && c.Discoverable == credential.Yes:
		return "required"
	}
	return "discouraged"
}

func authenticatorOf(c *credential.Credential) string {
	count := c.SignCount
	text, err := json.Marshal(authenticatorRecord{
		CredentialID: strictjson.EncodeBase64URL(c.CredentialID), PublicKey: strictjson.EncodeBase64URL(c.PublicKey), SignCount: &count,
		Transports: c.Transports, BackupEligible: c.BackupEligible, BackupState: c.BackupState,
		AttestationFmt: c.Format, UVInitialized: c.UVInitialized,
	})
	if err != nil {
		return "" // of texts and numbers: it does not fail
	}
	return strictjson.EncodeBase64URL(text)
}

// record is an authenticatorRecord with its bytes decoded.
type record struct {
	authenticatorRecord
	id, key []byte
}

func readAuthenticator(text string) (*record, error) {
	refused := errValue.At("authenticator").Saying("authenticator is not base64url of a record: an object with credentialId and publicKeyCose.")
	raw, err := strictjson.DecodeBase64URL(text)
	if err != nil {
		return nil, refused.Because(err)
	}
	var r record
	if err := strictjson.Decode(raw, &r.authenticatorRecord, strictjson.MaxValues(1000)); err != nil {
		return nil, refused.Because(err)
	}
	if r.id, err = strictjson.DecodeBase64URL(r.CredentialID); err == nil {
		r.key, err = strictjson.DecodeBase64URL(r.PublicKey)
	}
	if err != nil || len(r.id) == 0 || len(r.Transports) > 16 {
		return nil, refused.Because(err)
	}
	return &r, nil
}

// isOf reports whether r may be the record of c. It may leave out the key.
func (r *record) isOf(c *credential.Credential) bool {
	return bytes.Equal(r.id, c.CredentialID) && (len(r.key) == 0 || bytes.Equal(r.key, c.PublicKey))
}

// adopt returns the call that q asks for.
func (d *Door) adopt(q *createRequest, user string) (credential.Adopt, error) {
	in := credential.Adopt{
		RelyingParty: q.RPID, User: d.userRef(user), ExternalID: q.ExtID, Name: q.UserFriendlyName, UserAgent: q.UserAgent,
		Reason: q.ModificationComment,
	}
	for member, value := range map[string]string{"aaguid": q.AAGUID, "authenticator": q.Authenticator, "hashedCredentialId": q.HashedCredentialID, "rpId": q.RPID} {
		if value == "" {
			return in, errValue.At(member).Saying("%s is missing.", member)
		}
	}
	r, err := readAuthenticator(q.Authenticator)
	if err != nil {
		return in, err
	}
	in.Record = webauthn.CredentialRecord{ID: r.id, PublicKey: r.key, BackupEligible: r.BackupEligible, BackupState: r.BackupState}
	if r.SignCount != nil {
		in.Record.SignCount = *r.SignCount
	}
	in.Transports, in.UVInitialized = r.Transports, r.UVInitialized
	hash := sha256.Sum256(r.id)
	if q.HashedCredentialID != strictjson.EncodeBase64URL(hash[:]) {
		return in, errValue.At("hashedCredentialId").Saying("hashedCredentialId is not the SHA-256 of the authenticator's credentialId.")
	}
	if in.AAGUID, err = webauthn.ParseAAGUID(q.AAGUID); err != nil {
		return in, errValue.At("aaguid").Saying("aaguid is none.").Because(err)
	}
	var ok bool
	if in.Attachment, ok = attachmentNamed(q.AuthenticatorAttachment); !ok {
		return in, errValue.At("authenticatorAttachment").Saying("authenticatorAttachment is platform or crossplatform.")
	}
	in.Asked = credential.Asked{
		Attestation: webauthn.Conveyance(q.AttestationConveyancePreference), ResidentKey: webauthn.ResidentKey(q.ResidentKeyRequirement),
		UserVerification: webauthn.UserVerification(q.UserVerificationRequirement),
	}
	switch {
	case !one(in.Asked.Attestation, webauthn.ConveyanceNone, webauthn.ConveyanceIndirect, webauthn.ConveyanceDirect, webauthn.ConveyanceEnterprise):
		return in, errValue.At("attestationConveyancePreference").Saying("attestationConveyancePreference has none of its values.")
	case !one(in.Asked.ResidentKey, webauthn.ResidentKeyRequired, webauthn.ResidentKeyDiscouraged):
		return in, errValue.At("residentKeyRequirement").Saying("residentKeyRequirement is required or discouraged.")
	case !one(in.Asked.UserVerification, webauthn.UserVerificationRequired, webauthn.UserVerificationPreferred, webauthn.UserVerificationDiscouraged):
		return in, errValue.At("userVerificationRequirement").Saying("userVerificationRequirement has none of its values.")
	}
	in.Discoverable = credential.No
	if in.Asked.ResidentKey == webauthn.ResidentKeyRequired {
		in.Discoverable = credential.Yes
	}
	if q.StateName == nil {
		return in, nil
	}
	s, until, err := d.stateNamed(*q.StateName)
	in.State, in.Standing, in.Until = s.state, s.standing, until
	return in, err
}

// stateNamed reads the name of a state, and until when it lasts.
func (d *Door) stateNamed(name string) (standing, time.Time, error) {
	s, ok := states[name]
	if !ok {
		return s, time.Time{}, errValue.At("stateName").Saying("stateName is none of the eight states.")
	}
	if s.standing == credential.TemporarilyLocked {
		return s, d.Now().Add(d.IDM.TemporaryLock), nil
	}
	return s, time.Time{}, nil
}

// update returns the change that q asks for.
func (d *Door) update(q *changeRequest) (credential.CredentialUpdate, error) {
	in := credential.CredentialUpdate{Name: q.UserFriendlyName, Reason: q.ModificationComment, Version: q.Version}
	if q.Version < 0 {
		return in, errValue.At("version").Saying("version counts from 1.")
	}
	if q.StateName == nil {
		return in, nil
	}
	s, until, err := d.stateNamed(*q.StateName)
	in.State, in.Standing, in.Until = &s.state, &s.standing, until
	return in, err
}

func escapePath(s string) string { return url.PathEscape(s) }

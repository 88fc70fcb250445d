package digitalaccess

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/webauthn"
)

var base64url = base64.RawURLEncoding.Strict()

// userOf reads the user that a query names. One that is named twice is nobody: who
// reads the first and who reads the last would disagree on whose credential it is.
func userOf(r *http.Request) (credential.UserRef, error) {
	ids := r.URL.Query()["userId"]
	if len(ids) != 1 {
		return credential.UserRef{}, credential.ErrUserRequired.At("userId")
	}
	return userNamed(ids[0])
}

func userNamed(id string) (credential.UserRef, error) {
	if id == "" {
		return credential.UserRef{}, credential.ErrUserRequired.At("userId")
	}
	return credential.ByName(id), nil
}

// refOf reads the credential that a path names. An id that is not base64url in its one
// form was never given to anybody.
func (f *front) refOf(r *http.Request) (credential.Ref, error) {
	text := r.PathValue("id")
	id, err := base64url.DecodeString(text)
	if err != nil || len(id) == 0 || base64url.EncodeToString(id) != text {
		return credential.Ref{}, credential.ErrCredentialUnknown
	}
	return credential.Ref{RelyingParty: f.RelyingParty, CredentialID: id}, nil
}

// finish returns the call that req asks for at the relying party rp.
func (req *credentialRequest) finish(rp string) (credential.FinishRegistration, error) {
	user, err := userNamed(req.UserID)
	if err != nil {
		return credential.FinishRegistration{}, err
	}
	if len(req.PublicKeyCredential) == 0 {
		return credential.FinishRegistration{}, credential.ErrResponse.At("publicKeyCredential")
	}
	resp, err := webauthn.ParseRegistrationResponse(req.PublicKeyCredential)
	if err != nil {
		return credential.FinishRegistration{}, credential.Unreadable(err)
	}
	return credential.FinishRegistration{RelyingParty: rp, User: user, Response: resp, Name: req.DisplayName}, nil
}

// update returns the change that req asks for.
func (req *changeRequest) update() credential.CredentialUpdate {
	u := credential.CredentialUpdate{Name: req.DisplayName}
	if req.Enabled != nil {
		state := credential.Suspended
		if *req.Enabled {
			state = credential.Active
		}
		u.State = &state
	}
	return u
}

func fromCredential(c *credential.Credential) storedCredential {
	return storedCredential{
		ID:            base64url.EncodeToString(c.CredentialID),
		UserID:        c.UserName,
		DisplayName:   c.Name,
		AAGUID:        c.AAGUID.String(),
		Alg:           c.Algorithm,
		Attestation:   attestation{Fmt: c.Format, Type: c.AttestationType},
		SignCount:     c.SignCount,
		Transports:    append([]string{}, c.Transports...), // never null
		Enabled:       c.State == credential.Active,
		Created:       stamp(c.Created),
		LastUsed:      stamp(c.LastUsed),
		ProvisionedBy: strings.TrimPrefix(c.ProvisionedBy, string(audit.Client)+":"),
	}
}

func listed(c *credential.Credential) listedCredential {
	return listedCredential{
		ID:          base64url.EncodeToString(c.CredentialID),
		DisplayName: c.Name,
		AAGUID:      c.AAGUID.String(),
		Created:     stamp(c.Created),
		LastUsed:    stamp(c.LastUsed),
		Enabled:     c.State == credential.Active,
	}
}

// stamp writes a time as this door does; nothing for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// withPrefix puts prefix before the path of a pattern.
func withPrefix(pattern, prefix string) string {
	method, path, _ := strings.Cut(pattern, " ")
	return method + " " + prefix + path
}

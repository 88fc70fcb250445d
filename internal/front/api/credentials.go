package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/tenant"
)

// BoundCredential is a public key that an authenticator holds the other half of.
type BoundCredential struct {
	ID             string      `json:"id" doc:"Ours"`
	RelyingParty   string      `json:"relyingParty"`
	User           string      `json:"user" doc:"The user's id"`
	UserName       string      `json:"userName" doc:"The user's login name"`
	CredentialID   string      `json:"credentialId" doc:"Chosen by the authenticator, base64url"`
	PublicKey      string      `json:"publicKey" doc:"COSE_Key, base64url"`
	Algorithm      int32       `json:"algorithm" doc:"COSE algorithm"`
	AAGUID         string      `json:"aaguid" format:"uuid" doc:"The authenticator's model; zero if it does not say"`
	SignCount      uint32      `json:"signCount" doc:"0 if the authenticator keeps none"`
	Transports     []string    `json:"transports" nullable:"false"`
	Attachment     string      `json:"attachment,omitempty" enum:"platform,cross-platform"`
	BackupEligible bool        `json:"backupEligible"`
	BackupState    bool        `json:"backupState"`
	UVInitialized  bool        `json:"uvInitialized" doc:"Whether the user was ever verified"`
	Discoverable   *bool       `json:"discoverable,omitempty" doc:"Whether it can be used without naming it; left out if that is not known"`
	Attestation    attestation `json:"attestation"`
	Name           string      `json:"name"`
	State          string      `json:"state" enum:"active,suspended"`
	Reason         string      `json:"reason,omitempty" doc:"Why it is suspended"`
	Version        int64       `json:"version" doc:"Counts changes; uses do not count"`
	Created        time.Time   `json:"created"`
	Updated        time.Time   `json:"updated"`
	LastUsed       *time.Time  `json:"lastUsed,omitempty"`
	ProvisionedBy  string      `json:"provisionedBy" doc:"Who registered it, such as client:idm"`
	Via            string      `json:"via" doc:"The door it came through"`
	Ref            string      `json:"ref,omitempty" doc:"Process, command or request id"`
}

// attestation is what was proven about the authenticator's make.
type attestation struct {
	Format   string   `json:"format" example:"packed"`
	Type     string   `json:"type" enum:"none,self,basic,attca,anonca"`
	Trusted  bool     `json:"trusted" doc:"It leads to a trust anchor"`
	Warnings []string `json:"warnings,omitempty" nullable:"false" doc:"What was let pass"`
}

func fromCredential(c *credential.Credential) BoundCredential {
	return BoundCredential{
		ID: string(c.ID), RelyingParty: c.RelyingParty, User: string(c.User), UserName: c.UserName,
		CredentialID: strictjson.EncodeBase64URL(c.CredentialID), PublicKey: strictjson.EncodeBase64URL(c.PublicKey),
		Algorithm: c.Algorithm, AAGUID: c.AAGUID.String(), SignCount: c.SignCount,
		Transports: append([]string{}, c.Transports...), Attachment: c.Attachment,
		BackupEligible: c.BackupEligible, BackupState: c.BackupState, UVInitialized: c.UVInitialized,
		Discoverable: known(c.Discoverable),
		Attestation:  attestation{Format: c.Format, Type: c.AttestationType, Trusted: c.Trusted, Warnings: c.Warnings},
		Name:         c.Name, State: string(c.State), Reason: c.Reason, Version: c.Version,
		Created: c.Created, Updated: c.Updated, LastUsed: unlessZero(c.LastUsed),
		ProvisionedBy: c.ProvisionedBy, Via: c.Via, Ref: c.Ref,
	}
}

func known(k credential.Known) *bool {
	switch k {
	case credential.Yes:
		return new(true)
	case credential.No:
		return new(false)
	}
	return nil
}

// evidence is what an auditor needs to judge a registration again.
type evidence struct {
	AttestationObject string          `json:"attestationObject" doc:"As received, base64url"`
	ClientDataJSON    string          `json:"clientDataJSON" doc:"As received, base64url"`
	Options           json.RawMessage `json:"options" doc:"Creation options as sent"`
	Judged            time.Time       `json:"judged" doc:"The time certificates were judged at"`
	Attestation       attestation     `json:"attestation"`
	Anchor            string          `json:"anchor,omitempty" doc:"SHA-256 of the trust anchor, hexadecimal"`
	Chain             []string        `json:"chain" nullable:"false" doc:"SHA-256 of each certificate, leaf first"`
	Policy            string          `json:"policy" doc:"Version of the settings and policies then in force"`
	Decision          *decision       `json:"decision,omitempty" doc:"What each policy made of it then; left out for what was registered before that was kept"`
	Basis             []basisRef      `json:"basis" nullable:"false" doc:"What it was judged by, all of which is kept: the same content has the same hash"`
	Told              told            `json:"told" doc:"What the client alone said, and nobody vouches for"`
	SerialNumber      string          `json:"serialNumber,omitempty" doc:"Of the authenticator, hexadecimal: where enterprise attestation was asked for and given. Worth what the attestation is"`
	Firmware          *uint64         `json:"firmware,omitempty" doc:"Firmware version of the authenticator, where its certificate names it"`
	Extensions        json.RawMessage `json:"extensions,omitempty" doc:"Extension outputs of the authenticator by identifier, byte strings in base64url"`
}

// told is what the client alone said of a registration.
type told struct {
	Transports   []string `json:"transports,omitempty" nullable:"false"`
	Attachment   string   `json:"attachment,omitempty" enum:"platform,cross-platform"`
	Discoverable *bool    `json:"discoverable,omitempty" doc:"credProps"`
	PRF          *bool    `json:"prf,omitempty" doc:"The credential has pseudo-random functions"`
	LargeBlob    *bool    `json:"largeBlob,omitempty" doc:"The authenticator keeps a blob for the credential"`
}

type basisRef struct {
	Kind string `json:"kind" enum:"settings,tpm-vendors,policy,anchor,revocation-list,model"`
	Hash string `json:"hash" doc:"SHA-256 of kind, line feed and content, hexadecimal"`
}

func fromEvidence(e *credential.Evidence) evidence {
	out := evidence{
		AttestationObject: strictjson.EncodeBase64URL(e.AttestationObject),
		ClientDataJSON:    strictjson.EncodeBase64URL(e.ClientData),
		Options:           e.Options, Judged: e.Judged,
		Attestation: attestation{Format: e.Format, Type: e.AttestationType, Trusted: e.Trusted, Warnings: e.Warnings},
		Anchor:      hex.EncodeToString(e.Anchor),
		Chain:       make([]string, len(e.Chain)),
		Policy:      e.Policy, Decision: fromDecision(&e.Decision),
		Basis: each(e.Basis, func(r *credential.BasisRef) basisRef { return basisRef{string(r.Kind), r.Hash} }),
		Told:  told(e.Told), SerialNumber: hex.EncodeToString(e.SerialNumber), Firmware: e.Firmware,
	}
	if e.Extensions.Len() > 0 {
		if text, err := json.Marshal(e.Extensions); err == nil {
			out.Extensions = text
		}
	}
	for i, sum := range e.Chain {
		out.Chain[i] = hex.EncodeToString(sum[:])
	}
	return out
}

// CredentialPath is the path parameter of calls about one credential.
type CredentialPath struct {
	ID string `path:"id" doc:"Our id of the credential"`
}

func (in CredentialPath) ref() credential.Ref { return credential.Ref{ID: credential.ID(in.ID)} }

type credentialQuery struct {
	Paging
	User         string `query:"user" doc:"The owner's id"`
	UserName     string `query:"userName" doc:"The owner's login name"`
	RelyingParty string `query:"relyingParty"`
	State        string `query:"state" enum:"active,suspended"`
	CredentialID string `query:"credentialId" doc:"With relyingParty: the one with the id its authenticator chose, base64url. A page of one, or of none."`
}

// owner returns whose credentials are asked for; nobody's for anybody's.
func (q *credentialQuery) owner() (credential.UserRef, error) {
	if q.User != "" && q.UserName != "" {
		return credential.UserRef{}, errRequest.At("userName").Saying("userName: say user or userName, not both.")
	}
	return credential.UserRef{ID: credential.UserID(q.User), Name: q.UserName}, nil
}

type credentialChange struct {
	CredentialPath
	Body struct {
		Name    *string `json:"name,omitempty" maxLength:"64"`
		State   *string `json:"state,omitempty" enum:"active,suspended"`
		Reason  string  `json:"reason,omitempty" maxLength:"255" doc:"Why it is suspended"`
		Version int64   `json:"version,omitempty" minimum:"1" doc:"Change it only if it has this version still"`
	}
}

func (in *credentialChange) update() credential.CredentialUpdate {
	u := credential.CredentialUpdate{Name: in.Body.Name, Reason: in.Body.Reason, Version: in.Body.Version}
	if in.Body.State != nil {
		u.State = new(credential.State(*in.Body.State))
	}
	return u
}

func (f *front) credentials() {
	handle(f, huma.Operation{
		OperationID: "list-credentials", Method: http.MethodGet, Path: "/credentials", Tags: inCredentials,
		Summary: "Credentials in the order they were made", Security: scopes(tenant.ScopeRead),
	}, f.listCredentials)
	handle(f, huma.Operation{
		OperationID: "get-credential", Method: http.MethodGet, Path: "/credentials/{id}", Tags: inCredentials,
		Summary: "One credential", Security: scopes(tenant.ScopeRead),
	}, f.getCredential)
	handle(f, huma.Operation{
		OperationID: "change-credential", Method: http.MethodPatch, Path: "/credentials/{id}", Tags: inCredentials,
		Summary: "Rename, suspend or resume a credential", Security: scopes(tenant.ScopeManage),
	}, f.changeCredential)
	handle(f, huma.Operation{
		OperationID: "delete-credential", Method: http.MethodDelete, Path: "/credentials/{id}", Tags: inCredentials,
		Summary: "Delete a credential and its evidence for good", Security: scopes(tenant.ScopeManage),
	}, f.deleteCredential)
	handle(f, huma.Operation{
		OperationID: "get-evidence", Method: http.MethodGet, Path: "/credentials/{id}/evidence", Tags: inCredentials,
		Summary: "What an auditor needs to judge the registration again", Security: scopes(tenant.ScopeRead),
	}, f.getEvidence)
}

func (f *front) listCredentials(ctx context.Context, by tenant.Authority, in *credentialQuery) (*answer[page[BoundCredential]], error) {
	owner, err := in.owner()
	if err != nil {
		return nil, err
	}
	if in.CredentialID != "" {
		return f.credentialByItsID(ctx, by, in, owner)
	}
	found, err := f.Credentials.Credentials(ctx, by, credential.CredentialQuery{
		RelyingParty: in.RelyingParty, User: owner, State: credential.State(in.State), After: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return &answer[page[BoundCredential]]{pageOf(found.Credentials, found.Next, fromCredential)}, nil
}

// credentialByItsID answers a question for one credential as a list, as it was asked.
func (f *front) credentialByItsID(ctx context.Context, by tenant.Authority, in *credentialQuery, owner credential.UserRef) (*answer[page[BoundCredential]], error) {
	id, err := strictjson.DecodeBase64URL(in.CredentialID)
	if err != nil || in.RelyingParty == "" || in.State != "" {
		return nil, errRequest.At("credentialId").Saying("credentialId: it is base64url, goes with relyingParty and not with state.")
	}
	c, err := f.Credentials.Get(ctx, by, credential.Ref{RelyingParty: in.RelyingParty, CredentialID: id, Owner: owner})
	if errors.Is(err, credential.ErrCredentialUnknown) {
		return &answer[page[BoundCredential]]{page[BoundCredential]{Items: []BoundCredential{}}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &answer[page[BoundCredential]]{page[BoundCredential]{Items: []BoundCredential{fromCredential(c)}}}, nil
}

func (f *front) getCredential(ctx context.Context, by tenant.Authority, in *CredentialPath) (*answer[BoundCredential], error) {
	c, err := f.Credentials.Get(ctx, by, in.ref())
	if err != nil {
		return nil, err
	}
	return &answer[BoundCredential]{fromCredential(c)}, nil
}

func (f *front) changeCredential(ctx context.Context, by tenant.Authority, in *credentialChange) (*answer[BoundCredential], error) {
	c, err := f.Credentials.Update(ctx, by, in.ref(), in.update())
	if err != nil {
		return nil, err
	}
	return &answer[BoundCredential]{fromCredential(c)}, nil
}

func (f *front) deleteCredential(ctx context.Context, by tenant.Authority, in *CredentialPath) (*nothing, error) {
	return &nothing{}, f.Credentials.Delete(ctx, by, in.ref())
}

func (f *front) getEvidence(ctx context.Context, by tenant.Authority, in *CredentialPath) (*answer[evidence], error) {
	e, err := f.Credentials.Evidence(ctx, by, in.ref())
	if err != nil {
		return nil, err
	}
	return &answer[evidence]{fromEvidence(e)}, nil
}

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/tenant"
)

// RelyingPartySettings are those of a relying party, as they are put. What is left out has the default.
type RelyingPartySettings struct {
	Name                    string   `json:"name,omitempty" doc:"Shown to people; the id if left out"`
	Origins                 []string `json:"origins,omitempty" nullable:"false" doc:"Web origins that may run ceremonies; https and the id if left out"`
	AllowCrossOrigin        bool     `json:"allowCrossOrigin,omitempty" doc:"Admit ceremonies in a frame of another origin's page"`
	TopOrigins              []string `json:"topOrigins,omitempty" nullable:"false" doc:"The only pages such a frame may be in; any if left out"`
	ResidentKey             string   `json:"residentKey,omitempty" enum:"required,preferred,discouraged" doc:"required if left out"`
	UserVerification        string   `json:"userVerification,omitempty" enum:"required,preferred,discouraged" doc:"required if left out"`
	AuthenticatorAttachment string   `json:"authenticatorAttachment,omitempty" enum:"platform,cross-platform" doc:"Both if left out"`
	Attestation             string   `json:"attestation,omitempty" enum:"none,indirect,direct,enterprise" doc:"direct if left out"`
	AttestationTrust        string   `json:"attestationTrust,omitempty" enum:"record,require" doc:"Whether an attestation that leads to no trust anchor is recorded or refused; record if left out"`
	AllowedAAGUIDs          []string `json:"allowedAaguids,omitempty" nullable:"false" doc:"Models that may be registered; all if left out"`
	TrustAnchors            string   `json:"trustAnchors,omitempty" doc:"Certificates in PEM, trusted for every attestation format"`
	Trust                   *Trust   `json:"trust,omitempty" doc:"Whose word counts beside the trust anchors"`
	Policies                []string `json:"policies,omitempty" nullable:"false" doc:"Names of the policies that hold here, all of which have to be met"`
	Algorithms              []int32  `json:"algorithms,omitempty" nullable:"false" doc:"COSE algorithms to offer, the most wanted first"`
	MaxCredentialsPerUser   int      `json:"maxCredentialsPerUser,omitempty" minimum:"1" doc:"10 if left out"`
	ChallengeLifeSeconds    int      `json:"challengeLifeSeconds,omitempty" minimum:"1" maximum:"86400" doc:"300 if left out"`
	TimeoutSeconds          int      `json:"timeoutSeconds,omitempty" minimum:"1" maximum:"86400" doc:"What the client is told; 240 if left out"`

	CeremonySettings
}

// relyingParty is a relying party with every default filled in.
type relyingParty struct {
	ID string `json:"id" doc:"RP ID, a domain name"`
	RelyingPartySettings
	Source  string     `json:"source" enum:"file,database" doc:"One from the configuration file can be changed there only"`
	Created *time.Time `json:"created,omitempty"`
	Changed *time.Time `json:"changed,omitempty"`
}

func fromRelyingParty(rp *tenant.RelyingParty) relyingParty {
	return relyingParty{
		ID: rp.ID,
		RelyingPartySettings: RelyingPartySettings{
			Name: rp.Name, Origins: rp.Origins, AllowCrossOrigin: rp.AllowCrossOrigin, TopOrigins: rp.TopOrigins,
			ResidentKey: string(rp.ResidentKey), UserVerification: string(rp.UserVerification),
			AuthenticatorAttachment: rp.AuthenticatorAttachment, Attestation: string(rp.Attestation),
			AttestationTrust: string(rp.AttestationTrust), AllowedAAGUIDs: rp.AllowedAAGUIDs, TrustAnchors: rp.TrustAnchors,
			Trust: fromTrust(&rp.Trust), Policies: rp.Policies, Algorithms: rp.Algorithms, MaxCredentialsPerUser: rp.MaxCredentialsPerUser,
			ChallengeLifeSeconds: int(rp.ChallengeLife / time.Second), TimeoutSeconds: int(rp.Timeout / time.Second),
			CeremonySettings: fromCeremonySettings(&rp.CeremonySettings),
		},
		Source: string(rp.Source), Created: unlessZero(rp.Created), Changed: unlessZero(rp.Changed),
	}
}

// RelyingPartyPath is the path parameter of calls about one relying party.
type RelyingPartyPath struct {
	ID string `path:"id" doc:"RP ID"`
}

type relyingPartyPut struct {
	RelyingPartyPath
	Body RelyingPartySettings
}

func (in *relyingPartyPut) relyingParty() tenant.RelyingParty {
	b := &in.Body
	return tenant.RelyingParty{
		ID: in.ID, Name: b.Name, Origins: b.Origins, AllowCrossOrigin: b.AllowCrossOrigin, TopOrigins: b.TopOrigins,
		ResidentKey: tenant.Requirement(b.ResidentKey), UserVerification: tenant.Requirement(b.UserVerification),
		AuthenticatorAttachment: b.AuthenticatorAttachment, Attestation: tenant.Attestation(b.Attestation),
		AttestationTrust: tenant.AttestationTrust(b.AttestationTrust), AllowedAAGUIDs: b.AllowedAAGUIDs, TrustAnchors: b.TrustAnchors,
		Trust: b.Trust.trust(), Policies: b.Policies, Algorithms: b.Algorithms, MaxCredentialsPerUser: b.MaxCredentialsPerUser,
		ChallengeLife: seconds(b.ChallengeLifeSeconds), Timeout: seconds(b.TimeoutSeconds),
		CeremonySettings: b.settings(),
	}
}

func (f *front) relyingParties() {
	handle(f, huma.Operation{
		OperationID: "list-relying-parties", Method: http.MethodGet, Path: "/relying-parties", Tags: inSettings,
		Summary: "The relying parties that the caller may act for", Security: scopes(),
	}, f.listRelyingParties)
	handle(f, huma.Operation{
		OperationID: "get-relying-party", Method: http.MethodGet, Path: "/relying-parties/{id}", Tags: inSettings,
		Summary: "One relying party", Security: scopes(),
	}, f.getRelyingParty)
	handle(f, huma.Operation{
		OperationID: "put-relying-party", Method: http.MethodPut, Path: "/relying-parties/{id}", Tags: inSettings,
		Summary: "Make or replace a relying party", Security: scopes(tenant.ScopeAdmin),
		Description: "Its settings become those of the body, with the default for each that is left out. Credentials stay.",
	}, f.putRelyingParty)
	handle(f, huma.Operation{
		OperationID: "delete-relying-party", Method: http.MethodDelete, Path: "/relying-parties/{id}", Tags: inSettings,
		Summary: "Delete a relying party for which there are no credentials", Security: scopes(tenant.ScopeAdmin),
	}, f.deleteRelyingParty)
}

func (f *front) listRelyingParties(ctx context.Context, by tenant.Authority, in *Paging) (*answer[page[relyingParty]], error) {
	all, err := f.Directory.RelyingPartiesOf(ctx, by)
	if err != nil {
		return nil, err
	}
	list, err := cut(all, *in, func(rp *tenant.RelyingParty) string { return rp.ID }, fromRelyingParty)
	return &answer[page[relyingParty]]{list}, err
}

func (f *front) getRelyingParty(ctx context.Context, by tenant.Authority, in *RelyingPartyPath) (*answer[relyingParty], error) {
	rp, err := f.Directory.RelyingPartyOf(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	return &answer[relyingParty]{fromRelyingParty(rp)}, nil
}

func (f *front) putRelyingParty(ctx context.Context, by tenant.Authority, in *relyingPartyPut) (*answer[relyingParty], error) {
	rp, err := f.Directory.PutRelyingParty(ctx, by, in.relyingParty())
	if err != nil {
		return nil, err
	}
	return &answer[relyingParty]{fromRelyingParty(rp)}, nil
}

func (f *front) deleteRelyingParty(ctx context.Context, by tenant.Authority, in *RelyingPartyPath) (*nothing, error) {
	return &nothing{}, f.Directory.DeleteRelyingParty(ctx, by, in.ID)
}

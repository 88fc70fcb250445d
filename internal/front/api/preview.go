package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

// maxPreviews is how many previews a node works on at once: each judges every
// credential of a relying party.
const maxPreviews = 2

// defaultAffected is how many affected credentials a preview lists. The counts are of
// all.
const defaultAffected = 100

var errPreviews = fault.New(fault.Limited, "policy.previews", "Too many previews are under way. Try again in a while.")

type previewRequest struct {
	Body struct {
		RelyingParty string `json:"relyingParty"`
		Document     object `json:"document" doc:"The policy, as it would be put"`
		Limit        int    `json:"limit,omitempty" minimum:"1" maximum:"1000" doc:"How many to list at most; 100 if left out"`
	}
}

// preview is what a policy would mean for the credentials there are.
type preview struct {
	RelyingParty string     `json:"relyingParty"`
	Credentials  int        `json:"credentials" doc:"That were judged: all there are"`
	Affected     int        `json:"affected" doc:"Of these, would be refused"`
	Already      int        `json:"already" doc:"Of the affected, would be refused without the policy too"`
	Items        []affected `json:"items" nullable:"false" doc:"The affected in the order they were made, up to the limit"`
}

type affected struct {
	Credential string     `json:"credential" doc:"Our id"`
	Name       string     `json:"name"`
	User       string     `json:"user" doc:"The user's id"`
	UserName   string     `json:"userName"`
	Created    time.Time  `json:"created"`
	RefusedBy  *refusedBy `json:"refusedBy" doc:"Without a policy where something else refuses by now; the rule is then the code"`
	Already    bool       `json:"already" doc:"It would be refused without the policy too"`
}

func fromAffected(a *credential.Affected) affected {
	c := &a.Credential
	return affected{
		Credential: string(c.ID), Name: c.Name, User: string(c.User), UserName: c.UserName, Created: c.Created,
		RefusedBy: fromRefusedBy(a.RefusedBy), Already: a.Before,
	}
}

func (f *front) previews() {
	handle(f, huma.Operation{
		OperationID: "preview-policy", Method: http.MethodPost, Path: "/policies/preview", Tags: inPolicies,
		Summary: "Whom would a policy hit?", Security: scopes(tenant.ScopeRead),
		Description: "Judges every credential of the relying party as if it were registered now and the document were enforced there: beside the " +
			"policies that hold, or in place of the one of its name. Nothing is changed. All are counted, and the first are listed. It takes about a " +
			"second for some thousand credentials; for very many, use bestow policy preview. policy.previews is the answer while others are under way.",
	}, f.preview)
}

func (f *front) preview(ctx context.Context, by tenant.Authority, in *previewRequest) (*answer[preview], error) {
	select {
	case f.previewing <- struct{}{}:
		defer func() { <-f.previewing }()
	default:
		return nil, errPreviews
	}
	most := in.Body.Limit
	if most == 0 {
		most = defaultAffected
	}
	out := preview{Items: []affected{}}
	result, err := f.Credentials.PreviewPolicy(ctx, by, in.Body.RelyingParty, in.Body.Document, func(a credential.Affected) error {
		if a.Before {
			out.Already++
		}
		if len(out.Items) < most {
			out.Items = append(out.Items, fromAffected(&a))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.RelyingParty, out.Credentials, out.Affected = result.RelyingParty, result.Credentials, result.Affected
	return &answer[preview]{out}, nil
}

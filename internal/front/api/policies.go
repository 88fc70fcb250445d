package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
)

// AuthenticatorPolicy is one version of a policy.
type AuthenticatorPolicy struct {
	Name     string     `json:"name"`
	Version  int64      `json:"version,omitempty" doc:"Counts from 1; left out for a policy of the configuration file"`
	Digest   string     `json:"digest,omitempty" doc:"SHA-256 of what it asks for, hexadecimal; the same rules have the same digest"`
	Source   string     `json:"source" enum:"file,database" doc:"One from the configuration file can be changed there only"`
	Made     *time.Time `json:"made,omitempty"`
	MadeBy   string     `json:"madeBy,omitempty" doc:"Who made this version, such as client:idm"`
	Deleted  bool       `json:"deleted,omitempty" doc:"This version deleted the policy"`
	Document object     `json:"document,omitempty" doc:"The policy, with defaults filled in and lists sorted"`
}

func fromPolicy(p *tenant.Policy) (AuthenticatorPolicy, error) {
	out := AuthenticatorPolicy{
		Name: p.Name, Version: p.Version, Digest: p.Digest(), Source: string(p.Source),
		Made: unlessZero(p.Made), MadeBy: p.MadeBy, Deleted: p.Document == nil,
	}
	if p.Document == nil {
		return out, nil
	}
	document, err := json.Marshal(p.Document)
	out.Document = document
	return out, err
}

// storedPolicy answers the call that stores a policy.
type storedPolicy struct {
	AuthenticatorPolicy
	Warnings []conflict `json:"warnings" nullable:"false" doc:"Rules that leave next to nothing at the relying parties where the policy holds"`
}

// conflict is rules that leave nothing, or little, that could pass.
type conflict struct {
	Severity string    `json:"severity" enum:"conflict,warning"`
	Rules    []ruleRef `json:"rules" nullable:"false" doc:"Those that do not go together"`
	Words    string    `json:"words" doc:"Why, for people"`
}

type ruleRef struct {
	Policy string `json:"policy,omitempty" doc:"Left out for what the relying party asks for itself"`
	Rule   string `json:"rule" example:"rules.models.allow"`
}

func fromConflict(c *policy.Conflict) conflict {
	return conflict{
		Severity: string(c.Severity), Words: c.Words,
		Rules: each(c.Rules, func(r *policy.Ref) ruleRef { return ruleRef{r.Policy, r.Rule} }),
	}
}

// PolicyPath is the path parameter of calls about one policy.
type PolicyPath struct {
	Name string `path:"name" doc:"Name of the policy"`
}

type policyGet struct {
	PolicyPath
	Version int64 `query:"version" minimum:"1" doc:"An older version; the current one if left out"`
}

type policyVersions struct {
	PolicyPath
	Paging
}

type policyPut struct {
	PolicyPath
	Body object
}

func (f *front) policies() {
	handle(f, huma.Operation{
		OperationID: "list-policies", Method: http.MethodGet, Path: "/policies", Tags: inPolicies,
		Summary: "Authenticator policies, by name", Security: scopes(tenant.ScopeRead),
	}, f.listPolicies)
	handle(f, huma.Operation{
		OperationID: "get-policy", Method: http.MethodGet, Path: "/policies/{name}", Tags: inPolicies,
		Summary: "One policy, or an older version of it", Security: scopes(tenant.ScopeRead),
	}, f.getPolicy)
	handle(f, huma.Operation{
		OperationID: "list-policy-versions", Method: http.MethodGet, Path: "/policies/{name}/versions", Tags: inPolicies,
		Summary: "All versions of a policy, the newest first", Security: scopes(tenant.ScopeRead),
		Description: "Versions never go, so that what a credential was judged by can be read years later; nor do those of a policy that was deleted.",
	}, f.listPolicyVersions)
	handle(f, huma.Operation{
		OperationID: "put-policy", Method: http.MethodPut, Path: "/policies/{name}", Tags: inPolicies,
		Summary: "Make a policy, or a new version of it", Security: scopes(tenant.ScopeAdmin),
		Description: "The body is the document, as docs/policies.md describes it; the name in it is that of the path. Where the policy " +
			"holds already, the new version is in force at once. policy.conflict is the answer where nothing could be registered any more. " +
			"A document that asks for what the current version asks for makes none.",
	}, f.putPolicy)
	handle(f, huma.Operation{
		OperationID: "delete-policy", Method: http.MethodDelete, Path: "/policies/{name}", Tags: inPolicies,
		Summary: "Delete a policy that holds nowhere", Security: scopes(tenant.ScopeAdmin),
	}, f.deletePolicy)
	f.previews()
}

func (f *front) listPolicies(ctx context.Context, by tenant.Authority, in *Paging) (*answer[page[AuthenticatorPolicy]], error) {
	all, err := f.Directory.Policies(ctx, by)
	if err != nil {
		return nil, err
	}
	return policyPage(all, *in, func(p *tenant.Policy) string { return p.Name })
}

func (f *front) listPolicyVersions(ctx context.Context, by tenant.Authority, in *policyVersions) (*answer[page[AuthenticatorPolicy]], error) {
	all, err := f.Directory.PolicyVersions(ctx, by, in.Name)
	if err != nil {
		return nil, err
	}
	return policyPage(all, in.Paging, newestFirst)
}

// policyPage answers with a page of policies.
func policyPage(all []*tenant.Policy, p Paging, key func(*tenant.Policy) string) (*answer[page[AuthenticatorPolicy]], error) {
	var lost error
	list, err := cut(all, p, key, func(p *tenant.Policy) AuthenticatorPolicy {
		out, err := fromPolicy(p)
		if err != nil {
			lost = err
		}
		return out
	})
	if err == nil {
		err = lost
	}
	return &answer[page[AuthenticatorPolicy]]{list}, err
}

func (f *front) getPolicy(ctx context.Context, by tenant.Authority, in *policyGet) (*answer[AuthenticatorPolicy], error) {
	p, err := f.Directory.Policy(ctx, by, in.Name, in.Version)
	if err != nil {
		return nil, err
	}
	out, err := fromPolicy(p)
	return &answer[AuthenticatorPolicy]{out}, err
}

func (f *front) putPolicy(ctx context.Context, by tenant.Authority, in *policyPut) (*answer[storedPolicy], error) {
	document, err := policy.Parse(in.Body)
	if err != nil {
		return nil, err
	}
	if document.Name != in.Name {
		return nil, policy.ErrDocument.At("name").Saying("The name in the document is not that of the path.")
	}
	p, warnings, err := f.Directory.PutPolicy(ctx, by, in.Body)
	if err != nil {
		return nil, err
	}
	out, err := fromPolicy(p)
	return &answer[storedPolicy]{storedPolicy{out, each(warnings, fromConflict)}}, err
}

func (f *front) deletePolicy(ctx context.Context, by tenant.Authority, in *PolicyPath) (*nothing, error) {
	return &nothing{}, f.Directory.DeletePolicy(ctx, by, in.Name)
}

// newestFirst orders versions as the domain lists them: that of the file, and then from
// the highest number down.
func newestFirst(p *tenant.Policy) string {
	if p.Source == tenant.FromFile {
		return "0"
	}
	return fmt.Sprintf("1%019d", math.MaxInt64-p.Version)
}

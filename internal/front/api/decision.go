package api

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
)

// decision is what policies made of a registration or sign-in. It only ever gains
// members.
type decision struct {
	Allowed   bool             `json:"allowed"`
	RefusedBy *refusedBy       `json:"refusedBy,omitempty" doc:"The first enforced rule that refused"`
	Ceremony  string           `json:"ceremony" enum:"registration,sign-in"`
	Time      time.Time        `json:"time" doc:"When the evidence was weighed"`
	Metadata  *metadataSource  `json:"metadata,omitempty" doc:"The list that the evidence on the model is from"`
	Policies  []policyDecision `json:"policies" nullable:"false" doc:"Of every policy that was asked; names that begin with bestow. are built in"`
}

type refusedBy struct {
	Policy string `json:"policy,omitempty"`
	Rule   string `json:"rule" doc:"Where it stands in the document" example:"rules.models.allow"`
	Words  string `json:"words" doc:"What was wanted and found, for people"`
}

type metadataSource struct {
	Source string `json:"source,omitempty"`
	Number uint64 `json:"number,omitempty" doc:"Serial number of the list"`
}

type policyDecision struct {
	Policy  string         `json:"policy"`
	Version string         `json:"version" doc:"The document's digest"`
	Mode    string         `json:"mode" enum:"off,monitor,enforce"`
	Outcome string         `json:"outcome" enum:"passed,refused,would-refuse,not-judged"`
	Why     string         `json:"why,omitempty" doc:"Why it was not judged"`
	Rules   []ruleDecision `json:"rules" nullable:"false" doc:"All rules that were tried, in the document's order"`
}

type ruleDecision struct {
	Rule    string `json:"rule" doc:"Where it stands in the document"`
	Outcome string `json:"outcome" enum:"passed,refused,not-judged"`
	Wanted  string `json:"wanted"`
	Found   string `json:"found,omitempty"`
	Why     string `json:"why,omitempty" doc:"Why it refused although what was found looks right, or why it was not judged"`
}

// fromDecision translates d; nil for one that was never made, or not kept.
func fromDecision(d *policy.Decision) *decision {
	if d.Time.IsZero() {
		return nil
	}
	out := &decision{
		Allowed: d.Allowed, RefusedBy: fromRefusedBy(d.RefusedBy), Ceremony: string(d.Ceremony), Time: d.Time,
		Policies: each(d.Policies, fromPolicyDecision),
	}
	if d.Metadata != nil {
		out.Metadata = &metadataSource{d.Metadata.Source, d.Metadata.Number}
	}
	return out
}

func fromRefusedBy(r *policy.RefusedBy) *refusedBy {
	if r == nil {
		return nil
	}
	return &refusedBy{r.Policy, r.Rule, r.Words}
}

func fromPolicyDecision(p *policy.PolicyDecision) policyDecision {
	return policyDecision{
		Policy: p.Policy, Version: p.Version, Mode: string(p.Mode), Outcome: string(p.Outcome), Why: p.Why,
		Rules: each(p.Rules, func(r *policy.RuleDecision) ruleDecision {
			return ruleDecision{Rule: r.Rule, Outcome: string(r.Outcome), Wanted: r.Wanted, Found: r.Found, Why: r.Why}
		}),
	}
}

// decisionOf returns the decision of a policy's refusal; nil for any other error.
func decisionOf(err error) *decision {
	if r, ok := errors.AsType[*credential.PolicyRefusal](err); ok {
		return fromDecision(&r.Decision)
	}
	return nil
}

// explanation is what decides about a credential.
type explanation struct {
	Credential string    `json:"credential" doc:"Our id"`
	As         string    `json:"as" enum:"then,now"`
	Accepted   bool      `json:"accepted" doc:"It would be registered"`
	Refusal    string    `json:"refusal,omitempty" doc:"The code of the refusal, as registrations are refused"`
	Step       string    `json:"step,omitempty" doc:"Of the standard, where that refused" example:"7.1/24"`
	Words      string    `json:"words,omitempty" doc:"Why it would be refused, for people"`
	Decision   *decision `json:"decision,omitempty" doc:"Left out where it was refused before a policy was asked"`
}

// reverification is a kept registration, judged again.
type reverification struct {
	Credential  string       `json:"credential" doc:"Our id"`
	As          string       `json:"as" enum:"then,now"`
	Registered  time.Time    `json:"registered" doc:"When it was judged first; certificates have to be valid then"`
	Accepted    bool         `json:"accepted" doc:"It would be registered"`
	Same        bool         `json:"same" doc:"It would be, and nothing is found otherwise than at the registration"`
	Refusal     string       `json:"refusal,omitempty" doc:"The code of the refusal, as registrations are refused"`
	Step        string       `json:"step,omitempty" doc:"Of the standard, where that refused" example:"7.1/24"`
	Words       string       `json:"words,omitempty" doc:"Why it would be refused, for people"`
	Attestation *attestation `json:"attestation,omitempty" doc:"What was found; left out where it is refused"`
	Anchor      string       `json:"anchor,omitempty" doc:"SHA-256 of the trust anchor, hexadecimal"`
	Decision    *decision    `json:"decision,omitempty" doc:"Left out where it was refused before a policy was asked"`
	Differences []difference `json:"differences" nullable:"false" doc:"What was found otherwise at the registration"`
	BasisKept   bool         `json:"basisKept" doc:"All it was judged by was kept; otherwise then is by today's settings, at the time of then"`
}

type difference struct {
	What string `json:"what"`
	Then string `json:"then"`
	Now  string `json:"now" doc:"As judged again, be it as then or as now"`
}

func fromReverification(r *credential.Reverification) reverification {
	out := reverification{
		Credential: string(r.Credential.ID), As: string(r.By), Registered: r.Time, Accepted: r.Accepted, Same: r.Same(),
		Refusal: r.Refusal, Step: r.Step, Words: r.Words, Decision: fromDecision(&r.Decision), BasisKept: r.BasisKept,
		Anchor:      hex.EncodeToString(r.Anchor),
		Differences: each(r.Differences, func(d *credential.Difference) difference { return difference{d.What, d.Then, d.Now} }),
	}
	if r.Accepted {
		out.Attestation = &attestation{Format: r.Format, Type: r.AttestationType, Trusted: r.Trusted}
	}
	return out
}

// credentialAs asks about a credential, as of then or of now.
type credentialAs struct {
	CredentialPath
	As string `query:"as" enum:"then,now" doc:"By everything as it was at the registration, or as it is now; now if left out"`
}

type credentialAsThen struct {
	CredentialPath
	As string `query:"as" enum:"then,now" doc:"By everything as it was at the registration, or as it is now; then if left out"`
}

func (f *front) decisions() {
	handle(f, huma.Operation{
		OperationID: "explain-credential", Method: http.MethodGet, Path: "/credentials/{id}/decision", Tags: inCredentials,
		Summary: "Why policies accept a credential, or would not: rule by rule", Security: scopes(tenant.ScopeRead),
		Description: "The kept registration is judged again, and nothing is changed. Of its time, or of now: what decided then is in the evidence, too.",
	}, f.explain)
	handle(f, huma.Operation{
		OperationID: "reverify-credential", Method: http.MethodPost, Path: "/credentials/{id}/reverify", Tags: inCredentials,
		Summary: "Judge a kept registration again", Security: scopes(tenant.ScopeRead),
		Description: "As it was then, the answer has to be the same: where it is not, somebody changed the record, or the program judges " +
			"otherwise than it did. Nothing is changed, and a credential that would be refused stays.",
	}, f.reverify)
}

func (f *front) explain(ctx context.Context, by tenant.Authority, in *credentialAs) (*answer[explanation], error) {
	r, err := f.judgeAgain(ctx, by, in.CredentialPath, in.As, credential.ByNow)
	if err != nil {
		return nil, err
	}
	return &answer[explanation]{explanation{
		Credential: string(r.Credential.ID), As: string(r.By), Accepted: r.Accepted,
		Refusal: r.Refusal, Step: r.Step, Words: r.Words, Decision: fromDecision(&r.Decision),
	}}, nil
}

func (f *front) reverify(ctx context.Context, by tenant.Authority, in *credentialAsThen) (*answer[reverification], error) {
	r, err := f.judgeAgain(ctx, by, in.CredentialPath, in.As, credential.ByThen)
	if err != nil {
		return nil, err
	}
	return &answer[reverification]{fromReverification(r)}, nil
}

// judgeAgain judges a kept registration as it is asked, or otherwise as usual.
func (f *front) judgeAgain(ctx context.Context, by tenant.Authority, in CredentialPath, asked string, usual credential.By) (*credential.Reverification, error) {
	return f.Credentials.Reverify(ctx, by, in.ref(), cmp.Or(credential.By(asked), usual))
}

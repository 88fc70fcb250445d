package onespan

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// The refusals of settings that cannot be told in the platform's documents.
var (
	errForeignPolicy = fault.New(fault.Conflict, "onespan.foreign_policy", "This policy was not written here, and has no such document. Look at it in Bestow itself.")
	errManyPolicies  = fault.New(fault.Conflict, "onespan.many_policies", "Several policies hold at this relying party, and the one named is not among them. Change that in Bestow itself.")
)

// What a relying party has that is made here and says nothing else, as on the platform.
const (
	defaultTimeout    = 60 * time.Second
	defaultRequestTTL = 300 * time.Second
	minRequestTTL     = 30
	maxRequestTTL     = 3600
)

// platformAlgorithms are the COSE algorithms that a new relying party offers.
func platformAlgorithms() []int32 { return []int32{-7, -8, -257, -35, -36, -258, -259, -37, -38, -39} }

func (f *front) policy(w http.ResponseWriter, r *http.Request, by caller) error {
	p, err := f.Directory.Policy(r.Context(), by.Authority, r.PathValue("name"), 0)
	if err != nil {
		return err
	}
	source := sourceOf(p.Document)
	if source == nil {
		return errForeignPolicy
	}
	web.WriteJSON(w, http.StatusOK, source)
	return nil
}

func (f *front) putPolicy(w http.ResponseWriter, r *http.Request, by caller) error {
	var document policyDocument
	if err := read(w, r, &document); err != nil {
		return err
	}
	in := input{}
	if name := r.PathValue("name"); document.Name != name {
		in.refuse("name", "must be that of the path")
	}
	if err := in.err(); err != nil {
		return err
	}
	if err := f.storePolicy(r, by, &document); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, document)
	return nil
}

func (f *front) storePolicy(r *http.Request, by caller, document *policyDocument) error {
	translated, err := document.translate()
	if err != nil {
		return err
	}
	text, err := json.Marshal(translated)
	if err != nil {
		return err
	}
	if _, err := policy.Parse(text); err != nil { // in words about the document that was sent
		return errPolicy(err)
	}
	_, _, err = f.Directory.PutPolicy(r.Context(), by.Authority, text)
	return err
}

// errPolicy tells of a translated policy that is none: its name, or a word in it.
func errPolicy(err error) error {
	f := fault.From(err)
	field := "fido"
	if f.Field == "name" {
		field = "name"
	}
	return policy.ErrDocument.At(field).Saying("%s", f.Public).Because(err)
}

func (f *front) relyingParty(w http.ResponseWriter, r *http.Request, by caller) error {
	rp, err := f.Directory.RelyingPartyOf(r.Context(), by.Authority, r.PathValue("id"))
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, fromRelyingParty(rp))
	return nil
}

func fromRelyingParty(rp *tenant.RelyingParty) relyingPartyDocument {
	d := relyingPartyDocument{
		RPID: rp.ID, RPName: rp.Name, Origins: rp.Origins, Facets: []string{},
		TimeoutMS: rp.Timeout.Milliseconds(), RequestTTLSeconds: int64(rp.ChallengeLife / time.Second),
	}
	if len(rp.Policies) > 0 {
		d.PolicyName = rp.Policies[0]
	}
	return d
}

// putRelyingParty makes a relying party, or changes what the document tells of one.
func (f *front) putRelyingParty(w http.ResponseWriter, r *http.Request, by caller) error {
	var document relyingPartyDocument
	if err := read(w, r, &document); err != nil {
		return err
	}
	if err := document.check(r.PathValue("id")); err != nil {
		return err
	}
	now, err := f.Directory.RelyingPartyOf(r.Context(), by.Authority, r.PathValue("id"))
	isNew := errors.Is(err, tenant.ErrRelyingPartyUnknown)
	if err != nil && !isNew {
		return err
	}
	changed := newRelyingParty(r.PathValue("id"))
	if !isNew {
		changed = *now
	}
	if err := document.change(&changed); err != nil {
		return err
	}
	if slices.Equal(changed.Policies, []string{defaultPolicy}) {
		if err := f.ensureDefaultPolicy(r, by); err != nil {
			return err
		}
	}
	rp, err := f.Directory.PutRelyingParty(r.Context(), by.Authority, changed)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, fromRelyingParty(rp))
	return nil
}

// newRelyingParty is one as the platform makes it: what is asked of authenticators, each
// request says.
func newRelyingParty(id string) tenant.RelyingParty {
	return tenant.RelyingParty{
		ID: id, Policies: []string{defaultPolicy}, Algorithms: platformAlgorithms(), MaxCredentialsPerUser: 20,
		ResidentKey: tenant.Discouraged, UserVerification: tenant.Preferred,
		Timeout: defaultTimeout, ChallengeLife: defaultRequestTTL,
	}
}

func (d *relyingPartyDocument) check(id string) error {
	in := input{}
	if d.RPID != "" && d.RPID != id {
		in.refuse("rpId", "must be the id of the path")
	}
	if d.TimeoutMS < 0 || d.TimeoutMS > maxRequestTTL*1000 {
		in.refuse("timeoutMs", "must be at most 3600000")
	}
	if d.RequestTTLSeconds != 0 && (d.RequestTTLSeconds < minRequestTTL || d.RequestTTLSeconds > maxRequestTTL) {
		in.refuse("requestTTLSeconds", "must be from 30 to 3600")
	}
	if err := in.err(); err != nil {
		return err
	}
	if d.AppID != nil && *d.AppID != "" || len(d.Facets) > 0 {
		return errUAF
	}
	return nil
}

// change sets what the document says. What it leaves out stays.
func (d *relyingPartyDocument) change(rp *tenant.RelyingParty) error {
	if d.RPName != "" {
		rp.Name = d.RPName
	}
	if d.Origins != nil {
		rp.Origins = d.Origins
	}
	if d.RequestTTLSeconds != 0 {
		rp.ChallengeLife = time.Duration(d.RequestTTLSeconds) * time.Second
		rp.Timeout = min(rp.Timeout, rp.ChallengeLife)
	}
	if d.TimeoutMS != 0 {
		rp.Timeout = time.Duration(d.TimeoutMS) * time.Millisecond
	}
	switch {
	case d.PolicyName == "", slices.Contains(rp.Policies, d.PolicyName):
	case len(rp.Policies) > 1:
		return errManyPolicies
	default:
		rp.Policies = []string{d.PolicyName}
	}
	return nil
}

// ensureDefaultPolicy makes the default policy, unless there is one of its name.
func (f *front) ensureDefaultPolicy(r *http.Request, by caller) error {
	_, err := f.Directory.Policy(r.Context(), by.Authority, defaultPolicy, 0)
	if errors.Is(err, tenant.ErrPolicyUnknown) {
		return f.storePolicy(r, by, theDefaultPolicy())
	}
	return err
}

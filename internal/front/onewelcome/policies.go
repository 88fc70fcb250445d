package onewelcome

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

func (f *front) listPolicies(w http.ResponseWriter, r *http.Request) error {
	all, err := f.Directory.Policies(r.Context(), web.Authority(r))
	if err != nil {
		return err
	}
	list := policyList{Policies: []storedPolicy{}}
	for _, p := range all {
		list.Policies = append(list.Policies, fromDocument(p.Document))
	}
	web.WriteJSON(w, http.StatusOK, list)
	return nil
}

func (f *front) createPolicy(w http.ResponseWriter, r *http.Request) error {
	text, err := readPolicy(w, r, "")
	if err != nil {
		return err
	}
	p, _, err := f.Directory.CreatePolicy(r.Context(), web.Authority(r), text)
	if err != nil {
		return err
	}
	w.Header().Set("Location", f.Prefix+"/authenticator-policies/"+url.PathEscape(p.Name))
	web.WriteJSON(w, http.StatusCreated, fromDocument(p.Document))
	return nil
}

func (f *front) getPolicy(w http.ResponseWriter, r *http.Request) error {
	p, err := f.Directory.Policy(r.Context(), web.Authority(r), r.PathValue("name"), 0)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, fromDocument(p.Document))
	return nil
}

func (f *front) putPolicy(w http.ResponseWriter, r *http.Request) error {
	// Who may not make policies is not told which there are.
	if err := web.Authority(r).Require(tenant.ScopeAdmin, ""); err != nil {
		return err
	}
	if _, err := f.Directory.Policy(r.Context(), web.Authority(r), r.PathValue("name"), 0); err != nil {
		return err
	}
	text, err := readPolicy(w, r, r.PathValue("name"))
	if err != nil {
		return err
	}
	p, _, err := f.Directory.PutPolicy(r.Context(), web.Authority(r), text)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, fromDocument(p.Document))
	return nil
}

func (f *front) deletePolicy(w http.ResponseWriter, r *http.Request) error {
	if err := f.Directory.DeletePolicy(r.Context(), web.Authority(r), r.PathValue("name")); err != nil {
		return err
	}
	return noContent(w)
}

// readPolicy reads a policy and returns it as the domain's document, in JSON. name is what
// the path calls it; empty for a new one.
func readPolicy(w http.ResponseWriter, r *http.Request, name string) ([]byte, error) {
	var req policyDocument
	if err := web.ReadJSON(w, r, &req); err != nil {
		return nil, err
	}
	if name != "" && req.Name == "" {
		req.Name = name
	}
	switch {
	case req.Name == "":
		return nil, required("name")
	case name != "" && req.Name != name:
		return nil, errValue.At("name").Saying("name is not that of the path")
	}
	d, err := req.document()
	if err != nil {
		return nil, err
	}
	return json.Marshal(d)
}

// The words of authenticator policies. One that permits everything is the same as none.
const (
	anyDevice       = "any"
	wordRequired    = "required"
	wordPreferred   = "preferred"
	usernameOff     = "off"
	passkeysAllowed = "allowed"
	passkeysDenied  = "denied"
	violationFails  = "fail"
	violationWarns  = "warn"
	uncertified     = "none"
	certifiedAtAll  = "FIDO_CERTIFIED"
	lowestCertified = "L1" // what FIDO_CERTIFIED is worth
)

var levels = []string{"L1", "L1plus", "L2", "L2plus", "L3", "L3plus"}

// atBoth are the ceremonies that a policy of this door is for: it is named in both.
func atBoth() []policy.Ceremony { return []policy.Ceremony{policy.Registration, policy.SignIn} }

// document returns the domain's form of the policy. What its members hold beyond their
// words is for the domain to judge.
func (p *policyDocument) document() (*policy.Document, error) {
	err := cmp.Or(
		oneOf("deviceType", p.DeviceType, "platform", "cross-platform", anyDevice),
		oneOf("userVerification", p.UserVerification, wordRequired, wordPreferred),
		oneOf("syncedPasskeys", p.SyncedPasskeys, passkeysAllowed, passkeysDenied),
		oneOf("usernameless", p.Usernameless, wordRequired, wordPreferred, usernameOff),
		oneOf("minCertificationLevel", p.MinCertificationLevel, append([]string{uncertified, certifiedAtAll}, levels...)...),
		oneOf("onViolation", p.OnViolation, violationFails, violationWarns),
	)
	if err != nil {
		return nil, err
	}
	d := &policy.Document{Name: p.Name, Description: p.Description, Mode: policy.ModeEnforce, At: atBoth()}
	if p.OnViolation == violationWarns {
		d.Mode = policy.ModeMonitor
	}
	var rules policy.Rules
	if p.DeviceType != anyDevice {
		rules.Attachment = p.DeviceType
	}
	if p.UserVerification == wordRequired {
		rules.UserVerification = policy.Required
	}
	if p.SyncedPasskeys == passkeysDenied {
		rules.SyncedPasskeys = policy.Forbidden
	}
	rules.ResidentKey = map[string]policy.Requirement{wordRequired: policy.Required, usernameOff: policy.Forbidden}[p.Usernameless]
	switch p.MinCertificationLevel {
	case "", uncertified:
	case certifiedAtAll:
		rules.Metadata = &policy.Metadata{MinimumLevel: lowestCertified}
	default:
		rules.Metadata = &policy.Metadata{MinimumLevel: p.MinCertificationLevel}
	}
	rules.Models = selection(p.AllowedAAGUIDs, p.DeniedAAGUIDs)
	rules.KeyIdentifiers = selection(p.AllowedKeyIdentifiers, p.DeniedKeyIdentifiers)
	if p.AllowedAlgorithms != nil {
		rules.Algorithms = &policy.Algorithms{Allow: p.AllowedAlgorithms}
	}
	if p.AllowedAAGUIDs != nil && p.AllowedKeyIdentifiers != nil {
		// U2F keys have no AAGUID: a list of models and one of certificate keys name two
		// sorts of authenticator, and no key is of both.
		d.Alternatives = []policy.Rules{
			{Models: &policy.Selection{Allow: p.AllowedAAGUIDs}},
			{KeyIdentifiers: &policy.Selection{Allow: p.AllowedKeyIdentifiers}},
		}
		rules.Models, rules.KeyIdentifiers = selection(nil, p.DeniedAAGUIDs), selection(nil, p.DeniedKeyIdentifiers)
	}
	if rules != (policy.Rules{}) {
		d.Rules = &rules
	}
	return d, nil
}

func selection(allow, deny []string) *policy.Selection {
	if allow == nil && deny == nil {
		return nil
	}
	return &policy.Selection{Allow: allow, Deny: deny}
}

// fromDocument tells a policy, with its defaults filled in.
func fromDocument(d *policy.Document) storedPolicy {
	p := storedPolicy{policyDocument: policyDocument{
		Name: d.Name, Description: d.Description, DeviceType: anyDevice, UserVerification: wordPreferred,
		SyncedPasskeys: passkeysAllowed, Usernameless: wordPreferred, MinCertificationLevel: uncertified, OnViolation: violationFails,
	}}
	if d.Mode == policy.ModeMonitor {
		p.OnViolation = violationWarns
	}
	if d.Rules != nil {
		p.tellRules(d.Rules)
	}
	if a := d.Alternatives; len(a) == 2 && a[0].Models != nil && a[1].KeyIdentifiers != nil {
		p.AllowedAAGUIDs, p.AllowedKeyIdentifiers = a[0].Models.Allow, a[1].KeyIdentifiers.Allow
	}
	// What says the same when it is read back is told whole.
	back, err := p.document()
	p.Partial = err != nil || !slices.Equal(d.At, atBoth()) || !sameRules(back, d)
	return p
}

func (p *policyDocument) tellRules(r *policy.Rules) {
	p.DeviceType = cmp.Or(r.Attachment, anyDevice)
	if r.UserVerification == policy.Required {
		p.UserVerification = wordRequired
	}
	if r.SyncedPasskeys == policy.Forbidden {
		p.SyncedPasskeys = passkeysDenied
	}
	switch r.ResidentKey {
	case policy.Required:
		p.Usernameless = wordRequired
	case policy.Forbidden:
		p.Usernameless = usernameOff
	}
	if r.Metadata != nil {
		p.MinCertificationLevel = cmp.Or(r.Metadata.MinimumLevel, uncertified)
	}
	if r.Models != nil {
		p.AllowedAAGUIDs, p.DeniedAAGUIDs = r.Models.Allow, r.Models.Deny
	}
	if r.KeyIdentifiers != nil {
		p.AllowedKeyIdentifiers, p.DeniedKeyIdentifiers = r.KeyIdentifiers.Allow, r.KeyIdentifiers.Deny
	}
	if r.Algorithms != nil {
		p.AllowedAlgorithms = r.Algorithms.Allow
	}
}

// sameRules compares what two documents ask for. Of one that was not read yet the
// defaults are filled in by reading it.
func sameRules(made, stored *policy.Document) bool {
	text, err := json.Marshal(made)
	if err != nil {
		return false
	}
	parsed, err := policy.Parse(text)
	return err == nil && parsed.Digest() == stored.Digest()
}

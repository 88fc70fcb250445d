package onewelcome

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"bestow.dev/cose"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
	"bestow.dev/webauthn"
)

// Limits of what is sent: characters of a user name, elements of a list.
const (
	maxUsername = 64
	maxParams   = 64
)

var (
	attachments   = []string{"platform", "cross-platform"}
	wishes        = []string{"required", "preferred", "discouraged"}
	conveyances   = []string{"none", "indirect", "direct", "enterprise"}
	createInputs  = []string{"credProps", "credentialProtectionPolicy", "enforceCredentialProtectionPolicy", "hmacCreateSecret", "minPinLength", "largeBlob"}
	requestInputs = []string{"largeBlob"}
)

// begin returns the call that req asks for at the relying party rp. What it leaves out is
// as the relying party has it, and where it asks for less the policy stands.
func (req *attestationOptionsRequest) begin(rp string) (credential.BeginRegistration, error) {
	user, err := userGiven(req.UserID)
	if err != nil {
		return credential.BeginRegistration{}, err
	}
	name, err := req.username()
	if err != nil {
		return credential.BeginRegistration{}, err
	}
	narrow, err := req.narrowing()
	if err != nil {
		return credential.BeginRegistration{}, err
	}
	for id := range req.Extensions {
		if err := oneOf("extensions."+id, id, createInputs...); err != nil {
			return credential.BeginRegistration{}, err
		}
	}
	display := cmp.Or(req.DisplayName, name)
	return credential.BeginRegistration{
		RelyingParty: rp, User: user, NewUser: &credential.NewUser{DisplayName: display},
		ShownName: name, DisplayName: display, Narrow: narrow, Extensions: req.Extensions,
		AllowRepeat: req.ExcludeCredentials != nil && !*req.ExcludeCredentials,
	}, nil
}

func (req *attestationOptionsRequest) username() (string, error) {
	if req.Username == nil {
		return "", required("username")
	}
	name := strings.TrimSpace(*req.Username)
	if name == "" || utf8.RuneCountInString(name) > maxUsername {
		return "", errLength.At("username").Saying("username has 1 to %d characters", maxUsername)
	}
	return name, nil
}

func (req *attestationOptionsRequest) narrowing() (credential.Narrowing, error) {
	sel := cmp.Or(req.AuthenticatorSelection, &authenticatorSelection{})
	limit, err := timeout(req.Timeout)
	if err != nil {
		return credential.Narrowing{}, err
	}
	err = cmp.Or(
		oneOf("attestation", req.Attestation, conveyances...),
		oneOf("authenticatorSelection.authenticatorAttachment", sel.AuthenticatorAttachment, attachments...),
		oneOf("authenticatorSelection.residentKey", sel.ResidentKey, wishes...),
		oneOf("authenticatorSelection.userVerification", sel.UserVerification, wishes...),
	)
	if err != nil {
		return credential.Narrowing{}, err
	}
	n := credential.Narrowing{
		Attestation: webauthn.Conveyance(req.Attestation), Attachment: webauthn.Attachment(sel.AuthenticatorAttachment),
		ResidentKey: webauthn.ResidentKey(sel.ResidentKey), UserVerification: webauthn.UserVerification(sel.UserVerification),
		Timeout: limit, Policies: req.Policies, PolicyWins: true,
	}
	if n.ResidentKey == "" && sel.RequireResidentKey { // the word of Level 1 (§5.4.4)
		n.ResidentKey = webauthn.ResidentKeyRequired
	}
	if req.PubKeyCredParams != nil && len(req.PubKeyCredParams) == 0 || len(req.PubKeyCredParams) > maxParams {
		return n, errLength.At("pubKeyCredParams").Saying("pubKeyCredParams has 1 to %d elements", maxParams)
	}
	for _, p := range req.PubKeyCredParams {
		if p.Type != "public-key" {
			return n, errValue.At("pubKeyCredParams").Saying("a type in pubKeyCredParams is not public-key")
		}
		if alg := cose.Algorithm(p.Alg); int64(alg) == p.Alg && !slices.Contains(n.Algorithms, alg) {
			n.Algorithms = append(n.Algorithms, alg)
		}
	}
	if len(req.PubKeyCredParams) > 0 && len(n.Algorithms) == 0 {
		return n, errValue.At("pubKeyCredParams").Saying("pubKeyCredParams has no algorithm there is")
	}
	return n, nil
}

// looksPersonal reports whether a user handle looks like an e-mail address, which
// authenticators would reveal to whoever holds them (WebAuthn §14.6.1).
func looksPersonal(handle []byte) bool { return bytes.IndexByte(handle, '@') > 0 && utf8.Valid(handle) }

// begin returns the call that req asks for at the relying party rp.
func (req *assertionOptionsRequest) begin(rp string) (credential.BeginAuthentication, error) {
	user, err := userGiven(req.UserID)
	if err != nil {
		return credential.BeginAuthentication{}, err
	}
	limit, err := timeout(req.Timeout)
	if err != nil {
		return credential.BeginAuthentication{}, err
	}
	if err := oneOf("userVerification", req.UserVerification, wishes...); err != nil {
		return credential.BeginAuthentication{}, err
	}
	for id := range req.Extensions {
		if err := oneOf("extensions."+id, id, requestInputs...); err != nil {
			return credential.BeginAuthentication{}, err
		}
	}
	return credential.BeginAuthentication{
		RelyingParty: rp, User: user, Extensions: req.Extensions,
		Narrow: credential.Narrowing{
			UserVerification: webauthn.UserVerification(req.UserVerification), Timeout: limit, Policies: req.Policies, PolicyWins: true,
		},
	}, nil
}

func fromCredential(c *credential.Credential) credentialDocument {
	return credentialDocument{
		CredentialID: c.CredentialID, Name: c.Name, State: stateOf(c),
		AAGUID: c.AAGUID.String(), Fmt: c.Format, AttestationType: c.AttestationType, AttestationTrusted: c.Trusted,
		PublicKeyAlgorithm: c.Algorithm, UserVerified: c.UVInitialized, Discoverable: yesOrNo(c.Discoverable),
		BackupEligible: c.BackupEligible, BackupState: c.BackupState,
		Transports: append([]string{}, c.Transports...), // never null
		Attachment: c.Attachment, SignCount: c.SignCount, CreatedAt: stamp(c.Created), LastUsedAt: stamp(c.LastUsed),
	}
}

// stateSuspect is the state of a credential that may have been cloned. It is suspended
// until somebody makes it active again, or deletes it; only the server says so.
const stateSuspect = "suspect"

func stateOf(c *credential.Credential) string {
	if c.State == credential.Suspended && c.Standing == credential.FailureLocked {
		return stateSuspect
	}
	return string(c.State)
}

func yesOrNo(k credential.Known) *bool {
	if k == credential.Unknown {
		return nil
	}
	return new(k == credential.Yes)
}

// warnings tells what was let pass: by the standard, and of policies that only warn.
func warnings(codes []string, broken []policy.RefusedBy) []warning {
	all := []warning{} // never null
	for _, code := range codes {
		all = append(all, warning{Code: code, Message: "It was let pass: " + strings.ReplaceAll(code, "_", " ") + "."})
	}
	for _, b := range broken {
		all = append(all, warning{Code: codePolicyViolation, Policy: b.Policy, Rule: b.Rule, Message: b.Words})
	}
	return all
}

// change returns the change that req asks for.
func (req *credentialChange) change() (credential.CredentialUpdate, error) {
	u := credential.CredentialUpdate{Name: req.Name, Reason: req.Reason}
	if req.Name != nil && strings.TrimSpace(*req.Name) == "" {
		return u, errLength.At("name").Saying("a name cannot be blanked")
	}
	if req.State == nil {
		if req.Reason != "" {
			return u, errValue.At("reason").Saying("a reason belongs to a state")
		}
		return u, nil
	}
	switch *req.State {
	case string(credential.Active), string(credential.Suspended):
		u.State = new(credential.State(*req.State))
		return u, nil
	}
	return u, errValue.At("state").Saying("state is set to active or suspended")
}

// stamp writes a time as this door does; nothing for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

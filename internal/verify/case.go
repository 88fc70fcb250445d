package verify

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/strictjson"
	"bestow.dev/webauthn"
)

// The schemas of cases, and the kinds of WebAuthn cases.
const (
	schemaWebAuthn = "webauthn-case/1"
	schemaUAF      = "uaf-case/1"

	kindRegistration   = "registration"
	kindAuthentication = "authentication"
)

// webauthnCase is a case that can be judged.
type webauthnCase struct {
	id       string
	wire     caseWire
	response []byte // JSON as it stood in the case
}

// caseWire is webauthn-case/1 without its response. Members that are not here say
// what a case is about and what its author expects, and are not looked at.
type caseWire struct {
	Kind       string          `json:"kind"`
	RP         rpWire          `json:"rp"`
	Options    optionsWire     `json:"options"`
	Policy     policyWire      `json:"policy"`
	Credential *credentialWire `json:"credential"`
}

type rpWire struct {
	ID               string   `json:"id"`
	Origins          []string `json:"origins"`
	AllowCrossOrigin bool     `json:"allowCrossOrigin"`
	TopOrigins       []string `json:"topOrigins"`
}

type optionsWire struct {
	Challenge        webauthn.Bytes            `json:"challenge"`
	UserVerification webauthn.UserVerification `json:"userVerification"`
	UserPresence     webauthn.UserPresence     `json:"userPresence"`
	PubKeyCredParams []cose.Algorithm          `json:"pubKeyCredParams"`
	AllowCredentials []webauthn.Bytes          `json:"allowCredentials"`
	Extensions       struct {
		AppID string `json:"appid"`
	} `json:"extensions"`
}

type policyWire struct {
	AttestationTrust string     `json:"attestationTrust"`
	TrustAnchors     []string   `json:"trustAnchors"` // DER in standard base64
	Time             *time.Time `json:"time"`
	ExtraTPMVendors  []string   `json:"extraTpmVendors"`

	anchors [][]byte // TrustAnchors, decoded
}

type credentialWire struct {
	ID             webauthn.Bytes `json:"id"`
	PublicKey      webauthn.Bytes `json:"publicKey"`
	SignCount      uint32         `json:"signCount"`
	BackupEligible bool           `json:"backupEligible"`
	BackupState    bool           `json:"backupState"`
	UserHandle     webauthn.Bytes `json:"userHandle"`
}

// refusal says why a text is no case.
type refusal struct {
	reason webauthn.Reason
	detail string
}

func notCase(format string, args ...any) *refusal {
	return &refusal{webauthn.ReasonJSONMalformed, fmt.Sprintf(format, args...)}
}

// notJSON explains what strictjson refused. Its errors name members and never quote values.
func notJSON(err error) *refusal {
	r := notCase("the case cannot be read: %v", err)
	if e, ok := errors.AsType[*strictjson.Error](err); ok && e.Reason == strictjson.Base64URL {
		r.reason = webauthn.ReasonJSONBase64URL
	}
	return r
}

// read returns the case in the envelope.
func (in *envelope) read() (*webauthnCase, *refusal) {
	// The schema comes first: of another one, nothing is known of the other members.
	var head struct {
		Schema string `json:"schema"`
		ID     string `json:"id"`
	}
	if err := strictjson.Decode(in.text, &head, strictjson.MaxBytes(MaxCaseBytes)); err != nil {
		return nil, notJSON(err)
	}
	switch head.Schema {
	case schemaWebAuthn:
	case schemaUAF:
		return nil, notCase("this version does not judge UAF cases")
	default:
		return nil, notCase("the schema is not %s", schemaWebAuthn)
	}
	c := &webauthnCase{id: head.ID, response: in.response}
	if err := strictjson.Decode(in.text, &c.wire, strictjson.MaxBytes(MaxCaseBytes)); err != nil {
		return nil, notJSON(err)
	}
	if refusal := c.check(); refusal != nil {
		return nil, refusal
	}
	return c, nil
}

// check refuses a case that leaves open what was expected. What its response lacks is
// for the verification to refuse.
func (c *webauthnCase) check() *refusal {
	w := &c.wire
	switch {
	case w.Kind != kindRegistration && w.Kind != kindAuthentication:
		return notCase("kind is neither registration nor authentication")
	case w.RP.ID == "":
		return notCase("rp.id is absent")
	case len(w.Options.Challenge) == 0:
		return notCase("options.challenge is absent")
	case c.response == nil:
		return notCase("response is absent")
	}
	switch w.Options.UserVerification {
	case "", webauthn.UserVerificationRequired, webauthn.UserVerificationPreferred, webauthn.UserVerificationDiscouraged:
	default:
		return notCase("options.userVerification is none of required, preferred and discouraged")
	}
	switch w.Options.UserPresence {
	case "", webauthn.UserPresenceRequired, webauthn.UserPresenceOptional:
	default:
		return notCase("options.userPresence is neither required nor optional")
	}
	if w.Kind == kindRegistration {
		return w.Policy.check()
	}
	if w.Credential == nil || len(w.Credential.ID) == 0 || len(w.Credential.PublicKey) == 0 {
		return notCase("credential, with id and publicKey, is absent")
	}
	return nil
}

// check refuses a policy that cannot be followed, and decodes the anchors.
func (p *policyWire) check() *refusal {
	switch p.AttestationTrust {
	case "", "require", "ignore":
	default:
		return notCase("policy.attestationTrust is neither require nor ignore")
	}
	if p.Time != nil && p.Time.IsZero() {
		return notCase("policy.time is the year 1") // which would count as no time at all
	}
	for i, text := range p.TrustAnchors {
		// encoding/base64 skips line breaks, even where it is strict.
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || strings.ContainsAny(text, "\r\n") {
			return notCase("policy.trustAnchors[%d] is not standard base64", i)
		}
		p.anchors = append(p.anchors, der)
	}
	return nil
}

// trust returns what is asked of an attestation. An anchor that is no certificate this
// version can read is left out, with a warning: fewer anchors never accept more.
func (p *policyWire) trust() (webauthn.TrustPolicy, []webauthn.Warning) {
	// A case has no word on what is out of date and was good in its time. It is past
	// ceremonies that are judged here, so it passes, SHA-1 with a warning.
	trust := webauthn.TrustPolicy{
		AllowSHA1Chain:                  true,
		AllowSHA1TPMStatements:          true,
		AllowDeprecatedAndroidSafetyNet: true,
	}
	if p.AttestationTrust == "ignore" {
		trust.Attestation = webauthn.TrustIgnore
	}
	if p.Time != nil {
		trust.Time = *p.Time
	}
	var warnings []webauthn.Warning
	for _, der := range p.anchors {
		anchor, err := x509.ParseCertificate(der)
		if err != nil {
			warnings = []webauthn.Warning{WarningTrustAnchorUnreadable}
			continue
		}
		trust.Anchors = append(trust.Anchors, anchor)
	}
	return trust, warnings
}

func (c *webauthnCase) relyingParty() webauthn.RelyingParty {
	rp := &c.wire.RP
	return webauthn.RelyingParty{
		ID: rp.ID, Origins: rp.Origins, AllowCrossOrigin: rp.AllowCrossOrigin, TopOrigins: rp.TopOrigins,
	}
}

// userVerification returns what was asked for. Clients read options without it as
// preferred (§5.4.4, §5.5).
func (c *webauthnCase) userVerification() webauthn.UserVerification {
	if v := c.wire.Options.UserVerification; v != "" {
		return v
	}
	return webauthn.UserVerificationPreferred
}

func (o *optionsWire) allowCredentials() [][]byte {
	ids := make([][]byte, len(o.AllowCredentials))
	for i, id := range o.AllowCredentials {
		ids[i] = id
	}
	return ids
}

func (c *credentialWire) record() webauthn.CredentialRecord {
	return webauthn.CredentialRecord{
		ID: c.ID, PublicKey: c.PublicKey, SignCount: c.SignCount,
		BackupEligible: c.BackupEligible, BackupState: c.BackupState, UserHandle: c.UserHandle,
	}
}

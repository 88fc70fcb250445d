package differential

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/internal/strictjson"
	"bestow.dev/webauthn"
)

// ceremony is a response and what it is to be judged by, in terms of neither implementation.
type ceremony struct {
	name         string
	registration bool

	rpID             string
	origins          []string
	allowCrossOrigin bool
	topOrigins       []string
	challenge        []byte
	verifyUser       bool
	algorithms       []cose.Algorithm
	tpmVendors       []string

	// In an authentication, who signs in, with what, and whether that was known before.
	credentialID   []byte
	publicKey      []byte
	signCount      uint32
	backupEligible bool
	userHandle     []byte
	allowed        [][]byte
	format         string // of the registration

	members  map[string]any    // of the response in JSON, without "response"
	response map[string]any    // its text members
	binary   map[string][]byte // its binary ones
	raw      []byte            // the whole text, if that is what was spoiled
}

// clone returns a copy whose maps may be changed.
func (c *ceremony) clone() *ceremony {
	d := *c
	d.members, d.response, d.binary = maps.Clone(c.members), maps.Clone(c.response), maps.Clone(c.binary)
	return &d
}

// body returns the response in JSON.
func (c *ceremony) body(t testing.TB) []byte {
	t.Helper()
	if c.raw != nil {
		return c.raw
	}
	response := maps.Clone(c.response)
	for name, value := range c.binary {
		response[name] = b64(value)
	}
	members := maps.Clone(c.members)
	members["response"] = response
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// responseMembers are those that hold bytes.
var responseMembers = []string{"clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"}

// setBody takes a good response in JSON apart.
func (c *ceremony) setBody(t testing.TB, body []byte) {
	t.Helper()
	c.members, c.binary = map[string]any{}, map[string][]byte{}
	if err := json.Unmarshal(body, &c.members); err != nil {
		t.Fatal(err)
	}
	c.response = c.members["response"].(map[string]any)
	delete(c.members, "response")
	// What repeats the attestation object is for clients without CBOR, and unsigned.
	for _, name := range []string{"publicKey", "publicKeyAlgorithm"} {
		delete(c.response, name)
	}
	if c.registration {
		delete(c.response, "authenticatorData")
	}
	for _, name := range responseMembers {
		text, ok := c.response[name].(string)
		if !ok {
			continue
		}
		value, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		delete(c.response, name)
		c.binary[name] = value
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// verdict is what an implementation made of a ceremony.
type verdict struct {
	cause  string         // why it was refused; empty if it was not
	detail string         // for people
	report map[string]any // what was found, if it was accepted
}

func (v *verdict) accepted() bool { return v.cause == "" }

// bestow judges c with bestow.dev/webauthn. Trust in certificates is left out, as the
// other implementation has no anchors of the caller's.
func bestow(t testing.TB, c *ceremony) verdict {
	t.Helper()
	rp := webauthn.RelyingParty{ID: c.rpID, Origins: c.origins, AllowCrossOrigin: c.allowCrossOrigin, TopOrigins: c.topOrigins}
	verification := webauthn.UserVerificationPreferred
	if c.verifyUser {
		verification = webauthn.UserVerificationRequired
	}
	if c.registration {
		resp, err := webauthn.ParseRegistrationResponse(c.body(t))
		if err != nil {
			return refusedByBestow(t, err)
		}
		reg, err := webauthn.JudgeRegistration(webauthn.RegistrationExpectation{
			RelyingParty: rp, Challenge: c.challenge, UserVerification: verification, Algorithms: c.algorithms,
			Trust: webauthn.TrustPolicy{Attestation: webauthn.TrustIgnore, TPMVendors: c.tpmVendors, AllowDeprecatedAndroidSafetyNet: true},
		}, resp)
		if err != nil {
			return refusedByBestow(t, err)
		}
		return verdict{report: report(reg.CredentialID, reg.PublicKey, reg.AAGUID[:], byte(reg.Flags), reg.SignCount, reg.Format)}
	}
	resp, err := webauthn.ParseAuthenticationResponse(c.body(t))
	if err != nil {
		return refusedByBestow(t, err)
	}
	auth, err := webauthn.JudgeAuthentication(webauthn.AuthenticationExpectation{
		RelyingParty: rp, Challenge: c.challenge, UserVerification: verification,
		AllowCredentials: c.allowed, UserKnown: len(c.allowed) > 0,
		Credential: webauthn.CredentialRecord{
			ID: c.credentialID, PublicKey: c.publicKey, SignCount: c.signCount, BackupEligible: c.backupEligible, UserHandle: c.userHandle,
		},
	}, resp)
	if err != nil {
		return refusedByBestow(t, err)
	}
	return verdict{report: report(auth.CredentialID, nil, nil, byte(auth.Flags), auth.SignCount, "")}
}

// numbers and names are what tells two refusals for one cause apart.
var numbers = regexp.MustCompile(`"[^"]*"|\b[0-9]+(\.[0-9]+)*\b`)

func refusedByBestow(t testing.TB, err error) verdict {
	t.Helper()
	refusal, ok := errors.AsType[*webauthn.VerificationError](err)
	if !ok {
		t.Fatalf("Bestow returned %T: %v", err, err)
	}
	cause := string(refusal.Reason)
	if strings.HasPrefix(refusal.Step, "8.") { // of an attestation statement format
		cause += " at " + refusal.Step
	}
	// What is malformed may be so in many ways.
	if text, ok := errors.AsType[*strictjson.Error](err); ok && refusal.Reason != webauthn.ReasonJSONBase64URL {
		cause += ", " + string(text.Reason)
	} else if strings.HasSuffix(string(refusal.Reason), "_malformed") || refusal.Reason == webauthn.ReasonAttestationCertificate {
		cause += ", " + numbers.ReplaceAllString(refusal.Detail, "…")
	}
	if key, ok := errors.AsType[*cose.KeyError](err); ok {
		cause += ", " + numbers.ReplaceAllString(key.Error(), "…")
	}
	return verdict{cause: cause, detail: refusal.Error()}
}

// report is what both implementations can tell.
func report(id, key, aaguid []byte, flags byte, count uint32, format string) map[string]any {
	const known = 0x01 | 0x04 | 0x08 | 0x10
	return map[string]any{
		"credential ID": b64(id), "public key": b64(key), "AAGUID": b64(aaguid),
		"flags": flags & known, "signature counter": count, "format": format,
	}
}

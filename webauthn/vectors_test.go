package webauthn_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// vector is one case of the standard's own examples (§16).
type vector struct {
	ID   string
	Kind string
	RP   struct {
		ID               string
		Origins          []string
		AllowCrossOrigin bool
		TopOrigins       []string
	}
	Options struct {
		Challenge        webauthn.Bytes
		UserVerification webauthn.UserVerification
		UserPresence     webauthn.UserPresence
		PubKeyCredParams []cose.Algorithm
		AllowCredentials []webauthn.Bytes
	}
	Policy struct {
		AttestationTrust string
		TrustAnchors     []string
		Time             time.Time
		ExtraTPMVendors  []string
	}
	Credential struct {
		ID             webauthn.Bytes
		PublicKey      webauthn.Bytes
		SignCount      uint32
		BackupEligible bool
		BackupState    bool
		UserHandle     webauthn.Bytes
	}
	Response json.RawMessage
	Expect   map[string]any

	format string // of the registration that the case belongs to
	slug   string
}

// vectorDir returns where the standard's examples are, or skips the test.
func vectorDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("BESTOW_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	}
	dir = filepath.Join(dir, "webauthn-l3")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if os.Getenv("CI") != "" {
			t.Fatalf("no vectors at %s; set BESTOW_VECTORS", dir)
		}
		t.Skipf("no vectors at %s; set BESTOW_VECTORS", dir)
	}
	return dir
}

// vectors reads every case.
func vectors(t testing.TB) []*vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(vectorDir(t), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*vector
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Slug  string
			Fmt   string
			Cases []*vector
		}
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, v := range file.Cases {
			v.format, v.slug = file.Fmt, file.Slug
		}
		all = append(all, file.Cases...)
	}
	return all
}

func (v *vector) relyingParty() webauthn.RelyingParty {
	return webauthn.RelyingParty{
		ID: v.RP.ID, Origins: v.RP.Origins, AllowCrossOrigin: v.RP.AllowCrossOrigin, TopOrigins: v.RP.TopOrigins,
	}
}

// anchors parses the trust anchors.
func (v *vector) anchors(t testing.TB) []*x509.Certificate {
	t.Helper()
	var anchors []*x509.Certificate
	for _, text := range v.Policy.TrustAnchors {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		anchors = append(anchors, cert)
	}
	return anchors
}

func (v *vector) registration(t testing.TB) webauthn.RegistrationExpectation {
	t.Helper()
	exp := webauthn.RegistrationExpectation{
		RelyingParty:     v.relyingParty(),
		Challenge:        v.Options.Challenge,
		UserVerification: v.Options.UserVerification,
		UserPresence:     v.Options.UserPresence,
		Algorithms:       v.Options.PubKeyCredParams,
		Trust:            webauthn.TrustPolicy{Anchors: v.anchors(t), Time: v.Policy.Time, TPMVendors: v.Policy.ExtraTPMVendors},
	}
	if v.Policy.AttestationTrust == "ignore" {
		exp.Trust.Attestation = webauthn.TrustIgnore
	}
	return exp
}

func (v *vector) authentication() webauthn.AuthenticationExpectation {
	exp := webauthn.AuthenticationExpectation{
		RelyingParty:     v.relyingParty(),
		Challenge:        v.Options.Challenge,
		UserVerification: v.Options.UserVerification,
		UserKnown:        len(v.Options.AllowCredentials) > 0,
		Credential: webauthn.CredentialRecord{
			ID:             v.Credential.ID,
			PublicKey:      v.Credential.PublicKey,
			SignCount:      v.Credential.SignCount,
			BackupEligible: v.Credential.BackupEligible,
			BackupState:    v.Credential.BackupState,
			UserHandle:     v.Credential.UserHandle,
		},
	}
	for _, id := range v.Options.AllowCredentials {
		exp.AllowCredentials = append(exp.AllowCredentials, id)
	}
	return exp
}

// judge gives the case to the verification, and returns what its expect names.
func (v *vector) judge(t testing.TB) (map[string]any, error) {
	t.Helper()
	if v.Kind == "registration" {
		resp, err := webauthn.ParseRegistrationResponse(v.Response)
		if err != nil {
			return nil, err
		}
		reg, err := webauthn.JudgeRegistration(v.registration(t), resp)
		if err != nil {
			return nil, err
		}
		return map[string]any{
			"verdict": "accept", "fmt": reg.Format, "attestationType": string(reg.AttestationType),
			"aaguid": reg.AAGUID.String(), "credentialId": b64(reg.CredentialID), "publicKey": b64(reg.PublicKey),
			"alg": float64(reg.Algorithm), "flags": flagsOf(reg.Flags), "signCount": float64(reg.SignCount),
		}, nil
	}
	resp, err := webauthn.ParseAuthenticationResponse(v.Response)
	if err != nil {
		return nil, err
	}
	auth, err := webauthn.JudgeAuthentication(v.authentication(), resp)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"verdict": "accept", "credentialId": b64(auth.CredentialID),
		"flags": flagsOf(auth.Flags), "signCount": float64(auth.SignCount),
	}, nil
}

func flagsOf(f webauthn.Flags) map[string]any {
	return map[string]any{
		"up": f.UserPresent(), "uv": f.UserVerified(), "be": f.BackupEligible(),
		"bs": f.BackupState(), "at": f.AttestedData(), "ed": f.ExtensionData(),
	}
}

func TestVectors(t *testing.T) {
	all := vectors(t)
	accepted := 0
	for _, v := range all {
		if t.Run(v.ID, func(t *testing.T) { testVector(t, v) }) {
			accepted++
		}
	}
	t.Logf("%d of %d cases accepted", accepted, len(all))
	if accepted == 0 {
		t.Error("no case was tried")
	}
}

// testVector checks that v is accepted as it says, and refused after any change.
func testVector(t *testing.T, v *vector) {
	got, err := v.judge(t)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	for name, want := range v.Expect {
		if name == "level" {
			continue // of the standard's demand, nothing to report
		}
		if !equalJSON(t, got[name], want) {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}

	for _, change := range vectorChanges {
		if change.applies != nil && !change.applies(v) {
			continue
		}
		t.Run(change.name, func(t *testing.T) {
			spoiled := *v
			change.spoil(t, &spoiled)
			_, err := spoiled.judge(t)
			refusal, ok := errors.AsType[*webauthn.VerificationError](err)
			if !ok || !slices.Contains(change.want, refusal.Reason) {
				t.Errorf("got %v, want refusal for one of %q", err, change.want)
			}
		})
	}
}

func equalJSON(t testing.TB, a, b any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x, y)
}

// vectorChanges are those after which an example must be refused.
var vectorChanges = []struct {
	name    string
	applies func(*vector) bool
	spoil   func(testing.TB, *vector)
	want    []webauthn.Reason
}{
	{
		name:  "other challenge",
		spoil: func(_ testing.TB, v *vector) { v.Options.Challenge = testChallenge },
		want:  []webauthn.Reason{webauthn.ReasonChallenge},
	},
	{
		name:  "other origin",
		spoil: func(_ testing.TB, v *vector) { v.RP.Origins = []string{"https://evil.example"} },
		want:  []webauthn.Reason{webauthn.ReasonOrigin},
	},
	{
		name:  "other RP ID",
		spoil: func(_ testing.TB, v *vector) { v.RP.ID = "evil.example" },
		want:  []webauthn.Reason{webauthn.ReasonRPIDHash},
	},
	{
		name:    "foreign frames not allowed",
		applies: func(v *vector) bool { return v.RP.AllowCrossOrigin },
		spoil:   func(_ testing.TB, v *vector) { v.RP.AllowCrossOrigin = false },
		want:    []webauthn.Reason{webauthn.ReasonCrossOrigin},
	},
	{
		name:    "no anchors",
		applies: func(v *vector) bool { return v.Policy.AttestationTrust == "require" },
		spoil:   func(_ testing.TB, v *vector) { v.Policy.TrustAnchors = nil },
		want:    []webauthn.Reason{webauthn.ReasonAttestationUntrusted},
	},
	{
		name:    "TPM of another manufacturer",
		applies: func(v *vector) bool { return v.format == "tpm" && v.Kind == "registration" },
		spoil:   func(_ testing.TB, v *vector) { v.Policy.ExtraTPMVendors = []string{"id:494E5443"} },
		want:    []webauthn.Reason{webauthn.ReasonAttestationCertificate},
	},
	{
		name:    "flipped bit in the assertion's signature",
		applies: func(v *vector) bool { return v.Kind == "authentication" },
		spoil:   func(t testing.TB, v *vector) { v.flipSignature(t, "signature", nil) },
		want:    []webauthn.Reason{webauthn.ReasonAssertionSignature},
	},
	{
		name:    "flipped bit in the statement's signature",
		applies: func(v *vector) bool { return v.Kind == "registration" && v.format != "none" && v.format != "apple" },
		spoil:   func(t testing.TB, v *vector) { v.flipSignature(t, "attestationObject", cText("sig")) },
		want:    []webauthn.Reason{webauthn.ReasonAttestationSignature},
	},
	{
		// Format apple has no signature but the CA's.
		name:    "flipped bit in the certificate's signature",
		applies: func(v *vector) bool { return v.Kind == "registration" && v.format == "apple" },
		spoil:   func(t testing.TB, v *vector) { v.flipSignature(t, "attestationObject", append(cText("x5c"), 0x81)) },
		want:    []webauthn.Reason{webauthn.ReasonAttestationUntrusted},
	},
}

// flipSignature flips a bit near the end of the byte string that follows marker in a
// binary member of the response, or of the whole member.
func (v *vector) flipSignature(t testing.TB, member string, marker []byte) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(v.Response, &doc); err != nil {
		t.Fatal(err)
	}
	response := doc["response"].(map[string]any)
	raw, err := base64.RawURLEncoding.DecodeString(response[member].(string))
	if err != nil {
		t.Fatal(err)
	}
	at := len(raw) - 1
	if marker != nil {
		// A signature of 24 to 255 bytes, or of 256 and more.
		start := bytes.Index(raw, marker) + len(marker)
		switch raw[start] {
		case 0x58:
			at = start + 1 + int(raw[start+1])
		case 0x59:
			at = start + 2 + int(raw[start+1])<<8 + int(raw[start+2])
		default:
			t.Fatalf("signature with head %#x", raw[start])
		}
	}
	raw[at] ^= 1
	response[member] = b64(raw)
	if v.Response, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
}

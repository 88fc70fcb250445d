package policy_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"bestow.dev/cose"
	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/policy"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

var b64 = base64.RawURLEncoding.EncodeToString

var challenge = []byte("a challenge that tests can repeat")

// madeBy has a software key register, verifies that, and judges its trust.
func madeBy(t *testing.T, attestation softkey.Attestation) (*webauthn.Registration, *webauthn.Trust, *x509.Certificate) {
	t.Helper()
	key := must(softkey.New(softkey.Config{
		UserPresence: softkey.AlwaysPresent, Now: func() time.Time { return now },
		Attestation: attestation, Algorithms: []int64{softkey.ES256},
	}))
	t.Cleanup(func() { key.Close() })
	client := must(ctap.NewClient(t.Context(), key))
	data := []byte(`{"type":"webauthn.create","challenge":"` + b64(challenge) + `","origin":"https://bank.example","crossOrigin":false}`)
	hash := sha256.Sum256(data)
	pin := []byte("2580")
	made := must(client.MakeCredential(t.Context(), ctap.CredentialParams{
		ClientDataHash: hash[:], RP: ctap.RP{ID: "bank.example"}, User: ctap.User{ID: []byte("u"), Name: "alice"},
		Algorithms: []int64{softkey.ES256}, ResidentKey: ctap.Required, UserVerification: ctap.Required, Attestation: ctap.Direct,
	}, ctap.Prompt{
		NewPIN: func(context.Context, int) ([]byte, error) { return slices.Clone(pin), nil },
		PIN:    func(context.Context, ctap.PINQuestion) ([]byte, error) { return slices.Clone(pin), nil },
		Touch:  func() {},
	}))
	response := must(webauthn.ParseRegistrationResponse(must(json.Marshal(map[string]any{
		"id": b64(made.ID), "rawId": b64(made.ID), "type": "public-key", "authenticatorAttachment": "cross-platform",
		"clientExtensionResults": map[string]any{"credProps": map[string]any{"rk": true}},
		"response": map[string]any{
			"clientDataJSON": b64(data), "attestationObject": b64(made.AttestationObject), "transports": []string{"usb"},
		},
	}))))
	reg := must(webauthn.VerifyRegistration(webauthn.RegistrationExpectation{
		RelyingParty: webauthn.RelyingParty{ID: "bank.example", Origins: []string{"https://bank.example"}},
		Challenge:    challenge, Algorithms: []cose.Algorithm{cose.ES256},
	}, response))
	trust := must(webauthn.JudgeTrust(reg.Attestation(), webauthn.TrustPolicy{
		Attestation: webauthn.TrustIgnore, Anchors: []*x509.Certificate{key.AttestationRoot()}, Time: now,
		TPMVendors: []string{softkey.TPMManufacturer},
	}))
	return reg, trust, key.AttestationRoot()
}

// entryOf is metadata of the software key, with its root as anchor.
func entryOf(reg *webauthn.Registration, root *x509.Certificate) *metadata.Entry {
	return &metadata.Entry{
		AAGUID:        reg.AAGUID,
		StatusReports: []metadata.StatusReport{{Status: metadata.StatusCertifiedL1}},
		Statement:     &metadata.Statement{AAGUID: reg.AAGUID, Description: "Software Key", AttestationRoots: []*x509.Certificate{root}},
	}
}

func TestFromRegistration(t *testing.T) {
	tests := []struct {
		attestation            softkey.Attestation
		format                 string
		trusted, proves, known bool
	}{
		{softkey.AttestPacked, "packed", true, true, true},
		{softkey.AttestTPM, "tpm", true, true, true},
		{softkey.AttestApple, "apple", true, true, true},
		{softkey.AttestAndroidKey, "android-key", true, false, false},
		{softkey.AttestCompound, "compound", true, true, true},
		{softkey.AttestSelf, "packed", false, false, false},
		{softkey.AttestNone, "none", false, false, false},
	}
	for _, tt := range tests {
		t.Run(string(tt.attestation), func(t *testing.T) {
			reg, trust, root := madeBy(t, tt.attestation)
			entry := entryOf(reg, root)
			e := policy.FromRegistration(reg, policy.Known{
				Time: now, Trust: trust, Attachment: webauthn.AttachmentCrossPlatform, Entry: entry, Source: "mds", Number: 7,
			})
			if e.Format != tt.format || e.Trusted != tt.trusted || e.ProvesModel != tt.proves || e.Model.Anchored != tt.known {
				t.Errorf("format %s, trusted %v, proves %v, anchored %v", e.Format, e.Trusted, e.ProvesModel, e.Model.Anchored)
			}
			if !e.UserVerified || e.Discoverable == nil || !*e.Discoverable || e.Algorithm != cose.ES256 || !slices.Equal(e.Transports, []string{"usb"}) ||
				e.BackupEligible || e.Attachment != webauthn.AttachmentCrossPlatform || e.AAGUID != reg.AAGUID {
				t.Errorf("%+v", e)
			}
			anchor, _ := metadata.KeyIdentifierOf(root)
			if slices.Contains(e.KeyIdentifiers, anchor) != tt.trusted {
				t.Errorf("key identifiers %v, anchor %v", e.KeyIdentifiers, anchor)
			}
			set := compile(t, documents(t, `{"metadata": {"minimumLevel": "L1"}}`)...)
			if d := set.Decide(e); d.Allowed != tt.known {
				t.Errorf("%v", d)
			}

			// Nobody judged the trust, or nobody has the model.
			if e := policy.FromRegistration(reg, policy.Known{Time: now, Entry: entry}); e.Trusted || e.ProvesModel || e.KeyIdentifiers != nil || e.Model.Anchored {
				t.Errorf("without trust: %+v", e)
			}
			if e := policy.FromRegistration(reg, policy.Known{Time: now, Trust: trust}); e.Model != nil {
				t.Errorf("without metadata: %+v", e.Model)
			}

			// The entry lists another anchor than the one that the path leads to.
			_, _, foreign := madeBy(t, softkey.AttestPacked)
			if e := policy.FromRegistration(reg, policy.Known{Time: now, Trust: trust, Entry: entryOf(reg, foreign)}); e.Model.Anchored {
				t.Error("a foreign anchor will do")
			}
		})
	}
}

// An operator who anchors the certificate below the root that the metadata lists still
// meets the metadata.
func TestAnchorBelowTheRoot(t *testing.T) {
	reg, trust, root := madeBy(t, softkey.AttestPacked)
	trust.Path = trust.Path[:len(trust.Path)-1]
	if e := policy.FromRegistration(reg, policy.Known{Time: now, Trust: trust, Entry: entryOf(reg, root)}); !e.Model.Anchored {
		t.Error("the root above the anchor is not found")
	}
}

func TestU2FByCertificateKey(t *testing.T) {
	reg, trust, root := madeBy(t, softkey.AttestU2F)
	leaf, _ := metadata.KeyIdentifierOf(trust.Path[0])
	e := policy.FromRegistration(reg, policy.Known{Time: now, Trust: trust, Entry: &metadata.Entry{
		KeyIdentifiers: []metadata.KeyIdentifier{leaf},
		Statement:      &metadata.Statement{ProtocolFamily: "u2f", AttestationRoots: []*x509.Certificate{root}},
	}})
	if !e.Trusted || e.ProvesModel || !e.Model.Anchored {
		t.Errorf("%+v", e)
	}
	d := compile(t, documents(t, `{"keyIdentifiers": {"allow": ["`+leaf.String()+`"]}, "metadata": {}}`)...).Decide(e)
	if !d.Allowed {
		t.Errorf("%v", d)
	}
}

func TestAtSignIn(t *testing.T) {
	e := goodKey()
	e.Model.Entry.StatusReports = append(e.Model.Entry.StatusReports, metadata.StatusReport{
		Status: metadata.StatusRevoked, EffectiveDate: now.AddDate(0, 0, 1),
	})
	e.Model.Standing = e.Model.Entry.StatusAt(now)
	set := compile(t, must(policy.Parse([]byte(bank))))
	if d := set.Decide(e); !d.Allowed {
		t.Fatalf("%v", d)
	}
	later := e.AtSignIn(&webauthn.Authentication{Flags: webauthn.FlagUserVerified | webauthn.FlagBackupState}, webauthn.AttachmentPlatform, now.AddDate(0, 0, 2))
	if later.Ceremony != policy.SignIn || !later.UserVerified || !later.BackedUp || later.Attachment != webauthn.AttachmentPlatform || !later.Model.Standing.Revoked {
		t.Errorf("%+v", later)
	}
	if e.Ceremony == policy.SignIn || e.Model.Standing.Revoked {
		t.Error("the evidence of the registration has changed")
	}
	if d := set.Decide(later); d.Allowed || d.RefusedBy.Rule != "rules.metadata.statuses.deny" {
		t.Errorf("%v", d)
	}
}

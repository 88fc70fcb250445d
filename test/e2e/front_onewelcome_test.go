package e2e

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
)

const oneWelcomeConfig = `
tenants:
  - name: acme
    relying-parties:
      - id: shop.example
        name: Shop
        resident-key: preferred
        user-verification: preferred
        attestation: none
        trust-anchors-file: %s
    clients:
      - { id: shop, key: the-shop-key-0123456789abcdef012345, scopes: [ fido.provision, fido.authenticate, fido.read, fido.manage, users.write ], relying-parties: [ shop.example ] }
      - { id: boss, key: the-boss-key-0123456789abcdef012345, scopes: [ admin ] }
      - { id: idm, key: ` + apiSecret + `, scopes: [ admin ] }
fronts:
  onewelcome: { tenant: acme }
`

// shop is a back end of an identity platform's FIDO service, with a person at a browser.
type shop struct {
	t      *testing.T
	s      *server
	origin string
}

// call sends a request with the key of a client and returns status and answer.
func (b *shop) call(client, method, path string, body any) (int, map[string]any) {
	b.t.Helper()
	header := http.Header{"Authorization": {"Bearer the-" + client + "-key-0123456789abcdef012345"}}
	status, text, err := b.s.do(request{method, "/fido/v1" + path, header, body})
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	answer := map[string]any{}
	if len(text) > 0 && json.Unmarshal(text, &answer) != nil {
		b.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return status, answer
}

// good is call for what has to be answered with 200.
func (b *shop) good(path string, body any) map[string]any {
	b.t.Helper()
	status, answer := b.call("shop", "POST", path, body)
	if status != 200 {
		b.t.Fatalf("%s: %d %v", path, status, answer)
	}
	return answer
}

// refused fails unless the answer is the refusal named.
func (b *shop) refused(status int, code string) func(int, map[string]any) {
	return func(got int, answer map[string]any) {
		b.t.Helper()
		if got != status || answer["error"] != code || answer["correlationId"] == "" {
			b.t.Errorf("got %d %v, want %d %s", got, answer, status, code)
		}
	}
}

// stored returns how many credentials a user has.
func (b *shop) stored(userID any) int {
	b.t.Helper()
	status, answer := b.call("shop", "GET", fmt.Sprintf("/users/%s/credentials", userID), nil)
	if status == 404 {
		return 0
	}
	return len(answer["credentials"].([]any))
}

// shopKey is a software key with its PIN.
func shopKey(t *testing.T, attestation softkey.Attestation) *softkey.Key {
	t.Helper()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: time.Now, Attestation: attestation})
	if err != nil {
		t.Fatal(err)
	}
	client, err := ctap.NewClient(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.SetPIN(t.Context(), []byte("2468")); err != nil {
		t.Fatal(err)
	}
	return key
}

func (b *shop) clientData(kind string, options map[string]any) ([]byte, []byte) {
	text, err := json.Marshal(map[string]any{
		"type": kind, "challenge": options["challenge"], "origin": cmp.Or(b.origin, "https://shop.example"), "crossOrigin": false,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return text, sum[:]
}

func shopBytes(t *testing.T, text any) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(fmt.Sprint(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func shopText(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// create is navigator.credentials.create and toJSON.
func (b *shop) create(key *softkey.Key, options map[string]any) map[string]any {
	b.t.Helper()
	client, err := ctap.NewClient(b.t.Context(), key)
	if err != nil {
		b.t.Fatal(err)
	}
	clientData, hash := b.clientData("webauthn.create", options)
	user := options["user"].(map[string]any)
	cred, err := client.MakeCredential(b.t.Context(), ctap.CredentialParams{
		ClientDataHash: hash, RP: ctap.RP{ID: "shop.example", Name: "Shop"},
		User:       ctap.User{ID: shopBytes(b.t, user["id"]), Name: user["name"].(string), DisplayName: user["displayName"].(string)},
		Algorithms: []int64{-7}, ResidentKey: ctap.Required, UserVerification: ctap.Required, Attestation: ctap.Direct,
	}, ctap.Prompt{PIN: ctap.PINOnce([]byte("2468"))})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.credential(cred.ID, map[string]any{
		"clientDataJSON": shopText(clientData), "attestationObject": shopText(cred.AttestationObject), "transports": []string{"usb"},
	})
}

// get is navigator.credentials.get and toJSON.
func (b *shop) get(key *softkey.Key, options map[string]any) map[string]any {
	b.t.Helper()
	client, err := ctap.NewClient(b.t.Context(), key)
	if err != nil {
		b.t.Fatal(err)
	}
	clientData, hash := b.clientData("webauthn.get", options)
	p := ctap.AssertionParams{RPID: "shop.example", ClientDataHash: hash, UserVerification: ctap.Required}
	for _, c := range options["allowCredentials"].([]any) {
		p.Allow = append(p.Allow, ctap.CredentialDescriptor{ID: shopBytes(b.t, c.(map[string]any)["id"])})
	}
	all, err := client.GetAssertion(b.t.Context(), p, ctap.Prompt{PIN: ctap.PINOnce([]byte("2468"))})
	if err != nil {
		b.t.Fatal(err)
	}
	members := map[string]any{
		"clientDataJSON": shopText(clientData), "authenticatorData": shopText(all[0].AuthData), "signature": shopText(all[0].Signature),
	}
	if all[0].User != nil {
		members["userHandle"] = shopText(all[0].User.ID)
	}
	return b.credential(all[0].CredentialID, members)
}

func (b *shop) credential(id []byte, response map[string]any) map[string]any {
	return map[string]any{
		"id": shopText(id), "rawId": shopText(id), "type": "public-key", "authenticatorAttachment": "cross-platform",
		"clientExtensionResults": map[string]any{}, "response": response,
	}
}

// enrolled gives a user a credential of key.
func (b *shop) enrolled(key *softkey.Key, options map[string]any) map[string]any {
	b.t.Helper()
	return b.good("/attestation/verify", b.create(key, b.good("/attestation/options", options)))
}

type shopDoc = map[string]any

// TestFrontOneWelcome goes through what a back end of such a service relies on, point by
// point as the reference page lists them.
func TestFrontOneWelcome(t *testing.T) { onBothEngines(t, frontOneWelcome) }

func frontOneWelcome(t *testing.T, engine string) {
	model := shopKey(t, softkey.AttestPacked)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: model.AttestationRoot().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startOn(t, engine, fmt.Sprintf(oneWelcomeConfig, roots))
	at := func(t *testing.T) *shop { s.t = t; return &shop{t: t, s: s} }
	defer func() { s.t = t }()

	t.Run("1 options with a username alone", func(t *testing.T) {
		b := at(t)
		options := b.good("/attestation/options", shopDoc{"username": "lena"})
		id := options["user"].(shopDoc)["id"]
		if len(shopBytes(t, id)) != 32 || len(options["excludeCredentials"].([]any)) != 0 {
			t.Fatalf("options: %v", options)
		}
		made := b.good("/attestation/verify", b.create(shopKey(t, softkey.AttestNone), options))
		again := b.good("/attestation/options", shopDoc{"username": "lena", "userId": id})
		excluded := again["excludeCredentials"].([]any)
		if made["userId"] != id || again["user"].(shopDoc)["id"] != id || len(excluded) != 1 || excluded[0].(shopDoc)["id"] != made["credential"].(shopDoc)["credentialId"] {
			t.Errorf("made %v, again %v", made, again)
		}
	})

	// The browser itself is asked in test/browser/onewelcome.test.mjs.
	t.Run("2 the answer is the browser's", func(t *testing.T) {
		b := at(t)
		options := b.good("/attestation/options", shopDoc{"username": "lena"})
		known := []string{"rp", "user", "challenge", "pubKeyCredParams", "timeout", "excludeCredentials", "authenticatorSelection", "hints", "attestation", "attestationFormats", "extensions", "transactionId"}
		for name := range options {
			if !slices.Contains(known, name) {
				t.Errorf("member %s", name)
			}
		}
		wrapped := b.good("/attestation/options?wrap=publicKey", shopDoc{"username": "lena"})
		if len(wrapped) != 2 || wrapped["publicKey"].(shopDoc)["challenge"] == nil || wrapped["transactionId"] == "" {
			t.Errorf("wrapped: %v", wrapped)
		}
	})

	t.Run("3 any bytes for a userId", func(t *testing.T) {
		b := at(t)
		for _, id := range [][]byte{{0}, bytes.Repeat([]byte{0xfe}, 64)} {
			key := shopKey(t, softkey.AttestNone)
			made := b.enrolled(key, shopDoc{"username": "shared", "userId": shopText(id)})
			in := b.good("/assertion/verify", b.get(key, b.good("/assertion/options", shopDoc{})))
			if made["userId"] != shopText(id) || in["userId"] != shopText(id) || in["username"] != "shared" {
				t.Errorf("%x: %v, %v", id, made, in)
			}
		}
		b.refused(400, "invalid_request")(b.call("shop", "POST", "/attestation/options", shopDoc{"username": "a", "userId": shopText(make([]byte, 65))}))
	})

	t.Run("4 verify with and without transactionId", func(t *testing.T) {
		b := at(t)
		for _, with := range []bool{false, true} {
			options := b.good("/attestation/options", shopDoc{"username": "lena"})
			answer := b.create(shopKey(t, softkey.AttestNone), options)
			if with {
				answer["transactionId"] = options["transactionId"]
			}
			if made := b.good("/attestation/verify", answer); made["status"] != "OK" {
				t.Errorf("made %v", made)
			}
		}
	})

	t.Run("5 what is refused stores nothing", func(t *testing.T) {
		b := at(t)
		begin := func() (shopDoc, any) {
			options := b.good("/attestation/options", shopDoc{"username": "lena"})
			return options, options["user"].(shopDoc)["id"]
		}
		options, id := begin()
		answer := b.create(shopKey(t, softkey.AttestNone), options)
		b.good("/attestation/verify", answer)
		b.refused(409, "ceremony_used")(b.call("shop", "POST", "/attestation/verify", answer))
		if n := b.stored(id); n != 1 {
			t.Errorf("%d credentials after a replay", n)
		}

		options, other := begin()
		answer = b.create(shopKey(t, softkey.AttestNone), options)
		answer["userId"] = id
		b.refused(409, "ceremony_mismatch")(b.call("shop", "POST", "/attestation/verify", answer))

		evil := *b
		evil.origin = "https://evil.example"
		b.refused(422, "origin_mismatch")(b.call("shop", "POST", "/attestation/verify", evil.create(shopKey(t, softkey.AttestNone), options)))
		if n := b.stored(other); n != 0 {
			t.Errorf("%d credentials after a wrong origin", n)
		}

		options, other = begin()
		options["challenge"] = shopText(make([]byte, 32))
		b.refused(422, "challenge_mismatch")(b.call("shop", "POST", "/attestation/verify", b.create(shopKey(t, softkey.AttestNone), options)))
		if n := b.stored(other); n != 0 {
			t.Errorf("%d credentials after another challenge", n)
		}
	})

	t.Run("6 the same key again", func(t *testing.T) {
		b := at(t)
		made := b.enrolled(shopKey(t, softkey.AttestNone), shopDoc{"username": "lena"})
		id := shopBytes(t, made["credential"].(shopDoc)["credentialId"])
		forger := shopKey(t, softkey.AttestNone)
		forger.Forge(softkey.Forge{AuthData: func(a *softkey.AuthData) { a.CredentialID = id }})
		for _, options := range []shopDoc{{"username": "lena", "userId": made["userId"]}, {"username": "somebody else"}} {
			answer := b.create(forger, b.good("/attestation/options", options))
			b.refused(409, "credential_exists")(b.call("shop", "POST", "/attestation/verify", answer))
		}
	})

	t.Run("7 nobody is named", func(t *testing.T) {
		b := at(t)
		key := shopKey(t, softkey.AttestNone)
		made := b.enrolled(key, shopDoc{"username": "lena"})
		options := b.good("/assertion/options", shopDoc{})
		if len(options["allowCredentials"].([]any)) != 0 {
			t.Errorf("options: %v", options)
		}
		if in := b.good("/assertion/verify", b.get(key, options)); in["userId"] != made["userId"] {
			t.Errorf("signed in %v, want %v", in, made["userId"])
		}
		answer := b.get(key, b.good("/assertion/options", shopDoc{}))
		delete(answer["response"].(shopDoc), "userHandle")
		b.refused(409, "ceremony_mismatch")(b.call("shop", "POST", "/assertion/verify", answer))
	})

	t.Run("8 policies", func(t *testing.T) {
		b := at(t)
		aaguid := "9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"
		for name, on := range map[string]string{"models": "fail", "advice": "warn"} {
			if status, answer := b.call("boss", "POST", "/authenticator-policies", shopDoc{"name": name, "allowedAaguids": []string{aaguid}, "onViolation": on}); status != 201 {
				t.Fatalf("policy: %d %v", status, answer)
			}
		}
		ours := fmt.Sprintf("%x-%x-%x-%x-%x", softkey.AAGUID[:4], softkey.AAGUID[4:6], softkey.AAGUID[6:8], softkey.AAGUID[8:10], softkey.AAGUID[10:])
		if status, answer := b.call("boss", "POST", "/authenticator-policies", shopDoc{"name": "ours", "allowedAaguids": []string{ours}}); status != 201 {
			t.Fatalf("policy: %d %v", status, answer)
		}
		options := b.good("/attestation/options", shopDoc{"username": "lena", "policies": []string{"models"}})
		if options["attestation"] != "direct" {
			t.Errorf("options: %v", options)
		}
		b.refused(422, "policy_violation")(b.call("shop", "POST", "/attestation/verify", b.create(model, options)))
		if n := b.stored(options["user"].(shopDoc)["id"]); n != 0 {
			t.Errorf("%d credentials", n)
		}
		made := b.enrolled(model, shopDoc{"username": "lena", "policies": []string{"advice", "ours"}})
		warned := made["warnings"].([]any)
		if made["status"] != "OK" || len(warned) != 1 || warned[0].(shopDoc)["policy"] != "advice" {
			t.Errorf("made %v", made)
		}
		b.refused(400, "invalid_request")(b.call("shop", "POST", "/attestation/options", shopDoc{"username": "lena", "policies": []string{"models", "ours"}}))
	})

	t.Run("9 delete, then sign in", func(t *testing.T) {
		b := at(t)
		key := shopKey(t, softkey.AttestNone)
		made := b.enrolled(key, shopDoc{"username": "lena"})
		answer := b.get(key, b.good("/assertion/options", shopDoc{}))
		path := fmt.Sprintf("/users/%s/credentials/%s", made["userId"], made["credential"].(shopDoc)["credentialId"])
		if status, said := b.call("shop", "DELETE", path, nil); status != 204 {
			t.Fatalf("delete: %d %v", status, said)
		}
		b.refused(404, "credential_not_found")(b.call("shop", "POST", "/assertion/verify", answer))
		b.refused(404, "credential_not_found")(b.call("shop", "POST", "/assertion/options", shopDoc{"userId": made["userId"]}))
	})

	// Our own API knows the same users, credentials and states.
	t.Run("shared with the other doors", func(t *testing.T) {
		b := at(t)
		key := shopKey(t, softkey.AttestNone)
		made := b.enrolled(key, shopDoc{"username": "lena"})
		var page struct {
			Items []struct{ ID, CredentialID, Via string }
		}
		s.must(200, request{"GET", "/api/v1/credentials?relyingParty=shop.example&limit=1000", basic("idm", apiSecret), nil}, &page)
		id := ""
		for _, c := range page.Items {
			if c.CredentialID == made["credential"].(shopDoc)["credentialId"] {
				id = c.ID
			}
		}
		s.must(200, request{"PATCH", "/api/v1/credentials/" + id, basic("idm", apiSecret), shopDoc{"state": "suspended"}}, nil)
		b.refused(422, "credential_suspended")(b.call("shop", "POST", "/assertion/verify", b.get(key, b.good("/assertion/options", shopDoc{}))))

		s.must(200, request{"PATCH", "/api/v1/credentials/" + id, basic("idm", apiSecret), shopDoc{"state": "active"}}, nil)
		var begun struct {
			ID        string
			PublicKey map[string]any
		}
		s.must(201, request{"POST", "/api/v1/authentications", basic("idm", apiSecret), shopDoc{"relyingParty": "shop.example", "user": shopDoc{"handle": made["userId"]}}}, &begun)
		s.must(200, request{"POST", "/api/v1/authentications/" + begun.ID + "/finish", basic("idm", apiSecret), shopDoc{"response": b.get(key, begun.PublicKey)}}, nil)
	})
}

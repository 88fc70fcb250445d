package differential

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"bestow.dev/cose"
	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

const (
	rpID   = "login.example.com"
	origin = "https://login.example.com"
	pin    = "1234"
)

var (
	challenge = []byte("a challenge of thirty-two bytes.")
	handle    = []byte("account")
)

// The key's certificates are good for years from then. go-webauthn judges them by the
// machine's clock.
var made = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// authenticator is a software key in one of the ways to attest and one algorithm.
type authenticator struct {
	key         *softkey.Key
	attestation softkey.Attestation
	alg         int64

	rewrite func(*softkey.Statement, *softkey.Forge) // changes statements before a forgery does; nil: does not
}

func newAuthenticator(t testing.TB, attestation softkey.Attestation, alg int64) *authenticator {
	t.Helper()
	key, err := softkey.New(softkey.Config{
		UserPresence: softkey.AlwaysPresent, Now: func() time.Time { return made },
		Attestation: attestation, Algorithms: []int64{alg},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := ctap.SetPIN(t.Context(), key, ctap.PINProtocolTwo, []byte(pin), 4); err != nil {
		t.Fatal(err)
	}
	return &authenticator{key: key, attestation: attestation, alg: alg}
}

// authenticators are one of each, of those formats whose anchors go-webauthn leaves to
// the caller. RS256 is among the standard's examples; making its keys takes too long.
// go-webauthn does not verify Ed448, and ML-DSA only with a later toolchain.
func authenticators(t testing.TB) []*authenticator {
	t.Helper()
	return []*authenticator{
		newAuthenticator(t, softkey.AttestNone, softkey.ES256),
		newAuthenticator(t, softkey.AttestSelf, softkey.ES384),
		newAuthenticator(t, softkey.AttestSelf, softkey.EdDSA),
		newAuthenticator(t, softkey.AttestPacked, softkey.ES256),
		newAuthenticator(t, softkey.AttestPacked, softkey.EdDSA),
		newAuthenticator(t, softkey.AttestU2F, softkey.ES256),
		newAuthenticator(t, softkey.AttestSelf, softkey.ES256K),
	}
}

func (a *authenticator) String() string { return fmt.Sprintf("softkey %s %d", a.attestation, a.alg) }

// token allows one command.
func (a *authenticator) token(t testing.TB, hash []byte, permission ctap.TokenRequest) *ctap.PINUVAuth {
	t.Helper()
	permission.Protocol, permission.RPID = ctap.PINProtocolTwo, rpID
	token, err := ctap.GetTokenUsingPIN(t.Context(), a.key, permission, []byte(pin))
	if err != nil {
		t.Fatal(err)
	}
	return &ctap.PINUVAuth{Param: ctap.PINProtocolTwo.Authenticate(token, hash), Protocol: ctap.PINProtocolTwo}
}

// create has the key make a credential, spoiled as forge says.
func (a *authenticator) create(t testing.TB, client []byte, forge softkey.Forge) *ctap.MakeCredentialResponse {
	t.Helper()
	hash := sha256.Sum256(client)
	a.key.Forge(softkey.Forge{})
	auth := a.token(t, hash[:], ctap.TokenRequest{Permissions: ctap.PermissionMakeCredential})
	a.key.Forge(a.rewritten(forge))
	made, err := ctap.MakeCredential(t.Context(), a.key, ctap.MakeCredentialRequest{
		ClientDataHash: hash[:], RP: ctap.RP{ID: rpID}, User: ctap.User{ID: handle, Name: "alice"},
		Algorithms: []int64{a.alg}, PINUVAuth: auth,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// rewritten returns forge with the statement rewritten first.
func (a *authenticator) rewritten(forge softkey.Forge) softkey.Forge {
	if a.rewrite == nil {
		return forge
	}
	spoil := forge.Statement
	forge.Statement = func(s *softkey.Statement) {
		a.rewrite(s, &forge)
		if spoil != nil {
			spoil(s)
		}
	}
	return forge
}

// register makes a registration with the given client data.
func (a *authenticator) register(t testing.TB, name string, client []byte, forge softkey.Forge) *ceremony {
	t.Helper()
	made := a.create(t, client, forge)
	return a.registration(name, client, made.AuthData, object(made.Format, made.Statement, made.AuthData))
}

// registration puts a registration together.
func (a *authenticator) registration(name string, client, authData, object []byte) *ceremony {
	id := []byte("none")
	if parsed, err := webauthn.ParseAuthenticatorData(authData); err == nil && parsed.Attested != nil {
		id = parsed.Attested.CredentialID
	}
	return &ceremony{
		name: fmt.Sprintf("%s registration, %s", a, name), registration: true,
		rpID: rpID, origins: []string{origin}, challenge: challenge, verifyUser: true,
		algorithms: []cose.Algorithm{cose.Algorithm(a.alg)}, userHandle: handle, tpmVendors: []string{softkey.TPMManufacturer},
		members:  credential(id),
		response: map[string]any{"transports": []string{"usb"}},
		binary:   map[string][]byte{"clientDataJSON": client, "attestationObject": object},
	}
}

// signIn makes an assertion by a credential that was registered well.
func (a *authenticator) signIn(t testing.TB, name string, client []byte, forge softkey.Forge) *ceremony {
	t.Helper()
	made := a.create(t, clientData("webauthn.create"), softkey.Forge{})
	parsed, err := webauthn.ParseAuthenticatorData(made.AuthData)
	if err != nil {
		t.Fatal(err)
	}
	id := parsed.Attested.CredentialID
	hash := sha256.Sum256(client)
	auth := a.token(t, hash[:], ctap.TokenRequest{Permissions: ctap.PermissionGetAssertion})
	a.key.Forge(forge)
	got, err := ctap.GetAssertion(t.Context(), a.key, ctap.GetAssertionRequest{
		RPID: rpID, ClientDataHash: hash[:], AllowList: []ctap.CredentialDescriptor{{ID: id}}, PINUVAuth: auth,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &ceremony{
		name: fmt.Sprintf("%s authentication, %s", a, name),
		rpID: rpID, origins: []string{origin}, challenge: challenge, verifyUser: true,
		credentialID: id, publicKey: parsed.Attested.PublicKey, signCount: parsed.SignCount, userHandle: handle,
		allowed: [][]byte{id}, format: made.Format,
		members:  credential(id),
		response: map[string]any{},
		binary: map[string][]byte{
			"clientDataJSON": client, "authenticatorData": got.AuthData, "signature": got.Signature, "userHandle": handle,
		},
	}
}

// credential is the JSON form of a credential without its response.
func credential(id []byte) map[string]any {
	return map[string]any{"id": b64(id), "rawId": b64(id), "type": "public-key", "clientExtensionResults": map[string]any{}}
}

// clientData is what an honest client says.
func clientData(kind string) []byte {
	return fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":%q,"crossOrigin":false}`, kind, b64(challenge), origin)
}

// object is an attestation object in canonical CBOR.
func object(format string, statement, authData []byte) []byte {
	return join([]byte{0xa3}, text("fmt"), text(format), text("attStmt"), statement, text("authData"), bytesItem(authData))
}

func text(s string) []byte { return append(head(3, len(s)), s...) }

func bytesItem(b []byte) []byte { return append(head(2, len(b)), b...) }

// head is the head of a CBOR item of less than 64 KiB.
func head(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 256:
		return []byte{major<<5 | 24, byte(n)}
	default:
		return []byte{major<<5 | 25, byte(n >> 8), byte(n)}
	}
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

package credential_test

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"bestow.dev/webauthn"
)

// Flags of authenticator data (§6.1).
const (
	up, uv, be, bs, at, ed = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
)

// forger is an authenticator of a few lines: ES256, packed self attestation. It
// writes its bytes by itself, so that it shares no mistake with what judges them.
type forger struct {
	private *ecdsa.PrivateKey
	id      []byte
	handle  []byte
	count   uint32
	flags   byte

	origin string // of the client; empty: https:// and the RP ID

	signedID   string         // what the authenticator works for; empty: the RP ID
	extensions []byte         // outputs of the authenticator, CBOR; nil for none
	results    map[string]any // outputs of the client
	// attest writes fmt and attStmt; nil is packed self attestation.
	attest func(authData, clientData []byte) []byte
}

func newForger(t testing.TB) *forger {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	rand.Read(id)
	return &forger{private: private, id: id, flags: up | uv}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// create answers creation options.
func (f *forger) create(t testing.TB, o *webauthn.CreationOptions) *webauthn.RegistrationResponse {
	t.Helper()
	resp, err := webauthn.ParseRegistrationResponse(f.createJSON(t, o))
	if err != nil {
		t.Fatalf("the forged answer does not parse: %v", err)
	}
	return resp
}

func (f *forger) createJSON(t testing.TB, o *webauthn.CreationOptions) []byte {
	t.Helper()
	f.handle = o.User.ID
	f.count++
	authData := f.authData(o.RP.ID, f.flags|at)
	authData = append(authData, make([]byte, 16)...) // AAGUID
	authData = binary.BigEndian.AppendUint16(authData, uint16(len(f.id)))
	authData = append(authData, f.id...)
	authData = append(authData, f.coseKey(t)...)
	authData = append(authData, f.extensions...)
	clientData := f.clientData("webauthn.create", o.RP.ID, o.Challenge)

	// {"fmt": "packed", "attStmt": {"alg": -7, "sig": …}, "authData": …}
	object := []byte("\xa3\x63fmt\x66packed\x67attStmt\xa2\x63alg\x26\x63sig")
	object = appendBytes(object, f.sign(t, authData, clientData))
	if f.attest != nil {
		object = append([]byte("\xa3\x63fmt"), f.attest(authData, clientData)...)
	}
	object = append(object, "\x68authData"...)
	object = appendBytes(object, authData)
	return f.document(t, map[string]any{
		"clientDataJSON": b64(clientData), "attestationObject": b64(object), "transports": []string{"usb"},
	})
}

// document is [document] with the forger's client extension outputs.
func (f *forger) document(t testing.TB, response map[string]any) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(document(t, f.id, response), &doc); err != nil {
		t.Fatal(err)
	}
	if f.results != nil {
		doc["clientExtensionResults"] = f.results
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// get answers request options.
func (f *forger) get(t testing.TB, o *webauthn.RequestOptions) *webauthn.AuthenticationResponse {
	t.Helper()
	f.count++
	authData := append(f.authData(o.RPID, f.flags), f.extensions...)
	clientData := f.clientData("webauthn.get", o.RPID, o.Challenge)
	resp, err := webauthn.ParseAuthenticationResponse(f.document(t, map[string]any{
		"clientDataJSON": b64(clientData), "authenticatorData": b64(authData),
		"signature": b64(f.sign(t, authData, clientData)), "userHandle": b64(f.handle),
	}))
	if err != nil {
		t.Fatalf("the forged answer does not parse: %v", err)
	}
	return resp
}

func document(t testing.TB, id []byte, response map[string]any) []byte {
	t.Helper()
	doc, err := json.Marshal(map[string]any{
		"id": b64(id), "rawId": b64(id), "type": "public-key", "authenticatorAttachment": "cross-platform",
		"clientExtensionResults": map[string]any{}, "response": response,
	})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func (f *forger) authData(rpID string, flags byte) []byte {
	hash := sha256.Sum256([]byte(cmp.Or(f.signedID, rpID)))
	if f.extensions != nil {
		flags |= ed
	}
	return binary.BigEndian.AppendUint32(append(hash[:], flags), f.count)
}

func (f *forger) clientData(kind, rpID string, challenge []byte) []byte {
	origin := f.origin
	if origin == "" {
		origin = "https://" + rpID
	}
	return []byte(`{"type":"` + kind + `","challenge":"` + b64(challenge) + `","origin":"` + origin + `","crossOrigin":false}`)
}

// coseKey writes {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
func (f *forger) coseKey(t testing.TB) []byte {
	t.Helper()
	point, err := f.private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	key := appendBytes([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21}, point[1:33])
	return appendBytes(append(key, 0x22), point[33:])
}

func (f *forger) sign(t testing.TB, authData, clientData []byte) []byte {
	t.Helper()
	hash := sha256.Sum256(clientData)
	sum := sha256.Sum256(append(append([]byte{}, authData...), hash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, f.private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// appendBytes writes a CBOR byte string.
func appendBytes(b, s []byte) []byte {
	switch {
	case len(s) < 24:
		b = append(b, 0x40|byte(len(s)))
	case len(s) < 256:
		b = append(b, 0x58, byte(len(s)))
	default:
		b = binary.BigEndian.AppendUint16(append(b, 0x59), uint16(len(s)))
	}
	return append(b, s...)
}

package verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// object is a case, or a part of one, to be spoiled.
type object = map[string]any

const (
	testRP     = "login.example.com"
	testOrigin = "https://login.example.com"
	testAppID  = "https://login.example.com/u2f.json"
)

var (
	testChallenge  = []byte("a challenge of the tests")
	testCredential = []byte("a credential of alice's")
	testHandle     = []byte("alice's user handle")

	b64 = base64.RawURLEncoding.EncodeToString
)

// testKey is the same in every run, so that what is made with it is, too.
func testKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	scalar := sha256.Sum256([]byte("a key of the tests, worth nothing"))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// coseKey is the public half of testKey.
func coseKey(t testing.TB) []byte {
	t.Helper()
	point, err := testKey(t).PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, point[1:33], []byte{0x22, 0x58, 32}, point[33:])
}

// authData makes authenticator data; what follows the counter is rest.
func authData(id string, flags byte, signCount uint32, rest ...[]byte) []byte {
	hash := sha256.Sum256([]byte(id))
	data := binary.BigEndian.AppendUint32(append(hash[:], flags), signCount)
	return append(data, slices.Concat(rest...)...)
}

func clientData(t testing.TB, kind string) []byte {
	t.Helper()
	text, err := json.Marshal(object{"type": kind, "challenge": b64(testChallenge), "origin": testOrigin, "crossOrigin": false})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// registrationCase is a good registration without attestation. flags replace UP and UV.
func registrationCase(t testing.TB, flags ...byte) object {
	t.Helper()
	flag := byte(0x45) // UP, UV, AT
	if len(flags) > 0 {
		flag = flags[0]
	}
	attested := slices.Concat(make([]byte, 16), []byte{0, byte(len(testCredential))}, testCredential, coseKey(t))
	data := authData(testRP, flag, 0, attested)
	attestation := slices.Concat([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), []byte{byte(len(data))}, data)
	return object{
		"schema": "webauthn-case/1", "id": "a registration", "kind": "registration",
		"rp": object{"id": testRP, "origins": []any{testOrigin}},
		"options": object{
			"challenge": b64(testChallenge), "userVerification": "required", "userPresence": "required",
			"pubKeyCredParams": []any{-7},
		},
		"policy": object{"attestationTrust": "ignore", "time": "2026-01-01T00:00:00Z"},
		"response": object{
			"id": b64(testCredential), "rawId": b64(testCredential), "type": "public-key",
			"clientExtensionResults": object{},
			"response": object{
				"clientDataJSON": b64(clientData(t, "webauthn.create")), "attestationObject": b64(attestation),
				"transports": []any{"usb", "nfc"},
			},
		},
	}
}

// authenticationCase is a good authentication with the credential named, for an RP ID
// or an AppID.
func authenticationCase(t testing.TB, ids ...string) object {
	t.Helper()
	id := testRP
	if len(ids) > 0 {
		id = ids[0]
	}
	data, client := authData(id, 0x05, 5), clientData(t, "webauthn.get")
	clientHash := sha256.Sum256(client)
	digest := sha256.Sum256(append(slices.Clone(data), clientHash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, testKey(t), digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return object{
		"schema": "webauthn-case/1", "id": "an authentication", "kind": "authentication",
		"rp": object{"id": testRP, "origins": []any{testOrigin}},
		"options": object{
			"challenge": b64(testChallenge), "userVerification": "required",
			"allowCredentials": []any{b64(testCredential)},
		},
		"credential": object{
			"id": b64(testCredential), "publicKey": b64(coseKey(t)), "signCount": 4,
			"backupEligible": false, "backupState": false, "userHandle": b64(testHandle),
		},
		"response": object{
			"id": b64(testCredential), "rawId": b64(testCredential), "type": "public-key",
			"clientExtensionResults": object{},
			"response": object{
				"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(sig),
				"userHandle": b64(testHandle),
			},
		},
	}
}

// set puts a value at a path such as "rp.id"; nil removes what is there.
func set(path string, value any) func(object) {
	return func(c object) {
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			inner, ok := c[name].(object)
			if !ok {
				inner = object{}
				c[name] = inner
			}
			c = inner
		}
		if last := names[len(names)-1]; value == nil {
			delete(c, last)
		} else {
			c[last] = value
		}
	}
}

func encode(t testing.TB, c object) []byte {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

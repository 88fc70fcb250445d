package webauthn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"log"
	"slices"

	"bestow.dev/webauthn"
)

// signInKey is an authenticator that holds one credential, for the examples.
type signInKey struct {
	private *ecdsa.PrivateKey
	record  webauthn.CredentialRecord // as a server would have stored it
}

func newSignInKey() *signInKey {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		log.Fatal(err)
	}
	return &signInKey{private, webauthn.CredentialRecord{
		ID: []byte("a credential of alice"), PublicKey: coseEC2(-7, 1, point[1:33], point[33:]), SignCount: 4,
	}}
}

// answer returns what the browser's toJSON makes of the key's answer.
func (k *signInKey) answer(opts *webauthn.RequestOptions) []byte {
	client := clientData{"type": "webauthn.get", "challenge": b64(opts.Challenge), "origin": "https://" + opts.RPID}.bytes()
	auth := authData{rpID: opts.RPID, flags: 0x05, signCount: 5}
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(slices.Concat(auth.bytes(), hash[:]))
	sig, err := ecdsa.SignASN1(rand.Reader, k.private, digest[:])
	if err != nil {
		log.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{
		"id": b64(k.record.ID), "rawId": b64(k.record.ID), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]string{"clientDataJSON": b64(client), "authenticatorData": b64(auth.bytes()), "signature": b64(sig)},
	})
	if err != nil {
		log.Fatal(err)
	}
	return body
}

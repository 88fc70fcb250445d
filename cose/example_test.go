package cose_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"bestow.dev/cose"
)

func ExampleParseKey() {
	// What an authenticator does: make a key, and sign.
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	made, err := cose.NewKey(cose.ES256, private.Public())
	if err != nil {
		panic(err)
	}
	stored := made.Bytes()
	message := []byte("authenticator data and the hash of the client data")
	digest := sha256.Sum256(message)
	signature, err := ecdsa.SignASN1(rand.Reader, private, digest[:])
	if err != nil {
		panic(err)
	}

	// What a relying party does: read the key it stored, and verify.
	key, err := cose.ParseKey(stored)
	if err != nil {
		panic(err)
	}
	fmt.Println(key.Algorithm(), key.Verify(message, signature))
	fmt.Println(key.Verify([]byte("something else"), signature))
	// Output:
	// ES256 <nil>
	// cose: signature does not verify
}

package ctap_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
)

// A registration with a key that has no PIN yet: one is set on the way.
func ExampleClient_MakeCredential() {
	ctx := context.Background()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: time.Now})
	if err != nil {
		log.Fatal(err)
	}
	defer key.Close()

	client, err := ctap.NewClient(ctx, key)
	if err != nil {
		log.Fatal(err)
	}
	clientDataHash := sha256.Sum256([]byte(`{"type":"webauthn.create"}`))
	cred, err := client.MakeCredential(ctx, ctap.CredentialParams{
		ClientDataHash:   clientDataHash[:],
		RP:               ctap.RP{ID: "login.example.com", Name: "Example"},
		User:             ctap.User{ID: []byte("7f3a"), Name: "alice"},
		Algorithms:       []int64{-7, -257},
		ResidentKey:      ctap.Required,
		UserVerification: ctap.Required,
		Attestation:      ctap.Direct,
	}, ctap.Prompt{
		NewPIN: func(context.Context, int) ([]byte, error) { return []byte("2580"), nil },
		PIN:    func(context.Context, ctap.PINQuestion) ([]byte, error) { return []byte("2580"), nil },
		Touch:  func() { fmt.Println("touch the key") },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cred.Format, cred.Algorithm, cred.Discoverable, cred.UserVerified)
	// Output:
	// touch the key
	// packed -7 true true
}

// Refusals are told apart by their status, whoever refused.
func ExampleStatusOf() {
	ctx := context.Background()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: time.Now})
	if err != nil {
		log.Fatal(err)
	}
	client, err := ctap.NewClient(ctx, key)
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.GetAssertion(ctx, ctap.AssertionParams{
		RPID: "login.example.com", ClientDataHash: make([]byte, 32),
	}, ctap.Prompt{})
	status, ok := ctap.StatusOf(err)
	fmt.Println(status, ok, errors.Is(err, ctap.StatusNoCredentials))
	// Output: NO_CREDENTIALS true true
}

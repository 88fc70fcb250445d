package webauthn_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"bestow.dev/webauthn"
)

// Register a security key: send options, then judge what the browser returns.
func Example_register() {
	rp := webauthn.RelyingParty{ID: "login.example.com", Origins: []string{"https://login.example.com"}}

	// The options go to parseCreationOptionsFromJSON; keep them for the answer.
	opts, err := webauthn.NewCreationOptions(webauthn.CreationOptions{
		RP:   webauthn.RPEntity{ID: rp.ID, Name: "Example Login"},
		User: webauthn.UserEntity{ID: []byte("64 random bytes are best"), Name: "alice"},
		AuthenticatorSelection: &webauthn.AuthenticatorSelection{
			ResidentKey:      webauthn.ResidentKeyRequired,
			UserVerification: webauthn.UserVerificationRequired,
		},
		Attestation: webauthn.ConveyanceDirect,
	})
	if err != nil {
		log.Fatal(err)
	}
	toBrowser, err := json.Marshal(opts)
	if err != nil {
		log.Fatal(err)
	}

	// Here the key at hand is an example that answered other options some time ago.
	opts, body := answeredBefore()
	resp, err := webauthn.ParseRegistrationResponse(body)
	if err != nil {
		log.Fatal(err) // spends nothing: it names no ceremony
	}
	reg, err := webauthn.JudgeRegistration(opts.Expectation(rp, webauthn.TrustPolicy{AcceptSelf: true}), resp)
	if err != nil {
		log.Fatal(err) // ends the ceremony
	}
	fmt.Println(len(toBrowser) > 0, reg.AAGUID, reg.Format, reg.AttestationType, reg.Algorithm)
	// Output: true 9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6 packed self ES256
}

// answeredBefore returns options, and what the browser's toJSON made of the answer.
func answeredBefore() (*webauthn.CreationOptions, []byte) {
	opts, err := webauthn.ParseCreationOptions([]byte(workedOptions))
	if err != nil {
		log.Fatal(err)
	}
	return opts, []byte(workedResponse)
}

// Sign in: offer the account's credentials, find the one that answered, judge it,
// and store its new counter.
func Example_signIn() {
	rp := webauthn.RelyingParty{ID: "login.example.com", Origins: []string{"https://login.example.com"}}
	key := newSignInKey() // an authenticator, standing in for the user's

	opts, err := webauthn.NewRequestOptions(webauthn.RequestOptions{
		RPID:             rp.ID,
		AllowCredentials: webauthn.Descriptors(key.record.ID),
		UserVerification: webauthn.UserVerificationRequired,
	})
	if err != nil {
		log.Fatal(err)
	}

	resp, err := webauthn.ParseAuthenticationResponse(key.answer(opts))
	if err != nil {
		log.Fatal(err) // spends nothing: it names no ceremony
	}
	record := key.record // found by resp.CredentialID, in the account
	auth, err := webauthn.JudgeAuthentication(opts.Expectation(rp, record, true), resp)
	if err != nil {
		log.Fatal(err) // ends the ceremony
	}
	record.SignCount, record.BackupState = auth.SignCount, auth.Flags.BackupState()
	fmt.Println("signed in, counter", record.SignCount)
	// Output: signed in, counter 5
}

// Read a refusal: the reason is for programs and clients, the rest for the log.
func ExampleVerificationError() {
	opts, body := answeredBefore()
	elsewhere := webauthn.RelyingParty{ID: "login.example.com", Origins: []string{"https://other.example.com"}}

	resp, err := webauthn.ParseRegistrationResponse(body)
	if err != nil {
		log.Fatal(err)
	}
	_, err = webauthn.JudgeRegistration(opts.Expectation(elsewhere, webauthn.TrustPolicy{}), resp)
	if refusal, ok := errors.AsType[*webauthn.VerificationError](err); ok {
		fmt.Println(refusal.Reason)
		fmt.Println(refusal.Step)
		fmt.Println(refusal.Detail)
	}
	// Output:
	// origin
	// 7.1/9
	// origin "https://login.example.com" is not allowed
}

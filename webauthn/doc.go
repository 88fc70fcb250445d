// Package webauthn implements the relying-party half of Web Authentication Level 3:
// it makes creation and request options, and decides whether the response an
// authenticator gave to them is good.
//
// A registration is options for the client, and a judgement on what comes back. The
// options say what the judgement expects; keep them on the server, for one use:
//
//	opts, err := webauthn.NewCreationOptions(webauthn.CreationOptions{
//		RP:   webauthn.RPEntity{ID: "login.example.com", Name: "Example"},
//		User: webauthn.UserEntity{ID: handle, Name: "alice"},
//	})
//	// json.Marshal(opts) is what parseCreationOptionsFromJSON takes in the browser,
//	// and body below is what toJSON makes there of the new credential.
//	resp, err := webauthn.ParseRegistrationResponse(body)
//	reg, err := webauthn.JudgeRegistration(opts.Expectation(rp, trust), resp)
//
// An authentication is the same with [NewRequestOptions], [ParseAuthenticationResponse]
// and [JudgeAuthentication], whose expectation holds the stored credential as well.
//
// Parsing and judging are two calls, because a server finds the open ceremony by the
// challenge that the parsed response names. A response that does not parse says
// nothing about any ceremony, and need not spend one; a response that is judged does.
//
// The zero value of every policy is the strict one: user verification and presence
// required, attestation required and trusted, no anchors, no foreign frames, no
// stalled signature counter. What may be looser has to be said, by name.
//
// Every refusal is a [*VerificationError] with a [Reason] for programs, the step of
// the standard that was not met, and a sentence for the log.
//
// # What is strict beyond the standard
//
// JSON may not repeat a member, nor hold text that is not UTF-8. Base64url is
// canonical and without padding. CBOR is in CTAP2 canonical form, and nothing follows
// it. Credential keys have to be usable even where nothing is attested. Origins are
// compared byte for byte. Attested credential data in an assertion is refused. A
// certificate path is built by issuer and signature, to the anchors of the policy
// alone, and no critical extension goes unread.
//
// # What it does not do
//
// The package does no input or output. It has no clock, no database, no network and
// no HTTP; bytes and times are arguments. It keeps no ceremonies: that a challenge is
// used once, and that a credential ID belongs to one user (7.1/26), is for the caller
// to see to. It reads no metadata and no revocation lists; anchors come from the
// caller, and so do the TPM manufacturers accepted. Of attestation statement formats it
// verifies those of Level 3 and no others. It does not act for a client or an
// authenticator.
//
// Everything in it is safe for concurrent use. Section numbers in comments, and the
// steps in refusals, are those of WebAuthn Level 3; "7.1/14" is step 14 of §7.1.
package webauthn

// Package ctap is the client side of CTAP 2.1, the protocol between a platform and
// a security key: it asks a key to make credentials and assertions, and manages
// its PIN.
//
// A [Device] is one key, however it is connected. Above it stand two layers. The
// functions [GetInfo], [MakeCredential], [GetAssertion], [GetNextAssertion],
// [Reset], [Selection] and the clientPIN functions send one command each and
// decide nothing. A [Client] runs a whole ceremony with one key, the way a browser does:
//
//	client, err := ctap.NewClient(ctx, device)
//	...
//	cred, err := client.MakeCredential(ctx, ctap.CredentialParams{
//		ClientDataHash:   hash[:],
//		RP:               ctap.RP{ID: "login.example.com", Name: "Example"},
//		User:             ctap.User{ID: handle, Name: "alice"},
//		Algorithms:       []int64{-7, -8, -257},
//		ResidentKey:      ctap.Required,
//		UserVerification: ctap.Required,
//		Attestation:      ctap.Direct,
//	}, ctap.Prompt{PIN: askPIN, Touch: showTouch})
//	...
//	send(cred.ID, cred.AttestationObject)
//
// What a key refuses is a [*StatusError]; what this package refuses before it asks
// a key has a [Status] as well, so that one switch on [StatusOf] covers both, and
// [errors.Is] with a Status works on either.
//
// Whatever a key answers is read strictly: canonical CBOR, definite lengths, no
// duplicate keys, bounded size and depth. An answer that is not so is [ErrAnswer].
//
// The package does no input or output of its own, and has no clock: a ceremony ends
// when its context does, which cancels what the key is doing. It builds no client
// data, judges no origin and speaks no HTTP; and it leaves biometric enrolment,
// credential management and large blobs to the vendors' tools.
package ctap

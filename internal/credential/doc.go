// Package credential gives people their FIDO credentials and judges them when they
// are used: it knows users, ceremonies, credentials, invitations and the browser
// sessions of the enrolment pages.
//
// A ceremony is two calls on a [Service]. The first makes the options for the
// authenticator and keeps what the second needs; the second judges the answer:
//
//	begun, err := svc.BeginRegistration(ctx, by, credential.BeginRegistration{
//		RelyingParty: "login.example.com",
//		User:         credential.ByName("alice@example.com"),
//	})
//	// begun.Options go to the authenticator, its answer comes back as resp
//	cred, err := svc.FinishRegistration(ctx, by, credential.FinishRegistration{
//		RelyingParty: "login.example.com",
//		Response:     resp,
//		Name:         "Office key",
//	})
//
// Every call takes the [tenant.Authority] it is made with. The service asks it for
// the scope the call needs and writes it into the audit event, which is stored in
// the same transaction as the change: no event, no change.
//
// # Promises
//
// A challenge is good for one outcome. Of any number of callers who finish the same
// ceremony at the same moment, on any number of nodes, one wins and the others are
// told that it is used. Only the API client that began a ceremony, or the browser
// session that did, may finish it; to anyone else it is unknown and stays as it
// was. An answer is verified while no transaction is open. A refusal of the
// rightful caller's answer spends the ceremony; an answer that cannot be read
// spends nothing.
//
// What an auditor needs to judge a credential again years later is kept with it,
// see [Evidence].
//
// # Not done here
//
// The package speaks neither HTTP nor SQL. The cryptography is that of
// [bestow.dev/webauthn]; storage is behind [Store]. It does not authenticate
// callers: whoever hands in an authority vouches for it.
package credential

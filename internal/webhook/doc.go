// Package webhook tells an installation's own systems of what happens to processes,
// credentials and users, by HTTPS POST: signed, retried, at least once.
//
// What happens becomes rows in the transaction in which it happens, one for each endpoint
// that wants to be told: no change, no row. The store makes those of credentials and
// users from the audit events it writes ([FromAudit]); those of processes come through
// [Service.Hear], which is a [process.Listener].
//
//	endpoint, secret, err := hooks.Add(ctx, by, webhook.Endpoint{Name: "idm", URL: "https://…", Events: []string{"credential.*"}})
//	...
//	hooks.Run(ctx) // delivers until ctx ends
//
// Identifiers, times and signatures are those of the Standard Webhooks specification,
// version 1. Bodies hold our own identifiers and words, never names, secrets or links.
//
// One endpoint is served by one node at a time, one delivery after the other, so that
// events arrive in order for as long as each is taken at once. One that is not taken is
// tried again later and overtaken meanwhile.
package webhook

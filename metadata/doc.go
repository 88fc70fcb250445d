// Package metadata reads the FIDO Metadata Service, version 3: the signed list (BLOB)
// of what is known about authenticator models, and of what went wrong with them.
//
// The usual call verifies a BLOB that was fetched or found in a file, and asks it
// about the model that an attestation names:
//
//	blob, err := metadata.VerifyBLOB(text, metadata.Options{
//		Roots:           roots, // of the service, configured
//		RevocationLists: lists, // for the chain that signed
//		Time:            now,
//		Previous:        stored, // what was accepted last
//	})
//	...
//	entry := blob.ForAttestation(registration.Attestation)
//	standing := entry.StatusAt(now)
//	policy.Anchors = entry.TrustAnchors()
//
// Nothing in a BLOB is read before the chain of its signer is verified to a
// configured root, checked for revocation, and the signature holds. A BLOB is then
// taken as a whole or refused by a [*VerificationError]; within it, one bad entry,
// report or certificate does not cost the others: it is left out and told as a
// [Finding].
//
// The package fetches nothing: no BLOB, no chain that a header points to (x5u), no
// revocation list, no logo. It does not read version 2 of the service or its
// statements of numbers. ECDAA is not supported. Logos and names in a BLOB are
// untrusted content: escape the names, and show a logo as an image only.
//
// Two readers stand beside the BLOB's: [ParseEntry] reads an entry that was kept, and
// [ParseStatement] and [EntryOfStatement] read what a vendor hands out for a model that
// no service lists. Nothing vouches for those but who hands them in.
//
// There is no clock: times are arguments. A [BLOB] and everything in it is safe for
// concurrent use, and not to be changed.
//
// Section numbers in comments and steps are those of the FIDO Metadata Service 3.0;
// statements are of FIDO Metadata Statement 3.0 with the additions of 3.1.
package metadata

// Package mds keeps the metadata of authenticator models in force: it fetches or reads
// the lists (BLOBs) of FIDO metadata services, lets package metadata verify them, keeps
// what was verified in the database, and answers questions from memory.
//
//	service, err := mds.New(mds.Config{Store: db.Metadata(), Fetcher: fetcher, Sources: sources, …})
//	...
//	err = service.Load(ctx)    // what was verified earlier, also without a network
//	go service.Run(ctx)        // checks each source when it is due
//	...
//	found := service.Current().ForAttestation(registration.Attestation)
//
// A source is a BLOB at a URL, a BLOB in a file, or statements of the operator's own.
// What the operator says of a model ranks before what a service says, and services rank
// in the order of the configuration. What an answer hides of lower rank is told with
// it ([Found.Hidden]), so that a revocation by the service is not lost on a policy.
//
// A BLOB comes into force as a whole, after its signer's chain was verified to a
// configured root, found unrevoked, and its number was found not to be older than the
// last. A check that fails changes nothing: what is in force stays, and the check is
// repeated after a while that grows. Deadlines and claims are columns: of any number of
// nodes one checks a source, and the others see what it stored within a second or two.
//
// Step numbers in comments are those of §3.2 of the FIDO Metadata Service 3.0.
package mds

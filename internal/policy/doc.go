// Package policy says which authenticators are welcome, and why one was not.
//
// A policy is a [Document] in JSON: a name, a mode, and rules about models, metadata,
// attestation and the credential. Documents are read, put together and asked about
// the [Evidence] of one ceremony:
//
//	document, err := policy.Parse(text)
//	...
//	set, err := policy.Compile(document, another)
//	...
//	decision := set.Decide(policy.FromRegistration(registration, known))
//	if !decision.Allowed {
//		log(decision.RefusedBy)
//	}
//
// All documents of a [Set] have to agree, so that one more document never lets more
// pass. [Set.Demands] tells what options have to ask for, so that a good key can pass,
// and [Set.Conflicts] which rules leave nothing that could.
//
// Rules that allow take proof: where there is no attestation, or self attestation, or
// one that leads to no trust anchor, no rule about models, certificate keys or
// metadata is ever satisfied. Rules that deny take a mere claim.
//
// The rules are one table, in rule.go; each row is a function that turns what a
// document says into what is judged, and what that leaves possible. The package has
// no clock and no storage, and fetches nothing. A Set is safe for concurrent use.
package policy

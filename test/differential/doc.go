// Package differential gives the same ceremonies to bestow.dev/webauthn and to
// github.com/go-webauthn/webauthn, an implementation of the same standard by other
// hands, and compares what they make of them.
//
// The ceremonies are the standard's own examples, those of a software key, forgeries of
// either, and some thousands of copies with a bit, a byte or a piece spoiled. Two
// verifiers that share no code rarely share a mistake: where they differ, one is wrong or
// both have chosen. Every kind of difference has a row in docs/differential.md that says
// who is right and why; a difference of a kind that has none fails the test.
//
// It is a module of its own, so that who imports bestow.dev never gets the other
// implementation. It has tests only.
package differential

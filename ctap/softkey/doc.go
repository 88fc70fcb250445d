// Package softkey is a security key made of software: it answers CTAP 2.1 like a
// strict authenticator and stands behind [ctap.Device] where a real one would. It is
// there for tests, for demonstrations and for trying out an installation; it is no
// place for anybody's credentials, and its attestation says so.
//
//	key, err := softkey.New(softkey.Config{
//		Passphrase:   passphrase,
//		Save:         func(sealed []byte) error { return writeFile(path, sealed) },
//		UserPresence: askForTouch,
//		Now:          time.Now,
//	})
//	...
//	key, err = softkey.Open(sealed, passphrase, softkey.Config{...}) // next time
//
// Check order and status codes are those of CTAP 2.1 §6, with protocols one and two,
// discoverable credentials, credProtect, hmac-secret and credential management. There
// is no built-in user verification, no enterprise attestation, no large blob and no
// U2F.
//
// # State
//
// The package reads and writes nothing. Whatever has to outlive the process is one
// value, sealed under a passphrase, which Config.Save gets each time it changes:
// before the answer that tells of the change. A process that dies in between may have
// spent an attempt at the PIN or a counter value, and never gives one back.
//
// Credentials that are not discoverable take no room: their private key is in the
// credential id, sealed under a key that only a reset changes. That is how small keys
// do it, and so lists of foreign ids and ids of a former life of the key are met in
// tests as they are met outside. Discoverable ones are kept, up to a limit.
//
// Each discoverable credential has a signature counter of its own, the others share
// one (WebAuthn §6.1.1 allows both).
//
// # Attestation
//
// A new key makes itself a root and a batch certificate below it, both named as
// software. The root is in no list of trusted roots, and its name says why not; a test
// can trust what [Key.AttestationRoot] returns. Formats whose certificates others issue,
// such as Apple's CA, have theirs from the same root.
//
// # Forging
//
// [Key.Forge] has the key spoil one thing in each of its answers, so that it can be
// shown that a relying party notices. [Forgeries] lists what there is. The package
// writes CBOR, COSE keys and authenticator data with code of its own: a bug shared
// with the relying party would go unseen. An attestation format is one file, with a
// type that implements [attester].
//
// A [Key] is safe for concurrent use. It runs one exchange at a time; others wait
// until theirs comes or their context ends.
package softkey

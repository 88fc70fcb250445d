package softkey

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/subtle"
	"time"
)

// power is what lasts until the key is taken out.
type power struct {
	since time.Time
	// mismatches counts wrong PINs in a row.
	mismatches int
	// agreement and tokens are one for each protocol, by its number.
	agreement [3]*ecdh.PrivateKey
	tokens    [3]*token
	// next is where getNextAssertion goes on; nil: nowhere.
	next *remembered
	// managing is where an enumeration of credentialManagement goes on; nil: nowhere.
	managing *enumeration
}

// Times of CTAP 2.1.
const (
	resetWindow       = 10 * time.Second  // §6.6
	tokenInitialUse   = 30 * time.Second  // §6.5.2.1, USB
	tokenMaximum      = 600 * time.Second // §6.5.2.1
	nextAssertionWait = 30 * time.Second  // §6.3
	maxMismatches     = 3                 // §6.5.5
)

func switchOn(now time.Time) power {
	p := power{since: now}
	for _, proto := range protocols {
		p.regenerate(proto)
	}
	p.resetTokens()
	return p
}

// regenerate makes a new key agreement key.
func (p *power) regenerate(proto protocol) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		panic("softkey: key agreement key: " + err.Error()) // crypto/rand does not fail
	}
	p.agreement[proto] = key
}

// resetTokens draws new tokens, none of which is in use.
func (p *power) resetTokens() {
	for _, proto := range protocols {
		p.tokens[proto] = &token{value: random(32)}
	}
}

// expire ends the tokens whose time is over.
func (p *power) expire(now time.Time) {
	for _, proto := range protocols {
		p.tokens[proto].expire(now)
	}
}

// token is a pinUvAuthToken and its state (CTAP 2.1 §6.5.2.1). The key has no user
// verification of its own, so no token ever comes with user presence.
type token struct {
	value        []byte
	inUse        bool
	began        time.Time
	used         bool // since it began
	permissions  permission
	rpID         string // empty: not bound yet
	userVerified bool
}

// permission bits (CTAP 2.1 §6.5.5.7).
type permission uint64

const (
	permMakeCredential permission = 0x01
	permGetAssertion   permission = 0x02
	permManagement     permission = 0x04
	permBioEnrollment  permission = 0x08
	permLargeBlob      permission = 0x10
	permConfiguration  permission = 0x20
)

// begin puts t into use.
func (t *token) begin(now time.Time, permissions permission, rpID string) {
	*t = token{value: t.value, inUse: true, began: now, permissions: permissions, rpID: rpID, userVerified: true}
}

// stop takes t out of use.
func (t *token) stop() { *t = token{value: t.value} }

func (t *token) expire(now time.Time) {
	age := now.Sub(t.began)
	if t.inUse && (age > tokenMaximum || !t.used && age > tokenInitialUse) {
		t.stop()
	}
}

// verify reports whether tag authenticates message, and counts as a use.
func (t *token) verify(proto protocol, message, tag []byte) bool {
	good := proto.verify(t.value, message, tag)
	if !t.inUse || !good {
		return false
	}
	t.used = true
	return true
}

// allows reports whether t has the permission for the relying party, and binds it to
// that one if it is bound to none.
func (t *token) allows(p permission, rpID string) bool {
	if t.permissions&p == 0 || !t.userVerified || t.rpID != "" && t.rpID != rpID {
		return false
	}
	t.rpID = rpID
	return true
}

// spend leaves of t what one ceremony leaves: nothing but the right to write large
// blobs (CTAP 2.1 §6.1.2 step 14), and so one token serves one ceremony.
func (t *token) spend() {
	t.userVerified = false
	t.permissions &= permLargeBlob
}

// sameBytes compares secrets in constant time.
func sameBytes(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

package softkey

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// credential is a credential source (WebAuthn §4). Of one that is not discoverable
// only ID, Algorithm, Private and Protection are known.
type credential struct {
	ID          []byte      `json:"id"`
	RPID        string      `json:"rpId"`
	RPName      string      `json:"rpName,omitempty"`
	UserID      []byte      `json:"userId"`
	UserName    string      `json:"userName,omitempty"`
	DisplayName string      `json:"displayName,omitempty"`
	Algorithm   int64       `json:"alg"`
	Private     []byte      `json:"private"`
	Protection  credProtect `json:"credProtect"`
	Counter     uint32      `json:"counter"`

	discoverable bool // set by find and discoverable
}

func (c *credential) check() error {
	if len(c.ID) != storedIDBytes || c.RPID == "" || len(c.UserID) == 0 || !c.Protection.valid() {
		return errors.New("malformed")
	}
	_, err := c.keyPair()
	return err
}

func (c *credential) keyPair() (keyPair, error) { return parseKeyPair(c.Algorithm, c.Private) }

// A credential id is either a random name of a stored credential, or a wrapped one:
// its version, a nonce, and the sealed algorithm, protection level and private key.
// Their lengths tell them apart.
const (
	storedIDBytes  = 32
	wrappedVersion = 1
	wrappedLabel   = "bestow.dev/ctap/softkey credential 1"
	wrappedFields  = 2 // algorithm and protection, before the private key
	// maxIDBytes is the length of an id that holds an RSA key.
	maxIDBytes = 1 + chacha20poly1305.NonceSizeX + wrappedFields + rsaBits/8 + chacha20poly1305.Overhead
)

// newCredential makes a credential for what is asked.
func newCredential(pair keyPair, level credProtect) (*credential, error) {
	private, err := pair.private()
	if err != nil {
		return nil, err
	}
	return &credential{Algorithm: pair.alg, Private: private, Protection: level}, nil
}

// wrap gives c an id that holds it, sealed for the relying party.
func (s *state) wrap(c *credential, rpID string) error {
	aead, err := chacha20poly1305.NewX(s.WrapKey)
	if err != nil {
		return err
	}
	plain := append([]byte{byte(slices.Index(algorithms, c.Algorithm)), byte(c.Protection)}, c.Private...)
	nonce := random(aead.NonceSize())
	c.ID = aead.Seal(append([]byte{wrappedVersion}, nonce...), nonce, plain, wrapLabel(rpID))
	clear(plain)
	return nil
}

// wrapLabel binds an id to one relying party: for any other it is not ours.
func wrapLabel(rpID string) []byte {
	hash := sha256.Sum256([]byte(rpID))
	return append([]byte(wrappedLabel), hash[:]...)
}

// unwrap returns the credential that is held by id, or nil if that is not ours.
func (s *state) unwrap(id []byte, rpID string) *credential {
	aead, err := chacha20poly1305.NewX(s.WrapKey)
	if err != nil || len(id) < 1+aead.NonceSize() || id[0] != wrappedVersion {
		return nil
	}
	sealed := id[1:]
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], wrapLabel(rpID))
	if err != nil || len(plain) < wrappedFields || int(plain[0]) >= len(algorithms) {
		return nil
	}
	return &credential{
		ID:         id,
		RPID:       rpID,
		Algorithm:  algorithms[plain[0]],
		Protection: credProtect(plain[1]),
		Private:    plain[wrappedFields:],
	}
}

// find returns the credential with the given id for the relying party, or nil. The
// result is a copy.
func (s *state) find(id []byte, rpID string) *credential {
	for _, c := range s.Credentials {
		if c.RPID == rpID && bytes.Equal(c.ID, id) {
			c.discoverable = true
			return &c
		}
	}
	return s.unwrap(id, rpID)
}

// discoverable returns the credentials that are found by their relying party alone,
// the newest first.
func (s *state) discoverable(rpID string) []*credential {
	var found []*credential
	for _, c := range slices.Backward(s.Credentials) {
		if c.RPID == rpID {
			c.discoverable = true
			found = append(found, &c)
		}
	}
	return found
}

// store keeps c in place of the one for the same account (CTAP 2.1 §6.1.2 step 17).
// It reports false if there is no room.
func (s *state) store(c *credential, capacity int) bool {
	s.Credentials = slices.DeleteFunc(s.Credentials, func(old credential) bool {
		return old.RPID == c.RPID && bytes.Equal(old.UserID, c.UserID)
	})
	if len(s.Credentials) >= capacity {
		return false
	}
	s.Credentials = append(s.Credentials, *c)
	return true
}

// count advances the counter of c and returns its new value.
func (s *state) count(c *credential) uint32 {
	for i := range s.Credentials {
		if bytes.Equal(s.Credentials[i].ID, c.ID) {
			s.Credentials[i].Counter++
			return s.Credentials[i].Counter
		}
	}
	s.Counter++
	return s.Counter
}

// counter is the value that c's counter has now.
func (s *state) counter(c *credential) uint32 {
	for i := range s.Credentials {
		if bytes.Equal(s.Credentials[i].ID, c.ID) {
			return s.Credentials[i].Counter
		}
	}
	return s.Counter
}

// hmacSecret derives CredRandom of a credential, of which there are two (CTAP 2.1
// §12.5): one for answers with user verification, one for those without.
func (s *state) hmacSecret(credentialID []byte, verified bool) []byte {
	h := hmac.New(sha256.New, s.HMACKey)
	if verified {
		h.Write([]byte{1})
	} else {
		h.Write([]byte{0})
	}
	h.Write(credentialID)
	return h.Sum(nil)
}

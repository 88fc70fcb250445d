package softkey

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// state is what outlives the process. It is never changed in place: a command makes
// a copy, changes that, and puts it in force with [Key.commit].
type state struct {
	Attestation issuer `json:"attestation"`

	// WrapKey seals the credentials that are not discoverable into their ids, and
	// HMACKey is what the secrets of hmac-secret are derived from. A reset replaces
	// both, and so ends every credential.
	WrapKey []byte `json:"wrapKey"`
	HMACKey []byte `json:"hmacKey"`

	PIN            *pin `json:"pin,omitempty"`
	PINRetries     int  `json:"pinRetries"`
	ForcePINChange bool `json:"forcePINChange,omitempty"`

	// Counter is the signature counter of all credentials that are not discoverable.
	Counter uint32 `json:"counter"`
	// Credentials are the discoverable ones, the oldest first.
	Credentials []credential `json:"credentials,omitempty"`
}

// pin is what is kept of the PIN (CTAP 2.1 §6.5.5).
type pin struct {
	Hash       []byte `json:"hash"`       // LEFT(SHA-256(PIN), 16)
	CodePoints int    `json:"codePoints"` // its length
}

const (
	secretBytes   = 32
	maxPINRetries = 8
)

// newState makes a key as it leaves the factory.
func newState(attestation issuer) state {
	s := state{Attestation: attestation}
	s.erase()
	return s
}

// erase brings s back to the factory's settings. The attestation is the device's and
// stays. So does the counter, which nothing ever turns back.
func (s *state) erase() {
	*s = state{
		Attestation: s.Attestation,
		WrapKey:     random(secretBytes),
		HMACKey:     random(secretBytes),
		PINRetries:  maxPINRetries,
		Counter:     s.Counter,
	}
}

// copy returns a state that can be changed without changing s. Byte slices are
// shared: they are replaced, never written to.
func (s *state) copy() *state {
	c := *s
	c.Credentials = slices.Clone(s.Credentials)
	return &c
}

// check reports what is wrong with a state that was read.
func (s *state) check() error {
	switch {
	case len(s.WrapKey) != secretBytes || len(s.HMACKey) != secretBytes:
		return errors.New("secret of wrong length")
	case s.PINRetries < 0 || s.PINRetries > maxPINRetries:
		return errors.New("PIN retries out of range")
	case s.PIN != nil && (len(s.PIN.Hash) != pinHashBytes || s.PIN.CodePoints < 1):
		return errors.New("malformed PIN")
	}
	for i := range s.Credentials {
		if err := s.Credentials[i].check(); err != nil {
			return fmt.Errorf("credential %d: %w", i, err)
		}
	}
	return nil
}

// encode writes the state; decodeState reads it back.
func (s *state) encode() ([]byte, error) { return json.Marshal(s) }

func decodeState(data []byte) (*state, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	s := &state{}
	if err := dec.Decode(s); err != nil {
		return nil, err
	}
	if err := s.Attestation.load(); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// random returns n random bytes. crypto/rand.Read never fails.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

package softkey

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

func TestSealedState(t *testing.T) {
	b := newBench(t)
	b.setPIN(goodPIN)
	id := b.create(resident)
	b.create(nil)
	sealed, err := b.Seal()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{id, b.state.WrapKey, b.state.PIN.Hash, []byte("alice"), []byte(rpID)} {
		if bytes.Contains(sealed, secret) {
			t.Errorf("%x can be read", secret)
		}
	}
	again, err := b.Seal()
	if err != nil || bytes.Equal(sealed, again) {
		t.Errorf("sealed twice alike, %v", err)
	}

	opened, err := Open(sealed, []byte(passphrase), b.config())
	if err != nil {
		t.Fatal(err)
	}
	was, _ := b.state.encode()
	is, _ := opened.state.encode()
	if !bytes.Equal(was, is) {
		t.Errorf("opened state differs:\n%s\n%s", was, is)
	}
	if _, err := Open(again, []byte(passphrase), b.config()); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"", "correct hors", "correct horse "} {
		if key, err := Open(sealed, []byte(wrong), b.config()); !errors.Is(err, ErrPassphrase) || key != nil {
			t.Errorf("passphrase %q: %v", wrong, err)
		}
	}
}

// Each byte counts. A change of what the key is derived from looks like a wrong
// passphrase, unless the cost becomes absurd; any other like damage.
func TestSealedStateIsTamperProof(t *testing.T) {
	b := newBench(t)
	sealed, err := b.Seal()
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		if i > headerBytes+24+64 && i < len(sealed)-32 {
			continue // the ciphertext is all alike
		}
		spoilt := bytes.Clone(sealed)
		spoilt[i] ^= 0x80
		key, err := Open(spoilt, []byte(passphrase), b.config())
		derived := i >= len(magic) && i < headerBytes
		if key != nil || !errors.Is(err, ErrSealed) && !(derived && errors.Is(err, ErrPassphrase)) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	for _, n := range []int{0, 1, headerBytes, headerBytes + 24, len(sealed) - 1} {
		if _, err := Open(sealed[:n], []byte(passphrase), b.config()); !errors.Is(err, ErrSealed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := Open(append(bytes.Clone(sealed), 0), []byte(passphrase), b.config()); !errors.Is(err, ErrSealed) {
		t.Errorf("a byte more: %v", err)
	}
}

// A header cannot make Open work for long.
func TestSealedCostIsBounded(t *testing.T) {
	b := newBench(t)
	sealed, err := b.Seal()
	if err != nil {
		t.Fatal(err)
	}
	costs := []Cost{
		{Passes: 1 << 31, MemoryKiB: 64, Lanes: 1},
		{Passes: 1, MemoryKiB: 1 << 31, Lanes: 1},
		{Passes: 1, MemoryKiB: 4096, Lanes: 255},
		{Passes: 0, MemoryKiB: 64, Lanes: 1},
		{Passes: 1, MemoryKiB: 64, Lanes: 0},
	}
	for _, c := range costs {
		spoilt := bytes.Clone(sealed)
		binary.BigEndian.PutUint32(spoilt[8:], c.Passes)
		binary.BigEndian.PutUint32(spoilt[12:], c.MemoryKiB)
		spoilt[16] = c.Lanes
		if _, err := Open(spoilt, []byte(passphrase), b.config()); !errors.Is(err, ErrSealed) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// The default cost is that of RFC 9106, section 4, second choice.
func TestDefaultCost(t *testing.T) {
	if got, want := (Cost{}).orDefault(), (Cost{Passes: 3, MemoryKiB: 65536, Lanes: 4}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, good := range []Cost{(Cost{}).orDefault(), {1, 8, 1}, {maxPasses, maxMemoryKiB, maxLanes}} {
		if err := good.check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}

// Ids that are out there name their algorithm by its place in the list.
func TestPlacesOfAlgorithmsStay(t *testing.T) {
	released := []int64{-7, -8, -35, -257, -47, -53, -48, -49, -50}
	if len(algorithms) < len(released) || !slices.Equal(algorithms[:len(released)], released) {
		t.Errorf("algorithms are %d, want %d and new ones behind", algorithms, released)
	}
}

func TestStateIsChecked(t *testing.T) {
	good := newBench(t)
	good.setPIN(goodPIN)
	good.create(resident)
	tests := map[string]func(*state){
		"wrap key":         func(s *state) { s.WrapKey = s.WrapKey[1:] },
		"hmac key":         func(s *state) { s.HMACKey = nil },
		"retries too high": func(s *state) { s.PINRetries = 9 },
		"retries below 0":  func(s *state) { s.PINRetries = -1 },
		"PIN hash":         func(s *state) { s.PIN = &pin{Hash: []byte("x"), CodePoints: 4} },
		"credential id":    func(s *state) { s.Credentials[0].ID = []byte("x") },
		"credential key":   func(s *state) { s.Credentials[0].Private = make([]byte, 32) },
		"credential level": func(s *state) { s.Credentials[0].Protection = 0 },
		"seed of wrong length": func(s *state) {
			s.Credentials[0].Algorithm, s.Credentials[0].Private = EdDSA, make([]byte, 31)
		},
		"primes of wrong length": func(s *state) { s.Credentials[0].Algorithm, s.Credentials[0].Private = RS256, make([]byte, 255) },
		"primes that are none":   func(s *state) { s.Credentials[0].Algorithm, s.Credentials[0].Private = RS256, make([]byte, 256) },
		"scalar of zero":         func(s *state) { s.Credentials[0].Algorithm, s.Credentials[0].Private = ES256K, make([]byte, 32) },
		"scalar above the order": func(s *state) {
			s.Credentials[0].Algorithm, s.Credentials[0].Private = ES256K, bytes.Repeat([]byte{0xff}, 32)
		},
		"scalar of wrong length": func(s *state) { s.Credentials[0].Algorithm, s.Credentials[0].Private = ES256K, []byte{1} },
		"Ed448 seed":             func(s *state) { s.Credentials[0].Algorithm, s.Credentials[0].Private = Ed448, make([]byte, 32) },
		"ML-DSA seed":            func(s *state) { s.Credentials[0].Algorithm, s.Credentials[0].Private = MLDSA65, make([]byte, 57) },
		"attestation key":        func(s *state) { s.Attestation.BatchKey = nil },
		"attestation root":       func(s *state) { s.Attestation.RootCert = []byte{1} },
		"unknown algorithm":      func(s *state) { s.Credentials[0].Algorithm = -999 },
	}
	for name, spoil := range tests {
		s := good.state.copy()
		spoil(s)
		encoded, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeState(encoded); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, bad := range []string{"", "{}", "[]", `{"unknown":1}`} {
		if _, err := decodeState([]byte(bad)); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}

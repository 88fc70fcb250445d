package ctap

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// vectors returns the directory of the test vectors, beside the project or where
// BESTOW_VECTORS says.
func vectors(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("BESTOW_VECTORS")
	for at := "."; dir == ""; at = filepath.Join(at, "..") {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			dir = filepath.Join(at, "..", "shared", "vectors")
		}
		if len(at) > 64 {
			break
		}
	}
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("test vectors: %v", err)
		}
		t.Skipf("test vectors: %v", err)
	}
	return dir
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// The arithmetic of both protocols against the values that WebAuthn prints for the
// extension prf.
func TestProtocolVectors(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(vectors(t), "webauthn-l3", "prf.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Shared struct {
			Private hexBytes `json:"platform_key_agreement_private_key"`
			X       hexBytes `json:"authenticator_key_agreement_public_key_x"`
			Y       hexBytes `json:"authenticator_key_agreement_public_key_y"`
		} `json:"shared"`
		Examples []struct {
			Name     string              `json:"name"`
			Protocol PINProtocol         `json:"pinProtocol"`
			Values   map[string]hexBytes `json:"values"`
		} `json:"examples"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	private, err := ecdh.P256().NewPrivateKey(file.Shared.Private)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := ecdh.P256().NewPublicKey(slices.Concat([]byte{4}, file.Shared.X, file.Shared.Y))
	if err != nil {
		t.Fatal(err)
	}
	for _, example := range file.Examples {
		s, err := example.Protocol.agree(private, peer)
		if err != nil {
			t.Fatal(err)
		}
		shared := s.macKey
		if example.Protocol == PINProtocolTwo {
			shared = slices.Concat(s.macKey, s.aesKey)
		}
		if !bytes.Equal(shared, example.Values["shared_secret"]) {
			t.Errorf("%s, protocol %d: shared secret %x", example.Name, example.Protocol, shared)
		}
		want := slices.Concat(example.Values["salt1"], example.Values["salt2"])
		enc := example.Values["salt_enc"]
		if salts, err := s.decrypt(enc); err != nil || !bytes.Equal(salts, want) {
			t.Errorf("%s, protocol %d: salts %x, %v", example.Name, example.Protocol, salts, err)
		}
		iv := make([]byte, 16)
		if example.Protocol == PINProtocolTwo {
			iv = bytes.Clone(enc[:16])
		}
		if got, err := s.encryptIV(iv, want); err != nil || !bytes.Equal(got, enc) {
			t.Errorf("%s, protocol %d: encrypted %x, %v", example.Name, example.Protocol, got, err)
		}
	}
	if len(file.Examples) == 0 {
		t.Error("no examples")
	}
}

func TestSecretRefuses(t *testing.T) {
	for _, p := range []PINProtocol{PINProtocolOne, PINProtocolTwo} {
		s := &secret{protocol: p, macKey: make([]byte, 32), aesKey: make([]byte, 32)}
		for _, data := range [][]byte{nil, make([]byte, 1), make([]byte, 15), make([]byte, 33)} {
			if plain, err := s.decrypt(data); err == nil {
				t.Errorf("protocol %d: %d bytes decrypt to %x", p, len(data), plain)
			}
		}
		if _, err := s.encrypt(make([]byte, 17)); err == nil {
			t.Errorf("protocol %d: encrypts 17 bytes", p)
		}
		if got, want := len(p.Authenticate(make([]byte, 32), nil)), int(16*p); got != want {
			t.Errorf("protocol %d: tag of %d bytes, want %d", p, got, want)
		}
	}
}

func TestPINs(t *testing.T) {
	tests := []struct {
		name string
		pin  string
		min  int
		good bool
	}{
		{"four digits", "1234", 4, true},
		{"three digits", "123", 4, false},
		{"three digits, minimum not given", "123", 0, false},
		{"empty", "", 4, false},
		{"four umlauts", "äöüß", 4, true},
		{"combining marks make no code points", "a\u0308o\u0308u\u0308", 4, false},
		{"combining marks: four", "a\u0308o\u0308u\u0308s", 4, true},
		{"six wanted", "12345", 6, false},
		{"63 bytes", strings.Repeat("x", 63), 4, true},
		{"64 bytes", strings.Repeat("x", 64), 4, false},
		{"63 bytes in normal form", strings.Repeat("a\u0308", 31) + "x", 4, true},
		{"64 bytes in normal form", strings.Repeat("a\u0308", 32), 4, false},
		{"very long", strings.Repeat("x", 10000), 4, false},
		{"no UTF-8", "123\xff", 4, false},
		{"zero byte at the end", "1234\x00", 4, false},
		{"zero byte inside", "12\x0034", 4, true},
	}
	for _, test := range tests {
		pin := []byte(test.pin)
		err := CheckPIN(pin, test.min)
		if (err == nil) != test.good || err != nil && !errors.Is(err, ErrPINLength) {
			t.Errorf("%s: %v, want good: %v", test.name, err, test.good)
		}
		if string(pin) != test.pin {
			t.Errorf("%s: the PIN was changed", test.name)
		}
	}
	composed, err := normalPIN([]byte("a\u0308bcd"), 4)
	if err != nil || string(composed) != "äbcd" {
		t.Errorf("normal form %q, %v", composed, err)
	}
	pad := paddedPIN([]byte("1234"))
	if len(pad) != 64 || string(pad[:5]) != "1234\x00" {
		t.Errorf("padded %q", pad)
	}
}

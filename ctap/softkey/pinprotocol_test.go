package softkey

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
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
			Private    hexBytes `json:"platform_key_agreement_private_key"`
			CredRandom hexBytes `json:"authenticator_cred_random"`
			X          hexBytes `json:"authenticator_key_agreement_public_key_x"`
			Y          hexBytes `json:"authenticator_key_agreement_public_key_y"`
		} `json:"shared"`
		Examples []struct {
			Name     string              `json:"name"`
			Protocol protocol            `json:"pinProtocol"`
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
	peer := cborMap(at(1, cborInt(2)), at(3, cborInt(-25)), at(-1, cborInt(1)),
		at(-2, cborBytes(file.Shared.X)), at(-3, cborBytes(file.Shared.Y)))
	for _, example := range file.Examples {
		p, err := readParams(peer)
		if err != nil {
			t.Fatal(err)
		}
		shared, ok := example.Protocol.decapsulate(private, p)
		if !ok {
			t.Fatal("key agreement failed")
		}
		secret := shared.macKey
		if example.Protocol == protocolTwo {
			secret = slices.Concat(shared.macKey, shared.aesKey)
		}
		if !bytes.Equal(secret, example.Values["shared_secret"]) {
			t.Errorf("%s, protocol %d: shared secret %x", example.Name, example.Protocol, secret)
		}
		salts, ok := shared.decrypt(example.Values["salt_enc"])
		if want := slices.Concat(example.Values["salt1"], example.Values["salt2"]); !ok || !bytes.Equal(salts, want) {
			t.Errorf("%s, protocol %d: salts %x, want %x", example.Name, example.Protocol, salts, want)
		}
		var outputs []byte
		for salt := range slices.Chunk(salts, 32) {
			mac := hmac.New(sha256.New, file.Shared.CredRandom)
			mac.Write(salt)
			outputs = mac.Sum(outputs)
		}
		if want := slices.Concat(example.Values["output1"], example.Values["output2"]); !bytes.Equal(outputs, want) {
			t.Errorf("%s, protocol %d: outputs %x, want %x", example.Name, example.Protocol, outputs, want)
		}
		// What the key sends decrypts to the same, with an IV of its own.
		h := hmacInput{given: true, shared: shared, salts: salts}
		sent, err := decode(h.output(file.Shared.CredRandom))
		if err != nil {
			t.Fatal(err)
		}
		plain, ok := shared.decrypt(sent.pairs[0].value.data)
		if !ok || !bytes.Equal(plain, outputs) {
			t.Errorf("%s, protocol %d: sent %x", example.Name, example.Protocol, plain)
		}
		if got, ok := shared.decrypt(example.Values["output_enc"]); !ok || !bytes.Equal(got, outputs) {
			t.Errorf("%s, protocol %d: the printed ciphertext is of %x", example.Name, example.Protocol, got)
		}
	}
	if len(file.Examples) == 0 {
		t.Error("no examples")
	}
}

func TestMACLengths(t *testing.T) {
	key, message := make([]byte, 32), []byte("message")
	one, two := protocolOne.mac(key, message), protocolTwo.mac(key, message)
	if len(one) != 16 || len(two) != 32 || !bytes.Equal(one, two[:16]) {
		t.Errorf("%x, %x", one, two)
	}
	for _, tag := range [][]byte{nil, {}, one[:15], two, append(bytes.Clone(one), 0)} {
		if protocolOne.verify(key, message, tag) {
			t.Errorf("protocol one takes a tag of %d bytes", len(tag))
		}
	}
	if protocolTwo.verify(key, message, one) {
		t.Error("protocol two takes half a tag")
	}
}

func TestEncryption(t *testing.T) {
	for _, proto := range protocols {
		shared := proto.derive(random(32))
		plain := random(64)
		a, b := shared.encrypt(plain), shared.encrypt(plain)
		if bytes.Equal(a, b) != (proto == protocolOne) {
			t.Errorf("protocol %d: two ciphertexts alike: %v", proto, bytes.Equal(a, b))
		}
		got, ok := shared.decrypt(a)
		if !ok || !bytes.Equal(got, plain) {
			t.Errorf("protocol %d: %x", proto, got)
		}
		if _, ok := shared.decrypt(a[:len(a)-1]); ok {
			t.Errorf("protocol %d: decrypts half a block", proto)
		}
	}
	if _, ok := protocolTwo.derive(random(32)).decrypt(make([]byte, 15)); ok {
		t.Error("decrypts without an initialisation vector")
	}
}

package cose_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"bestow.dev/cose"
)

// b64 is bytes that a test file holds as base64url.
type b64 []byte

func (b *b64) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.DecodeString(string(text))
	return err
}

// answer is a key and a signature over the file's message, made by another
// implementation.
type answer struct {
	Name      string
	Alg       cose.Algorithm
	Key       b64
	SPKI      b64
	Signature b64
}

type knownAnswers struct {
	Message  string
	SaltOf20 b64 // of PS256, with a salt that is too short
	Answers  []answer
}

func known(t testing.TB) knownAnswers {
	t.Helper()
	data, err := os.ReadFile("testdata/known_answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var k knownAnswers
	if err := json.Unmarshal(data, &k); err != nil {
		t.Fatal(err)
	}
	return k
}

// knownKey returns the known answer for alg.
func knownKey(t testing.TB, alg cose.Algorithm) answer {
	t.Helper()
	for _, a := range known(t).Answers {
		if a.Alg == alg {
			return a
		}
	}
	t.Fatalf("no known answer for %v", alg)
	return answer{}
}

func parse(t testing.TB, b []byte) *cose.Key {
	t.Helper()
	key, err := cose.ParseKey(b)
	if err != nil {
		t.Fatalf("ParseKey(%x): %v", b, err)
	}
	return key
}

func TestKnownAnswers(t *testing.T) {
	file := known(t)
	message := []byte(file.Message)
	seen := make(map[cose.Algorithm]bool)
	for _, a := range file.Answers {
		t.Run(a.Name, func(t *testing.T) {
			seen[a.Alg] = true
			key := parse(t, a.Key)
			if key.Algorithm() != a.Alg || a.Alg.String() != a.Name || !a.Alg.Supported() {
				t.Errorf("algorithm %v (%d), want %s", key.Algorithm(), key.Algorithm(), a.Name)
			}
			if !bytes.Equal(key.Bytes(), a.Key) {
				t.Errorf("Bytes() = %x, want %x", key.Bytes(), a.Key)
			}
			if der, err := key.SPKI(); err != nil || !bytes.Equal(der, a.SPKI) {
				t.Errorf("SPKI() = %x, %v, want %x", der, err, a.SPKI)
			}
			again, err := cose.NewKey(a.Alg, key.Public())
			if err != nil || !bytes.Equal(again.Bytes(), a.Key) || !again.Equal(key.Public()) {
				t.Errorf("NewKey = %v, %v, want %x", again, err, a.Key)
			}
			verifies(t, key, message, a.Signature)
		})
	}
	for _, alg := range everySupported {
		if !seen[alg] {
			t.Errorf("no known answer for %v", alg)
		}
	}
}

// verifies tries a good signature, and then what is not one any more.
func verifies(t *testing.T, key *cose.Key, message, signature []byte) {
	t.Helper()
	if err := key.Verify(message, signature); err != nil {
		t.Fatalf("the good signature: %v", err)
	}
	if err := cose.VerifySignature(key.Algorithm(), key.Public(), message, signature); err != nil {
		t.Errorf("the good signature, under the bare key: %v", err)
	}
	flipped := bytes.Clone(signature)
	flipped[len(flipped)/2] ^= 1
	bad := map[string][2][]byte{
		"another message":   {append(bytes.Clone(message), '.'), signature},
		"no message":        {nil, signature},
		"a bit flipped":     {message, flipped},
		"a byte more":       {message, append(bytes.Clone(signature), 0)},
		"a byte before":     {message, append([]byte{0}, signature...)},
		"a byte less":       {message, signature[:len(signature)-1]},
		"no first byte":     {message, signature[1:]},
		"nothing":           {message, nil},
		"zeros":             {message, make([]byte, len(signature))},
		"twice":             {message, append(bytes.Clone(signature), signature...)},
		"the message":       {message, message},
		"a very long thing": {message, make([]byte, 1<<16)},
	}
	for name, b := range bad {
		if err := key.Verify(b[0], b[1]); !errors.Is(err, cose.ErrSignature) {
			t.Errorf("%s: Verify = %v, want ErrSignature", name, err)
		}
		if err := cose.VerifySignature(key.Algorithm(), key.Public(), b[0], b[1]); !errors.Is(err, cose.ErrSignature) {
			t.Errorf("%s: VerifySignature = %v, want ErrSignature", name, err)
		}
	}
}

// The salt is as long as the hash, no other length.
func TestPSSSaltLength(t *testing.T) {
	file := known(t)
	key := parse(t, knownKey(t, cose.PS256).Key)
	if err := key.Verify([]byte(file.Message), file.SaltOf20); !errors.Is(err, cose.ErrSignature) {
		t.Errorf("a salt of 20 bytes: %v, want ErrSignature", err)
	}
}

// A signature holds for the algorithm it was made with and for its twin, and for no
// other.
func TestAlgorithmsDoNotMix(t *testing.T) {
	file := known(t)
	for _, of := range file.Answers {
		for _, with := range file.Answers {
			key := parse(t, with.Key)
			err := key.Verify([]byte(file.Message), of.Signature)
			if same := of.Alg.Canonical() == with.Alg.Canonical(); (err == nil) != same {
				t.Errorf("signature of %v under a key for %v: %v", of.Alg, with.Alg, err)
			}
		}
	}
}

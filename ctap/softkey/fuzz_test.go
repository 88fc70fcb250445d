package softkey

import (
	"bytes"
	"testing"

	"bestow.dev/ctap"
)

// Whatever is asked, there is an answer, it is canonical CBOR, and a key that nobody
// touches gives nothing away and loses nothing.
func FuzzExchange(f *testing.F) {
	f.Add(goodCreation().encode(ctap.CommandMakeCredential))
	f.Add(goodAssertion().encode(ctap.CommandGetAssertion))
	full := goodCreation()
	full[5] = cborArray(descriptorOf([]byte("id")))
	full[6] = cborMap(named("credProtect", cborInt(3)), named("hmac-secret", cborBool(true)))
	full[7] = cborMap(named("rk", cborBool(true)))
	full[8], full[9] = cborBytes(make([]byte, 32)), cborInt(2)
	f.Add(full.encode(ctap.CommandMakeCredential))
	b := newBench(f)
	f.Add(b.setRequest(2, padded(goodPIN)).encode(ctap.CommandClientPIN))
	f.Add(b.changeRequest(1, goodPIN, padded("5678")).encode(ctap.CommandClientPIN))
	f.Add(b.tokenRequest(2, goodPIN).encode(ctap.CommandClientPIN))
	for _, cmd := range []byte{0x04, 0x07, 0x08, 0x0B} {
		f.Add([]byte{cmd})
	}
	f.Add(request{1: cborInt(3)}.encode(ctap.CommandCredentialManagement))

	f.Fuzz(func(t *testing.T, raw []byte) {
		b := newBench(t, func(c *Config) { c.Passphrase, c.Save = nil, nil; c.Algorithms = []int64{ES256, EdDSA} })
		before := bytes.Clone(raw)
		status, body := b.send(raw)
		if !bytes.Equal(before, raw) {
			t.Error("the request was changed")
		}
		if status != ctap.StatusOK && len(body) > 0 {
			t.Errorf("%s with a body", status)
		}
		if len(body) > 0 {
			if _, err := readParams(body); err != nil {
				t.Errorf("answer %x: %v", body, err)
			}
		}
	})
}

// What is read and written again is the same.
func FuzzDecode(f *testing.F) {
	f.Add(goodCreation().encode(0)[1:])
	f.Add([]byte{0xA2, 0x01, 0x02, 0x20, 0x83, 0xF4, 0xF5, 0xF6})
	f.Fuzz(func(t *testing.T, data []byte) {
		it, err := decode(data)
		if err != nil {
			return
		}
		if got := encodeItem(it); !bytes.Equal(got, data) {
			t.Errorf("%x became %x", data, got)
		}
	})
}

// encodeItem writes an item with the encoders.
func encodeItem(it item) []byte {
	switch it.major {
	case majorBytes:
		return cborBytes(it.data)
	case majorText:
		return cborText(string(it.data))
	case majorArray:
		var list [][]byte
		for _, element := range it.list {
			list = append(list, encodeItem(element))
		}
		return cborArray(list...)
	case majorMap:
		var members []member
		for _, p := range it.pairs {
			members = append(members, member{encodeItem(p.key), encodeItem(p.value)})
		}
		return cborMap(members...)
	}
	return head(it.major, it.n)
}

// Bytes behind a good header: they open, or they are refused.
func FuzzOpen(f *testing.F) {
	b := newBench(f)
	b.setPIN(goodPIN)
	b.create(resident)
	sealed, err := b.Seal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed[headerBytes:])
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := append(bytes.Clone(sealed[:headerBytes]), body...)
		key, err := Open(raw, []byte(passphrase), b.config())
		if (key == nil) == (err == nil) {
			t.Errorf("key %v, error %v", key, err)
		}
		if err == nil && !bytes.Equal(raw, sealed) {
			t.Error("opened what was never sealed")
		}
	})
}

// The state behind the seal: it is good, or it is refused.
func FuzzState(f *testing.F) {
	b := newBench(f)
	b.setPIN(goodPIN)
	b.create(resident)
	encoded, err := b.state.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeState(data)
		if (s == nil) == (err == nil) {
			t.Fatalf("state %v, error %v", s, err)
		}
		if s == nil {
			return
		}
		for i := range s.Credentials {
			if _, err := s.Credentials[i].keyPair(); err != nil {
				t.Error(err)
			}
		}
	})
}

// The header is read without deriving anything.
func FuzzHeader(f *testing.F) {
	b := newBench(f)
	sealed, err := b.Seal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed[:200])
	f.Fuzz(func(t *testing.T, data []byte) {
		cost, err := readHeader(data)
		if err == nil && cost.check() != nil {
			t.Errorf("%+v", cost)
		}
	})
}

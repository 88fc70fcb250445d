package metadata_test

import (
	"errors"
	"testing"

	"bestow.dev/metadata"
)

// holds checks what every accepted BLOB promises.
func holds(t *testing.T, b *metadata.BLOB) {
	t.Helper()
	if len(b.Signer) == 0 || b.LegalHeader == "" {
		t.Fatal("a BLOB without signer or legal header")
	}
	for _, e := range b.Entries {
		found := b.ByAAGUID(e.AAGUID) == e || b.ByAAID(e.AAID) == e
		for _, key := range e.KeyIdentifiers {
			found = found || b.ByKeyIdentifier(key) == e
		}
		if !found {
			t.Fatalf("no key leads to %s", e.Raw)
		}
		s := e.StatusAt(now)
		if s.Sound() != (len(s.Defects) == 0) {
			t.Fatalf("standing of %s: %+v", e.Raw, s)
		}
		for _, c := range e.TrustAnchors() {
			if c == nil {
				t.Fatal("an anchor that is nil")
			}
		}
	}
	for _, f := range b.Findings {
		if f.Code == "" || f.Entry < -1 {
			t.Fatalf("finding %+v", f)
		}
	}
	if next := b.NextFetch(now); !next.After(now) {
		t.Fatalf("next fetch at %s", next)
	}
}

// FuzzBLOB judges any text as a BLOB, and then as the payload of one that is signed
// well, so that the readers behind the signature are reached.
func FuzzBLOB(f *testing.F) {
	good := newDraft()
	f.Add(good.text())
	f.Add(asJSON(good.payload))
	for i := range 3 {
		d := newDraft()
		d.payload["entries"] = []any{d.entry(i)}
		f.Add(asJSON(d.payload))
	}
	f.Add([]byte(`{"legalHeader":"x","no":1,"entries":[]}`))
	f.Add([]byte(`{"legalHeader":"x","no":1,"nextUpdate":"2026-06-01","entries":[null,1,{"aaid":"0000#0000","statusReports":[null,{"status":"REVOKED","certificate":"AAAA"}]}]}`))
	f.Add([]byte(`{"legalHeader":"x","no":1,"entries":[{"aaguid":"01234567-89ab-cdef-0123-456789abcdef","metadataStatement":{"schema":3}}]}`))
	f.Add([]byte("e30.e30."))
	f.Add([]byte(".."))
	f.Fuzz(func(t *testing.T, data []byte) {
		judge := func(data []byte) {
			b, err := metadata.VerifyBLOB(data, good.options)
			if (b == nil) == (err == nil) {
				t.Fatalf("BLOB %v, error %v", b, err)
			}
			if err != nil {
				if e, ok := errors.AsType[*metadata.VerificationError](err); !ok || e.Reason == "" || e.Reason == metadata.ReasonInternal {
					t.Fatalf("error %#v", err)
				}
				return
			}
			holds(t, b)
		}
		judge(data)
		d := newDraft()
		d.rawPayload = data
		if data == nil {
			d.rawPayload = []byte{}
		}
		judge(d.text())
		if s, _, err := metadata.ParseStatement(data); (s == nil) == (err == nil) {
			t.Fatalf("statement %v, error %v", s, err)
		}
	})
}

// FuzzHeader judges any text as the header of a BLOB whose signature fits it.
func FuzzHeader(f *testing.F) {
	good := newDraft()
	f.Add(asJSON(good.header))
	f.Add([]byte(`{"alg":"ES256"}`))
	f.Add([]byte(`{"alg":"ES256","x5u":"https://mds.example/","crit":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newDraft()
		d.rawHeader = append([]byte{}, data...)
		b, err := d.verify()
		if (b == nil) == (err == nil) {
			t.Fatalf("BLOB %v, error %v", b, err)
		}
		if err == nil {
			holds(t, b)
		}
	})
}

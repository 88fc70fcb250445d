package metadata_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// largeDraft is a BLOB of some two megabytes: 250 models, with icons as the public
// service has them.
func largeDraft() *draft {
	d := newDraft()
	var entries []any
	for i := range 250 {
		e := fido2Entry()
		id := fmt.Sprintf("%08x-89ab-cdef-0123-456789abcdef", i+1)
		s := e["metadataStatement"].(members)
		e["aaguid"], s["aaguid"] = id, id
		s["authenticatorGetInfo"].(members)["aaguid"] = strings.ReplaceAll(id, "-", "")
		s["icon"] = "data:image/png;base64," + strings.Repeat("iVBORw0KGgo", 380)
		s["attestationRootCertificates"] = []string{text(d.service.root.cert), text(d.service.ca.cert)}
		entries = append(entries, e)
	}
	d.payload["entries"] = entries
	return d
}

// BenchmarkVerifyBLOB verifies and reads a BLOB. "json" is what it costs to decode its
// base64 and JSON into maps, without a check.
func BenchmarkVerifyBLOB(b *testing.B) {
	d := largeDraft()
	jws := d.text()
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(int64(len(jws)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := metadata.VerifyBLOB(jws, d.options); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(jws))/1e6, "MB")
	})
	b.Run("json", func(b *testing.B) {
		b.SetBytes(int64(len(jws)))
		b.ReportAllocs()
		for b.Loop() {
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(string(jws), ".")[1])
			if err != nil {
				b.Fatal(err)
			}
			var v any
			if err := json.Unmarshal(payload, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkLookUp(b *testing.B) {
	d := largeDraft()
	d.payload["entries"] = append(d.payload["entries"].([]any), u2fEntry(), uafEntry())
	blob, err := d.verify()
	if err != nil || len(blob.Entries) != 252 {
		b.Fatal(blob, err)
	}
	run := func(name string, lookUp func() *metadata.Entry) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if lookUp() == nil {
					b.Fatal("not found")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e3, "µs/look-up")
		})
	}
	model, _ := webauthn.ParseAAGUID("000000c8-89ab-cdef-0123-456789abcdef")
	key := blob.Entries[250].KeyIdentifiers[0]
	bare := map[webauthn.AAGUID]*metadata.Entry{}
	for _, e := range blob.Entries {
		bare[e.AAGUID] = e
	}
	run("map", func() *metadata.Entry { return bare[model] })
	run("AAGUID", func() *metadata.Entry { return blob.ByAAGUID(model) })
	run("AAID", func() *metadata.Entry { return blob.ByAAID(uafModel) })
	run("key identifier", func() *metadata.Entry { return blob.ByKeyIdentifier(key) })
	run("standing", func() *metadata.Entry {
		if e := blob.ByAAGUID(model); e.StatusAt(now).Sound() {
			return e
		}
		return nil
	})
}

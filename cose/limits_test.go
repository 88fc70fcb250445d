package cose_test

import (
	"bytes"
	"slices"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/test/hostile"
)

// Whatever is handed in as a key, reading it costs no more memory than [hostile.Limit]
// says. Verifying by it costs what its algorithm does, whatever the key: half a megabyte at
// most, for RSA with a modulus of 8192 bits and an exponent of 31.
func TestLimits(t *testing.T) {
	const length, verifying = 60 << 10, 512 << 10
	var keys []hostile.Input
	for _, a := range known(t).Answers {
		alg := parse(t, a.Key).Algorithm()
		keys = append(keys, hostile.Input{Name: a.Name, Data: a.Key})
		for label := range good(t, alg) {
			spoilt := good(t, alg)
			spoilt[label] = bytes.Repeat([]byte{0xff}, length)
			keys = append(keys, hostile.Input{Name: a.Name + ", a long member", Data: spoilt.encode(t)})
		}
	}
	large := good(t, cose.RS256)
	large[one], large[two] = bytes.Repeat([]byte{0xff}, 1024), []byte{0x7f, 0xff, 0xff, 0xff}
	keys = append(keys, hostile.Input{Name: "8192 bits and the largest exponent", Data: large.encode(t)})
	hostile.Check(t, slices.Concat(hostile.CBOR(length, nil), keys), func(data []byte) { cose.ParseKey(data) })

	for _, in := range keys {
		key, err := cose.ParseKey(in.Data)
		if err != nil {
			continue
		}
		signature := make([]byte, 1024) // as long as the longest that RSA takes
		if bytes, _ := hostile.Cost(func() { key.Verify([]byte("message"), signature) }); bytes > verifying {
			t.Errorf("%s: verifying costs %d bytes, more than %d", in.Name, bytes, verifying)
		}
	}
}

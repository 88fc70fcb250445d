package softkey

import (
	"testing"

	"bestow.dev/ctap"
)

// An assertion counts, seals the state and signs.
func BenchmarkAssertion(b *testing.B) {
	k := newBench(b)
	id := k.create(nil)
	r := goodAssertion()
	r[3] = cborArray(descriptorOf(id))
	raw := r.encode(ctap.CommandGetAssertion)
	for b.Loop() {
		if status, _ := k.send(raw); status != ctap.StatusOK {
			b.Fatal(status)
		}
	}
}

func BenchmarkMakeCredential(b *testing.B) {
	k := newBench(b)
	raw := goodCreation().encode(ctap.CommandMakeCredential)
	for b.Loop() {
		if status, _ := k.send(raw); status != ctap.StatusOK {
			b.Fatal(status)
		}
	}
}

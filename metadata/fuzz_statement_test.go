package metadata_test

import (
	"errors"
	"testing"

	"bestow.dev/metadata"
)

// FuzzStatement reads any text as a statement on its own, and makes an entry of what is
// one: it has to be read as such again.
func FuzzStatement(f *testing.F) {
	good := newDraft()
	for i := range 3 {
		f.Add(asJSON(good.statement(i)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, findings, err := metadata.ParseStatement(data)
		if err != nil {
			if _, ok := errors.AsType[*metadata.VerificationError](err); !ok || s != nil || findings != nil {
				t.Fatalf("got %+v, %v with error %v", s, findings, err)
			}
			return
		}
		e, _, err := metadata.EntryOfStatement(data, now)
		if err != nil {
			if e != nil {
				t.Fatalf("error %v came with %+v", err, e)
			}
			return // a statement that names no model
		}
		if again, _, err := metadata.ParseEntry(e.Raw); err != nil || again.Name() != e.Name() {
			t.Fatalf("%s is read as %v, %v", e.Raw, again, err)
		}
	})
}

package verify_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"
	"time"

	"bestow.dev/internal/verify"
)

// TestManual judges the case that docs/verify.md shows, and compares with the verdicts
// shown, byte for byte but for white space.
func TestManual(t *testing.T) {
	page, err := os.ReadFile("../../docs/verify.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks of JSON, want a case and two verdicts", len(blocks))
	}
	text, accepted, refused := blocks[0][1], blocks[1][1], blocks[2][1]

	v := verify.Judge{}.Case(text)
	v.Took(312 * time.Microsecond)
	compare(t, v, accepted)

	other := bytes.Replace(text, []byte(`"id": "login.example.com",`), []byte(`"id": "example.com",`), 1)
	v = verify.Judge{}.Case(other)
	v.Took(312 * time.Microsecond)
	compare(t, v, refused)
}

func compare(t *testing.T, v verify.Verdict, shown []byte) {
	t.Helper()
	var want bytes.Buffer
	if err := json.Compact(&want, shown); err != nil {
		t.Fatal(err)
	}
	want.WriteByte('\n')
	if got := v.Line(); !bytes.Equal(got, want.Bytes()) {
		t.Errorf("verdict\n%s\nthe page shows\n%s", got, want.Bytes())
	}
}

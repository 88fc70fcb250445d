package policy_test

import (
	"strings"
	"testing"

	"bestow.dev/internal/policy"
)

// What a policy was made from is kept, and makes no difference.
func TestSource(t *testing.T) {
	const rules = `"rules":{"userVerification":"required"}`
	with, err := policy.Parse([]byte(`{"name":"a","source":{"format":"x","document":{"b":[{"c":["d"]}]}},` + rules + `}`))
	if err != nil {
		t.Fatal(err)
	}
	without, err := policy.Parse([]byte(`{"name":"a",` + rules + `}`))
	if err != nil {
		t.Fatal(err)
	}
	if with.Digest() != without.Digest() || !strings.Contains(string(with.Source), `"format":"x"`) {
		t.Errorf("source %s", with.Source)
	}
	for _, bad := range []string{`"x"`, `[]`, `null`, `{"a":null}`} {
		if _, err := policy.Parse([]byte(`{"name":"a","source":` + bad + `,` + rules + `}`)); err == nil {
			t.Errorf("%s is taken for a source", bad)
		}
	}
}

// An answer that says nothing of its model escapes a policy unless one of its
// alternatives is content with that.
func TestTakesNone(t *testing.T) {
	for _, tt := range []struct {
		name, document string
		want           bool
	}{
		{"nothing of the model", `"rules":{"userVerification":"required"}`, true},
		{"a model", `"rules":{"models":{"deny":["d8522d9f-575b-4866-88a9-ba99fa02f35b"]}}`, false},
		{"monitored", `"mode":"monitor","rules":{"models":{"deny":["d8522d9f-575b-4866-88a9-ba99fa02f35b"]}}`, true},
		{"every alternative", `"alternatives":[{"attestation":{"trusted":true}},{"models":{"deny":["d8522d9f-575b-4866-88a9-ba99fa02f35b"]}}]`, false},
		{"not this alternative", `"alternatives":[{"attestation":{"trusted":true}},{"attestation":{"types":{"allow":["none"]}}}]`, true},
		{"the alternative, and not the rules", `"rules":{"attestation":{"types":{"deny":["none"]}}},"alternatives":[{"userVerification":"required"}]`, false},
	} {
		d, err := policy.Parse([]byte(`{"name":"a",` + tt.document + `}`))
		if err != nil {
			t.Fatal(tt.name, err)
		}
		set, err := policy.Compile(d)
		if err != nil {
			t.Fatal(tt.name, err)
		}
		if got := set.TakesNone(policy.Registration); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

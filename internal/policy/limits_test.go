package policy_test

import (
	"encoding/json"
	"slices"
	"testing"

	"bestow.dev/internal/policy"
	"bestow.dev/test/hostile"
)

// Whatever is handed in as a policy, reading it and putting it into force costs no more
// memory than [hostile.Limit] says.
func TestLimits(t *testing.T) {
	const length = policy.MaxDocumentBytes - 1<<10
	document := must(json.Marshal(map[string]any{"name": "p"}))
	inRules := hostile.InMember(t, document, "rules")
	rule := func(name string) func(string) []byte {
		put := hostile.InMember(t, []byte("{}"), name)
		return func(value string) []byte { return inRules(string(put(value))) }
	}
	inputs := slices.Concat(
		hostile.JSON(length, nil),
		hostile.JSON(length, inRules),
		hostile.JSON(length, rule("models")),
		hostile.JSON(length, rule("algorithms")),
		hostile.JSON(length, rule("metadata")),
		hostile.JSON(length, hostile.InMember(t, document, "alternatives")),
		hostile.JSON(length, hostile.InMember(t, document, "name")),
	)
	hostile.Check(t, inputs, func(data []byte) {
		if d, err := policy.Parse(data); err == nil {
			if _, err := policy.Compile(d); err != nil {
				t.Error(err)
			}
		}
	})
}

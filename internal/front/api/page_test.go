package api

import (
	"slices"
	"testing"
)

// TestCut: pages are whole whatever order a list comes in, as that of a database that
// does not tell small letters from capitals.
func TestCut(t *testing.T) {
	list := []string{"a", "B", "c", "D", "e"}
	same := func(s string) string { return s }
	for limit := 1; limit <= len(list)+1; limit++ {
		var got []string
		for p := (Paging{Limit: limit}); ; {
			list, err := cut(list, p, same, same)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, list.Items...)
			if p.Cursor = list.Next; p.Cursor == "" {
				break
			}
		}
		if !slices.Equal(got, []string{"B", "D", "a", "c", "e"}) {
			t.Errorf("in pages of %d: %q", limit, got)
		}
	}
	if !slices.Equal(list, []string{"a", "B", "c", "D", "e"}) {
		t.Errorf("the list was changed: %q", list)
	}
}

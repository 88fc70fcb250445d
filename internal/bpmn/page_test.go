package bpmn

import (
	"os"
	"strings"
	"testing"
)

// The page about processes names everything that is refused, and every attribute that is
// read.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/processes/bpmn.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	names := func(of map[string]hint) {
		for name := range of {
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("the page does not name %s, which is refused", name)
			}
		}
	}
	names(hints)
	names(refusedExtensions)
	for in, read := range understood {
		for name := range read {
			if !strings.Contains(page, name) {
				t.Errorf("the page does not name %s, which is read in a %s", name, in)
			}
		}
	}
	for name := range quietExtensions {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("the page does not name %s, which changes nothing", name)
		}
	}
	for _, code := range []string{CodeExpression, CodeNoFlow, CodeLoop, CodeStuck, CodeCancelled} {
		if !strings.Contains(page, "`"+code+"`") {
			t.Errorf("the page does not name the code %s", code)
		}
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestApply(t *testing.T) {
	edits, err := parse("// people\n\n# a.go: 7.1/1: b is not checked\n \tif a {\n-\tif b {\n+\tif false && b {\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(edits) != 1 || edits[0].file != "a.go" {
		t.Fatalf("parsed %+v", edits)
	}
	for _, c := range []struct{ name, text, want string }{
		{"applies", "x\n\tif a {\n\tif b {\n", "x\n\tif a {\n\tif false && b {\n"},
		{"not there", "\tif a {\n\tif c {\n", ""},
		{"there twice", "\tif a {\n\tif b {\n\tif a {\n\tif b {\n", ""},
		{"deeper", "\t\tif a {\n\tif b {\n", ""},
	} {
		got, err := edits[0].apply(c.text)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: got %q, %v", c.name, got, err)
		}
	}
}

// Every edit of every list applies to the tree as it is. Whether a test notices it is for
// the command to find out.
func TestListsApply(t *testing.T) {
	for _, pkg := range packages {
		edits, err := editsOf(pkg)
		if err != nil {
			t.Error(err)
		}
		if len(edits) == 0 {
			t.Errorf("no edits of %s", pkg)
		}
		for _, e := range edits {
			text, err := os.ReadFile(filepath.Join("..", "..", pkg, e.file))
			if err != nil {
				t.Error(err)
				continue
			}
			if _, err := e.apply(string(text)); err != nil {
				t.Errorf("%s/%s: %v", pkg, e.name, err)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"-a\n":                            "no edit has begun",
		"# a.go\n":                        "is named",
		"# a.go: x\nb\n":                  "begins with none",
		"# a.go: x\n b\n":                 "changes nothing",
		"# a.go: x\n-b\n# a.go: x\n-b\n ": "two edits",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

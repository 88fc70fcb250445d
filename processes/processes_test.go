package processes_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"bestow.dev/internal/bpmn"
	"bestow.dev/processes"
)

// Each file is read without a warning, is drawn, is listed, and calls what the list says.
func TestDefinitions(t *testing.T) {
	files, err := filepath.Glob("*.bpmn")
	if err != nil || len(files) != len(processes.All()) {
		t.Fatalf("%d files and %d definitions: %v", len(files), len(processes.All()), err)
	}
	before := make(map[string]bool)
	for _, d := range processes.All() {
		text, err := os.ReadFile(d.Name + ".bpmn")
		if err != nil || string(text) != string(d.XML) {
			t.Fatalf("%s: %v", d.Name, err)
		}
		p, err := bpmn.Parse(d.XML)
		if err != nil {
			t.Fatalf("%s: %v", d.Name, err)
		}
		if p.ID != d.Name || p.Name == "" || p.Diagram == nil || len(p.Warnings) > 0 {
			t.Errorf("%s: id %s, name %q, warnings %v", d.Name, p.ID, p.Name, p.Warnings)
		}
		for _, id := range p.Order {
			e := p.Elements[id]
			if p.Diagram.Shapes[id] == (bpmn.Bounds{}) {
				t.Errorf("%s: %s is not drawn", d.Name, id)
			}
			if e.Call != nil && (!slices.Contains(d.Calls, e.Call.Process) || !before[e.Call.Process]) {
				t.Errorf("%s calls %s, which is not listed before it", d.Name, e.Call.Process)
			}
		}
		before[d.Name] = true
	}
}

func TestWith(t *testing.T) {
	var names []string
	for _, d := range processes.With("two-security-keys") {
		names = append(names, d.Name)
	}
	if !slices.Equal(names, []string{"security-key-session", "security-key", "two-security-keys"}) {
		t.Errorf("got %v", names)
	}
	if len(processes.With("nothing")) != 0 {
		t.Error("a name that is none has definitions")
	}
}

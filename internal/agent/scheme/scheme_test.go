package scheme

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bestow.dev/internal/plugout"
)

func TestNameIsTheSchemeOfLinks(t *testing.T) {
	if Name != plugout.Scheme {
		t.Errorf("%s is registered, links begin with %s", Name, plugout.Scheme)
	}
}

func TestDesktopEntryQuotesTheProgram(t *testing.T) {
	tests := []struct {
		program Program
		want    string
	}{
		{Program{"/usr/bin/bestow-agent"}, `Exec="/usr/bin/bestow-agent" open --hold -- %u`},
		{Program{"/usr/bin/bestow", "agent"}, `Exec="/usr/bin/bestow" "agent" open --hold -- %u`},
		{Program{`/opt/my "tools"/$x/100%`}, `Exec="/opt/my \\"tools\\"/\\$x/100%%" open --hold -- %u`},
		{Program{`/opt/back\slash`}, `Exec="/opt/back\\\\slash" open --hold -- %u`},
	}
	for _, tt := range tests {
		entry := DesktopEntry(tt.program)
		if !slices.Contains(strings.Split(entry, "\n"), tt.want) {
			t.Errorf("%q gives\n%s\nwant the line %s", tt.program, entry, tt.want)
		}
	}
	entry := DesktopEntry(Program{"/a"})
	for _, line := range []string{"Terminal=true", "MimeType=x-scheme-handler/com.nexusgroup.plugout;"} {
		if !strings.Contains(entry, line) {
			t.Errorf("entry lacks %s", line)
		}
	}
}

func TestLinuxInstallAndUninstall(t *testing.T) {
	var ran [][]string
	l := Linux{DataHome: t.TempDir(), Run: func(_ context.Context, name string, args ...string) error {
		ran = append(ran, append([]string{name}, args...))
		return nil
	}}
	path, notes, err := l.Install(t.Context(), Program{"/usr/bin/bestow-agent"})
	if err != nil || len(notes) != 0 {
		t.Fatalf("Install: %v, notes %q", err, notes)
	}
	if want := filepath.Join(l.DataHome, "applications", EntryName); path != want {
		t.Errorf("entry at %s, want %s", path, want)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != DesktopEntry(Program{"/usr/bin/bestow-agent"}) {
		t.Errorf("entry is %q, %v", content, err)
	}
	if want := []string{"xdg-mime", "default", EntryName, "x-scheme-handler/" + Name}; len(ran) != 2 || !slices.Equal(ran[0], want) {
		t.Errorf("ran %q", ran)
	}
	for _, want := range []bool{true, false} {
		if removed, err := l.Uninstall(t.Context()); err != nil || removed != want {
			t.Errorf("Uninstall = %v, %v; want %v", removed, err, want)
		}
	}
}

func TestLinuxWithoutDesktopPrograms(t *testing.T) {
	l := Linux{DataHome: t.TempDir(), Run: func(_ context.Context, name string, _ ...string) error {
		return &exec.Error{Name: name, Err: exec.ErrNotFound}
	}}
	_, notes, err := l.Install(t.Context(), Program{"/a"})
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "x-scheme-handler") {
		t.Errorf("Install: %v, notes %q; want one note on the handler", err, notes)
	}
	if _, _, err := (Linux{DataHome: "relative"}).Install(t.Context(), Program{"/a"}); err == nil {
		t.Error("a relative data directory is taken")
	}
}

func TestWindowsFile(t *testing.T) {
	files := Windows(Program{WindowsProgram})
	want := `@="\"C:\\Program Files\\Bestow\\bestow-agent.exe\" open --hold -- \"%1\""` + "\r\n"
	if !strings.Contains(files[0].Content, want) || !strings.Contains(files[0].Content, `"URL Protocol"=""`) {
		t.Errorf("registry file:\n%s", files[0].Content)
	}
}

func TestMacFiles(t *testing.T) {
	files := MacOS(Program{"/usr/local/bin/bestow", "agent"})
	if want := `quoted form of "/usr/local/bin/bestow" & " " & quoted form of "agent" & " open --hold -- " & quoted form of link`; !strings.Contains(files[0].Content, want) {
		t.Errorf("script:\n%s", files[0].Content)
	}
	dec := xml.NewDecoder(strings.NewReader(files[1].Content))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("property list: %v", err)
		}
	}
	if !strings.Contains(files[1].Content, "<string>"+Name+"</string>") {
		t.Error("property list does not name the scheme")
	}
}

package scheme

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// EntryName is the name of the desktop entry.
const EntryName = "bestow-agent.desktop"

// Linux registers the scheme for the current user of a freedesktop.org desktop.
type Linux struct {
	// DataHome is $XDG_DATA_HOME. Empty: that variable, or ~/.local/share.
	DataHome string

	// Run runs a program of the desktop. Nil: [os/exec]. [exec.ErrNotFound] says that
	// it is not there.
	Run func(ctx context.Context, name string, args ...string) error
}

// Install writes the desktop entry and makes it the handler of the scheme. It returns
// the entry's path, and notes for the person on what it could not do.
func (l Linux) Install(ctx context.Context, p Program) (path string, notes []string, err error) {
	path, err = l.entryPath()
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", nil, err
	}
	if err := os.WriteFile(path, []byte(DesktopEntry(p)), 0o644); err != nil {
		return "", nil, err
	}
	notes = l.note(notes, l.run(ctx, "xdg-mime", "default", EntryName, "x-scheme-handler/"+Name),
		"xdg-mime", "make "+EntryName+" the handler of x-scheme-handler/"+Name+" in the settings of your desktop")
	return path, l.refresh(ctx, path, notes), nil
}

// Uninstall removes the desktop entry; the default handler goes with it. It reports
// whether there was one.
func (l Linux) Uninstall(ctx context.Context) (removed bool, err error) {
	path, err := l.entryPath()
	if err != nil {
		return false, err
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	l.refresh(ctx, path, nil)
	return true, nil
}

// refresh has the desktop read its entries again. Desktops that do so by themselves
// have no such program, which is fine.
func (l Linux) refresh(ctx context.Context, path string, notes []string) []string {
	err := l.run(ctx, "update-desktop-database", filepath.Dir(path))
	if errors.Is(err, exec.ErrNotFound) {
		return notes
	}
	return l.note(notes, err, "update-desktop-database", "log in again if links do not open")
}

func (l Linux) note(notes []string, err error, program, instead string) []string {
	if err == nil {
		return notes
	}
	return append(notes, fmt.Sprintf("%s: %v; %s", program, err, instead))
}

func (l Linux) run(ctx context.Context, name string, args ...string) error {
	if l.Run != nil {
		return l.Run(ctx, name, args...)
	}
	return exec.CommandContext(ctx, name, args...).Run()
}

func (l Linux) entryPath() (string, error) {
	base := l.DataHome
	if base == "" {
		base = os.Getenv("XDG_DATA_HOME")
	}
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the home directory: %w", err)
		}
		base = filepath.Join(home, ".local", "share")
	}
	if !filepath.IsAbs(base) {
		return "", fmt.Errorf("data directory %q is not absolute", base)
	}
	return filepath.Join(base, "applications", EntryName), nil
}

// DesktopEntry returns the entry (Desktop Entry Specification 1.5). The agent runs in
// a terminal, where it asks its questions.
func DesktopEntry(p Program) string {
	words := make([]string, len(p))
	for i, word := range p {
		words[i] = execWord(word)
	}
	return `[Desktop Entry]
Type=Application
Name=Bestow agent
Comment=Registers security keys for sites that ask for them
Exec=` + strings.Join(words, " ") + ` open --hold -- %u
Terminal=true
NoDisplay=true
MimeType=x-scheme-handler/` + Name + `;
`
}

// execWord quotes a word of the Exec key. Inside the quotes four characters are
// escaped; the value as a whole is then escaped once more, as every string of the
// format is, and a percent sign is doubled, for it begins a field code.
func execWord(word string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`).Replace(word)
	return strings.NewReplacer(`\`, `\\`, `%`, `%%`).Replace(`"` + quoted + `"`)
}

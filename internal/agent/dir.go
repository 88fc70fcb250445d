package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"bestow.dev/internal/strictjson"
)

// Names below the configuration directory.
const (
	settingsFile = "agent.json"
	keyFile      = "installation-key.pem"
)

// maxFileBytes bounds what is read from the directory.
const maxFileBytes = 1 << 20

// Dir is the configuration directory of one user: settings and installation key.
type Dir string

// DefaultDir returns the directory below the user's configuration directory:
// $XDG_CONFIG_HOME or ~/.config on Linux, Application Support on macOS, AppData on
// Windows.
func DefaultDir() (Dir, error) {
	base, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the configuration directory: %w", err)
	}
	return Dir(filepath.Join(base, AppName)), nil
}

// Settings is what the user or the administrator of a desk has decided. Its zero
// value trusts nobody.
type Settings struct {
	// Trust is the allow list.
	Trust Trust `json:"trust,omitempty"`

	// ForbidPINSetup turns off the offer to set a key's first PIN.
	ForbidPINSetup bool `json:"forbidPinSetup,omitempty"`

	// SoftKey is the file of a software key to be used in place of security keys.
	// Empty: none. Relative paths are below the directory.
	SoftKey string `json:"softkey,omitempty"`

	// CAFile is a PEM file of authorities that are trusted beside the system's.
	CAFile string `json:"caFile,omitempty"`
}

// Settings reads the settings. Without a file they are empty; an unknown member, or
// an entry that can never match, is an error.
func (d Dir) Settings() (*Settings, error) {
	data, err := readFile(d.path(settingsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &Settings{}, nil
	}
	if err != nil {
		return nil, err
	}
	var s Settings
	if err := strictjson.Decode(data, &s, strictjson.DisallowUnknown()); err != nil {
		return nil, fmt.Errorf("%s: %w", d.path(settingsFile), err)
	}
	if err := s.Trust.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", d.path(settingsFile), err)
	}
	return &s, nil
}

// SaveSettings writes the settings, all of them or nothing.
func (d Dir) SaveSettings(s *Settings) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := d.make(); err != nil {
		return err
	}
	return WriteFile(d.path(settingsFile), append(data, '\n'))
}

// Resolve returns the path of a file that the settings name: relative ones are below
// the directory. Empty stays empty.
func (d Dir) Resolve(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return d.path(name)
}

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

// make makes the directory, which is nobody else's business.
func (d Dir) make() error { return os.MkdirAll(string(d), 0o700) }

// WriteFile replaces a file of the user's own as a whole, with mode 0600: who reads
// it sees the old content or the new, also after a crash.
func WriteFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // is gone already if all went well
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename last. Windows has no such call, and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// readFile reads a file of bounded size.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	return data, nil
}

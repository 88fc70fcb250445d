package wiring

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"bestow.dev/internal/config"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/seal"
	"bestow.dev/internal/tenant"
)

func TestKeyringIsMadeAtFirstUse(t *testing.T) {
	cfg := &config.Config{Data: filepath.Join(t.TempDir(), "data")}
	path := filepath.Join(cfg.Data, secretsKeyName)
	k, err := openKeyring(cfg)
	check(t, err)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("a key was made before anything is to be sealed")
	}
	if _, err := k.Open([]byte("x"), "p"); !errors.Is(err, provision.ErrSecretsKeyMissing) {
		t.Errorf("open: %v", err)
	}
	if _, err := k.Seal([]byte("x"), "p"); !errors.Is(err, provision.ErrSecretsKeyMissing) {
		t.Errorf("a second secret under a new key: %v", err)
	}
	sealed, err := k.SealFirst([]byte("x"), "p")
	check(t, err)
	info, err := os.Stat(path)
	check(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	again, err := openKeyring(cfg)
	check(t, err)
	if got, err := again.Open(sealed, "p"); err != nil || string(got) != "x" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := again.Open(sealed, "q"); !errors.Is(err, provision.ErrSecretAltered) {
		t.Errorf("at another place: %v", err)
	}
	check(t, os.WriteFile(path, seal.NewKey().Text(), 0o600))
	other, err := openKeyring(cfg)
	check(t, err)
	if _, err := other.Open(sealed, "p"); !errors.Is(err, provision.ErrSecretsKeyOther) {
		t.Errorf("with another key: %v", err)
	}
}

// Several processes make the first key at the same moment: there is one.
func TestKeyringRace(t *testing.T) {
	cfg := &config.Config{Data: t.TempDir()}
	const processes = 8
	sealed := make([][]byte, processes)
	var all sync.WaitGroup
	for i := range processes {
		all.Go(func() {
			k, err := openKeyring(cfg)
			if err == nil {
				sealed[i], err = k.SealFirst([]byte("x"), "p")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	k, err := openKeyring(cfg)
	check(t, err)
	for i := range sealed {
		if _, err := k.Open(sealed[i], "p"); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
	left, err := os.ReadDir(cfg.Data)
	check(t, err)
	if len(left) != 1 {
		t.Errorf("files left: %v", left)
	}
}

func TestKeyFileThatIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	open := func() error { _, err := openKeyring(&config.Config{SecretsKeyFile: path}); return err }
	if err := open(); err == nil || !strings.Contains(err.Error(), "secrets-key-file") {
		t.Errorf("one that is not there: %v", err)
	}
	check(t, os.WriteFile(path, []byte("nothing\n"), 0o600))
	if err := open(); err == nil || strings.Contains(err.Error(), "nothing") {
		t.Errorf("one that holds no key: %v", err)
	}
	check(t, os.WriteFile(path, seal.NewKey().Text(), 0o600))
	check(t, open())
	check(t, os.Chmod(path, 0o640))
	if err := open(); err == nil || !strings.Contains(err.Error(), "0600") {
		t.Errorf("one that others can read: %v", err)
	}
}

// A lost key is told, and no other is made in its place without a word.
func TestLostKey(t *testing.T) {
	cfg, err := config.Load(config.Sources{Flags: map[string]any{"data": t.TempDir()}})
	check(t, err)
	by := tenant.LocalOperator(config.DefaultTenant, "root")
	put := func(name string) error {
		a, err := Open(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler)})
		check(t, err)
		defer a.Close()
		_, err = a.Provision.PutConnection(t.Context(), by, provision.Connection{Name: name, URL: "https://da.example.com", ClientID: "idm"}, "a secret")
		return err
	}
	check(t, put("a"))
	check(t, os.Remove(filepath.Join(cfg.Data, secretsKeyName)))
	if err := put("b"); !errors.Is(err, provision.ErrSecretsKeyMissing) {
		t.Errorf("got %v", err)
	}
	a, err := Open(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler)})
	check(t, err)
	defer a.Close()
	if _, err := a.Provision.TestConnection(t.Context(), by, "a"); !errors.Is(err, provision.ErrSecretsKeyMissing) {
		t.Errorf("got %v", err)
	}
	// Without the key they can be deleted, and entered anew.
	check(t, a.Provision.DeleteConnection(t.Context(), by, "a"))
	check(t, put("a"))
}

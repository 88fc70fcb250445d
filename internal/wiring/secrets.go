package wiring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"bestow.dev/internal/config"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/seal"
)

// secretsKeyName is the file of the key of stored secrets in the data directory.
const secretsKeyName = "secrets.key"

// maxKeyFileBytes bounds what is read as a key.
const maxKeyFileBytes = 4 << 10

// keyring seals stored secrets with the key of the installation. It is safe for
// concurrent use.
type keyring struct {
	path string
	own  bool // it may be made: nobody named a file

	mu  sync.Mutex
	key *seal.Key // once it was read
}

var _ provision.Sealer = (*keyring)(nil)

// openKeyring returns the keyring of the configuration. A file that is named there has to
// be there and hold a key; the one in the data directory is made when the first secret is
// stored.
func openKeyring(cfg *config.Config) (*keyring, error) {
	k := &keyring{path: cfg.SecretsKeyFile}
	if k.path == "" {
		k.path, k.own = filepath.Join(cfg.Data, secretsKeyName), true
	}
	key, err := readKey(k.path)
	switch {
	case err == nil:
		k.key = key
	case k.own && errors.Is(err, fs.ErrNotExist):
	default:
		return nil, fmt.Errorf("secrets-key-file: %w", err)
	}
	return k, nil
}

// readKey reads a key, from a file that nobody else may read.
func readKey(path string) (*seal.Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular() || info.Size() > maxKeyFileBytes:
		return nil, fmt.Errorf("%s holds no key", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s can be read by others; its mode has to be 0600", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := seal.ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s holds no key", path)
	}
	return key, nil
}

// Seal implements [provision.Sealer].
func (k *keyring) Seal(secret []byte, place string) ([]byte, error) {
	key, err := k.get()
	if err != nil {
		return nil, err
	}
	return key.Seal(secret, place)
}

// SealFirst implements [provision.Sealer]. It makes the key if nobody named a file for it.
func (k *keyring) SealFirst(secret []byte, place string) ([]byte, error) {
	if _, err := k.get(); errors.Is(err, fs.ErrNotExist) && k.own {
		if err := makeKey(k.path); err != nil {
			return nil, provision.ErrSecretsKeyMissing.Because(err)
		}
	}
	return k.Seal(secret, place)
}

// Open implements [provision.Sealer].
func (k *keyring) Open(sealed []byte, place string) ([]byte, error) {
	key, err := k.get()
	if err != nil {
		return nil, err
	}
	secret, err := key.Open(sealed, place)
	switch {
	case errors.Is(err, seal.ErrOtherKey):
		return nil, provision.ErrSecretsKeyOther
	case err != nil:
		return nil, provision.ErrSecretAltered
	}
	return secret, nil
}

// get returns the key. One that is missing is not made here: what was sealed would be lost
// without a word.
func (k *keyring) get() (*seal.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key != nil {
		return k.key, nil
	}
	key, err := readKey(k.path)
	if err != nil {
		return nil, provision.ErrSecretsKeyMissing.Because(err)
	}
	k.key = key
	return key, nil
}

// makeKey makes a key and its file, which is there as a whole or not at all. If another
// process was faster its key is the one.
func makeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), secretsKeyName+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(seal.NewKey().Text())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes the names in a directory lasting, before anything depends on a file.
func syncDirectory(path string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

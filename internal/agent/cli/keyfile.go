package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/agent"
)

// maxKeyFileBytes bounds the file of a software key.
const maxKeyFileBytes = 8 << 20

// errInUse says that another process has the software key in its hands.
var errInUse = errors.New("the software key is in use by another process")

// keyFile is the file of a software key. It is an [agent.Keys]: the key is at the
// desk while no other process has it.
type keyFile struct {
	path   string
	person *person
	cost   softkey.Cost
	keep   bool // a key that does not exist is not made

	passphrase []byte // once it is known
}

func (in *invocation) keyFile(path string, p *person) (*keyFile, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if p.term == nil && len(p.secrets.passphrase) == 0 {
		return nil, usage("nobody is here to type the passphrase of %s; hand it in with --secrets-fd", path)
	}
	return &keyFile{path: abs, person: p, cost: in.cost}, nil
}

// close forgets the passphrase.
func (f *keyFile) close() { clear(f.passphrase) }

// List implements [agent.Keys]. A key that does not exist yet is made.
func (f *keyFile) List(ctx context.Context) ([]ctap.Device, error) {
	key, err := f.openOrMake(ctx)
	if errors.Is(err, errInUse) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []ctap.Device{key}, nil
}

// openKey is a software key whose file is locked until Close.
type openKey struct {
	*softkey.Key
	lock *fileLock
}

// Close switches the key off and lets others have it.
func (k *openKey) Close() error {
	return errors.Join(k.Key.Close(), k.lock.release())
}

func (f *keyFile) openOrMake(ctx context.Context) (*openKey, error) {
	key, err := f.open(ctx)
	if errors.Is(err, fs.ErrNotExist) && !f.keep {
		return f.make(ctx)
	}
	return key, err
}

// open opens the key, asking for its passphrase until it is right. Errors:
// [fs.ErrNotExist], errInUse, [softkey.ErrPassphrase] where nobody can type another.
func (f *keyFile) open(ctx context.Context) (*openKey, error) {
	return f.locked(func() (*softkey.Key, error) {
		sealed, err := readBounded(f.path)
		if err != nil {
			return nil, err
		}
		for {
			if err := f.ask(ctx, false); err != nil {
				return nil, err
			}
			key, err := softkey.Open(sealed, f.passphrase, f.config())
			if err == nil || !errors.Is(err, softkey.ErrPassphrase) {
				return key, keyFileError(f.path, err)
			}
			clear(f.passphrase)
			f.passphrase = nil
			if f.person.term == nil || f.person.secrets.passphrase != nil {
				return nil, refuse(err, "%s: the passphrase is wrong", f.path)
			}
			f.person.say("The passphrase is wrong.")
		}
	})
}

// make makes a new key. It is an error if there is one.
func (f *keyFile) make(ctx context.Context) (*openKey, error) {
	return f.locked(func() (*softkey.Key, error) {
		if _, err := os.Lstat(f.path); err == nil {
			return nil, refuse(fs.ErrExist, "%s exists already", f.path)
		}
		if err := f.ask(ctx, true); err != nil {
			return nil, err
		}
		config := f.config()
		config.Passphrase = f.passphrase
		key, err := softkey.New(config)
		if err == nil {
			f.person.say("A software key has been made in " + f.path + ". It is for tests and demonstrations.")
		}
		return key, err
	})
}

// locked opens the key while no other process has it.
func (f *keyFile) locked(open func() (*softkey.Key, error)) (*openKey, error) {
	lock, err := lockFile(f.path + ".lock")
	if err != nil {
		return nil, err
	}
	key, err := open()
	if err != nil {
		_ = lock.release()
		return nil, err
	}
	return &openKey{Key: key, lock: lock}, nil
}

// ask gets the passphrase, twice for a new key.
func (f *keyFile) ask(ctx context.Context, fresh bool) (err error) {
	switch {
	case f.passphrase != nil:
		return nil
	case f.person.secrets.passphrase != nil:
		f.passphrase = append([]byte{}, f.person.secrets.passphrase...)
	case fresh:
		f.person.say("The software key will be sealed under a passphrase.")
		f.passphrase, err = f.person.twice(ctx, "New passphrase")
	default:
		f.passphrase, err = f.person.typed(ctx, "Passphrase of the software key: ")
	}
	if err == nil && len(f.passphrase) == 0 {
		return context.Canceled
	}
	return err
}

func (f *keyFile) config() softkey.Config {
	return softkey.Config{
		Cost:         f.cost,
		Save:         func(sealed []byte) error { return agent.WriteFile(f.path, sealed) },
		UserPresence: f.person.present,
		Now:          time.Now,
	}
}

// present stands in for the touch.
func (p *person) present(ctx context.Context, r softkey.Request) error {
	switch {
	case p.yes:
		return nil
	case p.term == nil:
		return context.Canceled
	}
	question := "Press Enter to touch the software key, n to decline: "
	if r.RPID != "" {
		question = fmt.Sprintf("Press Enter to touch the software key for %s, n to decline: ", r.RPID)
	}
	answer, err := p.term.ask(ctx, question)
	if err != nil {
		return err
	}
	if strings.HasPrefix(strings.ToLower(answer), "n") {
		return context.Canceled
	}
	return nil
}

// keyFileError names the file where the sealed state is at fault.
func keyFileError(path string, err error) error {
	if errors.Is(err, softkey.ErrSealed) {
		return refuse(err, "%s is not a software key, or damaged", path)
	}
	return err
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeyFileBytes {
		return nil, refuse(fs.ErrInvalid, "%s is larger than %d bytes", path, maxKeyFileBytes)
	}
	return data, nil
}

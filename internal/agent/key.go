package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"bestow.dev/internal/plugout"
)

// ErrNotInstalled is returned where the installation has no key yet.
var ErrNotInstalled = errors.New("this installation has no key yet; run install first")

const pemPrivateKey = "PRIVATE KEY" // PKCS #8

// Signer returns the installation's key. Its name is the key's thumbprint.
//
// Errors: [ErrNotInstalled]; an error if others can read the file, since such a key
// proves nothing.
func (d Dir) Signer() (*plugout.Signer, error) {
	path := d.path(keyFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotInstalled
	}
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others; make a new key, and remove the old one from the relay's key set", path)
	}
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	key, err := parsePrivateKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return plugout.NewSigner(key, plugout.ES256, "")
}

// parsePrivateKey reads one PEM block. Its errors do not quote what lies beneath.
func parsePrivateKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, rest := pem.Decode(data)
	if block == nil || block.Type != pemPrivateKey || len(rest) != 0 {
		return nil, errors.New("not one PEM block of a private key")
	}
	defer clear(block.Bytes)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("not a private key in PKCS #8")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("not an ECDSA key on P-256")
	}
	return key, nil
}

// EnsureSigner returns the installation's key, and makes it if there is none. made
// says that it did.
func (d Dir) EnsureSigner() (signer *plugout.Signer, made bool, err error) {
	signer, err = d.Signer()
	if !errors.Is(err, ErrNotInstalled) {
		return signer, false, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, false, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, false, err
	}
	defer clear(der)
	if err := d.make(); err != nil {
		return nil, false, err
	}
	if err := WriteFile(d.path(keyFile), pem.EncodeToMemory(&pem.Block{Type: pemPrivateKey, Bytes: der})); err != nil {
		return nil, false, err
	}
	signer, err = d.Signer()
	return signer, err == nil, err
}

// RemoveSigner deletes the installation's key. The relay's key set still has its
// public half. No key is no error.
func (d Dir) RemoveSigner() error {
	err := os.Remove(d.path(keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

package wiring

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// fileCertificate is a certificate in two files, read again when the first of them
// changes. It is safe for concurrent use.
type fileCertificate struct {
	certFile, keyFile string

	mu      sync.Mutex
	changed time.Time
	checked time.Time
	cert    *tls.Certificate
}

// checkEvery is how often the file's time is looked at.
const checkEvery = 10 * time.Second

func newFileCertificate(certFile, keyFile string) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	f := &fileCertificate{certFile: certFile, keyFile: keyFile}
	if err := f.read(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return f.get, nil
}

func (f *fileCertificate) read() error {
	info, err := os.Stat(f.certFile)
	if err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		return err
	}
	f.cert, f.changed = &cert, info.ModTime()
	return nil
}

// get answers a handshake. A pair that cannot be read, because it is just being
// replaced, leaves the old one in use.
func (f *fileCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.checked) > checkEvery {
		f.checked = now
		if info, err := os.Stat(f.certFile); err == nil && !info.ModTime().Equal(f.changed) {
			_ = f.read()
		}
	}
	return f.cert, nil
}

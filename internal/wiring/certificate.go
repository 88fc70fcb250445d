package wiring

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// fileCertificate is a certificate in two files, read again when the first of them
// changes. It is safe for concurrent use.
type fileCertificate struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger

	mu      sync.Mutex
	changed time.Time
	checked time.Time
	cert    *tls.Certificate
}

// checkEvery is how often the file's time is looked at.
const checkEvery = 10 * time.Second

func newFileCertificate(certFile, keyFile string, now func() time.Time, log *slog.Logger) (*fileCertificate, error) {
	f := &fileCertificate{certFile: certFile, keyFile: keyFile, now: now, log: log, checked: now()}
	info, err := os.Stat(certFile)
	if err == nil {
		err = f.read(info.ModTime())
	}
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return f, nil
}

// read takes the pair into use. changed is the file's time from before it was read: if
// it is replaced meanwhile, the next look finds a later one.
func (f *fileCertificate) read(changed time.Time) error {
	cert, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		return err
	}
	f.cert, f.changed = &cert, changed
	return nil
}

// get answers a handshake. A pair that cannot be read, because it is just being
// replaced, leaves the old one in use until the next look.
func (f *fileCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.checked) >= checkEvery {
		f.checked = now
		f.look()
	}
	return f.cert, nil
}

func (f *fileCertificate) look() {
	info, err := os.Stat(f.certFile)
	if err == nil && !info.ModTime().Equal(f.changed) {
		err = f.read(info.ModTime())
	}
	if err != nil {
		f.log.Warn("the certificate cannot be read again; the old one stays in use", "file", f.certFile, "error", err)
	}
}

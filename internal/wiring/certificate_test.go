package wiring

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/localca"
)

func TestCertificateIsReadAgain(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	// install replaces the pair as a renewal does, at a time of its own.
	install := func(host string, changed time.Time) {
		t.Helper()
		made := t.TempDir()
		_, _, err := localca.Ensure(made, host, now)
		check(t, err)
		for from, to := range map[string]string{localca.CertFile: certFile, localca.KeyFile: keyFile} {
			check(t, os.Rename(filepath.Join(made, from), to))
		}
		check(t, os.Chtimes(certFile, changed, changed))
	}
	install("one.example", now)
	var log bytes.Buffer
	f, err := newFileCertificate(certFile, keyFile, func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)))
	check(t, err)
	want := func(host string) {
		t.Helper()
		cert, err := f.get(nil)
		check(t, err)
		if err := cert.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	want("one.example")

	install("two.example", now.Add(time.Minute))
	want("one.example") // it is not looked at before its time
	now = now.Add(checkEvery)
	want("two.example")

	// Half a replacement: the certificate is there and its key is not.
	other := filepath.Join(dir, "kept.pem")
	check(t, os.Rename(keyFile, other))
	check(t, os.Chtimes(certFile, now.Add(time.Hour), now.Add(time.Hour)))
	now = now.Add(checkEvery)
	want("two.example")
	if !strings.Contains(log.String(), "the old one stays in use") {
		t.Errorf("log: %s", &log)
	}
	install("three.example", now.Add(time.Hour)) // of the same time: the half was never taken
	now = now.Add(checkEvery)
	want("three.example")

	check(t, os.Remove(certFile))
	now = now.Add(checkEvery)
	want("three.example")

	if _, err := newFileCertificate(certFile, keyFile, time.Now, slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), "tls: ") {
		t.Errorf("a start without certificate: %v", err)
	}
}

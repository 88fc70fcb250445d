package localca

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func roots(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, CAFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no certificate in " + CAFile)
	}
	return pool
}

func TestMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	first, made, err := Ensure(dir, "id.example.com", now)
	if err != nil || !made {
		t.Fatalf("made %v, error %v", made, err)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "id.example.com"} {
		opts := x509.VerifyOptions{Roots: roots(t, dir), CurrentTime: now, DNSName: host}
		if _, err := first.Leaf.Verify(opts); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	again, made, err := Ensure(dir, "id.example.com", now.Add(time.Hour))
	if err != nil || made || !bytes.Equal(again.Leaf.Raw, first.Leaf.Raw) {
		t.Errorf("second call: made %v, error %v", made, err)
	}
	if info, err := os.Stat(filepath.Join(dir, KeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ca.key")); err == nil {
		t.Error("the authority's key was kept")
	}
}

func TestMadeAnew(t *testing.T) {
	tests := []struct {
		name string
		host string
		at   time.Time
	}{
		{"other host", "other.example.com", now},
		{"close to its end", "id.example.com", now.Add(life - renewBefore + time.Hour)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if _, _, err := Ensure(dir, "id.example.com", now); err != nil {
				t.Fatal(err)
			}
			cert, made, err := Ensure(dir, tt.host, tt.at)
			if err != nil || !made {
				t.Fatalf("made %v, error %v", made, err)
			}
			if err := cert.Leaf.VerifyHostname(tt.host); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAuthorityIsConstrained(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Ensure(dir, "192.0.2.7", now); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, CAFile))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := pem.Decode(text)
	ca, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !ca.PermittedDNSDomainsCritical || len(ca.PermittedDNSDomains) != 1 || len(ca.PermittedIPRanges) != 3 || !ca.MaxPathLenZero {
		t.Errorf("constraints: critical %v, names %v, networks %v", ca.PermittedDNSDomainsCritical, ca.PermittedDNSDomains, ca.PermittedIPRanges)
	}
}

// Package localca makes the certificate of an installation that has none of its own.
//
// [Ensure] keeps three files in a directory: ca.pem, which people add to their
// trust store, and server.pem with server.key. The authority is constrained by
// name to this machine and the public URL's host, and its key is thrown away as
// soon as it has signed the one server certificate: whoever steals the files can
// impersonate this installation and nothing else.
package localca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The files that [Ensure] keeps.
const (
	CAFile   = "ca.pem"
	CertFile = "server.pem"
	KeyFile  = "server.key"
)

// life is how long a certificate is good: as long as browsers take one from a
// locally trusted authority. renewBefore its end a new pair is made.
const (
	life        = 825 * 24 * time.Hour
	renewBefore = 30 * 24 * time.Hour
	backdate    = time.Hour // clocks of other machines may be a little behind
)

// Ensure returns the server certificate in dir, making it, its authority and dir if
// they are not there, do not name host or end within 30 days. host is the public
// URL's host name or address; localhost and loopback are always named. made reports
// whether a new authority was made, which people have to trust anew.
func Ensure(dir, host string, now time.Time) (cert tls.Certificate, made bool, err error) {
	cert, err = tls.LoadX509KeyPair(filepath.Join(dir, CertFile), filepath.Join(dir, KeyFile))
	if err == nil && usable(cert.Leaf, host, now) {
		return cert, false, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return cert, false, fmt.Errorf("read local certificate: %w", err)
	}
	if err := makePair(dir, host, now); err != nil {
		return cert, false, fmt.Errorf("make local certificate: %w", err)
	}
	cert, err = tls.LoadX509KeyPair(filepath.Join(dir, CertFile), filepath.Join(dir, KeyFile))
	return cert, true, err
}

func usable(leaf *x509.Certificate, host string, now time.Time) bool {
	return leaf.VerifyHostname(host) == nil && !now.Before(leaf.NotBefore) && now.Before(leaf.NotAfter.Add(-renewBefore))
}

// names are what the certificate is for and the authority is constrained to.
type names struct {
	dns []string
	ips []net.IP
}

func namesFor(host string) names {
	n := names{dns: []string{"localhost"}, ips: []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}}
	if ip := net.ParseIP(host); ip != nil {
		if v4 := ip.To4(); v4 != nil {
			ip = v4
		}
		if !slices.ContainsFunc(n.ips, ip.Equal) {
			n.ips = append(n.ips, ip)
		}
	} else if host != "" && host != "localhost" {
		n.dns = append(n.dns, host)
	}
	return n
}

// networks returns each address as a network of one.
func (n names) networks() []*net.IPNet {
	var nets []*net.IPNet
	for _, ip := range n.ips {
		bits := 8 * len(ip)
		nets = append(nets, &net.IPNet{IP: ip, Mask: net.CIDRMask(bits, bits)})
	}
	return nets
}

func makePair(dir, host string, now time.Time) error {
	n := namesFor(host)
	ca, caKey, err := newAuthority(n, now)
	if err != nil {
		return err
	}
	leaf, key, err := newServer(n, ca, caKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// The certificate comes last: without it the next start makes everything anew, so
	// a crash in between leaves no pair that does not fit.
	_ = os.Remove(filepath.Join(dir, CertFile))
	return errors.Join(
		write(filepath.Join(dir, CAFile), 0o644, block("CERTIFICATE", ca.Raw)),
		write(filepath.Join(dir, KeyFile), 0o600, block("PRIVATE KEY", keyDER)),
		write(filepath.Join(dir, CertFile), 0o644, append(block("CERTIFICATE", leaf), block("CERTIFICATE", ca.Raw)...)),
	)
}

// newAuthority makes an authority for n and nothing else. Its key is the caller's to
// drop.
func newAuthority(n names, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:                serial(),
		Subject:                     pkix.Name{CommonName: "Bestow local authority " + now.UTC().Format("2006-01-02"), Organization: []string{"Bestow"}},
		NotBefore:                   now.Add(-backdate),
		NotAfter:                    now.Add(life),
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         n.dns,
		PermittedIPRanges:           n.networks(),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	ca, err := x509.ParseCertificate(der)
	return ca, key, err
}

// newServer makes the server's certificate, which is good for as long as its authority.
func newServer(n names, ca *x509.Certificate, caKey *ecdsa.PrivateKey) (der []byte, key *ecdsa.PrivateKey, err error) {
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: n.dns[len(n.dns)-1], Organization: []string{"Bestow"}},
		NotBefore:             ca.NotBefore,
		NotAfter:              ca.NotAfter,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:              n.dns,
		IPAddresses:           n.ips,
	}
	der, err = x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
	return der, key, err
}

// serial returns a random positive serial number of 127 bits.
func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return n.Add(n, big.NewInt(1))
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// write replaces the file in one step.
func write(path string, mode os.FileMode, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // nothing to remove once it was renamed
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

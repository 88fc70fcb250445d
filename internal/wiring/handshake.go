package wiring

import (
	"crypto/tls"
	"crypto/x509"
)

// tlsConfig is how handshakes are done. Where clients have certificates, callers are
// asked for one, and told by whom theirs have to be issued: a browser that has none of
// those then asks nobody. Whose it is, is for the directory to say; nothing here is
// trusted because of who issued it.
func tlsConfig(own func(*tls.ClientHelloInfo) (*tls.Certificate, error), ofClients []*x509.Certificate) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: own}
	if len(ofClients) == 0 {
		return c
	}
	c.ClientAuth, c.ClientCAs = tls.RequestClientCert, x509.NewCertPool()
	for _, certificate := range ofClients {
		// The pool serves for the list of names alone, which are those of its subjects.
		c.ClientCAs.AddCert(&x509.Certificate{Raw: certificate.Raw, RawSubject: certificate.RawIssuer})
	}
	return c
}

package tenant

import (
	"crypto/sha256"
	"crypto/x509"
	"maps"
	"slices"
)

// A client's TLS certificate is known as a whole, by its hash: whoever issued it, no
// other one of the same issuer or name will do. The handshake has proved that the caller
// has its key.
type certificateHash [sha256.Size]byte

// pinned is a certificate and whose it is.
type pinned struct {
	certificate *x509.Certificate
	client      *Client
}

func (d *Directory) pin(c *Client, certificates []*x509.Certificate) error {
	if len(certificates) > maxKeys {
		return invalidClient("certificates", "A client has at most eight certificates.")
	}
	for _, certificate := range certificates {
		hash := certificateHash(sha256.Sum256(certificate.Raw))
		if d.certificates[hash] != nil {
			return invalidClient("certificates", "A certificate stands there twice.")
		}
		d.certificates[hash] = &pinned{certificate, c}
	}
	return nil
}

// AuthenticateCertificate returns the client that a TLS client certificate is of, as a
// handshake has shown it, within the time it is good for. Errors: client.unauthenticated.
func (d *Directory) AuthenticateCertificate(certificate *x509.Certificate) (*Client, error) {
	found := d.certificates[certificateHash(sha256.Sum256(certificate.Raw))]
	now := d.now()
	if found == nil || now.Before(found.certificate.NotBefore) || now.After(found.certificate.NotAfter) {
		return nil, ErrUnauthenticated
	}
	return found.client, nil
}

// Certificates returns all certificates of clients, for what asks for one in a handshake.
func (d *Directory) Certificates() []*x509.Certificate {
	var all []*x509.Certificate
	for p := range maps.Values(d.certificates) {
		all = append(all, p.certificate)
	}
	return slices.Clip(all)
}

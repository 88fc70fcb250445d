package metadata

import (
	"crypto/x509"
	"errors"
	"time"

	"bestow.dev/internal/revocation"
)

// maxChain is how many certificates a chain may have.
const maxChain = 8

// verifySigner finds out who signed, and verifies the signature (3.2/4 to 3.2/6). It
// returns the chain from the signer to the root, both included, and what was let pass.
func verifySigner(s *signed, o *Options) ([]*x509.Certificate, []Finding, error) {
	offered, err := offeredChain(s, o)
	if err != nil {
		return nil, nil, err
	}
	if offered == nil {
		chain, err := verifyByRoot(s, o)
		return chain, nil, err
	}
	chains, err := pathsToRoot(offered, o)
	if err != nil {
		return nil, nil, err
	}
	chain, findings, err := unrevoked(chains, o)
	if err != nil {
		return nil, nil, err
	}
	if err := s.verify(chain[0]); err != nil {
		return nil, nil, err
	}
	return chain, findings, nil
}

// offeredChain returns the certificates that came with the BLOB, leaf first, or nil.
func offeredChain(s *signed, o *Options) ([]*x509.Certificate, error) {
	// Step 4: x5u comes before x5c. Fetching is up to the caller.
	if s.x5u != "" {
		if len(o.Chain) == 0 {
			return nil, refuse(ReasonX5U, stepX5U, "the chain is at %.256q, and was not handed in", s.x5u)
		}
		return o.Chain, nil
	}
	// Step 5.
	var chain []*x509.Certificate
	for i, der := range s.x5c {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, refuse(ReasonCertificateMalformed, stepChain, "certificate %d of x5c does not parse", i).because(err)
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// verifyByRoot verifies a BLOB without a chain: a root itself has signed (3.2/5).
func verifyByRoot(s *signed, o *Options) ([]*x509.Certificate, error) {
	var failure error
	for _, root := range o.Roots {
		err := checkPeriod(root, o.Time)
		if err == nil {
			err = s.verify(root)
		}
		if err == nil {
			return []*x509.Certificate{root}, nil
		}
		if failure == nil {
			failure = err
		}
	}
	return nil, failure
}

func checkPeriod(c *x509.Certificate, at time.Time) error {
	if at.Before(c.NotBefore) || at.After(c.NotAfter) {
		return refuse(ReasonChainExpired, stepChain, "the root is valid from %s to %s, not at %s",
			c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	}
	return nil
}

// pathsToRoot builds every path from the leaf to a root (RFC 5280 §6). The system's
// roots are never used.
func pathsToRoot(offered []*x509.Certificate, o *Options) ([][]*x509.Certificate, error) {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range o.Roots {
		roots.AddCert(c)
	}
	for _, c := range offered[1:] {
		intermediates.AddCert(c)
	}
	chains, err := offered[0].Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   o.Time,
		// What a signer's certificate may be used for beside signing varies.
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err == nil {
		return chains, nil
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return nil, refuse(ReasonChainExpired, stepChain, "a certificate of the chain is not valid at the given time").because(err)
	}
	return nil, refuse(ReasonChainUntrusted, stepChain, "the chain does not lead to a configured root").because(err)
}

// unrevoked returns the first path of which no certificate is revoked. One whose
// certificates are all known to be good goes before one of which that is unknown.
func unrevoked(chains [][]*x509.Certificate, o *Options) ([]*x509.Certificate, []Finding, error) {
	var failure error
	var unknown []*x509.Certificate
	for _, chain := range chains {
		err := checkRevocation(chain, o)
		if err == nil {
			return chain, nil, nil
		}
		if err.Reason == ReasonRevocationUnknown && unknown == nil {
			unknown = chain
		}
		if failure == nil {
			failure = err
		}
	}
	if unknown != nil && o.AllowUnknownRevocation {
		return unknown, []Finding{{Code: WarningRevocationUnknown, Entry: -1, Detail: failure.Error()}}, nil
	}
	return nil, nil, failure
}

// checkRevocation asks the revocation lists about every certificate but the root,
// which answers for itself (3.2/2, 3.2/4). Being revoked weighs more than being
// unknown.
func checkRevocation(chain []*x509.Certificate, o *Options) *VerificationError {
	var unknown *VerificationError
	for i, c := range chain[:len(chain)-1] {
		answer := revocation.Ask(o.RevocationLists, c, chain[i+1], o.Time)
		// Even a date of revocation yet to come counts: a key is not given up for nothing.
		if answer.Revoked {
			return refuse(ReasonRevoked, stepRevocation, "certificate %d of the chain is revoked", i)
		}
		if !answer.Known && unknown == nil {
			unknown = refuse(ReasonRevocationUnknown, stepRevocation, "no usable revocation list for certificate %d of the chain", i)
		}
	}
	return unknown
}

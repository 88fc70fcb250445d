// Package revocation asks certificate revocation lists about certificates (RFC 5280
// §5 and §6.3). It fetches nothing and knows no clock: lists and times are arguments.
//
// What it does not do: partial and delta lists, lists signed by somebody other than
// the issuer, OCSP.
package revocation

import (
	"bytes"
	"crypto/x509"
	"time"
)

// Answer is what the lists say about one certificate.
type Answer struct {
	// Revoked says that a list of the issuer names the certificate.
	Revoked bool
	// Since is when it was revoked, the earliest time where lists differ; zero if not
	// Revoked.
	Since time.Time
	// Known says that a list of the issuer was in force at the time asked about, so
	// that silence means good.
	Known bool
}

// Ask looks c up in those of lists that issuer signed. A zero at takes every list to
// be in force.
//
// A list that is not in force still counts for what it names, since what was revoked
// stays so. A list that is nil, or not complete, is passed over.
func Ask(lists []*x509.RevocationList, c, issuer *x509.Certificate, at time.Time) Answer {
	var a Answer
	for _, list := range lists {
		if list == nil || !bytes.Equal(list.RawIssuer, c.RawIssuer) || !complete(list) || list.CheckSignatureFrom(issuer) != nil {
			continue
		}
		if at.IsZero() || !at.Before(list.ThisUpdate) && at.Before(list.NextUpdate) {
			a.Known = true
		}
		for i := range list.RevokedCertificateEntries {
			if e := &list.RevokedCertificateEntries[i]; e.SerialNumber.Cmp(c.SerialNumber) == 0 {
				a.revoked(e.RevocationTime)
			}
		}
	}
	return a
}

func (a *Answer) revoked(since time.Time) {
	if !a.Revoked || since.Before(a.Since) {
		a.Since = since
	}
	a.Revoked = true
}

// complete reports whether a list speaks of all its issuer's certificates: one with a
// critical extension, such as those that make it a partial or a delta list, says less
// than it seems to (§5.2).
func complete(list *x509.RevocationList) bool {
	for _, e := range list.Extensions {
		if e.Critical {
			return false
		}
	}
	return true
}

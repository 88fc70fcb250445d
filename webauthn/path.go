package webauthn

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"

	"bestow.dev/internal/revocation"
)

// maxChain is how many certificates a statement may carry.
const maxChain = 8

// pathFinder looks for a path from an attestation certificate to an anchor.
type pathFinder struct {
	policy   TrustPolicy
	offered  []*x509.Certificate // what the statement carried beside the leaf, in any order
	attempts int                 // signature checks left, against chains made to be slow
	failure  *VerificationError  // the best explanation seen so far
}

// findPath returns the path from the first of chain to an anchor of policy. The
// order of the other certificates does not matter, and those that do not help are
// ignored.
func findPath(chain []*x509.Certificate, policy TrustPolicy) ([]*x509.Certificate, error) {
	leaf := chain[0]
	f := &pathFinder{policy: policy, offered: chain[1:], attempts: 64}
	if err := f.checkLeaf(leaf); err != nil {
		return nil, err
	}
	if policy.StrictChain {
		if err := checkOrder(chain, policy.Anchors); err != nil {
			return nil, err
		}
	}
	if path := f.extend([]*x509.Certificate{leaf}); path != nil {
		return path, nil
	}
	if f.failure != nil {
		return nil, f.failure
	}
	return nil, refuse(ReasonAttestationUntrusted, stepTrust, "no path leads from the attestation certificate to an acceptable anchor")
}

// checkLeaf judges the attestation certificate itself, whether or not it is an anchor.
func (f *pathFinder) checkLeaf(leaf *x509.Certificate) *VerificationError {
	if leaf.BasicConstraintsValid && leaf.IsCA {
		return refuse(ReasonAttestationCertificate, stepTrust, "the attestation certificate is a CA certificate")
	}
	return f.checkCommon(leaf)
}

// checkOrder judges the certificates of a statement by what [TrustPolicy] says of
// StrictChain.
func checkOrder(chain, anchors []*x509.Certificate) *VerificationError {
	last := len(chain) - 1
	for i := range last {
		if !bytes.Equal(chain[i].RawIssuer, chain[i+1].RawSubject) {
			return refuse(ReasonAttestationUntrusted, stepTrust, "certificate %d of x5c is not issued by the one after it", i)
		}
	}
	if last > 0 && slices.ContainsFunc(anchors, chain[last].Equal) {
		return refuse(ReasonAttestationUntrusted, stepTrust, "x5c ends with the trust anchor itself")
	}
	return nil
}

// extend returns path continued to an anchor, or nil.
func (f *pathFinder) extend(path []*x509.Certificate) []*x509.Certificate {
	last := path[len(path)-1]
	// An attestation certificate or an intermediate may itself be the anchor.
	if slices.ContainsFunc(f.policy.Anchors, last.Equal) {
		return path
	}
	for _, anchor := range f.policy.Anchors {
		if f.issued(anchor, path) {
			return append(slices.Clip(path), anchor)
		}
	}
	for _, issuer := range f.offered {
		if slices.ContainsFunc(path, issuer.Equal) || !f.issued(issuer, path) {
			continue
		}
		if longer := f.extend(append(slices.Clip(path), issuer)); longer != nil {
			return longer
		}
	}
	return nil
}

// issued reports whether issuer signed the last certificate of path and was entitled to.
func (f *pathFinder) issued(issuer *x509.Certificate, path []*x509.Certificate) bool {
	child := path[len(path)-1]
	if !bytes.Equal(child.RawIssuer, issuer.RawSubject) || f.attempts == 0 {
		return false
	}
	f.attempts--
	if signedWithSHA1(child) && !f.policy.AllowSHA1Chain {
		return f.fail(refuse(ReasonAttestationCertificate, stepTrust, "a certificate of the path is signed with SHA-1"))
	}
	if err := issuer.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature); err != nil {
		return false
	}
	if err := checkCA(issuer, path); err != nil {
		return f.fail(err)
	}
	if err := f.checkRevocation(child, issuer); err != nil {
		return f.fail(err)
	}
	if err := f.checkCommon(issuer); err != nil {
		return f.fail(err)
	}
	return true
}

// checkRevocation asks the policy's lists about a certificate of the path (RFC 5280
// §6.1.3 (a)(3)). What was revoked after the time of judgement was good then.
func (f *pathFinder) checkRevocation(c, issuer *x509.Certificate) *VerificationError {
	if len(f.policy.RevocationLists) == 0 && !f.policy.RequireRevocationLists {
		return nil
	}
	at := f.policy.RevocationTime
	if at.IsZero() {
		at = f.policy.Time
	}
	answer := revocation.Ask(f.policy.RevocationLists, c, issuer, at)
	switch {
	case answer.Revoked && (at.IsZero() || !answer.Since.After(at)):
		return refuse(ReasonAttestationCertificate, stepTrust, "a certificate of the path was revoked on %s", answer.Since.UTC().Format(time.RFC3339))
	case !answer.Known && f.policy.RequireRevocationLists:
		return refuse(ReasonAttestationCertificate, stepTrust, "no revocation list in force speaks of a certificate of the path")
	}
	return nil
}

// fail keeps the first explanation and returns false.
func (f *pathFinder) fail(err *VerificationError) bool {
	if f.failure == nil {
		f.failure = err
	}
	return false
}

// checkCA judges whether issuer may have issued what is in path (RFC 5280 §6.1.4).
func checkCA(issuer *x509.Certificate, path []*x509.Certificate) *VerificationError {
	if issuer.Version != 3 || !issuer.BasicConstraintsValid || !issuer.IsCA {
		return refuse(ReasonAttestationCertificate, stepTrust, "an issuer on the path is no CA")
	}
	if issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCertSign == 0 {
		return refuse(ReasonAttestationCertificate, stepTrust, "an issuer on the path may not sign certificates")
	}
	limited := issuer.MaxPathLen > 0 || issuer.MaxPathLenZero
	if limited && intermediates(path) > issuer.MaxPathLen {
		return refuse(ReasonAttestationCertificate, stepTrust, "the path is longer than an issuer on it allows")
	}
	return nil
}

// intermediates counts the certificates of path, after the leaf, that are not
// self-issued: the ones a path length is about.
func intermediates(path []*x509.Certificate) int {
	n := 0
	for _, c := range path[1:] {
		if !bytes.Equal(c.RawSubject, c.RawIssuer) {
			n++
		}
	}
	return n
}

// checkCommon judges what holds for every certificate of a path.
func (f *pathFinder) checkCommon(c *x509.Certificate) *VerificationError {
	if err := checkCritical(c); err != nil {
		return err
	}
	at := f.policy.Time
	if at.IsZero() {
		return nil
	}
	if at.Before(c.NotBefore) || at.After(c.NotAfter) {
		return refuse(ReasonAttestationCertificateExpired, stepTrust, "a certificate of the path is valid from %s to %s, not at %s",
			c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	}
	return nil
}

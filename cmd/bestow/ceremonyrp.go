package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"

	"bestow.dev/internal/tenant"
	"bestow.dev/internal/verify"
)

// relyingPartyOf sees to it that the relying party of a case is there and judges as
// the case asks. It returns the members of the case that do not count: what no setting
// expresses, and where the configuration file defines the relying party, those it
// says otherwise.
//
// One in the database is changed to what the case says. Ceremonies that are open there
// are judged by that too.
func (l *local) relyingPartyOf(c *verify.Case) (notTaken []string, err error) {
	notTaken = []string{}
	if !c.Policy.Time.IsZero() {
		notTaken = append(notTaken, "policy.time")
	}
	if c.Policy.Unreadable {
		notTaken = append(notTaken, "policy.trustAnchors (what is no certificate)")
	}
	is, err := l.Directory.RelyingParty(l.in.ctx, l.by.Tenant, c.RelyingParty.ID)
	if err != nil && !errors.Is(err, tenant.ErrRelyingPartyUnknown) {
		return nil, err
	}
	wanted := tenant.RelyingParty{ID: c.RelyingParty.ID}
	if is != nil {
		wanted = *is
	}
	setRelyingParty(&wanted, c)
	if is == nil {
		_, err := l.Directory.PutRelyingParty(l.in.ctx, l.by, wanted)
		return notTaken, err
	}
	differs := differences(is, &wanted)
	switch {
	case len(differs) == 0:
		return notTaken, nil
	case is.Source == tenant.FromFile:
		return append(notTaken, differs...), nil
	}
	_, err = l.Directory.PutRelyingParty(l.in.ctx, l.by, wanted)
	return notTaken, err
}

// setRelyingParty sets what a case says of its relying party, and of attestation where
// it asks for any.
func setRelyingParty(rp *tenant.RelyingParty, c *verify.Case) {
	rp.Origins, rp.AllowCrossOrigin, rp.TopOrigins = c.RelyingParty.Origins, c.RelyingParty.AllowCrossOrigin, nil
	if rp.AllowCrossOrigin { // otherwise they decide nothing
		rp.TopOrigins = c.RelyingParty.TopOrigins
	}
	if !c.Registration {
		return
	}
	rp.AttestationTrust = tenant.TrustRecord
	if c.Policy.RequireTrust {
		rp.AttestationTrust = tenant.TrustRequire
	}
	rp.TrustAnchors = anchorsPEM(c.Policy.Anchors)
	rp.Policies = nil
	// The case's anchors are the only ones, and its statements may be old.
	rp.Trust = tenant.Trust{
		Metadata: tenant.MetadataOff, VendorRoots: []string{tenant.NoVendorRoots},
		Outdated: []tenant.Outdated{tenant.OutdatedSHA1Chain, tenant.OutdatedTPMSHA1, tenant.OutdatedSafetyNet},
	}
}

// differences returns the members of a case by which two relying parties differ.
func differences(a, b *tenant.RelyingParty) (members []string) {
	differ := func(member string, same bool) {
		if !same {
			members = append(members, member)
		}
	}
	differ("rp.origins", slices.Equal(a.Origins, b.Origins))
	differ("rp.allowCrossOrigin", a.AllowCrossOrigin == b.AllowCrossOrigin)
	differ("rp.topOrigins", slices.Equal(a.TopOrigins, b.TopOrigins))
	differ("policy.attestationTrust", a.AttestationTrust == b.AttestationTrust)
	differ("policy.trustAnchors", sameAnchors(a, b))
	return members
}

// sameAnchors compares certificates, so that comments in a file do not count.
func sameAnchors(a, b *tenant.RelyingParty) bool {
	first, err := a.Anchors()
	second, other := b.Anchors()
	return err == nil && other == nil && slices.EqualFunc(first, second, (*x509.Certificate).Equal)
}

func anchorsPEM(anchors []*x509.Certificate) string {
	var text bytes.Buffer
	for _, cert := range anchors {
		_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}) // a buffer takes it
	}
	return text.String()
}

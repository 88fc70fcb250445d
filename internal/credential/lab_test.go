package credential_test

import (
	"context"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/mds/mdstest"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// certifying are the ways in which a software key attests with certificates. All of
// them lead to the root of the key.
var certifying = []softkey.Attestation{
	softkey.AttestPacked, softkey.AttestU2F, softkey.AttestTPM, softkey.AttestAndroidKey, softkey.AttestApple,
	softkey.AttestSafetyNet, softkey.AttestCompound,
}

// lab is a world with policies, vendors' roots and metadata, and a key in it.
type lab struct {
	*world
	path    string // of its database
	key     *workplace
	kind    softkey.Attestation
	vendors *vendorRoots
	models  *lists
	store   *spy
	watch   *sql.Conn // see versionOfData
}

// spy is a store that counts what is asked of it.
type spy struct {
	*store.DB
	evidence, basis, kept atomic.Int64
	fails                 error // of Evidence
	keepFails             error // of KeepBasis
}

// Evidence implements [credential.Store].
func (s *spy) Evidence(ctx context.Context, tenantName string, id credential.ID) (*credential.Evidence, error) {
	if s.evidence.Add(1); s.fails != nil {
		return nil, s.fails
	}
	return s.DB.Evidence(ctx, tenantName, id)
}

// Basis implements [credential.Store].
func (s *spy) Basis(ctx context.Context, tenantName string, refs []credential.BasisRef) ([]credential.BasisPart, error) {
	s.basis.Add(1)
	return s.DB.Basis(ctx, tenantName, refs)
}

// KeepBasis implements [credential.Store].
func (s *spy) KeepBasis(ctx context.Context, tenantName string, parts []credential.BasisPart) error {
	if s.keepFails != nil {
		return s.keepFails
	}
	s.kept.Add(int64(len(parts)))
	return s.DB.KeepBasis(ctx, tenantName, parts)
}

func newLab(t testing.TB, kind softkey.Attestation) *lab {
	t.Helper()
	d := &lab{kind: kind, path: storetest.File(t), vendors: &vendorRoots{tpm: []string{"42535457"}}, models: &lists{}}
	open := func(t testing.TB) *store.DB {
		db, err := store.Open(t.Context(), store.Config{SQLite: d.path})
		check(t, err)
		t.Cleanup(func() { check(t, db.Close()) })
		return db
	}
	d.world = newWorldOn(t, open, credential.Config{})
	d.store = &spy{DB: d.db}
	var err error
	d.svc, err = credential.New(credential.Config{
		Store: d.store, Directory: d, Trail: d.db, Now: d.clock, Vendors: d.vendors, Models: d.models,
	})
	check(t, err)
	d.directory, err = tenant.New(t.Context(), d.db, nil, d.clock)
	check(t, err)
	d.key = newWorkplaceOf(t, d.clock, kind)
	d.later(time.Hour) // the key's certificates are of the time it was made
	d.accepts(tenant.RelyingParty{})
	return d
}

// newWorkplaceOf is a client with a security key that attests in a way.
func newWorkplaceOf(t testing.TB, clock func() time.Time, kind softkey.Attestation) *workplace {
	t.Helper()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: clock, Attestation: kind})
	check(t, err)
	t.Cleanup(func() { key.Close() })
	return &workplace{t, key}
}

// accepts describes the site anew. A key that attests in a way of the past is accepted.
func (d *lab) accepts(rp tenant.RelyingParty) {
	d.t.Helper()
	rp.Tenant, rp.ID = "acme", site
	if d.kind == softkey.AttestSafetyNet && rp.Trust.Outdated == nil {
		rp.Trust.Outdated = []tenant.Outdated{tenant.OutdatedSafetyNet}
	}
	d.has(rp)
}

// holds puts policies, and has them hold at the site.
func (d *lab) holds(documents ...string) {
	d.t.Helper()
	var names []string
	for _, text := range documents {
		p, _, err := d.directory.PutPolicy(d.t.Context(), d.admin(), []byte(text))
		check(d.t, err)
		names = append(names, p.Name)
	}
	_, _, err := d.directory.SetPolicies(d.t.Context(), d.admin(), site, names)
	check(d.t, err)
}

// answers has the key answer a new registration of a user.
func (d *lab) answers(name string) *webauthn.RegistrationResponse {
	d.t.Helper()
	return d.key.answer(d.begin(name).Options)
}

// answer has the key answer creation options.
func (d *workplace) answer(o *webauthn.CreationOptions) *webauthn.RegistrationResponse {
	d.t.Helper()
	text, err := d.create(o)
	check(d.t, err)
	resp, err := webauthn.ParseRegistrationResponse(text)
	check(d.t, err)
	return resp
}

// registers registers the key for a new user.
func (d *lab) registers(name string) (*credential.Credential, error) {
	d.t.Helper()
	d.user(name)
	return d.finishes(d.answers(name))
}

func (d *lab) finishes(resp *webauthn.RegistrationResponse) (*credential.Credential, error) {
	return d.svc.FinishRegistration(d.t.Context(), d.idm, credential.FinishRegistration{RelyingParty: site, Response: resp})
}

// registered registers the key, which has to be accepted.
func (d *lab) registered(name string) *credential.Credential {
	d.t.Helper()
	c, err := d.registers(name)
	check(d.t, err)
	return c
}

func (d *lab) evidence(c *credential.Credential) *credential.Evidence {
	d.t.Helper()
	e, err := d.svc.Evidence(d.t.Context(), d.idm, credential.Ref{ID: c.ID})
	check(d.t, err)
	return e
}

// nothingStored fails if there is a credential.
func (d *lab) nothingStored() {
	d.t.Helper()
	page, err := d.svc.Credentials(d.t.Context(), d.idm, credential.CredentialQuery{})
	if check(d.t, err); len(page.Credentials) != 0 {
		d.t.Error("a credential was stored")
	}
}

// root is the certificate that all attestation of the key leads to.
func (d *lab) root() *x509.Certificate { return d.key.key.AttestationRoot() }

// foreign is the root of another key.
func foreign(t testing.TB, clock func() time.Time) *x509.Certificate {
	t.Helper()
	return newWorkplace(t, clock).key.AttestationRoot()
}

func asPEM(certs ...*x509.Certificate) string {
	var text []byte
	for _, c := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return string(text)
}

// vendorRoots are root sets, by name and format.
type vendorRoots struct {
	sets map[string]map[string][]*x509.Certificate
	tpm  []string
}

// AnchorsFor implements [credential.Vendors].
func (v *vendorRoots) AnchorsFor(format string, sets []string) (all []*x509.Certificate) {
	for name, set := range v.sets {
		if sets == nil || slices.Contains(sets, name) {
			all = append(all, set[format]...)
		}
	}
	return all
}

// TPMVendorIDs implements [credential.Vendors].
func (v *vendorRoots) TPMVendorIDs() []string { return v.tpm }

// lists are metadata, the list that counts most first.
type lists struct{ all []credential.Model }

// ForAttestation implements [credential.Models].
func (l *lists) ForAttestation(a *webauthn.Attestation) (found []credential.Model) {
	for _, m := range l.all {
		if m.Entry.AAGUID == a.AAGUID && !a.AAGUID.IsZero() {
			found = append(found, m)
			continue
		}
		for _, c := range a.Certificates {
			if id, ok := metadata.KeyIdentifierOf(c); ok && a.AAGUID.IsZero() && slices.Contains(m.Entry.KeyIdentifiers, id) {
				found = append(found, m)
				break
			}
		}
	}
	return found
}

// knows has a list say something of a model: its anchors, and its statuses, the current
// one last.
func (d *lab) knows(source string, anchors []*x509.Certificate, statuses ...string) {
	d.t.Helper()
	text := mdstest.Entry(webauthn.AAGUID(softkey.AAGUID).String(), "Software key", statuses...)
	if d.kind == softkey.AttestU2F {
		// A U2F model is known by the keys of its certificates.
		answer := d.key.answer(d.probe())
		reg, err := webauthn.VerifyRegistration(d.probeExpectation(), answer)
		check(d.t, err)
		id, _ := metadata.KeyIdentifierOf(reg.Attestation().Certificates[0])
		delete(text, "aaguid")
		statement := text["metadataStatement"].(map[string]any)
		delete(statement, "aaguid")
		statement["protocolFamily"] = "u2f"
		text["attestationCertificateKeyIdentifiers"] = []string{id.String()}
		statement["attestationCertificateKeyIdentifiers"] = []string{id.String()}
	}
	roots := [][]byte{}
	for _, c := range anchors {
		roots = append(roots, c.Raw)
	}
	text["metadataStatement"].(map[string]any)["attestationRootCertificates"] = roots
	raw, err := json.Marshal(text)
	check(d.t, err)
	entry, findings, err := metadata.ParseEntry(raw)
	check(d.t, err)
	for _, f := range findings {
		d.t.Fatalf("the forged entry: %s", f)
	}
	d.models.all = append(d.models.all, credential.Model{Entry: entry, Source: source, Number: 7})
}

// probe are options that no ceremony stands behind.
func (d *lab) probe() *webauthn.CreationOptions {
	o, err := webauthn.NewCreationOptions(webauthn.CreationOptions{
		RP:   webauthn.RPEntity{ID: site, Name: site},
		User: webauthn.UserEntity{ID: []byte("probe"), Name: "probe", DisplayName: "probe"}, Challenge: []byte("0123456789abcdef"),
		AuthenticatorSelection: &webauthn.AuthenticatorSelection{UserVerification: webauthn.UserVerificationRequired},
	})
	check(d.t, err)
	return o
}

func (d *lab) probeExpectation() webauthn.RegistrationExpectation {
	return d.probe().Expectation(webauthn.RelyingParty{ID: site, Origins: []string{"https://" + site}}, webauthn.TrustPolicy{})
}
